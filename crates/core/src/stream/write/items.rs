//! The response object of OpenAI responses and its output items. Parts of a message become items: neighbouring texts
//! and refusals are the contents of one message, neighbouring reasoning the summaries of one reasoning item, which a
//! signature ends, and each call is an item. Item ids are made of the response's id and the item's number.

use super::{Context, arguments, finish_reason, own, put, put_list, put_number, usage};
use crate::stream::{Call, Choice, Failure, FinishReason, Part};
use std::ops::Range;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `message`
    Message,
    /// `reasoning`
    Reasoning,
    /// `function_call`
    Call,
    /// An item that only this dialect knows.
    Own,
}

impl Kind {
    fn of(part: &Part) -> Option<Self> {
        match part {
            Part::Text(_) | Part::Refusal(_) => Some(Self::Message),
            Part::Reasoning(..) => Some(Self::Reasoning),
            Part::Call(_) => Some(Self::Call),
            Part::Other(raw) => own::is_openai_responses(raw).then_some(Self::Own),
        }
    }
}

/// The items of a choice, each with its parts.
pub fn items(choice: &Choice) -> Vec<(Kind, Range<usize>)> {
    let mut items: Vec<(Kind, Range<usize>)> = Vec::new();
    let mut sealed = false;
    for (index, part) in choice.parts.iter().enumerate() {
        let Some(kind) = Kind::of(part) else { continue };
        match items.last_mut() {
            Some((last, parts)) if *last == kind && !matches!(kind, Kind::Call | Kind::Own) && !sealed => {
                parts.end = index + 1
            }
            _ => items.push((kind, index..index + 1)),
        }
        sealed = matches!(part, Part::Reasoning(_, signature) if !signature.is_empty());
    }
    items
}

/// `"msg_…"` and the like.
pub fn write_id(kind: Kind, output: u32, context: &Context<'_>, out: &mut Vec<u8>) {
    let prefix: &[u8] = match kind {
        Kind::Message => b"\"msg_",
        Kind::Reasoning => b"\"rs_",
        Kind::Call | Kind::Own => b"\"fc_",
    };
    put(out, &[prefix, context.id, b"_"]);
    put_number(out, output);
    out.push(b'"');
}

/// An item as it is when it is added: without any content.
pub fn write_added(kind: Kind, output: u32, context: &Context<'_>, out: &mut Vec<u8>) {
    begin(kind, output, context, out);
    out.extend_from_slice(match kind {
        Kind::Message => {
            b"\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}".as_slice()
        }
        Kind::Reasoning => b"\"reasoning\",\"summary\":[]}",
        Kind::Call | Kind::Own => b"\"function_call\",\"status\":\"in_progress\",\"arguments\":\"\"",
    });
}

fn begin(kind: Kind, output: u32, context: &Context<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":");
    write_id(kind, output, context, out);
    out.extend_from_slice(b",\"type\":");
}

/// An item as it is when it is done.
pub fn write_item(kind: Kind, parts: &[Part], output: u32, context: &Context<'_>, out: &mut Vec<u8>) {
    if let (Kind::Own, Some(Part::Other(raw))) = (kind, parts.first()) {
        return arguments::write_compact(raw, out);
    }
    begin(kind, output, context, out);
    match kind {
        Kind::Message => {
            out.extend_from_slice(
                b"\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[",
            );
            put_list(parts, write_content, out);
            out.extend_from_slice(b"]}");
        }
        Kind::Reasoning => {
            out.extend_from_slice(b"\"reasoning\",\"summary\":[");
            put_list(parts, write_summary, out);
            out.push(b']');
            let signature = parts.iter().find_map(|part| match part {
                Part::Reasoning(_, signature) if !signature.is_empty() => Some(signature),
                _ => None,
            });
            if let Some(signature) = signature {
                put(out, &[b",\"encrypted_content\":\"", signature, b"\""]);
            }
            out.push(b'}');
        }
        Kind::Call | Kind::Own => {
            out.extend_from_slice(b"\"function_call\",\"status\":\"completed\"");
            let choice = context.message.first();
            if let (Some(Part::Call(call)), Some(choice)) = (parts.first(), choice)
                && let Some(call) = choice.calls.get(*call)
            {
                put(out, &[b",\"arguments\":\"", whole_arguments(call), b"\""]);
                write_callee(&call.id, &call.name, out);
            }
            out.push(b'}');
        }
    }
}

