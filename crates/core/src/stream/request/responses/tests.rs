use super::super::fixture::{conversation, place, read, written};
use super::super::model::{At, Part, Role, Thought, ToolChoice};
use super::super::read_request;
use crate::stream::Format::OpenaiResponses;
use serde_json::json;

#[test]
fn items_of_one_turn_are_one_message() {
    let request = read(
        OpenaiResponses,
        json!({
            "instructions": "i", "max_output_tokens": 9, "reasoning": {"effort": "low", "summary": "auto"}, "text": {"verbosity": "low"},
            "input": [
                {"role": "user", "content": "q"},
                {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}], "encrypted_content": "e"},
                {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
                {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "x"},
                {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "y"}]},
                {"role": "user", "content": [{"type": "input_text", "text": "z"}]}
            ],
            "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}
        }),
    );
    let roles: Vec<(Role, usize)> =
        request.messages.iter().map(|message| (message.role, message.parts.len())).collect();
    assert_eq!(
        roles,
        [(Role::System, 1), (Role::User, 1), (Role::Assistant, 3), (Role::User, 2), (Role::User, 1)]
    );
    let thought = Thought { text: "a\n\nb".to_owned(), signature: Some("e".to_owned()) };
    assert_eq!(request.messages[2].parts[0], At::new(Part::Thought(thought), "/input/1"));
    assert_eq!(request.reasoning.unwrap().value.visible, Some(true));
    assert_eq!(request.openai["verbosity"], "low");
    let names = vec!["f".to_owned()];
    assert_eq!(request.tool_choice.unwrap().value, ToolChoice::Allowed { names, required: true });
}

#[test]
fn a_conversation_is_written() {
    assert_eq!(
        written(OpenaiResponses, &conversation()),
        json!({
            "model": "m", "instructions": "be brief",
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "what is"}, {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}]},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "sig"},
                {"type": "message", "role": "assistant", "content": "I look"},
                {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{\"n\":1}"},
                {"type": "function_call", "call_id": "b", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "a", "output": "a cat"},
                {"type": "function_call_output", "call_id": "b", "output": "lost"},
                {"type": "message", "role": "user", "content": "and now"}
            ],
            "max_output_tokens": 100, "reasoning": {"effort": "low", "summary": "auto"},
            "tools": [{"type": "function", "name": "look", "description": "looks", "parameters": {"type": "object", "properties": {}}, "strict": false}],
            "tool_choice": "auto", "store": false, "stream": true
        })
    );
}

#[test]
fn state_on_the_providers_side_may_stand_for_the_input() {
    let request = read(OpenaiResponses, json!({"previous_response_id": "r"}));
    assert_eq!(request.foreign, [At::new("previous_response_id".to_owned(), "/previous_response_id")]);
    assert_eq!(place(&read_request(b"{}", OpenaiResponses).unwrap_err()), "/input");
}
