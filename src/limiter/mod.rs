//! The limiters: `lib/limiter/`. What each function does to the shared memory is in docs/design/limiter.md.

mod adaptive;
mod keyed;
mod nodes;
mod shared;

#[cfg(feature = "test-hooks")]
pub use adaptive::Held as AdaptiveHeld;

use napi_derive::napi;
use sluice_core::limiter::keyed::Decision;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds of one clock for all threads of the process, that never goes back: what a shared limiter's threads agree on.
#[napi(catch_unwind)]
pub fn limiter_now() -> f64 {
    BEGAN.elapsed().as_secs_f64() * 1000.0
}

// The numbers of a keyed handle, whether Redis keeps the limits or not.
const REMAINING: usize = 0;
const WINDOW_MS: usize = 4;
const SIZE: usize = 5;
const KEYED_NUMBERS: usize = 10;

/// Numbers that a handle shares with its shell, as bits.
struct Numbers(std::sync::Arc<[AtomicU64]>);
impl Numbers {
    fn new(length: usize) -> Self {
        Self((0..length).map(|_| AtomicU64::new(0)).collect())
    }
    fn get(&self, at: usize) -> f64 {
        self.0.get(at).map_or(0.0, |bits| f64::from_bits(bits.load(Relaxed)))
    }
    fn set(&self, at: usize, number: f64) {
        if let Some(bits) = self.0.get(at) {
            bits.store(number.to_bits(), Relaxed);
        }
    }
    fn put(&self, from: usize, numbers: &[f64]) {
        (from..).zip(numbers).for_each(|(at, &number)| self.set(at, number));
    }
    /// What a check of a key has found.
    fn put_found(&self, found: &Decision, window_ms: u64) {
        let &Decision { remaining, limit, retry_after_ms, reset_ms, .. } = found;
        self.put(REMAINING, &[remaining, limit, retry_after_ms, reset_ms].map(|number| number as f64));
        self.set(WINDOW_MS, window_ms as f64);
    }
    /// Size, bytes, allowed, denied, evicted.
    fn put_counts(&self, counts: [u64; 5]) {
        self.put(SIZE, &counts.map(|number| number as f64));
    }
    /// The number that was there, 0 from now on.
    fn take(&self, at: usize) -> f64 {
        let number = self.get(at);
        self.set(at, 0.0);
        number
    }
}

/// Whole milliseconds, or a whole count; what is no number is 0.
fn whole(number: f64) -> u64 {
    number as u64
}
