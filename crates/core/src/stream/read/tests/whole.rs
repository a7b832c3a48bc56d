use super::line;
use crate::stream::Format;
use crate::stream::framing::aws::write_frame;
use crate::stream::read::{detect_whole, parse_whole};

/// Detects the format, which must be this one, and reads the body.
fn read(format: Format, body: &[u8]) -> Vec<String> {
    assert_eq!(detect_whole(body), Some(format), "{}", String::from_utf8_lossy(body));
    let mut told = Vec::new();
    parse_whole(format, body, &mut |delta| told.push(line(&delta))).unwrap();
    told
}

#[test]
fn openai_chat() {
    let body = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[
        {"index":0,"message":{"role":"assistant","content":"<think>t</think>Hi","refusal":null,"tool_calls":[
            {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
            {"id":"b","type":"function","function":{"name":"g","arguments":"[]"}}]},"finish_reason":"tool_calls"},
        {"index":1,"message":{"content":"Ho","reasoning_content":"r"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    assert_eq!(
        read(Format::OpenaiChat, body.as_bytes()),
        [
            "start c m",
            "reasoning0 t",
            "text0 Hi",
            "call0.0 a f",
            "arguments0.0 {}",
            "call0.1 b g",
            "arguments0.1 []",
            "finish0 tool_calls tool_calls",
            "reasoning1 r",
            "text1 Ho",
            "finish1 stop stop",
            "usage in=1 out=2 total=3 cached=0 creation=0 reasoning=0",
            "end"
        ]
    );
    assert_eq!(read(Format::OpenaiChat, br#"{"error":{"message":"m"}}"#), [r#"error 0  m {"message":"m"}"#]);
}

#[test]
fn openai_responses() {
    let body = r#"{"id":"r","object":"response","status":"completed","model":"m","error":null,"metadata":{},
        "output":[{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":"e"},
            {"type":"message","id":"msg","content":[{"type":"output_text","text":"Hi","annotations":[]}]},
            {"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{}"},
            {"type":"web_search_call","id":"ws"}],
        "usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}"#;
    assert_eq!(
        read(Format::OpenaiResponses, body.as_bytes()),
        [
            "start r m",
            "reasoning0 s",
            "signature0 e",
            "break0",
            "text0 Hi",
            "call0.0 c f",
            "arguments0.0 {}",
            "callend0.0",
            r#"other0 {"type":"web_search_call","id":"ws"}"#,
            "finish0 tool_calls completed",
            "usage in=1 out=2 total=3 cached=0 creation=0 reasoning=0",
            "end"
        ]
    );
    for (body, told) in [
        (
            r#"{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}"#,
            vec!["finish0 length max_output_tokens", "end"],
        ),
        (
            r#"{"object":"response","status":"failed","error":{"code":"c","message":"m"},"output":[]}"#,
            vec!["finish0 error failed", r#"error 0 c m {"code":"c","message":"m"}"#],
        ),
        (
            r#"{"object":"response","status":"in_progress","output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}]}"#,
            vec!["text0 a"],
        ),
    ] {
        assert_eq!(read(Format::OpenaiResponses, body.as_bytes()), told);
    }
}

#[test]
fn claude() {
    let body = r#"{"id":"m","type":"message","role":"assistant","model":"c","content":[
        {"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"Hi"},
        {"type":"tool_use","id":"a","name":"f","input":{"x": 1}},{"type":"redacted_thinking","data":"d"}],
        "stop_reason":"tool_use","usage":{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":3}}"#;
    assert_eq!(
        read(Format::Claude, body.as_bytes()),
        [
            "start m c",
            "reasoning0 t",
            "signature0 s",
            "break0",
            "text0 Hi",
            "break0",
            "call0.0 a f",
            r#"arguments0.0 {"x":1}"#,
            "callend0.0",
            r#"other0 {"type":"redacted_thinking","data":"d"}"#,
            "finish0 tool_calls tool_use",
            "usage in=3 out=3 total=0 cached=2 creation=0 reasoning=0",
            "end"
        ]
    );
    assert_eq!(
        read(Format::Claude, br#"{"type":"error","error":{"type":"t","message":"m"}}"#),
        [r#"error 0 t m {"type":"t","message":"m"}"#]
    );
}

#[test]
fn gemini() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"Hi"},{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP"}],"modelVersion":"g","responseId":"r"}"#;
    let told = ["start r g", "text0 Hi", "call0.0  f", "arguments0.0 {}", "finish0 tool_calls STOP", "end"];
    assert_eq!(read(Format::Gemini, body.as_bytes()), told);
    let array = r#"[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}, {"candidates":[{"finishReason":"STOP"}]}]"#;
    assert_eq!(read(Format::Gemini, array.as_bytes()), ["text0 a", "finish0 stop STOP", "end"]);
}

#[test]
fn ollama() {
    let body = br#"{"model":"l","message":{"content":"Hi"},"done":true,"done_reason":"stop","eval_count":2}"#;
    assert_eq!(
        read(Format::Ollama, body),
        [
            "start  l",
            "text0 Hi",
            "finish0 stop stop",
            "usage in=0 out=2 total=0 cached=0 creation=0 reasoning=0",
            "end"
        ]
    );
}

#[test]
fn bedrock_converse() {
    let body = r#"{"output":{"message":{"role":"assistant","content":[
        {"reasoningContent":{"reasoningText":{"text":"t","signature":"s"}}},{"reasoningContent":{"redactedContent":"x"}},
        {"text":"Hi"},{"toolUse":{"toolUseId":"a","name":"f","input":{"x":1}}},{"image":{"format":"png"}}]}},
        "stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":1}}"#;
    assert_eq!(
        read(Format::BedrockConverse, body.as_bytes()),
        [
            "reasoning0 t",
            "signature0 s",
            "break0",
            r#"other0 {"redactedContent":"x"}"#,
            "text0 Hi",
            "break0",
            "call0.0 a f",
            r#"arguments0.0 {"x":1}"#,
            "callend0.0",
            r#"other0 {"image":{"format":"png"}}"#,
            "finish0 tool_calls tool_use",
            "usage in=1 out=2 total=3 cached=0 creation=0 reasoning=0",
            "end"
        ]
    );
}

#[test]
fn kiro_comes_in_frames() {
    let mut body = Vec::new();
    for payload in [r#"{"content":"Hi"}"#, r#"{"name":"f","toolUseId":"t","input":"{}","stop":true}"#] {
        write_frame(
            &[(":event-type", b"assistantResponseEvent"), (":message-type", b"event")],
            payload.as_bytes(),
            &mut body,
        );
    }
    let told = ["text0 Hi", "call0.0 t f", "arguments0.0 {}", "callend0.0", "finish0 tool_calls ", "end"];
    assert_eq!(read(Format::Kiro, &body), told);
    let cut = &body[..body.len() - 1];
    assert!(parse_whole(Format::Kiro, cut, &mut |_| {}).is_err());
}

#[test]
fn what_is_no_answer_is_an_error() {
    for body in [&b""[..], b"hello", br#"{"choices":["#, b"\"\xff\"", b"7"] {
        for (_, format) in Format::ALL {
            assert!(parse_whole(format, body, &mut |_| {}).is_err(), "{body:?} {format:?}");
        }
        assert_eq!(detect_whole(body), None);
    }
    for (_, format) in Format::ALL.into_iter().filter(|(_, format)| *format != Format::Kiro) {
        let mut told = Vec::new();
        parse_whole(format, b"{}", &mut |delta| told.push(line(&delta))).unwrap();
        assert!(told.is_empty(), "{format:?} {told:?}");
    }
}
