//! Keys and payloads on their way in and out.

use crate::error::raise;
use napi::bindgen_prelude::{Buffer, FromNapiValue, ToNapiValue};
use napi::{Env, JsValue, Status, Unknown, check_status, sys};
use sluice_core::cache::{NEVER, Tag};
use sluice_core::error::{Error, Kind};
use sluice_io::cache::{CopyHit, Hit, Reply, Seen};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of one reply, in this order: id, status, tag, tier, deadline, nearUntil, staleUntil, quality, cell,
/// epoch, era. Status: 0 found, 1 missed, 2 failed (the payload is an error), 3 known to be absent.
const FIELDS: usize = 11;
/// How many replies are settled in one call.
pub const READS_AT_ONCE: usize = 256;
/// What does not fit on the stack is copied to the heap first.
const STACK_BYTES: usize = 512;
/// From here on a Buffer takes the bytes over instead of copying them.
const LARGE_BYTES: usize = 64 * 1024;

/// Numbers that cross without an object being made of them: an array of the environment that JavaScript sees too.
pub struct Numbers(Arc<[AtomicU64]>);
impl Numbers {
    /// Room for as many replies as are settled at once.
    pub fn new() -> Self {
        Self((0..FIELDS * READS_AT_ONCE).map(|_| AtomicU64::new(0)).collect())
    }
    /// The memory, to be shown as a Float64Array.
    pub fn cells(&self) -> &Arc<[AtomicU64]> {
        &self.0
    }
    /// Writes numbers from a place on.
    pub fn put(&self, from: usize, numbers: &[f64]) {
        for (cell, number) in self.0.iter().skip(from).zip(numbers) {
            cell.store(number.to_bits(), Ordering::Relaxed);
        }
    }
    fn reply(&self, at: usize, id: u32, status: u32) {
        self.put(at * FIELDS, &[f64::from(id), f64::from(status)]);
    }
    fn hit(&self, at: usize, id: u32, seen: &Seen, rest: [f64; 6]) {
        let [tag, tier, deadline, near_until, stale_until, quality] = rest;
        let (cell, epoch, era) = (f64::from(seen.cell), f64::from(seen.epoch), f64::from(seen.era));
        let id = f64::from(id);
        self.put(
            at * FIELDS,
            &[id, 0.0, tag, tier, deadline, near_until, stale_until, quality, cell, epoch, era],
        );
    }
}
/// A time as JavaScript says it.
pub fn time(millis: u64) -> f64 {
    if millis == NEVER { f64::INFINITY } else { millis as f64 }
}

/// Says that no tier has a key; `known` where that had been remembered.
pub fn miss(numbers: &Numbers, known: bool) {
    numbers.reply(0, 0, if known { 3 } else { 1 });
}
/// The payload of a copy in memory; its numbers come first in `numbers`.
pub fn copy_value(env: &Env, numbers: &Numbers, hit: &CopyHit) -> napi::Result<sys::napi_value> {
    let copy = &hit.copy;
    let rest = [
        f64::from(copy.tag() as u8),
        1.0,
        time(copy.deadline()),
        time(hit.near_until),
        time(copy.stale_until()),
        0.0,
    ];
    numbers.hit(0, 0, &hit.seen, rest);
    payload(env, copy.tag(), copy.bytes())
}
/// The payload of what was found; its numbers come at that place.
pub fn hit_value(
    env: &Env,
    numbers: &Numbers,
    at: usize,
    id: u32,
    hit: &Hit,
) -> napi::Result<sys::napi_value> {
    let found = &hit.found;
    let record = &found.record;
    let rest = [
        f64::from(record.tag as u8),
        f64::from(found.tier as u8),
        time(record.deadline),
        time(found.near_until),
        time(record.stale_until),
        f64::from(found.quality as u8),
    ];
    numbers.hit(at, id, &hit.seen, rest);
    if matches!(record.tag, Tag::Bytes | Tag::V8) && record.bytes.len() >= LARGE_BYTES {
        // SAFETY: on the event loop, with its environment.
        return unsafe {
            ToNapiValue::to_napi_value(env.raw(), Buffer::from(Vec::from(record.bytes.clone())))
        };
    }
    payload(env, record.tag, &record.bytes)
}
/// The value of a reply at that place of a batch.
pub fn reply_value(env: &Env, numbers: &Numbers, at: usize, reply: &Reply) -> napi::Result<sys::napi_value> {
    let id = reply.who as u32;
    match &reply.result {
        Ok(Some(hit)) => hit_value(env, numbers, at, id, hit),
        Ok(None) => {
            numbers.reply(at, id, 1);
            crate::completion::undefined(env.raw())
        }
        Err(error) => {
            numbers.reply(at, id, 2);
            Ok(env.create_string(error.to_json())?.raw())
        }
    }
}

