//! Reads Claude requests.

use super::super::model::{
    At, Call, Depth, Media, MediaKind, Message, Part, Reasoning, Request, ResponseFormat, Role, Source,
    Thought, Tool, ToolChoice, ToolResult,
};
use super::super::node::Node;
use crate::error::Error;

/// What a Claude body says.
pub fn read(body: &Node<'_>) -> Result<Request, Error> {
    let mut out = Request {
        model: body.text_of("model")?.map(str::to_owned),
        temperature: body.number_of("temperature")?,
        top_p: body.number_of("top_p")?,
        top_k: body.number_of("top_k")?,
        stop: body.get("stop_sequences").map(|stop| stop.texts()).transpose()?,
        max_tokens: body.limit_of("max_tokens")?,
        stream: body.boolean_of("stream")?,
        ..Request::default()
    };
    if let Some(metadata) = body.get("metadata") {
        out.user = metadata.text_of("user_id")?.map(str::to_owned);
    }
    for (name, what) in [("mcp_servers", "MCP servers"), ("container", "a container")] {
        if let Some(node) = body.get(name)
            && node.value.as_array().is_none_or(|list| !list.is_empty())
        {
            out.foreign.push(node.at(what.to_owned()));
        }
    }
    out.reasoning = read_reasoning(body)?;
    let config = body.get("output_config").and_then(|config| config.get("format"));
    if let Some(format) = config.or_else(|| body.get("output_format")) {
        let schema = format.required("schema", "an object")?.value.clone();
        let (name, description) = (None, None);
        out.format =
            Some(format.at(ResponseFormat::JsonSchema { name, description, schema, strict: Some(true) }));
    }
    read_tools(body, &mut out)?;
    if let Some(system) = body.get("system") {
        let mut parts = Vec::new();
        read_content(&system, &mut parts, &mut out.foreign)?;
        out.messages.push(Message { role: Role::System, parts });
    }
    for message in body.required("messages", "an array")?.elements()? {
        let message = message.object()?;
        let role = message.required("role", "a string")?;
        let role = match role.text()? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => return role.expected("one of user, assistant, system"),
        };
        let mut parts = Vec::new();
        read_content(&message.required("content", "a string or an array")?, &mut parts, &mut out.foreign)?;
        out.messages.push(Message { role, parts });
    }
    Ok(out)
}

fn read_reasoning(body: &Node<'_>) -> Result<Option<At<Reasoning>>, Error> {
    let effort = body.get("output_config").and_then(|config| config.get("effort"));
    let thinking = body.get("thinking");
    let Some(at) = thinking.as_ref().or(effort.as_ref()) else { return Ok(None) };
    let effort = effort.as_ref().map(|effort| effort.text()).transpose()?.map(Depth::effort);
    let Some(thinking) = &thinking else {
        return Ok(Some(at.at(Reasoning { depth: effort, visible: None })));
    };
    let depth = match thinking.required("type", "a string")?.text()? {
        "disabled" => Depth::Disabled,
        "enabled" => thinking.limit_of("budget_tokens")?.map_or(Depth::Auto, |at| Depth::Budget(at.value)),
        _ => effort.unwrap_or(Depth::Auto),
    };
    let visible = depth != Depth::Disabled && thinking.text_of("display")? != Some("omitted");
    Ok(Some(at.at(Reasoning { visible: Some(visible), depth: Some(depth) })))
}

