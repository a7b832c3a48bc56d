//! Server-sent events, as the HTML standard reads them, and leniently, as providers write them.

use super::{Event, empty, is_whole, too_long, utf8};
use crate::error::Error;
use memchr::{memchr, memchr2};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Server-sent events in any split.
///
/// Lenient: a last event without its blank line counts when its payload is whole; and of several `data:` lines
/// without blank lines between them, a first one that is whole JSON is an event of its own, since nothing can follow
/// it in the same JSON text.
#[derive(Debug)]
pub struct Sse {
    lenient: bool,
    max_event_bytes: usize,
    /// Bytes taken.
    position: u64,
    /// Where the line that is being read starts.
    line_start: u64,
    /// Where the event that is being read starts, while one is open: it has a field.
    event_start: u64,
    open: bool,
    /// How much of a byte order mark has been seen; its length once that is settled.
    bom: usize,
    /// The last read ended in CR: an LF at the start of the next belongs to it.
    after_cr: bool,
    /// The start of a line whose end has not come.
    line: Vec<u8>,
    /// What earlier reads brought of the event.
    name: Vec<u8>,
    data: Vec<u8>,
    data_lines: usize,
    /// The last event id, which outlives events.
    id: Vec<u8>,
    /// The reconnection time, until an event takes it along.
    retry: Option<u64>,
    /// Where bytes that are not UTF-8 are put right.
    name_scratch: Vec<u8>,
    data_scratch: Vec<u8>,
}

/// What this read brought of the event, not copied yet: it comes in place of what `Sse` holds.
#[derive(Default)]
struct Here<'c> {
    name: Option<&'c [u8]>,
    data: Option<&'c [u8]>,
}

impl Sse {
    /// For lines, and payloads of several lines, of up to so many bytes.
    pub fn new(lenient: bool, max_event_bytes: usize) -> Self {
        Self {
            lenient,
            max_event_bytes,
            position: 0,
            line_start: 0,
            event_start: 0,
            open: false,
            bom: 0,
            after_cr: false,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            data_lines: 0,
            id: Vec::new(),
            retry: None,
            name_scratch: Vec::new(),
            data_scratch: Vec::new(),
        }
    }

    /// The stream ended: strictly, what has no blank line behind it is dropped.
    pub fn finish(&mut self, sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>) -> Result<(), Error> {
        if self.lenient { self.last_event(sink) } else { Ok(()) }
    }

    /// Whether the bytes so far end between events.
    pub fn on_boundary(&self) -> bool {
        self.line.is_empty() && !self.open && matches!(self.bom, 0 | 3)
    }

