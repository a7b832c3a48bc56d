//! Whole responses and whole streams of one message, against the dialects' documents.

use super::*;
use crate::stream::write::testing::{context, events, text};
use crate::stream::{Delta, Usage};
use serde_json::{Value, json};

fn escaped(text: &str) -> Escaped<'_> {
    Escaped::from_checked(text.as_bytes())
}

/// Reasoning with a signature, two texts, a call, a second alternative, counts.
fn message() -> Assembly {
    let mut message = Assembly::new(0);
    let counts = Usage { input: 100, output: 9, total: 0, cached: 60, cache_creation: 10, reasoning: 3 };
    for delta in [
        Delta::Start { id: escaped("provider"), model: escaped("provider-model") },
        Delta::Reasoning { choice: 0, text: escaped("hm") },
        Delta::Signature { choice: 0, text: escaped("sig") },
        text(r"a\n"),
        Delta::Break { choice: 0 },
        text("b"),
        Delta::Call { choice: 0, call: 0, id: escaped("c0"), name: escaped("f") },
        Delta::Arguments { choice: 0, call: 0, fragment: escaped(r#"{\"x\":\n[1]}"#) },
        Delta::Finish { choice: 0, reason: FinishReason::ToolCalls, raw: escaped("tool_use") },
        Delta::Text { choice: 1, text: escaped("other") },
        Delta::Finish { choice: 1, reason: FinishReason::Length, raw: escaped("max_tokens") },
        Delta::Usage(counts),
        Delta::End,
    ] {
        message.apply(&delta).unwrap();
    }
    message
}

fn whole(format: Format, message: &Assembly) -> Value {
    let body = render_whole(format, &context(message)).unwrap();
    assert!(!body.contains(&b'\n'));
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn openai_chat_says_all_alternatives() {
    let body = whole(Format::OpenaiChat, &message());
    let call = json!({"id":"c0","type":"function","function":{"name":"f","arguments":"{\"x\":\n[1]}"}});
    let expected = json!({
        "id":"m-1","object":"chat.completion","created":1_700_000_000,"model":"mo\"del",
        "choices":[
            {"index":0,"message":{"role":"assistant","content":"a\nb","refusal":null,"reasoning_content":"hm",
                "tool_calls":[call]},"logprobs":null,"finish_reason":"tool_calls"},
            {"index":1,"message":{"role":"assistant","content":"other","refusal":null},"logprobs":null,
                "finish_reason":"length"},
        ],
        "usage":{"prompt_tokens":100,"completion_tokens":9,"total_tokens":109,
            "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10},
            "completion_tokens_details":{"reasoning_tokens":3}},
    });
    assert_eq!(body, expected);
}

#[test]
fn claude_says_the_first_alternative_in_blocks() {
    let expected = json!({
        "id":"m-1","type":"message","role":"assistant","model":"mo\"del",
        "content":[
            {"type":"thinking","thinking":"hm","signature":"sig"},
            {"type":"text","text":"a\n"},
            {"type":"text","text":"b"},
            {"type":"tool_use","id":"c0","name":"f","input":{"x":[1]}},
        ],
        "stop_reason":"tool_use","stop_sequence":null,
        "usage":{"input_tokens":30,"cache_creation_input_tokens":10,"cache_read_input_tokens":60,
            "output_tokens":9,"output_tokens_details":{"thinking_tokens":3}},
    });
    assert_eq!(whole(Format::Claude, &message()), expected);
}

#[test]
fn gemini_says_parts_and_counts_thoughts_apart() {
    let expected = json!({
        "candidates":[
            {"content":{"parts":[
                {"text":"hm","thought":true,"thoughtSignature":"sig"},
                {"text":"a\n"},
                {"text":"b"},
                {"functionCall":{"id":"c0","name":"f","args":{"x":[1]}}},
            ],"role":"model"},"finishReason":"STOP","index":0},
            {"content":{"parts":[{"text":"other"}],"role":"model"},"finishReason":"MAX_TOKENS","index":1},
        ],
        "usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":6,"totalTokenCount":109,
            "cachedContentTokenCount":60,"thoughtsTokenCount":3},
        "modelVersion":"mo\"del","responseId":"m-1",
    });
    assert_eq!(whole(Format::Gemini, &message()), expected);
}

#[test]
fn openai_responses_says_items() {
    let body = whole(Format::OpenaiResponses, &message());
    let part = |text: &str| json!({"type":"output_text","annotations":[],"logprobs":[],"text":text});
    let expected = json!([
        {"id":"rs_m-1_0","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],
            "encrypted_content":"sig"},
        {"id":"msg_m-1_1","type":"message","status":"completed","role":"assistant","content":[part("a\n"),part("b")]},
        {"id":"fc_m-1_2","type":"function_call","status":"completed","arguments":"{\"x\":\n[1]}","call_id":"c0",
            "name":"f"},
    ]);
    assert_eq!(body["output"], expected);
    assert_eq!((&body["status"], &body["object"]), (&json!("completed"), &json!("response")));
    assert_eq!(body["created_at"], 1_700_000_000);
    assert_eq!(body["usage"]["total_tokens"], 109);
}

#[test]
fn ollama_says_one_message() {
    let expected = json!({
        "model":"mo\"del","created_at":"2023-11-14T22:13:20Z",
        "message":{"role":"assistant","content":"a\nb","thinking":"hm",
            "tool_calls":[{"id":"c0","function":{"index":0,"name":"f","arguments":{"x":[1]}}}]},
        "done":true,"done_reason":"stop","prompt_eval_count":100,"eval_count":9,
    });
    assert_eq!(whole(Format::Ollama, &message()), expected);
}

#[test]
fn a_message_that_is_not_complete_has_no_reason_and_its_stream_no_end() {
    let mut cut = Assembly::new(0);
    cut.apply(&text("half")).unwrap();
    assert_eq!(whole(Format::OpenaiChat, &cut)["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(whole(Format::Claude, &cut)["stop_reason"], Value::Null);
    assert_eq!(whole(Format::Gemini, &cut)["candidates"][0].get("finishReason"), None);
    assert_eq!(whole(Format::OpenaiResponses, &cut)["status"], "incomplete");
    assert_eq!(whole(Format::Ollama, &cut)["done"], false);
    let stream = String::from_utf8(render_stream(Format::OpenaiChat, &context(&cut)).unwrap()).unwrap();
    let last = events(&stream).pop().unwrap().1;
    assert_eq!(last["error"]["type"], "upstream_truncated");
    assert!(stream.contains("half"));
}

#[test]
fn an_error_is_the_dialects_body() {
    let failure =
        Failure { message: escaped(r#"no \"x\""#), kind: escaped("overloaded_error"), status: 529, raw: b"" };
    let body =
        |format| -> Value { serde_json::from_slice(&render_error(format, &failure).unwrap()).unwrap() };
    let message = "no \"x\"";
    let openai = json!({"error":{"message":message,"type":"overloaded_error","param":null,"code":529}});
    assert_eq!(body(Format::OpenaiChat), openai);
    let claude = json!({"type":"error","error":{"type":"overloaded_error","message":message}});
    assert_eq!(body(Format::Claude), claude);
    let gemini = json!({"error":{"code":529,"message":message,"status":"overloaded_error"}});
    assert_eq!(body(Format::Gemini), gemini);
    assert_eq!(body(Format::Ollama), json!({"error":message}));
    assert_eq!(body(Format::OpenaiResponses)["error"]["message"], message);
    let mut failed = Assembly::new(0);
    failed.apply(&Delta::Error(failure)).unwrap();
    assert_eq!(whole(Format::Claude, &failed)["error"]["message"], message);
}

#[test]
fn a_stream_says_what_the_whole_response_says() {
    let message = message();
    for (format, pieces) in [
        (Format::OpenaiChat, ["\"hm\"", "other", "tool_calls", "[DONE]"]),
        (Format::OpenaiResponses, ["\"hm\"", "sig", "c0", "response.completed"]),
        (Format::Claude, ["\"hm\"", "sig", "tool_use", "message_stop"]),
        (Format::Gemini, ["\"hm\"", "sig", "functionCall", "MAX_TOKENS"]),
        (Format::Ollama, ["\"hm\"", "\"b\"", "tool_calls", "\"done\":true"]),
    ] {
        let stream = String::from_utf8(render_stream(format, &context(&message)).unwrap()).unwrap();
        for piece in pieces {
            assert!(stream.contains(piece), "{format:?}: {piece}");
        }
    }
    assert!(render_stream(Format::Kiro, &context(&message)).is_none());
    assert!(render_whole(Format::BedrockConverse, &context(&message)).is_none());
}

#[test]
fn parts_of_a_dialects_own_stay_in_it() {
    let raws: [(Format, &[u8], &str); 3] = [
        (Format::Claude, br#"{"type":"redacted_thinking","data":"d\"}{"}"#, "content"),
        (Format::Gemini, br#"{"inlineData":{"mimeType":"image/png","data":"AA"}}"#, "candidates"),
        (Format::OpenaiResponses, br#"{"id":"w","type":"web_search_call"}"#, "output"),
    ];
    for (own, raw, member) in raws {
        let mut message = message();
        message.apply(&Delta::Other { choice: 0, raw }).unwrap();
        for (format, _, _) in raws {
            let stream = String::from_utf8(render_stream(format, &context(&message)).unwrap()).unwrap();
            let whole = whole(format, &message);
            let raw = std::str::from_utf8(raw).unwrap();
            assert_eq!(stream.contains(raw), format == own, "{format:?}");
            assert_eq!(whole.to_string().contains(raw), format == own, "{format:?}");
            assert!(format != own || whole.get(member).is_some());
        }
    }
}
