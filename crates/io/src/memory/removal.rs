//! Removals that name no single keys and take many steps in Redis: until one has ended, what Redis or the disk still
//! has may be on its way out, and neither is filled from the other.

use super::Memory;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A removal under way. Its end begins a new era first: a read that began before fills nothing after it.
pub struct Removal(Arc<Memory>);
impl Memory {
    /// A removal begins: to be called before copies are looked for, and the era is bumped for it.
    pub fn begin_removal(self: &Arc<Self>) -> Removal {
        self.removals.fetch_add(1, Ordering::SeqCst);
        Removal(self.clone())
    }
    /// Whether one is under way. To be asked after the moment was taken: who hears `false` has a moment that passes.
    pub fn is_removing(&self) -> bool {
        self.removals.load(Ordering::SeqCst) > 0
    }
}
impl Drop for Removal {
    fn drop(&mut self) {
        self.0.bump_era();
        self.0.removals.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Memory, Policy};
    use sluice_core::cache::{NEVER, Record, Tag};

    #[test]
    fn a_read_that_began_during_a_removal_stores_nothing_after_it() {
        let config = Config {
            shared: None,
            stores: true,
            max_bytes: 1 << 20,
            max_entries: 0,
            policy: Policy::S3Fifo,
            negative_keys: 0,
        };
        let memory = Memory::open(&config).unwrap();
        let (first, second) = (memory.begin_removal(), memory.begin_removal());
        let began = memory.moment(b"k");
        drop(first);
        assert!(memory.is_removing(), "the other goes on");
        drop(second);
        assert!(!memory.is_removing());
        let record = Record::new(Tag::Text, "old".to_owned(), NEVER);
        assert!(!memory.fill(b"k", &record, 0, began));
        assert!(memory.fill(b"k", &record, 0, memory.moment(b"k")));
    }
}
