//! The adaptive limiter. Each function is one crossing: it enters the thread's inbox, calls the limiter, and fills the outbox.

use super::shared::Names;
use super::{Numbers, whole};
use crate::cells::{expose, expose_numbers};
use crate::completion::{Announcer, undefined};
use crate::error::{Guarded, raise};
use crate::external::External;
use napi::{Env, Unknown};
use napi_derive::napi;
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use sluice_core::limiter::Millis;
use sluice_core::limiter::adaptive::{
    Adapt, Admission, Algorithm, Config, Event, Limiter, MemberId, Report, Status, Target, Why,
};
use sluice_core::limiter::sharing;
use sluice_io::limits::Limits;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

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
const LOOSE: usize = 13;
// The outbox.
const WAKE_AT: usize = 16;
const MORE: usize = 17;
const COUNT: usize = 18;
const EVENTS: usize = 20;
const EVENT: usize = 4;
const MAX_EVENTS: usize = 60;

/// A limiter's options as the shell has checked them.
#[napi(object)]
#[derive(Clone, PartialEq)]
pub struct LimiterConfig {
    /// 0: no window.
    pub limit: f64,
    /// Milliseconds.
    pub window_ms: f64,
    /// 0: not limited.
    pub concurrency: f64,
    /// Waiters.
    pub max_queue: f64,
    /// What learns.
    pub adapt: Option<LimiterAdapt>,
}
/// What learns.
#[napi(object)]
#[derive(Clone, PartialEq)]
pub struct LimiterAdapt {
    /// 'limit' or 'concurrency'.
    pub target: String,
    /// At least 1.
    pub min_limit: f64,
    /// At least `minLimit`.
    pub max_limit: f64,
    /// Milliseconds.
    pub interval_ms: f64,
    /// 0 to 1.
    pub success_rate_above: f64,
    /// Milliseconds.
    pub latency_below_ms: f64,
    /// 0 to 1.
    pub success_rate_below: f64,
    /// Milliseconds.
    pub latency_above_ms: f64,
    /// 'step', 'aimd' or 'gradient'.
    pub algorithm: String,
}

/// The limiter of one or more threads.
struct Shared {
    limiter: Mutex<Guarded<Limiter>>,
    announcers: Mutex<HashMap<MemberId, Announcer>>,
    cells: sluice_core::limiter::adaptive::Cells,
    /// Where its permits come from, when hosts share them.
    limits: OnceLock<Arc<Limits>>,
}
/// One thread's part of it.
pub struct Held {
    shared: Arc<Shared>,
    name: Option<String>,
    member: MemberId,
    numbers: Numbers,
}
impl Drop for Held {
    fn drop(&mut self) {
        self.leave(0);
    }
}

static NAMES: Names<LimiterConfig, Shared> = Names::new();

fn config_of(config: &LimiterConfig) -> Config {
    let adapt = config.adapt.as_ref().map(|adapt| Adapt {
        target: if adapt.target == "concurrency" { Target::Concurrency } else { Target::Limit },
        min: whole(adapt.min_limit),
        max: whole(adapt.max_limit),
        interval_ms: whole(adapt.interval_ms),
        success_rate_above: adapt.success_rate_above,
        latency_below_ms: adapt.latency_below_ms,
        success_rate_below: adapt.success_rate_below,
        latency_above_ms: adapt.latency_above_ms,
        algorithm: match adapt.algorithm.as_str() {
            "step" => Algorithm::Step,
            "gradient" => Algorithm::Gradient,
            _ => Algorithm::Aimd,
        },
    });
    Config {
        limit: whole(config.limit),
        window_ms: whole(config.window_ms),
        concurrency: whole(config.concurrency),
        adapt,
        max_queue: whole(config.max_queue),
    }
}

