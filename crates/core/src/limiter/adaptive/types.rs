//! What the limiter is told and what it says.

use super::super::Millis;

/// A thread that uses the limiter.
pub type MemberId = u32;

/// What moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Permits per window.
    Limit,
    /// Work in flight.
    Concurrency,
}

/// How it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// One up, one down.
    Step,
    /// One up, times 0.7 down.
    Aimd,
    /// Latency of late against that of long.
    Gradient,
}

/// The options of what learns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adapt {
    /// What moves.
    pub target: Target,
    /// Never below; at least 1.
    pub min: u64,
    /// Never above.
    pub max: u64,
    /// One adjustment in so many milliseconds at most.
    pub interval_ms: Millis,
    /// The success rate, 0 to 1, above which it may grow.
    pub success_rate_above: f64,
    /// The average latency below which it may grow, milliseconds.
    pub latency_below_ms: f64,
    /// The success rate below which it shrinks.
    pub success_rate_below: f64,
    /// The average latency above which it shrinks, milliseconds.
    pub latency_above_ms: f64,
    /// How.
    pub algorithm: Algorithm,
}

/// A limiter's options, all decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// Permits per window; 0: no window.
    pub limit: u64,
    /// The window; also how long a hold lasts at most.
    pub window_ms: Millis,
    /// Work in flight at once; 0: not limited.
    pub concurrency: u64,
    /// What learns, if anything does.
    pub adapt: Option<Adapt>,
    /// Waiters at most.
    pub max_queue: u64,
}

/// What a thread did without crossing, since it crossed last.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Report {
    /// Calls that were admitted from the cells, or joined a line that was there.
    pub requests: u64,
    /// Results that were successes.
    pub successes: u64,
    /// Results that were failures.
    pub failures: u64,
    /// Sum of the latencies, milliseconds.
    pub latency_ms: f64,
    /// How many latencies are in the sum.
    pub latencies: u64,
    /// Weight that the thread has taken and not released: not since the last crossing, but now.
    pub held: u64,
    /// Concurrency was used up at some time.
    pub full: bool,
    /// Of `requests`, how many had to wait without a crossing.
    pub throttled: u64,
    /// How many were refused without a crossing, or waited in vain.
    pub rejected: u64,
    /// How many wait in this thread now, and what all of them want.
    pub waiting: u64,
    /// See `waiting`.
    pub wanted: u64,
    /// So many of the first of them want `weight` each.
    pub first: u64,
    /// See `first`.
    pub weight: u64,
}

/// What becomes of a call of `acquire`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may go.
    Taken,
    /// It waits for its turn.
    Waits,
    /// As many wait as may.
    Full,
}

/// Why a limit was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Fast, successful and in use.
    Healthy,
    /// Too few successes.
    Failures,
    /// Too slow.
    Slow,
    /// Nothing has succeeded for so many intervals.
    Outage,
    /// Latency moved against its long average.
    Gradient,
    /// To see what the latency is without a queue of our own, and back.
    Probe,
}

/// What a thread is to be told, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The turn of so many of its first has come, each for this weight.
    Granted {
        /// What each of them wants.
        weight: u64,
        /// How many.
        count: u64,
    },
    /// The limit was moved.
    Adjusted {
        /// It was.
        from: u64,
        /// It is.
        to: u64,
        /// Why.
        why: Why,
    },
}

/// How the limiter stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Status {
    /// Permits per window now; 0: no window.
    pub limit: u64,
    /// Of those, how many are free at this moment; without a window, of concurrency.
    pub tokens: u64,
    /// The window.
    pub window_ms: Millis,
    /// Work in flight at once now; 0: not limited.
    pub concurrency: u64,
    /// Weight in flight.
    pub in_flight: u64,
    /// How many wait.
    pub queued: u64,
    /// Bounds of what moves; both are the limit itself when nothing does.
    pub min: u64,
    /// See `min`.
    pub max: u64,
    /// What was counted.
    pub stats: Stats,
}

/// What has been counted since the start, or since `reset_stats`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stats {
    /// Calls that asked for a permit.
    pub requests: u64,
    /// Of those, how many had to wait.
    pub throttled: u64,
    /// How many got none: refused, timed out, no place to wait.
    pub rejected: u64,
    /// Results that were successes.
    pub successes: u64,
    /// Results that were failures.
    pub failures: u64,
    /// Sum of the latencies, milliseconds.
    pub latency_ms: f64,
    /// How many are in the sum.
    pub latencies: u64,
    /// When the limit was moved last; None: never.
    pub last_adjustment: Option<Millis>,
    /// How often it went up.
    pub raised: u64,
    /// How often it went down.
    pub lowered: u64,
}
impl Stats {
    /// 1 before the first result.
    pub fn success_rate(&self) -> f64 {
        let results = self.successes + self.failures;
        if results == 0 { 1.0 } else { self.successes as f64 / results as f64 }
    }
    /// Milliseconds of service; 0 before the first.
    pub fn average_latency_ms(&self) -> f64 {
        if self.latencies == 0 { 0.0 } else { self.latency_ms / self.latencies as f64 }
    }
}
