//! What waits for the writer thread, and who waits for it.

use super::notices::Outbox;
use super::{Done, Lease};
use bytes::Bytes;
use parking_lot::Mutex;
use sluice_core::cache::overlay::{Limits, Overlay};
use sluice_core::cache::ring::Change;
use sluice_core::cache::stored::Stored;
use sluice_core::cache::{Millis, glob};
use sluice_core::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;

pub(super) const LIMITS: Limits =
    Limits { put_keys: 65_536, put_bytes: 64 << 20, keys: 262_144, bytes: 128 << 20 };
/// Scans that hide what they have not come to yet, at most: each is asked at every read.
pub(super) const MAX_MASKS: usize = 256;

/// Settles one `Done` when all its parts have ended.
pub(super) struct Removal {
    left: AtomicUsize,
    removed: AtomicU64,
    done: Mutex<Option<Done>>,
}
impl Removal {
    pub(super) fn new(parts: usize, done: Done) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(parts),
            removed: AtomicU64::new(0),
            done: Mutex::new(Some(done)),
        })
    }
    /// Another part.
    pub(super) fn add_part(&self) {
        self.left.fetch_add(1, Ordering::AcqRel);
    }
    /// A part has ended and removed so many.
    pub(super) fn settle(&self, removed: u64) {
        let total = self.removed.fetch_add(removed, Ordering::AcqRel) + removed;
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(done) = self.done.lock().take()
        {
            done(Ok(total));
        }
    }
}

/// What a scan removes.
pub(super) enum What {
    Pattern(Bytes),
    Tag(Box<str>),
}
/// Hides from reads what a scan has not come to yet.
pub(super) struct Mask {
    pub(super) what: What,
    /// Records with this number or a higher one were written after the call.
    pub(super) boundary: AtomicU64,
}
impl Mask {
    pub(super) fn new(what: What) -> Arc<Self> {
        Arc::new(Self { what, boundary: AtomicU64::new(u64::MAX) })
    }
    pub(super) fn hides(&self, stored: &Stored<'_>) -> bool {
        stored.head.stamp.seq < self.boundary.load(Ordering::Acquire)
            && match &self.what {
                What::Pattern(pattern) => glob::matches(pattern, stored.key),
                What::Tag(tag) => stored.tags().any(|one| one == &**tag),
            }
    }
}
/// A search for what to remove, in parts.
pub(super) struct Scan {
    pub(super) mask: Arc<Mask>,
    pub(super) ticket: Arc<Removal>,
    /// Whose memory knows of it.
    pub(super) group: u64,
    /// Where the next part begins; which kind of key a pattern is searched among.
    pub(super) from: Vec<u8>,
    pub(super) is_long: bool,
    pub(super) is_done: bool,
    pub(super) removed: u64,
}
pub(super) type Leased = Box<dyn FnOnce(Result<Lease, Error>) + Send>;
/// Operations that take their turn among the deletes.
pub(super) enum Op {
    Lease {
        key: Bytes,
        owner: u64,
        now: Millis,
        ttl_ms: u64,
        done: Leased,
    },
    Release {
        key: Bytes,
        owner: u64,
    },
    Scan(Scan),
    /// Everything older is void already; this frees its pages.
    Clear(Vec<(Arc<Removal>, u64)>, Done),
    /// A stored record that could not be read: by its stored key and what its bytes hashed to.
    Damaged {
        under: Vec<u8>,
        hash: u64,
    },
    Missed(Vec<Bytes>),
    TakeMissed(SyncSender<Vec<Bytes>>),
}
pub(super) struct Pending {
    pub(super) overlay: Overlay<Arc<Removal>, Op>,
    pub(super) masks: Vec<Arc<Mask>>,
    /// Settled when nothing as old as this change waits.
    pub(super) flushes: Vec<(u64, Done)>,
    pub(super) outbox: Outbox,
    pub(super) closing: bool,
}
impl Pending {
    pub(super) fn new() -> Self {
        Self {
            overlay: Overlay::new(LIMITS),
            masks: Vec::new(),
            flushes: Vec::new(),
            outbox: Outbox::default(),
            closing: false,
        }
    }
}
/// What other processes are told of a scan.
pub(super) fn change_of(what: &What) -> Change {
    match what {
        What::Pattern(pattern) => Change { patterns: vec![(&**pattern).into()], ..Change::default() },
        What::Tag(tag) => Change { tags: vec![tag.clone()], ..Change::default() },
    }
}
