use super::super::fixture::{conversation, message, part, place, read, text, written};
use super::super::model::{At, Depth, MediaKind, Part, Role, Source, ToolChoice, ToolResult};
use super::super::write_request;
use crate::stream::Format::Gemini;
use serde_json::json;

#[test]
fn both_spellings_are_read() {
    for (config, budget, mime, inline) in [
        ("generationConfig", "thinkingBudget", "mimeType", "inlineData"),
        ("generation_config", "thinking_budget", "mime_type", "inline_data"),
    ] {
        let thinking = if config.contains('_') { "thinking_config" } else { "thinkingConfig" };
        let request = read(
            Gemini,
            json!({
                "contents": [{"parts": [{inline: {mime: "audio/mpeg", "data": "AA"}}]}],
                config: {thinking: {budget: -1}}
            }),
        );
        assert_eq!(request.reasoning.unwrap().value.depth, Some(Depth::Auto));
        let Part::Media(media) = &request.messages[0].parts[0].value else { panic!("no audio") };
        assert_eq!((media.kind, media.mime()), (MediaKind::Audio, "audio/mpeg"));
    }
}

#[test]
fn parts_are_read() {
    let request = read(
        Gemini,
        json!({
            "contents": [
                {"role": "model", "parts": [
                    {"text": "hm", "thought": true, "thoughtSignature": "s"},
                    {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "c"},
                    {"thoughtSignature": "alone"}
                ]},
                {"role": "function", "parts": [
                    {"functionResponse": {"name": "f", "response": {"error": {"code": 5}}}},
                    {"functionResponse": {"name": "f", "response": {"a": 1, "output": 2}}}
                ]},
                {"parts": [{"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x", "mimeType": "image/png"}}]}
            ],
            "toolConfig": {"functionCallingConfig": {"mode": "any", "allowedFunctionNames": ["f"]}}
        }),
    );
    assert_eq!(request.tool_choice.unwrap().value, ToolChoice::Named("f".to_owned()));
    assert_eq!(request.foreign, []);
    assert_eq!(request.messages[0].parts.len(), 2);
    let Part::Call(call) = &request.messages[0].parts[1].value else { panic!("no call") };
    assert_eq!(
        (call.id.as_deref(), call.signature.as_deref(), call.arguments.as_str()),
        (None, Some("c"), r#"{"x":1}"#)
    );
    let results: Vec<(bool, &Part)> = request.messages[1]
        .parts
        .iter()
        .map(|part| match &part.value {
            Part::Result(ToolResult { is_error, content, .. }) => (*is_error, &content[0].value),
            _ => panic!("no result"),
        })
        .collect();
    assert_eq!(
        results,
        [
            (true, &Part::Text(r#"{"code":5}"#.to_owned())),
            (false, &Part::Text(r#"{"a":1,"output":2}"#.to_owned()))
        ]
    );
    let Part::Media(media) = &request.messages[2].parts[0].value else { panic!("no image") };
    assert_eq!(media.source, Source::Stored);
}

#[test]
fn a_conversation_is_written() {
    assert_eq!(
        written(Gemini, &conversation()),
        json!({
            "systemInstruction": {"parts": [{"text": "be brief"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "what is"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
                {"role": "model", "parts": [
                    {"text": "hm", "thought": true, "thoughtSignature": "sig"}, {"text": "I look"},
                    {"functionCall": {"id": "a", "name": "look", "args": {"n": 1}}}, {"functionCall": {"id": "b", "name": "look", "args": {}}}
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"id": "a", "name": "look", "response": {"output": "a cat"}}},
                    {"functionResponse": {"id": "b", "name": "look", "response": {"error": "lost"}}},
                    {"text": "and now"}
                ]}
            ],
            "tools": [{"functionDeclarations": [{"name": "look", "description": "looks", "parametersJsonSchema": {"type": "object", "properties": {}}}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
            "generationConfig": {"maxOutputTokens": 100, "thinkingConfig": {"thinkingBudget": 2000, "includeThoughts": true}}
        })
    );
}

#[test]
fn a_result_that_looks_like_a_wrapped_text_is_wrapped() {
    let mut request = conversation();
    for (said, expected) in [
        ("{\"output\":\"x\"}", json!({"output": "{\"output\":\"x\"}"})),
        ("{\"n\":1.10}", json!({"n": serde_json::from_str::<serde_json::Value>("1.10").unwrap()})),
        ("[1]", json!({"output": "[1]"})),
    ] {
        let result =
            ToolResult { id: None, name: Some("f".to_owned()), content: vec![text(said)], is_error: false };
        request.messages = vec![message(Role::User, vec![part(Part::Result(result))])];
        assert_eq!(
            written(Gemini, &request)["contents"][0]["parts"][0]["functionResponse"]["response"],
            expected
        );
    }
}

#[test]
fn a_nameless_result_is_told() {
    let mut request = conversation();
    let result = ToolResult { id: Some("x".to_owned()), name: None, content: vec![], is_error: false };
    request.messages = vec![message(Role::User, vec![text("x"), At::new(Part::Result(result), "/here")])];
    assert_eq!(place(&write_request(&request, Gemini, false).unwrap_err()), "/here");
}
