//! OpenAI chat completions: `data: {"object":"chat.completion.chunk",…}`, each choice by its index, then the finish
//! reasons, the usage when it is known, and `[DONE]`. The dialect has no word for signatures and ends of parts.

use super::{Context, Write, alternatives, finish_reason, put, put_number, usage};
use crate::stream::{Delta, Failure};

/// Writes OpenAI chat chunks.
#[derive(Debug, Default)]
pub struct OpenaiChat {
    /// Each frame up to its choices: id, time and model are rendered once.
    head: Vec<u8>,
    /// The frames of text and reasoning of the first choice up to the text; empty until the choice is open.
    text_head: Vec<u8>,
    reasoning_head: Vec<u8>,
    /// Which choices have had their role.
    open: Vec<bool>,
}

const TEXT_TAIL: &[u8] = b"\"},\"finish_reason\":null}]}\n\n";
const CALL_TAIL: &[u8] = b"\"}}]},\"finish_reason\":null}]}\n\n";

impl OpenaiChat {
    /// Renders what all frames share and gives the choice its role, both once.
    fn open(&mut self, choice: u32, context: &Context<'_>, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            write_head(context, &mut self.head);
        }
        let index = choice as usize;
        if self.open.len() <= index {
            self.open.resize(index + 1, false);
        }
        if let Some(open @ false) = self.open.get_mut(index) {
            *open = true;
            self.begin(choice, b",\"delta\":{\"role\":\"assistant\",\"content\":\"", out);
            out.extend_from_slice(TEXT_TAIL);
        }
        if self.text_head.is_empty() && choice == 0 {
            let mut head = Vec::new();
            self.begin(0, b",\"delta\":{\"content\":\"", &mut head);
            self.text_head = head;
            let mut head = Vec::new();
            self.begin(0, b",\"delta\":{\"reasoning_content\":\"", &mut head);
            self.reasoning_head = head;
        }
    }

    /// A frame of a choice, up to what comes behind the choice's index.
    fn begin(&self, choice: u32, rest: &[u8], out: &mut Vec<u8>) {
        put(out, &[&self.head, b"{\"index\":"]);
        put_number(out, choice);
        out.extend_from_slice(rest);
    }

    fn begin_call(&self, choice: u32, call: u32, rest: &[u8], out: &mut Vec<u8>) {
        self.begin(choice, b",\"delta\":{\"tool_calls\":[{\"index\":", out);
        put_number(out, call);
        out.extend_from_slice(rest);
    }
}

impl Write for OpenaiChat {
    #[inline]
    fn write(&mut self, delta: &Delta<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        match *delta {
            Delta::Text { choice: 0, text } if !self.text_head.is_empty() => {
                put(out, &[&self.text_head, text.bytes(), TEXT_TAIL]);
            }
            Delta::Reasoning { choice: 0, text } if !self.reasoning_head.is_empty() => {
                put(out, &[&self.reasoning_head, text.bytes(), TEXT_TAIL]);
            }
            Delta::Text { choice, text } => {
                self.open(choice, context, out);
                self.begin(choice, b",\"delta\":{\"content\":\"", out);
                put(out, &[text.bytes(), TEXT_TAIL]);
            }
            Delta::Reasoning { choice, text } => {
                self.open(choice, context, out);
                self.begin(choice, b",\"delta\":{\"reasoning_content\":\"", out);
                put(out, &[text.bytes(), TEXT_TAIL]);
            }
            Delta::Refusal { choice, text } => {
                self.open(choice, context, out);
                self.begin(choice, b",\"delta\":{\"refusal\":\"", out);
                put(out, &[text.bytes(), TEXT_TAIL]);
            }
            Delta::Call { choice, call, id, name } => {
                self.open(choice, context, out);
                self.begin_call(choice, call, b",\"id\":\"", out);
                put(out, &[id.bytes(), b"\",\"type\":\"function\",\"function\":{\"name\":\"", name.bytes()]);
                put(out, &[b"\",\"arguments\":\"", CALL_TAIL]);
            }
            Delta::Arguments { choice, call, fragment } => {
                self.open(choice, context, out);
                self.begin_call(choice, call, b",\"function\":{\"arguments\":\"", out);
                put(out, &[fragment.bytes(), CALL_TAIL]);
            }
            // told again by the next frame that is written
            Delta::Start { .. } => {
                self.head.clear();
                self.text_head.clear();
                self.reasoning_head.clear();
            }
            _ => {}
        }
    }

