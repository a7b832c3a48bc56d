//! The engines of sluice. No Node.js, no unsafe code, no I/O, no clock and no randomness: whatever an engine
//! needs of those comes in as an argument, so that every decision can be tested on plain Rust.

pub mod batch;
pub mod body;
pub mod cache;
pub mod error;
pub mod json;
pub mod limiter;
pub mod stream;
