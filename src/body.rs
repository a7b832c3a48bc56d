//! Bodies: chunks in; bytes, text, documents and trees in slices out. What is large or coded is worked on in one hop
//! to the pool.

use crate::completion::Completer;
use crate::document::{Held, Slices};
use crate::error::{contain, raise};
use crate::external::External;
use napi::bindgen_prelude::{Buffer, FromNapiValue, ToNapiValue};
use napi::{Env, JsValue, Unknown, sys};
use napi_derive::napi;
use sluice_core::body::{self, Duplicates, Limits, Proto, Skim, Text};
use sluice_core::error::Error;
use sluice_io::inflate::{Coding, inflate};
use sluice_io::pool;
use std::hash::{BuildHasher, RandomState};

/// What takes longer to free than to send to another thread.
const LARGE_BYTES: usize = 1 << 20;

/// Memory that V8 is told of for as long as this lives; made and dropped on the event loop.
pub struct Weight {
    env: sys::napi_env,
    bytes: i64,
}
impl Weight {
    /// Tells V8 of so many bytes.
    pub fn new(env: sys::napi_env, bytes: usize) -> Self {
        let weight = Self { env, bytes: bytes as i64 };
        weight.tell(weight.bytes);
        weight
    }
    fn tell(&self, change: i64) {
        let mut total = 0;
        // SAFETY: on the event loop of a live environment; finalizers may call this too. A failure changes nothing.
        unsafe { sys::napi_adjust_external_memory(self.env, change, &mut total) };
    }
    /// How many bytes it is.
    pub fn bytes(&self) -> usize {
        self.bytes as usize
    }
    /// It is so many bytes now.
    pub fn set(&mut self, bytes: usize) {
        self.tell(bytes as i64 - self.bytes);
        self.bytes = bytes as i64;
    }
}
impl Drop for Weight {
    fn drop(&mut self) {
        self.tell(-self.bytes);
    }
}

/// Drops what is large on the pool.
pub fn drop_behind<T: Send + 'static>(value: T, bytes: usize) {
    if bytes > LARGE_BYTES {
        pool::spawn(move || drop(value));
    }
}

/// `flags`: bits 0 and 1 are proto (0 error, 1 remove, 2 ignore), bit 2 refuses duplicate keys, bit 3 replaces broken UTF-8.
pub fn limits(max_depth: u32, flags: u32) -> Limits {
    let proto = match flags & 3 {
        0 => Proto::Error,
        1 => Proto::Remove,
        _ => Proto::Ignore,
    };
    let duplicates = if flags & 4 == 0 { Duplicates::Last } else { Duplicates::Error };
    Limits { max_depth, proto, duplicates }
}
fn coding(number: u32) -> Option<Coding> {
    match number {
        1 => Some(Coding::Gzip),
        2 => Some(Coding::Deflate),
        3 => Some(Coding::Brotli),
        4 => Some(Coding::Zstd),
        _ => None,
    }
}
/// Not to be guessed by who sends keys.
pub fn seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// A string of JavaScript.
pub fn string(env: sys::napi_env, text: &Text) -> napi::Result<sys::napi_value> {
    let env = Env::from_raw(env);
    Ok(match text {
        Text::Latin1(bytes) => env.create_string_latin1(bytes)?.raw(),
        Text::Utf16(units) => env.create_string_utf16(units)?.raw(),
    })
}
/// A value that was just made.
pub fn value(env: &Env, raw: sys::napi_value) -> napi::Result<Unknown<'_>> {
    // SAFETY: a value of this environment, just made.
    unsafe { Unknown::from_napi_value(env.raw(), raw) }
}
/// A native object in the hands of the shell.
pub fn external<T: 'static>(env: sys::napi_env, made: T) -> napi::Result<sys::napi_value> {
    // SAFETY: on the event loop, with its environment.
    unsafe { ToNapiValue::to_napi_value(env, External::new(made)) }
}

/// Whether a small text can break a limit: 0 blank, 1 ASCII, 3 ask `bodyCheck`; other UTF-8 comes as a string at once,
/// which V8 takes faster as UTF-16.
#[napi(catch_unwind)]
pub fn body_skim<'env>(
    env: &'env Env,
    bytes: &[u8],
    max_depth: u32,
    proto: bool,
) -> napi::Result<Unknown<'env>> {
    let number = match body::skim(bytes, max_depth, proto) {
        Skim::Blank => 0,
        Skim::Ascii => 1,
        Skim::Utf8 => return value(env, env.create_string_utf16(body::to_utf16(bytes))?.raw()),
        Skim::Suspect => 3,
    };
    value(env, env.create_uint32(number)?.raw())
}

/// Whether a small text is UTF-8; says where it is not.
#[napi(catch_unwind)]
pub fn body_utf8(bytes: &[u8]) -> napi::Result<()> {
    body::utf8(bytes).map(drop).map_err(|error| raise(&error))
}

