//! A whole Ollama chat response: the first alternative.

use super::{finish_reason, put_list};
use crate::stream::write::{Context, ollama, put};

pub fn write(context: &Context<'_>, out: &mut Vec<u8>) {
    ollama::write_head(context, out);
    out.extend_from_slice(b"\"message\":{\"role\":\"assistant\",\"content\":\"");
    let first = context.message.first();
    if let Some(choice) = first {
        // there is no refusal in the dialect: it is text
        put(out, &[&choice.text(), &choice.refusal()]);
    }
    out.push(b'"');
    if let Some(choice) = first {
        let reasoning = choice.reasoning();
        if !reasoning.is_empty() {
            put(out, &[b",\"thinking\":\"", &reasoning, b"\""]);
        }
        if !choice.calls.is_empty() {
            out.extend_from_slice(b",\"tool_calls\":[");
            let write = |(number, call), out: &mut Vec<u8>| ollama::write_call(number, call, out);
            put_list(choice.calls.iter().enumerate(), write, out);
            out.push(b']');
        }
    }
    out.push(b'}');
    match first.is_none_or(|choice| finish_reason(choice, context.message).is_some()) {
        true => ollama::write_end(first, context.message.usage.as_ref(), out),
        false => out.extend_from_slice(b",\"done\":false}"),
    }
}
