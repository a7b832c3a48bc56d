//! Google generateContent: each chunk is a response with whole parts; the last one has the finish reasons and the
//! usage. Calls are said when their arguments are whole. A refusal is text; ends of parts are not said.

use super::calls::Calls;
use super::{
    Context, Write, alternatives, arguments, finish_reason, last_is_call, own, put, put_list, put_number,
    usage,
};
use crate::json::Escaped;
use crate::stream::{Call, Choice, Delta, Failure, FinishReason, Part};

/// Writes Gemini chunks.
#[derive(Debug, Default)]
pub struct Gemini {
    /// The end of each chunk: model and id are rendered once.
    tail: Vec<u8>,
    /// The frames of text and reasoning of the first choice behind the text.
    text_tail: Vec<u8>,
    reasoning_tail: Vec<u8>,
    /// The first choice has something that is due with its next part.
    pending: bool,
    choices: Vec<Pending>,
}

/// What a choice has yet to say.
#[derive(Debug, Default)]
struct Pending {
    calls: Calls,
    /// The signature of the last part, and whether that is reasoning.
    signature: Vec<u8>,
    thought: bool,
}

const HEAD: &[u8] = b"data: {\"candidates\":[{\"content\":{\"parts\":[";
const TEXT_HEAD: &[u8] = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"";

impl Gemini {
    fn render_tails(&mut self, context: &Context<'_>) {
        if !self.tail.is_empty() {
            return;
        }
        put(&mut self.tail, &[b"\"modelVersion\":\"", context.model, b"\",\"responseId\":\"", context.id]);
        self.tail.extend_from_slice(b"\"}\n\n");
        let mut part_tail = Vec::new();
        self.end(0, &mut part_tail);
        put(&mut self.text_tail, &[b"\"}", &part_tail]);
        put(&mut self.reasoning_tail, &[b"\",\"thought\":true}", &part_tail]);
    }

    /// A chunk behind its parts.
    fn end(&self, choice: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"],\"role\":\"model\"},\"index\":");
        put_number(out, choice);
        put(out, &[b"}],", &self.tail]);
    }

    fn choice(&mut self, choice: u32) -> Option<&mut Pending> {
        let index = choice as usize;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, Pending::default);
        }
        self.choices.get_mut(index)
    }

    /// Says what is due before the next part of the choice.
    fn next_part(&mut self, choice: u32, context: &Context<'_>, out: &mut Vec<u8>) {
        self.render_tails(context);
        let Some(pending) = self.choice(choice) else { return };
        let signature = std::mem::take(&mut pending.signature);
        let thought = pending.thought;
        pending.calls.end_last(choice as usize, context);
        if !signature.is_empty() {
            out.extend_from_slice(HEAD);
            write_signature(&signature, thought, out);
            self.end(choice, out);
        }
        self.say_calls(choice, context, out);
        if choice == 0 {
            self.pending = false;
        }
    }

    fn end_call(&mut self, choice: u32, call: usize, context: &Context<'_>, out: &mut Vec<u8>) {
        self.render_tails(context);
        if self.choice(choice).is_some_and(|pending| pending.calls.end(call)) {
            self.say_calls(choice, context, out);
        }
    }

    /// Says the calls that are whole, in their order.
    fn say_calls(&mut self, choice: u32, context: &Context<'_>, out: &mut Vec<u8>) {
        let said = context.message.choices.get(choice as usize);
        while let Some(number) = self.choice(choice).and_then(|pending| pending.calls.next_whole()) {
            if let Some(call) = said.and_then(|said| said.calls.get(number)) {
                out.extend_from_slice(HEAD);
                write_call(call, out);
                self.end(choice, out);
            }
        }
    }

    fn say(&mut self, choice: u32, text: Escaped<'_>, end: &[u8], context: &Context<'_>, out: &mut Vec<u8>) {
        self.next_part(choice, context, out);
        put(out, &[TEXT_HEAD, text.bytes(), end]);
        self.end(choice, out);
    }
}