/// Opens a limiter, or joins the one of that name. Under `id` its shell hears that another thread has left something in its outbox.
#[napi(catch_unwind)]
pub fn limiter_open(
    env: &Env,
    config: LimiterConfig,
    name: Option<String>,
    shell: u32,
    id: u32,
) -> napi::Result<External<Held>> {
    let announcer = Announcer::new(env, shell, id)?;
    let shared = NAMES.open(name.as_deref(), &config, || {
        let limiter = Limiter::new(config_of(&config));
        let cells = limiter.cells().clone();
        let limiter = Mutex::new(Guarded::new("AdaptiveLimiter", limiter));
        Arc::new(Shared { limiter, announcers: Mutex::default(), cells, limits: OnceLock::new() })
    })?;
    let joined = shared.limiter.lock().call(|limiter| Ok(limiter.join()));
    let member = joined.inspect_err(|_| NAMES.leave(name.as_deref()))?;
    shared.announcers.lock().insert(member, announcer);
    Ok(External::new(Held { shared, name, member, numbers: Numbers::new(EVENTS + EVENT * MAX_EVENTS) }))
}
/// The words that permits are taken from: an Int32Array.
#[napi(catch_unwind)]
pub fn limiter_cells<'env>(env: &'env Env, held: &External<Held>) -> napi::Result<Unknown<'env>> {
    expose(env, held.shared.cells.words().clone())
}
/// The times of the lease and of what was taken of it: a Float64Array.
#[napi(catch_unwind)]
pub fn limiter_times<'env>(env: &'env Env, held: &External<Held>) -> napi::Result<Unknown<'env>> {
    expose_numbers(env, held.shared.cells.times().clone())
}
/// Inbox and outbox of this thread: a Float64Array.
#[napi(catch_unwind)]
pub fn limiter_inbox<'env>(env: &'env Env, held: &External<Held>) -> napi::Result<Unknown<'env>> {
    expose_numbers(env, held.numbers.0.clone())
}
/// 1 taken, 0 not.
#[napi(catch_unwind)]
pub fn limiter_try(held: &External<Held>, weight: f64, now: f64) -> napi::Result<u32> {
    held.cross(now, |limiter, member| u32::from(limiter.try_acquire(member, whole(weight), whole(now))))
}
/// For a thread in which nobody waits: 0 taken, 1 it waits, -1 as many wait as may.
#[napi(catch_unwind)]
pub fn limiter_acquire(held: &External<Held>, weight: f64, now: f64) -> napi::Result<i32> {
    held.cross(now, |limiter, member| match limiter.acquire(member, whole(weight), whole(now)) {
        Admission::Taken => 0,
        Admission::Waits => 1,
        Admission::Full => -1,
    })
}
/// Work has ended whose room could not be put back, or that asks for a hold.
#[napi(catch_unwind)]
pub fn limiter_release(
    held: &External<Held>,
    weight: f64,
    retry_after_ms: f64,
    now: f64,
) -> napi::Result<()> {
    held.cross(now, |limiter, member| {
        limiter.release(member, whole(weight), whole(retry_after_ms), whole(now));
        held.loosen(-weight);
    })
}
/// A timer, an announcement, or LOOK has come, or others wait than before.
#[napi(catch_unwind)]
pub fn limiter_pass(held: &External<Held>, now: f64) -> napi::Result<()> {
    held.cross(now, |limiter, member| limiter.pass(member, whole(now)))
}
/// Other limits.
#[napi(catch_unwind)]
pub fn limiter_update(held: &External<Held>, limit: f64, window_ms: f64, now: f64) -> napi::Result<()> {
    held.cross(now, |limiter, member| limiter.update(member, whole(limit), whole(window_ms), whole(now)))
}
/// How long until that weight finds room in the window; 0: no clock can tell.
#[napi(catch_unwind)]
pub fn limiter_retry_after(held: &External<Held>, weight: f64, now: f64) -> napi::Result<f64> {
    held.cross(now, |limiter, member| limiter.retry_after(member, whole(weight), whole(now)) as f64)
}
/// The status, in place of the outbox's events: those wait for the next crossing.
#[napi(catch_unwind)]
pub fn limiter_status(held: &External<Held>, now: f64) -> napi::Result<()> {
    let mut status = held.call(|limiter, _| limiter.status(whole(now)))?;
    if let Some(limits) = held.shared.limits.get() {
        status.tokens = status.tokens.min(limits.nodes().sole_remaining(whole(now)));
    }
    held.numbers.set(COUNT, 0.0);
    held.numbers.put(EVENTS, &numbers_of(&status));
    Ok(())
}
/// Counts anew.
#[napi(catch_unwind)]
pub fn limiter_reset_stats(held: &External<Held>) -> napi::Result<()> {
    held.call(|limiter, _| limiter.reset_stats())
}
/// This thread uses it no more; what it had in hand is given back.
#[napi(catch_unwind)]
pub fn limiter_leave(held: &External<Held>, now: f64) {
    held.leave(whole(now));
}

