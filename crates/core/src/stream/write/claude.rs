//! Anthropic messages: a message of numbered blocks, each with its start, deltas and stop, each frame with its
//! `event:` line. There is one alternative only; a refusal is text and a stop reason; signatures of calls (Gemini's)
//! are dropped. Blocks follow each other, but for a call that gets arguments after the next part began: its block
//! stays open beside the others, since clients tell blocks by their index.

use super::calls::Calls;
use super::{
    Context, Write, arguments, finish_reason, last_is_call, own, part_count, put, put_number, usage,
};
use crate::json::Escaped;
use crate::stream::{Choice, Delta, Failure, FinishReason, Part};

/// Writes Anthropic events.
#[derive(Debug, Default)]
pub struct Claude {
    started: bool,
    /// The number of the next block.
    next: u32,
    /// The open block of text or reasoning.
    open: Option<Block>,
    /// Deltas of the block that began last, up to their text, and its number.
    delta_head: Vec<u8>,
    head_index: u32,
    /// The signature of the open block so far: clients take it whole.
    signature: Vec<u8>,
    calls: Calls,
    /// The block of each call.
    call_blocks: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    kind: Kind,
    index: u32,
    /// The message's parts when it began: once there are more, it is over.
    parts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
}

const DELTA_TAIL: &[u8] = b"\"}}\n\n";
const INPUT_DELTA: &[u8] = b",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"";

impl Claude {
    #[inline]
    fn say(&mut self, kind: Kind, text: Escaped<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        let parts = part_count(context);
        if !self.open.is_some_and(|open| open.kind == kind && open.parts == parts) {
            self.begin(kind, parts, context, out);
        }
        put(out, &[&self.delta_head, text.bytes(), DELTA_TAIL]);
    }

    /// Opens a block of text or reasoning.
    fn begin(&mut self, kind: Kind, parts: usize, context: &Context<'_>, out: &mut Vec<u8>) {
        let index = self.next_block(context, out);
        self.open = Some(Block { kind, index, parts });
        put_head("content_block_start", index, out);
        out.extend_from_slice(match kind {
            Kind::Text => b",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n".as_slice(),
            Kind::Thinking => {
                b",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n"
            }
        });
        self.set_delta_head(
            index,
            match kind {
                Kind::Text => b",\"delta\":{\"type\":\"text_delta\",\"text\":\"",
                Kind::Thinking => b",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"",
            },
        );
    }

    fn set_delta_head(&mut self, index: u32, rest: &[u8]) {
        self.head_index = index;
        self.delta_head.clear();
        put_head("content_block_delta", index, &mut self.delta_head);
        self.delta_head.extend_from_slice(rest);
    }