impl Write for Gemini {
    #[inline]
    fn write(&mut self, delta: &Delta<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        match *delta {
            Delta::Text { choice: 0, text } if !self.pending && !self.tail.is_empty() => {
                put(out, &[TEXT_HEAD, text.bytes(), &self.text_tail]);
            }
            Delta::Reasoning { choice: 0, text } if !self.pending && !self.tail.is_empty() => {
                put(out, &[TEXT_HEAD, text.bytes(), &self.reasoning_tail]);
            }
            Delta::Text { choice, text } | Delta::Refusal { choice, text } => {
                self.say(choice, text, b"\"}", context, out);
            }
            Delta::Reasoning { choice, text } => {
                self.say(choice, text, b"\",\"thought\":true}", context, out);
            }
            Delta::Signature { choice, text } => {
                let said = context.message.choices.get(choice as usize);
                if last_is_call(said) {
                    return;
                }
                let thought = said.and_then(|choice| choice.parts.last());
                let thought = matches!(thought, Some(Part::Reasoning(text, _)) if !text.is_empty());
                if let Some(pending) = self.choice(choice) {
                    pending.thought = thought;
                    pending.signature.extend_from_slice(text.bytes());
                    self.pending |= choice == 0;
                }
            }
            Delta::Call { choice, .. } => {
                self.next_part(choice, context, out);
                if let Some(pending) = self.choice(choice) {
                    pending.calls.begin();
                    self.pending |= choice == 0;
                }
            }
            Delta::Other { choice, raw } if own::is_gemini(raw) => {
                self.next_part(choice, context, out);
                out.extend_from_slice(HEAD);
                arguments::write_compact(raw, out);
                self.end(choice, out);
            }
            Delta::CallEnd { choice, call } => self.end_call(choice, call as usize, context, out),
            Delta::Start { .. } => {
                self.tail.clear();
                self.text_tail.clear();
                self.reasoning_tail.clear();
            }
            _ => {}
        }
    }

    fn finish(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        for (index, choice) in (0u32..).zip(&context.message.choices) {
            self.next_part(index, context, out);
            for call in 0..choice.calls.len() {
                self.end_call(index, call, context, out);
            }
        }
        self.render_tails(context);
        out.extend_from_slice(b"data: {\"candidates\":[");
        let write = |(index, choice), out: &mut Vec<u8>| {
            out.extend_from_slice(b"{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},");
            put(out, &[b"\"finishReason\":\"", gemini_reason(choice).as_bytes(), b"\",\"index\":"]);
            put_number(out, index);
            out.push(b'}');
        };
        put_list(alternatives(context.message), write, out);
        out.extend_from_slice(b"],");
        if let Some(counts) = &context.message.usage {
            out.extend_from_slice(b"\"usageMetadata\":");
            usage::write_gemini(counts, out);
            out.push(b',');
        }
        out.extend_from_slice(&self.tail);
    }

    fn fail(&mut self, failure: &Failure<'_>, _context: &Context<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        write_error(failure, out);
        out.extend_from_slice(b"\n\n");
    }
}

/// The part that carries the signature of what came before it.
pub fn write_signature(signature: &[u8], thought: bool, out: &mut Vec<u8>) {
    let thought: &[u8] = if thought { b"\"thought\":true," } else { b"" };
    put(out, &[b"{\"text\":\"\",", thought, b"\"thoughtSignature\":\"", signature, b"\"}"]);
}

/// A call as a whole part.
pub fn write_call(call: &Call, out: &mut Vec<u8>) {
    put(out, &[b"{\"functionCall\":{\"id\":\"", &call.id, b"\",\"name\":\"", &call.name, b"\",\"args\":"]);
    arguments::write_object(&call.arguments, out);
    out.push(b'}');
    if !call.signature.is_empty() {
        put(out, &[b",\"thoughtSignature\":\"", &call.signature, b"\""]);
    }
    out.push(b'}');
}

/// The choice's `finishReason`: Gemini's own word where the message came with one.
pub fn gemini_reason(choice: &Choice) -> &'static str {
    let reason = finish_reason(choice);
    let own = [
        "RECITATION",
        "LANGUAGE",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "MALFORMED_FUNCTION_CALL",
    ];
    let raw = own.into_iter().find(|word| Escaped::from_checked(&choice.raw_finish).is(word));
    raw.filter(|word| FinishReason::read(Escaped::from_checked(word.as_bytes())) == reason)
        .unwrap_or(reason.gemini())
}

/// `{"error":{…}}`, in a stream as well as for a whole response.
pub fn write_error(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let code = if failure.status == 0 { 500 } else { failure.status };
    let status: &[u8] = match (failure.kind.bytes(), code) {
        (b"", 400) => b"INVALID_ARGUMENT",
        (b"", 401) => b"UNAUTHENTICATED",
        (b"", 403) => b"PERMISSION_DENIED",
        (b"", 404) => b"NOT_FOUND",
        (b"", 429) => b"RESOURCE_EXHAUSTED",
        (b"", 503) => b"UNAVAILABLE",
        (b"", 504) => b"DEADLINE_EXCEEDED",
        (b"", _) => b"INTERNAL",
        (kind, _) => kind,
    };
    out.extend_from_slice(b"{\"error\":{\"code\":");
    put_number(out, code);
    put(out, &[b",\"message\":\"", failure.message.bytes(), b"\",\"status\":\"", status, b"\"}}"]);
}