fn numbers_of(status: &Status) -> [f64; 16] {
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
fn event_of(event: Event) -> [f64; EVENT] {
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

impl Held {
    fn report(&self) -> Report {
        let numbers = &self.numbers;
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
    /// So much more is on its way between the limiter and who holds it.
    fn loosen(&self, weight: f64) {
        self.numbers.set(LOOSE, (self.numbers.get(LOOSE) + weight).max(0.0));
    }
    /// Its permits come from there.
    pub fn share(&self, limits: Arc<Limits>) {
        let _ = self.shared.limits.set(limits);
    }
    /// Enters the inbox and calls.
    fn call<R>(&self, call: impl FnOnce(&mut Limiter, MemberId) -> R) -> napi::Result<R> {
        self.within(|limiter| call(limiter, self.member))
    }
    /// The same, and fills the outbox.
    fn cross<R>(&self, now: f64, call: impl FnOnce(&mut Limiter, MemberId) -> R) -> napi::Result<R> {
        let crossed = self.within(|limiter| {
            let (result, look_at) = match self.shared.limits.get() {
                Some(limits) => self.cross_sharing(limits, limiter, whole(now), call)?,
                None => (call(limiter, self.member), None),
            };
            let mut count = 0;
            while count < MAX_EVENTS
                && let Some(event) = limiter.event(self.member)
            {
                if let Event::Granted { weight, count } = event {
                    self.loosen(weight as f64 * count as f64);
                }
                self.numbers.put(EVENTS + EVENT * count, &event_of(event));
                count += 1;
            }
            self.numbers.set(COUNT, count as f64);
            self.numbers.set(MORE, f64::from(u8::from(limiter.has_events(self.member))));
            let wake_at = [limiter.wake_at(self.member), look_at].into_iter().flatten().min();
            self.numbers.set(WAKE_AT, wake_at.map_or(f64::INFINITY, |at| at as f64));
            Some(result)
        })?;
        let error =
            || Error::new(Kind::Internal).with("what", "the limiter").with("detail", "it has no node");
        crossed.ok_or_else(|| raise(&error()))
    }
    /// The same with permits that hosts share; and when to look again.
    fn cross_sharing<R>(
        &self,
        limits: &Limits,
        limiter: &mut Limiter,
        now: Millis,
        call: impl FnOnce(&mut Limiter, MemberId) -> R,
    ) -> Option<(R, Option<Millis>)> {
        limits.call(now, |nodes| {
            nodes.sole(limiter.limit(), now, |node, terms, away| {
                sharing::before(limiter, self.member, node, terms, now);
                let result = call(limiter, self.member);
                let request = sharing::behind(limiter, self.member, node, terms, away, now);
                ((result, sharing::wake_at(limiter, node, now)), request)
            })
        })
    }
    fn within<R>(&self, call: impl FnOnce(&mut Limiter) -> R) -> napi::Result<R> {
        let report = self.report();
        let (result, stirred) = self.shared.limiter.lock().call(|limiter| {
            limiter.report(self.member, &report);
            let result = call(limiter);
            Ok((result, limiter.stirred(self.member)))
        })?;
        self.stir(&stirred);
        Ok(result)
    }
    #[cfg(feature = "test-hooks")]
    #[expect(clippy::panic, reason = "a panic on demand is what this hook is for")]
    pub fn poison(&self) -> napi::Result<()> {
        self.shared.limiter.lock().call(|_| std::panic::panic_any("on purpose"))
    }
    fn stir(&self, members: &[MemberId]) {
        if members.is_empty() {
            return;
        }
        let announcers = self.shared.announcers.lock();
        members
            .iter()
            .filter_map(|member| announcers.get(member))
            .for_each(|announcer| announcer.tell(undefined));
    }
    fn leave(&self, now: Millis) {
        if self.shared.announcers.lock().remove(&self.member).is_none() {
            return;
        }
        // a limiter that a panic went through has nothing to give back
        let _ = self.within(|limiter| limiter.leave(self.member, now));
        NAMES.leave(self.name.as_deref());
    }
}
