//! Reads OpenAI chat requests.

use super::super::model::{
    At, Call, Depth, Media, MediaKind, Message, Part, Reasoning, Request, ResponseFormat, Role, Source,
    Thought, Tool, ToolChoice, ToolResult,
};
use super::super::node::Node;
use super::SHARED;
use crate::error::Error;

/// What a chat body says.
pub fn read(body: &Node<'_>) -> Result<Request, Error> {
    let mut out = Request {
        model: body.text_of("model")?.map(str::to_owned),
        temperature: body.number_of("temperature")?,
        top_p: body.number_of("top_p")?,
        top_k: body.number_of("top_k")?,
        seed: body.number_of("seed")?,
        presence_penalty: body.number_of("presence_penalty")?,
        frequency_penalty: body.number_of("frequency_penalty")?,
        stop: body.get("stop").map(|stop| stop.texts()).transpose()?,
        choices: body.limit_of("n")?,
        user: body.text_of("user")?.map(str::to_owned),
        stream: body.boolean_of("stream")?,
        ..Request::default()
    };
    out.max_tokens = body.limit_of("max_completion_tokens")?.or(body.limit_of("max_tokens")?);
    if let Some(effort) = body.get("reasoning_effort") {
        let depth = Some(Depth::effort(effort.text()?));
        out.reasoning = Some(effort.at(Reasoning { depth, visible: None }));
    }
    if let Some(parallel) = body.get("parallel_tool_calls") {
        out.parallel_calls = Some(parallel.at(parallel.boolean()?));
    }
    if let Some(logprobs) = body.get("logprobs")
        && logprobs.boolean()?
    {
        out.logprobs = Some(logprobs.at(body.limit_of("top_logprobs")?.map(|at| at.value)));
    }
    for name in SHARED {
        if let Some(value) = body.get(name) {
            out.openai.insert(name.to_owned(), value.value.clone());
        }
    }
    foreign(body, &mut out)?;
    for message in body.required("messages", "an array")?.elements()? {
        read_message(&message.object()?, &mut out)?;
    }
    read_tools(body, &mut out)?;
    if let Some(format) = body.get("response_format") {
        out.format = read_format(&format)?.map(|read| format.at(read));
    }
    Ok(out)
}

fn foreign(body: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    if let Some(modalities) = body.get("modalities")
        && modalities.texts()?.value.iter().any(|word| word != "text")
    {
        out.foreign.push(modalities.at("answers other than text".to_owned()));
    }
    if let Some(bias) = body.get("logit_bias")
        && bias.keys().next().is_some()
    {
        out.foreign.push(bias.at("logit_bias".to_owned()));
    }
    if let Some(search) = body.get("web_search_options") {
        out.foreign.push(search.at("the built-in web search".to_owned()));
    }
    Ok(())
}

fn read_message(message: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    let role = message.required("role", "a string")?;
    let role = match role.text()? {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => {
            // results of parallel calls come one by one; they belong together
            let result = read_result(message, out)?;
            out.messages.push(Message { role: Role::User, parts: vec![result] });
            return Ok(());
        }
        _ => return role.expected("one of system, developer, user, assistant, tool, function"),
    };
    let mut parts = Vec::new();
    for name in ["reasoning_content", "reasoning"] {
        if let Some(thought) =
            message.get(name).filter(|node| role == Role::Assistant && node.value.is_string())
        {
            let text = thought.text()?.to_owned();
            parts.push(thought.at(Part::Thought(Thought { text, signature: None })));
            break;
        }
    }
    if let Some(content) = message.get("content") {
        read_content(&content, &mut parts, &mut out.foreign)?;
    }
    if let Some(refusal) = message.get("refusal") {
        parts.push(refusal.at(Part::Refusal(refusal.text()?.to_owned())));
    }
    if let Some(calls) = message.get("tool_calls") {
        for call in calls.elements()? {
            read_call(&call.object()?, &mut parts, out)?;
        }
    }
    if let Some(call) = message.get("function_call") {
        parts.push(call.at(Part::Call(read_function(&call, None)?)));
    }
    if let Some(audio) = message.get("audio") {
        out.foreign.push(audio.at("audio that was generated before".to_owned()));
    }
    out.messages.push(Message { role, parts });
    Ok(())
}

