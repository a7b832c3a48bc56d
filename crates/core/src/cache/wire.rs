//! How a value lies in Redis.
//!
//! `tagged`: U+0002, `1`, a tag letter, a flag digit, the deadline and the end of the stale window as 12 hexadecimal
//! digits each (milliseconds of the server's clock, all f: none), the tags where the flag says so, the payload. The head
//! is ASCII, so a text survives a client that only knows strings. Letters: `j` JSON, `t` text, `b` bytes, `v` what
//! `v8.serialize` wrote; `B` and `V` are those as base64. Flags: 1 tags, 2 zstd.
//!
//! `plain`: JSON as it is, a string in its quotes, bytes as U+0001 and base64, `v8.serialize` as U+0001, `*` and base64.
//! Whatever else lies there is read as JSON, else as text.

use super::{Millis, NEVER, Tag};
use crate::{body, json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

/// The first byte of a tagged value.
pub const TAGGED: u8 = 0x02;
/// The first byte of what JSON cannot say in a plain value.
pub const ENCODED: u8 = 0x01;
/// Bytes of a tagged value before its tags or payload.
pub const HEAD_BYTES: usize = 28;
const NO_DEADLINE: u64 = 0xFFFF_FFFF_FFFF;
const HAS_TAGS: u8 = 1;
const IS_ZSTD: u8 = 2;

/// What a tagged value says before its payload. Times are the server's; NEVER: none.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// What the payload is.
    pub tag: Tag,
    /// The last millisecond at which it is fresh.
    pub deadline: Millis,
    /// The last millisecond at which it may be served stale.
    pub stale_until: Millis,
    /// Names by which it can be deleted.
    pub tags: Box<[Box<str>]>,
    /// The payload is compressed.
    pub zstd: bool,
}
/// A value as it was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// Ours, with its times.
    Tagged(Head, Bytes),
    /// Plain: its time left is the key's.
    Plain(Tag, Bytes),
}

/// A value in the tagged format; `text_only` for a client that knows strings alone.
pub fn write_tagged(head: &Head, payload: &[u8], text_only: bool) -> Vec<u8> {
    let tags_bytes: usize = head.tags.iter().map(|tag| 8 + tag.len()).sum();
    let binary = matches!(head.tag, Tag::Bytes | Tag::V8) || head.zstd;
    let mut out = Vec::with_capacity(HEAD_BYTES + 8 + tags_bytes + payload.len());
    let letter = match head.tag {
        Tag::Json => b'j',
        Tag::Text => b't',
        Tag::Bytes => b'b',
        Tag::V8 => b'v',
    };
    let flags = u8::from(!head.tags.is_empty()) * HAS_TAGS + u8::from(head.zstd) * IS_ZSTD;
    let encode = text_only && binary;
    out.extend_from_slice(&[
        TAGGED,
        b'1',
        if encode { letter.to_ascii_uppercase() } else { letter },
        b'0' + flags,
    ]);
    hex(head.deadline.min(NO_DEADLINE), 12, &mut out);
    hex(head.stale_until.min(NO_DEADLINE), 12, &mut out);
    if !head.tags.is_empty() {
        hex(tags_bytes as u64, 8, &mut out);
        for tag in &head.tags {
            hex(tag.len() as u64, 8, &mut out);
            out.extend_from_slice(tag.as_bytes());
        }
    }
    if encode {
        out.extend_from_slice(BASE64.encode(payload).as_bytes());
    } else {
        out.extend_from_slice(payload);
    }
    out
}

/// A value in the plain format.
pub fn write_plain(tag: Tag, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 2);
    match tag {
        Tag::Json => out.extend_from_slice(payload),
        Tag::Text => json::write_string(payload, &mut out),
        Tag::Bytes | Tag::V8 => {
            out.push(ENCODED);
            if tag == Tag::V8 {
                out.push(b'*');
            }
            out.extend_from_slice(BASE64.encode(payload).as_bytes());
        }
    }
    out
}

