//! Ollama chat, and what of generate is a conversation.

mod read;
mod write;

pub use read::read;
pub use write::write;
