//! How an interval moves the limit. Three ways, one account of what happened; 'gradient' is in `gradient.rs`.

use super::books::Interval;
use super::gradient::Gradient;
use super::types::{Adapt, Algorithm, Why};

/// What a shrinking limit is multiplied with.
const BACKOFF: f64 = 0.7;
/// So many intervals in a row without any success are an outage: with the one in which it began, five.
const OUTAGE_INTERVALS: u32 = 4;

/// What learns.
#[derive(Debug, Clone)]
pub struct Adjuster {
    rules: Adapt,
    gradient: Gradient,
    /// Intervals in a row in which nothing succeeded.
    dry: u32,
}
impl Adjuster {
    /// Starts at a limit.
    pub fn new(rules: Adapt, limit: u64) -> Self {
        Self { rules, gradient: Gradient::new(limit), dry: 0 }
    }
    /// Its options.
    pub fn rules(&self) -> &Adapt {
        &self.rules
    }
    /// The limit was set by hand.
    pub fn set(&mut self, limit: u64) {
        self.gradient.set(limit);
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
            self.gradient.set(to);
            return Some((to, why));
        }
        self.gradient.next(interval, &self.rules)
    }
}