    /// Bytes taken so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes a read and gives each whole event to `sink`.
    #[inline]
    pub fn push(
        &mut self,
        chunk: &[u8],
        sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.position += chunk.len() as u64;
        let mut rest = if self.bom < BOM.len() { self.skip_bom(chunk) } else { chunk };
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        let mut here = Here::default();
        while let Some(&first) = rest.first() {
            if self.line.is_empty() {
                self.line_start = self.position - rest.len() as u64;
            }
            // blank lines are too common to be searched for
            let end = if first == b'\n' { Some(0) } else { memchr2(b'\n', b'\r', rest) };
            let (line, ending) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + line.len() > self.max_event_bytes {
                return Err(self.over_limit());
            }
            rest = match ending {
                [] => {
                    self.line.extend_from_slice(line);
                    break;
                }
                [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
            };
            self.after_cr = ending == b"\r";
            if !self.line.is_empty() {
                self.line.extend_from_slice(line);
                self.carried_line(sink)?;
            } else if line.is_empty() {
                self.dispatch(&here, sink)?;
                self.close();
                here = Here::default();
            } else {
                self.field(line, &mut here, sink)?;
            }
        }
        self.keep(&here);
        Ok(())
    }

    /// Skips a byte order mark, which may come in pieces, at the start of the stream.
    fn skip_bom<'c>(&mut self, chunk: &'c [u8]) -> &'c [u8] {
        let missing = BOM.get(self.bom..).unwrap_or_default();
        let seen = missing.iter().zip(chunk).take_while(|(mark, byte)| mark == byte).count();
        let rest = chunk.get(seen..).unwrap_or_default();
        self.bom += seen;
        if self.bom < BOM.len() && !rest.is_empty() {
            // none after all: what looked like one is the start of the first line
            self.line.extend_from_slice(BOM.get(..self.bom).unwrap_or_default());
            self.bom = BOM.len();
        }
        rest
    }

    /// Reads the line that was carried over; as the first of its read, it finds nothing uncopied.
    fn carried_line(&mut self, sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let mut line = std::mem::take(&mut self.line);
        let mut here = Here::default();
        let result = self.field(&line, &mut here, sink);
        self.keep(&here);
        empty(&mut line);
        self.line = line;
        result
    }

    fn last_event(&mut self, sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>) -> Result<(), Error> {
        if !self.line.is_empty() {
            self.carried_line(sink)?;
        }
        if self.data_lines > 0 && is_whole(&self.data) {
            self.dispatch(&Here::default(), sink)?;
            self.close();
        }
        Ok(())
    }

    #[inline]
    fn field<'c>(
        &mut self,
        line: &'c [u8],
        here: &mut Here<'c>,
        sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if line.first() == Some(&b':') {
            return Ok(());
        }
        if !self.open {
            self.open = true;
            self.event_start = self.line_start;
        }
        if let Some(value) = value(line, b"data") {
            return self.data_line(value, here, sink);
        }
        if let Some(value) = value(line, b"event") {
            here.name = Some(value);
        } else if let Some(value) = value(line, b"id") {
            if memchr(0, value).is_none() {
                let valid = utf8(value, &mut self.name_scratch);
                self.id.clear();
                self.id.extend_from_slice(valid);
            }
        } else if let Some(value) = value(line, b"retry")
            && !value.is_empty()
            && value.iter().all(u8::is_ascii_digit)
        {
            let digit = |total: u64, byte: &u8| total.saturating_mul(10).saturating_add((byte - b'0').into());
            self.retry = Some(value.iter().fold(0, digit));
        }
        Ok(())
    }

    #[inline]
    fn data_line<'c>(
        &mut self,
        value: &'c [u8],
        here: &mut Here<'c>,
        sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.data_lines == 0 {
            here.data = Some(value);
            self.data_lines = 1;
            return Ok(());
        }
        if self.lenient
            && self.data_lines == 1
            && !value.trim_ascii().is_empty()
            && is_whole(here.data.unwrap_or(&self.data))
        {
            self.dispatch(here, sink)?;
            empty(&mut self.data);
            self.event_start = self.line_start;
            here.data = Some(value);
            return Ok(());
        }
        if let Some(first) = here.data.take() {
            self.data.extend_from_slice(first);
        }
        if self.data.len() + 1 + value.len() > self.max_event_bytes {
            return Err(self.over_limit());
        }
        self.data.push(b'\n');
        self.data.extend_from_slice(value);
        self.data_lines += 1;
        Ok(())
    }

    /// Gives the event to `sink`, if it has data.
    #[inline]
    fn dispatch(
        &mut self,
        here: &Here<'_>,
        sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.data_lines == 0 {
            return Ok(());
        }
        sink(&Event {
            name: utf8(here.name.unwrap_or(&self.name), &mut self.name_scratch),
            data: utf8(here.data.unwrap_or(&self.data), &mut self.data_scratch),
            exception: b"",
            id: &self.id,
            retry: self.retry.take(),
            offset: self.event_start,
        })
    }

    /// The event is over; id and reconnection time outlive it.
    #[inline]
    fn close(&mut self) {
        self.open = false;
        self.data_lines = 0;
        for buffer in [&mut self.name, &mut self.name_scratch, &mut self.data, &mut self.data_scratch] {
            empty(buffer);
        }
    }

    /// Copies what the event has so far, since the read it lies in goes away.
    fn keep(&mut self, here: &Here<'_>) {
        if let Some(name) = here.name {
            self.name.clear();
            self.name.extend_from_slice(name);
        }
        if let Some(data) = here.data {
            self.data.clear();
            self.data.extend_from_slice(data);
        }
    }

    fn over_limit(&self) -> Error {
        too_long(if self.open { self.event_start } else { self.line_start }, self.max_event_bytes)
    }
}

/// The field's value, if the line is of that field.
#[inline]
fn value<'c>(line: &'c [u8], field: &[u8]) -> Option<&'c [u8]> {
    match line.strip_prefix(field)? {
        [] => Some(b""),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}
