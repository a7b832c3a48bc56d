//! The AWS event stream: frames of a prelude (total length, headers' length, CRC of both), headers, a payload and
//! a CRC of all that, lengths big-endian.

use super::{Event, broken, empty, too_long, utf8};
use crate::error::Error;
use crate::json::write_string;

const PRELUDE_BYTES: usize = 12;
/// The prelude and the CRC at the end: what a frame is at least.
const EMPTY_FRAME_BYTES: usize = 16;
/// The header value type of a string.
const STRING: u8 = 7;

/// Frames in any split.
#[derive(Debug)]
pub struct Aws {
    max_event_bytes: usize,
    position: u64,
    /// Where the frame that is being read starts.
    frame_start: u64,
    /// The frame's start, while its end has not come.
    frame: Vec<u8>,
    /// Its length; 0 before the prelude has been read.
    frame_bytes: usize,
    scratch: Vec<u8>,
}

impl Aws {
    /// For frames of up to so many bytes.
    pub fn new(max_event_bytes: usize) -> Self {
        let (frame, scratch) = (Vec::new(), Vec::new());
        Self { max_event_bytes, position: 0, frame_start: 0, frame, frame_bytes: 0, scratch }
    }

    /// Whether the bytes so far end between frames.
    pub fn on_boundary(&self) -> bool {
        self.frame.is_empty()
    }

    /// Bytes taken so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes a read and gives each whole frame to `sink`.
    pub fn push(
        &mut self,
        chunk: &[u8],
        sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.position += chunk.len() as u64;
        let mut rest = chunk;
        while !rest.is_empty() {
            if self.frame.is_empty() {
                self.frame_start = self.position - rest.len() as u64;
                if let Some(prelude) = rest.first_chunk() {
                    let bytes = self.frame_bytes(prelude)?;
                    if let Some((frame, after)) = rest.split_at_checked(bytes) {
                        dispatch(frame, self.frame_start, &mut self.scratch, sink)?;
                        rest = after;
                        continue;
                    }
                }
            }
            let known = if self.frame_bytes == 0 { PRELUDE_BYTES } else { self.frame_bytes };
            let missing = known - self.frame.len();
            let (mine, after) = rest.split_at(missing.min(rest.len()));
            self.frame.extend_from_slice(mine);
            rest = after;
            if mine.len() < missing {
                break;
            }
            if self.frame_bytes == 0 {
                self.frame_bytes = match self.frame.first_chunk() {
                    Some(prelude) => self.frame_bytes(prelude)?,
                    None => break,
                };
            } else {
                dispatch(&self.frame, self.frame_start, &mut self.scratch, sink)?;
                empty(&mut self.frame);
                self.frame_bytes = 0;
            }
        }
        Ok(())
    }

    /// The frame's length, checked before anything is held for it.
    fn frame_bytes(&self, prelude: &[u8; PRELUDE_BYTES]) -> Result<usize, Error> {
        let [lengths @ .., _, _, _, _] = prelude;
        if crc32fast::hash(lengths) != number(prelude, 8) {
            return Err(broken(self.frame_start, "it is not decodable: the prelude's checksum is wrong"));
        }
        let (total, headers) = (number(prelude, 0) as usize, number(prelude, 4) as usize);
        if total < EMPTY_FRAME_BYTES || headers > total - EMPTY_FRAME_BYTES {
            return Err(broken(self.frame_start, "it is not decodable: its lengths are impossible"));
        }
        if total > self.max_event_bytes {
            return Err(too_long(self.frame_start, self.max_event_bytes));
        }
        Ok(total)
    }
}

/// The big-endian number at `at`, 0 beyond the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_be_bytes(*four))
}

/// The headers that tell what a frame is.
#[derive(Default)]
struct Headers<'f> {
    event: &'f [u8],
    message: &'f [u8],
    exception: &'f [u8],
    error_code: &'f [u8],
    error_message: &'f [u8],
}

