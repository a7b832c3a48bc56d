//! What every store of rows must do, held against a model of plain maps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

#[allow(dead_code, reason = "each test uses its part")]
#[path = "../log/chance.rs"]
mod chance;
#[path = "../log/model.rs"]
mod model;

mod contract;
mod files;
mod rows;