    /// Ends what a next block ends, and numbers that.
    fn next_block(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> u32 {
        self.start(context, out);
        self.close(out);
        if let Some(call) = self.calls.end_last(0, context) {
            self.stop_call(call, out);
        }
        let index = self.next;
        self.next += 1;
        index
    }

    fn end_call(&mut self, call: usize, out: &mut Vec<u8>) {
        if self.calls.end(call) {
            self.stop_call(call, out);
        }
    }

    fn stop_call(&self, call: usize, out: &mut Vec<u8>) {
        if let Some(index) = self.call_blocks.get(call) {
            put_stop(*index, out);
        }
    }

    fn start(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        put(
            out,
            &[b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"", context.id],
        );
        put(out, &[b"\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"", context.model]);
        out.extend_from_slice(b"\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
        usage::write_claude(&context.message.usage.unwrap_or_default(), out);
        out.extend_from_slice(b"}}\n\n");
    }

    /// Ends the open block of text or reasoning.
    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(block) = self.open.take() else { return };
        if !self.signature.is_empty() {
            put_head("content_block_delta", block.index, out);
            put(
                out,
                &[b",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"", &self.signature, DELTA_TAIL],
            );
            self.signature.clear();
        }
        put_stop(block.index, out);
    }
}

impl Write for Claude {
    #[inline]
    fn write(&mut self, delta: &Delta<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        match *delta {
            Delta::Text { choice: 0, text } | Delta::Refusal { choice: 0, text } => {
                self.say(Kind::Text, text, context, out);
            }
            Delta::Reasoning { choice: 0, text } => self.say(Kind::Thinking, text, context, out),
            Delta::Signature { choice: 0, text } => {
                if last_is_call(context.message.first()) {
                    return;
                }
                let parts = part_count(context);
                if !self.open.is_some_and(|open| open.kind == Kind::Thinking && open.parts == parts) {
                    self.begin(Kind::Thinking, parts, context, out);
                }
                self.signature.extend_from_slice(text.bytes());
            }
            Delta::Break { choice: 0 } => self.close(out),
            Delta::Call { choice: 0, id, name, .. } => {
                let index = self.next_block(context, out);
                self.calls.begin();
                self.call_blocks.push(index);
                put_head("content_block_start", index, out);
                put(out, &[b",\"content_block\":{\"type\":\"tool_use\",\"id\":\"", id.bytes()]);
                put(out, &[b"\",\"name\":\"", name.bytes(), b"\",\"input\":{}}}\n\n"]);
                self.set_delta_head(index, INPUT_DELTA);
            }
            Delta::Arguments { choice: 0, call, fragment } => {
                let call = call as usize;
                let Some(&index) = self.call_blocks.get(call).filter(|_| self.calls.is_open(call)) else {
                    return;
                };
                if index == self.head_index {
                    return put(out, &[&self.delta_head, fragment.bytes(), DELTA_TAIL]);
                }
                put_head("content_block_delta", index, out);
                put(out, &[INPUT_DELTA, fragment.bytes(), DELTA_TAIL]);
            }
            Delta::Other { choice: 0, raw } if own::is_claude(raw) => {
                let index = self.next_block(context, out);
                put_head("content_block_start", index, out);
                out.extend_from_slice(b",\"content_block\":");
                arguments::write_compact(raw, out);
                out.extend_from_slice(b"}\n\n");
                put_stop(index, out);
            }
            Delta::CallEnd { choice: 0, call } => self.end_call(call as usize, out),
            _ => {}
        }
    }

    fn finish(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        self.start(context, out);
        self.close(out);
        for call in 0..self.calls.len() {
            self.end_call(call, out);
        }
        out.extend_from_slice(
            b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"",
        );
        let reason = context.message.first().map_or(FinishReason::Stop.claude(), stop_reason);
        put(out, &[reason.as_bytes(), b"\",\"stop_sequence\":null},\"usage\":"]);
        match &context.message.usage {
            Some(counts) => usage::write_claude(counts, out),
            // required by clients; the input of `message_start` stands
            None => out.extend_from_slice(b"{\"output_tokens\":0}"),
        }
        out.extend_from_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }

    fn fail(&mut self, failure: &Failure<'_>, _context: &Context<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: error\ndata: ");
        write_error(failure, out);
        out.extend_from_slice(b"\n\n");
    }
}

/// A frame about a block, up to what comes behind the block's index.
fn put_head(event: &str, index: u32, out: &mut Vec<u8>) {
    let event = event.as_bytes();
    put(out, &[b"event: ", event, b"\ndata: {\"type\":\"", event, b"\",\"index\":"]);
    put_number(out, index);
}

fn put_stop(index: u32, out: &mut Vec<u8>) {
    put_head("content_block_stop", index, out);
    out.extend_from_slice(b"}\n\n");
}

/// The choice's `stop_reason`: Claude's own word where the message came with one.
pub fn stop_reason(choice: &Choice) -> &'static str {
    let reason = finish_reason(choice);
    if choice.parts.iter().any(|part| matches!(part, Part::Refusal(_))) {
        return "refusal";
    }
    let own = ["stop_sequence", "pause_turn", "model_context_window_exceeded"];
    let raw = own.into_iter().find(|word| Escaped::from_checked(&choice.raw_finish).is(word));
    raw.filter(|word| FinishReason::read(Escaped::from_checked(word.as_bytes())) == reason)
        .unwrap_or(reason.claude())
}

/// `{"type":"error","error":{…}}`, in a stream as well as for a whole response.
pub fn write_error(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let kind: &[u8] = match (failure.kind.bytes(), failure.status) {
        (b"", 400 | 422) => b"invalid_request_error",
        (b"", 401) => b"authentication_error",
        (b"", 403) => b"permission_error",
        (b"", 404) => b"not_found_error",
        (b"", 413) => b"request_too_large",
        (b"", 429) => b"rate_limit_error",
        (b"", 503 | 529) => b"overloaded_error",
        (b"", _) => b"api_error",
        (kind, _) => kind,
    };
    put(out, &[b"{\"type\":\"error\",\"error\":{\"type\":\"", kind, b"\",\"message\":\""]);
    put(out, &[failure.message.bytes(), b"\"}}"]);
}

#[cfg(test)]
mod tests;