    fn finish(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        for (index, choice) in alternatives(context.message) {
            self.open(index, context, out);
            for (call, _) in (0u32..).zip(&choice.calls).filter(|(_, call)| call.arguments.is_empty()) {
                // clients parse the arguments, and no text is no JSON
                self.begin_call(index, call, b",\"function\":{\"arguments\":\"{}", out);
                out.extend_from_slice(CALL_TAIL);
            }
            self.begin(index, b",\"delta\":{},\"finish_reason\":\"", out);
            put(out, &[finish_reason(choice).openai().as_bytes(), b"\"}]}\n\n"]);
        }
        if let Some(counts) = &context.message.usage {
            put(out, &[&self.head, b"],\"usage\":"]);
            usage::write_openai_chat(counts, out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn fail(&mut self, failure: &Failure<'_>, _context: &Context<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        write_error(failure, out);
        out.extend_from_slice(b"\n\n");
    }
}

fn write_head(context: &Context<'_>, out: &mut Vec<u8>) {
    put(out, &[b"data: {\"id\":\"", context.id, b"\",\"object\":\"chat.completion.chunk\",\"created\":"]);
    put_number(out, context.created_s);
    put(out, &[b",\"model\":\"", context.model, b"\",\"choices\":["]);
}

/// `{"error":{…}}` as OpenAI says it, in a stream as well as for a whole response.
pub fn write_error(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let kind = if failure.kind.is_empty() { b"api_error" } else { failure.kind.bytes() };
    put(out, &[b"{\"error\":{\"message\":\"", failure.message.bytes(), b"\",\"type\":\"", kind]);
    out.extend_from_slice(b"\",\"param\":null,\"code\":");
    match failure.status {
        0 => out.extend_from_slice(b"null"),
        status => put_number(out, status),
    }
    out.extend_from_slice(b"}}");
}

#[cfg(test)]
mod tests {
    use crate::json::Escaped;
    use crate::stream::write::testing::{
        arguments, call, events, failed, finish, reasoning, text, values, written,
    };
    use crate::stream::{Delta, FinishReason, Format, Usage};
    use serde_json::json;

    const FORMAT: Format = Format::OpenaiChat;

    #[test]
    fn a_message_is_role_reasoning_text_finish_usage_done() {
        let counts = Usage { input: 10, output: 7, cached: 4, reasoning: 3, ..Usage::default() };
        let start = Delta::Start { id: Escaped::default(), model: Escaped::default() };
        let deltas = [
            start,
            Delta::Usage(counts),
            reasoning("hm"),
            text(r"a\n\u00e9"),
            text("b"),
            finish(FinishReason::Length),
        ];
        let frames = values(&written(FORMAT, &deltas));
        let said: Vec<_> = frames.iter().map(|frame| frame["choices"][0]["delta"].clone()).collect();
        assert_eq!(said[0], json!({"role":"assistant","content":""}));
        assert_eq!(said[1], json!({"reasoning_content":"hm"}));
        assert_eq!(said[2], json!({"content":"a\né"}));
        assert_eq!(said[3], json!({"content":"b"}));
        assert_eq!(frames[4]["choices"], json!([{"index":0,"delta":{},"finish_reason":"length"}]));
        assert_eq!(frames[5]["choices"], json!([]));
        let counts = json!({"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,
            "prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}});
        assert_eq!(frames[5]["usage"], counts);
        assert_eq!(frames[6], "[DONE]");
        assert_eq!(frames.len(), 7);
        for frame in &frames[..6] {
            assert_eq!(frame["id"], "m-1");
            assert_eq!(frame["model"], "mo\"del");
            assert_eq!(frame["created"], 1_700_000_000);
            assert_eq!(frame["object"], "chat.completion.chunk");
        }
    }

    #[test]
    fn calls_are_told_apart_by_index_and_never_without_arguments() {
        let deltas = [call(0, "c0", "f"), call(1, "c1", "g"), arguments(0, r#"{\"a\":"#), arguments(0, "1}")];
        let frames = values(&written(FORMAT, &deltas));
        let calls: Vec<_> =
            frames.iter().filter_map(|frame| frame["choices"][0]["delta"].get("tool_calls")).collect();
        let head = json!({"name":"f","arguments":""});
        assert_eq!(*calls[0], json!([{"index":0,"id":"c0","type":"function","function":head}]));
        assert_eq!(calls[1][0]["index"], 1);
        assert_eq!(*calls[2], json!([{"index":0,"function":{"arguments":"{\"a\":"}}]));
        assert_eq!(*calls[3], json!([{"index":0,"function":{"arguments":"1}"}}]));
        assert_eq!(*calls[4], json!([{"index":1,"function":{"arguments":"{}"}}]));
        let end = &frames[frames.len() - 2];
        assert_eq!(end["choices"][0]["finish_reason"], "tool_calls");
    }

    #[test]
    fn alternatives_keep_their_index() {
        let other = |piece| Delta::Text { choice: 2, text: Escaped::from_checked(piece) };
        let refusal = Delta::Refusal { choice: 0, text: Escaped::from_checked(b"no") };
        let frames = values(&written(FORMAT, &[refusal, other(b"x"), other(b"y")]));
        let said: Vec<_> = frames.iter().map(|frame| &frame["choices"][0]).collect();
        assert_eq!(said[1]["delta"], json!({"refusal":"no"}));
        assert_eq!(
            *said[2],
            json!({"index":2,"delta":{"role":"assistant","content":""},"finish_reason":null})
        );
        assert_eq!(*said[4], json!({"index":2,"delta":{"content":"y"},"finish_reason":null}));
        assert_eq!((&said[5]["index"], &said[6]["index"]), (&json!(0), &json!(2)));
        assert_eq!(frames.len(), 8);
    }

    #[test]
    fn an_error_is_one_frame_whatever_it_says() {
        let frames = events(&failed(FORMAT));
        let message = "a \"quote\"\r\n\ndata: {\"x\":1}\n\n";
        let error = json!({"message":message,"type":"bad\r\nevent: x","param":null,"code":429});
        assert_eq!(frames, [(String::new(), json!({"error":error}))]);
    }

    #[test]
    fn a_message_without_a_word_still_has_a_choice() {
        let frames = values(&written(FORMAT, &[]));
        assert_eq!(frames[1]["choices"][0]["finish_reason"], "stop");
        assert_eq!(frames.len(), 3);
    }
}
