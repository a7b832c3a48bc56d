//! Reads and writes of an engine whose Redis is a client of the application's: what `lib/cache/injected.js` goes on with.

use super::client::{from_millis, payload_of, to_millis};
use super::engine::{Held, asked, null};
use super::values::{payload, with_text};
use crate::body::value;
use crate::completion::{Completer, undefined};
use crate::external::External;
use napi::bindgen_prelude::{Array, Buffer, Either, Null, ToNapiValue};
use napi::{Env, Unknown, sys};
use napi_derive::napi;
use sluice_core::cache::Record;
use sluice_core::cache::channel::{self, Notice};
use sluice_core::cache::read::{Answer, Found, Quality, Tier};
use sluice_core::cache::server_time::Offset;
use sluice_io::cache::{Answered, CopyHit, Hit, Removal};
use sluice_io::client;

/// What the client said of a key: 0 nothing there, 1 a value, 2 something unreadable, 3 nothing at all. Milliseconds left
/// are NaN when they are not known, and Infinity without an end.
fn answer_of(
    said: u32,
    value: Option<Either<String, Buffer>>,
    ms_left: f64,
    now: f64,
    offset_ms: f64,
) -> Answer {
    match (said, value) {
        (0, _) => Answer::Absent,
        (1, Some(value)) => {
            let kept = (!ms_left.is_nan()).then(|| to_millis(ms_left));
            client::decode(payload_of(value).into(), kept, to_millis(now), Offset(offset_ms as i64))
        }
        (3, _) => Answer::Down,
        _ => Answer::Damaged,
    }
}
/// A value that was found: tag, payload, tier, deadline, nearUntil, staleUntil, quality, cell, epoch, era.
fn hit_array<'env>(env: &'env Env, hit: &Hit) -> napi::Result<Array<'env>> {
    let Hit { found: Found { record, tier, near_until, quality }, seen } = hit;
    let mut list = env.create_array(10)?;
    list.set(0, record.tag as u32)?;
    list.set(1, value(env, payload(env, record.tag, &record.bytes)?)?)?;
    list.set(2, *tier as u32)?;
    list.set(3, from_millis(record.deadline))?;
    list.set(4, from_millis(*near_until))?;
    list.set(5, from_millis(record.stale_until))?;
    list.set(6, *quality as u32)?;
    list.set(7, seen.cell)?;
    list.set(8, seen.epoch)?;
    list.set(9, seen.era)?;
    Ok(list)
}
fn raw(env: sys::napi_env, list: Array<'_>) -> napi::Result<sys::napi_value> {
    // SAFETY: on the event loop, with its environment.
    unsafe { ToNapiValue::to_napi_value(env, list) }
}