fn dispatch(
    frame: &[u8],
    start: u64,
    scratch: &mut Vec<u8>,
    sink: &mut impl FnMut(&Event<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (checked, checksum) = frame.split_at(frame.len() - 4);
    if crc32fast::hash(checked) != number(checksum, 0) {
        return Err(broken(start, "it is not decodable: its checksum is wrong"));
    }
    let body = checked.get(PRELUDE_BYTES..).unwrap_or_default();
    let (headers, payload) = body.split_at((number(frame, 4) as usize).min(body.len()));
    let headers = read_headers(headers)
        .ok_or_else(|| broken(start, "it is not decodable: its headers are malformed"))?;
    let exception: &[u8] = match headers.message {
        b"exception" if headers.exception.is_empty() => b"exception",
        b"error" if headers.error_code.is_empty() => b"error",
        b"error" => headers.error_code,
        _ => headers.exception,
    };
    let data = if payload.is_empty() && !headers.error_message.is_empty() {
        // an error frame says in a header what an exception says in its payload
        scratch.clear();
        scratch.extend_from_slice(b"{\"message\":");
        write_string(headers.error_message, scratch);
        scratch.push(b'}');
        &*scratch
    } else {
        utf8(payload, scratch)
    };
    let result = sink(&Event { name: headers.event, data, exception, offset: start, ..Event::default() });
    empty(scratch);
    result
}

/// Reads the headers; `None` when they are malformed or a string is not UTF-8.
fn read_headers(mut rest: &[u8]) -> Option<Headers<'_>> {
    let mut headers = Headers::default();
    while let Some((&name_bytes, after)) = rest.split_first() {
        let (name, after) = after.split_at_checked(name_bytes.into())?;
        let (&kind, after) = after.split_first()?;
        let (bytes, after) = match kind {
            0 | 1 => (0, after),
            2 => (1, after),
            3 => (2, after),
            4 => (4, after),
            5 | 8 => (8, after),
            6 | STRING => {
                let (length, after) = after.split_first_chunk()?;
                (u16::from_be_bytes(*length).into(), after)
            }
            9 => (16, after),
            _ => return None,
        };
        let (value, after) = after.split_at_checked(bytes)?;
        rest = after;
        if kind != STRING {
            continue;
        }
        simdutf8::basic::from_utf8(value).ok()?;
        match name {
            b":event-type" => headers.event = value,
            b":message-type" => headers.message = value,
            b":exception-type" => headers.exception = value,
            b":error-code" => headers.error_code = value,
            b":error-message" => headers.error_message = value,
            _ => {}
        }
    }
    Some(headers)
}

/// Appends a frame with string headers. A value that is too long for its length field, 65,535 bytes, is cut at a
/// character's boundary.
pub fn write_frame(headers: &[(&str, &[u8])], payload: &[u8], out: &mut Vec<u8>) {
    let mut block = Vec::new();
    for (name, value) in headers {
        let name = clip(name.as_bytes(), u8::MAX.into());
        let value = clip(value, u16::MAX.into());
        block.push(name.len() as u8);
        block.extend_from_slice(name);
        block.push(STRING);
        block.extend_from_slice(&(value.len() as u16).to_be_bytes());
        block.extend_from_slice(value);
    }
    let total = EMPTY_FRAME_BYTES + block.len() + payload.len();
    let start = out.len();
    out.extend_from_slice(&(total as u32).to_be_bytes());
    out.extend_from_slice(&(block.len() as u32).to_be_bytes());
    let checksum = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
    out.extend_from_slice(&block);
    out.extend_from_slice(payload);
    let checksum = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// At most so many bytes of a text, without half a character.
fn clip(text: &[u8], max_bytes: usize) -> &[u8] {
    let is_inside = |end: usize| text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80);
    let mut end = text.len().min(max_bytes);
    while end > 0 && is_inside(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
