//! Writers: one per client dialect, each says deltas as frames. A writer keeps what its dialect needs between
//! frames; what was said so far it finds in the assembly.
//!
//! All of them: a message opens with the first delta that is neither `Start` nor `Usage`, so that until the model has
//! said something another upstream may still answer, and the opening frame knows what both told. Finish reasons are
//! said by `finish`: some providers give one with each chunk. `Delta::Other`, a part that only its own dialect knows,
//! is dropped by any other one.

pub(super) mod arguments;
mod calls;
pub(super) mod claude;
pub(super) mod gemini;
pub(super) mod items;
pub(super) mod ollama;
pub(super) mod openai_chat;
pub(super) mod openai_responses;
pub(super) mod own;
mod time;
pub(super) mod usage;

pub use claude::Claude;
pub use gemini::Gemini;
pub use ollama::Ollama;
pub use openai_chat::OpenaiChat;
pub use openai_responses::OpenaiResponses;

use super::{Assembly, Choice, Delta, Failure, FinishReason, Format, Part};

/// What a writer may look at.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The message's id as the client sees it, escaped; never empty.
    pub id: &'a [u8],
    /// The model as the client sees it, escaped; may be empty.
    pub model: &'a [u8],
    /// When the message began, in seconds since 1970.
    pub created_s: u64,
    /// The message so far, the delta at hand included.
    pub message: &'a Assembly,
}

impl<'a> Context<'a> {
    /// The same about another message.
    pub fn of<'b>(&self, message: &'b Assembly) -> Context<'b>
    where
        'a: 'b,
    {
        Context { message, ..*self }
    }
}

/// Writes the frames of one dialect.
pub trait Write {
    /// Appends the frames that say this delta, if any are due. `Delta::End` and `Delta::Error` never come here. The
    /// writer opens the message (`message_start` …) before the first frame that it writes.
    fn write(&mut self, delta: &Delta<'_>, context: &Context<'_>, out: &mut Vec<u8>);
    /// Appends what is due at the end of a message that the provider completed: open parts closed, finish reason,
    /// usage, end mark. Called at most once, and never for a truncated stream.
    fn finish(&mut self, context: &Context<'_>, out: &mut Vec<u8>);
    /// Appends the dialect's error frame. Nothing follows it.
    fn fail(&mut self, failure: &Failure<'_>, context: &Context<'_>, out: &mut Vec<u8>);
}

/// A writer of any dialect, without a virtual call per delta.
#[derive(Debug)]
pub enum Writer {
    /// OpenAI chat completions.
    OpenaiChat(OpenaiChat),
    /// OpenAI responses.
    OpenaiResponses(OpenaiResponses),
    /// Anthropic messages.
    Claude(Claude),
    /// Google generateContent.
    Gemini(Gemini),
    /// Ollama chat.
    Ollama(Ollama),
}

impl Writer {
    /// The writer of a format; `None` for those that no client speaks.
    pub fn new(format: Format) -> Option<Self> {
        match format {
            Format::OpenaiChat => Some(Self::OpenaiChat(OpenaiChat::default())),
            Format::OpenaiResponses => Some(Self::OpenaiResponses(OpenaiResponses::default())),
            Format::Claude => Some(Self::Claude(Claude::default())),
            Format::Gemini => Some(Self::Gemini(Gemini::default())),
            Format::Ollama => Some(Self::Ollama(Ollama::default())),
            Format::BedrockConverse | Format::Kiro => None,
        }
    }
}

impl Write for Writer {
    #[inline]
    fn write(&mut self, delta: &Delta<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(writer) => writer.write(delta, context, out),
            Self::OpenaiResponses(writer) => writer.write(delta, context, out),
            Self::Claude(writer) => writer.write(delta, context, out),
            Self::Gemini(writer) => writer.write(delta, context, out),
            Self::Ollama(writer) => writer.write(delta, context, out),
        }
    }
    fn finish(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(writer) => writer.finish(context, out),
            Self::OpenaiResponses(writer) => writer.finish(context, out),
            Self::Claude(writer) => writer.finish(context, out),
            Self::Gemini(writer) => writer.finish(context, out),
            Self::Ollama(writer) => writer.finish(context, out),
        }
    }
    fn fail(&mut self, failure: &Failure<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(writer) => writer.fail(failure, context, out),
            Self::OpenaiResponses(writer) => writer.fail(failure, context, out),
            Self::Claude(writer) => writer.fail(failure, context, out),
            Self::Gemini(writer) => writer.fail(failure, context, out),
            Self::Ollama(writer) => writer.fail(failure, context, out),
        }
    }
}

/// Appends pieces with one reservation.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    out.reserve(pieces.iter().map(|piece| piece.len()).sum());
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

/// Appends a number in decimal, without allocating for it.
#[inline]
pub(super) fn put_number(out: &mut Vec<u8>, number: impl Into<u64>) {
    let (mut rest, mut digits, mut start) = (number.into(), [0; 20], 20);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Appends what `write` appends for each element, with commas between; elements for which it appends nothing do not
/// count.
pub(super) fn put_list<T>(
    elements: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    let start = out.len();
    for element in elements {
        let end = out.len();
        if end > start {
            out.push(b',');
        }
        let before = out.len();
        write(element, out);
        if out.len() == before {
            out.truncate(end);
        }
    }
}

/// Why a choice of a completed message ended. A provider that is done without a word for it has stopped, for its
/// calls if there are any.
pub(super) fn finish_reason(choice: &Choice) -> FinishReason {
    match choice.finish {
        Some(reason) => reason,
        None if choice.calls.is_empty() => FinishReason::Stop,
        None => FinishReason::ToolCalls,
    }
}

/// The alternatives that say something, by index: a provider may leave an index out. At least one.
pub(super) fn alternatives(message: &Assembly) -> Vec<(u32, &Choice)> {
    static NOTHING: std::sync::LazyLock<Choice> = std::sync::LazyLock::new(Choice::default);
    let said = (0u32..).zip(&message.choices);
    let said: Vec<_> =
        said.filter(|(_, choice)| !choice.parts.is_empty() || choice.finish.is_some()).collect();
    if said.is_empty() { vec![(0, &*NOTHING)] } else { said }
}

/// How many parts the first choice has: a block of output belongs to the part that was last when it began.
#[inline]
fn part_count(context: &Context<'_>) -> usize {
    context.message.first().map_or(0, |choice| choice.parts.len())
}

/// Whether the choice's last part is a call: a signature that comes now is the call's.
fn last_is_call(choice: Option<&Choice>) -> bool {
    matches!(choice.and_then(|choice| choice.parts.last()), Some(Part::Call(_)))
}

/// The arguments of a call so far.
fn arguments_of<'a>(context: &Context<'a>, choice: usize, call: usize) -> &'a [u8] {
    let choice = context.message.choices.get(choice);
    choice.and_then(|choice| choice.calls.get(call)).map_or(&[], |call| &call.arguments)
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
