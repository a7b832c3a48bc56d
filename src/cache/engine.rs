//! An engine in the hands of the shell: what is answered from memory, and reads and writes of all tiers.

use super::values::{bytes_of, copy_value, hit_value, miss, tag, text, time, with_payload, with_text};
use crate::body::value;
use crate::cells::{expose, expose_numbers};
use crate::completion::{Announcer, Completer, Later, inbox, numbers, undefined};
use crate::error::{contain, raise};
use crate::external::External;
use napi::bindgen_prelude::{JsObjectValue, Object};
use napi::{Env, Unknown, sys};
use napi_derive::napi;
use sluice_core::cache::lifetime::Asked;
use sluice_core::error::{Error, Kind};
use sluice_io::cache::{Engine, Event, Guard, Kinds, Looked, Subscriber, Value};
use std::sync::Arc;

/// An engine in the hands of the shell.
pub struct Held(Arc<Engine>);
impl Held {
    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.0
    }
    /// Calls the engine; a panic becomes an error.
    pub fn call<R>(&self, run: impl FnOnce(&Arc<Engine>) -> Result<R, Error>) -> napi::Result<R> {
        contain("the cache", || run(&self.0)).map_err(|error| raise(&error))
    }
}
impl Drop for Held {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Opens an engine with the settings of `lib/cache/engine.js`, as JSON.
#[napi(catch_unwind)]
pub fn cache_open(env: &Env, settings: String) -> napi::Result<External<Held>> {
    let inbox = inbox(env)?.clone();
    let engine = contain("the cache", || {
        let config = serde_json::from_str(&settings).map_err(|error| {
            Error::new(Kind::Internal).with("what", "the cache").with("detail", error.to_string())
        })?;
        Engine::open(config, inbox)
    });
    Ok(External::new(Held(engine.map_err(|error| raise(&error))?)))
}
/// Epochs, era and trust, for the near cache.
#[napi(catch_unwind)]
pub fn cache_cells<'env>(env: &'env Env, held: &External<Held>) -> napi::Result<Unknown<'env>> {
    expose(env, held.engine().memory().cells().clone())
}
/// The numbers of what was just looked up or settled.
#[napi(catch_unwind)]
pub fn cache_numbers(env: &Env) -> napi::Result<Unknown<'_>> {
    expose_numbers(env, numbers(env)?.cells().clone())
}

/// The payload when memory has the value, null when no tier has it, undefined when lower tiers must be asked.
fn looked<'env>(env: &'env Env, looked: Looked) -> napi::Result<Unknown<'env>> {
    let numbers = numbers(env)?;
    let raw = match looked {
        Looked::Copy(hit) => copy_value(env, numbers, &hit)?,
        Looked::Hit(hit) => hit_value(env, numbers, 0, 0, &hit)?,
        Looked::Absent(known) => {
            miss(numbers, known);
            null(env.raw())?
        }
        Looked::Unknown => undefined(env.raw())?,
    };
    value(env, raw)
}
/// JavaScript's null.
pub fn null(env: sys::napi_env) -> napi::Result<sys::napi_value> {
    let mut value = std::ptr::null_mut();
    // SAFETY: on the event loop, with its environment.
    napi::check_status!(unsafe { sys::napi_get_null(env, &mut value) })?;
    Ok(value)
}
/// Memory only, at once.
#[napi(catch_unwind)]
pub fn cache_lookup<'env>(
    env: &'env Env,
    held: &External<Held>,
    key: Unknown<'_>,
    now: f64,
    flags: u32,
) -> napi::Result<Unknown<'env>> {
    let found =
        with_text(env, &key, "a key", |key| held.call(|engine| engine.lookup(key, now as u64, flags)))?;
    looked(env, found)
}
/// All tiers. Undefined: settles under that id, after the next `cacheFlush`.
#[napi(catch_unwind)]
pub fn cache_read<'env>(
    env: &'env Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    key: Unknown<'_>,
    now: f64,
    flags: u32,
) -> napi::Result<Unknown<'env>> {
    let who = u64::from(shell) << 32 | u64::from(id);
    let found =
        with_text(env, &key, "a key", |key| held.call(|engine| engine.read(key, now as u64, flags, who)))?;
    looked(env, found)
}
/// Lets everything accepted leave.
#[napi(catch_unwind)]
pub fn cache_flush(held: &External<Held>) -> napi::Result<()> {
    held.call(|engine| {
        engine.flush();
        Ok(())
    })
}
/// Looks at the disk's ring, at most each 10 ms.
#[napi(catch_unwind)]
pub fn cache_poll(held: &External<Held>) -> napi::Result<()> {
    held.call(|engine| {
        engine.poll();
        Ok(())
    })
}
/// The moment of a key, before a load begins.
#[napi(catch_unwind)]
pub fn cache_epoch(env: &Env, held: &External<Held>, key: Unknown<'_>) -> napi::Result<f64> {
    with_text(env, &key, "a key", |key| Ok(held.engine().memory().moment(key) as f64))
}
/// Counts uses that the near cache has answered.
#[napi(catch_unwind)]
pub fn cache_touch(env: &Env, held: &External<Held>, keys: Object<'_>) -> napi::Result<()> {
    let hashes: Vec<u64> = (0..keys.get_array_length()?)
        .map(|at| {
            with_text(env, &keys.get_element(at)?, "a key", |key| Ok(sluice_core::cache::key_hash(key)))
        })
        .collect::<napi::Result<_>>()?;
    held.engine().memory().touch_many(&hashes);
    Ok(())
}

