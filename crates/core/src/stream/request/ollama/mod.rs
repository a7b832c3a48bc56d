//! Ollama chat, and what of generate is a conversation.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::read;
pub use write::write;
