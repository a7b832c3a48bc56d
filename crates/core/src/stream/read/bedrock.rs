//! Amazon Bedrock converse: AWS frames, or events as SDKs yield them, their kind around the payload.

use super::compact::read_arguments;
use super::counts::{Counts, read_count};
use super::failure::{plain_word, read_exception, read_failure};
use super::strict::strict;
use super::{Emit, Read};
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Delta, Event, Failure, FinishReason, Usage};
use std::collections::BTreeMap;

/// Reads the events of `ConverseStream`.
#[derive(Debug, Default)]
pub struct BedrockConverse {
    counts: Counts,
    calls: u32,
    /// The calls whose block has not stopped: number, and whether any input came.
    open: BTreeMap<u64, (u32, bool)>,
    has_metadata: bool,
    /// The message has stopped; its end is said behind the counts.
    has_stopped: bool,
    has_ended: bool,
}

/// What an event holds.
#[derive(Default)]
struct Said<'a> {
    index: u64,
    text: Escaped<'a>,
    thought: Escaped<'a>,
    signature: Escaped<'a>,
    /// A `reasoningContent` that is neither text nor signature.
    redacted: &'a [u8],
    call: Option<Call<'a>>,
    stop_reason: Escaped<'a>,
}

/// A `toolUse`.
#[derive(Default)]
pub(super) struct Call<'a> {
    pub id: Escaped<'a>,
    pub name: Escaped<'a>,
    pub input: &'a [u8],
}

impl Read for BedrockConverse {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        if !event.exception.is_empty() {
            emit(Delta::Error(read_exception(event)));
            return Ok(());
        }
        let mut cursor = Cursor::new(event.data);
        if cursor.peek() != Some(b'{') {
            return Ok(());
        }
        if !event.name.is_empty() {
            self.event(event.name, &mut cursor, emit)?;
            return cursor.finish();
        }
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            if key.ends_with(b"Exception") {
                let failure = read_failure(cursor.skip()?)?;
                emit(Delta::Error(Failure { kind: plain_word(key), ..failure }));
            } else {
                self.event(key, &mut cursor, emit)?;
            }
        }
        cursor.finish()
    }

    fn finish(&mut self, emit: &mut Emit<'_>) {
        self.end(emit);
    }

    fn is_steady(&self) -> bool {
        true
    }
}

