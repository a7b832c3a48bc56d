//! Requests between dialects: one reader and one writer per dialect, `model::Request` between them. What the source
//! dialect does not define is dropped; what the target cannot say is `ERR_UNSUPPORTED` with its place in the source.

mod calls;
mod chat;
mod claude;
mod depth;
#[cfg(test)]
mod fixture;
mod gemini;
mod media;
pub mod model;
mod node;
mod ollama;
mod responses;
mod schema;
mod source;
mod target;

use super::{Format, Ids};
use crate::error::Error;
use model::Request;
use node::{Node, wrong};
use serde_json::Value;
use target::Target;

/// How to convert.
pub struct Options<'a> {
    /// The model to ask for; the source's when `None`.
    pub model: Option<&'a str>,
    /// Drop what the target cannot say.
    pub lossy: bool,
    /// Where ids come from for calls that have none in the source and need one in the target.
    pub ids: &'a mut dyn Ids,
}

/// A request body of one dialect in another. The same dialect on both sides keeps every byte but the model's.
pub fn convert_request(
    body: &[u8],
    from: Format,
    to: Format,
    options: Options<'_>,
) -> Result<Vec<u8>, Error> {
    if from == to {
        readable(from, "from")?;
        return source::with_model(body, options.model.filter(|_| from != Format::Gemini));
    }
    let mut request = read_request(body, from)?;
    if let Some(model) = options.model {
        request.model = Some(model.to_owned());
    }
    let wants_ids = !matches!(to, Format::Gemini | Format::Ollama);
    calls::complete(&mut request.messages, wants_ids.then_some(options.ids));
    write_request(&request, to, options.lossy)
}

/// What a body says.
pub fn read_request(body: &[u8], from: Format) -> Result<Request, Error> {
    readable(from, "from")?;
    let body = source::parse(body)?;
    let root = Node::root(&body);
    if !body.is_object() {
        return root.expected("a JSON object");
    }
    match from {
        Format::OpenaiChat => chat::read(&root),
        Format::OpenaiResponses => responses::read(&root),
        Format::Claude => claude::read(&root),
        Format::Gemini => gemini::read(&root),
        _ => ollama::read(&root),
    }
}

/// A request as a body. Calls and results must have the ids and names that the dialect needs.
pub fn write_request(request: &Request, to: Format, lossy: bool) -> Result<Vec<u8>, Error> {
    readable(to, "to")?;
    let target = Target { format: to, lossy };
    for foreign in &request.foreign {
        target.cannot_say(&foreign.value, &foreign.pointer)?;
    }
    let body = match to {
        Format::OpenaiChat => chat::write(request, target),
        Format::OpenaiResponses => responses::write(request, target),
        Format::Claude => claude::write(request, target),
        Format::Gemini => gemini::write(request, target),
        _ => ollama::write(request, target),
    }?;
    Ok(Value::Object(body).to_string().into_bytes())
}

/// Requests exist in the clients' dialects only.
fn readable(format: Format, option: &'static str) -> Result<(), Error> {
    match format {
        Format::BedrockConverse | Format::Kiro => Err(Error::new(crate::error::Kind::OptionRange)
            .with("option", option)
            .with("range", "one of \"openai-chat\", \"openai-responses\", \"claude\", \"gemini\", \"ollama\"")
            .with("value", format!("{:?}", format.name()))),
        _ => Ok(()),
    }
}
