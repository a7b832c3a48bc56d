//! The stream machine, for `lib/stream.js`.

use crate::error::{Guarded, raise};
use crate::external::External;
use crate::text::string;
use napi::bindgen_prelude::{FromNapiValue, Function, Uint8ArraySlice, Unknown};
use napi::{Env, JsValue};
use napi_derive::napi;
use sluice_core::error::{Error, Kind};
use sluice_core::json::{Escaped, write_escaped};
use sluice_core::stream::{Failure, Format, FramingKind, Ids, Machine, Options, Output, Side};
use std::cell::{RefCell, RefMut};

/// A stream in the hands of the shell. `newId` is the caller's code and runs in the middle of a call.
pub struct Held(RefCell<Stream>);
impl Held {
    fn enter(&self) -> napi::Result<RefMut<'_, Stream>> {
        self.0.try_borrow_mut().map_err(|_| {
            let error = Error::new(Kind::OptionType).with("option", "newId");
            let error = error.with("range", "a function that leaves its assembler alone");
            raise(&error.with("value", "a call of it"))
        })
    }
}

/// A machine and the output that did not fit into the caller's buffer yet.
struct Stream {
    machine: Guarded<Machine>,
    out: Vec<u8>,
}

/// Ids drawn by the shell's function, called only when a provider gave none.
pub struct JsIds<'f> {
    new_id: Function<'f, String, String>,
    failed: Option<napi::Error>,
}
impl<'f> JsIds<'f> {
    /// Draws from that function.
    pub fn new(new_id: Function<'f, String, String>) -> Self {
        Self { new_id, failed: None }
    }
    fn draw(&mut self, kind: &str) -> String {
        if self.failed.is_some() {
            return String::new(); // it is not called again once it threw
        }
        self.new_id.call(kind.to_owned()).unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            String::new()
        })
    }
    /// What the function threw, if it did.
    pub fn result(self) -> napi::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}
impl Ids for JsIds<'_> {
    fn message(&mut self) -> String {
        self.draw("message")
    }
    fn call(&mut self) -> String {
        self.draw("call")
    }
}

/// A new stream, from options that the shell has checked and filled in. They come one by one, formats and framings
/// by their place in the shell's lists, -1 for none: reading an object costs more than the rest.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn stream_new(
    from: i32,
    to: i32,
    framing: i32,
    model: Option<String>,
    id: Option<String>,
    created_s: f64,
    max_event_bytes: f64,
    max_text_bytes: f64,
    keep_upstream: bool,
    keep_client: bool,
) -> External<Held> {
    let format =
        |place: i32| usize::try_from(place).ok().and_then(|place| Format::ALL.get(place)).map(|row| row.1);
    let options = Options {
        from: format(from),
        to: format(to),
        framing: [FramingKind::Sse, FramingKind::Ndjson, FramingKind::Aws]
            .into_iter()
            .enumerate()
            .find_map(|(place, kind)| (i32::try_from(place) == Ok(framing)).then_some(kind)),
        model,
        id,
        created_s: created_s as u64,
        max_event_bytes: max_event_bytes as usize,
        max_text_bytes: max_text_bytes as usize,
        keep_upstream,
        keep_client,
    };
    let machine = Guarded::new("StreamAssembler", Machine::new(options));
    External::new(Held(RefCell::new(Stream { machine, out: Vec::new() })))
}

/// The pushed bytes go to the client as they are.
const SAME: i32 = -1;

impl Stream {
    /// Moves the output into the caller's buffer: its length, or `-2 - length` when it does not fit (`stream_drain`).
    /// Where that is, is asked only now: `newId` may have detached it.
    fn give(&mut self, env: &Env, into: Unknown<'_>) -> napi::Result<i32> {
        // SAFETY: a value of this environment.
        let mut into = unsafe { Uint8ArraySlice::from_napi_value(env.raw(), into.raw()) }?;
        // SAFETY: no JavaScript runs until this returns, which lets go of the slice.
        let into = unsafe { into.as_mut() };
        let length = self.out.len();
        let Some(place) = into.get_mut(..length) else { return Ok(-2 - (length as i32)) };
        place.copy_from_slice(&self.out);
        self.out.clear();
        Ok(length as i32)
    }
}

/// Takes bytes; writes what the client gets into `into`. Returns its length, -1 for the chunk itself, or
/// `-2 - length` when it waits for a larger buffer.
#[napi(catch_unwind)]
pub fn stream_push(
    env: &Env,
    stream: &External<Held>,
    chunk: &[u8],
    into: Unknown<'_>,
    new_id: Function<'_, String, String>,
) -> napi::Result<i32> {
    let stream = &mut *stream.enter()?;
    let mut ids = JsIds::new(new_id);
    let out = &mut stream.out;
    let output = stream.machine.call(|machine| machine.push(chunk, &mut ids, out));
    ids.result()?;
    if output? == Output::Same {
        return Ok(SAME);
    }
    stream.give(env, into)
}

