//! Reads OpenAI responses requests.

use super::super::chat::{SHARED, read_audio, read_choice, read_file, read_json_schema, read_tool};
use super::super::model::{
    At, Call, Depth, Media, MediaKind, Message, Part, Reasoning, Request, ResponseFormat, Role, Source,
    Thought, ToolResult,
};
use super::super::node::{Node, wrong};
use crate::error::Error;

/// State on the provider's side that a request refers to.
const STORED: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// What a responses body says.
pub fn read(body: &Node<'_>) -> Result<Request, Error> {
    let mut out = Request {
        model: body.text_of("model")?.map(str::to_owned),
        temperature: body.number_of("temperature")?,
        top_p: body.number_of("top_p")?,
        max_tokens: body.limit_of("max_output_tokens")?,
        user: body.text_of("user")?.map(str::to_owned),
        stream: body.boolean_of("stream")?,
        ..Request::default()
    };
    if let Some(reasoning) = body.get("reasoning") {
        let depth = reasoning.text_of("effort")?.map(Depth::effort);
        let visible = reasoning.get("summary").or_else(|| reasoning.get("generate_summary")).map(|_| true);
        out.reasoning = Some(reasoning.at(Reasoning { depth, visible }));
    }
    if let Some(parallel) = body.get("parallel_tool_calls") {
        out.parallel_calls = Some(parallel.at(parallel.boolean()?));
    }
    if let Some(top) = body.limit_of("top_logprobs")? {
        out.logprobs = Some(At::new(Some(top.value), top.pointer));
    }
    for name in SHARED {
        if let Some(value) = body.get(name) {
            out.openai.insert(name.to_owned(), value.value.clone());
        }
    }
    for name in STORED {
        if let Some(stored) = body.get(name) {
            out.foreign.push(stored.at(name.to_owned()));
        }
    }
    if let Some(background) = body.get("background")
        && background.boolean()?
    {
        out.foreign.push(background.at("work in the background".to_owned()));
    }
    read_text(body, &mut out)?;
    read_tools(body, &mut out)?;
    if let Some(instructions) = body.get("instructions") {
        let text = instructions.at(Part::Text(instructions.text()?.to_owned()));
        out.messages.push(Message { role: Role::System, parts: vec![text] });
    }
    read_input(body, &mut out)?;
    Ok(out)
}

fn read_text(body: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    let Some(text) = body.get("text") else { return Ok(()) };
    if let Some(verbosity) = text.get("verbosity") {
        out.openai.insert("verbosity".to_owned(), verbosity.value.clone());
    }
    let Some(format) = text.get("format") else { return Ok(()) };
    match format.required("type", "a string")?.text()? {
        "json_schema" => out.format = Some(format.at(read_json_schema(&format)?)),
        "json_object" => out.format = Some(format.at(ResponseFormat::JsonObject)),
        "text" => {}
        _ => return format.expected("a format of type text, json_object or json_schema"),
    }
    Ok(())
}

fn read_tools(body: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    for tool in body.get("tools").map(|tools| tools.elements()).transpose()?.unwrap_or_default() {
        match tool.clone().object()?.text_of("type")? {
            None | Some("function") => out.tools.push(tool.at(read_tool(&tool)?)),
            Some(other) => out.foreign.push(tool.at(format!("the tool {other:?}"))),
        }
    }
    if let Some(choice) = body.get("tool_choice") {
        match read_choice(&choice)? {
            Some(read) => out.tool_choice = Some(choice.at(read)),
            None => out.foreign.push(choice.at("the choice of a custom or built-in tool".to_owned())),
        }
    }
    Ok(())
}

