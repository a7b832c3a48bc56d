//! Writers: one per client dialect, each says deltas as frames. A writer keeps what its dialect needs between
//! frames; what was said so far it finds in the assembly.

use super::{Assembly, Delta, Failure};

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