/// Takes one parsed event as JSON; returns as `stream_push`, but never -1.
#[napi(catch_unwind)]
pub fn stream_push_event(
    env: &Env,
    stream: &External<Held>,
    json: String,
    into: Unknown<'_>,
    new_id: Function<'_, String, String>,
) -> napi::Result<i32> {
    let stream = &mut *stream.enter()?;
    let mut ids = JsIds::new(new_id);
    let out = &mut stream.out;
    let result = stream.machine.call(|machine| machine.push_event(json.as_bytes(), &mut ids, out));
    ids.result()?;
    result?;
    stream.give(env, into)
}

/// The stream ended; returns as `stream_push_event`.
#[napi(catch_unwind)]
pub fn stream_finish(
    env: &Env,
    stream: &External<Held>,
    into: Unknown<'_>,
    new_id: Function<'_, String, String>,
) -> napi::Result<i32> {
    let stream = &mut *stream.enter()?;
    let mut ids = JsIds::new(new_id);
    let out = &mut stream.out;
    let result = stream.machine.call(|machine| machine.finish(&mut ids, out));
    ids.result()?;
    result?;
    stream.give(env, into)
}

/// Says a failure in the client's dialect; returns as `stream_push_event`.
#[napi(catch_unwind)]
pub fn stream_fail(
    env: &Env,
    stream: &External<Held>,
    message: String,
    kind: String,
    status: u32,
    into: Unknown<'_>,
    new_id: Function<'_, String, String>,
) -> napi::Result<i32> {
    let stream = &mut *stream.enter()?;
    let mut ids = JsIds::new(new_id);
    let out = &mut stream.out;
    let (mut text, mut word) = (Vec::new(), Vec::new());
    write_escaped(message.as_bytes(), &mut text);
    write_escaped(kind.as_bytes(), &mut word);
    let failure = Failure {
        message: Escaped::from_checked(&text),
        kind: Escaped::from_checked(&word),
        status: u16::try_from(status).unwrap_or_default(),
        raw: b"",
    };
    stream.machine.call(|machine| {
        machine.fail(&failure, &mut ids, out);
        Ok(())
    })?;
    ids.result()?;
    stream.give(env, into)
}

/// Output that did not fit, into a buffer that is large enough.
#[napi(catch_unwind)]
pub fn stream_drain(env: &Env, stream: &External<Held>, into: Unknown<'_>) -> napi::Result<i32> {
    stream.enter()?.give(env, into)
}

/// The message so far, as JSON.
#[napi(catch_unwind)]
pub fn stream_message<'env>(env: &'env Env, stream: &External<Held>) -> napi::Result<Unknown<'env>> {
    let json = stream.enter()?.machine.call(|machine| Ok(machine.message()))?;
    string(env, &json)
}

/// The text so far, as a JSON string literal.
#[napi(catch_unwind)]
pub fn stream_text<'env>(env: &'env Env, stream: &External<Held>) -> napi::Result<Unknown<'env>> {
    let text = stream.enter()?.machine.call(|machine| Ok(machine.text()))?;
    string(env, &[b"\"", text.as_slice(), b"\""].concat())
}

/// The events of a side since the last call, as a JSON array.
#[napi(catch_unwind)]
pub fn stream_take_events<'env>(
    env: &'env Env,
    stream: &External<Held>,
    client: bool,
) -> napi::Result<Unknown<'env>> {
    let side = if client { Side::Client } else { Side::Upstream };
    let json = stream.enter()?.machine.call(|machine| Ok(machine.take_events(side)))?;
    string(env, &json)
}

/// Whether the provider said that it was done.
#[napi(catch_unwind)]
pub fn stream_complete(stream: &External<Held>) -> napi::Result<bool> {
    stream.enter()?.machine.call(|machine| Ok(machine.complete()))
}

/// How many events came.
#[napi(catch_unwind)]
pub fn stream_events(stream: &External<Held>) -> napi::Result<f64> {
    stream.enter()?.machine.call(|machine| Ok(machine.events() as f64))
}

/// Whether the stream so far ends between events.
#[napi(catch_unwind)]
pub fn stream_on_boundary(stream: &External<Held>) -> napi::Result<bool> {
    stream.enter()?.machine.call(|machine| Ok(machine.on_boundary()))
}

/// The framing's name, once it is known.
#[napi(catch_unwind)]
pub fn stream_framing(stream: &External<Held>) -> napi::Result<Option<&'static str>> {
    stream.enter()?.machine.call(|machine| {
        Ok(machine.framing().map(|framing| match framing {
            FramingKind::Sse => "sse",
            FramingKind::Ndjson => "ndjson",
            FramingKind::Aws => "aws-eventstream",
        }))
    })
}

/// The provider's format, once it is known.
#[napi(catch_unwind)]
pub fn stream_format(stream: &External<Held>) -> napi::Result<Option<&'static str>> {
    stream.enter()?.machine.call(|machine| Ok(machine.format().map(Format::name)))
}

/// Whether the client gets frames of ours, not the provider's bytes.
#[napi(catch_unwind)]
pub fn stream_converts(stream: &External<Held>) -> napi::Result<bool> {
    stream.enter()?.machine.call(|machine| Ok(machine.converts()))
}

/// Whether the provider reported an error.
#[napi(catch_unwind)]
pub fn stream_reported(stream: &External<Held>) -> napi::Result<bool> {
    stream.enter()?.machine.call(|machine| Ok(machine.reported()))
}
