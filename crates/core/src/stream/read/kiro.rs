//! Kiro: AWS frames whose JSON payloads are told apart by their keys. There is no end mark.

use super::calls::{Calls, Fragment};
use super::compact::read_arguments;
use super::failure::read_exception;
use super::kiro_text::{KiroText, Piece};
use super::{Emit, Read};
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Delta, Event, FinishReason};
use std::collections::BTreeSet;

/// Reads the events of an answer.
#[derive(Debug, Default)]
pub struct Kiro {
    text: KiroText,
    calls: Calls,
    said_calls: u32,
    /// The calls that were given arguments.
    with_arguments: BTreeSet<u32>,
    has_read: bool,
    has_failed: bool,
}

/// What a payload holds.
#[derive(Default)]
struct Said<'a> {
    content: Option<Escaped<'a>>,
    is_followup: bool,
    id: Escaped<'a>,
    name: Escaped<'a>,
    input: &'a [u8],
    stops: Option<bool>,
}

impl Read for Kiro {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        if !event.exception.is_empty() {
            self.has_failed = true;
            self.flush(emit);
            emit(Delta::Error(read_exception(event)));
            return Ok(());
        }
        let mut cursor = Cursor::new(event.data);
        if cursor.peek() != Some(b'{') {
            return Ok(());
        }
        let mut said = Said::default();
        let inner = said.read(&mut cursor)?;
        cursor.finish()?;
        if let Some(inner) = inner {
            said.read(&mut Cursor::new(inner))?;
        }
        self.has_read = true;
        if let Some(content) = said.content.filter(|_| !said.is_followup) {
            self.text(content, emit);
        } else if !said.name.is_empty() || !said.input.is_empty() || said.stops.is_some() {
            self.flush(emit);
            self.call(&said, emit)?;
        }
        Ok(())
    }

    fn finish(&mut self, emit: &mut Emit<'_>) {
        self.flush(emit);
        self.calls.flush(0, emit);
        if self.has_read && !self.has_failed {
            let reason = if self.said_calls > 0 { FinishReason::ToolCalls } else { FinishReason::Stop };
            emit(Delta::Finish { choice: 0, reason, raw: Escaped::default() });
            emit(Delta::End);
        }
    }
}

impl Kiro {
    fn text(&mut self, content: Escaped<'_>, emit: &mut Emit<'_>) {
        let Self { text, calls, said_calls, .. } = self;
        text.push(content, &mut |piece| say(piece, calls, said_calls, emit));
    }

    /// The text ended, for now.
    fn flush(&mut self, emit: &mut Emit<'_>) {
        let Self { text, calls, said_calls, .. } = self;
        text.flush(&mut |piece| say(piece, calls, said_calls, emit));
    }

    /// A call begins, goes on, or ends.
    fn call(&mut self, said: &Said<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut scratch = Vec::new();
        let arguments = read_arguments(said.input, &mut scratch)?;
        let fragment = Fragment { index: None, id: said.id, name: said.name, arguments };
        let call = match self.calls.push(0, fragment, emit) {
            Some(call) => call,
            // an end without id, name and input is the last call's
            None if said.stops == Some(true) => match self.said_calls.checked_sub(1) {
                Some(call) => call,
                None => return Ok(()),
            },
            None => return Ok(()),
        };
        self.said_calls = self.said_calls.max(call.saturating_add(1));
        if !arguments.is_empty() {
            self.with_arguments.insert(call);
        }
        if said.stops == Some(true) {
            if self.with_arguments.insert(call) {
                let fragment = Escaped::from_checked(b"{}");
                emit(Delta::Arguments { choice: 0, call, fragment });
            }
            emit(Delta::CallEnd { choice: 0, call });
        }
        Ok(())
    }
}

fn say(piece: Piece<'_>, calls: &mut Calls, said_calls: &mut u32, emit: &mut Emit<'_>) {
    match piece {
        Piece::Text(text) => emit(Delta::Text { choice: 0, text }),
        Piece::Reasoning(text) => emit(Delta::Reasoning { choice: 0, text }),
        Piece::Call { name, arguments } => {
            let fragment = Fragment { index: None, id: Escaped::default(), name, arguments };
            if let Some(call) = calls.push(0, fragment, emit) {
                *said_calls = (*said_calls).max(call.saturating_add(1));
                emit(Delta::CallEnd { choice: 0, call });
            }
        }
    }
}

impl<'a> Said<'a> {
    /// Reads a payload; what is inside, when it is an event as SDKs yield it, its kind around the payload.
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Bad> {
        let mut inner = None;
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"content" => self.content = cursor.string()?,
                b"followupPrompt" => self.is_followup = !matches!(cursor.skip()?, b"null" | b"false"),
                b"toolUseId" => self.id = cursor.string()?.unwrap_or_default(),
                b"name" => self.name = cursor.string()?.unwrap_or_default(),
                b"input" if matches!(cursor.peek(), Some(b'"' | b'{')) => self.input = cursor.skip()?,
                b"stop" => self.stops = cursor.boolean()?,
                b"assistantResponseEvent" | b"toolUseEvent" if cursor.peek() == Some(b'{') => {
                    inner = Some(cursor.skip()?);
                }
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(inner)
    }
}
