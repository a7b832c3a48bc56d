use super::super::fixture::{conversation, place, read, written};
use super::super::model::{At, Call, Depth, MediaKind, Part, Role, Source, ToolChoice};
use super::super::{read_request, write_request};
use crate::stream::Format::OpenaiChat;
use serde_json::json;

#[test]
fn a_body_is_read_with_the_place_of_each_part() {
    let request = read(
        OpenaiChat,
        json!({
            "model": "m", "max_tokens": 5, "max_completion_tokens": 6, "stop": "x", "reasoning_effort": "none", "user": null,
            "messages": [
                {"role": "developer", "content": "d"},
                {"role": "user", "content": [{"type": "image_url", "image_url": "https://a.test/x"}, {"type": "odd"}]},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "r"}]}
            ],
            "tool_choice": {"type": "function", "function": {"name": "f"}}
        }),
    );
    assert_eq!(request.max_tokens, Some(At::new(6, "/max_completion_tokens")));
    assert_eq!(request.stop, Some(At::new(vec!["x".to_owned()], "/stop")));
    assert_eq!(request.reasoning.unwrap().value.depth, Some(Depth::Disabled));
    assert_eq!(request.user, None);
    assert_eq!(request.tool_choice.unwrap().value, ToolChoice::Named("f".to_owned()));
    assert_eq!(request.messages[0].role, Role::Developer);
    let Part::Media(media) = &request.messages[1].parts[0].value else { panic!("no image") };
    assert_eq!((media.kind, &media.source), (MediaKind::Image, &Source::Url("https://a.test/x".to_owned())));
    assert_eq!(request.foreign[0].pointer, "/messages/1/content/1");
    let call =
        Call { id: Some("a".to_owned()), name: "f".to_owned(), arguments: "{}".to_owned(), signature: None };
    assert_eq!(request.messages[2].parts, [At::new(Part::Call(call), "/messages/2/tool_calls/0")]);
    let Part::Result(result) = &request.messages[3].parts[0].value else { panic!("no result") };
    assert_eq!(
        (result.id.as_deref(), result.content[0].pointer.as_str()),
        (Some("a"), "/messages/3/content/0")
    );
}

#[test]
fn a_conversation_is_written() {
    assert_eq!(
        written(OpenaiChat, &conversation()),
        json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": [{"type": "text", "text": "what is"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
                {"role": "assistant", "content": "I look", "reasoning_content": "hm", "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"n\":1}"}},
                    {"id": "b", "type": "function", "function": {"name": "look", "arguments": "{}"}}
                ]},
                {"role": "tool", "tool_call_id": "a", "content": "a cat"},
                {"role": "tool", "tool_call_id": "b", "content": "lost"},
                {"role": "user", "content": "and now"}
            ],
            "max_completion_tokens": 100, "reasoning_effort": "low",
            "tools": [{"type": "function", "function": {"name": "look", "description": "looks", "parameters": {"type": "object", "properties": {}}}}],
            "tool_choice": "auto", "stream": true, "stream_options": {"include_usage": true}
        })
    );
}

#[test]
fn what_it_cannot_say_is_told_with_its_place() {
    let mut request = conversation();
    request.top_k = Some(At::new(4.into(), "/top_k"));
    assert_eq!(place(&write_request(&request, OpenaiChat, false).unwrap_err()), "/top_k");
    assert!(write_request(&request, OpenaiChat, true).is_ok());
}

#[test]
fn wrong_shapes_are_told_with_their_place() {
    for (body, at) in [
        ("{}", "/messages"),
        (r#"{"messages":[{"role":"user","content":[5]}]}"#, "/messages/0/content/0"),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":5}}]}]}"#,
            "/messages/0/tool_calls/0/function/arguments",
        ),
        (r#"{"messages":[],"tool_choice":"maybe"}"#, "/tool_choice"),
        (r#"{"messages":[],"response_format":{"type":"xml"}}"#, "/response_format"),
    ] {
        assert_eq!(place(&read_request(body.as_bytes(), OpenaiChat).unwrap_err()), at, "{body}");
    }
}
