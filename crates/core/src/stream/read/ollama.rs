//! Ollama chat and generate: a line of JSON each, the last one with `done`.

use super::compact::read_arguments;
use super::counts::{Counts, read_count};
use super::failure::read_failure;
use super::opening::Opening;
use super::{Emit, Read};
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Delta, Event, FinishReason};

/// Reads the lines of an answer; the only line of an answer that was not streamed too.
#[derive(Debug, Default)]
pub struct Ollama {
    opening: Opening,
    counts: Counts,
    calls: u32,
    is_finished: bool,
}

#[derive(Default)]
struct Said<'a> {
    model: Escaped<'a>,
    text: Escaped<'a>,
    thinking: Escaped<'a>,
    tool_calls: &'a [u8],
    is_done: bool,
    reason: Escaped<'a>,
    error: &'a [u8],
}

impl Read for Ollama {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut cursor = Cursor::new(event.data);
        if cursor.peek() != Some(b'{') {
            return Ok(());
        }
        let said = self.walk(&mut cursor)?;
        cursor.finish()?;
        self.opening.tell(Escaped::default(), said.model, emit);
        if !said.thinking.is_empty() {
            emit(Delta::Reasoning { choice: 0, text: said.thinking });
        }
        if !said.text.is_empty() {
            emit(Delta::Text { choice: 0, text: said.text });
        }
        let mut cursor = Cursor::new(said.tool_calls);
        if !said.tool_calls.is_empty() && cursor.array()? {
            while cursor.next_element()? {
                self.call(&mut cursor, emit)?;
            }
        }
        if said.is_done && !self.is_finished {
            self.is_finished = true;
            let reason = match FinishReason::read(said.reason) {
                FinishReason::Stop if self.calls > 0 => FinishReason::ToolCalls,
                reason => reason,
            };
            emit(Delta::Finish { choice: 0, reason, raw: said.reason });
        }
        self.counts.tell(emit);
        if !said.error.is_empty() {
            emit(Delta::Error(read_failure(said.error)?));
        } else if said.is_done {
            emit(Delta::End);
        }
        Ok(())
    }

    fn is_steady(&self) -> bool {
        true
    }
}

impl Ollama {
    fn walk<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Said<'a>, Bad> {
        let mut said = Said::default();
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"model" => said.model = cursor.string()?.unwrap_or_default(),
                b"response" => said.text = cursor.string()?.unwrap_or_default(),
                b"thinking" => said.thinking = cursor.string()?.unwrap_or_default(),
                b"message" => {
                    if !cursor.object()? {
                        continue;
                    }
                    while let Some(key) = cursor.next_key()? {
                        match key {
                            b"content" => said.text = cursor.string()?.unwrap_or_default(),
                            b"thinking" => said.thinking = cursor.string()?.unwrap_or_default(),
                            b"tool_calls" => said.tool_calls = cursor.skip()?,
                            _ => {
                                cursor.skip()?;
                            }
                        }
                    }
                }
                b"done" => said.is_done = cursor.boolean()?.unwrap_or_default(),
                b"done_reason" => said.reason = cursor.string()?.unwrap_or_default(),
                b"prompt_eval_count" => read_count(cursor, &mut self.counts.given().input)?,
                b"eval_count" => read_count(cursor, &mut self.counts.given().output)?,
                b"error" if matches!(cursor.peek(), Some(b'{' | b'"')) => said.error = cursor.skip()?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(said)
    }

    /// A call is always whole.
    fn call(&mut self, cursor: &mut Cursor<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        if !cursor.object()? {
            return Ok(());
        }
        let (mut id, mut name) = (Escaped::default(), Escaped::default());
        let mut arguments: &[u8] = &[];
        while let Some(key) = cursor.next_key()? {
            match key {
                b"id" => id = cursor.string()?.unwrap_or_default(),
                b"function" => {
                    if !cursor.object()? {
                        continue;
                    }
                    while let Some(key) = cursor.next_key()? {
                        match key {
                            b"name" => name = cursor.string()?.unwrap_or_default(),
                            b"arguments" => arguments = cursor.skip()?,
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
        if name.is_empty() && arguments.is_empty() {
            return Ok(());
        }
        let call = self.calls;
        self.calls = self.calls.saturating_add(1);
        emit(Delta::Call { choice: 0, call, id, name });
        let mut scratch = Vec::new();
        let mut fragment = read_arguments(arguments, &mut scratch)?;
        if fragment.is_empty() {
            fragment = Escaped::from_checked(b"{}");
        }
        emit(Delta::Arguments { choice: 0, call, fragment });
        emit(Delta::CallEnd { choice: 0, call });
        Ok(())
    }
}
