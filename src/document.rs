//! Documents in the hands of the shell, and the slices of which it builds trees.

use crate::body::{Weight, drop_behind, external, limits, seed, string, value};
use crate::completion::Completer;
use crate::error::{contain, raise};
use crate::external::External;
use napi::bindgen_prelude::{Buffer, Utf16String};
use napi::{Env, JsValue, Unknown, sys};
use napi_derive::napi;
use sluice_core::body::{self, Change, Document, Piece, Pointer, Text};
use sluice_core::error::Error;
use sluice_io::pool;
use std::ops::Range;
use std::sync::Arc;
use std::vec;

/// A document in the hands of the shell.
pub struct Held {
    document: Option<Arc<Document>>,
    weight: Weight,
}
impl Held {
    /// Takes a document, on the event loop.
    pub fn new(env: sys::napi_env, document: Document) -> Self {
        let weight = Weight::new(env, document.size());
        Self { document: Some(Arc::new(document)), weight }
    }
    fn close(&mut self) {
        self.weight.set(0);
        if let Some(document) = self.document.take() {
            let size = document.size();
            drop_behind(document, size);
        }
    }
    /// The shell asks before it closes, never after.
    fn get(&self) -> napi::Result<&Arc<Document>> {
        self.document.as_ref().ok_or_else(|| napi::Error::from_reason("closed"))
    }
    fn find(&self, pointer: &[u16]) -> napi::Result<Option<Range<usize>>> {
        let document = self.get()?;
        contain("document", || Ok(document.find(&Pointer::parse(pointer)?))).map_err(|error| raise(&error))
    }
}
impl Drop for Held {
    fn drop(&mut self) {
        self.close();
    }
}

/// A document of a small text, at once.
#[napi(catch_unwind)]
pub fn document_parse(env: &Env, bytes: &[u8], max_depth: u32, flags: u32) -> napi::Result<External<Held>> {
    let parsed = contain("document", || {
        let text = body::decode(bytes.to_vec(), flags & 8 != 0);
        body::read(text, &limits(max_depth, flags), seed())
    });
    Ok(External::new(Held::new(env.raw(), parsed.map_err(|error| raise(&error))?)))
}
/// The JSON text of a value; undefined when it is not there.
#[napi(catch_unwind)]
pub fn document_get<'env>(
    env: &'env Env,
    held: &External<Held>,
    pointer: Utf16String,
) -> napi::Result<Option<Unknown<'env>>> {
    let Some(range) = held.find(&pointer)? else { return Ok(None) };
    let bytes = held.get()?.text().get(range).unwrap_or_default();
    let raw = match bytes.is_ascii() {
        true => env.create_string_latin1(bytes)?.raw(),
        false => env.create_string_utf16(body::to_utf16(bytes))?.raw(),
    };
    value(env, raw).map(Some)
}
/// Whether there is a value.
#[napi(catch_unwind)]
pub fn document_has(held: &External<Held>, pointer: Utf16String) -> napi::Result<bool> {
    Ok(held.find(&pointer)?.is_some())
}
/// Elements or members, or -1.
#[napi(catch_unwind)]
pub fn document_length(held: &External<Held>, pointer: Utf16String) -> napi::Result<f64> {
    let document = held.get()?;
    let length = contain("document", || Ok(document.length(&Pointer::parse(&pointer)?)));
    length.map(|length| length.map_or(-1.0, |length| length as f64)).map_err(|error| raise(&error))
}
/// A copy of a value's bytes; of the whole text for the root.
#[napi(catch_unwind)]
pub fn document_raw(held: &External<Held>, pointer: Utf16String) -> napi::Result<Buffer> {
    let document = held.get()?;
    let range = contain("document", || {
        let pointer = Pointer::parse(&pointer)?;
        document.find(&pointer).ok_or_else(|| pointer.nowhere("a pointer to a value of the document"))
    });
    let range = range.map_err(|error| raise(&error))?;
    let whole = pointer.is_empty();
    let bytes = if whole { document.text() } else { document.text().get(range).unwrap_or_default() };
    Ok(Buffer::from(bytes.to_vec()))
}
/// The text with values replaced, added, or (null) removed.
#[napi(catch_unwind)]
pub fn document_with(
    held: &External<Held>,
    pointers: Vec<Utf16String>,
    values: Vec<Option<String>>,
) -> napi::Result<Buffer> {
    let document = held.get()?;
    let changed = contain("document", || {
        let changes = pointers.iter().zip(values).map(|(pointer, value)| {
            Ok(Change { pointer: Pointer::parse(pointer)?, value: value.map(String::into_bytes) })
        });
        document.with(&changes.collect::<Result<Vec<_>, Error>>()?)
    });
    changed.map(Buffer::from).map_err(|error| raise(&error))
}
/// Bytes of the text.
#[napi(catch_unwind)]
pub fn document_size(held: &External<Held>) -> napi::Result<f64> {
    Ok(held.get()?.text().len() as f64)
}
/// Gives the memory back.
#[napi(catch_unwind)]
pub fn document_close(held: &mut External<Held>) {
    held.close();
}
/// Settles with the slices of which the shell builds the tree.
#[napi(catch_unwind)]
pub fn document_slices(env: &Env, shell: u32, id: u32, held: &External<Held>) -> napi::Result<()> {
    let (completer, document) = (Completer::new(env, shell, id)?, held.get()?.clone());
    pool::spawn(move || {
        completer.run("document", || {
            let pieces = body::slices(&document, body::SLICE_BYTES);
            Ok(move |env| external(env, Slices::new(env, pieces)))
        });
    });
    Ok(())
}

