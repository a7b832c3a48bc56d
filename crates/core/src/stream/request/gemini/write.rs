//! Writes Gemini requests.

use super::super::model::{
    At, Depth, Media, Part, Request, ResponseFormat, Role, Source, Tool, ToolChoice, ToolResult,
};
use super::super::target::{Target, joined, put, put_number, turns};
use crate::error::Error;
use serde_json::{Map, Value, json};

/// A Gemini body.
pub fn write(request: &Request, target: Target) -> Result<Map<String, Value>, Error> {
    let mut out = Map::new();
    if request.messages.iter().any(|message| !message.role.is_system()) {
        let system = target.system(request)?;
        if !system.is_empty() {
            let parts: Vec<Value> = system.iter().map(|text| json!({"text": text})).collect();
            out.insert("systemInstruction".to_owned(), json!({"parts": parts}));
        }
    }
    let mut contents = Vec::new();
    for turn in turns(&request.messages) {
        let mut parts = Vec::new();
        for part in turn.parts {
            parts.extend(write_part(part, target)?);
        }
        let role = if turn.role == Role::Assistant { "model" } else { "user" };
        if !parts.is_empty() {
            contents.push(json!({"role": role, "parts": parts}));
        }
    }
    out.insert("contents".to_owned(), Value::Array(contents));
    write_tools(request, target, &mut out)?;
    let config = write_config(request);
    if !config.is_empty() {
        out.insert("generationConfig".to_owned(), Value::Object(config));
    }
    Ok(out)
}

fn write_config(request: &Request) -> Map<String, Value> {
    let mut out = Map::new();
    put_number(&mut out, "temperature", &request.temperature);
    put_number(&mut out, "topP", &request.top_p);
    put_number(&mut out, "topK", &request.top_k);
    put_number(&mut out, "seed", &request.seed);
    put_number(&mut out, "presencePenalty", &request.presence_penalty);
    put_number(&mut out, "frequencyPenalty", &request.frequency_penalty);
    put(
        &mut out,
        "stopSequences",
        request.stop.as_ref().map(|at| at.value.clone()).filter(|stop| !stop.is_empty()),
    );
    put(&mut out, "maxOutputTokens", request.max_tokens.as_ref().map(|at| at.value));
    put(&mut out, "candidateCount", request.choices.as_ref().map(|at| at.value));
    if let Some(logprobs) = &request.logprobs {
        out.insert("responseLogprobs".to_owned(), true.into());
        put(&mut out, "logprobs", logprobs.value);
    }
    if let Some(format) = &request.format {
        out.insert("responseMimeType".to_owned(), "application/json".into());
        if let ResponseFormat::JsonSchema { schema, .. } = &format.value {
            out.insert("responseJsonSchema".to_owned(), schema.clone());
        }
    }
    if let Some(reasoning) = request.reasoning.as_ref().map(|at| &at.value) {
        let mut thinking = Map::new();
        let budget = reasoning.depth.as_ref().map(|depth| match depth {
            Depth::Auto => Value::from(-1),
            depth => Value::from(depth.budget()),
        });
        let visible = reasoning.visible.or(budget.as_ref().map(|_| reasoning.depth != Some(Depth::Disabled)));
        put(&mut thinking, "thinkingBudget", budget);
        put(&mut thinking, "includeThoughts", visible);
        if !thinking.is_empty() {
            out.insert("thinkingConfig".to_owned(), Value::Object(thinking));
        }
    }
    out
}

