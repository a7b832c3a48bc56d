//! What `lib/cache/injected.js` asks of native code: the breaker and the missed changes of a client, native timers,
//! values as text, globs.

use crate::completion::{Completer, undefined};
use crate::error::raise;
use crate::external::External;
use crate::text;
use napi::bindgen_prelude::{Buffer, Either};
use napi::{Env, Unknown};
use napi_derive::napi;
use sluice_core::cache::load::{Next, Seen, Waiting};
use sluice_core::cache::missed::{Owed, Wide};
use sluice_core::cache::server_time::Offset;
use sluice_core::cache::{Millis, NEVER, Record, Tag, glob};
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

/// What SCAN is asked for so that it finds what a glob matches: the glob itself where that needs no escapes, and no star
/// behind another or a `?`, which mocks misread, else its longest literal prefix that needs none, and `*`.
#[napi(catch_unwind)]
pub fn glob_for_scan(glob: String) -> String {
    if !glob.contains(['\\', '[']) && !glob.contains("**") && !glob.contains("?*") {
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
