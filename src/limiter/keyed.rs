//! The keyed limiter: keys become 64 bits of a hash that only this process can tell.

use super::shared::Names;
use super::{KEYED_NUMBERS, Numbers, whole};
use crate::cache::key::with_key;
use crate::cells::expose_numbers;
use crate::error::Guarded;
use crate::external::External;
use napi::bindgen_prelude::{Array, Uint8Array};
use napi::{Env, JsValue, Unknown, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use sluice_core::limiter::keyed::{Algorithm, Config, Table};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

/// One secret for the process, so that threads that share a table agree.
static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

struct Shared(Mutex<Guarded<Table>>);
/// A table in the hands of the shell.
pub struct Held {
    shared: Arc<Shared>,
    name: Option<String>,
    left: AtomicBool,
    prefix: Vec<u8>,
    numbers: Numbers,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leave();
    }
}

static NAMES: Names<Config, Shared> = Names::new();

/// Opens a table, or joins the one of that name. `algorithm`: 0 exact, 1 counter, 2 gcra.
#[napi(catch_unwind)]
pub fn keyed_open(
    algorithm: u32,
    window_ms: f64,
    max_requests: u32,
    max_keys: u32,
    max_bytes: f64,
    key_prefix: String,
    name: Option<String>,
) -> napi::Result<External<Held>> {
    let algorithm = match algorithm {
        1 => Algorithm::Counter,
        2 => Algorithm::Gcra,
        _ => Algorithm::Exact,
    };
    let max_bytes = whole(max_bytes);
    let config = Config { algorithm, window_ms: whole(window_ms), limit: max_requests, max_keys, max_bytes };
    let shared = NAMES.open(name.as_deref(), &config, || {
        Arc::new(Shared(Mutex::new(Guarded::new("KeyedLimiter", Table::new(config)))))
    })?;
    Ok(External::new(Held {
        shared,
        name,
        left: AtomicBool::new(false),
        prefix: key_prefix.into_bytes(),
        numbers: Numbers::new(KEYED_NUMBERS),
    }))
}
/// What the last call found, as a Float64Array: remaining, limit, retryAfterMs, resetMs, windowMs; size, bytes, allowed, denied, evicted.
#[napi(catch_unwind)]
pub fn keyed_numbers<'env>(env: &'env Env, held: &External<Held>) -> napi::Result<Unknown<'env>> {
    expose_numbers(env, held.numbers.0.clone())
}
/// 1 allowed, 0 denied; the numbers stay as they were.
#[napi(catch_unwind)]
pub fn keyed_check(
    env: &Env,
    held: &External<Held>,
    key: Unknown<'_>,
    weight: u32,
    now: f64,
) -> napi::Result<u32> {
    let hash = held.hash(env.raw(), key.raw())?;
    held.call(|table| u32::from(table.check(hash, weight, None, whole(now))))
}
/// The same with the numbers; `limit` is the key's own, or negative.
#[napi(catch_unwind)]
pub fn keyed_look(
    env: &Env,
    held: &External<Held>,
    key: Unknown<'_>,
    weight: u32,
    limit: f64,
    now: f64,
) -> napi::Result<u32> {
    let hash = held.hash(env.raw(), key.raw())?;
    let (found, window_ms) =
        held.call(|table| (table.look(hash, weight, own(limit), whole(now)), table.window_ms()))?;
    held.numbers.put_found(&found, window_ms);
    Ok(u32::from(found.allowed))
}
/// Many at once, in order: 1 or 0 for each into `out`, which is as long.
#[napi(catch_unwind)]
pub fn keyed_many(
    env: &Env,
    held: &External<Held>,
    keys: Array<'_>,
    mut out: Uint8Array,
    now: f64,
) -> napi::Result<()> {
    let mut hashes = Vec::with_capacity(keys.len() as usize);
    for at in 0..keys.len() {
        let key: Option<Unknown<'_>> = keys.get(at)?;
        hashes.push(match key {
            Some(key) => held.hash(env.raw(), key.raw())?,
            None => 0,
        });
    }
    // SAFETY: the array is the caller's, on this thread, and nothing else looks at it during the call.
    let out = unsafe { out.as_mut() };
    held.call(|table| {
        for (out, &hash) in out.iter_mut().zip(&hashes) {
            *out = u8::from(table.check(hash, 1, None, whole(now)));
        }
    })
}
/// Milliseconds; 0: now.
#[napi(catch_unwind)]
pub fn keyed_retry_after(
    env: &Env,
    held: &External<Held>,
    key: Unknown<'_>,
    weight: u32,
    limit: f64,
    now: f64,
) -> napi::Result<f64> {
    let hash = held.hash(env.raw(), key.raw())?;
    held.call(|table| table.retry_after(hash, weight, own(limit), whole(now)) as f64)
}
/// Another limit and window.
#[napi(catch_unwind)]
pub fn keyed_update(held: &External<Held>, max_requests: u32, window_ms: f64) -> napi::Result<()> {
    held.call(|table| table.update(max_requests, whole(window_ms)))
}
/// The key starts afresh.
#[napi(catch_unwind)]
pub fn keyed_reset(env: &Env, held: &External<Held>, key: Unknown<'_>) -> napi::Result<()> {
    let hash = held.hash(env.raw(), key.raw())?;
    held.call(|table| table.reset(hash))
}
/// All keys do.
#[napi(catch_unwind)]
pub fn keyed_reset_all(held: &External<Held>) -> napi::Result<()> {
    held.call(Table::reset_all)
}
/// Size, bytes and counts, into the numbers.
#[napi(catch_unwind)]
pub fn keyed_stats(held: &External<Held>) -> napi::Result<()> {
    let (size, bytes, stats) = held.call(|table| (table.size(), table.bytes(), table.stats()))?;
    held.numbers.put_counts([u64::from(size), bytes, stats.allowed, stats.denied, stats.evicted]);
    Ok(())
}
/// Counts anew.
#[napi(catch_unwind)]
pub fn keyed_reset_stats(held: &External<Held>) -> napi::Result<()> {
    held.call(Table::reset_stats)
}
/// Drops some keys that are over; true: there may be more.
#[napi(catch_unwind)]
pub fn keyed_sweep(held: &External<Held>, now: f64) -> napi::Result<bool> {
    held.call(|table| table.sweep(whole(now), SWEEP))
}
/// It is used no more: its name is free when nobody else has it open.
#[napi(catch_unwind)]
pub fn keyed_leave(held: &External<Held>) {
    held.leave();
}
/// Keys of one sweep.
const SWEEP: u32 = 1000;

fn own(limit: f64) -> Option<u32> {
    (limit >= 0.0).then_some(limit as u32)
}
impl Held {
    fn leave(&self) {
        if !self.left.swap(true, Relaxed) {
            NAMES.leave(self.name.as_deref());
        }
    }
    fn hash(&self, env: sys::napi_env, key: sys::napi_value) -> napi::Result<u64> {
        with_key(env, key, &self.prefix, |bytes| {
            let mut hasher = SECRET.build_hasher();
            hasher.write(bytes);
            hasher.finish()
        })
    }
    fn call<R>(&self, call: impl FnOnce(&mut Table) -> R) -> napi::Result<R> {
        self.shared.0.lock().call(|table| Ok(call(table)))
    }
}
