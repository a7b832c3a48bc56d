//! Stream assembly: provider bytes in any split to client frames and one assembled message.
//!
//! `framing` cuts bytes into events, a reader (`read`) turns each event of its format into `Delta`s, `Assembly`
//! collects them, and a writer (`write`) says them again in the client's dialect. `Machine` ties them together.

mod assembly;
mod delta;
mod finish;
mod frame;
pub mod framing;
mod kept;
mod machine;
mod message;
mod options;
mod pipeline;
pub mod read;
pub mod render;
mod repeat;
pub mod request;
mod to_json;
pub mod whole;
pub mod write;

pub use assembly::{Assembly, Call, Choice, Part};
pub use delta::{Delta, Event, Failure, Ids, Usage};
pub use finish::FinishReason;
pub use kept::{Kept, Side};
pub use machine::{Machine, Output};
pub use options::{FramingKind, Options};

/// What a provider sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// OpenAI chat completions: SSE, `[DONE]`.
    OpenaiChat,
    /// OpenAI responses: SSE with `type`.
    OpenaiResponses,
    /// Anthropic messages: SSE, `message_stop`; or the same base64-encoded in AWS frames.
    Claude,
    /// Google generateContent: SSE of whole candidates.
    Gemini,
    /// Ollama chat and generate: NDJSON.
    Ollama,
    /// Amazon Bedrock converse: AWS event stream.
    BedrockConverse,
    /// Kiro: AWS event stream.
    Kiro,
}
impl Format {
    /// All formats, by the names that JavaScript uses.
    pub const ALL: [(&'static str, Format); 7] = [
        ("openai-chat", Format::OpenaiChat),
        ("openai-responses", Format::OpenaiResponses),
        ("claude", Format::Claude),
        ("gemini", Format::Gemini),
        ("ollama", Format::Ollama),
        ("bedrock-converse", Format::BedrockConverse),
        ("kiro", Format::Kiro),
    ];
    /// The format of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}
