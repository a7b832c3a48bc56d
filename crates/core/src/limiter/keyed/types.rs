//! What the table is told and what it says.

use super::super::Millis;

/// How a key's limit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// A sliding log: in no window more than the limit.
    Exact,
    /// Two buckets: the estimate of a sliding window.
    Counter,
    /// The generic cell rate algorithm: a burst of the limit, then evenly.
    Gcra,
}

/// A table's options, all decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How.
    pub algorithm: Algorithm,
    /// Below 2^31.
    pub window_ms: Millis,
    /// Permits per key and window.
    pub limit: u32,
    /// Keys at most.
    pub max_keys: u32,
    /// Bytes at most, of everything.
    pub max_bytes: u64,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decision {
    /// It may pass.
    pub allowed: bool,
    /// Permits left.
    pub remaining: u64,
    /// The limit that it was held to.
    pub limit: u64,
    /// 0 when allowed; else when to ask again: not earlier, and then it passes if nobody else has. A window for what can never pass.
    pub retry_after_ms: Millis,
    /// Until the whole limit is free again.
    pub reset_ms: Millis,
}

/// What has been counted since the start, or since `reset_stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Checks that passed.
    pub allowed: u64,
    /// Checks that did not.
    pub denied: u64,
    /// Keys that were forgotten early for room: they start afresh.
    pub evicted: u64,
}
