//! Frames of single events: for events that come parsed, and for failures in formats that have no writer.

use super::framing::aws;
use super::{Failure, Format, FramingKind};
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
pub fn write(kind: FramingKind, format: Option<Format>, json: &[u8], out: &mut Vec<u8>) {
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
            let headers = [
                (":event-type", name.as_slice()),
                (":content-type", b"application/json"),
                (":message-type", b"event"),
            ];
            aws::write_frame(&headers, &payload, out);
        }
    }
}

/// The event type and payload of an AWS event, as SDKs give it: `{ contentBlockDelta: {…} }` for Bedrock.
fn aws_event(format: Option<Format>, json: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match format {
        Some(Format::Claude) => {
            let bytes = base64::engine::general_purpose::STANDARD.encode(json);
            (b"chunk".to_vec(), format!("{{\"bytes\":\"{bytes}\"}}").into_bytes())
        }
        Some(Format::BedrockConverse) => {
            let mut cursor = Cursor::new(json);
            if matches!(cursor.object(), Ok(true))
                && let Ok(Some(name)) = cursor.next_key()
                && let Ok(payload) = cursor.skip()
            {
                return (name.to_vec(), payload.to_vec());
            }
            (b"event".to_vec(), json.to_vec())
        }
        _ => (b"assistantResponseEvent".to_vec(), json.to_vec()),
    }
}

/// Appends a failure as an AWS exception frame.
pub fn write_exception(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let kind: &[u8] = if failure.kind.is_empty() { b"internalServerException" } else { failure.kind.bytes() };
    let payload = [b"{\"message\":\"", failure.message.bytes(), b"\"}"].concat();
    aws::write_frame(
        &[(":exception-type", kind), (":content-type", b"application/json"), (":message-type", b"exception")],
        &payload,
        out,
    );
}
