//! `AssembledMessage` as the JSON that the shell parses.

use super::assembly::Part;
use super::{Assembly, Call, Choice, FinishReason};
use crate::json::write_string;

impl Assembly {
    /// `AssembledMessage` as JSON, but for `error`, which the shell makes from `error` (the provider's object) and
    /// `errorMessage`.
    pub fn to_json(&self, complete: bool) -> Vec<u8> {
        let empty = Choice::default();
        let first = self.first().unwrap_or(&empty);
        let mut out = Vec::with_capacity(self.held * 3 + 512);
        out.extend_from_slice(b"{\"parts\":[");
        for (index, part) in first.parts.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            first.write_part(part, &mut out);
        }
        out.extend_from_slice(b"],");
        first.write_texts(&mut out);
        out.extend_from_slice(b",\"finishReason\":");
        write_finish(first.finish, &mut out);
        out.extend_from_slice(b",\"rawFinishReason\":");
        write_nullable(&first.raw_finish, &mut out);
        out.extend_from_slice(b",\"usage\":");
        match &self.usage {
            None => out.extend_from_slice(b"null"),
            Some(usage) => out.extend_from_slice(
                format!(
                    "{{\"inputTokens\":{},\"outputTokens\":{},\"totalTokens\":{},\"cachedTokens\":{},\"cacheCreationTokens\":{},\"reasoningTokens\":{}}}",
                    usage.input, usage.output, usage.total(), usage.cached, usage.cache_creation, usage.reasoning,
                )
                .as_bytes(),
            ),
        }
        out.extend_from_slice(b",\"model\":");
        write_nullable(&self.model, &mut out);
        out.extend_from_slice(b",\"id\":");
        write_nullable(&self.id, &mut out);
        out.extend_from_slice(
            format!(",\"complete\":{complete},\"events\":{},\"error\":", self.events).as_bytes(),
        );
        match &self.error {
            None => out.extend_from_slice(b"null"),
            Some((provider, message)) => {
                out.extend_from_slice(b"{\"provider\":");
                out.extend_from_slice(provider);
                out.extend_from_slice(b",\"detail\":\"");
                out.extend_from_slice(message);
                out.extend_from_slice(b"\"}");
            }
        }
        out.extend_from_slice(b",\"choices\":[");
        for (index, choice) in self.choices.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(format!("{{\"index\":{index},").as_bytes());
            choice.write_texts(&mut out);
            out.extend_from_slice(b",\"finishReason\":");
            write_finish(choice.finish, &mut out);
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
        out
    }
}

impl Choice {
    fn write_texts(&self, out: &mut Vec<u8>) {
        for (name, text) in
            [("text", self.text()), ("reasoning", self.reasoning()), ("refusal", self.refusal())]
        {
            out.extend_from_slice(format!("\"{name}\":\"").as_bytes());
            out.extend_from_slice(&text);
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\"toolCalls\":[");
        for (index, call) in self.calls.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            call.write(out);
        }
        out.push(b']');
    }

    fn write_part(&self, part: &Part, out: &mut Vec<u8>) {
        let mut put = |kind: &str, text: &[u8]| {
            out.extend_from_slice(format!("{{\"type\":\"{kind}\",\"text\":\"").as_bytes());
            out.extend_from_slice(text);
            out.push(b'"');
        };
        match part {
            Part::Text(text) => put("text", text),
            Part::Refusal(text) => put("refusal", text),
            Part::Reasoning(text, signature) => {
                put("reasoning", text);
                if !signature.is_empty() {
                    out.extend_from_slice(b",\"signature\":\"");
                    out.extend_from_slice(signature);
                    out.push(b'"');
                }
            }
            Part::Call(call) => {
                out.extend_from_slice(b"{\"type\":\"tool_call\",\"call\":");
                self.calls.get(*call).unwrap_or(&Call::default()).write(out);
            }
            Part::Other(raw) => {
                out.extend_from_slice(b"{\"type\":\"other\",\"raw\":");
                out.extend_from_slice(raw);
            }
        }
        out.push(b'}');
    }
}

impl Call {
    fn write(&self, out: &mut Vec<u8>) {
        for (name, text) in
            [("{\"id\"", &self.id), (",\"name\"", &self.name), (",\"arguments\"", &self.arguments)]
        {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b":\"");
            out.extend_from_slice(text);
            out.push(b'"');
        }
        if !self.signature.is_empty() {
            out.extend_from_slice(b",\"signature\":\"");
            out.extend_from_slice(&self.signature);
            out.push(b'"');
        }
        out.push(b'}');
    }
}

fn write_finish(reason: Option<FinishReason>, out: &mut Vec<u8>) {
    match reason {
        None => out.extend_from_slice(b"null"),
        Some(reason) => write_string(reason.name().as_bytes(), out),
    }
}

/// An escaped text as a literal; `null` when it is empty.
fn write_nullable(escaped: &[u8], out: &mut Vec<u8>) {
    if escaped.is_empty() {
        return out.extend_from_slice(b"null");
    }
    out.push(b'"');
    out.extend_from_slice(escaped);
    out.push(b'"');
}
