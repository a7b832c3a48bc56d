//! How an interval moves the limit. Three ways, one account of what happened.
//!
//! 'gradient' follows Gradient2 of Netflix's concurrency-limits (Apache-2.0, `Gradient2Limit`): a long exponential average
//! of the latency over 600 intervals (the plain average of the first 10) is held against that of late; while late is no more than 1.5 times long the limit
//! creeps up by a small queue of 4, else it shrinks in that ratio, to half at the worst, each smoothed by 0.2. A long average that is more than
//! twice the late one, as after an overload, decays by 5 % each time. Ours differs in two points: it grows only when the limit
//! was reached, and failures lower it too, as in 'aimd'.

use super::books::Interval;
use super::types::{Adapt, Algorithm, Why};

/// What a shrinking limit is multiplied with.
const BACKOFF: f64 = 0.7;
/// So many intervals in a row without any success are an outage: with the one in which it began, five.
const OUTAGE_INTERVALS: u32 = 4;
const LONG: f64 = 600.0;
const WARM_UP: f64 = 10.0;
const TOLERANCE: f64 = 1.5;
const SMOOTHING: f64 = 0.2;
const QUEUE: f64 = 4.0;
const STEEPEST: f64 = 0.5;
const RECOVERY: f64 = 0.95;

/// What learns.
#[derive(Debug, Clone)]
pub struct Adjuster {
    rules: Adapt,
    /// The limit with its fraction; only 'gradient' has one.
    estimate: f64,
    long_ms: f64,
    /// Intervals that are in the long average.
    learnt: f64,
    /// Intervals in a row in which nothing succeeded.
    dry: u32,
}
impl Adjuster {
    /// Starts at a limit.
    pub fn new(rules: Adapt, limit: u64) -> Self {
        Self { rules, estimate: limit as f64, long_ms: 0.0, learnt: 0.0, dry: 0 }
    }
    /// Its options.
    pub fn rules(&self) -> &Adapt {
        &self.rules
    }
    /// The limit was set by hand.
    pub fn set(&mut self, limit: u64) {
        self.estimate = limit as f64;
    }
    /// The limit after an interval, and why it moved; always within its bounds.
    pub fn decide(&mut self, limit: u64, interval: &Interval) -> Option<(u64, Why)> {
        self.dry = if interval.successes == 0 { self.dry.saturating_add(1) } else { 0 };
        let (to, why) = match self.rules.algorithm {
            Algorithm::Step | Algorithm::Aimd => self.by_rule(limit, interval)?,
            Algorithm::Gradient => self.by_gradient(limit, interval)?,
        };
        let to = to.clamp(self.rules.min, self.rules.max.max(self.rules.min));
        (to != limit).then_some((to, why))
    }
    /// Whether an interval was bad, and in what.
    fn bad(&self, interval: &Interval, latency_ms: f64) -> Option<Why> {
        if self.dry >= OUTAGE_INTERVALS && self.rules.algorithm != Algorithm::Step {
            return Some(Why::Outage);
        }
        if interval.success_rate() < self.rules.success_rate_below {
            return Some(Why::Failures);
        }
        (latency_ms > self.rules.latency_above_ms).then_some(Why::Slow)
    }
    fn lower(&self, limit: u64, why: Why) -> u64 {
        if why == Why::Outage {
            return self.rules.min;
        }
        let one_less = limit.saturating_sub(1);
        if self.rules.algorithm == Algorithm::Step {
            one_less
        } else {
            one_less.min((limit as f64 * BACKOFF) as u64)
        }
    }
    fn by_rule(&self, limit: u64, interval: &Interval) -> Option<(u64, Why)> {
        let latency_ms = interval.average_latency_ms().unwrap_or(0.0);
        if let Some(why) = self.bad(interval, latency_ms) {
            return Some((self.lower(limit, why), why));
        }
        let healthy = interval.success_rate() > self.rules.success_rate_above
            && latency_ms < self.rules.latency_below_ms;
        (healthy && interval.in_use).then_some((limit.saturating_add(1), Why::Healthy))
    }
    fn by_gradient(&mut self, limit: u64, interval: &Interval) -> Option<(u64, Why)> {
        // failures only: what is slow is what the gradient itself looks at
        if let Some(why) = self.bad(interval, 0.0) {
            let to = self.lower(limit, why);
            self.estimate = to as f64;
            return Some((to, why));
        }
        let short_ms = interval.average_latency_ms()?.max(f64::MIN_POSITIVE);
        let long_ms = self.learn(short_ms);
        let gradient = (TOLERANCE * long_ms / short_ms).clamp(STEEPEST, 1.0);
        if gradient >= 1.0 && !interval.in_use {
            return None;
        }
        let aim = self.estimate * gradient + QUEUE;
        let estimate = self.estimate * (1.0 - SMOOTHING) + aim * SMOOTHING;
        // a limit that nobody reaches is not raised by the queue's share either
        self.estimate = if interval.in_use { estimate } else { estimate.min(self.estimate) };
        self.estimate = self.estimate.clamp(self.rules.min as f64, self.rules.max.max(self.rules.min) as f64);
        Some((self.estimate as u64, Why::Gradient))
    }
    /// The long average after one more interval.
    fn learn(&mut self, short_ms: f64) -> f64 {
        self.learnt += 1.0;
        let share = if self.learnt <= WARM_UP { 1.0 / self.learnt } else { 2.0 / (LONG + 1.0) };
        self.long_ms += (short_ms - self.long_ms) * share;
        if self.long_ms > 2.0 * short_ms {
            self.long_ms *= RECOVERY;
        }
        self.long_ms
    }
}