/// Checks a small text in full. `true`: there are members to remove.
#[napi(catch_unwind)]
pub fn body_check(bytes: &[u8], max_depth: u32, flags: u32) -> napi::Result<bool> {
    let facts = contain("body", || body::check(bytes, &limits(max_depth, flags)));
    facts.map(|facts| facts.removable).map_err(|error| raise(&error))
}

/// A body as it arrives.
pub struct Intake {
    bytes: Vec<u8>,
    weight: Weight,
}

/// An empty intake.
#[napi(catch_unwind)]
pub fn intake_open(env: &Env) -> External<Intake> {
    External::new(Intake { bytes: Vec::new(), weight: Weight::new(env.raw(), 0) })
}
/// Copies a chunk in: its owner may change or detach it while the pool reads.
#[napi(catch_unwind)]
pub fn intake_push(intake: &mut External<Intake>, chunk: &[u8]) {
    intake.bytes.extend_from_slice(chunk);
    let capacity = intake.bytes.capacity();
    if capacity as i64 != intake.weight.bytes {
        intake.weight.set(capacity);
    }
}
/// Gives the memory back at once.
#[napi(catch_unwind)]
pub fn intake_drop(intake: &mut External<Intake>) {
    take(intake);
}
fn take(intake: &mut External<Intake>) -> Vec<u8> {
    intake.weight.set(0);
    std::mem::take(&mut intake.bytes)
}

fn inflated(bytes: Vec<u8>, coding: Option<Coding>, max_bytes: f64) -> Result<Vec<u8>, Error> {
    match coding {
        Some(coding) => inflate(coding, &bytes, max_bytes as usize),
        None => Ok(bytes),
    }
}

/// Settles with the decoded bytes, as a Buffer.
#[napi(catch_unwind)]
pub fn body_bytes(
    env: &Env,
    shell: u32,
    id: u32,
    intake: &mut External<Intake>,
    code: u32,
    max_bytes: f64,
) -> napi::Result<()> {
    let (completer, bytes, coding) = (Completer::new(env, shell, id)?, take(intake), coding(code));
    pool::spawn(move || {
        completer.run("body", || {
            let bytes = inflated(bytes, coding, max_bytes)?;
            // SAFETY: on the event loop, with its environment.
            Ok(move |env| unsafe { ToNapiValue::to_napi_value(env, Buffer::from(bytes)) })
        });
    });
    Ok(())
}

/// Settles with the decoded text.
#[napi(catch_unwind)]
pub fn body_text(
    env: &Env,
    shell: u32,
    id: u32,
    intake: &mut External<Intake>,
    code: u32,
    max_bytes: f64,
) -> napi::Result<()> {
    let (completer, bytes, coding) = (Completer::new(env, shell, id)?, take(intake), coding(code));
    pool::spawn(move || {
        completer.run("body", || {
            let bytes = body::decode(inflated(bytes, coding, max_bytes)?, false);
            body::utf8(&bytes)?;
            let text = Text::of(bytes);
            Ok(move |env| {
                let made = string(env, &text);
                let size = text.size();
                drop_behind(text, size);
                made
            })
        });
    });
    Ok(())
}

/// Settles with a document.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn body_document(
    env: &Env,
    shell: u32,
    id: u32,
    intake: &mut External<Intake>,
    code: u32,
    max_bytes: f64,
    max_depth: u32,
    flags: u32,
) -> napi::Result<()> {
    let (completer, bytes, coding) = (Completer::new(env, shell, id)?, take(intake), coding(code));
    let (limits, seed) = (limits(max_depth, flags), seed());
    pool::spawn(move || {
        completer.run("body", || {
            let text = body::decode(inflated(bytes, coding, max_bytes)?, flags & 8 != 0);
            let document = body::read(text, &limits, seed)?;
            Ok(move |env| external(env, Held::new(env, document)))
        });
    });
    Ok(())
}

/// Settles with the slices of which the shell builds the tree.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn body_tree(
    env: &Env,
    shell: u32,
    id: u32,
    intake: &mut External<Intake>,
    code: u32,
    max_bytes: f64,
    max_depth: u32,
    flags: u32,
) -> napi::Result<()> {
    let (completer, bytes, coding) = (Completer::new(env, shell, id)?, take(intake), coding(code));
    let (limits, seed) = (limits(max_depth, flags), seed());
    pool::spawn(move || {
        completer.run("body", || {
            let text = body::decode(inflated(bytes, coding, max_bytes)?, flags & 8 != 0);
            let pieces = body::slices(&body::read(text, &limits, seed)?, body::SLICE_BYTES);
            Ok(move |env| external(env, Slices::new(env, pieces)))
        });
    });
    Ok(())
}
