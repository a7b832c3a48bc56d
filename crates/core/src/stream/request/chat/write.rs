//! Writes OpenAI chat requests.

use super::super::model::{
    At, Media, MediaKind, Message, Part, Request, ResponseFormat, Role, Source, Tool, ToolChoice, ToolResult,
};
use super::super::target::{Target, joined, put, put_number};
use super::SHARED;
use crate::error::Error;
use serde_json::{Map, Value, json};

/// A chat body.
pub fn write(request: &Request, target: Target) -> Result<Map<String, Value>, Error> {
    let mut out = Map::new();
    put(&mut out, "model", request.model.clone());
    let mut messages = Vec::new();
    for message in &request.messages {
        write_message(message, target, &mut messages)?;
    }
    out.insert("messages".to_owned(), Value::Array(messages));
    put_number(&mut out, "temperature", &request.temperature);
    put_number(&mut out, "top_p", &request.top_p);
    target.no_number("top_k", &request.top_k)?;
    put_number(&mut out, "seed", &request.seed);
    put_number(&mut out, "presence_penalty", &request.presence_penalty);
    put_number(&mut out, "frequency_penalty", &request.frequency_penalty);
    put(&mut out, "stop", request.stop.as_ref().map(|at| at.value.clone()).filter(|stop| !stop.is_empty()));
    put(&mut out, "max_completion_tokens", request.max_tokens.as_ref().map(|at| at.value));
    put(&mut out, "n", request.choices.as_ref().map(|at| at.value));
    if let Some(logprobs) = &request.logprobs {
        out.insert("logprobs".to_owned(), true.into());
        put(&mut out, "top_logprobs", logprobs.value);
    }
    let depth = request.reasoning.as_ref().and_then(|at| at.value.depth.as_ref());
    put(&mut out, "reasoning_effort", depth.map(|depth| depth.word()));
    write_tools(request, &mut out);
    put(&mut out, "response_format", request.format.as_ref().map(|at| write_format(&at.value)));
    put(&mut out, "user", request.user.clone());
    for name in SHARED {
        put(&mut out, name, request.openai.get(name).cloned());
    }
    if let Some(stream) = request.stream {
        out.insert("stream".to_owned(), stream.into());
        if stream {
            // the other dialects always tell usage; this one only when asked
            out.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
    }
    Ok(out)
}

fn write_message(message: &Message, target: Target, out: &mut Vec<Value>) -> Result<(), Error> {
    let role = match message.role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::Assistant => return write_assistant(message, target, out),
        Role::User => return write_user(message, target, out),
    };
    let content = text_content(&target.texts(&message.parts, "a system prompt")?);
    out.push(json!({"role": role, "content": content}));
    Ok(())
}

/// One text as a string, several as parts.
fn text_content(texts: &[&str]) -> Value {
    match texts {
        [] => Value::String(String::new()),
        [text] => Value::String((*text).to_owned()),
        texts => texts.iter().map(|text| json!({"type": "text", "text": text})).collect(),
    }
}

fn write_user(message: &Message, target: Target, out: &mut Vec<Value>) -> Result<(), Error> {
    let mut parts = Vec::new();
    let mut answered = false;
    for part in &message.parts {
        match &part.value {
            Part::Result(result) => {
                out.push(write_result(result, target)?);
                answered = true;
            }
            Part::Text(text) | Part::Refusal(text) => parts.push(json!({"type": "text", "text": text})),
            Part::Media(media) => parts.extend(write_media(media, &part.pointer, target)?),
            Part::Thought(_) => {}
            Part::Call(_) => target.cannot_say("a tool call by the user", &part.pointer)?,
        }
    }
    if parts.is_empty() && answered {
        return Ok(());
    }
    let content = match parts.as_slice() {
        [only] if only.get("type").is_some_and(|kind| kind == "text") => {
            only.get("text").cloned().unwrap_or_default()
        }
        [] => Value::String(String::new()),
        _ => Value::Array(parts),
    };
    out.push(json!({"role": "user", "content": content}));
    Ok(())
}

fn write_result(result: &ToolResult, target: Target) -> Result<Value, Error> {
    let texts = target.texts(&result.content, "a tool result")?;
    Ok(
        json!({"role": "tool", "tool_call_id": result.id.as_deref().unwrap_or_default(), "content": text_content(&texts)}),
    )
}

