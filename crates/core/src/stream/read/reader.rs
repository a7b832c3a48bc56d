//! A reader of any format, dispatched statically.

use super::{BedrockConverse, Claude, Emit, Gemini, Kiro, Ollama, OpenaiChat, OpenaiResponses, Read};
use crate::json::Bad;
use crate::stream::{Event, Format};

/// A reader of any format.
#[derive(Debug)]
pub enum Reader {
    /// OpenAI chat completions.
    OpenaiChat(OpenaiChat),
    /// OpenAI responses.
    OpenaiResponses(OpenaiResponses),
    /// Anthropic messages.
    Claude(Claude),
    /// Google generateContent.
    Gemini(Gemini),
    /// Ollama chat and generate.
    Ollama(Ollama),
    /// Amazon Bedrock converse.
    BedrockConverse(BedrockConverse),
    /// Kiro.
    Kiro(Kiro),
}

/// Does the same with whichever reader it is.
macro_rules! each {
    ($self:expr, $reader:ident => $do:expr) => {
        match $self {
            Reader::OpenaiChat($reader) => $do,
            Reader::OpenaiResponses($reader) => $do,
            Reader::Claude($reader) => $do,
            Reader::Gemini($reader) => $do,
            Reader::Ollama($reader) => $do,
            Reader::BedrockConverse($reader) => $do,
            Reader::Kiro($reader) => $do,
        }
    };
}

impl Reader {
    /// The reader of a format.
    pub fn new(format: Format) -> Self {
        match format {
            Format::OpenaiChat => Self::OpenaiChat(OpenaiChat::default()),
            Format::OpenaiResponses => Self::OpenaiResponses(OpenaiResponses::default()),
            Format::Claude => Self::Claude(Claude::default()),
            Format::Gemini => Self::Gemini(Gemini::default()),
            Format::Ollama => Self::Ollama(Ollama::default()),
            Format::BedrockConverse => Self::BedrockConverse(BedrockConverse::default()),
            Format::Kiro => Self::Kiro(Kiro::default()),
        }
    }
}

impl Read for Reader {
    #[inline]
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        each!(self, reader => reader.read(event, emit))
    }

    fn finish(&mut self, emit: &mut Emit<'_>) {
        each!(self, reader => reader.finish(emit));
    }

    fn is_steady(&self) -> bool {
        each!(self, reader => reader.is_steady())
    }
}
