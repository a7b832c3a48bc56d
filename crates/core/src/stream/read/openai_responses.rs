//! OpenAI responses: events with a `type`, about items of the output.

use super::counts::{Counts, read_count};
use super::failure::read_failure;
use super::opening::Opening;
use super::response_items::{Items, Place};
use super::{Emit, Read};
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Delta, Event, FinishReason};

/// Reads the events of a response.
#[derive(Debug, Default)]
pub struct OpenaiResponses {
    opening: Opening,
    counts: Counts,
    items: Items,
}

/// What an event holds, whatever the order of its keys.
#[derive(Default)]
struct Said<'a> {
    kind: Escaped<'a>,
    place: Place<'a>,
    delta: Escaped<'a>,
    /// The `text` or `refusal` of a part that is done.
    whole: Escaped<'a>,
    arguments: &'a [u8],
    item: &'a [u8],
    response: &'a [u8],
    error: &'a [u8],
}

/// What a response object holds.
#[derive(Default)]
struct Response<'a> {
    id: Escaped<'a>,
    model: Escaped<'a>,
    output: &'a [u8],
    incomplete: Escaped<'a>,
    error: &'a [u8],
}

impl Read for OpenaiResponses {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut cursor = Cursor::new(event.data);
        if cursor.peek() != Some(b'{') {
            return Ok(());
        }
        let said = Said::read(&mut cursor)?;
        cursor.finish()?;
        let kind = if said.kind.is_empty() { event.name } else { said.kind.bytes() };
        self.say(kind, &said, event.data, emit)
    }

    fn finish(&mut self, emit: &mut Emit<'_>) {
        self.items.flush(emit);
    }

    fn is_steady(&self) -> bool {
        true
    }
}

impl<'a> Said<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Bad> {
        let mut said = Self::default();
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"type" => said.kind = cursor.string()?.unwrap_or_default(),
                b"delta" => said.delta = cursor.string()?.unwrap_or_default(),
                b"item_id" => said.place.id = cursor.string()?.unwrap_or_default(),
                b"output_index" => said.place.index = cursor.whole()?,
                b"content_index" | b"summary_index" => said.place.part = cursor.whole()?.unwrap_or_default(),
                b"text" | b"refusal" => said.whole = cursor.string()?.unwrap_or_default(),
                b"arguments" => said.arguments = cursor.skip()?,
                b"item" => said.item = cursor.skip()?,
                b"response" => said.response = cursor.skip()?,
                b"error" if matches!(cursor.peek(), Some(b'{' | b'"')) => said.error = cursor.skip()?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(said)
    }
}