#[cfg(test)]
mod tests {
    use crate::json::Escaped;
    use crate::stream::write::testing::{
        arguments, call, events, failed, finish, reasoning, signature, text, values, written,
    };
    use crate::stream::{Delta, FinishReason, Format, Usage};
    use serde_json::{Value, json};

    const FORMAT: Format = Format::Gemini;

    fn parts(frames: &[Value]) -> Vec<Value> {
        let candidates = frames.iter().flat_map(|frame| frame["candidates"].as_array().unwrap());
        let parts = candidates.flat_map(|candidate| candidate["content"]["parts"].as_array().unwrap());
        parts.cloned().collect()
    }

    #[test]
    fn parts_come_whole_and_in_order() {
        let counts = Usage { input: 10, output: 9, cached: 4, reasoning: 3, ..Usage::default() };
        let deltas = [
            reasoning("hm"),
            signature("si"),
            signature("g"),
            text(r"a\n"),
            text("b"),
            call(0, "c0", "f"),
            arguments(0, r#"{\"a\":"#),
            arguments(0, r"\n 1}"),
            call(1, "c1", "g"),
            signature("own"),
            Delta::CallEnd { choice: 0, call: 1 },
            text("end"),
            Delta::Usage(counts),
            finish(FinishReason::ToolCalls),
        ];
        let frames = values(&written(FORMAT, &deltas));
        let expected = [
            json!({"text":"hm","thought":true}),
            json!({"text":"","thought":true,"thoughtSignature":"sig"}),
            json!({"text":"a\n"}),
            json!({"text":"b"}),
            json!({"functionCall":{"id":"c0","name":"f","args":{"a":1}}}),
            json!({"functionCall":{"id":"c1","name":"g","args":{}},"thoughtSignature":"own"}),
            json!({"text":"end"}),
            json!({"text":""}),
        ];
        assert_eq!(parts(&frames), expected);
        let last = frames.last().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        let counts = json!({"promptTokenCount":10,"candidatesTokenCount":6,"totalTokenCount":19,
            "cachedContentTokenCount":4,"thoughtsTokenCount":3});
        assert_eq!(last["usageMetadata"], counts);
        for frame in &frames {
            assert_eq!(frame["modelVersion"], "mo\"del");
            assert_eq!(frame["responseId"], "m-1");
            assert_eq!(frame["candidates"][0]["content"]["role"], "model");
            assert_eq!(frame["candidates"][0]["index"], 0);
        }
    }

    #[test]
    fn a_call_waits_for_its_arguments_and_for_the_calls_before_it() {
        let deltas = [
            call(0, "c0", "f"),
            call(1, "c1", "g"),
            arguments(1, "{}"),
            text("x"),
            arguments(0, r#"{\"a\":1}"#),
        ];
        let parts = parts(&values(&written(FORMAT, &deltas)));
        let names: Vec<_> = parts.iter().map(|part| part["functionCall"]["name"].clone()).collect();
        assert_eq!(names, [Value::Null, json!("f"), json!("g"), Value::Null]);
        assert_eq!(parts[1]["functionCall"]["args"], json!({"a":1}));
    }

    #[test]
    fn alternatives_end_together() {
        let other = Delta::Text { choice: 1, text: Escaped::from_checked(b"y") };
        let safety = Escaped::from_checked(b"RECITATION");
        let ended = Delta::Finish { choice: 1, reason: FinishReason::ContentFilter, raw: safety };
        let frames = values(&written(FORMAT, &[text("x"), other, ended]));
        assert_eq!(frames[1]["candidates"][0]["index"], 1);
        let reasons: Vec<_> =
            frames[2]["candidates"].as_array().unwrap().iter().map(|c| c["finishReason"].clone()).collect();
        assert_eq!(reasons, ["STOP", "RECITATION"]);
        assert!(frames[2].get("usageMetadata").is_none());
    }

    #[test]
    fn an_error_is_one_frame_whatever_it_says() {
        let frames = events(&failed(FORMAT));
        let message = "a \"quote\"\r\n\ndata: {\"x\":1}\n\n";
        let error = json!({"code":429,"message":message,"status":"bad\r\nevent: x"});
        assert_eq!(frames, [(String::new(), json!({"error":error}))]);
    }
}
