//! The tiered cache: keys, the slots of live values, and the engine for `lib/cache/engine.js`.

mod below;
pub mod client;
mod client_reads;
mod engine;
mod globs;
pub mod key;
pub mod slots;
mod values;

pub use values::{Numbers, READS_AT_ONCE, payload, reply_value, text, with_text};
