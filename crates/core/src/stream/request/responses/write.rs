//! Writes OpenAI responses requests.

use super::super::chat::SHARED;
use super::super::model::{
    At, Media, MediaKind, Message, Part, Request, ResponseFormat, Role, Source, Tool, ToolChoice, ToolResult,
};
use super::super::target::{Target, joined, put, put_number};
use crate::error::Error;
use serde_json::{Map, Value, json};

/// A responses body.
pub fn write(request: &Request, target: Target) -> Result<Map<String, Value>, Error> {
    let mut out = Map::new();
    put(&mut out, "model", request.model.clone());
    let leading = request.messages.iter().take_while(|message| message.role == Role::System).count();
    // a conversation of instructions only would lack its input
    let leading = if leading == request.messages.len() { 0 } else { leading };
    let (system, rest) = request.messages.split_at_checked(leading).unwrap_or((&[], &request.messages));
    let mut instructions = Vec::new();
    for message in system {
        instructions.extend(target.texts(&message.parts, "a system prompt")?);
    }
    put(&mut out, "instructions", (!instructions.is_empty()).then(|| joined(&instructions)));
    let mut items = Vec::new();
    for message in rest {
        match message.role {
            Role::Assistant => write_assistant(message, target, &mut items)?,
            role => write_message(message, role, target, &mut items)?,
        }
    }
    out.insert("input".to_owned(), Value::Array(items));
    put_number(&mut out, "temperature", &request.temperature);
    put_number(&mut out, "top_p", &request.top_p);
    target.no_number("top_k", &request.top_k)?;
    target.no_number("seed", &request.seed)?;
    target.no_number("presence_penalty", &request.presence_penalty)?;
    target.no_number("frequency_penalty", &request.frequency_penalty)?;
    if let Some(stop) = request.stop.as_ref().filter(|at| !at.value.is_empty()) {
        target.cannot_say("stop sequences", &stop.pointer)?;
    }
    target.one_choice(request)?;
    put(&mut out, "max_output_tokens", request.max_tokens.as_ref().map(|at| at.value));
    if let Some(logprobs) = &request.logprobs {
        out.insert("top_logprobs".to_owned(), logprobs.value.unwrap_or(0).into());
        out.insert("include".to_owned(), json!(["message.output_text.logprobs"]));
    }
    write_reasoning(request, &mut out);
    write_tools(request, &mut out);
    write_text(request, &mut out);
    put(&mut out, "user", request.user.clone());
    for name in SHARED.into_iter().filter(|name| *name != "verbosity") {
        put(&mut out, name, request.openai.get(name).cloned());
    }
    // here what is not forbidden is stored; elsewhere it is not
    out.entry("store").or_insert(Value::Bool(false));
    put(&mut out, "stream", request.stream);
    Ok(out)
}

fn write_reasoning(request: &Request, out: &mut Map<String, Value>) {
    let Some(reasoning) = request.reasoning.as_ref().map(|at| &at.value) else { return };
    let mut said = Map::new();
    put(&mut said, "effort", reasoning.depth.as_ref().map(|depth| depth.word()));
    if reasoning.visible == Some(true) {
        said.insert("summary".to_owned(), "auto".into());
    }
    if !said.is_empty() {
        out.insert("reasoning".to_owned(), Value::Object(said));
    }
}

fn write_message(message: &Message, role: Role, target: Target, out: &mut Vec<Value>) -> Result<(), Error> {
    let mut parts = Vec::new();
    let mut answered = false;
    for part in &message.parts {
        match &part.value {
            Part::Result(result) => {
                out.push(write_result(result, target)?);
                answered = true;
            }
            Part::Call(_) => target.cannot_say("a tool call by the user", &part.pointer)?,
            _ => parts.extend(write_part(part, target)?),
        }
    }
    if parts.is_empty() && answered {
        return Ok(());
    }
    let role = match role {
        Role::System => "system",
        Role::Developer => "developer",
        _ => "user",
    };
    out.push(json!({"type": "message", "role": role, "content": only_text(parts)}));
    Ok(())
}

/// A single text as a string, else parts.
fn only_text(parts: Vec<Value>) -> Value {
    match parts.as_slice() {
        [] => Value::String(String::new()),
        [only] => only.get("text").cloned().unwrap_or(Value::Array(parts)),
        _ => Value::Array(parts),
    }
}

fn write_part(part: &At<Part>, target: Target) -> Result<Option<Value>, Error> {
    match &part.value {
        Part::Text(text) | Part::Refusal(text) => Ok(Some(json!({"type": "input_text", "text": text}))),
        Part::Media(media) => write_media(media, &part.pointer, target),
        _ => Ok(None),
    }
}

