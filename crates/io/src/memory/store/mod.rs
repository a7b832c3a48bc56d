//! Where entries are, by key hash, and which of them leave for want of room. Not which key it is, when it expires,
//! or what else knows of it: that is `Memory`.

mod moka;
mod s3fifo;
#[cfg(test)]
mod tests;

use super::entry::Copy;
use super::{Config, Policy};
use std::hash::BuildHasherDefault;

type Identity = BuildHasherDefault<sluice_core::cache::Identity>;

/// What an insertion drove out.
#[derive(Debug, Default)]
pub(super) struct Departed {
    /// Entries with tags in whose place another was put.
    pub(super) replaced: Entries,
    /// What left for want of room, which may be the new entry itself.
    pub(super) evicted: Entries,
}
/// Entries by hash: most often none or one.
#[derive(Debug, Default)]
pub(super) struct Entries {
    first: Option<(u64, Copy)>,
    rest: Vec<(u64, Copy)>,
}
impl Entries {
    fn push(&mut self, hash: u64, entry: Copy) {
        match self.first {
            None => self.first = Some((hash, entry)),
            Some(_) => self.rest.push((hash, entry)),
        }
    }
    /// All of them, by hash.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(u64, Copy)> {
        self.first.iter().chain(&self.rest)
    }
}

/// A bounded map from key hash to entry.
pub(super) trait ByteStore: Send + Sync {
    /// The entry, which counts as a use.
    fn get(&self, hash: u64) -> Option<Copy>;
    /// The entry, which need not count as one.
    fn peek(&self, hash: u64) -> Option<Copy>;
    /// Stores an entry no heavier than `heaviest`.
    fn insert(&self, hash: u64, entry: Copy, departed: &mut Departed);
    /// Removes the entry.
    fn remove(&self, hash: u64) -> Option<Copy>;
    /// Shows every entry that is there all the while; holds no lock while it is shown.
    fn each(&self, visit: &mut dyn FnMut(u64, &Copy));
    /// What the entries weigh together.
    fn weight(&self) -> u64;
    /// How many entries there are.
    fn entries(&self) -> u64;
    /// What an entry weighs.
    fn weigh(&self, entry: &Copy) -> u64;
    /// What one entry may weigh.
    fn heaviest(&self) -> u64;
}

/// What entries weigh: their bytes, at least so many that no more than `max_entries` fit.
#[derive(Debug, Clone, std::marker::Copy)]
struct Scale {
    unit: u64,
    overhead: u64,
    capacity: u64,
}
/// What a tag of an entry costs in the index, besides its text.
const TAG_BYTES: u64 = 64;
impl Scale {
    fn new(config: &Config, overhead: u64) -> Self {
        let Config { max_bytes, max_entries, .. } = *config;
        let unit = max_bytes.checked_div(max_entries).unwrap_or(0).max(1);
        let capacity = if max_entries == 0 { max_bytes } else { unit.saturating_mul(max_entries) };
        Self { unit, overhead, capacity: capacity.min(max_bytes.max(1)) }
    }
    fn weigh(&self, entry: &Copy) -> u64 {
        let tags =
            if entry.is_tagged() { entry.tags().map(|tag| TAG_BYTES + tag.len() as u64).sum() } else { 0 };
        (entry.allocated() + self.overhead + tags).max(self.unit)
    }
}

/// An empty store with the policy's implementation behind it.
pub(super) fn open(config: &Config) -> Box<dyn ByteStore> {
    match config.policy {
        Policy::S3Fifo => Box::new(s3fifo::S3Fifo::new(config)),
        Policy::Lru | Policy::TinyLfu => Box::new(moka::Moka::new(config)),
    }
}
