//! Newline-delimited JSON, with or without `data:` before each line.

use super::{Event, empty, is_whole, too_long, utf8};
use crate::error::Error;
use memchr::memchr;

/// Lines in any split. Blank ones and comments (`:` starts no JSON) are no events; `[DONE]` is one.
#[derive(Debug)]
pub struct Ndjson {
    max_event_bytes: usize,
    position: u64,
    line_start: u64,
    /// The start of a line whose end has not come.
    line: Vec<u8>,
    scratch: Vec<u8>,
}

impl Ndjson {
    /// For lines of up to so many bytes.
    pub fn new(max_event_bytes: usize) -> Self {
        let (line, scratch) = (Vec::new(), Vec::new());
        Self { max_event_bytes, position: 0, line_start: 0, line, scratch }
    }

    /// The stream ended: a last line without its end counts when it is whole.
    pub fn finish(&mut self, sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>) -> Result<(), Error> {
        if payload(&self.line).is_some_and(|data| !is_whole(data)) {
            return Ok(());
        }
        let result = dispatch(&self.line, self.line_start, &mut self.scratch, sink);
        empty(&mut self.line);
        result
    }

    /// Whether the bytes so far end between lines.
    pub fn on_boundary(&self) -> bool {
        self.line.is_empty()
    }

    /// Bytes taken so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes a read and gives each whole line to `sink`.
    pub fn push(
        &mut self,
        chunk: &[u8],
        sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.position += chunk.len() as u64;
        let mut rest = chunk;
        while !rest.is_empty() {
            if self.line.is_empty() {
                self.line_start = self.position - rest.len() as u64;
            }
            let end = memchr(b'\n', rest);
            let (line, ending) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + line.len() > self.max_event_bytes {
                return Err(too_long(self.line_start, self.max_event_bytes));
            }
            if ending.is_empty() {
                self.line.extend_from_slice(line);
                break;
            }
            rest = ending.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                dispatch(line, self.line_start, &mut self.scratch, sink)?;
            } else {
                self.line.extend_from_slice(line);
                dispatch(&self.line, self.line_start, &mut self.scratch, sink)?;
                empty(&mut self.line);
            }
        }
        Ok(())
    }
}

fn dispatch(
    line: &[u8],
    offset: u64,
    scratch: &mut Vec<u8>,
    sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(data) = payload(line) else { return Ok(()) };
    let result = sink(&Event { data: utf8(data, scratch), offset, ..Event::default() });
    empty(scratch);
    result
}

/// What a line says, unless it is blank or a comment.
fn payload(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    let data = line.strip_prefix(b"data:").unwrap_or(line).trim_ascii_start();
    if data.is_empty() || data.first() == Some(&b':') { None } else { Some(data) }
}
