//! Frames of single events: for events that come parsed, and for failures in formats that have no writer.

use super::framing::aws;
use super::{Failure, Format, FramingKind};
use crate::error::Error;
use crate::json::Cursor;
use base64::Engine;

/// The string member `key` at the top of a JSON object, escaped; empty when there is none.
fn member<'a>(json: &'a [u8], key: &[u8]) -> &'a [u8] {
    let mut cursor = Cursor::new(json);
    if !matches!(cursor.object(), Ok(true)) {
        return b"";
    }
    while let Ok(Some(name)) = cursor.next_key() {
        if name == key {
            return cursor.string().ok().flatten().map_or(b"", |text| text.bytes());
        }
        if cursor.skip().is_err() {
            break;
        }
    }
    b""
}

/// Appends one event as the provider's bytes would have been.
pub fn write(kind: FramingKind, format: Option<Format>, json: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    match kind {
        FramingKind::Sse => {
            if matches!(format, Some(Format::Claude | Format::OpenaiResponses)) {
                let name = member(json, b"type");
                if !name.is_empty() {
                    out.extend_from_slice(b"event: ");
                    out.extend_from_slice(name);
                    out.push(b'\n');
                }
            }
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(json);
            out.extend_from_slice(b"\n\n");
        }
        FramingKind::Ndjson => {
            out.extend_from_slice(json);
            out.push(b'\n');
        }
        FramingKind::Aws => {
            let (name, payload) = aws_event(format, json);
            let headers =
                [(":event-type", &*name), (":content-type", "application/json"), (":message-type", "event")];
            aws::write_frame(&headers, &payload, out)?;
        }
    }
    Ok(())
}

/// The event type and payload of an AWS event, as SDKs give it: `{ contentBlockDelta: {…} }` for Bedrock.
fn aws_event(format: Option<Format>, json: &[u8]) -> (String, Vec<u8>) {
    match format {
        Some(Format::Claude) => {
            let bytes = base64::engine::general_purpose::STANDARD.encode(json);
            ("chunk".to_owned(), format!("{{\"bytes\":\"{bytes}\"}}").into_bytes())
        }
        Some(Format::BedrockConverse) => {
            let mut cursor = Cursor::new(json);
            if matches!(cursor.object(), Ok(true))
                && let Ok(Some(name)) = cursor.next_key()
                && let Ok(payload) = cursor.skip()
            {
                return (String::from_utf8_lossy(name).into_owned(), payload.to_vec());
            }
            ("event".to_owned(), json.to_vec())
        }
        _ => ("assistantResponseEvent".to_owned(), json.to_vec()),
    }
}

/// Appends a failure as an AWS exception frame.
pub fn write_exception(failure: &Failure<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let kind = failure.kind.decode();
    let kind = if kind.is_empty() { "internalServerException" } else { &kind };
    let mut payload = b"{\"message\":\"".to_vec();
    payload.extend_from_slice(failure.message.bytes());
    payload.extend_from_slice(b"\"}");
    let headers =
        [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")];
    aws::write_frame(&headers, &payload, out)
}
