//! A change of one key while no other of that key is made: of its copy here and, by the caller, in the tiers below.

use super::entry::{Copy, Value};
use super::observers::Reason;
use super::store::Departed;
use super::{Held, Memory};
use sluice_core::cache::{Millis, Moment, key_hash};

/// A key that is locked. While it is, nothing else of its memory may be called but `moment`, `epoch` and `bump`.
pub struct Exclusive<'a> {
    memory: &'a Memory,
    held: &'a Held,
    key: &'a [u8],
    hash: u64,
    moves: bool,
    departed: Departed,
}
impl Exclusive<'_> {
    /// Whether nothing has changed since `began`.
    pub fn is(&self, began: Moment) -> bool {
        self.memory.epochs.moment(self.hash) == began
    }
    /// Has the epoch move when the change is made: for one that leaves memory alone.
    pub fn moves(&mut self) {
        self.moves = true;
    }
    /// Stores a new value. False when it is too heavy: then there is no copy.
    pub fn put<'v>(&mut self, value: impl Into<Value<'v>>, now: Millis) -> bool {
        let entry = self.memory.entry(self.key, value.into(), now);
        self.moves = true;
        self.store(entry)
    }
    /// Stores what a tier below has.
    pub fn fill<'v>(&mut self, value: impl Into<Value<'v>>, now: Millis) -> bool {
        let entry = self.memory.entry(self.key, value.into(), now);
        self.store(entry)
    }
    pub(super) fn store(&mut self, entry: Option<Copy>) -> bool {
        match entry {
            Some(entry) => self.held.put(self.hash, &entry, &mut self.departed),
            None => {
                self.held.remove(self.hash);
                !self.memory.config.stores
            }
        }
    }
    /// Removes the copy. True when there was one, and fresh.
    pub fn remove(&mut self, now: Millis) -> bool {
        self.moves = true;
        let removed = self.held.remove(self.hash);
        removed.is_some_and(|entry| entry.key() == self.key && entry.is_fresh(now))
    }
}

/// Still under the lock, and after a panic, too: what was changed is told.
impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        if self.moves {
            self.memory.epochs.bump(self.hash);
        }
    }
}

impl Memory {
    /// Changes a key, here and elsewhere, as one step to all who change or fill it through this memory. The epoch
    /// moves last: whoever has seen the new one finds the new value in every tier.
    pub fn exclusive<R>(&self, key: &[u8], change: impl FnOnce(&mut Exclusive<'_>) -> R) -> R {
        let hash = key_hash(key);
        let (result, departed) = {
            let _lock = self.epochs.lock(hash);
            let held = self.held.read();
            let departed = Departed::default();
            let mut own = Exclusive { memory: self, held: &held, key, hash, moves: false, departed };
            let result = change(&mut own);
            (result, std::mem::take(&mut own.departed))
        };
        self.tell(Reason::Size, departed.evicted.iter().map(|(_, entry)| entry));
        result
    }
    /// An entry for what is to be stored. Its trust is taken before the moment is looked at: what was read before a
    /// loss never claims the trust after it.
    fn entry(&self, key: &[u8], value: Value<'_>, now: Millis) -> Option<Copy> {
        if self.config.stores { Copy::new(key, value, now, self.trust()) } else { None }
    }
    /// Stores the caller's own write and moves the epoch. False when it is too heavy: then there is no copy.
    pub fn set<'v>(&self, key: &[u8], value: impl Into<Value<'v>>, now: Millis) -> bool {
        self.store(key, value.into(), now, true, |_| true)
    }
    /// Stores what a read found, unless the moment has passed since it began. True when it was stored.
    pub fn fill<'v>(&self, key: &[u8], value: impl Into<Value<'v>>, now: Millis, began: Moment) -> bool {
        self.store(key, value.into(), now, false, |own| own.is(began))
    }
    fn store(
        &self,
        key: &[u8],
        value: Value<'_>,
        now: Millis,
        moves: bool,
        allowed: impl FnOnce(&Exclusive<'_>) -> bool,
    ) -> bool {
        // copied before the lock is taken
        let entry = self.entry(key, value, now);
        self.exclusive(key, |own| {
            if !allowed(own) {
                return false;
            }
            own.moves = moves;
            own.store(entry)
        })
    }
    /// Removes a copy and moves the epoch. True when there was one, and fresh.
    pub fn remove(&self, key: &[u8], now: Millis) -> bool {
        self.exclusive(key, |own| own.remove(now))
    }
    /// As `remove`, unless the moment has passed since `began`.
    pub fn remove_if(&self, key: &[u8], now: Millis, began: Moment) -> bool {
        self.exclusive(key, |own| own.is(began) && own.remove(now))
    }
    /// Removes the copy of a key of that hash, and moves the epoch: for what other processes changed.
    pub fn invalidate(&self, hash: u64) -> bool {
        let _lock = self.epochs.lock(hash);
        let removed = self.held.read().remove(hash);
        self.epochs.bump(hash);
        removed.is_some()
    }
    /// Removes what a delete that names no single keys finds. Counts the copies that were fresh.
    pub fn forget(&self, found: impl FnOnce(&Self) -> Vec<Box<[u8]>>, now: Millis) -> u64 {
        self.bump_era();
        let removed = found(self).iter().map(|key| u64::from(self.remove(key, now))).sum();
        // a copy that was read since then and has left by itself was not found, but may be near
        self.bump_era();
        removed
    }
}
