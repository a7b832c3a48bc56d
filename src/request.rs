//! Request conversion.

use crate::error::{contain, raise};
use crate::stream::JsIds;
use napi::bindgen_prelude::{Buffer, Function, Uint8ArraySlice};
use napi_derive::napi;
use sluice_core::stream::Format;
use sluice_core::stream::request::{self, Options};

/// A request body of one dialect in another. The names of the formats are checked by the shell.
#[napi(catch_unwind)]
pub fn convert_request(
    body: Uint8ArraySlice,
    from: String,
    to: String,
    model: Option<String>,
    lossy: bool,
    new_id: Function<'_, String, String>,
) -> napi::Result<Buffer> {
    let (from, to) = (Format::named(&from), Format::named(&to));
    let mut ids = JsIds::new(new_id);
    let converted = contain("convertRequest", || {
        let options = Options { model: model.as_deref(), lossy, ids: &mut ids };
        let (from, to) = (from.unwrap_or(Format::Kiro), to.unwrap_or(Format::Kiro)); // which no request has
        request::convert_request(&body, from, to, options)
    });
    ids.result()?;
    converted.map(Buffer::from).map_err(|error| raise(&error))
}
