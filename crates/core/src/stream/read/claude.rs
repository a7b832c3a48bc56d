//! Anthropic messages, over SSE or, base64-encoded, in AWS frames.

use super::claude_block::{Block, read_block};
use super::counts::{Counts, read_count, read_count_in};
use super::failure::{read_exception, read_failure};
use super::opening::Opening;
use super::{Emit, Read};
use crate::json::{Bad, Cursor, Escaped, unescape};
use crate::stream::{Delta, Event, FinishReason, Usage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// Reads the events of a message.
#[derive(Debug, Default)]
pub struct Claude {
    opening: Opening,
    counts: Counts,
    /// The blocks that have begun and not stopped.
    blocks: BTreeMap<u64, Block>,
    calls: u32,
    is_finished: bool,
    /// The event of an AWS frame, decoded.
    decoded: Vec<u8>,
}

/// What an event holds, whatever the order of its keys.
#[derive(Default)]
struct Said<'a> {
    kind: Escaped<'a>,
    index: u64,
    delta: Step<'a>,
    block: &'a [u8],
    message: &'a [u8],
    error: &'a [u8],
    bytes: Escaped<'a>,
}

/// A `delta`.
#[derive(Default)]
struct Step<'a> {
    kind: Escaped<'a>,
    text: Escaped<'a>,
    stop_reason: Escaped<'a>,
}

impl Read for Claude {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        if !event.exception.is_empty() {
            self.flush(false, emit);
            emit(Delta::Error(read_exception(event)));
            return Ok(());
        }
        if Cursor::new(event.data).peek() != Some(b'{') {
            return Ok(());
        }
        let said = self.walk(event.data)?;
        if said.kind.is_empty() && !said.bytes.is_empty() {
            let mut decoded = std::mem::take(&mut self.decoded);
            let result = decode(said.bytes, &mut decoded)
                .and_then(|()| self.walk(&decoded))
                .and_then(|said| self.say(&said, &decoded, emit));
            self.decoded = decoded;
            return result;
        }
        if said.kind.is_empty() && !event.name.is_empty() {
            return self.say(&Said { kind: Escaped::from_checked(event.name), ..said }, event.data, emit);
        }
        self.say(&said, event.data, emit)
    }

    fn finish(&mut self, emit: &mut Emit<'_>) {
        self.flush(false, emit);
    }

    fn is_steady(&self) -> bool {
        true
    }
}

/// The event inside an AWS frame.
fn decode(bytes: Escaped<'_>, decoded: &mut Vec<u8>) -> Result<(), Bad> {
    let mut text = Vec::new();
    unescape(bytes.bytes(), &mut text);
    decoded.clear();
    STANDARD.decode_vec(&text, decoded).map_err(|_| Bad(0))?;
    std::str::from_utf8(decoded).map_err(|error| Bad(error.valid_up_to()))?;
    Ok(())
}