fn read_tools(body: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    for tool in body.get("tools").map(|tools| tools.elements()).transpose()?.unwrap_or_default() {
        match tool.clone().object()?.text_of("type")? {
            None | Some("custom") => out.tools.push(tool.at(Tool {
                name: tool.required("name", "a string")?.text()?.to_owned(),
                description: tool.text_of("description")?.map(str::to_owned),
                parameters: tool.get("input_schema").map(|schema| schema.value.clone()),
                strict: tool.boolean_of("strict")?,
            })),
            Some(other) => out.foreign.push(tool.at(format!("the tool {other:?}"))),
        }
    }
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    let read = match choice.required("type", "a string")?.text()? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.required("name", "a string")?.text()?.to_owned()),
        _ => return choice.expected("a tool choice of type auto, any, none or tool"),
    };
    out.tool_choice = Some(choice.at(read));
    if let Some(single) = choice.get("disable_parallel_tool_use") {
        out.parallel_calls = Some(single.at(!single.boolean()?));
    }
    Ok(())
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
    for block in content.elements()? {
        read_block(&block.object()?, parts, foreign)?;
    }
    Ok(())
}

fn read_block(
    block: &Node<'_>,
    parts: &mut Vec<At<Part>>,
    foreign: &mut Vec<At<String>>,
) -> Result<(), Error> {
    let kind = match block.text_of("type")? {
        None if block.get("text").is_some() => "text",
        kind => kind.unwrap_or_default(),
    };
    let part = match kind {
        "text" => Part::Text(block.required("text", "a string")?.text()?.to_owned()),
        "thinking" => Part::Thought(Thought {
            text: block.text_of("thinking")?.unwrap_or_default().to_owned(),
            signature: block.text_of("signature")?.filter(|text| !text.is_empty()).map(str::to_owned),
        }),
        "redacted_thinking" => return Ok(()), // nobody else can read it
        "tool_use" => Part::Call(Call {
            id: block.text_of("id")?.map(str::to_owned),
            name: block.required("name", "a string")?.text()?.to_owned(),
            arguments: block.get("input").map_or_else(|| "{}".to_owned(), |input| input.value.to_string()),
            signature: None,
        }),
        "tool_result" => {
            let mut content = Vec::new();
            if let Some(node) = block.get("content") {
                read_content(&node, &mut content, foreign)?;
            }
            Part::Result(ToolResult {
                id: block.text_of("tool_use_id")?.map(str::to_owned),
                name: None,
                content,
                is_error: block.boolean_of("is_error")?.unwrap_or(false),
            })
        }
        "image" => Part::Media(read_source(block, MediaKind::Image)?),
        "document" => return read_document(block, parts, foreign),
        "search_result" => {
            let mut head = vec![
                block.text_of("title")?.unwrap_or_default(),
                block.text_of("source")?.unwrap_or_default(),
            ];
            head.retain(|text| !text.is_empty());
            parts.push(block.at(Part::Text(head.join("\n"))));
            return read_content(&block.required("content", "an array")?, parts, foreign);
        }
        other => {
            foreign.push(block.at(format!("a block of type {other:?}")));
            return Ok(());
        }
    };
    parts.push(block.at(part));
    Ok(())
}

fn read_document(
    block: &Node<'_>,
    parts: &mut Vec<At<Part>>,
    foreign: &mut Vec<At<String>>,
) -> Result<(), Error> {
    let source = block.required("source", "an object")?;
    match source.text_of("type")? {
        Some("text") => {
            let text = source.required("data", "a string")?.text()?.to_owned();
            parts.push(block.at(Part::Text(text)));
        }
        Some("content") => {
            return read_content(&source.required("content", "a string or an array")?, parts, foreign);
        }
        _ => {
            let mut media = read_source(block, MediaKind::File)?;
            media.name = block.text_of("title")?.map(str::to_owned);
            parts.push(block.at(Part::Media(media)));
        }
    }
    Ok(())
}

fn read_source(block: &Node<'_>, kind: MediaKind) -> Result<Media, Error> {
    let source = block.required("source", "an object")?;
    match source.required("type", "a string")?.text()? {
        "base64" => Ok(Media::base64(
            kind,
            source.text_of("media_type")?,
            source.required("data", "a string")?.text()?,
        )),
        "url" => Ok(Media::url(kind, source.required("url", "a string")?.text()?)),
        "file" => Ok(Media { kind, mime: None, source: Source::Stored, name: None, detail: None }),
        _ => source.expected("a source of type base64, url or file"),
    }
}
