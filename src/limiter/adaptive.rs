//! The adaptive limiter. Each function is one crossing: it enters the thread's inbox, calls the limiter, and fills the outbox.

mod boxes;
mod config;

use super::shared::Names;
use super::{Numbers, whole};
use crate::cells::{expose, expose_numbers};
use crate::completion::{Announcer, undefined};
use crate::error::{Guarded, raise};
use crate::external::External;
use boxes::{COUNT, EVENT, EVENTS, LOOSE, MAX_EVENTS, MORE, WAKE_AT, event_of, numbers_of, report_of};
use config::{LimiterConfig, config_of};
use napi::{Env, Unknown};
use napi_derive::napi;
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use sluice_core::limiter::Millis;
use sluice_core::limiter::adaptive::{Admission, Event, Limiter, MemberId};
use sluice_core::limiter::sharing;
use sluice_io::limits::Limits;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

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
/// How long until that weight finds room in the window, and Redis may have permits; 0: no clock can tell.
#[napi(catch_unwind)]
pub fn limiter_retry_after(held: &External<Held>, weight: f64, now: f64) -> napi::Result<f64> {
    let own = held.cross(now, |limiter, member| limiter.retry_after(member, whole(weight), whole(now)))?;
    let shared = held
        .shared
        .limits
        .get()
        .map_or(0, |limits| limits.nodes().sole_retry_after(whole(weight), whole(now)));
    Ok(own.max(shared) as f64)
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

impl Held {
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
        let report = report_of(&self.numbers);
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
