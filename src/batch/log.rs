//! The log in the hands of the shell: a turn's changes in, what was recovered out in pages.

use crate::cache::{payload, text};
use crate::completion::{Announcer, Completer, undefined};
use crate::error::{contain, raise};
use crate::external::External;
use napi::bindgen_prelude::{Array, Float64Array, FromNapiValue, Null, ToNapiValue};
use napi::{Env, Unknown, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use sluice_core::cache::{NEVER, Tag};
use sluice_core::error::{Error, Kind};
use sluice_io::log::{Event, Letter, Options, Queue, Recovered, Row, Seen, changes};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Numbers of each thing on a page: kind, seq, accepted at, attempts, tag, died at. Of a key: kind, the pending seq or
/// -1, when it expires.
const FIELDS: usize = 6;

/// Something that was recovered, on its way to the shell.
enum Left {
    Row(Row),
    Letter(Letter),
    Seen(Seen),
}
type Leftovers = Arc<Mutex<VecDeque<Left>>>;

/// A hold on a queue.
pub struct Held {
    queue: Arc<Queue>,
    name: Arc<str>,
    left: Leftovers,
    closed: AtomicBool,
}
impl Held {
    fn close(&self, done: Box<dyn FnOnce() + Send>) {
        if self.closed.swap(true, Ordering::Relaxed) {
            return done();
        }
        self.queue.close(done);
    }
}
impl Drop for Held {
    fn drop(&mut self) {
        self.close(Box::new(|| ()));
    }
}

/// Keys first, then letters, then rows: who comes later is looked up among those.
fn keep(left: &Leftovers, recovered: Recovered) {
    let Recovered { rows, letters, seen } = recovered;
    let mut left = left.lock();
    left.extend(seen.into_iter().map(Left::Seen));
    left.extend(letters.into_iter().map(Left::Letter));
    left.extend(rows.into_iter().map(Left::Row));
}

/// Takes hold of the queue of that name. Settles `id` with how many rows earlier processes left, then they are to be
/// fetched by `logPage`; events are told under `events`: `['degraded', error]`, `['reopened']`, `['adopted', rows]`.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn log_open(
    env: &Env,
    shell: u32,
    id: u32,
    events: u32,
    path: String,
    name: String,
    max_bytes: f64,
    exclusive: bool,
    sync: bool,
    import_from: Option<String>,
    now: f64,
) -> napi::Result<External<Held>> {
    let options = Options {
        path: path.into(),
        max_bytes: max_bytes as u64,
        exclusive,
        sync,
        import: import_from.map(Into::into),
    };
    let left = Leftovers::default();
    let (first, later) = (left.clone(), left.clone());
    let completer = Completer::new(env, shell, id)?;
    let announcer = Announcer::new(env, shell, events)?;
    let opened = move |result: Result<Recovered, Error>| {
        completer.settle(result.map(|recovered| {
            let rows = recovered.rows.len() as f64;
            keep(&first, recovered);
            // SAFETY: on the event loop, with its environment.
            move |env| unsafe { f64::to_napi_value(env, rows) }
        }));
    };
    let listener = move |event| tell(&announcer, &later, event);
    let opening =
        contain("the log", || Queue::open(options, &name, now as u64, Box::new(opened), Arc::new(listener)));
    let queue = opening.map_err(|error| raise(&error))?;
    Ok(External::new(Held { queue, name: name.into(), left, closed: AtomicBool::new(false) }))
}

fn tell(announcer: &Announcer, left: &Leftovers, event: Event) {
    let (name, error, rows) = match event {
        Event::Degraded(error) => ("degraded", Some(error), 0),
        Event::Reopened => ("reopened", None, 0),
        Event::Adopted(recovered) => {
            let rows = recovered.rows.len();
            keep(left, recovered);
            ("adopted", None, rows)
        }
    };
    announcer.tell(move |raw| {
        let env = Env::from_raw(raw);
        let mut list = env.create_array(2)?;
        list.set(0, name)?;
        match error {
            Some(error) => list.set(1, error.to_json())?,
            None => list.set(1, rows as f64)?,
        }
        // SAFETY: on the event loop, with its environment.
        unsafe { Array::to_napi_value(raw, list) }
    });
}

