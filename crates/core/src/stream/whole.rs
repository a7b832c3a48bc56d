//! Whole response bodies: recognised, read, said in another dialect.

use super::read::{detect_whole, parse_whole};
use super::render::{is_complete, render_error, render_whole};
use super::write::Context;
use super::{Assembly, Delta, Failure, Format, Ids};
use crate::error::{Error, Kind};
use crate::json::{Bad, Cursor, Escaped, write_escaped, write_string};

/// What the client is told about a converted response, as the shell has checked it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    /// The model; `None` is the provider's.
    pub model: Option<&'a str>,
    /// The id; `None` is the provider's, else one that is drawn.
    pub id: Option<&'a str>,
    /// Seconds since 1970, for dialects that say when a message began.
    pub created_s: u64,
}

/// A response body in another dialect; in the same one it stays as it is, but for the model. An error body becomes
/// one. A body that cannot be read is `ERR_STREAM_FRAME` with the offset of what is wrong in it.
pub fn convert_response(
    body: &[u8],
    from: Format,
    to: Format,
    told: Told<'_>,
    ids: &mut dyn Ids,
) -> Result<Vec<u8>, Error> {
    if from == to {
        return renamed(body, to, told.model);
    }
    let (message, reported) = read(body, from, ids)?;
    let rendered = match &reported {
        Some(reported) => render_error(to, &reported.failure()),
        None => render_message(&message, to, told, ids, render_whole),
    };
    rendered.ok_or_else(|| no_client(to))
}

/// Renders a message under the id and model that the client is told.
pub fn render_message(
    message: &Assembly,
    to: Format,
    told: Told<'_>,
    ids: &mut dyn Ids,
    render: impl Fn(Format, &Context<'_>) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let escaped = |text: &str| {
        let mut out = Vec::new();
        write_escaped(text.as_bytes(), &mut out);
        out
    };
    let id = match told.id {
        Some(id) => escaped(id),
        None if message.id.is_empty() => escaped(&ids.message()),
        None => message.id.clone(),
    };
    let model = told.model.map_or_else(|| message.model.clone(), escaped);
    render(to, &Context { id: &id, model: &model, created_s: told.created_s, message })
}

/// `AssembledMessage` as JSON (see `Assembly::to_json`) of a response body, in the format that it is told to have or
/// is seen to have; what has none is `ERR_INVALID_OPTION`.
pub fn parse_response(body: &[u8], from: Option<Format>, ids: &mut dyn Ids) -> Result<Vec<u8>, Error> {
    let Some(format) = from.or_else(|| detect_whole(body)) else {
        check(body)?;
        return Err(Error::new(Kind::OptionRange)
            .with("option", "from")
            .with("range", "a format, where the body does not tell its own")
            .with("value", "\"auto\""));
    };
    let (message, _) = read(body, format, ids)?;
    Ok(message.to_json(is_complete(&message)))
}

/// An error that a body holds, past its borrow.
struct Reported {
    message: Vec<u8>,
    kind: Vec<u8>,
    status: u16,
}

impl Reported {
    fn failure(&self) -> Failure<'_> {
        let (message, kind) = (Escaped::from_checked(&self.message), Escaped::from_checked(&self.kind));
        Failure { message, kind, status: self.status, raw: b"" }
    }
}

fn read(body: &[u8], format: Format, ids: &mut dyn Ids) -> Result<(Assembly, Option<Reported>), Error> {
    let (mut message, mut reported, mut refused) = (Assembly::new(0), None, None);
    let mut says_anything = false;
    message.events = 1;
    parse_whole(format, body, &mut |delta| {
        let drawn;
        let delta = match delta {
            Delta::Call { choice, call, id, name } if id.is_empty() => {
                let mut out = Vec::new();
                write_escaped(ids.call().as_bytes(), &mut out);
                drawn = out;
                Delta::Call { choice, call, id: Escaped::from_checked(&drawn), name }
            }
            other => other,
        };
        says_anything |= !matches!(delta, Delta::Start { .. } | Delta::End);
        if let Delta::Error(failure) = &delta {
            let (message, kind) = (failure.message.bytes().to_vec(), failure.kind.bytes().to_vec());
            reported = Some(Reported { message, kind, status: failure.status });
        }
        if refused.is_none() {
            refused = message.apply(&delta).err();
        }
    })?;
    match refused {
        Some(error) => Err(error),
        None if !says_anything => Err(wrong(0, &format!("it is no {} response", format.name()))),
        None => Ok((message, reported)),
    }
}

/// The body as it is, but for the model.
fn renamed(body: &[u8], format: Format, model: Option<&str>) -> Result<Vec<u8>, Error> {
    check(body)?;
    match model {
        Some(model) if Cursor::new(body).peek() == Some(b'{') => {
            with_model(body, format, model).map_err(unreadable)
        }
        _ => Ok(body.to_vec()),
    }
}

/// Fails unless the body is one JSON text in UTF-8.
fn check(body: &[u8]) -> Result<(), Error> {
    if let Err(error) = std::str::from_utf8(body) {
        return Err(wrong(error.valid_up_to(), "it is not UTF-8"));
    }
    let mut cursor = Cursor::new(body);
    cursor.skip().and_then(|_| cursor.finish()).map_err(unreadable)
}

fn unreadable(Bad(at): Bad) -> Error {
    wrong(at, "it is not JSON")
}

fn wrong(at: usize, detail: &str) -> Error {
    Error::new(Kind::StreamFrame).with("offset", at).with("detail", detail)
}

fn no_client(format: Format) -> Error {
    Error::new(Kind::OptionRange)
        .with("option", "to")
        .with("range", "a format that clients speak")
        .with("value", format.name())
}

/// The body with another model and everything else as it was.
fn with_model(body: &[u8], format: Format, model: &str) -> Result<Vec<u8>, Bad> {
    let name: &[u8] = if format == Format::Gemini { b"modelVersion" } else { b"model" };
    let mut cursor = Cursor::new(body);
    cursor.object()?;
    let open = body.iter().position(|byte| *byte == b'{').map_or(0, |at| at + 1);
    let (mut start, mut end, mut is_empty) = (open, open, true);
    while let Some(key) = cursor.next_key()? {
        is_empty = false;
        let value = cursor.skip()?;
        if key == name {
            // the value is a slice of the body
            start = value.as_ptr().addr() - body.as_ptr().addr();
            end = start + value.len();
        }
    }
    let mut out = Vec::with_capacity(body.len() + model.len() + 24);
    out.extend_from_slice(body.get(..start).unwrap_or_default());
    if start == end {
        write_string(name, &mut out);
        out.push(b':');
    }
    write_string(model.as_bytes(), &mut out);
    if start == end && !is_empty {
        out.push(b',');
    }
    out.extend_from_slice(body.get(end..).unwrap_or_default());
    Ok(out)
}

#[cfg(test)]
mod tests;
