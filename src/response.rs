//! Whole responses and rendered messages, for `lib/response.js`.

use crate::error::{contain, raise};
use crate::stream::JsIds;
use crate::text::string;
use napi::bindgen_prelude::{Buffer, Function, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use sluice_core::error::{Error, Kind};
use sluice_core::stream::render::{render_stream, render_whole};
use sluice_core::stream::whole::{self, Told};
use sluice_core::stream::{Assembly, Format, Ids};

/// What the client is told, checked by the shell.
#[napi(object, object_to_js = false)]
pub struct ToldOptions {
    /// The model; the provider's when it is not there.
    pub model: Option<String>,
    /// The id; the provider's when it is not there, else one that is drawn.
    pub id: Option<String>,
    /// Seconds since 1970.
    pub created_s: f64,
}
impl ToldOptions {
    fn told(&self) -> Told<'_> {
        Told { model: self.model.as_deref(), id: self.id.as_deref(), created_s: self.created_s as u64 }
    }
}

/// Runs an engine that may draw ids: what the shell's function threw comes before what the engine made of it.
fn drawing<T>(
    what: &str,
    new_id: Function<'_, String, String>,
    run: impl FnOnce(&mut dyn Ids) -> std::result::Result<T, Error>,
) -> Result<T> {
    let mut ids = JsIds::new(new_id);
    let result = contain(what, || run(&mut ids));
    ids.result()?;
    result.map_err(|error| raise(&error))
}

/// The shell has checked the names of formats.
fn format(name: &str) -> std::result::Result<Format, Error> {
    Format::named(name).ok_or_else(|| Error::new(Kind::Internal).with("what", "format").with("detail", name))
}

/// A response body in another dialect.
#[napi(catch_unwind)]
pub fn convert_response(
    body: &[u8],
    from: String,
    to: String,
    options: ToldOptions,
    new_id: Function<'_, String, String>,
) -> Result<Buffer> {
    let converted = drawing("convertResponse", new_id, |ids| {
        whole::convert_response(body, format(&from)?, format(&to)?, options.told(), ids)
    });
    converted.map(Buffer::from)
}

/// A response body as the JSON of `AssembledMessage`; without a format the body tells its own.
#[napi(catch_unwind)]
pub fn parse_response<'env>(
    env: &'env Env,
    body: &[u8],
    from: Option<String>,
    new_id: Function<'_, String, String>,
) -> Result<Unknown<'env>> {
    let json = drawing("parseResponse", new_id, |ids| {
        whole::parse_response(body, from.as_deref().map(format).transpose()?, ids)
    })?;
    string(env, &json)
}

/// The JSON of an `AssembledMessage` as a response body, or as a whole stream.
#[napi(catch_unwind)]
pub fn render_message(
    message: String,
    to: String,
    stream: bool,
    options: ToldOptions,
    new_id: Function<'_, String, String>,
) -> Result<Buffer> {
    let rendered = drawing("renderMessage", new_id, |ids| {
        let message = Assembly::from_json(message.as_bytes(), ids)?;
        let render = if stream { render_stream } else { render_whole };
        whole::render_message(&message, format(&to)?, options.told(), ids, render).ok_or_else(|| {
            Error::new(Kind::Internal).with("what", "renderMessage").with("detail", to.clone())
        })
    });
    rendered.map(Buffer::from)
}
