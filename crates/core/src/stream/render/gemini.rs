//! A whole Gemini response, with all its candidates.

use super::{alternatives, finish_reason, put_list};
use crate::stream::write::{Context, arguments, gemini, own, put, put_number, usage};
use crate::stream::{Choice, Part};

pub fn write(context: &Context<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"candidates\":[");
    put_list(
        alternatives(context.message),
        |(index, choice), out| write_candidate(index, choice, context, out),
        out,
    );
    out.extend_from_slice(b"],");
    if let Some(counts) = &context.message.usage {
        out.extend_from_slice(b"\"usageMetadata\":");
        usage::write_gemini(counts, out);
        out.push(b',');
    }
    put(out, &[b"\"modelVersion\":\"", context.model, b"\",\"responseId\":\"", context.id, b"\"}"]);
}

fn write_candidate(index: u32, choice: &Choice, context: &Context<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"content\":{\"parts\":[");
    put_list(&choice.parts, |part, out| write_part(part, choice, out), out);
    out.extend_from_slice(b"],\"role\":\"model\"},");
    if finish_reason(choice, context.message).is_some() {
        put(out, &[b"\"finishReason\":\"", gemini::gemini_reason(choice).as_bytes(), b"\","]);
    }
    out.extend_from_slice(b"\"index\":");
    put_number(out, index);
    out.push(b'}');
}

fn write_part(part: &Part, choice: &Choice, out: &mut Vec<u8>) {
    match part {
        Part::Text(text) | Part::Refusal(text) => put(out, &[b"{\"text\":\"", text, b"\"}"]),
        Part::Reasoning(text, signature) if text.is_empty() && signature.is_empty() => {}
        Part::Reasoning(text, signature) if text.is_empty() => {
            gemini::write_signature(signature, false, out);
        }
        Part::Reasoning(text, signature) => {
            put(out, &[b"{\"text\":\"", text, b"\",\"thought\":true"]);
            if !signature.is_empty() {
                put(out, &[b",\"thoughtSignature\":\"", signature, b"\""]);
            }
            out.push(b'}');
        }
        Part::Call(number) => {
            if let Some(call) = choice.calls.get(*number) {
                gemini::write_call(call, out);
            }
        }
        Part::Other(raw) if own::is_gemini(raw) => arguments::write_compact(raw, out),
        Part::Other(_) => {}
    }
}