fn write_media(media: &Media, pointer: &str, target: Target) -> Result<Option<Value>, Error> {
    if let Some(text) = media.plain_text() {
        return Ok(Some(json!({"type": "input_text", "text": text})));
    }
    let (name, value) = match (&media.source, media.address()) {
        _ if matches!(media.kind, MediaKind::Audio | MediaKind::Video) => {
            target.cannot_say(media.kind.name(), pointer)?;
            return Ok(None);
        }
        (Source::OpenaiFile(id), _) => ("file_id", id.clone()),
        (_, Some(url)) if media.kind == MediaKind::Image => ("image_url", url),
        (Source::Base64(_), Some(data)) => ("file_data", data),
        (_, Some(url)) => ("file_url", url),
        (_, None) => {
            target.cannot_say(&format!("{} that is stored elsewhere", media.kind.name()), pointer)?;
            return Ok(None);
        }
    };
    let mut out = Map::new();
    let image = media.kind == MediaKind::Image;
    out.insert("type".to_owned(), if image { "input_image" } else { "input_file" }.into());
    out.insert(name.to_owned(), value.into());
    if image {
        out.insert("detail".to_owned(), media.detail.as_deref().unwrap_or("auto").into());
    } else if name == "file_data" {
        out.insert("filename".to_owned(), media.name.as_deref().unwrap_or("file").into());
    }
    Ok(Some(Value::Object(out)))
}

fn write_result(result: &ToolResult, target: Target) -> Result<Value, Error> {
    let mut parts = Vec::new();
    for part in &result.content {
        parts.extend(write_part(part, target)?);
    }
    let output = only_text(parts);
    let id = result.id.as_deref().unwrap_or_default();
    Ok(json!({"type": "function_call_output", "call_id": id, "output": output}))
}

fn write_assistant(message: &Message, target: Target, out: &mut Vec<Value>) -> Result<(), Error> {
    let mut said: Vec<Value> = Vec::new();
    let flush = |said: &mut Vec<Value>, out: &mut Vec<Value>| {
        if !said.is_empty() {
            out.push(
                json!({"type": "message", "role": "assistant", "content": only_text(std::mem::take(said))}),
            );
        }
    };
    for part in &message.parts {
        match &part.value {
            Part::Text(text) if text.is_empty() => {}
            Part::Text(text) => said.push(json!({"type": "output_text", "text": text, "annotations": []})),
            Part::Refusal(text) => said.push(json!({"type": "refusal", "refusal": text})),
            Part::Thought(thought) => {
                // without its encrypted form the provider has no use for it
                if let Some(signature) = &thought.signature {
                    flush(&mut said, out);
                    let summary = (!thought.text.is_empty())
                        .then(|| json!({"type": "summary_text", "text": thought.text}));
                    let summary: Vec<Value> = summary.into_iter().collect();
                    out.push(
                        json!({"type": "reasoning", "summary": summary, "encrypted_content": signature}),
                    );
                }
            }
            Part::Call(call) => {
                flush(&mut said, out);
                let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
                let id = call.id.as_deref().unwrap_or_default();
                out.push(json!({"type": "function_call", "call_id": id, "name": call.name, "arguments": arguments}));
            }
            Part::Media(media) => {
                target.cannot_say(&format!("{} by the model", media.kind.name()), &part.pointer)?;
            }
            Part::Result(_) => target.cannot_say("a tool result by the model", &part.pointer)?,
        }
    }
    flush(&mut said, out);
    Ok(())
}

fn write_tools(request: &Request, out: &mut Map<String, Value>) {
    if request.tools.is_empty() {
        return;
    }
    out.insert("tools".to_owned(), request.tools.iter().map(write_tool).collect());
    let function = |name: &String| json!({"type": "function", "name": name});
    put(out, "tool_choice", request.tool_choice.as_ref().map(|at| match &at.value {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => function(name),
        ToolChoice::Allowed { names, required } => {
            let tools: Vec<Value> = names.iter().map(function).collect();
            json!({"type": "allowed_tools", "mode": if *required { "required" } else { "auto" }, "tools": tools})
        }
    }));
    put(out, "parallel_tool_calls", request.parallel_calls.as_ref().map(|at| at.value));
}

fn write_tool(tool: &At<Tool>) -> Value {
    let tool = &tool.value;
    let mut out = Map::new();
    out.insert("type".to_owned(), "function".into());
    out.insert("name".to_owned(), tool.name.as_str().into());
    put(&mut out, "description", tool.description.clone());
    let none = || json!({"type": "object", "properties": {}});
    out.insert("parameters".to_owned(), tool.parameters.clone().unwrap_or_else(none));
    // strict is the default here, and nowhere else
    out.insert("strict".to_owned(), tool.strict.unwrap_or(false).into());
    Value::Object(out)
}

fn write_text(request: &Request, out: &mut Map<String, Value>) {
    let mut text = Map::new();
    put(
        &mut text,
        "format",
        request.format.as_ref().map(|at| match &at.value {
            ResponseFormat::JsonObject => json!({"type": "json_object"}),
            ResponseFormat::JsonSchema { name, description, schema, strict } => {
                let mut format = Map::new();
                format.insert("type".to_owned(), "json_schema".into());
                format.insert("name".to_owned(), name.as_deref().unwrap_or("response").into());
                put(&mut format, "description", description.clone());
                format.insert("schema".to_owned(), schema.clone());
                format.insert("strict".to_owned(), strict.unwrap_or(false).into());
                Value::Object(format)
            }
        }),
    );
    put(&mut text, "verbosity", request.openai.get("verbosity").cloned());
    if !text.is_empty() {
        out.insert("text".to_owned(), Value::Object(text));
    }
}
