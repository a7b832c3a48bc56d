//! The memory tier of bytes: off the JavaScript heap, shared by name between the threads of a process.

use parking_lot::Mutex;
use sluice_core::cache::{CELLS, Epoch, Millis, Moment, Record, cell_of, key_hash, moment};
use sluice_core::error::Error;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// Which entry leaves first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The least recently used one.
    Lru,
    /// TinyLFU.
    TinyLfu,
    /// S3-FIFO.
    S3Fifo,
}

/// What a memory tier is opened with.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Instances with one name share the tier.
    pub shared: Option<String>,
    /// false: values live in JavaScript ('reference'); only epochs, leases and negative memory are here.
    pub stores: bool,
    /// Bytes at most.
    pub max_bytes: u64,
    /// Entries at most; 0: as many as fit.
    pub max_entries: u64,
    /// Which entry leaves first.
    pub policy: Policy,
    /// Keys known to be absent, at most; 0: none are remembered.
    pub negative_keys: usize,
}

/// A copy that the memory tier holds.
#[derive(Debug, Clone)]
pub struct Copy {
    /// The value.
    pub record: Record,
    /// When it was stored.
    pub stored: Millis,
    /// The trust in which it was stored: `Memory::trust`.
    pub trust: i32,
}

/// What a memory tier holds and has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes, as `max_bytes` counts them.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
    /// Entries that left for want of room.
    pub evictions: u64,
}

/// A memory tier.
pub struct Memory {
    cells: Arc<[AtomicI32]>,
    entries: Mutex<HashMap<u64, (Box<[u8]>, Copy)>>,
}
impl Memory {
    /// Opens a tier of its own, or the one of that name. Other options under a name that is open: `OptionRange`.
    pub fn open(_config: &Config) -> Result<Arc<Self>, Error> {
        let cells = (0..CELLS + 16).map(|_| AtomicI32::new(0)).collect();
        Ok(Arc::new(Self { cells, entries: Mutex::default() }))
    }
    /// `CELLS` epochs, then the era, then the trust, then room.
    pub fn cells(&self) -> &Arc<[AtomicI32]> {
        &self.cells
    }
    fn at(&self, index: usize) -> &AtomicI32 {
        #[expect(clippy::indexing_slicing, reason = "skeleton")]
        &self.cells[index]
    }
    /// The epoch of a key, to be taken before a read asks any tier.
    pub fn epoch(&self, key: &[u8]) -> Epoch {
        self.at(cell_of(key_hash(key))).load(Ordering::Acquire)
    }
    /// The era: see docs/design/cache.md.
    pub fn era(&self) -> i32 {
        self.at(CELLS).load(Ordering::Acquire)
    }
    /// Begins a new era: near entries are asked again, reads on their way are not stored, absences forgotten. For
    /// deletes that name no single keys. Bumped before the copies concerned are looked for.
    pub fn bump_era(&self) {
        self.at(CELLS).fetch_add(1, Ordering::AcqRel);
    }
    /// The trust: copies of an earlier one are suspect, since changes may have gone unheard.
    pub fn trust(&self) -> i32 {
        self.at(CELLS + 1).load(Ordering::Acquire)
    }
    /// Makes all copies suspect, and begins a new era.
    pub fn distrust(&self) {
        self.at(CELLS + 1).fetch_add(1, Ordering::AcqRel);
        self.bump_era();
    }
    /// The epoch and the era as one, to be taken before a read asks any tier or a load begins.
    pub fn moment(&self, key: &[u8]) -> Moment {
        moment(self.epoch(key), self.era())
    }
    /// A copy, which counts as a use; None when there is none, or it is past `stale_until`.
    pub fn get(&self, key: &[u8], _now: Millis) -> Option<Copy> {
        self.entries
            .lock()
            .get(&key_hash(key))
            .filter(|(held, _)| **held == *key)
            .map(|(_, copy)| copy.clone())
    }
    /// Stores the caller's own write, which moves the epoch.
    pub fn set(&self, key: &[u8], record: Record, now: Millis) {
        self.at(cell_of(key_hash(key))).fetch_add(1, Ordering::AcqRel);
        let copy = Copy { record, stored: now, trust: self.trust() };
        self.entries.lock().insert(key_hash(key), (key.into(), copy));
    }
    /// As `set`, unless the moment has passed since `began`; decided under the stripe lock. True when it was stored.
    pub fn replace(&self, key: &[u8], record: Record, now: Millis, began: Moment) -> bool {
        let mut entries = self.entries.lock();
        if self.moment(key) != began {
            return false;
        }
        self.at(cell_of(key_hash(key))).fetch_add(1, Ordering::AcqRel);
        let copy = Copy { record, stored: now, trust: self.trust() };
        entries.insert(key_hash(key), (key.into(), copy));
        true
    }
    /// Stores what a read found, unless the moment has passed since it began. True when it was stored.
    pub fn fill(&self, key: &[u8], record: Record, now: Millis, began: Moment) -> bool {
        let mut entries = self.entries.lock();
        if self.moment(key) != began {
            return false;
        }
        let copy = Copy { record, stored: now, trust: self.trust() };
        entries.insert(key_hash(key), (key.into(), copy));
        true
    }
    /// Removes a copy and moves the epoch. True when there was one.
    pub fn remove(&self, key: &[u8]) -> bool {
        self.invalidate(key_hash(key))
    }
    /// As `remove`, unless the moment has passed since `began`; decided under the stripe lock.
    pub fn remove_if(&self, key: &[u8], began: Moment) -> bool {
        self.moment(key) == began && self.remove(key)
    }
    /// Removes the copy of a key of that hash, and moves the epoch: for what other processes changed.
    pub fn invalidate(&self, hash: u64) -> bool {
        self.at(cell_of(hash)).fetch_add(1, Ordering::AcqRel);
        self.entries.lock().remove(&hash).is_some()
    }
    /// Keys of copies that are fresh, for patterns and listings; a snapshot, in steps.
    pub fn keys(&self, wanted: &dyn Fn(&[u8]) -> bool, now: Millis) -> Vec<Box<[u8]>> {
        let entries = self.entries.lock();
        entries
            .values()
            .filter(|(key, copy)| copy.record.is_fresh(now) && wanted(key))
            .map(|(key, _)| key.clone())
            .collect()
    }
    /// Keys of copies with that tag.
    pub fn tagged(&self, tag: &str) -> Vec<Box<[u8]>> {
        let entries = self.entries.lock();
        entries
            .values()
            .filter(|(_, copy)| copy.record.tags.iter().any(|one| **one == *tag))
            .map(|(key, _)| key.clone())
            .collect()
    }
    /// Remembers that no tier has the key, until `until` or until the moment passes from `began`.
    pub fn remember_absent(&self, _key: &[u8], _until: Millis, _began: Moment) {}
    /// Whether no tier is known to have the key.
    pub fn is_absent(&self, _key: &[u8], _now: Millis) -> bool {
        false
    }
    /// Removes everything and begins a new era.
    pub fn clear(&self) {
        self.bump_era();
        self.entries.lock().clear();
    }
    /// What it holds and has done.
    pub fn usage(&self) -> Usage {
        Usage { entries: self.entries.lock().len() as u64, ..Usage::default() }
    }
}
