//! Limits that Redis keeps, in the hands of `lib/limiter/nodes.js`: keyed ones, and the one key of an adaptive limiter.

use super::{KEYED_NUMBERS, Numbers, whole};
use crate::cache::key::with_key;
use crate::cells::expose_numbers;
use crate::completion::{Announcer, Completer, undefined};
use crate::error::{Guarded, contain, raise};
use crate::external::External;
use napi::bindgen_prelude::{Array, ToNapiValue, Uint8Array};
use napi::{Env, JsValue, Unknown, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use sluice_core::limiter::Millis;
use sluice_io::limits::{Event, Limits, Nodes, SCRIPT, Ticket, answer_of};
use std::sync::Arc;
use std::time::Duration;

// The numbers of a handle, behind those of a keyed one.
const DUE: usize = KEYED_NUMBERS;
const WAKE_IN_MS: usize = KEYED_NUMBERS + 1;
/// Requests that cross at once.
const AT_ONCE: usize = 512;
/// Keys of one sweep.
const SWEEP: usize = 1000;

/// Limits in the hands of the shell.
pub struct Held {
    limits: Arc<Limits>,
    prefix: Vec<u8>,
    numbers: Numbers,
    /// A panic ends it.
    guard: Mutex<Guarded<()>>,
}
impl Held {
    fn call<R>(&self, now: f64, run: impl FnOnce(&mut Nodes, Millis) -> R) -> napi::Result<R> {
        let now = whole(now);
        self.guard.lock().call(|()| {
            let (result, due, wake_in) =
                self.limits.call(now, |nodes| (run(nodes, now), nodes.due_len(), nodes.wake_in(now)));
            self.numbers.set(DUE, due as f64);
            self.numbers.set(WAKE_IN_MS, wake_in.map_or(f64::INFINITY, |ms| ms as f64));
            Ok(result)
        })
    }
    fn with_key<R>(
        &self,
        env: &Env,
        key: &Unknown<'_>,
        now: f64,
        run: impl FnOnce(&mut Nodes, &[u8], Millis) -> R,
    ) -> napi::Result<R> {
        with_key(env.raw(), key.raw(), &self.prefix, |key| self.call(now, |nodes, now| run(nodes, key, now)))?
    }
}

/// Opens limits with the settings of `lib/limiter/nodes.js`, as JSON; `keyPrefix` goes before each key. Tells under that id:
/// an error as JSON when Redis went away, true when it is back, undefined when an adaptive limiter is to look.
#[napi(catch_unwind)]
pub fn nodes_open(
    env: &Env,
    settings: String,
    key_prefix: String,
    shell: u32,
    id: u32,
) -> napi::Result<External<Held>> {
    let announcer = Announcer::new(env, shell, id)?;
    let limits = contain("the limiter", || {
        let config = serde_json::from_str(&settings).map_err(|error| {
            Error::new(Kind::Internal).with("what", "the limiter").with("detail", error.to_string())
        })?;
        Ok(Limits::new(config, move |event| match event {
            Event::Look => announcer.tell(undefined),
            // SAFETY: both on the event loop, with its environment.
            Event::Recovered => announcer.tell(|raw| unsafe { ToNapiValue::to_napi_value(raw, true) }),
            Event::Degraded(error) => announcer.tell(move |raw| {
                let env = Env::from_raw(raw);
                let text = env.create_string(error.to_json())?;
                // SAFETY: as above.
                unsafe { ToNapiValue::to_napi_value(raw, text) }
            }),
        }))
    });
    let limits = Arc::new(limits.map_err(|error| raise(&error))?);
    let guard = Mutex::new(Guarded::new("the limiter", ()));
    Ok(External::new(Held {
        limits,
        prefix: key_prefix.into_bytes(),
        numbers: Numbers::new(KEYED_NUMBERS + 2),
        guard,
    }))
}
/// What the last call found, as a Float64Array: remaining, limit, retryAfterMs, resetMs, windowMs; size, bytes, allowed, denied,
/// evicted; how many requests are due; how long until a lease ends of which something may go back.
#[napi(catch_unwind)]
pub fn nodes_numbers<'env>(env: &'env Env, held: &External<Held>) -> napi::Result<Unknown<'env>> {
    expose_numbers(env, held.numbers.0.clone())
}
/// 1 allowed, 0 denied, by lease or on credit; the numbers stay as they were.
#[napi(catch_unwind)]
pub fn nodes_check(
    env: &Env,
    held: &External<Held>,
    key: Unknown<'_>,
    weight: u32,
    now: f64,
) -> napi::Result<u32> {
    held.with_key(env, &key, now, |nodes, key, now| u32::from(nodes.check(key, u64::from(weight), None, now)))
}
/// The same with the numbers; `limit` is the key's own, or negative. `asks`: by lease only; -1: Redis is asked, to be tried
/// again then.
#[napi(catch_unwind)]
pub fn nodes_look(
    env: &Env,
    held: &External<Held>,
    key: Unknown<'_>,
    weight: u32,
    limit: f64,
    asks: bool,
    now: f64,
) -> napi::Result<i32> {
    let (weight, limit) = (u64::from(weight), own(limit));
    let (found, window_ms) = held.with_key(env, &key, now, |nodes, key, now| {
        let found = match asks {
            true => nodes.try_lease(key, weight, limit, now),
            false => Some(nodes.find(key, weight, limit, now)),
        };
        (found, nodes.terms().window_ms)
    })?;
    let Some(found) = found else { return Ok(-1) };
    held.numbers.put_found(&found, window_ms);
    Ok(i32::from(found.allowed))
}
/// The key in Redis, without the option's prefix, that the last look with `asks` has asked for.
#[napi(catch_unwind)]
pub fn nodes_asked(held: &External<Held>) -> String {
    String::from_utf8_lossy(&held.limits.nodes().asked_key()).into_owned()
}
/// Many at once, in order: 1 or 0 for each into `out`, which is as long.
#[napi(catch_unwind)]
pub fn nodes_many(
    env: &Env,
    held: &External<Held>,
    keys: Array<'_>,
    mut out: Uint8Array,
    now: f64,
) -> napi::Result<()> {
    for at in 0..keys.len() {
        let Some(key) = keys.get::<Unknown<'_>>(at)? else { continue };
        let allowed = held.with_key(env, &key, now, |nodes, key, now| nodes.check(key, 1, None, now))?;
        // SAFETY: the array is the caller's, on this thread, and nothing else looks at it during the call.
        if let Some(out) = unsafe { out.as_mut() }.get_mut(at as usize) {
            *out = u8::from(allowed);
        }
    }
    Ok(())
}
/// Milliseconds; 0: now.
#[napi(catch_unwind)]
pub fn nodes_retry_after(
    env: &Env,
    held: &External<Held>,
    key: Unknown<'_>,
    weight: u32,
    limit: f64,
    now: f64,
) -> napi::Result<f64> {
    let (weight, limit) = (u64::from(weight), own(limit));
    held.with_key(env, &key, now, |nodes, key, now| nodes.retry_after(key, weight, limit, now) as f64)
}
/// Another limit and window.
#[napi(catch_unwind)]
pub fn nodes_update(held: &External<Held>, max_requests: f64, window_ms: f64, now: f64) -> napi::Result<()> {
    held.call(now, |nodes, _| nodes.update(whole(max_requests), whole(window_ms)))
}
/// The key starts afresh: here, and in Redis, where our own connection deletes it. Returns how Redis calls it.
#[napi(catch_unwind)]
pub fn nodes_reset(env: &Env, held: &External<Held>, key: Unknown<'_>, now: f64) -> napi::Result<String> {
    let name = held.with_key(env, &key, now, |nodes, key, _| {
        nodes.forget(key);
        nodes.redis_key(key)
    })?;
    held.limits.delete(vec![name.clone()]);
    Ok(String::from_utf8_lossy(&name).into_owned())
}
/// All keys that are known here do.
#[napi(catch_unwind)]
pub fn nodes_reset_all(held: &External<Held>, now: f64) -> napi::Result<Vec<String>> {
    let names = held.call(now, |nodes, _| nodes.forget_all())?;
    let texts = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    held.limits.delete(names);
    Ok(texts)
}
/// Size, bytes and counts, into the numbers; keys that are over go, a part of them at a time.
#[napi(catch_unwind)]
pub fn nodes_stats(held: &External<Held>, now: f64) -> napi::Result<()> {
    let counts = held.call(now, |nodes, now| {
        nodes.sweep(now, SWEEP);
        let stats = nodes.stats();
        [nodes.len() as u64, nodes.bytes(), stats.allowed, stats.denied, stats.evicted]
    })?;
    held.numbers.put_counts(counts);
    Ok(())
}
/// Counts anew.
#[napi(catch_unwind)]
pub fn nodes_reset_stats(held: &External<Held>, now: f64) -> napi::Result<()> {
    held.call(now, |nodes, _| nodes.reset_stats())
}
/// Settles when the request for that key that is out or due has ended, or after that time. Of our own connection only.
#[napi(catch_unwind)]
pub fn nodes_wait(
    env: &Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    key: Unknown<'_>,
    weight: u32,
    wait_ms: f64,
) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    let then = move || completer.settle(Ok(undefined));
    let wait = Duration::from_millis(whole(wait_ms));
    with_key(env.raw(), key.raw(), &held.prefix, |key| held.limits.wait(key, u64::from(weight), wait, then))
}