fn read_result(message: &Node<'_>, out: &mut Request) -> Result<At<Part>, Error> {
    let mut content = Vec::new();
    if let Some(node) = message.get("content") {
        read_content(&node, &mut content, &mut out.foreign)?;
    }
    Ok(message.at(Part::Result(ToolResult {
        id: message.text_of("tool_call_id")?.map(str::to_owned),
        name: message.text_of("name")?.map(str::to_owned),
        content,
        is_error: false,
    })))
}

fn read_call(call: &Node<'_>, parts: &mut Vec<At<Part>>, out: &mut Request) -> Result<(), Error> {
    match call.get("function") {
        Some(function) => {
            parts.push(call.at(Part::Call(read_function(&function, call.text_of("id")?)?)));
        }
        None => out.foreign.push(call.at("a call of a custom tool".to_owned())),
    }
    Ok(())
}

fn read_function(function: &Node<'_>, id: Option<&str>) -> Result<Call, Error> {
    let arguments = match function.get("arguments") {
        Some(node) if node.value.is_object() => node.value.to_string(),
        Some(node) => node.text()?.to_owned(),
        None => String::new(),
    };
    let name = function.required("name", "a string")?.text()?.to_owned();
    Ok(Call { id: id.map(str::to_owned), name, arguments, signature: None })
}

fn read_content(
    content: &Node<'_>,
    parts: &mut Vec<At<Part>>,
    foreign: &mut Vec<At<String>>,
) -> Result<(), Error> {
    if let Some(text) = content.value.as_str() {
        parts.push(content.at(Part::Text(text.to_owned())));
        return Ok(());
    }
    if !content.value.is_array() {
        return content.expected("a string or an array");
    }
    for node in content.elements()? {
        match read_part(&node.clone().object()?)? {
            Ok(part) => parts.push(node.at(part)),
            Err(what) => foreign.push(node.at(what)),
        }
    }
    Ok(())
}

/// A part, or what it is that no other dialect can say.
fn read_part(node: &Node<'_>) -> Result<Result<Part, String>, Error> {
    let kind = match node.get("type") {
        Some(kind) => kind.text()?,
        None if node.get("text").is_some() => "text",
        None if node.get("image_url").is_some() => "image_url",
        None => "",
    };
    Ok(Ok(match kind {
        "text" => Part::Text(node.required("text", "a string")?.text()?.to_owned()),
        "refusal" => Part::Refusal(node.required("refusal", "a string")?.text()?.to_owned()),
        "image_url" => {
            let image = node.required("image_url", "an object")?;
            let url =
                if image.value.is_string() { image.clone() } else { image.required("url", "a string")? };
            let mut media = Media::url(MediaKind::Image, url.text()?);
            media.detail = image.text_of("detail")?.map(str::to_owned);
            Part::Media(media)
        }
        "input_audio" => Part::Media(read_audio(&node.required("input_audio", "an object")?)?),
        "file" => Part::Media(read_file(&node.required("file", "an object")?)?),
        other => return Ok(Err(format!("a part of type {other:?}"))),
    }))
}

/// Sound as both OpenAI dialects have it.
pub fn read_audio(audio: &Node<'_>) -> Result<Media, Error> {
    let mime = match audio.text_of("format")? {
        Some("mp3") => "audio/mpeg".to_owned(),
        other => format!("audio/{}", other.unwrap_or("wav")),
    };
    Ok(Media::base64(MediaKind::Audio, Some(&mime), audio.required("data", "a string")?.text()?))
}

