//! What the tests of all dialects start from.

use super::model::{
    At, Call, Depth, Media, MediaKind, Message, Part, Reasoning, Request, Role, Thought, Tool, ToolChoice,
    ToolResult,
};
use super::{read_request, write_request};
use crate::error::{Error, Field};
use crate::stream::Format;
use serde_json::{Value, json};

/// A part whose place does not matter.
pub fn part(part: Part) -> At<Part> {
    At::new(part, "/somewhere")
}
/// A text.
pub fn text(text: &str) -> At<Part> {
    part(Part::Text(text.to_owned()))
}
/// A message.
pub fn message(role: Role, parts: Vec<At<Part>>) -> Message {
    Message { role, parts }
}

/// A conversation with all that messages can hold and a tool.
pub fn conversation() -> Request {
    let call = |id: &str, arguments: &str| {
        let (id, name, arguments) = (Some(id.to_owned()), "look".to_owned(), arguments.to_owned());
        part(Part::Call(Call { id, name, arguments, signature: None }))
    };
    let result = |id: &str, is_error, content| {
        part(Part::Result(ToolResult {
            id: Some(id.to_owned()),
            name: Some("look".to_owned()),
            content,
            is_error,
        }))
    };
    let image = Media::base64(MediaKind::Image, Some("image/png"), "AAAA");
    let thought = Thought { text: "hm".to_owned(), signature: Some("sig".to_owned()) };
    Request {
        model: Some("m".to_owned()),
        messages: vec![
            message(Role::System, vec![text("be brief")]),
            message(Role::User, vec![text("what is"), part(Part::Media(image))]),
            message(
                Role::Assistant,
                vec![part(Part::Thought(thought)), text("I look"), call("a", "{\"n\":1}"), call("b", "")],
            ),
            message(
                Role::User,
                vec![result("a", false, vec![text("a cat")]), result("b", true, vec![text("lost")])],
            ),
            message(Role::User, vec![text("and now")]),
        ],
        tools: vec![At::new(
            Tool {
                name: "look".to_owned(),
                description: Some("looks".to_owned()),
                parameters: Some(json!({"type": "object", "properties": {}})),
                strict: None,
            },
            "/tools/0",
        )],
        tool_choice: Some(At::new(ToolChoice::Auto, "/tool_choice")),
        max_tokens: Some(At::new(100, "/max")),
        reasoning: Some(At::new(
            Reasoning { depth: Some(Depth::Budget(2000)), visible: Some(true) },
            "/reasoning",
        )),
        stream: Some(true),
        ..Request::default()
    }
}

/// What a body means.
pub fn read(format: Format, body: Value) -> Request {
    read_request(body.to_string().as_bytes(), format).unwrap()
}
/// A request's body.
pub fn written(format: Format, request: &Request) -> Value {
    serde_json::from_slice(&write_request(request, format, false).unwrap()).unwrap()
}
/// Where an error is.
pub fn place(error: &Error) -> &str {
    let field = error.fields.iter().find(|(name, _)| *name == "pointer");
    match field {
        Some((_, Field::Text(pointer))) => pointer,
        _ => "nowhere",
    }
}
