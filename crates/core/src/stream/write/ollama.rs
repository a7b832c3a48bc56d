//! Ollama chat: a JSON object per line, the last one with `done: true`, the reason and the token counts. Calls are
//! said when their arguments are whole. There is one alternative only; a refusal is text; signatures and ends of
//! parts are not said, and no durations, which nobody measured.

use super::calls::Calls;
use super::{Context, Write, arguments, finish_reason, put, put_number, time};
use crate::stream::{Call, Choice, Delta, Failure, FinishReason, Usage};

/// Writes Ollama lines.
#[derive(Debug, Default)]
pub struct Ollama {
    /// The start of each line: model and time are rendered once.
    head: Vec<u8>,
    calls: Calls,
    /// A call is open that the next part may end.
    pending: bool,
}

const CONTENT: &[u8] = b"\"message\":{\"role\":\"assistant\",\"content\":\"";
const THINKING: &[u8] = b"\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"";
const TAIL: &[u8] = b"\"},\"done\":false}\n";

impl Ollama {
    fn render_head(&mut self, context: &Context<'_>) {
        if self.head.is_empty() {
            write_head(context, &mut self.head);
        }
    }

    /// Says what is due before the next part.
    fn next_part(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        self.render_head(context);
        if std::mem::take(&mut self.pending) {
            self.calls.end_last(0, context);
            self.say_calls(context, out);
        }
    }

    fn end_call(&mut self, call: usize, context: &Context<'_>, out: &mut Vec<u8>) {
        self.render_head(context);
        if self.calls.end(call) {
            self.say_calls(context, out);
        }
    }

    /// Says the calls that are whole, in their order.
    fn say_calls(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        while let Some(number) = self.calls.next_whole() {
            if let Some(call) = context.message.first().and_then(|choice| choice.calls.get(number)) {
                put(out, &[&self.head, CONTENT, b"\",\"tool_calls\":["]);
                write_call(number, call, out);
                out.extend_from_slice(b"]},\"done\":false}\n");
            }
        }
    }
}

impl Write for Ollama {
    #[inline]
    fn write(&mut self, delta: &Delta<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        match *delta {
            Delta::Text { choice: 0, text } | Delta::Refusal { choice: 0, text } => {
                self.next_part(context, out);
                put(out, &[&self.head, CONTENT, text.bytes(), TAIL]);
            }
            Delta::Reasoning { choice: 0, text } => {
                self.next_part(context, out);
                put(out, &[&self.head, THINKING, text.bytes(), TAIL]);
            }
            Delta::Call { choice: 0, .. } => {
                self.next_part(context, out);
                self.calls.begin();
                self.pending = true;
            }
            Delta::CallEnd { choice: 0, call } => self.end_call(call as usize, context, out),
            Delta::Start { .. } => self.head.clear(),
            _ => {}
        }
    }

    fn finish(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        self.next_part(context, out);
        for call in 0..self.calls.len() {
            self.end_call(call, context, out);
        }
        put(out, &[&self.head, CONTENT, b"\"}"]);
        write_end(context.message.first(), context.message.usage.as_ref(), out);
        out.push(b'\n');
    }

    fn fail(&mut self, failure: &Failure<'_>, _context: &Context<'_>, out: &mut Vec<u8>) {
        write_error(failure, out);
        out.push(b'\n');
    }
}

/// `{"model":…,"created_at":…,`
pub fn write_head(context: &Context<'_>, out: &mut Vec<u8>) {
    let date = time::iso_utc(context.created_s);
    put(out, &[b"{\"model\":\"", context.model, b"\",\"created_at\":\"", date.as_bytes(), b"\","]);
}

/// What the last line says behind its message.
pub fn write_end(choice: Option<&Choice>, usage: Option<&Usage>, out: &mut Vec<u8>) {
    let reason = choice.map_or(FinishReason::Stop, finish_reason);
    put(out, &[b",\"done\":true,\"done_reason\":\"", reason.ollama().as_bytes(), b"\""]);
    if let Some(usage) = usage {
        out.extend_from_slice(b",\"prompt_eval_count\":");
        put_number(out, usage.input);
        out.extend_from_slice(b",\"eval_count\":");
        put_number(out, usage.output);
    }
    out.push(b'}');
}

/// A call, its arguments an object.
pub fn write_call(number: usize, call: &Call, out: &mut Vec<u8>) {
    put(out, &[b"{\"id\":\"", &call.id, b"\",\"function\":{\"index\":"]);
    put_number(out, number as u64);
    put(out, &[b",\"name\":\"", &call.name, b"\",\"arguments\":"]);
    arguments::write_object(&call.arguments, out);
    out.extend_from_slice(b"}}");
}

/// `{"error":"…"}`: the dialect has no word for kinds.
pub fn write_error(failure: &Failure<'_>, out: &mut Vec<u8>) {
    put(out, &[b"{\"error\":\"", failure.message.bytes(), b"\"}"]);
}

#[cfg(test)]
mod tests {
    use crate::json::Escaped;
    use crate::stream::write::testing::{arguments, call, failed, finish, reasoning, text, written};
    use crate::stream::{Delta, FinishReason, Format, Usage};
    use serde_json::{Value, json};

    fn lines(bytes: &str) -> Vec<Value> {
        let lines = bytes.strip_suffix('\n').unwrap().split('\n');
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn lines_say_parts_and_the_last_one_how_it_ended() {
        let counts = Usage { input: 10, output: 9, ..Usage::default() };
        let deltas = [
            Delta::Usage(counts),
            reasoning("hm"),
            text(r"a\n"),
            Delta::Text { choice: 1, text: Escaped::from_checked(b"dropped") },
            call(0, "c0", "f"),
            arguments(0, r#"{\"a\":\n1}"#),
            call(1, "c1", "g"),
            text("b"),
            finish(FinishReason::Length),
        ];
        let lines = lines(&written(Format::Ollama, &deltas));
        let tool = |index: u32, id: &str, name: &str, arguments: Value| {
            let function = json!({"index":index,"name":name,"arguments":arguments});
            json!({"role":"assistant","content":"","tool_calls":[{"id":id,"function":function}]})
        };
        let messages: Vec<_> = lines.iter().map(|line| line["message"].clone()).collect();
        let expected = [
            json!({"role":"assistant","content":"","thinking":"hm"}),
            json!({"role":"assistant","content":"a\n"}),
            tool(0, "c0", "f", json!({"a":1})),
            json!({"role":"assistant","content":"b"}),
            tool(1, "c1", "g", json!({})),
            json!({"role":"assistant","content":""}),
        ];
        assert_eq!(messages, expected);
        for (number, line) in lines.iter().enumerate() {
            assert_eq!(line["model"], "mo\"del");
            assert_eq!(line["created_at"], "2023-11-14T22:13:20Z");
            assert_eq!(line["done"], number == 5);
        }
        assert_eq!(lines[5]["done_reason"], "length");
        assert_eq!((&lines[5]["prompt_eval_count"], &lines[5]["eval_count"]), (&json!(10), &json!(9)));
    }

    #[test]
    fn an_error_is_one_line_whatever_it_says() {
        let message = "a \"quote\"\r\n\ndata: {\"x\":1}\n\n";
        assert_eq!(lines(&failed(Format::Ollama)), [json!({"error":message})]);
    }
}
