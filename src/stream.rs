//! The stream machine, for `lib/stream.js`.

use crate::error::Guarded;
use crate::external::External;
use crate::text::string;
use napi::Env;
use napi::bindgen_prelude::{Function, Uint8ArraySlice, Unknown};
use napi_derive::napi;
use sluice_core::json::{Escaped, write_escaped};
use sluice_core::stream::{Failure, Format, FramingKind, Ids, Machine, Options, Output, Side};

/// A machine and the output that did not fit into the caller's buffer yet.
pub struct Stream {
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
) -> External<Stream> {
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
    External::new(Stream { machine: Guarded::new("StreamAssembler", Machine::new(options)), out: Vec::new() })
}

/// The pushed bytes go to the client as they are.
const SAME: i32 = -1;

impl Stream {
    /// Moves the output into the caller's buffer: its length, or `-2 - length` when it does not fit (`stream_drain`).
    fn give(&mut self, into: &mut [u8]) -> i32 {
        let length = self.out.len();
        let Some(place) = into.get_mut(..length) else { return -2 - (length as i32) };
        place.copy_from_slice(&self.out);
        self.out.clear();
        length as i32
    }
}

/// Takes bytes; writes what the client gets into `into`. Returns its length, -1 for the chunk itself, or
/// `-2 - length` when it waits for a larger buffer.
#[napi(catch_unwind)]
pub fn stream_push(
    stream: &mut External<Stream>,
    chunk: &[u8],
    mut into: Uint8ArraySlice,
    new_id: Function<'_, String, String>,
) -> napi::Result<i32> {
    let stream = &mut **stream;
    let mut ids = JsIds::new(new_id);
    let out = &mut stream.out;
    let output = stream.machine.call(|machine| machine.push(chunk, &mut ids, out));
    ids.result()?;
    if output? == Output::Same {
        return Ok(SAME);
    }
    // SAFETY: JavaScript runs one call at a time, and this call lets go of the slice before it returns.
    Ok(stream.give(unsafe { into.as_mut() }))
}

/// Takes one parsed event as JSON; returns as `stream_push`, but never -1.
#[napi(catch_unwind)]
pub fn stream_push_event(
    stream: &mut External<Stream>,
    json: String,
    mut into: Uint8ArraySlice,
    new_id: Function<'_, String, String>,
) -> napi::Result<i32> {
    let stream = &mut **stream;
    let mut ids = JsIds::new(new_id);
    let out = &mut stream.out;
    let result = stream.machine.call(|machine| machine.push_event(json.as_bytes(), &mut ids, out));
    ids.result()?;
    result?;
    // SAFETY: as in `stream_push`.
    Ok(stream.give(unsafe { into.as_mut() }))
}

/// The stream ended; returns as `stream_push_event`.
#[napi(catch_unwind)]
pub fn stream_finish(
    stream: &mut External<Stream>,
    mut into: Uint8ArraySlice,
    new_id: Function<'_, String, String>,
) -> napi::Result<i32> {
    let stream = &mut **stream;
    let mut ids = JsIds::new(new_id);
    let out = &mut stream.out;
    let result = stream.machine.call(|machine| machine.finish(&mut ids, out));
    ids.result()?;
    result?;
    // SAFETY: as in `stream_push`.
    Ok(stream.give(unsafe { into.as_mut() }))
}

/// Says a failure in the client's dialect; returns as `stream_push_event`.
#[napi(catch_unwind)]
pub fn stream_fail(
    stream: &mut External<Stream>,
    message: String,
    kind: String,
    status: u32,
    mut into: Uint8ArraySlice,
    new_id: Function<'_, String, String>,
) -> napi::Result<i32> {
    let stream = &mut **stream;
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
    // SAFETY: as in `stream_push`.
    Ok(stream.give(unsafe { into.as_mut() }))
}

/// Output that did not fit, into a buffer that is large enough.
#[napi(catch_unwind)]
pub fn stream_drain(stream: &mut External<Stream>, mut into: Uint8ArraySlice) -> i32 {
    // SAFETY: as in `stream_push`.
    stream.give(unsafe { into.as_mut() })
}

/// The message so far, as JSON.
#[napi(catch_unwind)]
pub fn stream_message<'env>(env: &'env Env, stream: &mut External<Stream>) -> napi::Result<Unknown<'env>> {
    let json = stream.machine.call(|machine| Ok(machine.message()))?;
    string(env, &json)
}

/// The text so far, as a JSON string literal.
#[napi(catch_unwind)]
pub fn stream_text<'env>(env: &'env Env, stream: &mut External<Stream>) -> napi::Result<Unknown<'env>> {
    let text = stream.machine.call(|machine| Ok(machine.text()))?;
    string(env, &[b"\"", text.as_slice(), b"\""].concat())
}

/// The events of a side since the last call, as a JSON array.
#[napi(catch_unwind)]
pub fn stream_take_events<'env>(
    env: &'env Env,
    stream: &mut External<Stream>,
    client: bool,
) -> napi::Result<Unknown<'env>> {
    let side = if client { Side::Client } else { Side::Upstream };
    let json = stream.machine.call(|machine| Ok(machine.take_events(side)))?;
    string(env, &json)
}

/// Whether the provider said that it was done.
#[napi(catch_unwind)]
pub fn stream_complete(stream: &mut External<Stream>) -> napi::Result<bool> {
    stream.machine.call(|machine| Ok(machine.complete()))
}

/// How many events came.
#[napi(catch_unwind)]
pub fn stream_events(stream: &mut External<Stream>) -> napi::Result<f64> {
    stream.machine.call(|machine| Ok(machine.events() as f64))
}

/// Whether the stream so far ends between events.
#[napi(catch_unwind)]
pub fn stream_on_boundary(stream: &mut External<Stream>) -> napi::Result<bool> {
    stream.machine.call(|machine| Ok(machine.on_boundary()))
}

/// The framing's name, once it is known.
#[napi(catch_unwind)]
pub fn stream_framing(stream: &mut External<Stream>) -> napi::Result<Option<&'static str>> {
    stream.machine.call(|machine| {
        Ok(machine.framing().map(|framing| match framing {
            FramingKind::Sse => "sse",
            FramingKind::Ndjson => "ndjson",
            FramingKind::Aws => "aws-eventstream",
        }))
    })
}

/// The provider's format, once it is known.
#[napi(catch_unwind)]
pub fn stream_format(stream: &mut External<Stream>) -> napi::Result<Option<&'static str>> {
    stream.machine.call(|machine| Ok(machine.format().map(Format::name)))
}

/// Whether the client gets frames of ours, not the provider's bytes.
#[napi(catch_unwind)]
pub fn stream_converts(stream: &mut External<Stream>) -> napi::Result<bool> {
    stream.machine.call(|machine| Ok(machine.converts()))
}

/// Whether the provider reported an error.
#[napi(catch_unwind)]
pub fn stream_reported(stream: &mut External<Stream>) -> napi::Result<bool> {
    stream.machine.call(|machine| Ok(machine.reported()))
}