fn write_media(media: &Media, pointer: &str, target: Target) -> Result<Option<Value>, Error> {
    if let Some(text) = media.plain_text() {
        return Ok(Some(json!({"type": "text", "text": text})));
    }
    Ok(Some(match (media.kind, &media.source, media.address()) {
        (MediaKind::Image, _, Some(url)) => {
            let mut image = json!({"url": url});
            if let (Some(image), Some(detail)) = (image.as_object_mut(), &media.detail)
                && detail != "original"
            {
                image.insert("detail".to_owned(), detail.as_str().into());
            }
            json!({"type": "image_url", "image_url": image})
        }
        (MediaKind::Audio, Source::Base64(data), _) => {
            let format = match media.mime() {
                "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
                "audio/mpeg" | "audio/mp3" => "mp3",
                other => {
                    target.cannot_say(&format!("audio of type {other}"), pointer)?;
                    return Ok(None);
                }
            };
            json!({"type": "input_audio", "input_audio": {"data": data, "format": format}})
        }
        (MediaKind::File, Source::Base64(_), Some(data)) => {
            let name = media.name.as_deref().unwrap_or("file");
            json!({"type": "file", "file": {"filename": name, "file_data": data}})
        }
        (MediaKind::File, Source::OpenaiFile(id), _) => json!({"type": "file", "file": {"file_id": id}}),
        _ => {
            target.cannot_say(&format!("{} that is stored elsewhere", media.kind.name()), pointer)?;
            return Ok(None);
        }
    }))
}

fn write_assistant(message: &Message, target: Target, out: &mut Vec<Value>) -> Result<(), Error> {
    let (mut thoughts, mut texts, mut refusals, mut calls) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for part in &message.parts {
        match &part.value {
            Part::Text(text) => texts.push(text.as_str()),
            Part::Refusal(text) => refusals.push(text.as_str()),
            Part::Thought(thought) if !thought.text.is_empty() => thoughts.push(thought.text.as_str()),
            Part::Thought(_) => {}
            Part::Call(call) => calls.push(json!({
                "id": call.id.as_deref().unwrap_or_default(),
                "type": "function",
                "function": {"name": call.name, "arguments": if call.arguments.is_empty() { "{}" } else { &call.arguments }},
            })),
            Part::Media(media) => {
                target.cannot_say(&format!("{} by the model", media.kind.name()), &part.pointer)?;
            }
            Part::Result(_) => target.cannot_say("a tool result by the model", &part.pointer)?,
        }
    }
    let silent = texts.is_empty() && (!calls.is_empty() || !refusals.is_empty());
    let content = if silent { Value::Null } else { text_content(&texts) };
    let mut message = Map::new();
    message.insert("role".to_owned(), "assistant".into());
    message.insert("content".to_owned(), content);
    put(&mut message, "reasoning_content", (!thoughts.is_empty()).then(|| joined(&thoughts)));
    put(&mut message, "refusal", (!refusals.is_empty()).then(|| joined(&refusals)));
    put(&mut message, "tool_calls", (!calls.is_empty()).then_some(calls));
    out.push(Value::Object(message));
    Ok(())
}

fn write_tools(request: &Request, out: &mut Map<String, Value>) {
    if request.tools.is_empty() {
        return;
    }
    let tools = request.tools.iter().map(|tool| json!({"type": "function", "function": write_tool(tool)}));
    out.insert("tools".to_owned(), tools.collect());
    let function = |name: &String| json!({"type": "function", "function": {"name": name}});
    put(out, "tool_choice", request.tool_choice.as_ref().map(|at| match &at.value {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => function(name),
        ToolChoice::Allowed { names, required } => {
            let tools: Vec<Value> = names.iter().map(function).collect();
            json!({"type": "allowed_tools", "allowed_tools": {"mode": if *required { "required" } else { "auto" }, "tools": tools}})
        }
    }));
    put(out, "parallel_tool_calls", request.parallel_calls.as_ref().map(|at| at.value));
}

fn write_tool(tool: &At<Tool>) -> Value {
    let tool = &tool.value;
    let mut out = Map::new();
    out.insert("name".to_owned(), tool.name.as_str().into());
    put(&mut out, "description", tool.description.clone());
    put(&mut out, "parameters", tool.parameters.clone());
    put(&mut out, "strict", tool.strict);
    Value::Object(out)
}

fn write_format(format: &ResponseFormat) -> Value {
    match format {
        ResponseFormat::JsonObject => json!({"type": "json_object"}),
        ResponseFormat::JsonSchema { name, description, schema, strict } => {
            let mut out = Map::new();
            out.insert("name".to_owned(), name.as_deref().unwrap_or("response").into());
            put(&mut out, "description", description.clone());
            out.insert("schema".to_owned(), schema.clone());
            put(&mut out, "strict", *strict);
            json!({"type": "json_schema", "json_schema": out})
        }
    }
}