fn seconds(number: f64) -> Option<f64> {
    (number > 0.0).then_some(number)
}
/// A lifetime as it crosses: seconds, 0 for none; `draw` is -1 without jitter.
pub fn asked(ttl: f64, l1_ttl: f64, l3_ttl: f64, stale_for: f64, draw: f64) -> Asked {
    Asked {
        ttl: seconds(ttl),
        l1_ttl: seconds(l1_ttl),
        l3_ttl: seconds(l3_ttl),
        stale_for,
        draw: (draw >= 0.0).then_some(draw),
    }
}
/// Writes a value: a boolean when that is known at once, else undefined and settled with one. Lifetimes are seconds,
/// 0 for none; `draw` is -1 without jitter; `began` is -1 without a guard.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn cache_write(
    env: &Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    key: Unknown<'_>,
    number: u32,
    payload: Unknown<'_>,
    now: f64,
    ttl: f64,
    l1_ttl: f64,
    l3_ttl: f64,
    stale_for: f64,
    draw: f64,
    tags: Option<Vec<String>>,
    flags: u32,
    began: f64,
    token: f64,
    absent: bool,
) -> napi::Result<Option<bool>> {
    let tag = tag(number)?;
    let asked = asked(ttl, l1_ttl, l3_ttl, stale_for, draw);
    let tags = tags.unwrap_or_default().into_iter().map(String::into_boxed_str).collect();
    let written = Value { tag, bytes: bytes_of(env, &payload, tag)?, tags, asked };
    let guard = (began >= 0.0).then_some(Guard { began: began as u64, token: token as i64, absent });
    let later = Later(env, shell, id);
    with_text(env, &key, "a key", |key| {
        held.call(|engine| engine.write(key, &written, now as u64, flags, guard, || later.settle(boolean)))
    })
}
/// Writes a value without tags to memory alone. Lifetimes as in `cacheWrite`.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn cache_write_memory(
    env: &Env,
    held: &External<Held>,
    key: Unknown<'_>,
    number: u32,
    payload: Unknown<'_>,
    now: f64,
    ttl: f64,
    draw: f64,
) -> napi::Result<()> {
    let tag = tag(number)?;
    let asked = asked(ttl, 0.0, 0.0, 0.0, draw);
    with_payload(env, &payload, tag, |bytes| {
        with_text(env, &key, "a key", |key| {
            held.call(|engine| engine.write_memory(key, tag, bytes, now as u64, &asked))
        })
    })
}
fn boolean(env: sys::napi_env, value: bool) -> napi::Result<sys::napi_value> {
    let mut made = std::ptr::null_mut();
    // SAFETY: on the event loop, with its environment.
    napi::check_status!(unsafe { sys::napi_get_boolean(env, value, &mut made) })?;
    Ok(made)
}
/// Removes the memory copy.
#[napi(catch_unwind)]
pub fn cache_remove_memory(
    env: &Env,
    held: &External<Held>,
    key: Unknown<'_>,
    now: f64,
) -> napi::Result<bool> {
    with_text(env, &key, "a key", |key| held.call(|engine| Ok(engine.remove_memory(key, now as u64))))
}
/// Removes all memory copies of keys that begin so.
#[napi(catch_unwind)]
pub fn cache_clear_memory(held: &External<Held>, prefix: String, now: f64) -> napi::Result<()> {
    held.call(|engine| {
        engine.clear_memory(prefix.as_bytes(), now as u64);
        Ok(())
    })
}
/// The cell of a key.
#[napi(catch_unwind)]
pub fn cache_cell(env: &Env, key: Unknown<'_>) -> napi::Result<u32> {
    with_text(env, &key, "a key", |key| {
        Ok(sluice_core::cache::cell_of(sluice_core::cache::key_hash(key)) as u32)
    })
}

