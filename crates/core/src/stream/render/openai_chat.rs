//! A whole `chat.completion`.

use super::{alternatives, finish_reason, put_list};
use crate::stream::write::items::whole_arguments;
use crate::stream::write::{Context, put, put_number, usage};
use crate::stream::{Call, Choice};

pub fn write(context: &Context<'_>, out: &mut Vec<u8>) {
    put(out, &[b"{\"id\":\"", context.id, b"\",\"object\":\"chat.completion\",\"created\":"]);
    put_number(out, context.created_s);
    put(out, &[b",\"model\":\"", context.model, b"\",\"choices\":["]);
    put_list(
        alternatives(context.message),
        |(index, choice), out| write_choice(index, choice, context, out),
        out,
    );
    out.push(b']');
    if let Some(counts) = &context.message.usage {
        out.extend_from_slice(b",\"usage\":");
        usage::write_openai_chat(counts, out);
    }
    out.push(b'}');
}

fn write_choice(index: u32, choice: &Choice, context: &Context<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"index\":");
    put_number(out, index);
    out.extend_from_slice(b",\"message\":{\"role\":\"assistant\",\"content\":");
    let (text, refusal, reasoning) = (choice.text(), choice.refusal(), choice.reasoning());
    match text.is_empty() && !(choice.calls.is_empty() && refusal.is_empty()) {
        true => out.extend_from_slice(b"null"),
        false => put(out, &[b"\"", &text, b"\""]),
    }
    match refusal.is_empty() {
        true => out.extend_from_slice(b",\"refusal\":null"),
        false => put(out, &[b",\"refusal\":\"", &refusal, b"\""]),
    }
    if !reasoning.is_empty() {
        put(out, &[b",\"reasoning_content\":\"", &reasoning, b"\""]);
    }
    if !choice.calls.is_empty() {
        out.extend_from_slice(b",\"tool_calls\":[");
        put_list(&choice.calls, write_call, out);
        out.push(b']');
    }
    out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":");
    match finish_reason(choice, context.message) {
        None => out.extend_from_slice(b"null}"),
        Some(reason) => put(out, &[b"\"", reason.openai().as_bytes(), b"\"}"]),
    }
}

fn write_call(call: &Call, out: &mut Vec<u8>) {
    put(out, &[b"{\"id\":\"", &call.id, b"\",\"type\":\"function\",\"function\":{\"name\":\"", &call.name]);
    put(out, &[b"\",\"arguments\":\"", whole_arguments(call), b"\"}}"]);
}
