//! Inbox and outbox of a thread: which number is what.

use super::super::{Numbers, whole};
use sluice_core::limiter::adaptive::{Event, Report, Status, Why};

// The inbox: what the thread did without crossing, zeroed but for HELD and who waits.
const REQUESTS: usize = 0;
const SUCCESSES: usize = 1;
const FAILURES: usize = 2;
const LATENCY_MS: usize = 3;
const LATENCIES: usize = 4;
const HELD: usize = 5;
const FULL: usize = 6;
const THROTTLED: usize = 7;
const REJECTED: usize = 8;
// Who waits in the thread.
const WAITING: usize = 9;
const WANTED: usize = 10;
const FIRST: usize = 11;
const WEIGHT: usize = 12;
/// In hand, but on its way to or from who holds it.
pub(super) const LOOSE: usize = 13;
// The outbox.
pub(super) const WAKE_AT: usize = 16;
pub(super) const MORE: usize = 17;
pub(super) const COUNT: usize = 18;
pub(super) const EVENTS: usize = 20;
pub(super) const EVENT: usize = 4;
pub(super) const MAX_EVENTS: usize = 60;

/// What the thread did since its last crossing, and who waits in it.
pub(super) fn report_of(numbers: &Numbers) -> Report {
    Report {
        requests: whole(numbers.take(REQUESTS)),
        successes: whole(numbers.take(SUCCESSES)),
        failures: whole(numbers.take(FAILURES)),
        latency_ms: numbers.take(LATENCY_MS),
        latencies: whole(numbers.take(LATENCIES)),
        held: whole(numbers.get(HELD) + numbers.get(LOOSE)),
        full: numbers.take(FULL) != 0.0,
        throttled: whole(numbers.take(THROTTLED)),
        rejected: whole(numbers.take(REJECTED)),
        waiting: whole(numbers.get(WAITING)),
        wanted: whole(numbers.get(WANTED)),
        first: whole(numbers.get(FIRST)),
        weight: whole(numbers.get(WEIGHT)),
    }
}
/// In the order in which the shell names them.
pub(super) fn numbers_of(status: &Status) -> [f64; 16] {
    let stats = &status.stats;
    [
        status.limit as f64,
        status.tokens as f64,
        status.window_ms as f64,
        status.concurrency as f64,
        status.in_flight as f64,
        status.queued as f64,
        status.min as f64,
        status.max as f64,
        stats.requests as f64,
        stats.throttled as f64,
        stats.rejected as f64,
        stats.average_latency_ms(),
        stats.success_rate(),
        stats.last_adjustment.map_or(-1.0, |at| at as f64),
        stats.raised as f64,
        stats.lowered as f64,
    ]
}
/// Kind, and what belongs to it.
pub(super) fn event_of(event: Event) -> [f64; EVENT] {
    match event {
        Event::Granted { weight, count } => [1.0, weight as f64, count as f64, 0.0],
        Event::Adjusted { from, to, why } => {
            let why = match why {
                Why::Healthy => 1.0,
                Why::Failures => 2.0,
                Why::Slow => 3.0,
                Why::Outage => 4.0,
                Why::Gradient => 5.0,
                Why::Probe => 6.0,
            };
            [2.0, from as f64, to as f64, why]
        }
    }
}