impl Claude {
    fn walk<'a>(&mut self, data: &'a [u8]) -> Result<Said<'a>, Bad> {
        let (mut said, mut cursor) = (Said::default(), Cursor::new(data));
        if cursor.object()? {
            while let Some(key) = cursor.next_key()? {
                match key {
                    b"type" => said.kind = cursor.string()?.unwrap_or_default(),
                    b"index" => said.index = cursor.whole()?.unwrap_or_default(),
                    b"delta" => said.delta.read(&mut cursor)?,
                    b"content_block" => said.block = cursor.skip()?,
                    b"message" => said.message = cursor.skip()?,
                    b"usage" => read_usage(&mut cursor, &mut self.counts)?,
                    b"error" => said.error = cursor.skip()?,
                    b"bytes" => said.bytes = cursor.string()?.unwrap_or_default(),
                    _ => {
                        cursor.skip()?;
                    }
                }
            }
        }
        cursor.finish()?;
        Ok(said)
    }

    fn say(&mut self, said: &Said<'_>, data: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        match said.kind.bytes() {
            b"content_block_delta" => self.step(said, emit),
            b"content_block_start" => self.start_block(said, emit)?,
            b"content_block_stop" => {
                if let Some(block) = self.blocks.remove(&said.index) {
                    block.stop(true, emit);
                }
            }
            b"message_start" => {
                self.blocks.clear();
                // a gateway may send the messages of several turns in one stream
                self.is_finished = false;
                self.start(said.message, emit)?;
                self.tell_counts(emit);
            }
            b"message_delta" => {
                let raw = said.delta.stop_reason;
                if !raw.is_empty() && !self.is_finished {
                    self.is_finished = true;
                    self.flush(true, emit);
                    emit(Delta::Finish { choice: 0, reason: FinishReason::read(raw), raw });
                }
                self.tell_counts(emit);
            }
            b"message_stop" => {
                self.flush(true, emit);
                self.tell_counts(emit);
                emit(Delta::End);
            }
            b"error" => {
                self.flush(false, emit);
                let raw = if said.error.is_empty() { data.trim_ascii() } else { said.error };
                emit(Delta::Error(read_failure(raw)?));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn start(&mut self, message: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let (mut id, mut model) = (Escaped::default(), Escaped::default());
        let mut cursor = Cursor::new(message);
        if !message.is_empty() && cursor.object()? {
            while let Some(key) = cursor.next_key()? {
                match key {
                    b"id" => id = cursor.string()?.unwrap_or_default(),
                    b"model" => model = cursor.string()?.unwrap_or_default(),
                    b"usage" => read_usage(&mut cursor, &mut self.counts)?,
                    _ => {
                        cursor.skip()?;
                    }
                }
            }
        }
        self.opening.tell(id, model, emit);
        Ok(())
    }

    fn start_block(&mut self, said: &Said<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        if let Some(unstopped) = self.blocks.remove(&said.index) {
            unstopped.stop(true, emit);
        }
        if let Some(block) = read_block(said.block, &mut self.calls, emit)? {
            self.blocks.insert(said.index, block);
        }
        Ok(())
    }

    fn step(&mut self, said: &Said<'_>, emit: &mut Emit<'_>) {
        let text = said.delta.text;
        if text.is_empty() {
            return;
        }
        match said.delta.kind.bytes() {
            b"text_delta" => emit(Delta::Text { choice: 0, text }),
            b"thinking_delta" => emit(Delta::Reasoning { choice: 0, text }),
            b"signature_delta" => emit(Delta::Signature { choice: 0, text }),
            b"input_json_delta" => match self.blocks.get_mut(&said.index) {
                Some(Block::Call { number, has_fragments, .. }) => {
                    *has_fragments = true;
                    emit(Delta::Arguments { choice: 0, call: *number, fragment: text });
                }
                Some(Block::Other { input, .. }) => input.extend_from_slice(text.bytes()),
                _ => {}
            },
            _ => {}
        }
    }

    /// The number of the next call.
    pub(super) fn calls(&mut self) -> &mut u32 {
        &mut self.calls
    }

    /// Ends the blocks that the provider left open, `whole` when it said that the message is.
    fn flush(&mut self, is_whole: bool, emit: &mut Emit<'_>) {
        while let Some((_, block)) = self.blocks.pop_first() {
            block.stop(is_whole, emit);
        }
    }

    pub(super) fn tell_counts(&mut self, emit: &mut Emit<'_>) {
        // what was read from the cache or written to it is not in `input_tokens`
        let common = |usage: Usage| Usage {
            input: usage.input.saturating_add(usage.cached).saturating_add(usage.cache_creation),
            ..usage
        };
        self.counts.tell_as(common, emit);
    }
}

impl<'a> Step<'a> {
    #[inline]
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Bad> {
        if cursor.object()? {
            while let Some(key) = cursor.next_key()? {
                match key {
                    b"type" => self.kind = cursor.string()?.unwrap_or_default(),
                    b"text" | b"thinking" | b"signature" | b"partial_json" => {
                        self.text = cursor.string()?.unwrap_or(self.text);
                    }
                    b"stop_reason" => self.stop_reason = cursor.string()?.unwrap_or_default(),
                    _ => {
                        cursor.skip()?;
                    }
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
            b"input_tokens" => read_count(cursor, &mut usage.input)?,
            b"output_tokens" => read_count(cursor, &mut usage.output)?,
            b"cache_read_input_tokens" => read_count(cursor, &mut usage.cached)?,
            b"cache_creation_input_tokens" => read_count(cursor, &mut usage.cache_creation)?,
            b"output_tokens_details" => read_count_in(cursor, b"thinking_tokens", &mut usage.reasoning)?,
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}