impl BedrockConverse {
    fn event(&mut self, name: &[u8], cursor: &mut Cursor<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        let said = self.walk(cursor)?;
        match name {
            b"contentBlockStart" => {
                if let Some(Call { id, name, input }) = said.call {
                    let call = self.next_call();
                    self.open.insert(said.index, (call, false));
                    emit(Delta::Call { choice: 0, call, id, name });
                    self.input(said.index, input, emit)?;
                }
            }
            b"contentBlockDelta" => {
                if !said.text.is_empty() {
                    emit(Delta::Text { choice: 0, text: said.text });
                }
                if !said.thought.is_empty() {
                    emit(Delta::Reasoning { choice: 0, text: said.thought });
                }
                if !said.signature.is_empty() {
                    emit(Delta::Signature { choice: 0, text: said.signature });
                }
                if !said.redacted.is_empty() {
                    emit(Delta::Other { choice: 0, raw: strict(said.redacted)? });
                }
                if let Some(call) = said.call {
                    self.input(said.index, call.input, emit)?;
                }
            }
            b"contentBlockStop" => match self.open.remove(&said.index) {
                Some((call, has_input)) => {
                    if !has_input {
                        let fragment = Escaped::from_checked(b"{}");
                        emit(Delta::Arguments { choice: 0, call, fragment });
                    }
                    emit(Delta::CallEnd { choice: 0, call });
                }
                None => emit(Delta::Break { choice: 0 }),
            },
            b"messageStop" => {
                let raw = said.stop_reason;
                emit(Delta::Finish { choice: 0, reason: FinishReason::read(raw), raw });
                self.has_stopped = true;
                if self.has_metadata {
                    self.end(emit);
                }
            }
            b"metadata" => {
                self.has_metadata = true;
                self.tell_counts(emit);
                self.end(emit);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn next_call(&mut self) -> u32 {
        let call = self.calls;
        self.calls = self.calls.saturating_add(1);
        call
    }

    pub(super) fn count(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Bad> {
        read_usage(cursor, &mut self.counts)
    }

    pub(super) fn tell_counts(&mut self, emit: &mut Emit<'_>) {
        // what was read from the cache or written to it is not in `inputTokens`
        let common = |usage: Usage| Usage {
            input: usage.input.saturating_add(usage.cached).saturating_add(usage.cache_creation),
            ..usage
        };
        self.counts.tell_as(common, emit);
    }

    fn end(&mut self, emit: &mut Emit<'_>) {
        if self.has_stopped && !self.has_ended {
            self.has_ended = true;
            emit(Delta::End);
        }
    }

    fn input(&mut self, index: u64, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut scratch = Vec::new();
        let fragment = read_arguments(raw, &mut scratch)?;
        if let Some((call, has_input)) = self.open.get_mut(&index).filter(|_| !fragment.is_empty()) {
            *has_input = true;
            emit(Delta::Arguments { choice: 0, call: *call, fragment });
        }
        Ok(())
    }

    /// Collects what the payload has: its members do not mean different things in different events.
    fn walk<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Said<'a>, Bad> {
        let mut said = Said::default();
        if !cursor.object()? {
            return Ok(said);
        }
        while let Some(key) = cursor.next_key()? {
            match key {
                b"contentBlockIndex" => said.index = cursor.whole()?.unwrap_or_default(),
                b"start" | b"delta" => said.read(cursor)?,
                b"stopReason" => said.stop_reason = cursor.string()?.unwrap_or_default(),
                b"usage" => read_usage(cursor, &mut self.counts)?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(said)
    }
}

impl<'a> Said<'a> {
    /// Reads a `start` or a `delta`.
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Bad> {
        if !cursor.object()? {
            return Ok(());
        }
        while let Some(key) = cursor.next_key()? {
            match key {
                b"text" => self.text = cursor.string()?.unwrap_or_default(),
                b"reasoningContent" if cursor.peek() == Some(b'{') => {
                    let raw = cursor.skip()?;
                    self.reasoning(raw)?;
                }
                b"toolUse" if cursor.peek() == Some(b'{') => {
                    let mut call = Call::default();
                    call.read(cursor)?;
                    self.call = Some(call);
                }
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(())
    }

    fn reasoning(&mut self, raw: &'a [u8]) -> Result<(), Bad> {
        let mut cursor = Cursor::new(raw);
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"text" => self.thought = cursor.string()?.unwrap_or_default(),
                b"signature" => self.signature = cursor.string()?.unwrap_or_default(),
                b"redactedContent" => {
                    cursor.skip()?;
                    self.redacted = raw;
                }
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(())
    }
}

impl<'a> Call<'a> {
    pub fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Bad> {
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"toolUseId" => self.id = cursor.string()?.unwrap_or_default(),
                b"name" => self.name = cursor.string()?.unwrap_or_default(),
                b"input" => self.input = cursor.skip()?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(())
    }
}

fn read_usage(cursor: &mut Cursor<'_>, counts: &mut Counts) -> Result<(), Bad> {
    if !cursor.object()? {
        return Ok(());
    }
    let usage = counts.given();
    while let Some(key) = cursor.next_key()? {
        match key {
            b"inputTokens" => read_count(cursor, &mut usage.input)?,
            b"outputTokens" => read_count(cursor, &mut usage.output)?,
            b"totalTokens" => read_count(cursor, &mut usage.total)?,
            b"cacheReadInputTokens" => read_count(cursor, &mut usage.cached)?,
            b"cacheWriteInputTokens" => read_count(cursor, &mut usage.cache_creation)?,
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}
