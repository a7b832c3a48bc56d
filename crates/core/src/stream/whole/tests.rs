//! Recognising and renaming; what conversions keep is tested from JavaScript, with readers of its own.

use super::*;

#[test]
fn a_body_tells_its_format() {
    for (body, format) in [
        (r#"{"id":"x","choices":[],"object":"chat.completion"}"#, Some(Format::OpenaiChat)),
        (r#"{"choices":[{"type":"message"}]}"#, Some(Format::OpenaiChat)),
        (r#"{"object":"response","output":[]}"#, Some(Format::OpenaiResponses)),
        (r#"{"output":[]}"#, Some(Format::OpenaiResponses)),
        (r#"{"content":[],"type":"message","role":"assistant"}"#, Some(Format::Claude)),
        (r#"{"type":"error","error":{"type":"x","message":"y"}}"#, Some(Format::Claude)),
        (r#"{"candidates":[]}"#, Some(Format::Gemini)),
        (r#"{"response":{"candidates":[]}}"#, Some(Format::Gemini)),
        (r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, Some(Format::Gemini)),
        (r#"{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}"#, Some(Format::Gemini)),
        (r#"{"model":"m","response":"text","done":true}"#, Some(Format::Ollama)),
        (r#"{"message":{"content":"x"},"done":true}"#, Some(Format::Ollama)),
        (r#"{"error":"no such model"}"#, Some(Format::Ollama)),
        (r#"{"error":{"message":"x","type":"y"}}"#, Some(Format::OpenaiChat)),
        (r#"{"output":{"message":{}},"stopReason":"end_turn"}"#, Some(Format::BedrockConverse)),
        (r#"{"hello":1}"#, None),
        ("{}", None),
        ("[]", None),
        (r#"{"choices""#, None),
    ] {
        assert_eq!(recognise(body.as_bytes()), format, "{body}");
    }
}

#[test]
fn envelopes_do_not_recurse_without_end() {
    // each level is looked into once, and only while it is an envelope
    let body = format!("{}{}", r#"{"response":"#.repeat(200_000), "}".repeat(200_000));
    assert_eq!(recognise(body.as_bytes()), None);
}

#[test]
fn a_model_is_set_where_it_stands() {
    for (body, expected) in [
        (r#" {"a":1, "model" : "old" ,"b":2}"#, r#" {"a":1, "model" : "n\"w" ,"b":2}"#),
        (r#"{"model":null}"#, r#"{"model":"n\"w"}"#),
        (r#"{"model":{"x":[1]},"y":1}"#, r#"{"model":"n\"w","y":1}"#),
        ("{}", r#"{"model":"n\"w"}"#),
        (r#"{"a":{"model":1}}"#, r#"{"model":"n\"w","a":{"model":1}}"#),
    ] {
        let set = with_model(body.as_bytes(), Format::Claude, "n\"w").unwrap();
        assert_eq!(String::from_utf8(set).unwrap(), expected);
    }
    let gemini = with_model(br#"{"model":"x","modelVersion":"y"}"#, Format::Gemini, "z").unwrap();
    assert_eq!(gemini, br#"{"model":"x","modelVersion":"z"}"#);
}