/// `,"call_id":…,"name":…`
pub fn write_callee(id: &[u8], name: &[u8], out: &mut Vec<u8>) {
    put(out, &[b",\"call_id\":\"", id, b"\",\"name\":\"", name, b"\""]);
}

/// Arguments of a call that ended: clients parse them, and no text is no JSON.
pub fn whole_arguments(call: &Call) -> &[u8] {
    if call.arguments.is_empty() { b"{}" } else { &call.arguments }
}

/// A content of a message, whole; nothing for a part that is none.
pub fn write_content(part: &Part, out: &mut Vec<u8>) {
    match part {
        Part::Text(text) => {
            put(
                out,
                &[b"{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"", text, b"\"}"],
            );
        }
        Part::Refusal(text) => put(out, &[b"{\"type\":\"refusal\",\"refusal\":\"", text, b"\"}"]),
        _ => {}
    }
}

/// A summary of a reasoning item, whole; nothing for a part that has only a signature.
pub fn write_summary(part: &Part, out: &mut Vec<u8>) {
    if let Part::Reasoning(text, _) = part
        && !text.is_empty()
    {
        put(out, &[b"{\"type\":\"summary_text\",\"text\":\"", text, b"\"}"]);
    }
}

/// How a response stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The model is at it.
    InProgress,
    /// It was done.
    Completed,
    /// It ended early, for that reason; empty when nobody told.
    Incomplete(&'static str),
}

impl Status {
    /// How a completed message ended. A failure of the model is not one of the response, which clients would throw.
    pub fn of(context: &Context<'_>) -> Self {
        match context.message.first().map_or(FinishReason::Stop, finish_reason) {
            FinishReason::Stop | FinishReason::ToolCalls => Self::Completed,
            FinishReason::Length => Self::Incomplete("max_output_tokens"),
            FinishReason::ContentFilter => Self::Incomplete("content_filter"),
            FinishReason::Error => Self::Incomplete("error"),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
        }
    }
}

/// The response object. What only the request tells is null, or what it is by default.
pub fn write_response(status: Status, context: &Context<'_>, out: &mut Vec<u8>) {
    put(out, &[b"{\"id\":\"", context.id, b"\",\"object\":\"response\",\"created_at\":"]);
    put_number(out, context.created_s);
    put(out, &[b",\"status\":\"", status.name().as_bytes(), b"\",\"error\":null,\"incomplete_details\":"]);
    match status {
        Status::Incomplete(reason) if !reason.is_empty() => {
            put(out, &[b"{\"reason\":\"", reason.as_bytes(), b"\"}"]);
        }
        _ => out.extend_from_slice(b"null"),
    }
    put(
        out,
        &[b",\"instructions\":null,\"max_output_tokens\":null,\"metadata\":{},\"model\":\"", context.model],
    );
    out.extend_from_slice(b"\",\"output\":[");
    if status != Status::InProgress {
        write_output(context, out);
    }
    out.extend_from_slice(
        b"],\"parallel_tool_calls\":true,\"previous_response_id\":null,\
        \"reasoning\":{\"effort\":null,\"summary\":null},\"temperature\":null,\
        \"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":null,\
        \"truncation\":\"disabled\",\"usage\":",
    );
    match &context.message.usage {
        Some(counts) if status != Status::InProgress => usage::write_openai_responses(counts, out),
        _ => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

fn write_output(context: &Context<'_>, out: &mut Vec<u8>) {
    let Some(choice) = context.message.first() else { return };
    for (output, (kind, parts)) in (0u32..).zip(items(choice)) {
        if output > 0 {
            out.push(b',');
        }
        write_item(kind, choice.parts.get(parts).unwrap_or_default(), output, context, out);
    }
}

/// `{"type":…,"code":…,"message":…,"param":null}` without its braces.
pub fn write_error_members(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let kind = if failure.kind.is_empty() { b"server_error" } else { failure.kind.bytes() };
    put(out, &[b"\"code\":\"", kind, b"\",\"message\":\"", failure.message.bytes(), b"\",\"param\":null"]);
}
