//! The memory tier of bytes: off the JavaScript heap, shared by name between the threads of a process.

mod entry;
mod epochs;
mod exclusive;
mod flights;
mod observers;
mod registry;
mod removal;
mod store;
mod tags;
#[cfg(test)]
mod tests;

pub use entry::{Copy, Value};
pub use exclusive::Exclusive;
pub use flights::Owner;
pub use observers::{Observer, Reason};
pub use removal::Removal;

use crate::pool;
use entry::Copy as Entry;
use epochs::Epochs;
use flights::Waiter;
use observers::Observers;
use parking_lot::{Mutex, RwLock};
use sluice_core::cache::{Epoch, Flights, Millis, Moment, Negative, key_hash};
use sluice_core::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use store::{ByteStore, Departed};
use tags::TagIndex;

/// Which entry leaves first.
#[derive(Debug, Clone, std::marker::Copy, PartialEq, Eq)]
pub enum Policy {
    /// The least recently used one.
    Lru,
    /// TinyLFU: a new entry has to be used more often than those it would drive out.
    TinyLfu,
    /// S3-FIFO.
    S3Fifo,
}
impl Policy {
    /// Its name among the public options.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Lru => "lru",
            Policy::TinyLfu => "tinylfu",
            Policy::S3Fifo => "s3fifo",
        }
    }
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

/// What a memory tier holds and has done.
#[derive(Debug, Clone, std::marker::Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes, as `max_bytes` counts them.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
    /// Entries that left for want of room.
    pub evictions: u64,
}

/// What `clear` swaps.
struct Held {
    store: Box<dyn ByteStore>,
    tags: TagIndex,
}
impl Held {
    fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self { store: store::open(config), tags: TagIndex::default() })
    }
    /// The key's entry, which counts as a use.
    fn get(&self, hash: u64, key: &[u8]) -> Option<Entry> {
        self.store.get(hash).filter(|entry| entry.key() == key)
    }
    fn remove(&self, hash: u64) -> Option<Entry> {
        let entry = self.store.remove(hash)?;
        self.tags.follow(hash, &entry, &*self.store);
        Some(entry)
    }
    /// Stores an entry; or, when it is too heavy, only removes the one before: false.
    fn put(&self, hash: u64, entry: &Entry, departed: &mut Departed) -> bool {
        if self.store.weigh(entry) > self.store.heaviest() {
            self.remove(hash);
            return false;
        }
        self.store.insert(hash, entry.clone(), departed);
        for (hash, gone) in departed.replaced.iter().chain(departed.evicted.iter()) {
            self.tags.follow(*hash, gone, &*self.store);
        }
        self.tags.follow(hash, entry, &*self.store);
        true
    }
}
/// Frees what may be a million entries elsewhere than on a thread that serves requests.
fn drop_behind(held: Arc<Held>) {
    const FEW: u64 = 1000;
    if held.store.entries() > FEW {
        pool::spawn(move || drop(held));
    }
}

