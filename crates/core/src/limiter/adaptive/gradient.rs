//! 'gradient': latency of late against that of long. It follows Gradient2 of Netflix's concurrency-limits (Apache-2.0,
//! `Gradient2Limit`): a long exponential average of the latency over 600 intervals (the plain average of the first 10) is
//! held against that of late; while late is no more than 1.5 times long the limit creeps up by a small queue of 4, else it
//! shrinks in that ratio, to half at the worst, each smoothed by 0.2. A long average that is more than twice the late one, as
//! after an overload, decays by 5 % each time.
//!
//! There, the queue that a standing overload makes flows into the long average, which lets the limit grow, which makes the
//! queue longer: it drifts to its maximum in a few thousand intervals. So ours differs:
//! - while the limit is in use the long average never learns a rise. It may be our own queue, or the upstream that became
//!   slower; a probe tells: with half the limit, but for the small queue, for as long as work of now may last, and one
//!   interval more, whose latency is the new long average.
//! - it grows only when the limit was reached, and failures lower it too, as in 'aimd'.
//!
//! An upstream that serves C at once without delay, and more of them in proportion slower, is so met at 1.5 x C + 4.

use super::books::Interval;
use super::types::{Adapt, Why};

const LONG: f64 = 600.0;
const WARM_UP: f64 = 10.0;
const TOLERANCE: f64 = 1.5;
const SMOOTHING: f64 = 0.2;
const QUEUE: f64 = 4.0;
const STEEPEST: f64 = 0.5;
const RECOVERY: f64 = 0.95;
/// A rise that is worth a probe.
const RISEN: f64 = 1.05;
/// Intervals between the end of a probe and the next.
const BETWEEN_PROBES: u32 = 30;
/// What is left during a probe of the limit without its small queue: were that counted, a limit of 16 would look right to itself
/// wherever the capacity is below 8.
const PROBE: f64 = 0.5;
/// Intervals that a probe waits at most for the work that was there before.
const MAX_SETTLING: f64 = 10.0;

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// So many intervals since the last probe.
    Steady(u32),
    /// So many intervals until what is measured is the halved limit's.
    Settling(u32),
}

/// What 'gradient' remembers.
#[derive(Debug, Clone)]
pub(super) struct Gradient {
    /// The limit with its fraction; during a probe, what it was.
    estimate: f64,
    long_ms: f64,
    /// Intervals that are in the long average.
    learnt: f64,
    phase: Phase,
}
impl Gradient {
    pub(super) fn new(limit: u64) -> Self {
        Self { estimate: limit as f64, long_ms: 0.0, learnt: 0.0, phase: Phase::Steady(0) }
    }
    /// The limit was set by hand, or by a failure: what was being probed is over.
    pub(super) fn set(&mut self, limit: u64) {
        self.estimate = limit as f64;
        self.phase = Phase::Steady(0);
    }
    /// The limit after an interval without trouble; None: as it is.
    pub(super) fn next(&mut self, interval: &Interval, rules: &Adapt) -> Option<(u64, Why)> {
        let short_ms = interval.average_latency_ms()?.max(f64::MIN_POSITIVE);
        let (min, max) = (rules.min as f64, rules.max.max(rules.min) as f64);
        match self.phase {
            Phase::Settling(0) => {
                self.long_ms = short_ms;
                self.phase = Phase::Steady(0);
                // what was measured is the halved limit's: it says nothing of the whole one but the average
                return Some((self.estimate as u64, Why::Probe));
            }
            Phase::Settling(left) => {
                self.phase = Phase::Settling(left - 1);
                return None;
            }
            Phase::Steady(since) => self.phase = Phase::Steady(since.saturating_add(1)),
        }
        self.learn(short_ms, interval.in_use);
        if self.is_probe_due(short_ms, interval) {
            let settling = (short_ms / rules.interval_ms.max(1) as f64).ceil().clamp(1.0, MAX_SETTLING);
            self.phase = Phase::Settling(settling as u32);
            return Some((((self.estimate - QUEUE) * PROBE).max(min) as u64, Why::Probe));
        }
        let gradient = (TOLERANCE * self.long_ms / short_ms).clamp(STEEPEST, 1.0);
        if gradient >= 1.0 && !interval.in_use {
            return None;
        }
        let aim = self.estimate * gradient + QUEUE;
        let estimate = self.estimate * (1.0 - SMOOTHING) + aim * SMOOTHING;
        // a limit that nobody reaches is not raised by the queue's share either
        self.estimate = if interval.in_use { estimate } else { estimate.min(self.estimate) };
        self.estimate = self.estimate.clamp(min, max);
        Some((self.estimate as u64, Why::Gradient))
    }
    fn is_probe_due(&self, short_ms: f64, interval: &Interval) -> bool {
        let rested = matches!(self.phase, Phase::Steady(since) if since > BETWEEN_PROBES);
        rested && interval.in_use && short_ms > RISEN * self.long_ms
    }
    /// One more interval flows into the long average.
    fn learn(&mut self, short_ms: f64, in_use: bool) {
        self.learnt += 1.0;
        let share = if self.learnt <= WARM_UP { 1.0 / self.learnt } else { 2.0 / (LONG + 1.0) };
        if self.learnt <= WARM_UP || !in_use || short_ms < self.long_ms {
            self.long_ms += (short_ms - self.long_ms) * share;
        }
        if self.long_ms > 2.0 * short_ms {
            self.long_ms *= RECOVERY;
        }
    }
}
