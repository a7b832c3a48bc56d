//! The event-stream decoder, for `lib/event-stream.js`.

use crate::error::Guarded;
use crate::external::External;
use crate::text::string;
use napi::bindgen_prelude::Buffer;
use napi::{Env, Unknown};
use napi_derive::napi;
use sluice_core::json::write_string;
use sluice_core::stream::Event;
use sluice_core::stream::framing::{Framing, aws};

/// A decoder: a framing, and the events of the call that runs.
pub struct Decoder {
    framing: Guarded<Framing>,
    json: Vec<u8>,
}

/// A decoder of that framing: `sse`, `ndjson` or `aws-eventstream`. Only server-sent events can be read strictly.
#[napi(catch_unwind)]
pub fn decoder_new(framing: String, lenient: bool, max_event_bytes: f64) -> External<Decoder> {
    let max_event_bytes = max_event_bytes as usize;
    let framing = match framing.as_str() {
        "ndjson" => Framing::ndjson(max_event_bytes),
        "aws-eventstream" => Framing::aws(max_event_bytes),
        _ => Framing::sse(lenient, max_event_bytes),
    };
    External::new(Decoder { framing: Guarded::new("EventStreamDecoder", framing), json: Vec::new() })
}

/// Takes a read; returns its events as a JSON array. Those before an error are the error's field `events`.
#[napi(catch_unwind)]
pub fn decoder_push<'env>(
    env: &'env Env,
    decoder: &mut External<Decoder>,
    chunk: &[u8],
) -> napi::Result<Unknown<'env>> {
    decoder.run(env, Some(chunk))
}

/// The stream ended; returns as `decoder_push`.
#[napi(catch_unwind)]
pub fn decoder_finish<'env>(env: &'env Env, decoder: &mut External<Decoder>) -> napi::Result<Unknown<'env>> {
    decoder.run(env, None)
}

/// Whether the stream so far ends between events.
#[napi(catch_unwind)]
pub fn decoder_on_boundary(decoder: &mut External<Decoder>) -> napi::Result<bool> {
    decoder.framing.call(|framing| Ok(framing.on_boundary()))
}

/// An AWS event-stream frame: of an event, or of an exception where that is not empty.
#[napi(catch_unwind)]
pub fn aws_frame(event: String, exception: String, payload: &[u8]) -> Buffer {
    let (name, kind, what) = if exception.is_empty() {
        (":event-type", event, "event")
    } else {
        (":exception-type", exception, "exception")
    };
    let mut out = Vec::new();
    aws::write_frame(
        &[
            (name, kind.as_bytes()),
            (":content-type", b"application/json"),
            (":message-type", what.as_bytes()),
        ],
        payload,
        &mut out,
    );
    out.into()
}

impl Decoder {
    /// Takes a read, or the end.
    fn run<'env>(&mut self, env: &'env Env, chunk: Option<&[u8]>) -> napi::Result<Unknown<'env>> {
        let json = &mut self.json;
        json.clear();
        json.push(b'[');
        self.framing.call(|framing| {
            let mut sink = |event: &Event<'_>| {
                write_event(event, json);
                Ok(())
            };
            let result = match chunk {
                Some(chunk) => framing.push(chunk, &mut sink),
                None => framing.finish(&mut sink),
            };
            close(json);
            result.map_err(|error| error.with("events", String::from_utf8_lossy(json).into_owned()))
        })?;
        string(env, json)
    }
}

/// Ends the array, in place of the comma behind its last element.
fn close(json: &mut Vec<u8>) {
    if json.last() == Some(&b',') {
        json.pop();
    }
    json.push(b']');
}

fn write_event(event: &Event<'_>, json: &mut Vec<u8>) {
    json.extend_from_slice(b"{\"event\":");
    write_string(if event.name.is_empty() { b"message" } else { event.name }, json);
    json.extend_from_slice(b",\"data\":");
    write_string(event.data, json);
    json.extend_from_slice(b",\"id\":");
    write_string(event.id, json);
    if let Some(retry) = event.retry {
        json.extend_from_slice(format!(",\"retry\":{retry}").as_bytes());
    }
    if !event.exception.is_empty() {
        json.extend_from_slice(b",\"exception\":");
        write_string(event.exception, json);
    }
    json.extend_from_slice(b"},");
}
