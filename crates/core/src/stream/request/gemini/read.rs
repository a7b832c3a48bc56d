//! Reads Gemini requests. Names are camelCase or snake_case: Google's APIs take both.

use super::super::model::{
    At, Call, Depth, Media, MediaKind, Message, Part, Reasoning, Request, ResponseFormat, Role, Source,
    Thought, Tool, ToolChoice, ToolResult,
};
use super::super::node::{Node, wrong};
use super::super::schema::from_openapi;
use crate::error::Error;
use serde_json::Value;

/// What a Gemini body says.
pub fn read(body: &Node<'_>) -> Result<Request, Error> {
    let mut out = Request {
        model: body.text_of("model")?.map(str::to_owned),
        stream: body.boolean_of("stream")?,
        ..Request::default()
    };
    if let Some(cached) = body.either("cachedContent") {
        out.foreign.push(cached.at("cached content".to_owned()));
    }
    if let Some(config) = body.either("generationConfig") {
        read_config(&config.object()?, &mut out)?;
    }
    read_tools(body, &mut out)?;
    if let Some(system) = body.either("systemInstruction") {
        let mut parts = Vec::new();
        read_parts(&system, Role::System, &mut parts, &mut out.foreign)?;
        out.messages.push(Message { role: Role::System, parts });
    }
    let contents = body.get("contents").ok_or_else(|| wrong("/contents", "an array", "undefined"))?;
    for content in contents.one_or_many()? {
        let role = match content.get("role") {
            None => Role::User,
            Some(role) => match role.text()? {
                "user" | "function" | "tool" => Role::User,
                "model" | "assistant" => Role::Assistant,
                "system" => Role::System,
                _ => return role.expected("one of user, model, function"),
            },
        };
        let mut parts = Vec::new();
        read_parts(&content, role, &mut parts, &mut out.foreign)?;
        out.messages.push(Message { role, parts });
    }
    Ok(out)
}

fn number(config: &Node<'_>, name: &str) -> Result<Option<At<serde_json::Number>>, Error> {
    config.either(name).map(|node| node.number()).transpose()
}
fn count(config: &Node<'_>, name: &str) -> Result<Option<At<u64>>, Error> {
    let Some(node) = config.either(name) else { return Ok(None) };
    Ok(u64::try_from(node.whole()?).ok().map(|count| node.at(count)))
}

fn read_config(config: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    out.temperature = number(config, "temperature")?;
    out.top_p = number(config, "topP")?;
    out.top_k = number(config, "topK")?;
    out.seed = number(config, "seed")?;
    out.presence_penalty = number(config, "presencePenalty")?;
    out.frequency_penalty = number(config, "frequencyPenalty")?;
    out.stop = config.either("stopSequences").map(|stop| stop.texts()).transpose()?;
    out.max_tokens = count(config, "maxOutputTokens")?;
    out.choices = count(config, "candidateCount")?;
    if let Some(logprobs) = config.either("responseLogprobs")
        && logprobs.boolean()?
    {
        out.logprobs = Some(logprobs.at(count(config, "logprobs")?.map(|at| at.value)));
    }
    if let Some(modalities) = config.either("responseModalities")
        && modalities.texts()?.value.iter().any(|word| !word.eq_ignore_ascii_case("text"))
    {
        out.foreign.push(modalities.at("answers other than text".to_owned()));
    }
    if let Some(thinking) = config.either("thinkingConfig") {
        let mut depth = None;
        if let Some(budget) = thinking.either("thinkingBudget") {
            depth = Some(Depth::tokens(budget.whole()?));
        } else if let Some(level) = thinking.either("thinkingLevel") {
            let level = level.text()?.to_ascii_lowercase();
            depth = (level != "thinking_level_unspecified").then(|| Depth::effort(&level));
        }
        let visible = thinking.either("includeThoughts").map(|node| node.boolean()).transpose()?;
        out.reasoning = Some(thinking.at(Reasoning { depth, visible }));
    }
    read_format(config, out)
}

fn read_format(config: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    let json = config.either("responseJsonSchema").map(|node| (node.value.clone(), node));
    let schema =
        json.or_else(|| config.either("responseSchema").map(|node| (from_openapi(node.value), node)));
    if let Some((schema, node)) = schema {
        let (name, description) = (None, None);
        out.format =
            Some(node.at(ResponseFormat::JsonSchema { name, description, schema, strict: Some(true) }));
        return Ok(());
    }
    let Some(mime) = config.either("responseMimeType") else { return Ok(()) };
    match mime.text()? {
        "application/json" => out.format = Some(mime.at(ResponseFormat::JsonObject)),
        "text/plain" | "" => {}
        other => out.foreign.push(mime.at(format!("answers of type {other}"))),
    }
    Ok(())
}

