//! JSON over bytes: a cursor that reads what is asked for and skips the rest, and string literals both ways.

mod cursor;
mod literal;

pub use cursor::{Bad, Cursor};
pub use literal::{Escaped, unescape, write_escaped, write_string};
pub(crate) use literal::{hex4, unescape_with};
