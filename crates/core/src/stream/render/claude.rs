//! A whole Anthropic message: the first alternative.

use super::{alternatives, finish_reason, put_list};
use crate::stream::write::{Context, arguments, claude, own, put, usage};
use crate::stream::{Choice, Part};

pub fn write(context: &Context<'_>, out: &mut Vec<u8>) {
    put(out, &[b"{\"id\":\"", context.id, b"\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\""]);
    put(out, &[context.model, b"\",\"content\":["]);
    let first = alternatives(context.message).into_iter().find(|(index, _)| *index == 0);
    if let Some((_, choice)) = first {
        put_list(&choice.parts, |part, out| write_block(part, choice, out), out);
    }
    out.extend_from_slice(b"],\"stop_reason\":");
    match first.filter(|(_, choice)| finish_reason(choice, context.message).is_some()) {
        None => out.extend_from_slice(b"null"),
        Some((_, choice)) => put(out, &[b"\"", claude::stop_reason(choice).as_bytes(), b"\""]),
    }
    out.extend_from_slice(b",\"stop_sequence\":null,\"usage\":");
    // required by clients
    usage::write_claude(&context.message.usage.unwrap_or_default(), out);
    out.push(b'}');
}

fn write_block(part: &Part, choice: &Choice, out: &mut Vec<u8>) {
    match part {
        Part::Text(text) | Part::Refusal(text) => {
            put(out, &[b"{\"type\":\"text\",\"text\":\"", text, b"\"}"]);
        }
        Part::Reasoning(text, signature) if text.is_empty() && signature.is_empty() => {}
        Part::Reasoning(text, signature) => {
            put(
                out,
                &[b"{\"type\":\"thinking\",\"thinking\":\"", text, b"\",\"signature\":\"", signature, b"\"}"],
            );
        }
        Part::Call(number) => {
            let Some(call) = choice.calls.get(*number) else { return };
            put(out, &[b"{\"type\":\"tool_use\",\"id\":\"", &call.id, b"\",\"name\":\"", &call.name]);
            out.extend_from_slice(b"\",\"input\":");
            arguments::write_object(&call.arguments, out);
            out.push(b'}');
        }
        Part::Other(raw) if own::is_claude(raw) => arguments::write_compact(raw, out),
        Part::Other(_) => {}
    }
}