/// What is to be sent by an injected client: of each request its ticket, key, limit, window, want, debt, back, backAt and node.
#[napi(catch_unwind)]
pub fn nodes_due<'env>(env: &'env Env, held: &External<Held>, now: f64) -> napi::Result<Unknown<'env>> {
    let due = held.call(now, |nodes, now| nodes.take_due(now, AT_ONCE))?;
    crate::body::value(env, requests(env.raw(), held, due)?)
}
fn requests(
    raw: sys::napi_env,
    held: &Held,
    due: Vec<sluice_io::limits::Due>,
) -> napi::Result<sys::napi_value> {
    let env = Env::from_raw(raw);
    let mut list = env.create_array(9 * due.len() as u32)?;
    for (at, due) in (0u32..).step_by(9).zip(due) {
        let request = due.request;
        list.set(at, due.ticket.number() as f64)?;
        list.set(at + 1, crate::text::string(&env, &due.key)?)?;
        let numbers = [
            due.terms.limit,
            due.terms.window_ms,
            request.want,
            request.debt,
            request.back,
            request.back_slice,
        ];
        for (place, number) in (at + 2..).zip(numbers) {
            list.set(place, number as f64)?;
        }
        list.set(at + 8, held.limits.node())?;
    }
    // SAFETY: on the event loop, with its environment.
    unsafe { ToNapiValue::to_napi_value(raw, list) }
}
/// What the script has returned.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn node_answer(
    held: &External<Held>,
    ticket: f64,
    granted: f64,
    slice: f64,
    lease_ms: f64,
    retry_after_ms: f64,
    used: f64,
    nodes_seen: f64,
    now: f64,
) -> napi::Result<()> {
    let answer = answer_of([granted, slice, lease_ms, retry_after_ms, used, nodes_seen].map(whole));
    held.call(now, |nodes, now| {
        nodes.answered(Ticket::from_number(whole(ticket)), &answer, now);
    })
}
/// It has not been answered in time, or nobody knows.
#[napi(catch_unwind)]
pub fn node_failed(held: &External<Held>, ticket: f64, now: f64) -> napi::Result<()> {
    held.call(now, |nodes, now| nodes.failed(Ticket::from_number(whole(ticket)), now))
}
/// The injected client is left alone, or not any more.
#[napi(catch_unwind)]
pub fn nodes_down(held: &External<Held>, is_down: bool, now: f64) -> napi::Result<()> {
    held.call(now, |nodes, now| nodes.set_away(is_down, now))
}
/// Settles when debt and what is unspent have been told and the connection is closed; without a connection that is due then.
#[napi(catch_unwind)]
pub fn nodes_close(env: &Env, shell: u32, id: u32, held: &External<Held>, now: f64) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    held.limits.close(whole(now), move || completer.settle(Ok(undefined)));
    Ok(())
}
/// The script: KEYS one key, ARGV limit, windowMs, want, debt, back, backAt, node; returns six numbers.
#[napi(catch_unwind)]
pub fn limits_script() -> &'static str {
    SCRIPT
}

/// The adaptive limiter takes its permits from these from now on.
#[napi(catch_unwind)]
pub fn limiter_share(limiter: &External<super::adaptive::Held>, nodes: &External<Held>) {
    limiter.share(nodes.limits.clone());
}

fn own(limit: f64) -> Option<u64> {
    (limit >= 0.0).then_some(limit as u64)
}
