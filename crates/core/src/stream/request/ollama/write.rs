//! Writes Ollama chat requests.

use super::super::model::{
    At, Depth, Media, MediaKind, Message, Part, Request, ResponseFormat, Role, Source, Tool, ToolChoice,
    ToolResult,
};
use super::super::target::{Target, joined, put, put_number};
use crate::error::Error;
use serde_json::{Map, Value, json};

/// An Ollama chat body.
pub fn write(request: &Request, target: Target) -> Result<Map<String, Value>, Error> {
    let mut out = Map::new();
    put(&mut out, "model", request.model.clone());
    let mut messages = Vec::new();
    for message in &request.messages {
        write_message(message, target, &mut messages)?;
    }
    out.insert("messages".to_owned(), Value::Array(messages));
    write_tools(request, target, &mut out)?;
    put(
        &mut out,
        "format",
        request.format.as_ref().map(|at| match &at.value {
            ResponseFormat::JsonObject => "json".into(),
            ResponseFormat::JsonSchema { schema, .. } => schema.clone(),
        }),
    );
    let depth = request.reasoning.as_ref().and_then(|at| at.value.depth.as_ref());
    put(
        &mut out,
        "think",
        depth.map(|depth| match depth {
            Depth::Disabled => Value::Bool(false),
            Depth::Auto => Value::Bool(true),
            depth => match depth.word() {
                "minimal" => "low".into(),
                "xhigh" => "max".into(),
                word => word.into(),
            },
        }),
    );
    if let Some(logprobs) = &request.logprobs {
        out.insert("logprobs".to_owned(), true.into());
        put(&mut out, "top_logprobs", logprobs.value);
    }
    target.one_choice(request)?;
    // streaming is the default here, and nowhere else
    out.insert("stream".to_owned(), request.stream.unwrap_or(false).into());
    let mut options = Map::new();
    put_number(&mut options, "temperature", &request.temperature);
    put_number(&mut options, "top_p", &request.top_p);
    put_number(&mut options, "top_k", &request.top_k);
    put_number(&mut options, "seed", &request.seed);
    put_number(&mut options, "presence_penalty", &request.presence_penalty);
    put_number(&mut options, "frequency_penalty", &request.frequency_penalty);
    put(
        &mut options,
        "stop",
        request.stop.as_ref().map(|at| at.value.clone()).filter(|stop| !stop.is_empty()),
    );
    put(&mut options, "num_predict", request.max_tokens.as_ref().map(|at| at.value));
    if !options.is_empty() {
        out.insert("options".to_owned(), Value::Object(options));
    }
    Ok(out)
}

fn write_message(message: &Message, target: Target, out: &mut Vec<Value>) -> Result<(), Error> {
    let (mut texts, mut thoughts, mut images, mut calls) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut answered = false;
    for part in &message.parts {
        match &part.value {
            Part::Text(text) | Part::Refusal(text) => texts.push(text.clone()),
            Part::Thought(thought) if thought.text.is_empty() => {}
            Part::Thought(thought) => thoughts.push(thought.text.as_str()),
            Part::Media(media) => write_media(media, &part.pointer, target, &mut texts, &mut images)?,
            Part::Call(call) => {
                let mut said = Map::new();
                put(&mut said, "id", call.id.clone());
                let arguments = target.arguments(call, &part.pointer)?;
                said.insert("function".to_owned(), json!({"name": call.name, "arguments": arguments}));
                calls.push(Value::Object(said));
            }
            Part::Result(result) => {
                out.push(write_result(result, target)?);
                answered = true;
            }
        }
    }
    if answered && texts.is_empty() && images.is_empty() {
        return Ok(());
    }
    let role = match message.role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut said = Map::new();
    said.insert("role".to_owned(), role.into());
    said.insert("content".to_owned(), texts.join("\n\n").into());
    put(&mut said, "thinking", (!thoughts.is_empty()).then(|| joined(&thoughts)));
    put(&mut said, "images", (!images.is_empty()).then_some(images));
    put(&mut said, "tool_calls", (!calls.is_empty()).then_some(calls));
    out.push(Value::Object(said));
    Ok(())
}

fn write_media(
    media: &Media,
    pointer: &str,
    target: Target,
    texts: &mut Vec<String>,
    images: &mut Vec<Value>,
) -> Result<(), Error> {
    if let Some(text) = media.plain_text() {
        texts.push(text);
        return Ok(());
    }
    match (&media.source, media.kind) {
        (Source::Base64(data), MediaKind::Image) => images.push(data.as_str().into()),
        (Source::Url(_), MediaKind::Image) => target.cannot_say("an image by URL", pointer)?,
        (_, kind) => target.cannot_say(kind.name(), pointer)?,
    }
    Ok(())
}

fn write_result(result: &ToolResult, target: Target) -> Result<Value, Error> {
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for part in &result.content {
        match &part.value {
            Part::Text(text) | Part::Refusal(text) => texts.push(text.clone()),
            Part::Media(media) => write_media(media, &part.pointer, target, &mut texts, &mut images)?,
            _ => target.cannot_say("this in a tool result", &part.pointer)?,
        }
    }
    let mut out = Map::new();
    out.insert("role".to_owned(), "tool".into());
    out.insert("content".to_owned(), texts.join("\n\n").into());
    put(&mut out, "images", (!images.is_empty()).then_some(images));
    put(&mut out, "tool_name", result.name.clone());
    put(&mut out, "tool_call_id", result.id.clone());
    Ok(Value::Object(out))
}

fn write_tools(request: &Request, target: Target, out: &mut Map<String, Value>) -> Result<(), Error> {
    if request.tools.is_empty() {
        return Ok(());
    }
    target.parallel_calls(request)?;
    let mut allowed: Option<&[String]> = None;
    if let Some(choice) = &request.tool_choice {
        match &choice.value {
            ToolChoice::Auto => {}
            ToolChoice::None => return Ok(()), // tools that may not be called are not offered
            ToolChoice::Allowed { names, required: false } => allowed = Some(names),
            _ => target.cannot_say("a forced tool call", &choice.pointer)?,
        }
    }
    let offered = |tool: &&At<Tool>| allowed.is_none_or(|names| names.contains(&tool.value.name));
    let tools: Vec<Value> = request.tools.iter().filter(offered).map(write_tool).collect();
    put(out, "tools", (!tools.is_empty()).then_some(tools));
    Ok(())
}

fn write_tool(tool: &At<Tool>) -> Value {
    let tool = &tool.value;
    let mut function = Map::new();
    function.insert("name".to_owned(), tool.name.as_str().into());
    put(&mut function, "description", tool.description.clone());
    let none = || json!({"type": "object", "properties": {}});
    function.insert("parameters".to_owned(), tool.parameters.clone().unwrap_or_else(none));
    json!({"type": "function", "function": function})
}
