//! The door: exports the engines to Node.js through N-API. It translates and decides nothing; an `if` here is
//! about the shape of a JavaScript value. Errors cross as the JSON of `sluice_core::error::Error`, and the shell
//! (`lib/errors.js`) makes an error of the caller's realm from it. See ARCHITECTURE.md for the four layers.

mod batch;
mod body;
mod cache;
mod cells;
mod clock;
mod completion;
mod counters;
mod decoder;
mod document;
mod error;
mod external;
#[cfg(feature = "test-hooks")]
mod hooks;
mod limiter;
mod request;
mod response;
mod stream;
mod text;

use napi_derive::napi;

/// The version of the native code, which must be the package's.
#[napi(catch_unwind)]
pub fn native_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
