//! The books of one interval: what the work said, not what the waiting took.

use super::super::Millis;
use super::types::Report;

/// What an interval has shown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Interval {
    /// Results that were successes.
    pub successes: u64,
    /// Results that were failures, timeouts among them.
    pub failures: u64,
    /// Sum of the latencies, milliseconds.
    pub latency_ms: f64,
    /// How many are in the sum.
    pub latencies: u64,
    /// The limit was reached: somebody waited or was refused, or nothing was left.
    pub in_use: bool,
}
impl Interval {
    /// Successes and failures.
    pub fn results(&self) -> u64 {
        self.successes + self.failures
    }
    /// 0 to 1; 1 without results.
    pub fn success_rate(&self) -> f64 {
        if self.results() == 0 { 1.0 } else { self.successes as f64 / self.results() as f64 }
    }
    /// Milliseconds; None: nobody said.
    pub fn average_latency_ms(&self) -> Option<f64> {
        (self.latencies > 0).then(|| self.latency_ms / self.latencies as f64)
    }
}

/// The interval that runs, and when it ends.
#[derive(Debug, Clone, Default)]
pub struct Books {
    running: Interval,
    ends: Option<Millis>,
}
impl Books {
    /// Enters what a thread has done.
    pub fn enter(&mut self, report: &Report) {
        let running = &mut self.running;
        running.successes += report.successes;
        running.failures += report.failures;
        if report.latency_ms.is_finite() && report.latency_ms >= 0.0 {
            running.latency_ms += report.latency_ms;
            running.latencies += report.latencies;
        }
        running.in_use |= report.full;
    }
    /// The limit was reached.
    pub fn in_use(&mut self) {
        self.running.in_use = true;
    }
    /// The interval, when it is over and has a result. One without a result goes on: silence says nothing.
    pub fn close(&mut self, now: Millis, interval_ms: Millis) -> Option<Interval> {
        let ends = *self.ends.get_or_insert(now.saturating_add(interval_ms));
        if now < ends || self.running.results() == 0 {
            return None;
        }
        self.ends = Some(now.saturating_add(interval_ms));
        Some(std::mem::take(&mut self.running))
    }
    /// When the running interval may be closed; None: none runs.
    pub fn ends(&self) -> Option<Millis> {
        self.ends
    }
}