fn read_tools(body: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    for tool in body.get("tools").map(|tools| tools.one_or_many()).transpose()?.unwrap_or_default() {
        let tool = tool.object()?;
        for name in tool.keys() {
            if !matches!(name, "functionDeclarations" | "function_declarations")
                && let Some(built_in) = tool.get(name)
            {
                out.foreign.push(built_in.at(format!("the built-in tool {name}")));
            }
        }
        let functions = tool.either("functionDeclarations").map(|list| list.elements()).transpose()?;
        for function in functions.unwrap_or_default() {
            let json = function.either("parametersJsonSchema").map(|schema| schema.value.clone());
            let parameters =
                json.or_else(|| function.get("parameters").map(|schema| from_openapi(schema.value)));
            out.tools.push(function.at(Tool {
                name: function.required("name", "a string")?.text()?.to_owned(),
                description: function.text_of("description")?.map(str::to_owned),
                parameters,
                strict: None,
            }));
        }
    }
    let config = body.either("toolConfig").and_then(|config| config.either("functionCallingConfig"));
    let Some(config) = config else { return Ok(()) };
    let names = config.either("allowedFunctionNames").map(|names| names.texts()).transpose()?;
    let names = names.map(|at| at.value).unwrap_or_default();
    let mode = config.text_of("mode")?.unwrap_or("AUTO").to_ascii_uppercase();
    let choice = match (mode.as_str(), names.as_slice()) {
        ("NONE", _) => ToolChoice::None,
        ("ANY", []) => ToolChoice::Required,
        ("ANY", [name]) => ToolChoice::Named(name.clone()),
        ("ANY", _) => ToolChoice::Allowed { names, required: true },
        ("AUTO" | "VALIDATED" | "MODE_UNSPECIFIED", []) => ToolChoice::Auto,
        ("AUTO" | "VALIDATED" | "MODE_UNSPECIFIED", _) => ToolChoice::Allowed { names, required: false },
        _ => return config.expected("a mode of AUTO, ANY, NONE or VALIDATED"),
    };
    out.tool_choice = Some(config.at(choice));
    Ok(())
}

fn read_parts(
    content: &Node<'_>,
    role: Role,
    parts: &mut Vec<At<Part>>,
    foreign: &mut Vec<At<String>>,
) -> Result<(), Error> {
    if let Some(text) = content.value.as_str() {
        parts.push(content.at(Part::Text(text.to_owned())));
        return Ok(());
    }
    let content = content.clone().object()?;
    for part in content.get("parts").map(|list| list.one_or_many()).transpose()?.unwrap_or_default() {
        if let Some(text) = part.value.as_str() {
            parts.push(part.at(Part::Text(text.to_owned())));
            continue;
        }
        match read_part(&part.clone().object()?, role)? {
            Some(read) => parts.push(part.at(read)),
            // a signature alone says nothing to anybody else
            None if part
                .keys()
                .all(|name| matches!(name, "thoughtSignature" | "thought_signature" | "thought")) => {}
            None => {
                let what = part.keys().next().unwrap_or_default();
                foreign.push(part.at(format!("a part with {what}")));
            }
        }
    }
    Ok(())
}

fn read_part(part: &Node<'_>, role: Role) -> Result<Option<Part>, Error> {
    let signature = part.either("thoughtSignature").map(|node| node.text()).transpose()?;
    let signature = signature.filter(|text| !text.is_empty()).map(str::to_owned);
    if let Some(text) = part.get("text") {
        let text = text.text()?.to_owned();
        let thought = part.boolean_of("thought")? == Some(true) && role == Role::Assistant;
        return Ok(Some(if thought { Part::Thought(Thought { text, signature }) } else { Part::Text(text) }));
    }
    if let Some(call) = part.either("functionCall") {
        return Ok(Some(Part::Call(Call {
            id: call.text_of("id")?.map(str::to_owned),
            name: call.required("name", "a string")?.text()?.to_owned(),
            arguments: call.get("args").map_or_else(|| "{}".to_owned(), |args| args.value.to_string()),
            signature,
        })));
    }
    if let Some(result) = part.either("functionResponse") {
        return read_result(&result).map(Some);
    }
    read_media(part).map(|media| media.map(Part::Media))
}

fn read_media(part: &Node<'_>) -> Result<Option<Media>, Error> {
    let mime =
        |node: &Node<'_>| node.either("mimeType").map(|mime| mime.text().map(str::to_owned)).transpose();
    if let Some(inline) = part.either("inlineData") {
        let mime = mime(&inline)?;
        let kind = mime.as_deref().map_or(MediaKind::File, MediaKind::of);
        let mut media = Media::base64(kind, mime.as_deref(), inline.required("data", "a string")?.text()?);
        media.name = inline.either("displayName").map(|name| name.text().map(str::to_owned)).transpose()?;
        return Ok(Some(media));
    }
    let Some(file) = part.either("fileData") else { return Ok(None) };
    let Some(uri) = file.either("fileUri") else { return file.expected("an object with fileUri") };
    let mut media = Media::url(MediaKind::File, uri.text()?);
    media.mime = mime(&file)?.or(media.mime);
    media.kind = MediaKind::of(media.mime());
    if uri.text()?.starts_with("https://generativelanguage.googleapis.com/") {
        media.source = Source::Stored; // readable with the owner's key only
    }
    Ok(Some(media))
}

/// A result's words: `output` or `error` alone, as Google suggests, or the whole object.
fn read_result(result: &Node<'_>) -> Result<Part, Error> {
    let mut content = Vec::new();
    let mut is_error = false;
    if let Some(response) = result.get("response") {
        let alone = |name: &str| response.get(name).filter(|_| response.keys().count() == 1);
        is_error = alone("error").is_some();
        let said = alone("output").or_else(|| alone("error")).unwrap_or_else(|| response.clone());
        let text = match said.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        content.push(said.at(Part::Text(text)));
    }
    for part in result.get("parts").map(|parts| parts.elements()).transpose()?.unwrap_or_default() {
        if let Some(media) = read_media(&part)? {
            content.push(part.at(Part::Media(media)));
        }
    }
    Ok(Part::Result(ToolResult {
        id: result.text_of("id")?.filter(|id| !id.is_empty()).map(str::to_owned),
        name: result.text_of("name")?.map(str::to_owned),
        content,
        is_error,
    }))
}