fn read_input(body: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    let Some(input) = body.get("input") else {
        if STORED.iter().any(|name| body.get(name).is_some()) {
            return Ok(());
        }
        return Err(wrong("/input", "a string or an array", "undefined"));
    };
    if let Some(text) = input.value.as_str() {
        out.messages.push(Message { role: Role::User, parts: vec![input.at(Part::Text(text.to_owned()))] });
        return Ok(());
    }
    if !input.value.is_array() {
        return input.expected("a string or an array");
    }
    // what the model said in one turn is several items; so are the results of parallel calls
    let mut results = false;
    for item in input.elements()? {
        let item = item.object()?;
        let kind = item.text_of("type")?.unwrap_or("message");
        match kind {
            "message" => read_message(&item, out)?,
            "function_call" => {
                let arguments = item.text_of("arguments")?.unwrap_or_default().to_owned();
                let id = item.text_of("call_id")?.or(item.text_of("id")?).map(str::to_owned);
                let name = item.required("name", "a string")?.text()?.to_owned();
                push(
                    out,
                    Role::Assistant,
                    true,
                    item.at(Part::Call(Call { id, name, arguments, signature: None })),
                );
            }
            "function_call_output" => {
                let result = read_result(&item, out)?;
                push(out, Role::User, results, result);
            }
            "reasoning" => {
                let signature = item.text_of("encrypted_content")?.map(str::to_owned);
                let text = reasoning_text(&item)?;
                push(out, Role::Assistant, true, item.at(Part::Thought(Thought { text, signature })));
            }
            other => out.foreign.push(item.at(format!("an item of type {other:?}"))),
        }
        results = kind == "function_call_output";
    }
    Ok(())
}

/// Adds a part to the last message, if that may and it is this role's, or else to a new one.
fn push(out: &mut Request, role: Role, join: bool, part: At<Part>) {
    match out.messages.last_mut() {
        Some(last) if join && last.role == role => last.parts.push(part),
        _ => out.messages.push(Message { role, parts: vec![part] }),
    }
}

fn reasoning_text(item: &Node<'_>) -> Result<String, Error> {
    let mut texts = Vec::new();
    for name in ["summary", "content"] {
        for part in item.get(name).map(|list| list.elements()).transpose()?.unwrap_or_default() {
            texts.extend(part.text_of("text")?);
        }
        if !texts.is_empty() {
            break; // the summary tells what the content tells
        }
    }
    Ok(texts.join("\n\n"))
}

fn read_message(item: &Node<'_>, out: &mut Request) -> Result<(), Error> {
    let role = item.required("role", "a string")?;
    let role = match role.text()? {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return role.expected("one of system, developer, user, assistant"),
    };
    let parts = read_content(&item.required("content", "a string or an array")?, &mut out.foreign)?;
    if role == Role::Assistant {
        for part in parts {
            push(out, role, true, part);
        }
    } else {
        out.messages.push(Message { role, parts });
    }
    Ok(())
}

fn read_content(content: &Node<'_>, foreign: &mut Vec<At<String>>) -> Result<Vec<At<Part>>, Error> {
    if let Some(text) = content.value.as_str() {
        return Ok(vec![content.at(Part::Text(text.to_owned()))]);
    }
    if !content.value.is_array() {
        return content.expected("a string or an array");
    }
    let mut parts = Vec::new();
    for node in content.elements()? {
        let node = node.object()?;
        let part = match node.text_of("type")? {
            None if node.get("text").is_some() => {
                Part::Text(node.text_of("text")?.unwrap_or_default().to_owned())
            }
            Some("input_text" | "output_text" | "text" | "summary_text") => {
                Part::Text(node.required("text", "a string")?.text()?.to_owned())
            }
            Some("refusal") => Part::Refusal(node.required("refusal", "a string")?.text()?.to_owned()),
            Some("input_image") => Part::Media(read_image(&node)?),
            Some("input_audio") => Part::Media(read_audio(&node.required("input_audio", "an object")?)?),
            Some("input_file") => Part::Media(read_file(&node)?),
            other => {
                foreign.push(node.at(format!("a part of type {:?}", other.unwrap_or_default())));
                continue;
            }
        };
        parts.push(node.at(part));
    }
    Ok(parts)
}

fn read_image(node: &Node<'_>) -> Result<Media, Error> {
    let mut media = match node.get("image_url") {
        Some(url) => Media::url(MediaKind::Image, url.text()?),
        None => {
            let source = Source::OpenaiFile(node.required("file_id", "a string")?.text()?.to_owned());
            Media { kind: MediaKind::Image, mime: None, source, name: None, detail: None }
        }
    };
    media.detail = node.text_of("detail")?.filter(|detail| *detail != "auto").map(str::to_owned); // the default
    Ok(media)
}

fn read_result(item: &Node<'_>, out: &mut Request) -> Result<At<Part>, Error> {
    let content = match item.get("output") {
        Some(output) => read_content(&output, &mut out.foreign)?,
        None => Vec::new(),
    };
    let id = item.text_of("call_id")?.map(str::to_owned);
    Ok(item.at(Part::Result(ToolResult { id, name: None, content, is_error: false })))
}