/// Reads either format; None: damaged. The payload shares the value's memory where it lies there as it is.
pub fn read(value: &Bytes) -> Option<Stored> {
    match value.first() {
        Some(&TAGGED) => read_tagged(value),
        Some(&ENCODED) => {
            let text = value.get(1..)?;
            let (tag, text) = text.strip_prefix(b"*").map_or((Tag::Bytes, text), |text| (Tag::V8, text));
            Some(Stored::Plain(tag, BASE64.decode(text).ok()?.into()))
        }
        Some(b'"') => match serde_json::from_slice::<String>(value) {
            Ok(text) => Some(Stored::Plain(Tag::Text, text.into())),
            Err(_) => read_foreign(value),
        },
        _ => read_foreign(value),
    }
}
fn read_foreign(value: &Bytes) -> Option<Stored> {
    simdutf8::basic::from_utf8(value).ok()?;
    let tag = if body::is_json(value) { Tag::Json } else { Tag::Text };
    Some(Stored::Plain(tag, value.clone()))
}
fn read_tagged(value: &Bytes) -> Option<Stored> {
    let Peek::Head { head, at, base64 } = peek(value) else { return None };
    let payload = value.slice(at..);
    let payload = if base64 { BASE64.decode(&payload).ok()?.into() } else { payload };
    if !head.zstd && matches!(head.tag, Tag::Json | Tag::Text) {
        simdutf8::basic::from_utf8(&payload).ok()?;
    }
    Some(Stored::Tagged(head, payload))
}

/// What the first bytes of a value tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Peek {
    /// Not a tagged value, or a damaged one.
    Foreign,
    /// The head is longer than what was given: so many bytes hold all of it.
    Short(usize),
    /// The head.
    Head {
        /** The head. */
        head: Head,
        /** Where the payload starts. */
        at: usize,
        /** The payload is base64. */
        base64: bool,
    },
}
/// Reads the head from the first bytes of a value.
pub fn peek(value: &[u8]) -> Peek {
    if value.first() != Some(&TAGGED) {
        return Peek::Foreign;
    }
    if value.len() < HEAD_BYTES {
        return Peek::Short(HEAD_BYTES);
    }
    let Some((head, flags, base64)) = fixed(value) else { return Peek::Foreign };
    if flags & HAS_TAGS == 0 {
        return Peek::Head { head, at: HEAD_BYTES, base64 };
    }
    let Some(block) = value.get(HEAD_BYTES..HEAD_BYTES + 8) else { return Peek::Short(HEAD_BYTES + 8) };
    let Some(length) = unhex(block) else { return Peek::Foreign };
    let at = HEAD_BYTES + 8 + length as usize;
    let Some(mut block) = value.get(HEAD_BYTES + 8..at) else { return Peek::Short(at) };
    let mut tags: Vec<Box<str>> = Vec::new();
    while !block.is_empty() {
        let Some((tag, rest)) = one_tag(block) else { return Peek::Foreign };
        tags.push(tag.into());
        block = rest;
    }
    Peek::Head { head: Head { tags: tags.into(), ..head }, at, base64 }
}
fn fixed(value: &[u8]) -> Option<(Head, u8, bool)> {
    let [_, b'1', letter, flags, ..] = *value else { return None };
    let tag = match letter.to_ascii_lowercase() {
        b'j' => Tag::Json,
        b't' => Tag::Text,
        b'b' => Tag::Bytes,
        b'v' => Tag::V8,
        _ => return None,
    };
    let flags = flags.checked_sub(b'0').filter(|&flags| flags <= HAS_TAGS + IS_ZSTD)?;
    let time = |at: usize| {
        Some(unhex(value.get(at..at + 12)?)?).map(|ms| if ms == NO_DEADLINE { NEVER } else { ms })
    };
    let (deadline, stale_until) = (time(4)?, time(16)?);
    let zstd = flags & IS_ZSTD != 0;
    let head = Head { tag, deadline, stale_until: stale_until.max(deadline), tags: Box::default(), zstd };
    Some((head, flags, letter.is_ascii_uppercase()))
}
fn one_tag(block: &[u8]) -> Option<(&str, &[u8])> {
    let length = unhex(block.get(..8)?)? as usize;
    let end = length.checked_add(8)?;
    Some((std::str::from_utf8(block.get(8..end)?).ok()?, block.get(end..)?))
}

fn hex(number: u64, digits: u32, out: &mut Vec<u8>) {
    for place in (0..digits).rev() {
        let digit = (number >> (4 * place) & 15) as u8;
        out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
    }
}
fn unhex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests;
