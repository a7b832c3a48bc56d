//! Every method of a disk tier, in one process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

#[path = "../disk/mod.rs"]
mod disk;

mod instances;
mod removals;
mod values;
