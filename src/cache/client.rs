//! What `lib/cache/injected.js` asks of native code: the breaker and the missed changes of a client, native timers,
//! values as text, globs.

use super::engine::{Held, asked, null};
use super::values::{payload, with_text};
use crate::body::value;
use crate::completion::{Completer, undefined};
use crate::error::raise;
use crate::text;
use napi::bindgen_prelude::{Array, Buffer, Either, External, Null, ToNapiValue};
use napi::{Env, Unknown, sys};
use napi_derive::napi;
use sluice_core::cache::channel::{self, Notice};
use sluice_core::cache::load::{Next, Seen, Waiting};
use sluice_core::cache::missed::{Owed, Wide};
use sluice_core::cache::read::{Answer, Found, Quality, Tier};
use sluice_core::cache::server_time::Offset;
use sluice_core::cache::{Millis, NEVER, Record, Tag, glob};
use sluice_io::cache::{Answered, CopyHit, Hit};
use sluice_io::client::{self, Watch, scripts};

/// Milliseconds as they cross: Infinity for `NEVER`.
pub fn to_millis(number: f64) -> Millis {
    if number.is_finite() { number as Millis } else { NEVER }
}
/// The same, the other way.
pub fn from_millis(millis: Millis) -> f64 {
    if millis == NEVER { f64::INFINITY } else { millis as f64 }
}

/// The watch over one client; see `Watch`.
#[napi(catch_unwind)]
pub fn client_watch(failures: u32, probe_ms: f64) -> External<Watch> {
    External::new(Watch::new(failures, to_millis(probe_ms)))
}
/// Milliseconds that nobody can fake.
#[napi(catch_unwind)]
pub fn client_elapsed(watch: &External<Watch>) -> f64 {
    watch.elapsed_ms()
}
/// A call was answered.
#[napi(catch_unwind)]
pub fn client_succeeded(watch: &mut External<Watch>) {
    watch.succeeded();
}
/// A call failed; true: that opened the breaker.
#[napi(catch_unwind)]
pub fn client_failed(watch: &mut External<Watch>) -> bool {
    watch.failed()
}
/// Milliseconds until a probe is due.
#[napi(catch_unwind)]
pub fn client_probe_in(watch: &External<Watch>) -> Option<f64> {
    watch.probe_in().map(from_millis)
}
/// A probe goes out; false: none may.
#[napi(catch_unwind)]
pub fn client_probe(watch: &mut External<Watch>) -> bool {
    watch.probe()
}
/// How the probe ended; true: that closed the breaker.
#[napi(catch_unwind)]
pub fn client_probed(watch: &mut External<Watch>, answered: bool) -> bool {
    watch.probed(answered)
}
/// What the client was not told of: `k` and a key, `g` and a glob, `p` and a prefix, `t` and a tag.
#[napi(catch_unwind)]
pub fn client_miss(watch: &mut External<Watch>, what: String) {
    let mut rest = what.chars();
    let kind = rest.next();
    let text = rest.as_str();
    let bytes = || text.as_bytes().to_vec().into();
    match kind {
        Some('k') => watch.miss_key(bytes()),
        Some('g') => watch.miss_wide(Wide::Pattern(bytes())),
        Some('t') => watch.miss_wide(Wide::Tag(text.into())),
        _ => watch.miss_wide(Wide::Prefix(bytes())),
    }
}
/// A later write of the key has arrived.
#[napi(catch_unwind)]
pub fn client_caught_up(watch: &mut External<Watch>, key: String) {
    watch.caught_up(key.as_bytes());
}
/// Whether nothing was missed.
#[napi(catch_unwind)]
pub fn client_owes_nothing(watch: &External<Watch>) -> bool {
    watch.owes_nothing()
}
/// Whether the server's value of that key may be older than what was missed.
#[napi(catch_unwind)]
pub fn client_distrusts(watch: &External<Watch>, key: String) -> bool {
    watch.distrusts(key.as_bytes())
}
/// What was missed, as `client_miss` takes it, now the caller's business; all of it is an empty prefix.
#[napi(catch_unwind)]
pub fn client_take(watch: &mut External<Watch>) -> Vec<String> {
    let text = |kind: char, bytes: &[u8]| format!("{kind}{}", String::from_utf8_lossy(bytes));
    match watch.take() {
        None => Vec::new(),
        Some(Owed::Everything) => vec!["p".to_owned()],
        Some(Owed::Some { keys, wide }) => {
            let wide = wide.iter().map(|wide| match wide {
                Wide::Pattern(glob) => text('g', glob),
                Wide::Prefix(prefix) => text('p', prefix),
                Wide::Tag(tag) => text('t', tag.as_bytes()),
            });
            keys.iter().map(|key| text('k', key)).chain(wide).collect()
        }
    }
}
/// Settles an id after so many milliseconds of native time.
#[napi(catch_unwind)]
pub fn client_after(
    env: &Env,
    shell: u32,
    id: u32,
    watch: &mut External<Watch>,
    wait_ms: f64,
) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    watch.after(to_millis(wait_ms), move || completer.settle(Ok(undefined))).map_err(|error| raise(&error))
}

