//! Reads Ollama requests.

use super::super::model::{
    At, Call, Depth, Media, MediaKind, Message, Part, Reasoning, Request, ResponseFormat, Role, Thought,
    Tool, ToolResult,
};
use super::super::node::{Node, wrong};
use crate::error::Error;

/// What an Ollama body says.
pub fn read(body: &Node<'_>) -> Result<Request, Error> {
    let mut out = Request {
        model: body.text_of("model")?.map(str::to_owned),
        stream: Some(body.boolean_of("stream")?.unwrap_or(true)), // the default here, and nowhere else
        ..Request::default()
    };
    if let Some(options) = body.get("options") {
        read_options(&options.object()?, &mut out)?;
    }
    if let Some(think) = body.get("think") {
        let depth = match think.value.as_bool() {
            Some(true) => Depth::Auto,
            Some(false) => Depth::Disabled,
            None => match think.text() {
                Ok(word) => Depth::effort(word),
                Err(_) => return think.expected("a boolean or a string"),
            },
        };
        out.reasoning =
            Some(think.at(Reasoning { visible: Some(depth != Depth::Disabled), depth: Some(depth) }));
    }
    if let Some(format) = body.get("format") {
        out.format = read_format(&format)?.map(|read| format.at(read));
    }
    if let Some(logprobs) = body.get("logprobs")
        && logprobs.boolean()?
    {
        out.logprobs = Some(logprobs.at(body.limit_of("top_logprobs")?.map(|at| at.value)));
    }
    for tool in body.get("tools").map(|tools| tools.elements()).transpose()?.unwrap_or_default() {
        let function = tool.required("function", "an object")?;
        out.tools.push(tool.at(Tool {
            name: function.required("name", "a string")?.text()?.to_owned(),
            description: function.text_of("description")?.map(str::to_owned),
            parameters: function.get("parameters").map(|schema| schema.value.clone()),
            strict: None,
        }));
    }
    match body.get("messages") {
        Some(messages) => {
            for message in messages.elements()? {
                read_message(&message.object()?, &mut out)?;
            }
        }
        None => read_prompt(body, &mut out)?,
    }
    Ok(out)
}

/// The form of `/api/generate`.
fn read_prompt(body: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    let Some(prompt) = body.get("prompt") else {
        return Err(wrong("/messages", "an array", "undefined"));
    };
    for name in ["suffix", "template", "context", "raw"] {
        if let Some(node) = body.get(name)
            && !matches!(node.value.as_str(), Some(""))
            && node.value.as_bool() != Some(false)
        {
            out.foreign.push(node.at(name.to_owned()));
        }
    }
    if let Some(system) = body.get("system") {
        let text = system.at(Part::Text(system.text()?.to_owned()));
        out.messages.push(Message { role: Role::System, parts: vec![text] });
    }
    let mut parts = vec![prompt.at(Part::Text(prompt.text()?.to_owned()))];
    read_images(body, &mut parts)?;
    out.messages.push(Message { role: Role::User, parts });
    Ok(())
}

fn read_options(options: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    out.temperature = options.number_of("temperature")?;
    out.top_p = options.number_of("top_p")?;
    out.top_k = options.number_of("top_k")?;
    out.seed = options.number_of("seed")?;
    out.presence_penalty = options.number_of("presence_penalty")?;
    out.frequency_penalty = options.number_of("frequency_penalty")?;
    out.max_tokens = options.limit_of("num_predict")?;
    out.stop = options.get("stop").map(|stop| stop.texts()).transpose()?;
    Ok(())
}

fn read_format(format: &Node<'_>) -> Result<Option<ResponseFormat>, Error> {
    match format.value.as_str() {
        Some("json") => Ok(Some(ResponseFormat::JsonObject)),
        Some("") => Ok(None),
        None if format.value.is_object() => Ok(Some(ResponseFormat::JsonSchema {
            name: None,
            description: None,
            schema: format.value.clone(),
            strict: Some(true),
        })),
        _ => format.expected("\"json\" or a JSON schema"),
    }
}

fn read_images(message: &Node<'_>, parts: &mut Vec<At<Part>>) -> Result<(), Error> {
    for image in message.get("images").map(|images| images.elements()).transpose()?.unwrap_or_default() {
        let data = image.text()?;
        let media = if data.starts_with("data:") {
            Media::url(MediaKind::Image, data)
        } else {
            Media::base64(MediaKind::Image, None, data)
        };
        parts.push(image.at(Part::Media(media)));
    }
    Ok(())
}

fn read_message(message: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    let mut parts = Vec::new();
    if let Some(thinking) = message.get("thinking") {
        let text = thinking.text()?.to_owned();
        parts.push(thinking.at(Part::Thought(Thought { text, signature: None })));
    }
    if let Some(content) = message.get("content") {
        parts.push(content.at(Part::Text(content.text()?.to_owned())));
    }
    read_images(message, &mut parts)?;
    let role = message.required("role", "a string")?;
    let role = match role.text()? {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => {
            let name = message.text_of("tool_name")?.or(message.text_of("name")?).map(str::to_owned);
            let id = message.text_of("tool_call_id")?.map(str::to_owned);
            let result = Part::Result(ToolResult { id, name, content: parts, is_error: false });
            out.messages.push(Message { role: Role::User, parts: vec![message.at(result)] });
            return Ok(());
        }
        _ => return role.expected("one of system, user, assistant, tool"),
    };
    for call in message.get("tool_calls").map(|calls| calls.elements()).transpose()?.unwrap_or_default() {
        let function = call.required("function", "an object")?;
        let arguments = match function.get("arguments") {
            Some(node) => node.value.as_str().map_or_else(|| node.value.to_string(), str::to_owned),
            None => "{}".to_owned(),
        };
        parts.push(call.at(Part::Call(Call {
            id: call.text_of("id")?.filter(|id| !id.is_empty()).map(str::to_owned),
            name: function.required("name", "a string")?.text()?.to_owned(),
            arguments,
            signature: None,
        })));
    }
    out.messages.push(Message { role, parts });
    Ok(())
}