/// Whether a read that has taken its moment now may fill the disk from Redis, and Redis from the disk.
#[napi(catch_unwind)]
pub fn client_fills_disk(held: &External<Held>) -> bool {
    held.engine().fills_disk()
}
/// A removal of many keys begins; it ends with `client_removed`, or with its environment.
#[napi(catch_unwind)]
pub fn client_removing(held: &External<Held>) -> External<Option<Removal>> {
    External::new(Some(held.engine().removal_of_client()))
}
/// It has ended: the kind of what was removed, as `client_notice` has it, and the text.
#[napi(catch_unwind)]
pub fn client_removed(
    held: &External<Held>,
    removal: &mut External<Option<Removal>>,
    kind: String,
    text: String,
) -> napi::Result<()> {
    held.call(|engine| {
        if let Some(removal) = removal.take() {
            engine.end_removal(removal, &notice_of(&kind, &[text]));
        }
        Ok(())
    })
}
/// Goes on with a read for which the client said something: what was found, null, or undefined when the disk is next.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn client_answered<'env>(
    env: &'env Env,
    held: &External<Held>,
    key: Unknown<'_>,
    now: f64,
    flags: u32,
    began: f64,
    said: u32,
    text: Option<Either<String, Buffer>>,
    ms_left: f64,
    offset_ms: f64,
) -> napi::Result<Unknown<'env>> {
    let said = answer_of(said, text, ms_left, now, offset_ms);
    let answered = with_text(env, &key, "a key", |key| {
        held.call(|engine| engine.answered(key, now as u64, flags, began as u64, said))
    })?;
    let made = match answered {
        Answered::Copy(hit) => {
            let CopyHit { copy, near_until, seen } = hit;
            let found =
                Found { record: copy.record(), tier: Tier::Memory, near_until, quality: Quality::Fresh };
            raw(env.raw(), hit_array(env, &Hit { found, seen })?)?
        }
        Answered::Hit(hit) => raw(env.raw(), hit_array(env, &hit)?)?,
        Answered::Missed => null(env.raw())?,
        Answered::AskDisk => undefined(env.raw())?,
    };
    value(env, made)
}
/// The same where the disk is next. Settles with `[found or null, fill or null]`, where a fill is deadline, staleUntil and
/// tags of what is to be stored in Redis.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn client_answered_below(
    env: &Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    key: Unknown<'_>,
    now: f64,
    flags: u32,
    began: f64,
    said: u32,
    text: Option<Either<String, Buffer>>,
    ms_left: f64,
    offset_ms: f64,
) -> napi::Result<()> {
    let said = answer_of(said, text, ms_left, now, offset_ms);
    let completer = Completer::new(env, shell, id)?;
    let done = move |hit: Option<Hit>, fill: Option<Record>| {
        completer.settle(Ok(move |raw_env| {
            let env = Env::from_raw(raw_env);
            let mut list = env.create_array(2)?;
            match &hit {
                Some(hit) => list.set(0, hit_array(&env, hit)?)?,
                None => list.set(0, Null)?,
            }
            match &fill {
                Some(record) => {
                    let mut times = env.create_array(3)?;
                    times.set(0, from_millis(record.deadline))?;
                    times.set(1, from_millis(record.stale_until))?;
                    times.set(2, record.tags.iter().map(|tag| tag.to_string()).collect::<Vec<_>>())?;
                    list.set(1, times)?;
                }
                None => list.set(1, Null)?,
            }
            raw(raw_env, list)
        }));
    };
    with_text(env, &key, "a key", |key| {
        held.call(|engine| engine.answered_below(key, now as u64, flags, began as u64, said, done))
    })
}
/// What a write of that lifetime gives to Redis: its deadline and the end of its stale window.
#[napi(catch_unwind)]
pub fn client_times(
    held: &External<Held>,
    now: f64,
    ttl: f64,
    l1_ttl: f64,
    l3_ttl: f64,
    stale_for: f64,
    draw: f64,
) -> napi::Result<Vec<f64>> {
    let asked = asked(ttl, l1_ttl, l3_ttl, stale_for, draw);
    held.call(|engine| {
        let (deadline, stale_until) = engine.redis_times(&asked, to_millis(now));
        Ok(vec![from_millis(deadline), from_millis(stale_until)])
    })
}
/// The application's client answers, or does not.
#[napi(catch_unwind)]
pub fn client_state(held: &External<Held>, up: bool) -> napi::Result<()> {
    held.call(|engine| {
        engine.client_state(up);
        Ok(())
    })
}
/// A message of the invalidation channel: `k` and keys, `g` and a glob, `p` and a prefix, `t` and a tag.
#[napi(catch_unwind)]
pub fn client_notice(held: &External<Held>, kind: String, items: Vec<String>) -> napi::Result<Buffer> {
    held.call(|engine| {
        let notice = notice_of(&kind, &items);
        Ok(channel::write(&engine.disk_origin(), &notice).to_vec().into())
    })
}
fn notice_of<'a>(kind: &str, items: &'a [String]) -> Notice<'a> {
    let one = items.first().map_or("", String::as_str);
    match kind {
        "g" => Notice::Pattern(one.as_bytes()),
        "p" => Notice::Prefix(one.as_bytes()),
        "t" => Notice::Tag(one),
        _ => Notice::Keys(items.iter().map(String::as_bytes).collect()),
    }
}
