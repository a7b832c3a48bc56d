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
