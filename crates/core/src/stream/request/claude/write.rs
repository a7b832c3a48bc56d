//! Writes Claude requests.

use super::super::model::{
    At, Depth, Media, MediaKind, Part, Request, ResponseFormat, Role, Source, Tool, ToolChoice, ToolResult,
};
use super::super::target::{Target, put, put_number, turns};
use crate::error::Error;
use serde_json::{Map, Number, Value, json};

/// What `max_tokens` is when the source sets no limit: the dialect requires one.
const DEFAULT_MAX_TOKENS: u64 = 4096;
/// The smallest budget that the dialect takes.
const MIN_BUDGET_TOKENS: u64 = 1024;

/// A Claude body.
pub fn write(request: &Request, target: Target) -> Result<Map<String, Value>, Error> {
    let mut out = Map::new();
    put(&mut out, "model", request.model.clone());
    let mut max_tokens = request.max_tokens.as_ref().map_or(DEFAULT_MAX_TOKENS, |at| at.value);
    let depth = request.reasoning.as_ref().and_then(|at| at.value.depth.as_ref());
    let thinking = depth.map(|depth| match depth {
        Depth::Disabled => json!({"type": "disabled"}),
        depth => {
            let budget = depth.budget().max(MIN_BUDGET_TOKENS);
            if budget >= max_tokens {
                max_tokens = max_tokens.saturating_add(budget); // as much room for the answer as before
            }
            json!({"type": "enabled", "budget_tokens": budget})
        }
    });
    out.insert("max_tokens".to_owned(), max_tokens.into());
    if request.messages.iter().any(|message| !message.role.is_system()) {
        let system = target.system(request)?;
        put(&mut out, "system", (!system.is_empty()).then(|| text_content(&system)));
    }
    let mut messages = Vec::new();
    for turn in turns(&request.messages) {
        let mut blocks = Vec::new();
        for part in turn.parts {
            blocks.extend(write_part(part, turn.role, target)?);
        }
        if !blocks.is_empty() {
            let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
            messages.push((role, blocks));
        }
    }
    out.insert("messages".to_owned(), alternating(messages));
    put(&mut out, "thinking", thinking);
    write_sampling(request, target, &mut out)?;
    write_tools(request, target, &mut out)?;
    match request.format.as_ref().map(|at| (&at.value, &at.pointer)) {
        Some((ResponseFormat::JsonSchema { schema, .. }, _)) => {
            out.insert(
                "output_config".to_owned(),
                json!({"format": {"type": "json_schema", "schema": schema}}),
            );
        }
        Some((ResponseFormat::JsonObject, pointer)) => {
            target.cannot_say("a JSON answer without a schema", pointer)?
        }
        None => {}
    }
    let user = request.user.as_deref().or_else(|| request.openai.get("safety_identifier")?.as_str());
    put(&mut out, "metadata", user.map(|user| json!({"user_id": user})));
    put(&mut out, "stream", request.stream);
    Ok(out)
}

/// Messages of one side that became neighbours because what stood between them was empty are one.
fn alternating(messages: Vec<(&str, Vec<Value>)>) -> Value {
    let mut out: Vec<(&str, Vec<Value>)> = Vec::new();
    for (role, blocks) in messages {
        match out.last_mut() {
            Some((last, said)) if *last == role => said.extend(blocks),
            _ => out.push((role, blocks)),
        }
    }
    out.into_iter().map(|(role, blocks)| json!({"role": role, "content": only_text(blocks)})).collect()
}

/// A single text as a string, else blocks.
fn only_text(blocks: Vec<Value>) -> Value {
    match blocks.as_slice() {
        [only] if only.get("type").is_some_and(|kind| kind == "text") => {
            only.get("text").cloned().unwrap_or_default()
        }
        _ => Value::Array(blocks),
    }
}
fn text_content(texts: &[&str]) -> Value {
    only_text(texts.iter().map(|text| json!({"type": "text", "text": text})).collect())
}

/// Ids may have letters, digits, `_` and `-` here.
fn id(id: Option<&str>) -> String {
    let legal = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    id.unwrap_or_default().chars().map(legal).collect()
}

fn write_part(part: &At<Part>, role: Role, target: Target) -> Result<Option<Value>, Error> {
    Ok(match &part.value {
        Part::Text(text) | Part::Refusal(text) => {
            (!text.is_empty()).then(|| json!({"type": "text", "text": text})) // empty text is refused
        }
        // an unsigned thought is refused
        Part::Thought(thought) => thought
            .signature
            .as_ref()
            .map(|signature| json!({"type": "thinking", "thinking": thought.text, "signature": signature})),
        Part::Media(media) if role == Role::Assistant => {
            target.cannot_say(&format!("{} by the model", media.kind.name()), &part.pointer)?;
            None
        }
        Part::Media(media) => write_media(media, &part.pointer, target)?,
        Part::Call(call) => {
            let input = target.arguments(call, &part.pointer)?;
            Some(json!({"type": "tool_use", "id": id(call.id.as_deref()), "name": call.name, "input": input}))
        }
        Part::Result(result) => Some(write_result(result, target)?),
    })
}

fn write_result(result: &ToolResult, target: Target) -> Result<Value, Error> {
    let mut blocks = Vec::new();
    for part in &result.content {
        blocks.extend(write_part(part, Role::User, target)?);
    }
    let mut out = Map::new();
    out.insert("type".to_owned(), "tool_result".into());
    out.insert("tool_use_id".to_owned(), id(result.id.as_deref()).into());
    put(&mut out, "content", (!blocks.is_empty()).then(|| only_text(blocks)));
    put(&mut out, "is_error", result.is_error.then_some(true));
    Ok(Value::Object(out))
}

