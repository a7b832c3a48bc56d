//! The directory of a log within one process: who gets which rows, options, imports, what is set aside, closing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

#[path = "../log_files/mod.rs"]
mod log_files;

mod closing;
mod files;
mod imports;
mod options;
mod rows;
mod set_aside;
