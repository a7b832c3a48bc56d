//! The tiered cache's engine, for `lib/cache/engine.js`.

mod below;
mod engine;
mod values;

pub use values::{Numbers, READS_AT_ONCE, reply_value};