fn write_media(media: &Media, pointer: &str, target: Target) -> Result<Option<Value>, Error> {
    let image = media.kind == MediaKind::Image
        || (media.kind == MediaKind::File && media.mime().starts_with("image/"));
    let mime = media.mime();
    let source = match &media.source {
        _ if matches!(media.kind, MediaKind::Audio | MediaKind::Video) => None,
        Source::Url(url) => Some(json!({"type": "url", "url": url})),
        Source::Base64(data) if image => {
            matches!(mime, "image/jpeg" | "image/png" | "image/gif" | "image/webp")
                .then(|| json!({"type": "base64", "media_type": mime, "data": data}))
        }
        Source::Base64(data) if mime == "application/pdf" => {
            Some(json!({"type": "base64", "media_type": mime, "data": data}))
        }
        Source::Base64(_) => {
            media.plain_text().map(|text| json!({"type": "text", "media_type": "text/plain", "data": text}))
        }
        Source::OpenaiFile(_) | Source::Stored => None,
    };
    let Some(source) = source else {
        let what = match &media.source {
            Source::OpenaiFile(_) | Source::Stored => {
                format!("{} that is stored elsewhere", media.kind.name())
            }
            _ => format!("{} of type {mime}", media.kind.name()),
        };
        target.cannot_say(&what, pointer)?;
        return Ok(None);
    };
    let mut out = Map::new();
    out.insert("type".to_owned(), if image { "image" } else { "document" }.into());
    out.insert("source".to_owned(), source);
    put(&mut out, "title", media.name.clone().filter(|_| !image));
    Ok(Some(Value::Object(out)))
}

fn write_sampling(request: &Request, target: Target, out: &mut Map<String, Value>) -> Result<(), Error> {
    let thinks = out.get("thinking").is_some_and(|thinking| thinking.get("budget_tokens").is_some());
    if let Some(at) = &request.temperature {
        let temperature = at.value.as_f64().unwrap_or_default();
        if thinks && temperature != 1.0 {
            target.cannot_say("a temperature beside thinking", &at.pointer)?;
        } else if temperature > 1.0 {
            target.cannot_say("a temperature above 1", &at.pointer)?;
            out.insert("temperature".to_owned(), Number::from(1).into()); // the nearest
        } else {
            put_number(out, "temperature", &request.temperature);
        }
    }
    match &request.top_p {
        Some(at) if thinks && at.value.as_f64().is_none_or(|p| p < 0.95) => {
            target.cannot_say("a top_p below 0.95 beside thinking", &at.pointer)?;
        }
        top_p => put_number(out, "top_p", top_p),
    }
    match &request.top_k {
        Some(at) if thinks => target.cannot_say("top_k beside thinking", &at.pointer)?,
        top_k => put_number(out, "top_k", top_k),
    }
    target.no_number("seed", &request.seed)?;
    target.no_number("presence_penalty", &request.presence_penalty)?;
    target.no_number("frequency_penalty", &request.frequency_penalty)?;
    target.one_choice(request)?;
    if let Some(logprobs) = &request.logprobs {
        target.cannot_say("log probabilities", &logprobs.pointer)?;
    }
    put(
        out,
        "stop_sequences",
        request.stop.as_ref().map(|at| at.value.clone()).filter(|stop| !stop.is_empty()),
    );
    Ok(())
}

fn write_tools(request: &Request, target: Target, out: &mut Map<String, Value>) -> Result<(), Error> {
    let choice = request.tool_choice.as_ref().map(|at| &at.value);
    let offered = |tool: &&At<Tool>| match choice {
        // there is no list of allowed tools: the others are not offered
        Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.value.name),
        _ => true,
    };
    let tools: Vec<Value> = request.tools.iter().filter(offered).map(write_tool).collect();
    if tools.is_empty() {
        return Ok(());
    }
    out.insert("tools".to_owned(), Value::Array(tools));
    let single = request.parallel_calls.as_ref().map(|at| !at.value).filter(|single| *single);
    let mut said = match choice {
        None if single.is_none() => return Ok(()),
        None | Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => {
            json!({"type": "auto"})
        }
        Some(ToolChoice::None) => json!({"type": "none"}),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => json!({"type": "any"}),
        Some(ToolChoice::Named(name)) => json!({"type": "tool", "name": name}),
    };
    if let Some(said) = said.as_object_mut().filter(|_| choice != Some(&ToolChoice::None)) {
        put(said, "disable_parallel_tool_use", single);
    }
    if let Some(at) = &request.tool_choice
        && out.get("thinking").is_some_and(|thinking| thinking.get("budget_tokens").is_some())
        && matches!(
            &at.value,
            ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. }
        )
    {
        target.cannot_say("a forced tool call beside thinking", &at.pointer)?;
        return Ok(());
    }
    out.insert("tool_choice".to_owned(), said);
    Ok(())
}

fn write_tool(tool: &At<Tool>) -> Value {
    let tool = &tool.value;
    let mut schema = match &tool.parameters {
        Some(Value::Object(schema)) => schema.clone(),
        _ => Map::new(),
    };
    if schema.get("type").is_none_or(|kind| kind != "object") {
        schema.insert("type".to_owned(), "object".into()); // required
    }
    let mut out = Map::new();
    out.insert("name".to_owned(), tool.name.as_str().into());
    put(&mut out, "description", tool.description.clone());
    out.insert("input_schema".to_owned(), Value::Object(schema));
    put(&mut out, "strict", tool.strict);
    Value::Object(out)
}
