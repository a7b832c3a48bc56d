//! Google generateContent: each event holds whole parts. Its calls may come in pieces by JSON path.

use super::compact::{read_arguments, write_compact};
use super::counts::{Counts, read_count};
use super::failure::read_failure;
use super::opening::Opening;
use super::partial_args::PartialArgs;
use super::strict::strict;
use super::{Emit, MAX_CHOICES, Read};
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Delta, Event, Failure, FinishReason, Usage};

/// Reads `GenerateContentResponse` events, with or without the `response` around them.
#[derive(Debug, Default)]
pub struct Gemini {
    opening: Opening,
    counts: Counts,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Default)]
struct Candidate {
    calls: u32,
    /// The call that goes on, and what its arguments are so far.
    open: Option<(u32, PartialArgs)>,
    /// What was said of the end.
    finish: Option<(FinishReason, Vec<u8>)>,
}

#[derive(Default)]
struct Said<'a> {
    id: Escaped<'a>,
    model: Escaped<'a>,
    candidates: &'a [u8],
    feedback: &'a [u8],
    error: &'a [u8],
}

impl Read for Gemini {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut cursor = Cursor::new(event.data);
        if cursor.peek() != Some(b'{') {
            return Ok(());
        }
        let mut said = Said::default();
        let inner = self.walk(&mut cursor, &mut said)?;
        cursor.finish()?;
        if let Some(inner) = inner {
            self.walk(&mut Cursor::new(inner), &mut said)?;
        }
        self.opening.tell(said.id, said.model, emit);
        let mut cursor = Cursor::new(said.candidates);
        if !said.candidates.is_empty() && cursor.array()? {
            while cursor.next_element()? {
                self.candidate(&mut cursor, emit)?;
            }
        }
        if !said.feedback.is_empty() {
            self.feedback(said.feedback, emit)?;
        }
        self.counts.tell_as(
            // thoughts are written too, but not counted among the candidates' tokens
            |usage| Usage { output: usage.output.saturating_add(usage.reasoning), ..usage },
            emit,
        );
        if !said.error.is_empty() {
            self.flush(emit);
            emit(Delta::Error(read_failure(said.error)?));
        }
        Ok(())
    }

    fn finish(&mut self, emit: &mut Emit<'_>) {
        self.flush(emit);
    }

    fn is_steady(&self) -> bool {
        true
    }
}

impl Gemini {
    /// Collects what the response has; the envelope's inside, if this is one.
    fn walk<'a>(&mut self, cursor: &mut Cursor<'a>, said: &mut Said<'a>) -> Result<Option<&'a [u8]>, Bad> {
        let mut inner = None;
        if cursor.object()? {
            while let Some(key) = cursor.next_key()? {
                match key {
                    b"candidates" => said.candidates = cursor.skip()?,
                    b"usageMetadata" => read_usage(cursor, &mut self.counts)?,
                    b"responseId" => said.id = cursor.string()?.unwrap_or_default(),
                    b"modelVersion" => said.model = cursor.string()?.unwrap_or_default(),
                    b"promptFeedback" => said.feedback = cursor.skip()?,
                    b"error" if matches!(cursor.peek(), Some(b'{' | b'"')) => said.error = cursor.skip()?,
                    b"response" if cursor.peek() == Some(b'{') => inner = Some(cursor.skip()?),
                    _ => {
                        cursor.skip()?;
                    }
                }
            }
        }
        Ok(inner)
    }

