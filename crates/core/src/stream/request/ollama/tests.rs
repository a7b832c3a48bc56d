use super::super::fixture::{conversation, place, read, written};
use super::super::model::{At, Depth, Part, Role, ToolChoice};
use super::super::{read_request, write_request};
use crate::stream::Format::Ollama;
use serde_json::json;

#[test]
fn messages_and_options_are_read() {
    let request = read(
        Ollama,
        json!({
            "think": "high", "format": "json", "options": {"num_predict": -2, "top_k": 4, "stop": ["a"]},
            "messages": [
                {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
                {"role": "tool", "content": "x", "tool_name": "f"}
            ]
        }),
    );
    assert_eq!((request.stream, &request.max_tokens), (Some(true), &None));
    assert_eq!(request.reasoning.unwrap().value.depth, Some(Depth::Effort("high".to_owned())));
    assert_eq!(request.top_k, Some(At::new(4.into(), "/options/top_k")));
    let Part::Call(call) = &request.messages[0].parts[2].value else { panic!("no call") };
    assert_eq!((call.id.as_deref(), call.arguments.as_str()), (None, r#"{"a":1}"#));
    let Part::Result(result) = &request.messages[1].parts[0].value else { panic!("no result") };
    assert_eq!((result.name.as_deref(), &result.content[0].value), (Some("f"), &Part::Text("x".to_owned())));
}

#[test]
fn the_form_of_generate_is_read() {
    let request = read(
        Ollama,
        json!({"prompt": "p", "system": "s", "images": ["iVBORw0KGgo"], "raw": false, "context": [1]}),
    );
    assert_eq!(request.messages[0].role, Role::System);
    let Part::Media(image) = &request.messages[1].parts[1].value else { panic!("no image") };
    assert_eq!(image.mime(), "image/png");
    assert_eq!(request.foreign, [At::new("context".to_owned(), "/context")]);
    assert_eq!(place(&read_request(b"{}", Ollama).unwrap_err()), "/messages");
}

#[test]
fn a_conversation_is_written() {
    let look = json!({"type": "function", "function": {"name": "look", "description": "looks", "parameters": {"type": "object", "properties": {}}}});
    assert_eq!(
        written(Ollama, &conversation()),
        json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "what is", "images": ["AAAA"]},
                {"role": "assistant", "content": "I look", "thinking": "hm", "tool_calls": [
                    {"id": "a", "function": {"name": "look", "arguments": {"n": 1}}}, {"id": "b", "function": {"name": "look", "arguments": {}}}
                ]},
                {"role": "tool", "content": "a cat", "tool_name": "look", "tool_call_id": "a"},
                {"role": "tool", "content": "lost", "tool_name": "look", "tool_call_id": "b"},
                {"role": "user", "content": "and now"}
            ],
            "tools": [look], "think": "low", "stream": true, "options": {"num_predict": 100}
        })
    );
}

#[test]
fn a_forced_call_is_told() {
    let mut request = conversation();
    request.tool_choice = Some(At::new(ToolChoice::Required, "/here"));
    assert_eq!(place(&write_request(&request, Ollama, false).unwrap_err()), "/here");
}
