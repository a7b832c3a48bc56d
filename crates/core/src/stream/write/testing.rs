//! What the writers' tests share: deltas in, frames out, cut apart and parsed by the rules of the framing alone.

use super::{Context, Write, Writer};
use crate::json::Escaped;
use crate::stream::{Assembly, Delta, Failure, FinishReason, Format};
use serde_json::Value;

/// The inside of a literal, as the tests write it.
pub fn escaped(text: &str) -> Escaped<'_> {
    Escaped::from_checked(text.as_bytes())
}

pub fn text(text: &str) -> Delta<'_> {
    Delta::Text { choice: 0, text: escaped(text) }
}

pub fn reasoning(text: &str) -> Delta<'_> {
    Delta::Reasoning { choice: 0, text: escaped(text) }
}

pub fn signature(text: &str) -> Delta<'_> {
    Delta::Signature { choice: 0, text: escaped(text) }
}

pub fn call<'a>(call: u32, id: &'a str, name: &'a str) -> Delta<'a> {
    Delta::Call { choice: 0, call, id: escaped(id), name: escaped(name) }
}

pub fn arguments(call: u32, fragment: &str) -> Delta<'_> {
    Delta::Arguments { choice: 0, call, fragment: escaped(fragment) }
}

pub fn finish(reason: FinishReason) -> Delta<'static> {
    Delta::Finish { choice: 0, reason, raw: Escaped::default() }
}

/// The bytes of a message that says these deltas and is complete.
pub fn written(format: Format, deltas: &[Delta<'_>]) -> String {
    let (mut writer, mut message, mut out) = (Writer::new(format).unwrap(), Assembly::new(0), Vec::new());
    for delta in deltas {
        message.apply(delta).unwrap();
        writer.write(delta, &context(&message), &mut out);
    }
    writer.finish(&context(&message), &mut out);
    String::from_utf8(out).unwrap()
}

pub fn context(message: &Assembly) -> Context<'_> {
    Context { id: b"m-1", model: b"mo\\\"del", created_s: 1_700_000_000, message }
}

/// The frames of an event stream: `event` and `data`, each of which must be one line; `[DONE]` as a string.
pub fn events(bytes: &str) -> Vec<(String, Value)> {
    let frames: Vec<&str> = bytes.strip_suffix("\n\n").unwrap().split("\n\n").collect();
    let parse = |frame: &str| {
        let (event, data) = match frame.strip_prefix("event: ") {
            Some(rest) => rest.split_once('\n').unwrap(),
            None => ("", frame),
        };
        let data = data.strip_prefix("data: ").unwrap();
        assert!(!data.contains(['\n', '\r']), "{frame}");
        let value = if data == "[DONE]" { Value::from(data) } else { serde_json::from_str(data).unwrap() };
        (event.to_owned(), value)
    };
    frames.into_iter().map(parse).collect()
}

/// The values of an event stream.
pub fn values(bytes: &str) -> Vec<Value> {
    events(bytes).into_iter().map(|(_, value)| value).collect()
}

/// The error frame for what a hostile provider might say.
pub fn failed(format: Format) -> String {
    let (mut writer, message, mut out) = (Writer::new(format).unwrap(), Assembly::new(0), Vec::new());
    let (mut text, mut kind) = (Vec::new(), Vec::new());
    crate::json::write_escaped(b"a \"quote\"\r\n\ndata: {\"x\":1}\n\n", &mut text);
    crate::json::write_escaped(b"bad\r\nevent: x", &mut kind);
    let (message_text, kind) = (Escaped::from_checked(&text), Escaped::from_checked(&kind));
    let failure = Failure { message: message_text, kind, status: 429, raw: b"" };
    writer.fail(&failure, &context(&message), &mut out);
    String::from_utf8(out).unwrap()
}
