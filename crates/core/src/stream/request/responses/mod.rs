//! OpenAI responses: a flat list of items instead of messages.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::read;
pub use write::write;
