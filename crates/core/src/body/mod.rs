//! Body intake: strict JSON with limits, and an index over its bytes that answers pointers without building anything.
//! Accepts what `JSON.parse` accepts. Nothing here recurses on the depth of the input.

mod document;
mod edit;
mod pointer;
mod scan;
mod skim;
mod slices;
mod text;

pub use document::Document;
pub use edit::Change;
pub use pointer::Pointer;
pub use skim::{Skim, skim};
pub use slices::{Op, Piece, SLICE_BYTES, slices};
pub use text::{Text, is_blank, to_utf16, without_bom};

use crate::error::{Error, Kind};

/// What to do about `__proto__` keys, and `constructor` keys whose value has a key `prototype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proto {
    /// Such a text is refused.
    #[default]
    Error,
    /// Such members are left out.
    Remove,
    /// They are data, as for `JSON.parse`.
    Ignore,
}

/// What to do about two members of one object with equal keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// Such a text is refused.
    Error,
    /// The last one counts, as for `JSON.parse`.
    #[default]
    Last,
}

/// What a text is held to beyond being JSON.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Objects and arrays inside each other, at most.
    pub max_depth: u32,
    /// Keys that pollute prototypes.
    pub proto: Proto,
    /// Equal keys in one object.
    pub duplicates: Duplicates,
}
impl Default for Limits {
    fn default() -> Self {
        Self { max_depth: 200, proto: Proto::default(), duplicates: Duplicates::default() }
    }
}

/// What a check found out on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Nothing but ASCII.
    pub ascii: bool,
    /// Nothing but white space: no value at all, which an intake reads as `{}`.
    pub blank: bool,
    /// There are members that `Proto::Remove` takes out.
    pub removable: bool,
}

/// Checks small texts: UTF-8, structure and limits, without an index.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<Facts, Error> {
    utf8(bytes)?;
    let ascii = bytes.is_ascii();
    if is_blank(bytes) {
        return Ok(Facts { ascii, blank: true, removable: false });
    }
    let mut outcome = scan::Outcome::default();
    scan::scan(bytes, limits, &mut outcome).map_err(|fault| fault.locate(bytes))?;
    Ok(Facts { ascii, blank: false, removable: outcome.removable })
}

/// Whether `JSON.parse` takes a text. What only skips over a value has checked no more than its balance.
pub fn is_json(bytes: &[u8]) -> bool {
    let limits = Limits { max_depth: 10_000, proto: Proto::Ignore, duplicates: Duplicates::Last };
    check(bytes, &limits).is_ok_and(|facts| !facts.blank)
}

/// Whether the bytes are UTF-8, as an error that says where they are not.
pub fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    simdutf8::compat::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let detail = format!("the byte at {offset} starts no character");
        Error::new(Kind::BodyCharset).with("detail", detail).with("offset", offset)
    })
}

/// The text of a body: the byte order mark dropped, and broken UTF-8 replaced by U+FFFD where that is asked for;
/// whether it is UTF-8 otherwise is left to whoever reads it.
pub fn decode(mut bytes: Vec<u8>, replace: bool) -> Vec<u8> {
    let mark = bytes.len() - without_bom(&bytes).len();
    bytes.drain(..mark);
    if replace && simdutf8::basic::from_utf8(&bytes).is_err() {
        return String::from_utf8_lossy(&bytes).into_owned().into_bytes();
    }
    bytes
}

/// The document of a decoded body: a blank one is `{}`.
pub fn read(text: Vec<u8>, limits: &Limits, seed: u64) -> Result<Document, Error> {
    let text = if is_blank(&text) { b"{}".to_vec() } else { text };
    Document::parse(text, limits, seed)
}

/// Reads arbitrary bytes in every way there is and compares the answers, for the fuzz target: whether the bytes were
/// accepted, or which answers contradict each other.
pub fn consistent(bytes: &[u8]) -> Result<bool, &'static str> {
    let limits = Limits { max_depth: 10_000, proto: Proto::Ignore, duplicates: Duplicates::Last };
    let checked = check(bytes, &limits);
    let parsed = Document::parse(bytes.to_vec(), &limits, 1);
    let document = match (checked, parsed) {
        (Err(_), Err(_)) => return Ok(false),
        (Ok(facts), Err(_)) if facts.blank => return Ok(false),
        (Ok(_), Ok(document)) => document,
        _ => return Err("check and index disagree"),
    };
    if skim(bytes, u32::MAX, false) == Skim::Suspect {
        return Err("accepted text is suspect without limits");
    }
    let again = document.with(&[]).map_err(|_| "a document without changes fails")?;
    if again != bytes {
        return Err("a document without changes differs");
    }
    let pieces = slices(&document, 8);
    if pieces.is_empty() {
        return Err("a document has no pieces");
    }
    Ok(true)
}