/// The pieces of a tree that is being built.
pub struct Slices {
    pieces: vec::IntoIter<Piece>,
    current: Option<Piece>,
    weight: Weight,
}
impl Slices {
    /// Takes a plan, on the event loop.
    pub fn new(env: sys::napi_env, pieces: Vec<Piece>) -> Self {
        let text = |text: &Option<Text>| text.as_ref().map_or(0, Text::size);
        let bytes =
            pieces.iter().map(|piece| text(&piece.text) + text(&piece.key) + size_of::<Piece>()).sum();
        Self { pieces: pieces.into_iter(), current: None, weight: Weight::new(env, bytes) }
    }
    fn text<'env>(&self, env: &'env Env, text: Option<&Text>) -> napi::Result<Unknown<'env>> {
        let raw = match text {
            Some(text) => string(env.raw(), text)?,
            None => crate::completion::undefined(env.raw())?,
        };
        value(env, raw)
    }
}
impl Drop for Slices {
    fn drop(&mut self) {
        let rest = std::mem::replace(&mut self.pieces, Vec::new().into_iter());
        drop_behind(rest, self.weight.bytes());
    }
}

/// Goes to the next piece; what to do with it, or 0 at the end.
#[napi(catch_unwind)]
pub fn slices_next(slices: &mut External<Slices>) -> u32 {
    slices.current = slices.pieces.next();
    slices.current.as_ref().map_or(0, |piece| piece.op as u32)
}
/// The current piece's key, or undefined.
#[napi(catch_unwind)]
pub fn slices_key<'env>(env: &'env Env, slices: &External<Slices>) -> napi::Result<Unknown<'env>> {
    slices.text(env, slices.current.as_ref().and_then(|piece| piece.key.as_ref()))
}
/// The current piece's text, or undefined.
#[napi(catch_unwind)]
pub fn slices_text<'env>(env: &'env Env, slices: &External<Slices>) -> napi::Result<Unknown<'env>> {
    slices.text(env, slices.current.as_ref().and_then(|piece| piece.text.as_ref()))
}
/// Gives the rest of the memory back.
#[napi(catch_unwind)]
pub fn slices_close(slices: &mut External<Slices>) {
    slices.weight.set(0);
    slices.current = None;
    slices.pieces = Vec::new().into_iter();
}
