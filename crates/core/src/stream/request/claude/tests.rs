use super::super::fixture::{conversation, message, place, read, text, written};
use super::super::model::{At, Depth, Media, MediaKind, Part, Role, Source, ToolChoice};
use super::super::write_request;
use crate::stream::Format::Claude;
use serde_json::json;

#[test]
fn blocks_are_read() {
    let request = read(
        Claude,
        json!({
            "max_tokens": 7, "system": [{"type": "text", "text": "s"}], "thinking": {"type": "enabled", "budget_tokens": 3000},
            "messages": [
                {"role": "user", "content": [
                    {"type": "document", "title": "t", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"}},
                    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "inner"}]}}
                ]},
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "tool_use", "id": "a", "name": "f", "input": {"b": 1, "a": 2}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "is_error": true}]}
            ],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": true}
        }),
    );
    let mut file = Media::base64(MediaKind::File, Some("application/pdf"), "AA");
    file.name = Some("t".to_owned());
    assert_eq!(
        request.messages[1].parts,
        [
            At::new(Part::Media(file), "/messages/0/content/0"),
            At::new(Part::Text("inner".to_owned()), "/messages/0/content/1/source/content/0"),
        ]
    );
    let Part::Call(call) = &request.messages[2].parts[0].value else { panic!("no call") };
    assert_eq!(call.arguments, r#"{"b":1,"a":2}"#);
    let Part::Result(result) = &request.messages[3].parts[0].value else { panic!("no result") };
    assert!(result.is_error && result.content.is_empty());
    assert_eq!(request.reasoning.unwrap().value.depth, Some(Depth::Budget(3000)));
    assert_eq!(request.tool_choice, Some(At::new(ToolChoice::Required, "/tool_choice")));
    assert_eq!(request.parallel_calls, Some(At::new(false, "/tool_choice/disable_parallel_tool_use")));
}

#[test]
fn a_conversation_is_written() {
    assert_eq!(
        written(Claude, &conversation()),
        json!({
            "model": "m", "max_tokens": 2100, "system": "be brief",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "what is"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"}, {"type": "text", "text": "I look"},
                    {"type": "tool_use", "id": "a", "name": "look", "input": {"n": 1}}, {"type": "tool_use", "id": "b", "name": "look", "input": {}}
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "a cat"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "lost", "is_error": true},
                    {"type": "text", "text": "and now"}
                ]}
            ],
            "thinking": {"type": "enabled", "budget_tokens": 2000},
            "tools": [{"name": "look", "description": "looks", "input_schema": {"type": "object", "properties": {}}}],
            "tool_choice": {"type": "auto"}, "stream": true
        })
    );
}

#[test]
fn a_budget_is_at_least_1024_and_below_the_limit() {
    let mut request = conversation();
    for (budget, limit, expected) in
        [(10, 5000, (1024, 5000)), (5000, 5000, (5000, 10_000)), (4999, 5000, (4999, 5000))]
    {
        request.reasoning.as_mut().unwrap().value.depth = Some(Depth::Budget(budget));
        request.max_tokens = Some(At::new(limit, ""));
        let body = written(Claude, &request);
        assert_eq!(
            (body["thinking"]["budget_tokens"].as_u64(), body["max_tokens"].as_u64()),
            (Some(expected.0), Some(expected.1))
        );
    }
}

#[test]
fn empty_turns_leave_no_gap() {
    let mut request = conversation();
    let user = || message(Role::User, vec![text("x")]);
    request.messages = vec![user(), message(Role::Assistant, vec![text("")]), user()];
    let body = written(Claude, &request);
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "x"}]}])
    );
}

#[test]
fn images_of_other_types_and_stored_files_are_told() {
    let mut request = conversation();
    for media in [
        Media::base64(MediaKind::Image, Some("image/svg+xml"), "AA"),
        Media::base64(MediaKind::File, Some("application/zip"), "AA"),
        Media { source: Source::Stored, ..Media::base64(MediaKind::Image, None, "") },
    ] {
        request.messages = vec![message(Role::User, vec![text("x"), At::new(Part::Media(media), "/here")])];
        assert_eq!(place(&write_request(&request, Claude, false).unwrap_err()), "/here");
        assert!(write_request(&request, Claude, true).is_ok());
    }
}
