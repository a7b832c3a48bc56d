//! The keys that one buffer has seen, in the hands of the shell, which keeps what belongs to each by its slot.

use crate::cache::with_text;
use crate::error::contain;
use crate::external::External;
use napi::{Env, Unknown};
use napi_derive::napi;
use sluice_core::batch::{Claim, Millis, Seen};
use sluice_core::error::{Error, Kind};

/// Milliseconds as they cross; Infinity is None.
fn ttl(ms: f64) -> Option<Millis> {
    ms.is_finite().then_some(ms as Millis)
}
fn slot_number(slot: Option<u32>) -> f64 {
    slot.map_or(-1.0, f64::from)
}

/// The keys of a buffer: at most so many that are done, each for so long.
#[napi(catch_unwind)]
pub fn seen_open(limit: u32, ttl_ms: f64) -> External<Seen> {
    External::new(Seen::new(limit as usize, ttl(ttl_ms)))
}
/// Asks for a key: 4 x its slot, + 0 fresh, + 1 pending, + 2 done.
#[napi(catch_unwind)]
pub fn seen_claim(env: &Env, seen: &mut External<Seen>, key: Unknown<'_>, now: f64) -> napi::Result<f64> {
    with_text(env, &key, "a key", |key| {
        let text = contain("idempotency", || {
            std::str::from_utf8(key).map_err(|_| Error::new(Kind::Value).with("what", "a key"))
        });
        let text = text.map_err(|error| crate::error::raise(&error))?;
        Ok(match seen.claim(text, now as Millis) {
            Claim::Fresh(slot) => 4.0 * f64::from(slot),
            Claim::Pending(slot) => 4.0 * f64::from(slot) + 1.0,
            Claim::Done(slot) => 4.0 * f64::from(slot) + 2.0,
        })
    })
}
/// The key of that slot had its effect. The slot of a key that is forgotten for it, or -1.
#[napi(catch_unwind)]
pub fn seen_done(seen: &mut External<Seen>, slot: u32, now: f64) -> f64 {
    slot_number(seen.done(slot, now as Millis))
}
/// The same until a time of its own (Infinity: for good).
#[napi(catch_unwind)]
pub fn seen_done_until(seen: &mut External<Seen>, slot: u32, expires: f64, now: f64) -> f64 {
    slot_number(seen.done_until(slot, ttl(expires).unwrap_or(Millis::MAX), now as Millis))
}
/// The key of that slot had no effect after all.
#[napi(catch_unwind)]
pub fn seen_release(seen: &mut External<Seen>, slot: u32) {
    seen.release(slot);
}