    fn candidate(&mut self, cursor: &mut Cursor<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        if !cursor.object()? {
            return Ok(());
        }
        let (mut index, mut content, mut finish): (u64, &[u8], _) = (0, &[], Escaped::default());
        while let Some(key) = cursor.next_key()? {
            match key {
                b"index" => index = cursor.whole()?.unwrap_or_default(),
                b"content" => content = cursor.skip()?,
                b"finishReason" => finish = cursor.string()?.unwrap_or_default(),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        let choice = u32::try_from(index).unwrap_or(u32::MAX);
        if index >= MAX_CHOICES {
            // the assembly refuses such a choice
            emit(Delta::Break { choice });
            return Ok(());
        }
        if self.candidates.len() as u64 <= index {
            self.candidates.resize_with(index as usize + 1, Candidate::default);
        }
        let Some(candidate) = self.candidates.get_mut(index as usize) else { return Ok(()) };
        let mut cursor = Cursor::new(content);
        if !content.is_empty() && cursor.object()? {
            while let Some(key) = cursor.next_key()? {
                if key == b"parts" && cursor.array()? {
                    while cursor.next_element()? {
                        candidate.part(choice, cursor.skip()?, emit)?;
                    }
                } else if key != b"parts" {
                    cursor.skip()?;
                }
            }
        }
        if !finish.is_empty() && !finish.is("FINISH_REASON_UNSPECIFIED") {
            candidate.close(choice, emit);
            candidate.end(choice, finish, emit);
        }
        Ok(())
    }

    /// A prompt that was blocked gets no candidates: an end and an error.
    fn feedback(&mut self, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let (mut reason, mut message) = (Escaped::default(), Escaped::default());
        let mut cursor = Cursor::new(raw);
        if cursor.object()? {
            while let Some(key) = cursor.next_key()? {
                match key {
                    b"blockReason" => reason = cursor.string()?.unwrap_or_default(),
                    b"blockReasonMessage" => message = cursor.string()?.unwrap_or_default(),
                    _ => {
                        cursor.skip()?;
                    }
                }
            }
        }
        if !reason.is_empty() && !reason.is("BLOCK_REASON_UNSPECIFIED") {
            let message = if message.is_empty() { reason } else { message };
            emit(Delta::Finish { choice: 0, reason: FinishReason::ContentFilter, raw: reason });
            emit(Delta::Error(Failure { message, kind: reason, status: 0, raw: strict(raw)? }));
        }
        Ok(())
    }

    fn flush(&mut self, emit: &mut Emit<'_>) {
        for (choice, candidate) in self.candidates.iter_mut().enumerate() {
            candidate.close(choice as u32, emit);
        }
    }
}

impl Candidate {
    fn part(&mut self, choice: u32, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut cursor = Cursor::new(raw);
        if !cursor.object()? {
            return Ok(());
        }
        let (mut text, mut is_thought, mut signature) = (Escaped::default(), false, Escaped::default());
        let (mut call, mut is_other) = (None, false);
        while let Some(key) = cursor.next_key()? {
            match key {
                b"text" => text = cursor.string()?.unwrap_or_default(),
                b"thought" => is_thought = cursor.boolean()?.unwrap_or_default(),
                b"thoughtSignature" => signature = cursor.string()?.unwrap_or_default(),
                b"functionCall" if cursor.peek() == Some(b'{') => call = Some(cursor.skip()?),
                _ => is_other |= cursor.skip()?.starts_with(b"{"),
            }
        }
        if let Some(call) = call {
            return self.call(choice, call, signature, emit);
        }
        if is_other && text.is_empty() {
            emit(Delta::Other { choice, raw: strict(raw)? });
            return Ok(());
        }
        if !text.is_empty() {
            emit(if is_thought { Delta::Reasoning { choice, text } } else { Delta::Text { choice, text } });
        }
        if !signature.is_empty() {
            emit(Delta::Signature { choice, text: signature });
        }
        Ok(())
    }

    /// A call, whole, or one that begins, goes on or ends.
    fn call(
        &mut self,
        choice: u32,
        raw: &[u8],
        signature: Escaped<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<(), Bad> {
        let (mut id, mut name, mut goes_on) = (Escaped::default(), Escaped::default(), false);
        let (mut args, mut pieces): (&[u8], &[u8]) = (&[], &[]);
        let mut cursor = Cursor::new(raw);
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"id" => id = cursor.string()?.unwrap_or_default(),
                b"name" => name = cursor.string()?.unwrap_or_default(),
                b"args" => args = cursor.skip()?,
                b"partialArgs" => pieces = cursor.skip()?,
                b"willContinue" => goes_on = cursor.boolean()?.unwrap_or_default(),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        if !name.is_empty() {
            self.close(choice, emit);
            let call = self.calls;
            self.calls = self.calls.saturating_add(1);
            emit(Delta::Call { choice, call, id, name });
            if !goes_on && pieces.is_empty() {
                let mut scratch = Vec::new();
                let mut fragment = read_arguments(args, &mut scratch)?;
                if fragment.is_empty() {
                    fragment = Escaped::from_checked(b"{}");
                }
                emit(Delta::Arguments { choice, call, fragment });
            } else {
                self.open = Some((call, PartialArgs::new(args)));
            }
        }
        if let Some((_, held)) = &mut self.open {
            held.add(pieces)?;
        }
        if !signature.is_empty() {
            emit(Delta::Signature { choice, text: signature });
        }
        if !goes_on {
            self.close(choice, emit);
        }
        Ok(())
    }

    /// Says the arguments of the call that went on.
    fn close(&mut self, choice: u32, emit: &mut Emit<'_>) {
        if let Some((call, args)) = self.open.take() {
            let mut fragment = Vec::new();
            write_compact(&args.into_json(), &mut fragment);
            emit(Delta::Arguments { choice, call, fragment: Escaped::from_checked(&fragment) });
        }
    }

    fn end(&mut self, choice: u32, raw: Escaped<'_>, emit: &mut Emit<'_>) {
        let reason = match FinishReason::read(raw) {
            FinishReason::Stop if self.calls > 0 => FinishReason::ToolCalls,
            reason => reason,
        };
        // some models say this in every event
        let end = (reason, raw.bytes().to_vec());
        if self.finish.as_ref() != Some(&end) {
            self.finish = Some(end);
            emit(Delta::Finish { choice, reason, raw });
        }
    }
}

fn read_usage(cursor: &mut Cursor<'_>, counts: &mut Counts) -> Result<(), Bad> {
    if !cursor.object()? {
        return Ok(());
    }
    let usage = counts.given();
    while let Some(key) = cursor.next_key()? {
        match key {
            b"promptTokenCount" => read_count(cursor, &mut usage.input)?,
            b"candidatesTokenCount" => read_count(cursor, &mut usage.output)?,
            b"totalTokenCount" => read_count(cursor, &mut usage.total)?,
            b"cachedContentTokenCount" => read_count(cursor, &mut usage.cached)?,
            b"thoughtsTokenCount" => read_count(cursor, &mut usage.reasoning)?,
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}
