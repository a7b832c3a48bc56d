//! Tests of the readers: streams written after each wire format, and what they say, by hand.

mod bedrock;
mod claude;
mod gemini;
mod kiro;
mod ollama;
mod openai_chat;
mod openai_responses;
mod properties;
mod whole;

use super::{Emit, Read};
use crate::json::Bad;
use crate::stream::{Delta, Event};

/// A delta as a line: what, choice, and what it says, decoded.
pub(super) fn line(delta: &Delta<'_>) -> String {
    match *delta {
        Delta::Start { id, model } => format!("start {} {}", id.decode(), model.decode()),
        Delta::Text { choice, text } => format!("text{choice} {}", text.decode()),
        Delta::Refusal { choice, text } => format!("refusal{choice} {}", text.decode()),
        Delta::Reasoning { choice, text } => format!("reasoning{choice} {}", text.decode()),
        Delta::Signature { choice, text } => format!("signature{choice} {}", text.decode()),
        Delta::Break { choice } => format!("break{choice}"),
        Delta::Call { choice, call, id, name } => {
            format!("call{choice}.{call} {} {}", id.decode(), name.decode())
        }
        Delta::Arguments { choice, call, fragment } => {
            format!("arguments{choice}.{call} {}", fragment.decode())
        }
        Delta::CallEnd { choice, call } => format!("callend{choice}.{call}"),
        Delta::Other { choice, raw } => format!("other{choice} {}", String::from_utf8_lossy(raw)),
        Delta::Finish { choice, reason, raw } => format!("finish{choice} {} {}", reason.name(), raw.decode()),
        Delta::Usage(usage) => format!(
            "usage in={} out={} total={} cached={} creation={} reasoning={}",
            usage.input, usage.output, usage.total, usage.cached, usage.cache_creation, usage.reasoning
        ),
        Delta::Error(failure) => format!(
            "error {} {} {} {}",
            failure.status,
            failure.kind.decode(),
            failure.message.decode(),
            String::from_utf8_lossy(failure.raw)
        ),
        Delta::End => "end".to_owned(),
    }
}

/// Reads one event; its deltas as lines.
pub(super) fn read_event(reader: &mut impl Read, event: &Event<'_>) -> Result<Vec<String>, Bad> {
    let mut lines = Vec::new();
    reader.read(event, &mut |delta| lines.push(line(&delta)))?;
    Ok(lines)
}

/// Reads payloads and finishes; all deltas as lines.
pub(super) fn read_all<R: Read>(mut reader: R, payloads: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for payload in payloads {
        let event = Event { data: payload.as_bytes(), ..Event::default() };
        lines.extend(read_event(&mut reader, &event).unwrap());
    }
    let emit: &mut Emit<'_> = &mut |delta| lines.push(line(&delta));
    reader.finish(emit);
    lines
}
