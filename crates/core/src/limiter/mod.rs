//! Limiters: one that learns how much its upstream bears, and one that keeps a limit per key. How the parts fit:
//! docs/design/limiter.md.

pub mod adaptive;
pub mod headers;
pub mod keyed;
pub mod lease;
pub mod sharing;

/// Whole milliseconds of elapsed time.
pub type Millis = u64;
