//! Readers: one per format, each turns an event into deltas. A reader keeps what it must remember between events
//! and nothing else; it decides nothing about output.

mod bedrock;
mod called;
mod calls;
mod chat_fields;
mod claude;
mod claude_block;
mod compact;
mod counts;
mod detect;
mod failure;
mod gemini;
mod kiro;
mod kiro_text;
mod ollama;
mod openai_chat;
mod openai_responses;
mod opening;
mod partial_args;
mod reader;
mod response_items;
mod strict;
#[cfg(test)]
mod tests;
mod think;
mod units;
mod whole;

use super::{Delta, Event};
use crate::json::Bad;

pub use bedrock::BedrockConverse;
pub use claude::Claude;
pub use detect::detect;
pub use gemini::Gemini;
pub use kiro::Kiro;
pub use ollama::Ollama;
pub use openai_chat::OpenaiChat;
pub use openai_responses::OpenaiResponses;
pub use reader::Reader;
pub use whole::{detect_whole, parse_whole};

/// No provider offers as many alternatives; a hostile index must not make us allocate.
const MAX_CHOICES: u64 = 1024;

/// Where a reader's deltas go.
pub type Emit<'e> = dyn FnMut(Delta<'_>) + 'e;

/// Reads the events of one format.
pub trait Read {
    /// Emits what the event says, in the order it says it. `event.data` is valid UTF-8. Payloads that do not begin
    /// like JSON (`ping`, an empty line) say nothing; ones that begin like JSON and are not are `Bad`.
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad>;
    /// The upstream ended on a frame boundary: emits what was held back. A format without an end mark ends here.
    fn finish(&mut self, _emit: &mut Emit<'_>) {}
    /// Whether an event that repeats the last one but for the text that it said says the same delta with the other
    /// text, and leaves the reader as it is.
    fn is_steady(&self) -> bool {
        false
    }
}
