//! Request conversion.

use crate::error::{contain, raise};
use napi::bindgen_prelude::{Buffer, Function, Uint8ArraySlice};
use napi_derive::napi;
use sluice_core::stream::request::{self, Options};
use sluice_core::stream::{Format, Ids};

/// Ids drawn by the shell's function, called only when a call has none.
struct Drawn<'f> {
    new_id: Function<'f, String, String>,
    /// What the function threw; it is not called again after that.
    failed: Option<napi::Error>,
}
impl Drawn<'_> {
    fn draw(&mut self, kind: &str) -> String {
        if self.failed.is_some() {
            return String::new();
        }
        self.new_id.call(kind.to_owned()).unwrap_or_else(|error| {
            self.failed = Some(error);
            String::new()
        })
    }
}
impl Ids for Drawn<'_> {
    fn message(&mut self) -> String {
        self.draw("message")
    }
    fn call(&mut self) -> String {
        self.draw("call")
    }
}

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
    let mut ids = Drawn { new_id, failed: None };
    let converted = contain("convertRequest", || {
        let options = Options { model: model.as_deref(), lossy, ids: &mut ids };
        let (from, to) = (from.unwrap_or(Format::Kiro), to.unwrap_or(Format::Kiro)); // which no request has
        request::convert_request(&body, from, to, options)
    });
    match ids.failed {
        Some(error) => Err(error),
        None => converted.map(Buffer::from).map_err(|error| raise(&error)),
    }
}
