//! A limit per key, on one bounded table.

mod counter;
mod gcra;
mod index;
mod log;
mod order;
mod pages;
mod record;
mod table;
mod types;

pub use table::Table;
pub use types::*;