/// A file as both OpenAI dialects have it.
pub fn read_file(file: &Node<'_>) -> Result<Media, Error> {
    let name = file.text_of("filename")?.map(str::to_owned);
    let mut media = if let Some(data) = file.text_of("file_data")? {
        match Media::url(MediaKind::File, data) {
            media if matches!(media.source, Source::Base64(_)) => media,
            _ => Media::base64(MediaKind::File, None, data),
        }
    } else if let Some(url) = file.text_of("file_url")? {
        Media::url(MediaKind::File, url)
    } else {
        let id = file.required("file_id", "a string")?.text()?.to_owned();
        let source = Source::OpenaiFile(id);
        Media { kind: MediaKind::File, mime: None, source, name: None, detail: None }
    };
    media.name = name;
    Ok(media)
}

fn read_tools(body: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    for tool in body.get("tools").map(|tools| tools.elements()).transpose()?.unwrap_or_default() {
        match tool.clone().object()?.get("function") {
            Some(function) => out.tools.push(tool.at(read_tool(&function.object()?)?)),
            None => out.foreign.push(tool.at("a custom or built-in tool".to_owned())),
        }
    }
    for function in body.get("functions").map(|tools| tools.elements()).transpose()?.unwrap_or_default() {
        out.tools.push(function.at(read_tool(&function.clone().object()?)?));
    }
    if let Some(choice) = body.get("tool_choice").or_else(|| body.get("function_call")) {
        match read_choice(&choice)? {
            Some(read) => out.tool_choice = Some(choice.at(read)),
            None => out.foreign.push(choice.at("the choice of a custom or built-in tool".to_owned())),
        }
    }
    Ok(())
}

/// A function as both OpenAI dialects describe it.
pub fn read_tool(function: &Node<'_>) -> Result<Tool, Error> {
    Ok(Tool {
        name: function.required("name", "a string")?.text()?.to_owned(),
        description: function.text_of("description")?.map(str::to_owned),
        parameters: function.get("parameters").map(|schema| schema.value.clone()),
        strict: function.boolean_of("strict")?,
    })
}

/// Tool choice in either OpenAI dialect; `None` for tools that are not functions.
pub fn read_choice(choice: &Node<'_>) -> Result<Option<ToolChoice>, Error> {
    if choice.value.is_string() {
        return match choice.text()? {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" | "any" => Ok(Some(ToolChoice::Required)),
            _ => choice.expected("one of auto, none, required, or an object"),
        };
    }
    let choice = choice.clone().object()?;
    if choice.text_of("type")? == Some("allowed_tools") {
        let allowed = choice.get("allowed_tools").unwrap_or_else(|| choice.clone());
        let mut names = Vec::new();
        for tool in allowed.required("tools", "an array")?.elements()? {
            match tool.get("function").unwrap_or_else(|| tool.clone()).text_of("name")? {
                Some(name) => names.push(name.to_owned()),
                None => return Ok(None),
            }
        }
        return Ok(Some(ToolChoice::Allowed {
            names,
            required: allowed.text_of("mode")? == Some("required"),
        }));
    }
    if choice.text_of("type")?.is_some_and(|kind| kind != "function") {
        return Ok(None);
    }
    let function = choice.get("function").unwrap_or(choice);
    Ok(Some(ToolChoice::Named(function.required("name", "a string")?.text()?.to_owned())))
}

fn read_format(format: &Node<'_>) -> Result<Option<ResponseFormat>, Error> {
    match format.required("type", "a string")?.text()? {
        "json_schema" => read_json_schema(&format.required("json_schema", "an object")?).map(Some),
        "json_object" => Ok(Some(ResponseFormat::JsonObject)),
        "text" => Ok(None),
        _ => format.expected("a response format of type text, json_object or json_schema"),
    }
}

/// A named schema as both OpenAI dialects have it.
pub fn read_json_schema(format: &Node<'_>) -> Result<ResponseFormat, Error> {
    let anything = || serde_json::Value::Object(serde_json::Map::new());
    Ok(ResponseFormat::JsonSchema {
        name: format.text_of("name")?.map(str::to_owned),
        description: format.text_of("description")?.map(str::to_owned),
        schema: format.get("schema").map_or_else(anything, |schema| schema.value.clone()),
        strict: format.boolean_of("strict")?,
    })
}