/// 4 x Redis + disk: 0 off, 1 down, 2 up.
#[napi(catch_unwind)]
pub fn cache_health(held: &External<Held>) -> napi::Result<u32> {
    let number = |state: Option<bool>| state.map_or(0, |up| 1 + u32::from(up));
    held.call(|engine| {
        let health = engine.health();
        Ok(4 * number(health.redis) + number(health.disk))
    })
}
/// Puts bytes, entries, evictions, damaged, dropped writes, degraded and invalidations into the numbers.
#[napi(catch_unwind)]
pub fn cache_counters(env: &Env, held: &External<Held>) -> napi::Result<()> {
    let counters = held.call(|engine| Ok(engine.counters()))?;
    let memory = counters.memory;
    let all = [
        memory.bytes,
        memory.entries,
        memory.evictions,
        counters.damaged,
        counters.dropped_writes,
        counters.degraded,
        counters.invalidations,
    ];
    numbers(env)?.put(0, &all.map(time));
    Ok(())
}

struct Listening(Announcer);
impl Subscriber for Listening {
    fn event(&self, event: Event) {
        self.0.tell(move |raw| {
            let env = Env::from_raw(raw);
            let mut list = env.create_array(3)?;
            match event {
                Event::Degraded(tier, error) => {
                    list.set(0, "degraded")?;
                    list.set(1, tier)?;
                    list.set(2, error.to_json())?;
                }
                Event::Recovered(tier) => {
                    list.set(0, "recovered")?;
                    list.set(1, tier)?;
                }
                Event::Invalidated(keys) => {
                    list.set(0, "invalidated")?;
                    let mut all = env.create_array(keys.len() as u32)?;
                    for (at, key) in keys.iter().enumerate() {
                        all.set(at as u32, crate::text::string(&env, key)?)?;
                    }
                    list.set(1, all)?;
                }
                Event::Evicted(key, expired) => {
                    list.set(0, "evicted")?;
                    list.set(1, crate::text::string(&env, &key)?)?;
                    list.set(2, if expired { "expired" } else { "size" })?;
                }
            }
            // SAFETY: on the event loop, with its environment.
            unsafe { napi::bindgen_prelude::ToNapiValue::to_napi_value(raw, list) }
        });
    }
}
/// Tells events under that id from now on. `kinds`: 1 degraded and recovered, 2 invalidated, 4 evicted; 0 none.
#[napi(catch_unwind)]
pub fn cache_listen(env: &Env, shell: u32, id: u32, held: &External<Held>, kinds: u32) -> napi::Result<()> {
    let told = Arc::new(Listening(Announcer::new(env, shell, id)?));
    let kinds = Kinds { state: kinds & 1 != 0, invalidated: kinds & 2 != 0, evicted: kinds & 4 != 0 };
    held.call(|engine| {
        engine.listen((kinds != Kinds::default()).then_some(told), kinds);
        Ok(())
    })
}
/// Settles when the first tries to connect and to open have ended.
#[napi(catch_unwind)]
pub fn cache_start(env: &Env, shell: u32, id: u32, held: &External<Held>) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    held.call(|engine| {
        engine.started(Box::new(move || completer.settle(Ok(undefined))));
        Ok(())
    })
}
/// Settles when everything accepted is done and everything is let go.
#[napi(catch_unwind)]
pub fn cache_close(env: &Env, shell: u32, id: u32, held: &External<Held>) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    held.call(|engine| {
        engine.close(Box::new(move || completer.settle(Ok(undefined))));
        Ok(())
    })
}
/// The text of a JavaScript string, as the engine wants it.
pub fn owned(env: &Env, value: &Unknown<'_>, what: &str) -> napi::Result<bytes::Bytes> {
    Ok(text(env, value, what)?.into())
}