/// A memory tier.
pub struct Memory {
    config: Config,
    epochs: Epochs,
    held: RwLock<Arc<Held>>,
    negative: Mutex<Negative>,
    /// Makes the checks of negative keys secret.
    secret: RandomState,
    flights: Mutex<Flights<Waiter>>,
    owners: AtomicU64,
    /// How many have it open; changed under the registry's lock.
    holders: AtomicUsize,
    observers: Observers,
    evictions: AtomicU64,
    /// Removals of many keys that are under way.
    removals: AtomicUsize,
}
impl Memory {
    /// Opens a tier of its own, or the one of that name. Other options under a name that is open: `OptionRange`.
    pub fn open(config: &Config) -> Result<Arc<Self>, Error> {
        match &config.shared {
            Some(name) => registry::open(name, config),
            None => Ok(Arc::new(Self::new(config))),
        }
    }
    fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            epochs: Epochs::new(),
            held: RwLock::new(Held::new(config)),
            negative: Mutex::new(Negative::new(config.negative_keys)),
            secret: RandomState::new(),
            flights: Mutex::default(),
            owners: AtomicU64::new(0),
            holders: AtomicUsize::new(1),
            observers: Observers::default(),
            evictions: AtomicU64::new(0),
            removals: AtomicUsize::new(0),
        }
    }
    /// `CELLS` epochs, then the era, then the trust, then room.
    pub fn cells(&self) -> &Arc<[AtomicI32]> {
        self.epochs.cells()
    }
    /// The epoch of a key, to be taken before a read asks any tier.
    pub fn epoch(&self, key: &[u8]) -> Epoch {
        self.epochs.of(key_hash(key))
    }
    /// Moves a key's epoch: after a change that reached several tiers, since a read begun in the midst of it may
    /// have found the old value in one of them.
    pub fn bump(&self, key: &[u8]) {
        self.epochs.bump(key_hash(key));
    }
    /// The era: see docs/design/cache.md.
    pub fn era(&self) -> i32 {
        self.epochs.era()
    }
    /// Begins a new era: near entries are asked again, reads on their way are not stored, absences forgotten. For
    /// deletes that name no single keys. Bumped before the copies concerned are looked for.
    pub fn bump_era(&self) {
        // who fills looks at the moment and stores while it reads `held`: before this, or it finds the moment passed
        let _held = self.held.write();
        self.epochs.bump_era();
    }
    /// The trust: copies of an earlier one are suspect, since changes may have gone unheard.
    pub fn trust(&self) -> i32 {
        self.epochs.trust()
    }
    /// Makes all copies suspect, and begins a new era.
    pub fn distrust(&self) {
        let _held = self.held.write();
        self.epochs.bump_trust();
        self.epochs.bump_era();
    }
    /// The epoch and the era as one, to be taken before a read asks any tier or a load begins.
    pub fn moment(&self, key: &[u8]) -> Moment {
        self.epochs.moment(key_hash(key))
    }
    /// A copy, which counts as a use; None when there is none, or it is past `stale_until`.
    pub fn get(&self, key: &[u8], now: Millis) -> Option<Copy> {
        let hash = key_hash(key);
        let entry = self.held.read().get(hash, key)?;
        if entry.is_alive(now) {
            return Some(entry);
        }
        self.expire(hash, &entry);
        None
    }
    /// Removes an entry that is past its time, if it is still the one that is there.
    fn expire(&self, hash: u64, entry: &Entry) {
        {
            let _lock = self.epochs.lock(hash);
            let held = self.held.read();
            if !held.store.peek(hash).is_some_and(|there| there.is(entry)) {
                return;
            }
            held.remove(hash);
        }
        self.tell(Reason::Expired, [entry].into_iter());
    }
    /// Counts uses that a near cache has answered, by key hash.
    pub fn touch_many(&self, hashes: &[u64]) {
        let held = self.held.read();
        for hash in hashes {
            held.store.get(*hash);
        }
    }
    /// Tells of entries that have left. Under no lock.
    fn tell<'a>(&self, reason: Reason, entries: impl Iterator<Item = &'a Entry>) {
        let observers = self.observers.now();
        for entry in entries {
            if reason == Reason::Size {
                self.evictions.fetch_add(1, Ordering::Relaxed);
            }
            observers.iter().flatten().for_each(|observer| observer(entry.key(), reason));
        }
    }
    /// Keys of copies that may be served, if only stale (for patterns), or that are `fresh` (for listings). A
    /// snapshot, in steps: `wanted` is called without a lock.
    pub fn keys(&self, wanted: &dyn Fn(&[u8]) -> bool, fresh: bool, now: Millis) -> Vec<Box<[u8]>> {
        let held = Arc::clone(&self.held.read());
        let mut keys = Vec::new();
        held.store.each(&mut |_, entry| {
            let there = if fresh { entry.is_fresh(now) } else { entry.is_alive(now) };
            if there && wanted(entry.key()) {
                keys.push(entry.key().into());
            }
        });
        keys
    }
    /// Keys of copies with that tag.
    pub fn tagged(&self, tag: &str) -> Vec<Box<[u8]>> {
        let held = Arc::clone(&self.held.read());
        let entries = held.tags.hashes(tag).into_iter().filter_map(|hash| held.store.peek(hash));
        entries.filter(|entry| entry.tags().any(|one| one == tag)).map(|entry| entry.key().into()).collect()
    }
    /// Remembers that no tier has the key, until `until` or until the moment passes from `began`.
    pub fn remember_absent(&self, key: &[u8], until: Millis, began: Moment) {
        if self.config.negative_keys > 0 {
            self.negative.lock().remember(key_hash(key), self.secret.hash_one(key), until, began);
        }
    }
    /// Whether no tier is known to have the key.
    pub fn is_absent(&self, key: &[u8], now: Millis) -> bool {
        if self.config.negative_keys == 0 {
            return false;
        }
        let hash = key_hash(key);
        self.negative.lock().is_absent(hash, self.secret.hash_one(key), now, self.epochs.moment(hash))
    }
    /// Removes everything and begins a new era. What was there is freed on another thread.
    pub fn clear(&self) {
        let empty = Held::new(&self.config);
        let full = {
            let mut held = self.held.write();
            self.epochs.bump_era();
            std::mem::replace(&mut *held, empty)
        };
        self.negative.lock().clear();
        drop_behind(full);
    }
    /// What it holds and has done.
    pub fn usage(&self) -> Usage {
        let held = self.held.read();
        Usage {
            bytes: held.store.weight(),
            entries: held.store.entries(),
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }
    /// Has an observer told of entries that leave by themselves; a number by which to stop that.
    pub fn observe(&self, observer: Observer) -> u64 {
        self.observers.add(observer)
    }
    /// Stops telling an observer.
    pub fn unobserve(&self, id: u64) {
        self.observers.remove(id);
    }
}
impl Drop for Memory {
    fn drop(&mut self) {
        let empty = Held::new(&Config { max_bytes: 1, max_entries: 1, shared: None, ..self.config.clone() });
        drop_behind(std::mem::replace(self.held.get_mut(), empty));
    }
}
