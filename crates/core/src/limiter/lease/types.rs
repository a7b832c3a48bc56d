//! What a node is told and says.

use super::super::Millis;

/// What happens while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenDown {
    /// The limit divided by the nodes that were known last.
    Degrade,
    /// All pass.
    Open,
    /// None passes.
    Closed,
}

/// The limit that nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Permits per window.
    pub limit: u64,
    /// The window.
    pub window_ms: Millis,
    /// While Redis is away.
    pub when_down: WhenDown,
}

/// What Redis is asked, in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Permits wished for.
    pub want: u64,
    /// Admitted already, to be booked.
    pub debt: u64,
    /// Unspent, to be taken off the slice `back_slice`.
    pub back: u64,
    /// See `back`.
    pub back_slice: u64,
}
/// What it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Permits granted.
    pub granted: u64,
    /// The slice in which they are booked.
    pub slice: u64,
    /// How long they may be spent, from when they were asked for.
    pub lease_ms: Millis,
    /// When enough of what is booked will have left for one permit to fit, if nothing was granted: the debt of all nodes included.
    pub retry_after_ms: Millis,
    /// Permits that count, of all nodes, those granted here included.
    pub used: u64,
    /// Nodes that asked in the last two windows, at least this one.
    pub nodes: u64,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Allowed,
    /// It may not; ask again after so long.
    Denied {
        /// Milliseconds, 1 at least. Not more than a guess while an answer is due.
        retry_after_ms: Millis,
    },
}

/// What a try found that spends no debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// It is decided.
    Known(Verdict),
    /// Redis is to be asked.
    Ask,
}
