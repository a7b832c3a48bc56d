//! Framing: cuts a stream's bytes, in any split, into events. An event that lies in one read is borrowed from it;
//! otherwise its bytes are carried over, each of them once.

pub mod aws;
mod ndjson;
mod sse;

pub use aws::Aws;
pub use ndjson::Ndjson;
pub use sse::Sse;

use super::Event;
use crate::error::{Error, Kind};
use crate::json::Cursor;

/// Cuts one stream.
#[derive(Debug)]
pub struct Framing {
    cut: Cut,
    failed: Option<Error>,
}

/// How a stream says where an event ends.
#[derive(Debug)]
enum Cut {
    /// Server-sent events, as the HTML standard has them.
    Sse(Sse),
    /// A line per event.
    Ndjson(Ndjson),
    /// Amazon's length-prefixed frames.
    Aws(Aws),
}

/// Does the same with whichever cut it is.
macro_rules! each {
    ($self:expr, $cut:ident => $do:expr) => {
        match $self {
            Cut::Sse($cut) => $do,
            Cut::Ndjson($cut) => $do,
            Cut::Aws($cut) => $do,
        }
    };
}

impl Framing {
    /// Server-sent events. `lenient` also takes what providers get wrong: see [`Sse`].
    pub fn sse(lenient: bool, max_event_bytes: usize) -> Self {
        Self { cut: Cut::Sse(Sse::new(lenient, max_event_bytes)), failed: None }
    }
    /// Newline-delimited JSON.
    pub fn ndjson(max_event_bytes: usize) -> Self {
        Self { cut: Cut::Ndjson(Ndjson::new(max_event_bytes)), failed: None }
    }
    /// The AWS event stream.
    pub fn aws(max_event_bytes: usize) -> Self {
        Self { cut: Cut::Aws(Aws::new(max_event_bytes)), failed: None }
    }

    /// Takes a read and gives each event that is whole to `sink`. After an error, the sink's own included, each
    /// later call fails with the same error.
    pub fn push(
        &mut self,
        chunk: &[u8],
        sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.still_good()?;
        let result = each!(&mut self.cut, cut => cut.push(chunk, sink));
        self.keep(result)
    }

    /// The stream ended. Lenient SSE and NDJSON give a last event that lacks only its end; a payload that is cut
    /// is dropped and leaves `on_boundary` false. AWS frames say their length: one that is cut is never whole.
    pub fn finish(&mut self, sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>) -> Result<(), Error> {
        self.still_good()?;
        let result = match &mut self.cut {
            Cut::Sse(sse) => sse.finish(sink),
            Cut::Ndjson(ndjson) => ndjson.finish(sink),
            Cut::Aws(_) => Ok(()),
        };
        self.keep(result)
    }

    /// Whether the bytes so far end between events: nothing is held back.
    pub fn on_boundary(&self) -> bool {
        each!(&self.cut, cut => cut.on_boundary())
    }

    /// How many bytes were taken so far.
    pub fn position(&self) -> u64 {
        each!(&self.cut, cut => cut.position())
    }

    fn still_good(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn keep(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        self.failed = result.as_ref().err().cloned();
        result
    }
}

/// Carry buffers that grew beyond this are given back when they empty.
const KEEP_BYTES: usize = 64 * 1024;

/// Empties a carry buffer; one large event must not keep its memory for the rest of a long stream.
fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEEP_BYTES);
}

/// The bytes as UTF-8: themselves where they are, else a copy with U+FFFD where they are not.
#[inline]
fn utf8<'a>(bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if simdutf8::basic::from_utf8(bytes).is_ok() {
        return bytes;
    }
    scratch.clear();
    for piece in bytes.utf8_chunks() {
        scratch.extend_from_slice(piece.valid().as_bytes());
        if !piece.invalid().is_empty() {
            scratch.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    scratch
}

/// Whether a payload can be all of an event: the end mark, or JSON that is not cut. Containers are checked for
/// balance only; their reader finds out the rest.
fn is_whole(data: &[u8]) -> bool {
    let data = data.trim_ascii();
    let mut cursor = Cursor::new(data);
    match data.first() {
        _ if data == b"[DONE]" => true,
        Some(b'{' | b'[' | b'"') => cursor.skip().is_ok() && cursor.finish().is_ok(),
        _ => serde_json::from_slice::<serde_json::Value>(data).is_ok(),
    }
}

/// The frame that starts at `offset` cannot be read.
fn broken(offset: u64, detail: impl Into<String>) -> Error {
    Error::new(Kind::StreamFrame).with("offset", offset).with("detail", detail.into())
}

/// The frame that starts at `offset` is over the limit.
fn too_long(offset: u64, max_event_bytes: usize) -> Error {
    broken(offset, format!("it is longer than {max_event_bytes} bytes"))
}

#[cfg(test)]
mod tests;
