//! Whole responses, not streamed: the same deltas.

mod bedrock;
mod claude;

use super::{Bad, BedrockConverse};
use super::{Claude, Emit, OpenaiResponses, Read, Reader, detect};
use crate::error::{Error, Kind};
use crate::json::Cursor;
use crate::stream::framing::Framing;
use crate::stream::{Delta, Event, Format};

/// Emits what a whole response body says. A body in AWS frames (Kiro answers in no other form) is read as the stream
/// that it is.
pub fn parse_whole(format: Format, body: &[u8], emit: &mut Emit<'_>) -> Result<(), Error> {
    let (mut has_ended, mut has_finished, mut has_failed) = (false, false, false);
    let watched: &mut Emit<'_> = &mut |delta| {
        match delta {
            Delta::End => has_ended = true,
            Delta::Finish { .. } => has_finished = true,
            Delta::Error(_) => has_failed = true,
            _ => {}
        }
        emit(delta);
    };
    if is_framed(body) {
        read_frames(format, body, watched)?;
    } else {
        if let Err(error) = std::str::from_utf8(body) {
            return Err(unreadable(error.valid_up_to(), "it is not UTF-8"));
        }
        read_json(format, body, watched).map_err(|Bad(at)| unreadable(at, "it is not JSON"))?;
    }
    if has_finished && !has_ended && !has_failed {
        emit(Delta::End);
    }
    Ok(())
}

/// The format of a whole response body.
pub fn detect_whole(body: &[u8]) -> Option<Format> {
    if is_framed(body) {
        let mut found = None;
        let mut framing = Framing::aws(body.len());
        let pushed = framing.push(body, &mut |event| {
            found = found.or_else(|| detect(event));
            Ok(())
        });
        return pushed.ok().and(found);
    }
    std::str::from_utf8(body).ok()?;
    let mut cursor = Cursor::new(body);
    match cursor.peek() {
        Some(b'{') => detect_object(body),
        Some(b'[') => {
            cursor.array().ok()?;
            while cursor.next_element().ok()? {
                let element = cursor.skip().ok()?;
                if let Some(format) = detect(&Event { data: element, ..Event::default() }) {
                    return Some(format);
                }
            }
            None
        }
        _ => None,
    }
}

fn detect_object(body: &[u8]) -> Option<Format> {
    let mut cursor = Cursor::new(body);
    let (mut is_claude, mut is_responses, mut is_bedrock, mut has_blocks) = (false, false, false, false);
    cursor.object().ok()?;
    while let Some(key) = cursor.next_key().ok()? {
        let value = cursor.skip().ok()?;
        match key {
            b"type" => is_claude |= value == b"\"message\"",
            b"object" => is_responses |= value == b"\"response\"",
            b"content" => has_blocks |= value.starts_with(b"["),
            b"stop_reason" => is_claude |= has_blocks,
            b"output" if value.starts_with(b"[") => is_responses = true,
            b"output" => is_bedrock |= value.starts_with(b"{"),
            b"stopReason" => is_bedrock |= value.starts_with(b"\""),
            _ => {}
        }
    }
    [
        (is_claude, Format::Claude),
        (is_responses, Format::OpenaiResponses),
        (is_bedrock, Format::BedrockConverse),
    ]
    .into_iter()
    .find_map(|(tells, format)| tells.then_some(format))
    .or_else(|| detect(&Event { data: body, ..Event::default() }))
}

/// AWS frames begin with their length, whose first byte is 0 in any that is not gigantic.
fn is_framed(body: &[u8]) -> bool {
    body.first() == Some(&0)
}

fn read_frames(format: Format, body: &[u8], emit: &mut Emit<'_>) -> Result<(), Error> {
    let (mut reader, mut framing) = (Reader::new(format), Framing::aws(body.len()));
    framing.push(body, &mut |event| {
        reader.read(event, emit).map_err(|Bad(at)| unreadable(at, "a frame's payload is not JSON"))
    })?;
    if !framing.on_boundary() {
        return Err(unreadable(body.len(), "it ends inside a frame"));
    }
    reader.finish(emit);
    Ok(())
}

fn read_json(format: Format, body: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
    let mut cursor = Cursor::new(body);
    match (format, cursor.peek()) {
        (Format::Claude, Some(b'{')) => Claude::default().whole(body, emit),
        (Format::OpenaiResponses, Some(b'{')) => OpenaiResponses::default().whole(body, emit),
        (Format::BedrockConverse, Some(b'{')) => BedrockConverse::default().whole(body, emit),
        (_, Some(b'{')) => {
            let mut reader = Reader::new(format);
            reader.read(&Event { data: body, ..Event::default() }, emit)?;
            reader.finish(emit);
            Ok(())
        }
        // the events of a stream in an array, as Gemini sends them to who does not ask for SSE
        (_, Some(b'[')) => {
            let mut reader = Reader::new(format);
            cursor.array()?;
            while cursor.next_element()? {
                reader.read(&Event { data: cursor.skip()?, ..Event::default() }, emit)?;
            }
            cursor.finish()?;
            reader.finish(emit);
            Ok(())
        }
        _ => Err(Bad(0)),
    }
}

fn unreadable(at: usize, detail: &str) -> Error {
    Error::new(Kind::StreamFrame).with("offset", at).with("detail", detail)
}
