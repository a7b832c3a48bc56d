//! What a log holds.

use bytes::Bytes;
use sluice_core::error::Error;
use std::sync::Arc;

/// A row's number within its queue and file: the order of acceptance. Never used twice.
pub type Seq = u64;

/// What a payload is; the numbers are those of `sluice_core::cache::Tag`.
pub type Tag = u8;

/// An item on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub seq: Seq,
    /// When it was accepted, milliseconds since 1970.
    pub at: u64,
    /// Tries that it has behind it.
    pub attempts: u32,
    /// Its idempotency key.
    pub key: Option<Box<str>>,
    /// What the payload is.
    pub tag: Tag,
    /// The item.
    pub payload: Bytes,
}
impl Row {
    /// Bytes of payload and key.
    pub fn bytes(&self) -> u64 {
        self.payload.len() as u64 + self.key.as_deref().map_or(0, str::len) as u64
    }
}

/// A dead letter on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The item.
    pub row: Row,
    /// The last error's text.
    pub error: Box<str>,
    /// When it died, milliseconds since 1970.
    pub died: u64,
}

/// A key that had its effect, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The key.
    pub key: Box<str>,
    /// The item while it is pending.
    pub pending: Option<Seq>,
    /// Milliseconds since 1970; `u64::MAX` while it is pending.
    pub expires: u64,
    /// Its result as JSON; None: undefined, or larger than is kept.
    pub result: Option<Bytes>,
}

/// A change of one queue; several are one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An item is accepted. With a key that has a claim: its claim is written too.
    Accept {
        /// The queue.
        queue: Arc<str>,
        /// The item.
        row: Row,
        /// Whether its key is claimed.
        claim: bool,
    },
    /// Delivered; a claimed key is seen until then, with that result.
    Complete {
        /// The queue.
        queue: Arc<str>,
        /// The item.
        seq: Seq,
        /// When its key expires, and the result; None: it has no claim.
        seen: Option<(u64, Option<Bytes>)>,
    },
    /// It has failed so many times and will be tried again.
    Attempts {
        /// The queue.
        queue: Arc<str>,
        /// The item.
        seq: Seq,
        /// Tries so far.
        attempts: u32,
    },
    /// It has failed for good: from pending to dead; its key is free.
    Bury {
        /// The queue.
        queue: Arc<str>,
        /// The item.
        seq: Seq,
        /// Tries.
        attempts: u32,
        /// The last error's text.
        error: Box<str>,
        /// Milliseconds since 1970.
        died: u64,
    },
    /// A letter is pending again, with no tries behind it.
    Requeue {
        /// The queue.
        queue: Arc<str>,
        /// The item.
        seq: Seq,
    },
    /// Dropped, removed, aborted, or a letter that is purged: gone, and its key free.
    Forget {
        /// The queue.
        queue: Arc<str>,
        /// The item.
        seq: Seq,
    },
    /// What another file or an import held, under numbers of this file: as it is, and never refused for want of room.
    Adopt {
        /// The queue.
        queue: Arc<str>,
        /// Pending ones.
        rows: Vec<Row>,
        /// Dead ones.
        letters: Vec<Letter>,
        /// Keys; those that are pending name rows of this change.
        seen: Vec<Seen>,
    },
    /// What a queue has up to a number is gone: rows, letters, their keys, and all keys that are not pending.
    Clear {
        /// The queue.
        queue: Arc<str>,
        /// The last number that goes.
        up_to: Seq,
    },
    /// A note of the directory's beside the rows (what was moved, what was imported); None: not any more.
    Note {
        /// Its name.
        name: Box<str>,
        /// What it says.
        text: Option<Box<str>>,
    },
    /// A key is not remembered any more (there are too many), unless its item is pending.
    Unsee {
        /// The queue.
        queue: Arc<str>,
        /// The key.
        key: Box<str>,
    },
}
impl Change {
    /// Its queue, whatever it was.
    pub(super) fn set_queue(&mut self, name: &Arc<str>) {
        match self {
            Self::Accept { queue, .. }
            | Self::Complete { queue, .. }
            | Self::Attempts { queue, .. }
            | Self::Bury { queue, .. }
            | Self::Requeue { queue, .. }
            | Self::Forget { queue, .. }
            | Self::Adopt { queue, .. }
            | Self::Clear { queue, .. }
            | Self::Unsee { queue, .. } => queue.clone_from(name),
            Self::Note { .. } => {}
        }
    }
    /// An accept that is not refused for want of room.
    pub(super) fn unrefused(self) -> Self {
        match self {
            Self::Accept { queue, row, claim } => {
                let key = row.key.clone().filter(|_| claim);
                let claimed = |key| Seen { key, pending: Some(row.seq), expires: u64::MAX, result: None };
                let seen = key.map(claimed).into_iter().collect();
                Self::Adopt { queue, rows: vec![row], letters: Vec::new(), seen }
            }
            other => other,
        }
    }
    /// About how many bytes it brings.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Accept { row, .. } => row.payload.len(),
            Self::Complete { seen: Some((_, Some(result))), .. } => result.len(),
            _ => 0,
        }
    }
}

/// An accept that was refused while the rest of its transaction went on.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Which of the changes it was.
    pub index: usize,
    /// Its queue.
    pub queue: Arc<str>,
    /// Its number, which counts as used.
    pub seq: Seq,
    /// Why: the log is full, the item is too large, or the number is taken.
    pub why: Error,
}
