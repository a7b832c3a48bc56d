//! Which keys carry a tag. The index follows the store: after every change of a tagged entry it looks what is there
//! now, so the order in which threads tell it does not matter.

use super::entry::Copy;
use super::store::ByteStore;
use parking_lot::Mutex;
use sluice_core::cache::Identity;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

type Hashes = HashSet<u64, BuildHasherDefault<Identity>>;

#[derive(Debug, Default)]
pub(super) struct TagIndex(Mutex<HashMap<Box<str>, Hashes>>);

impl TagIndex {
    /// To be called after `entry` came to the store under its hash, or left it.
    pub(super) fn follow(&self, hash: u64, entry: &Copy, store: &dyn ByteStore) {
        if !entry.is_tagged() {
            return;
        }
        let mut index = self.0.lock();
        let there = store.peek(hash);
        for tag in entry.tags() {
            if there.as_ref().is_some_and(|there| there.tags().any(|one| one == tag)) {
                if let Some(hashes) = index.get_mut(tag) {
                    hashes.insert(hash);
                } else {
                    index.entry(tag.into()).or_default().insert(hash);
                }
            } else if let Some(hashes) = index.get_mut(tag) {
                hashes.remove(&hash);
                if hashes.is_empty() {
                    index.remove(tag);
                }
            }
        }
    }
    /// Hashes of entries that carry the tag.
    pub(super) fn hashes(&self, tag: &str) -> Vec<u64> {
        self.0.lock().get(tag).map_or_else(Vec::new, |hashes| hashes.iter().copied().collect())
    }
    /// How many tags are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }
}
