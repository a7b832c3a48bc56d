//! Which format a stream has, told by its first event that tells.

use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Event, Format};

/// The format that an event tells of; `None` for pings, comments, empty choices and what is not JSON.
pub fn detect(event: &Event<'_>) -> Option<Format> {
    match event.name {
        b"messageStart" | b"contentBlockStart" | b"contentBlockDelta" | b"contentBlockStop"
        | b"messageStop" | b"metadata" => return Some(Format::BedrockConverse),
        b"assistantResponseEvent" | b"toolUseEvent" | b"contextUsageEvent" | b"meteringEvent" => {
            return Some(Format::Kiro);
        }
        _ => {}
    }
    if !event.exception.is_empty() {
        // the three formats of these frames have their exceptions in common
        return Some(Format::BedrockConverse);
    }
    let mut cursor = Cursor::new(event.data);
    if cursor.peek() != Some(b'{') {
        return None;
    }
    let keys = Keys::read(&mut cursor).ok()?;
    let kind = if keys.kind.is_empty() { event.name } else { keys.kind.bytes() };
    keys.format(kind)
}

/// What tells formats apart.
#[derive(Default)]
struct Keys<'a> {
    kind: Escaped<'a>,
    has_choices: bool,
    has_candidates: bool,
    has_done: bool,
    has_ollama_text: bool,
    is_bedrock: bool,
    is_kiro: bool,
    has_bytes: bool,
    error: &'a [u8],
}

impl<'a> Keys<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Bad> {
        let mut keys = Self::default();
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            let first = cursor.peek();
            match key {
                b"type" => {
                    keys.kind = cursor.string()?.unwrap_or_default();
                    continue;
                }
                b"choices" => {
                    if cursor.array()? {
                        while cursor.next_element()? {
                            keys.has_choices |= cursor.skip()?.starts_with(b"{");
                        }
                    }
                    continue;
                }
                b"candidates" | b"usageMetadata" | b"promptFeedback" => keys.has_candidates = true,
                b"response" if first == Some(b'{') => {
                    cursor.object()?;
                    while let Some(key) = cursor.next_key()? {
                        keys.has_candidates |=
                            matches!(key, b"candidates" | b"usageMetadata" | b"promptFeedback");
                        cursor.skip()?;
                    }
                    continue;
                }
                b"message" => keys.has_ollama_text |= first == Some(b'{'),
                b"response" => keys.has_ollama_text |= first == Some(b'"'),
                b"done" => keys.has_done |= matches!(first, Some(b't' | b'f')),
                b"messageStart" | b"contentBlockStart" | b"contentBlockDelta" | b"contentBlockStop"
                | b"messageStop" | b"metadata" => keys.is_bedrock |= first == Some(b'{'),
                b"toolUseId" | b"content" => keys.is_kiro |= first == Some(b'"'),
                b"contextUsagePercentage" => keys.is_kiro = true,
                b"assistantResponseEvent" | b"toolUseEvent" => keys.is_kiro |= first == Some(b'{'),
                b"bytes" => keys.has_bytes |= first == Some(b'"'),
                b"error" if matches!(first, Some(b'{' | b'"')) => {
                    keys.error = cursor.skip()?;
                    continue;
                }
                _ => {}
            }
            cursor.skip()?;
        }
        cursor.finish()?;
        Ok(keys)
    }

    fn format(&self, kind: &[u8]) -> Option<Format> {
        match kind {
            b"ping" => return None,
            b"message_start"
            | b"content_block_start"
            | b"content_block_delta"
            | b"content_block_stop"
            | b"message_delta"
            | b"message_stop" => return Some(Format::Claude),
            // Claude puts the error inside, responses say it beside the type
            b"error" if self.error.first() == Some(&b'{') => return Some(Format::Claude),
            b"error" if self.error.is_empty() => return Some(Format::OpenaiResponses),
            kind if kind.starts_with(b"response.") => return Some(Format::OpenaiResponses),
            _ => {}
        }
        let error = self.error.first();
        [
            (self.has_choices, Format::OpenaiChat),
            (self.has_candidates, Format::Gemini),
            (self.has_done && self.has_ollama_text, Format::Ollama),
            (self.is_bedrock, Format::BedrockConverse),
            (self.has_bytes, Format::Claude),
            (self.is_kiro, Format::Kiro),
            (error == Some(&b'"'), Format::Ollama),
            (error == Some(&b'{') && is_google_error(self.error), Format::Gemini),
            (error == Some(&b'{'), Format::OpenaiChat),
        ]
        .into_iter()
        .find_map(|(tells, format)| tells.then_some(format))
    }
}