fn write_part(part: &At<Part>, target: Target) -> Result<Option<Value>, Error> {
    let mut out = Map::new();
    match &part.value {
        Part::Text(text) | Part::Refusal(text) if text.is_empty() => return Ok(None),
        Part::Text(text) | Part::Refusal(text) => {
            out.insert("text".to_owned(), text.as_str().into());
        }
        Part::Thought(thought) => {
            out.insert("text".to_owned(), thought.text.as_str().into());
            out.insert("thought".to_owned(), true.into());
            put(&mut out, "thoughtSignature", thought.signature.clone());
        }
        Part::Media(media) => return write_media(media, &part.pointer, target),
        Part::Call(call) => {
            let mut said = Map::new();
            put(&mut said, "id", call.id.clone());
            said.insert("name".to_owned(), call.name.as_str().into());
            said.insert("args".to_owned(), target.arguments(call, &part.pointer)?);
            out.insert("functionCall".to_owned(), Value::Object(said));
            put(&mut out, "thoughtSignature", call.signature.clone());
        }
        Part::Result(result) => {
            let Some(said) = write_result(result, &part.pointer, target)? else { return Ok(None) };
            out.insert("functionResponse".to_owned(), said);
        }
    }
    Ok(Some(Value::Object(out)))
}

fn write_result(result: &ToolResult, pointer: &str, target: Target) -> Result<Option<Value>, Error> {
    let Some(name) = &result.name else {
        target.cannot_say("a tool result without a name whose call is not there", pointer)?;
        return Ok(None);
    };
    let (mut texts, mut media) = (Vec::new(), Vec::new());
    for part in &result.content {
        match &part.value {
            Part::Text(text) | Part::Refusal(text) => texts.push(text.as_str()),
            Part::Media(one) => media.extend(write_media(one, &part.pointer, target)?),
            _ => target.cannot_say("this in a tool result", &part.pointer)?,
        }
    }
    let text = joined(&texts);
    let response = match serde_json::from_str(&text) {
        Ok(Value::Object(object)) if !result.is_error && !reads_as_text(&object) => Value::Object(object),
        _ if result.is_error => json!({"error": text}),
        _ => json!({"output": text}),
    };
    let mut out = Map::new();
    put(&mut out, "id", result.id.clone());
    out.insert("name".to_owned(), name.as_str().into());
    out.insert("response".to_owned(), response);
    put(&mut out, "parts", (!media.is_empty()).then_some(media));
    Ok(Some(Value::Object(out)))
}

/// Whether a reader would take the object for a wrapped text.
fn reads_as_text(object: &Map<String, Value>) -> bool {
    object.len() == 1 && object.keys().all(|name| name == "output" || name == "error")
}

fn write_media(media: &Media, pointer: &str, target: Target) -> Result<Option<Value>, Error> {
    Ok(match &media.source {
        Source::Base64(data) => Some(json!({"inlineData": {"mimeType": media.mime(), "data": data}})),
        Source::Url(url) => Some(json!({"fileData": {"mimeType": media.mime(), "fileUri": url}})),
        Source::OpenaiFile(_) | Source::Stored => {
            target.cannot_say(&format!("{} that is stored elsewhere", media.kind.name()), pointer)?;
            None
        }
    })
}

fn write_tools(request: &Request, target: Target, out: &mut Map<String, Value>) -> Result<(), Error> {
    if request.tools.is_empty() {
        return Ok(());
    }
    target.parallel_calls(request)?;
    let functions: Vec<Value> = request.tools.iter().map(write_tool).collect();
    out.insert("tools".to_owned(), json!([{"functionDeclarations": functions}]));
    if let Some(choice) = &request.tool_choice {
        let config = match &choice.value {
            ToolChoice::Auto => json!({"mode": "AUTO"}),
            ToolChoice::None => json!({"mode": "NONE"}),
            ToolChoice::Required => json!({"mode": "ANY"}),
            ToolChoice::Named(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
            ToolChoice::Allowed { names, required } => {
                // AUTO takes no names
                json!({"mode": if *required { "ANY" } else { "VALIDATED" }, "allowedFunctionNames": names})
            }
        };
        out.insert("toolConfig".to_owned(), json!({"functionCallingConfig": config}));
    }
    Ok(())
}

fn write_tool(tool: &At<Tool>) -> Value {
    let tool = &tool.value;
    let mut out = Map::new();
    out.insert("name".to_owned(), tool.name.as_str().into());
    put(&mut out, "description", tool.description.clone());
    put(&mut out, "parametersJsonSchema", tool.parameters.clone());
    Value::Object(out)
}