impl OpenaiResponses {
    fn say(&mut self, kind: &[u8], said: &Said<'_>, data: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let (place, delta, whole) = (&said.place, said.delta, said.whole);
        match kind {
            b"response.output_text.delta" => self.items.text(place, delta, false, emit),
            b"response.output_text.done" => self.items.text(place, whole, true, emit),
            b"response.refusal.delta" => self.items.refusal(place, delta, false, emit),
            b"response.refusal.done" => self.items.refusal(place, whole, true, emit),
            b"response.reasoning_text.delta" => self.items.reasoning(place, delta, false, false, emit),
            b"response.reasoning_text.done" => self.items.reasoning(place, whole, false, true, emit),
            b"response.reasoning_summary_text.delta" => self.items.reasoning(place, delta, true, false, emit),
            b"response.reasoning_summary_text.done" => self.items.reasoning(place, whole, true, true, emit),
            b"response.content_part.done" | b"response.reasoning_summary_part.done" => self.items.end_part(),
            b"response.function_call_arguments.delta" => self.items.arguments(place, delta, emit),
            b"response.function_call_arguments.done" => {
                self.items.whole_arguments(place, said.arguments, emit)?;
            }
            b"response.output_item.added" => self.items.add(place.index, said.item, emit)?,
            b"response.output_item.done" => self.items.done(place.index, said.item, emit)?,
            b"response.created" => {
                self.items.forget();
                self.open(said.response, emit)?;
            }
            b"response.queued" | b"response.in_progress" if !self.opening.is_told() => {
                self.open(said.response, emit)?;
            }
            b"response.completed" | b"response.incomplete" | b"response.failed" => {
                self.end(kind, said.response, emit)?;
            }
            b"error" => {
                self.items.flush(emit);
                let raw = if said.error.is_empty() { data.trim_ascii() } else { said.error };
                emit(Delta::Error(read_failure(raw)?));
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let response = self.response(raw)?;
        self.opening.tell(response.id, response.model, emit);
        self.counts.tell(emit);
        Ok(())
    }

    /// Says all of a response that was not streamed.
    pub(super) fn whole(&mut self, body: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let (mut status, mut error, mut cursor) = (Escaped::default(), None, Cursor::new(body));
        let mut has_output = false;
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"status" => status = cursor.string()?.unwrap_or_default(),
                b"error" if matches!(cursor.peek(), Some(b'{' | b'"')) => error = Some(cursor.skip()?),
                b"output" => has_output = cursor.skip()?.starts_with(b"["),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        cursor.finish()?;
        match (status.bytes(), error) {
            (b"failed", _) => self.end(b"response.failed", body, emit),
            (_, Some(error)) => {
                emit(Delta::Error(read_failure(error)?));
                Ok(())
            }
            (b"incomplete", None) => self.end(b"response.incomplete", body, emit),
            (b"completed", None) => self.end(b"response.completed", body, emit),
            // a status may be missing, the output may not
            (b"", None) if has_output => self.end(b"response.completed", body, emit),
            // queued, in progress, cancelled: there is no end to tell of
            _ => self.output(body, emit).map(|_| ()),
        }
    }

    /// The end of a response, which holds all of it again.
    fn end(&mut self, kind: &[u8], raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let response = self.output(raw, emit)?;
        let (reason, word) = match kind {
            b"response.failed" => (FinishReason::Error, &b"failed"[..]),
            _ if !response.incomplete.is_empty() => {
                (FinishReason::read(response.incomplete), response.incomplete.bytes())
            }
            b"response.incomplete" => (FinishReason::Length, &b"incomplete"[..]),
            _ if self.items.calls() > 0 => (FinishReason::ToolCalls, &b"completed"[..]),
            _ => (FinishReason::Stop, &b"completed"[..]),
        };
        emit(Delta::Finish { choice: 0, reason, raw: Escaped::from_checked(word) });
        self.counts.tell(emit);
        if kind == b"response.failed" {
            let error: &[u8] = if response.error.is_empty() { b"{}" } else { response.error };
            emit(Delta::Error(read_failure(error)?));
        } else {
            emit(Delta::End);
        }
        Ok(())
    }

    /// What a response holds; what it says, where that was not streamed.
    fn output<'a>(&mut self, raw: &'a [u8], emit: &mut Emit<'_>) -> Result<Response<'a>, Bad> {
        let response = self.response(raw)?;
        self.opening.tell(response.id, response.model, emit);
        let mut cursor = Cursor::new(response.output);
        // a provider that streams nothing says it all here
        if self.items.is_empty() && !response.output.is_empty() && cursor.array()? {
            let mut index = 0;
            while cursor.next_element()? {
                self.items.done(Some(index), cursor.skip()?, emit)?;
                index += 1;
            }
        }
        self.items.flush(emit);
        Ok(response)
    }

    fn response<'a>(&mut self, raw: &'a [u8]) -> Result<Response<'a>, Bad> {
        let (mut response, mut cursor) = (Response::default(), Cursor::new(raw));
        if raw.is_empty() || !cursor.object()? {
            return Ok(response);
        }
        while let Some(key) = cursor.next_key()? {
            match key {
                b"id" => response.id = cursor.string()?.unwrap_or_default(),
                b"model" => response.model = cursor.string()?.unwrap_or_default(),
                b"output" => response.output = cursor.skip()?,
                b"usage" => read_usage(&mut cursor, &mut self.counts)?,
                b"error" if matches!(cursor.peek(), Some(b'{' | b'"')) => response.error = cursor.skip()?,
                b"incomplete_details" => {
                    if cursor.object()? {
                        while let Some(key) = cursor.next_key()? {
                            match key {
                                b"reason" => response.incomplete = cursor.string()?.unwrap_or_default(),
                                _ => {
                                    cursor.skip()?;
                                }
                            }
                        }
                    }
                }
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(response)
    }
}

fn read_usage(cursor: &mut Cursor<'_>, counts: &mut Counts) -> Result<(), Bad> {
    if !cursor.object()? {
        return Ok(());
    }
    let usage = counts.given();
    while let Some(key) = cursor.next_key()? {
        match key {
            b"input_tokens" => read_count(cursor, &mut usage.input)?,
            b"output_tokens" => read_count(cursor, &mut usage.output)?,
            b"total_tokens" => read_count(cursor, &mut usage.total)?,
            b"input_tokens_details" | b"output_tokens_details" => {
                if !cursor.object()? {
                    continue;
                }
                while let Some(key) = cursor.next_key()? {
                    match key {
                        b"cached_tokens" => read_count(cursor, &mut usage.cached)?,
                        b"cache_write_tokens" => read_count(cursor, &mut usage.cache_creation)?,
                        b"reasoning_tokens" => read_count(cursor, &mut usage.reasoning)?,
                        _ => {
                            cursor.skip()?;
                        }
                    }
                }
            }
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}
