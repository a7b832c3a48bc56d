//! Anthropic messages: a message of numbered blocks, each with its start, deltas and stop, each frame with its
//! `event:` line. There is one alternative only; a refusal is text and a stop reason; signatures of calls (Gemini's)
//! are dropped. Blocks follow each other, but for a call that gets arguments after the next part began: its block
//! stays open beside the others, since clients tell blocks by their index.

use super::{
    Context, Write, arguments, arguments_of, finish_reason, last_is_call, part_count, put, put_number, usage,
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
    /// The block of each call.
    calls: Vec<CallBlock>,
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

#[derive(Debug)]
struct CallBlock {
    index: u32,
    open: bool,
    /// Its arguments were looked at when the next part began.
    checked: bool,
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
        let last = self.calls.len().saturating_sub(1);
        if let Some(call) = self.calls.get_mut(last)
            && call.open
            && !std::mem::replace(&mut call.checked, true)
            && arguments::is_whole(arguments_of(context, 0, last))
        {
            call.open = false;
            put_stop(call.index, out);
        }
        let index = self.next;
        self.next += 1;
        index
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
                self.calls.push(CallBlock { index, open: true, checked: false });
                put_head("content_block_start", index, out);
                put(out, &[b",\"content_block\":{\"type\":\"tool_use\",\"id\":\"", id.bytes()]);
                put(out, &[b"\",\"name\":\"", name.bytes(), b"\",\"input\":{}}}\n\n"]);
                self.set_delta_head(index, INPUT_DELTA);
            }
            Delta::Arguments { choice: 0, call, fragment } => {
                let Some(call) = self.calls.get(call as usize).filter(|call| call.open) else { return };
                if call.index == self.head_index {
                    return put(out, &[&self.delta_head, fragment.bytes(), DELTA_TAIL]);
                }
                put_head("content_block_delta", call.index, out);
                put(out, &[INPUT_DELTA, fragment.bytes(), DELTA_TAIL]);
            }
            Delta::CallEnd { choice: 0, call } => {
                if let Some(call) = self.calls.get_mut(call as usize).filter(|call| call.open) {
                    call.open = false;
                    put_stop(call.index, out);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        self.start(context, out);
        self.close(out);
        for call in self.calls.iter_mut().filter(|call| call.open) {
            call.open = false;
            put_stop(call.index, out);
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
mod tests {
    use crate::json::Escaped;
    use crate::stream::write::testing::{
        arguments, call, events, failed, finish, reasoning, signature, text, written,
    };
    use crate::stream::{Delta, FinishReason, Format, Usage};
    use serde_json::{Value, json};

    const FORMAT: Format = Format::Claude;

    /// Checks the dialect's order and returns blocks as a client gathers them, with `message_start` and `message_delta`.
    fn gather(bytes: &str) -> (Value, Vec<Value>, Value) {
        let mut events = events(bytes);
        assert!(events.iter().all(|(event, data)| data["type"] == event.as_str()));
        assert_eq!(events.pop().unwrap().0, "message_stop");
        let end = events.pop().unwrap().1;
        assert_eq!(end["type"], "message_delta");
        let start = events.remove(0).1;
        assert_eq!(start["type"], "message_start");
        let (mut blocks, mut open) = (Vec::<Value>::new(), Vec::new());
        for (event, data) in events {
            let index = data["index"].as_u64().unwrap() as usize;
            match event.as_str() {
                "content_block_start" => {
                    assert_eq!(index, blocks.len());
                    blocks.push(data["content_block"].clone());
                    open.push(true);
                }
                "content_block_stop" => assert!(std::mem::replace(&mut open[index], false)),
                _ => {
                    assert!(open[index], "{data}");
                    let delta = data["delta"].as_object().unwrap();
                    let (name, piece) = delta.iter().find(|(name, _)| *name != "type").unwrap();
                    let held = blocks[index][name].as_str().unwrap_or_default().to_owned();
                    blocks[index][name] = Value::from(held + piece.as_str().unwrap());
                }
            }
        }
        assert!(open.iter().all(|open| !open));
        (start, blocks, end)
    }

    #[test]
    fn parts_become_blocks_in_order() {
        let counts = Usage { input: 100, output: 9, cached: 60, cache_creation: 10, ..Usage::default() };
        let deltas = [
            Delta::Usage(counts),
            reasoning("h"),
            reasoning("m"),
            signature("si"),
            signature("g"),
            text("a"),
            Delta::Break { choice: 0 },
            text("b"),
            text(r"\n"),
            call(0, "c0", "f"),
            arguments(0, "{}"),
            call(1, "c1", "g"),
            arguments(1, r#"{\"a\":"#),
            arguments(1, "1}"),
            Delta::CallEnd { choice: 0, call: 1 },
            text("end"),
            finish(FinishReason::Stop),
        ];
        let (start, blocks, end) = gather(&written(FORMAT, &deltas));
        let usage = json!({"input_tokens":30,"cache_creation_input_tokens":10,"cache_read_input_tokens":60,"output_tokens":9});
        assert_eq!(
            start["message"],
            json!({"id":"m-1","type":"message","role":"assistant","model":"mo\"del","content":[],
                "stop_reason":null,"stop_sequence":null,"usage":usage})
        );
        let tool = |id: &str, name: &str, partial: &str| json!({"type":"tool_use","id":id,"name":name,"input":{},"partial_json":partial});
        let expected = [
            json!({"type":"thinking","thinking":"hm","signature":"sig"}),
            json!({"type":"text","text":"a"}),
            json!({"type":"text","text":"b\n"}),
            tool("c0", "f", "{}"),
            tool("c1", "g", "{\"a\":1}"),
            json!({"type":"text","text":"end"}),
        ];
        assert_eq!(blocks, expected);
        assert_eq!(end["delta"], json!({"stop_reason":"tool_use","stop_sequence":null}));
        assert_eq!(end["usage"], usage);
    }

    #[test]
    fn the_signature_of_a_block_comes_in_one_piece() {
        let bytes = written(FORMAT, &[reasoning("h"), signature("si"), signature("g"), reasoning("next")]);
        assert_eq!(bytes.matches("signature_delta").count(), 1);
        let (_, blocks, _) = gather(&bytes);
        assert_eq!(blocks[0]["signature"], "sig");
        assert_eq!(blocks[1]["thinking"], "next");
    }

    #[test]
    fn interleaved_calls_lose_nothing() {
        let deltas = [
            call(0, "c0", "f"),
            call(1, "c1", "g"),
            arguments(0, r#"{\"a\":"#),
            arguments(1, "{}"),
            text("x"),
            Delta::Break { choice: 0 },
            arguments(0, "1}"),
            arguments(1, " "),
        ];
        let (_, blocks, _) = gather(&written(FORMAT, &deltas));
        assert_eq!(blocks[0]["partial_json"], "{\"a\":1}");
        assert_eq!(blocks[1]["partial_json"], "{}");
        assert_eq!(blocks[2]["text"], "x");
    }

    #[test]
    fn stop_reasons_are_the_dialects_own() {
        let ended = |deltas: &[Delta<'_>]| gather(&written(FORMAT, deltas)).2["delta"]["stop_reason"].clone();
        let raw = |word: &'static str| Delta::Finish {
            choice: 0,
            reason: FinishReason::read(Escaped::from_checked(word.as_bytes())),
            raw: Escaped::from_checked(word.as_bytes()),
        };
        assert_eq!(ended(&[text("x"), raw("stop")]), "end_turn");
        assert_eq!(ended(&[text("x"), raw("pause_turn")]), "pause_turn");
        assert_eq!(ended(&[text("x"), raw("SAFETY")]), "refusal");
        assert_eq!(ended(&[text("x"), raw("max_output_tokens")]), "max_tokens");
        assert_eq!(ended(&[]), "end_turn");
        let refusal = Delta::Refusal { choice: 0, text: Escaped::from_checked(b"no") };
        assert_eq!(ended(&[refusal, raw("stop")]), "refusal");
    }

    #[test]
    fn other_alternatives_are_not_said() {
        let other = Delta::Text { choice: 1, text: Escaped::from_checked(b"x") };
        let (start, blocks, end) = gather(&written(FORMAT, &[other]));
        assert!(blocks.is_empty());
        assert_eq!(start["message"]["usage"]["input_tokens"], 0);
        assert_eq!(end["usage"], json!({"output_tokens":0}));
    }

    #[test]
    fn an_error_is_one_frame_whatever_it_says() {
        let frames = events(&failed(FORMAT));
        let message = "a \"quote\"\r\n\ndata: {\"x\":1}\n\n";
        let error = json!({"type":"bad\r\nevent: x","message":message});
        assert_eq!(frames, [("error".to_owned(), json!({"type":"error","error":error}))]);
    }
}