/// Google's errors have a number for a code and a word for a status.
fn is_google_error(raw: &[u8]) -> bool {
    let read = || {
        let (mut cursor, mut code, mut status) = (Cursor::new(raw), None, None);
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"code" => code = cursor.whole()?,
                b"status" => status = cursor.string()?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok::<_, Bad>(code.is_some() && status.is_some())
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(name: &str, data: &str) -> Option<Format> {
        detect(&Event { name: name.as_bytes(), data: data.as_bytes(), ..Event::default() })
    }

    #[test]
    fn telling_events_tell() {
        for (name, data, format) in [
            ("", r#"{"id":"c","choices":[{"index":0,"delta":{}}]}"#, Format::OpenaiChat),
            ("", r#"{"error":{"message":"m","type":"t","code":null}}"#, Format::OpenaiChat),
            ("", r#"{"type":"response.created","response":{}}"#, Format::OpenaiResponses),
            ("response.created", r#"{"response":{}}"#, Format::OpenaiResponses),
            ("", r#"{"type":"error","code":"c","message":"m"}"#, Format::OpenaiResponses),
            ("message_start", r#"{"type":"message_start","message":{}}"#, Format::Claude),
            ("error", r#"{"type":"error","error":{"type":"overloaded_error"}}"#, Format::Claude),
            ("chunk", r#"{"bytes":"e30="}"#, Format::Claude),
            ("", r#"{"candidates":[]}"#, Format::Gemini),
            ("", r#"{"response":{"candidates":[]},"traceId":"t"}"#, Format::Gemini),
            ("", r#"{"error":{"code":500,"message":"m","status":"INTERNAL"}}"#, Format::Gemini),
            ("", r#"{"model":"l","message":{"content":"a"},"done":false}"#, Format::Ollama),
            ("", r#"{"model":"l","response":"a","done":true}"#, Format::Ollama),
            ("", r#"{"error":"model not found"}"#, Format::Ollama),
            ("messageStart", r#"{"role":"assistant"}"#, Format::BedrockConverse),
            ("", r#"{"contentBlockDelta":{"delta":{"text":"a"}}}"#, Format::BedrockConverse),
            ("assistantResponseEvent", r#"{"content":"a"}"#, Format::Kiro),
            ("", r#"{"content":"a"}"#, Format::Kiro),
            ("", r#"{"name":"f","toolUseId":"t"}"#, Format::Kiro),
        ] {
            assert_eq!(detected(name, data), Some(format), "{name} {data}");
        }
        let exception = Event { exception: b"throttlingException", ..Event::default() };
        assert_eq!(detect(&exception), Some(Format::BedrockConverse));
    }

    #[test]
    fn the_rest_does_not() {
        for (name, data) in [
            ("ping", r#"{"type":"ping"}"#),
            ("ping", "{}"),
            ("", r#"{"id":"","choices":[],"prompt_filter_results":[]}"#),
            ("", r#"{"choices":[],"usage":null,"error":null}"#),
            ("", "[DONE]"),
            ("", ""),
            ("", "hello"),
            ("", r#"{"candidates":["#),
            ("", r#"{"choices":{"a":1},"message":"m","response":null,"done":1,"content":[]}"#),
            ("initial-response", "{}"),
        ] {
            assert_eq!(detected(name, data), None, "{name} {data}");
        }
    }
}