/// The next of what was recovered, at most so many: numbers (see `FIELDS`), and for each payload or result, key, error
/// text, null where there is none. Null: there is nothing more.
#[napi(catch_unwind)]
pub fn log_page<'env>(
    env: &'env Env,
    held: &External<Held>,
    most: u32,
) -> napi::Result<Option<(Float64Array, Array<'env>)>> {
    let page: Vec<Left> = {
        let mut left = held.left.lock();
        let count = left.len().min(most as usize);
        left.drain(..count).collect()
    };
    if page.is_empty() {
        return Ok(None);
    }
    let mut numbers = Vec::with_capacity(page.len() * FIELDS);
    let mut values = env.create_array(page.len() as u32 * 3)?;
    for (index, left) in page.iter().enumerate() {
        let at = index as u32 * 3;
        let key = match left {
            Left::Row(row) | Left::Letter(Letter { row, .. }) => {
                let (kind, died) = match left {
                    Left::Letter(letter) => (1.0, letter.died as f64),
                    _ => (0.0, 0.0),
                };
                let (attempts, tag) = (f64::from(row.attempts), f64::from(row.tag));
                numbers.extend([kind, row.seq as f64, row.at as f64, attempts, tag, died]);
                let tag = Tag::from_u8(row.tag).unwrap_or(Tag::Bytes);
                values.set(at, value(env, payload(env, tag, &row.payload)?)?)?;
                row.key.as_deref()
            }
            Left::Seen(seen) => {
                let pending = seen.pending.map_or(-1.0, |seq| seq as f64);
                numbers.extend([2.0, pending, time(seen.expires), 0.0, 0.0, 0.0]);
                match &seen.result {
                    Some(result) => values.set(at, value(env, payload(env, Tag::Json, result)?)?)?,
                    None => values.set(at, Null)?,
                }
                Some(&*seen.key)
            }
        };
        match key {
            Some(key) => values.set(at + 1, crate::text::string(env, key.as_bytes())?)?,
            None => values.set(at + 1, Null)?,
        }
        match left {
            Left::Letter(letter) => {
                values.set(at + 2, crate::text::string(env, letter.error.as_bytes())?)?;
            }
            _ => values.set(at + 2, Null)?,
        }
    }
    Ok(Some((Float64Array::new(numbers), values)))
}
fn value(env: &Env, raw: sys::napi_value) -> napi::Result<Unknown<'_>> {
    // SAFETY: a value of this environment, made just now.
    unsafe { Unknown::from_napi_value(env.raw(), raw) }
}
fn time(millis: u64) -> f64 {
    if millis == NEVER { f64::INFINITY } else { millis as f64 }
}

/// The first of so many numbers for rows.
#[napi(catch_unwind)]
pub fn log_lease(held: &External<Held>, count: u32) -> napi::Result<f64> {
    contain("the log", || Ok(held.queue.lease(count) as f64)).map_err(|error| raise(&error))
}

/// Stores changes, as `lib/batch/changes.js` writes them; `is_all`: they answer `reopened` and are all there is. Settles with the accepts that were refused alone, as `[seq,
/// error, …]`; an error: nothing of it was stored.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn log_submit(
    env: &Env,
    shell: u32,
    id: u32,
    held: &External<Held>,
    numbers: &[f64],
    joined: Unknown<'_>,
    bytes: &[u8],
    is_all: bool,
    now: f64,
) -> napi::Result<()> {
    let joined = text(env, &joined, "an item")?;
    let completer = Completer::new(env, shell, id)?;
    let submitted = contain("the log", || {
        let malformed =
            || Error::new(Kind::Internal).with("what", "the log").with("detail", "malformed changes");
        let list = changes(&held.name, numbers, joined, bytes.to_vec()).ok_or_else(malformed)?;
        let done = |result: Result<Vec<(u64, Error)>, Error>| {
            completer.settle(result.map(|refused| move |env| refusals(env, refused)))
        };
        if is_all {
            held.queue.resubmit(list, now as u64, Box::new(done));
        } else {
            held.queue.submit(list, now as u64, Box::new(done));
        }
        Ok(())
    });
    submitted.map_err(|error| raise(&error))
}
fn refusals(raw: sys::napi_env, refused: Vec<(u64, Error)>) -> napi::Result<sys::napi_value> {
    if refused.is_empty() {
        return undefined(raw);
    }
    let env = Env::from_raw(raw);
    let mut list = env.create_array(refused.len() as u32 * 2)?;
    for (index, (seq, error)) in refused.into_iter().enumerate() {
        list.set(index as u32 * 2, seq as f64)?;
        list.set(index as u32 * 2 + 1, error.to_json())?;
    }
    // SAFETY: on the event loop, with its environment.
    unsafe { Array::to_napi_value(raw, list) }
}

/// Lets go of the queue; settles when everything submitted is on disk and, for the last hold, the file is closed.
#[napi(catch_unwind)]
pub fn log_close(env: &Env, shell: u32, id: u32, held: &External<Held>) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    let closed = contain("the log", || {
        held.close(Box::new(move || completer.settle(Ok(undefined))));
        Ok(())
    });
    closed.map_err(|error| raise(&error))
}