/// The payload of a value.
pub fn payload(env: &Env, tag: Tag, bytes: &[u8]) -> napi::Result<sys::napi_value> {
    match tag {
        Tag::Json | Tag::Text => Ok(crate::text::string(env, bytes)?.raw()),
        Tag::Bytes | Tag::V8 => {
            let (mut value, mut data) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: copies from a slice that outlives the call.
            check_status!(unsafe {
                sys::napi_create_buffer_copy(
                    env.raw(),
                    bytes.len(),
                    bytes.as_ptr().cast(),
                    &mut data,
                    &mut value,
                )
            })?;
            Ok(value)
        }
    }
}

/// Calls with the UTF-8 of a string, without allocating where it is short. A lone surrogate is refused: it would
/// become U+FFFD and keys would merge.
pub fn with_text<R>(
    env: &Env,
    value: &Unknown<'_>,
    what: &str,
    call: impl FnOnce(&[u8]) -> napi::Result<R>,
) -> napi::Result<R> {
    let mut stack = [0u8; STACK_BYTES];
    let mut length = 0;
    // SAFETY: at most as many bytes are written as are said to be there.
    check_status!(unsafe {
        sys::napi_get_value_string_utf8(
            env.raw(),
            value.raw(),
            stack.as_mut_ptr().cast(),
            stack.len(),
            &mut length,
        )
    })?;
    // it may have been cut, before the last character that did not fit
    if length + 4 < stack.len() {
        let bytes = stack.get(..length).unwrap_or_default();
        check_text(env, value, what, bytes)?;
        return call(bytes);
    }
    call(&text(env, value, what)?)
}
/// The UTF-8 of a string.
pub fn text(env: &Env, value: &Unknown<'_>, what: &str) -> napi::Result<Vec<u8>> {
    let mut length = 0;
    // SAFETY: asks for the length only.
    check_status!(unsafe {
        sys::napi_get_value_string_utf8(env.raw(), value.raw(), ptr::null_mut(), 0, &mut length)
    })?;
    let mut bytes = vec![0u8; length + 1];
    // SAFETY: as many bytes are there as are said, the closing zero included.
    check_status!(unsafe {
        sys::napi_get_value_string_utf8(
            env.raw(),
            value.raw(),
            bytes.as_mut_ptr().cast(),
            bytes.len(),
            &mut length,
        )
    })?;
    bytes.truncate(length);
    check_text(env, value, what, &bytes)?;
    Ok(bytes)
}
fn check_text(env: &Env, value: &Unknown<'_>, what: &str, bytes: &[u8]) -> napi::Result<()> {
    // U+FFFD is rare, and what V8 writes for a lone surrogate
    if bytes.is_ascii() || memchr::memmem::find(bytes, b"\xef\xbf\xbd").is_none() {
        return Ok(());
    }
    let mut length = 0;
    // SAFETY: asks for the length, then gives room for it and the closing zero.
    let units = unsafe {
        check_status!(sys::napi_get_value_string_utf16(
            env.raw(),
            value.raw(),
            ptr::null_mut(),
            0,
            &mut length
        ))?;
        let mut units = vec![0u16; length + 1];
        let (data, room) = (units.as_mut_ptr(), units.len());
        check_status!(sys::napi_get_value_string_utf16(env.raw(), value.raw(), data, room, &mut length))?;
        units.truncate(length);
        units
    };
    if char::decode_utf16(units).any(|unit| unit.is_err()) {
        let error = Error::new(Kind::Value).with("what", what).with("detail", "it holds a lone surrogate");
        return Err(raise(&error));
    }
    Ok(())
}
/// The bytes of a payload: a string's UTF-8, or a copy of a Buffer's.
pub fn bytes_of(env: &Env, value: &Unknown<'_>, tag: Tag) -> napi::Result<bytes::Bytes> {
    match tag {
        Tag::Json | Tag::Text => Ok(text(env, value, "a value")?.into()),
        Tag::Bytes | Tag::V8 => {
            // SAFETY: the value is of this environment; the slice is copied before anything else runs.
            let slice = unsafe { <&[u8]>::from_napi_value(env.raw(), value.raw()) }?;
            Ok(bytes::Bytes::copy_from_slice(slice))
        }
    }
}
/// Calls with the bytes of a payload, which are copied only where a string is long.
pub fn with_payload<R>(
    env: &Env,
    value: &Unknown<'_>,
    tag: Tag,
    call: impl FnOnce(&[u8]) -> napi::Result<R>,
) -> napi::Result<R> {
    match tag {
        Tag::Json | Tag::Text => with_text(env, value, "a value", call),
        // SAFETY: the value is of this environment; no JavaScript runs while the slice is used.
        Tag::Bytes | Tag::V8 => call(unsafe { <&[u8]>::from_napi_value(env.raw(), value.raw()) }?),
    }
}
/// The tag of that number.
pub fn tag(number: u32) -> napi::Result<Tag> {
    let known = u8::try_from(number).ok().and_then(Tag::from_u8);
    known.ok_or_else(|| napi::Error::new(Status::InvalidArg, "no such tag"))
}