/// A payload as it crosses: text, or bytes.
pub fn payload_of(payload: Either<String, Buffer>) -> Vec<u8> {
    match payload {
        Either::A(text) => text.into_bytes(),
        Either::B(bytes) => bytes.to_vec(),
    }
}

/// A value as a client's text. What is stored tagged carries its times (the server's clock is `offset_ms` ahead) and tags.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn client_encode<'env>(
    env: &'env Env,
    tag: u32,
    payload: Either<String, Buffer>,
    tagged: bool,
    now: f64,
    deadline: f64,
    stale_until: f64,
    tags: Vec<String>,
    offset_ms: f64,
) -> napi::Result<Unknown<'env>> {
    let tag = u8::try_from(tag).ok().and_then(Tag::from_u8).unwrap_or(Tag::Json);
    let mut record = Record::new(tag, payload_of(payload), to_millis(deadline));
    record.stale_until = to_millis(stale_until).max(record.deadline);
    record.tags = tags.into_iter().map(String::into_boxed_str).collect();
    let (text, _) = client::encode(&record, tagged, to_millis(now), Offset(offset_ms as i64));
    text::string(env, &text)
}

/// What SCAN is asked for so that it finds what a glob matches: the glob itself where that needs no escapes, else its
/// longest literal prefix that needs none, and `*`.
#[napi(catch_unwind)]
pub fn glob_for_scan(glob: String) -> String {
    if !glob.contains(['\\', '[']) {
        return glob;
    }
    let (prefix, _) = glob::literal_prefix(glob.as_bytes());
    let prefix = String::from_utf8_lossy(&prefix);
    let end = prefix.find(['*', '?', '[', ']', '\\']).unwrap_or(prefix.len());
    format!("{}*", prefix.get(..end).unwrap_or_default())
}
/// The glob of everything that begins so.
#[napi(catch_unwind)]
pub fn glob_of_prefix(prefix: String) -> String {
    let mut out = Vec::with_capacity(prefix.len() + 1);
    glob::escape(prefix.as_bytes(), &mut out);
    out.push(b'*');
    String::from_utf8_lossy(&out).into_owned()
}

/// A name that no other process has.
#[napi(catch_unwind)]
pub fn client_owner() -> String {
    client::owner()
}
/// The scripts that take and end a lease, and that add a key to a tag.
#[napi(catch_unwind)]
pub fn client_scripts() -> Vec<&'static str> {
    vec![scripts::TAKE, scripts::RELEASE, scripts::TAG]
}
/// What the first of them is called with: the lease's key, the counter's, and for how long the counter is kept.
#[napi(catch_unwind)]
pub fn client_lease_keys(prefix: String, key: String, is_cluster: bool) -> Vec<String> {
    let (lease, counter, kept_ms) = scripts::lease_keys(prefix.as_bytes(), key.as_bytes(), is_cluster);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    vec![text(lease), text(counter), kept_ms.to_string()]
}
/// The wait of one caller for another's load.
#[napi(catch_unwind)]
pub fn client_wait(wait_ms: f64) -> External<Waiting> {
    External::new(Waiting::new(to_millis(wait_ms)))
}
/// What to do after a look (0 ours, 1 another's, 2 the value has come, 3 nobody can say) so many milliseconds after the
/// first: -1 run the loader, -2 read again, -3 run it without a lease, else look again in so many milliseconds.
#[napi(catch_unwind)]
pub fn client_wait_next(waiting: &mut External<Waiting>, seen: u32, elapsed_ms: f64) -> f64 {
    let seen = match seen {
        0 => Seen::Granted,
        1 => Seen::Busy,
        2 => Seen::Changed,
        _ => Seen::Away,
    };
    match waiting.on(seen, to_millis(elapsed_ms)) {
        Next::Run => -1.0,
        Next::ReadAgain => -2.0,
        Next::RunAlone => -3.0,
        Next::Look(ms) => from_millis(ms),
    }
}

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
        let one = items.first().map_or("", String::as_str);
        let notice = match kind.as_str() {
            "g" => Notice::Pattern(one.as_bytes()),
            "p" => Notice::Prefix(one.as_bytes()),
            "t" => Notice::Tag(one),
            _ => Notice::Keys(items.iter().map(String::as_bytes).collect()),
        };
        Ok(channel::write(&engine.disk_origin(), &notice).to_vec().into())
    })
}
