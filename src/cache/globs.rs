//! Globs over keys that JavaScript holds.

use napi_derive::napi;
use sluice_core::cache::glob;

/// Which of the texts match: their places.
#[napi(catch_unwind)]
pub fn glob_matches(pattern: String, texts: Vec<String>) -> Vec<u32> {
    let matching =
        texts.iter().zip(0..).filter(|(text, _)| glob::matches(pattern.as_bytes(), text.as_bytes()));
    matching.map(|(_, at)| at).collect()
}
