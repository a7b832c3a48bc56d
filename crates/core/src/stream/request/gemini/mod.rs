//! Google generateContent. The model and whether to stream are in the URL, not in the body.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::read;
pub use write::write;
