//! Until all readers are there: the ones that are.
use super::*;
use crate::stream::Format;

/// A reader of any format.
#[derive(Debug)]
#[allow(missing_docs, clippy::large_enum_variant)]
pub enum Reader {
    OpenaiChat(OpenaiChat),
    Claude(Claude),
    Gemini(Gemini),
}
impl Reader {
    /// The reader of a format.
    pub fn new(format: Format) -> Self {
        match format {
            Format::Claude => Self::Claude(Claude::default()),
            Format::Gemini => Self::Gemini(Gemini::default()),
            _ => Self::OpenaiChat(OpenaiChat::default()),
        }
    }
}
impl Read for Reader {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        match self {
            Self::OpenaiChat(reader) => reader.read(event, emit),
            Self::Claude(reader) => reader.read(event, emit),
            Self::Gemini(reader) => reader.read(event, emit),
        }
    }
    fn finish(&mut self, emit: &mut Emit<'_>) {
        match self {
            Self::OpenaiChat(reader) => reader.finish(emit),
            Self::Claude(reader) => reader.finish(emit),
            Self::Gemini(reader) => reader.finish(emit),
        }
    }
    fn is_steady(&self) -> bool {
        match self {
            Self::OpenaiChat(reader) => reader.is_steady(),
            Self::Claude(reader) => reader.is_steady(),
            Self::Gemini(reader) => reader.is_steady(),
        }
    }
}
/// The format that an event tells of.
pub fn detect(event: &Event<'_>) -> Option<Format> {
    let has = |text: &str| memchr::memmem::find(event.data, text.as_bytes()).is_some();
    [
        ("\"choices\":[{", Format::OpenaiChat),
        ("\"message_start\"", Format::Claude),
        ("\"candidates\"", Format::Gemini),
    ]
    .iter()
    .find(|(text, _)| has(text))
    .map(|(_, format)| *format)
}
