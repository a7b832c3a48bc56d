//! Records to what lies in Redis, and back.

use super::{Answer, Config, compress};
use bytes::Bytes;
use redis::Value;
use sluice_core::cache::server_time::Offset;
use sluice_core::cache::wire::{self, Head, Stored};
use sluice_core::cache::{Millis, NEVER, Record, Tag};

/// When a key ends, as SET is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Never.
    Never,
    /// In so many seconds.
    Seconds(u64),
    /// In so many milliseconds.
    Millis(u64),
    /// At that millisecond of the server's clock.
    At(u64),
}
impl Expiry {
    /// The option of SET and its value.
    pub(super) fn args(self) -> Option<(&'static str, u64)> {
        match self {
            Expiry::Never => None,
            Expiry::Seconds(seconds) => Some(("EX", seconds)),
            Expiry::Millis(ms) => Some(("PX", ms)),
            Expiry::At(ms) => Some(("PXAT", ms)),
        }
    }
}

/// The last millisecond that the head of a value can name.
const FAR: Millis = 0xFFFF_FFFF_FFFE;

/// What is stored for a record; None: it has expired already. `absolute`: the server knows PXAT.
pub(super) fn encode(
    config: &Config,
    record: &Record,
    now: Millis,
    offset: Offset,
    absolute: bool,
) -> Option<(Vec<u8>, Expiry)> {
    let end = if config.plain { record.deadline } else { record.stale_until.max(record.deadline) };
    // what ends thousands of years from now does not end
    let end = if end > FAR { NEVER } else { end };
    if end != NEVER && end <= now {
        return None;
    }
    let left_ms = end.saturating_sub(now);
    if config.plain {
        let expiry = match left_ms {
            _ if end == NEVER => Expiry::Never,
            ms if ms % 1_000 == 0 => Expiry::Seconds(ms / 1_000),
            ms => Expiry::Millis(ms),
        };
        return Some((wire::write_plain(record.tag, &record.bytes), expiry));
    }
    let compressed = (config.compress_min_bytes > 0 && record.bytes.len() >= config.compress_min_bytes)
        .then(|| compress::deflate(&record.bytes))
        .flatten();
    let head = Head {
        tag: record.tag,
        deadline: offset.to_server(record.deadline),
        stale_until: offset.to_server(end),
        tags: record.tags.clone(),
        zstd: compressed.is_some(),
    };
    let expiry = match end {
        NEVER => Expiry::Never,
        _ if absolute => Expiry::At(head.stale_until),
        _ => Expiry::Millis(left_ms),
    };
    Some((wire::write_tagged(&head, compressed.as_deref().unwrap_or(&record.bytes), false), expiry))
}

/// The deadline, from what PTTL said.
pub(super) fn deadline_of(left_ms: i64, now: Millis) -> Millis {
    match left_ms {
        // it went between GET and PTTL: it was there
        -2 => now,
        ..0 => NEVER,
        left_ms => now.saturating_add_signed(left_ms),
    }
}

/// What a reply to GET says; `ttl_ms` is that of PTTL, where it was asked.
pub(super) fn decode(value: Value, ttl_ms: Option<i64>, now: Millis, offset: Offset) -> Answer {
    let bytes: Bytes = match value {
        Value::Nil => return Answer::Absent,
        Value::BulkString(bytes) => bytes.into(),
        Value::SimpleString(text) => text.into(),
        Value::Okay => Bytes::from_static(b"OK"),
        Value::VerbatimString { text, .. } => text.into(),
        Value::Int(number) => number.to_string().into(),
        _ => return Answer::Damaged,
    };
    let found = match wire::read(&bytes) {
        None => None,
        Some(Stored::Plain(tag, bytes)) => {
            let deadline = ttl_ms.map_or(NEVER, |left_ms| deadline_of(left_ms, now));
            Some((Record::new(tag, bytes, deadline), ttl_ms.is_some()))
        }
        Some(Stored::Tagged(head, payload)) => {
            tagged(head, payload, now, offset).map(|record| (record, true))
        }
    };
    match found {
        Some((record, known_ttl)) => Answer::Found { record, known_ttl },
        None => Answer::Damaged,
    }
}
fn tagged(head: Head, payload: Bytes, now: Millis, offset: Offset) -> Option<Record> {
    let bytes = if head.zstd {
        let payload: Bytes = compress::inflate(&payload)?.into();
        if matches!(head.tag, Tag::Json | Tag::Text) {
            simdutf8::basic::from_utf8(&payload).ok()?;
        }
        payload
    } else {
        payload
    };
    // Redis gave it, so it lives: only what has a stale window may be past its deadline
    let stale_until = offset.to_local(head.stale_until).max(now);
    let deadline =
        if head.deadline == head.stale_until { stale_until } else { offset.to_local(head.deadline) };
    Some(Record { tag: head.tag, deadline, stale_until, tags: head.tags, bytes })
}
