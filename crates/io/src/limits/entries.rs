//! Keys and what is known of each, by key and in the order of their use.

use bytes::Bytes;
use hashbrown::HashTable;
use slab::Slab;
use sluice_core::limiter::Millis;
use sluice_core::limiter::lease::Node;
use std::hash::{BuildHasher, RandomState};
use tokio::sync::oneshot;

/// No place, and no turn.
const NONE: u32 = u32::MAX;
/// What an entry takes besides its key: itself, its place in the index, what the allocator adds.
const ENTRY_BYTES: u64 = size_of::<Entry>() as u64 + 8 + 16;

/// Those who ask first.
#[derive(Default)]
pub(super) struct Waiting {
    /// How many permits Redis is asked for.
    pub wanted: u64,
    /// What each of them takes, and how it hears of the answer; where it hears in other ways it has no receiver.
    heard: Vec<(u64, Option<oneshot::Sender<()>>)>,
}
impl Waiting {
    pub fn add(&mut self, weight: u64) {
        self.wanted = self.wanted.saturating_add(weight.max(1));
    }
    pub fn add_deaf(&mut self, weight: u64) {
        self.heard.push((weight, None));
    }
    pub fn hear(&mut self, weight: u64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.heard.push((weight, Some(sender)));
        receiver
    }
    /// Those who have not given up, told that it has ended; what each takes.
    pub fn end(&mut self) -> impl Iterator<Item = u64> {
        let told = std::mem::take(self).heard.into_iter();
        told.filter_map(|(weight, heard)| heard.is_none_or(|heard| heard.send(()).is_ok()).then_some(weight))
    }
}

pub(super) struct Entry {
    pub key: Bytes,
    pub node: Node,
    /// Its own limit; None: that of all.
    pub limit: Option<u64>,
    /// Who waits to be asked for, and who for the answer to the request that is out.
    pub waiting: Waiting,
    pub asked: Waiting,
    /// What was granted to those who waited, until then.
    pub reserved: u64,
    pub reserved_until: Millis,
    /// Tells the answer to its request from one to a key that had its place before.
    pub turn: u32,
    pub is_due: bool,
    log_bytes: u64,
    newer: u32,
    older: u32,
}

impl Entry {
    /// Whether something is about to be asked, or to be taken.
    pub fn is_busy(&self, now: Millis) -> bool {
        self.is_due || self.waiting.wanted > 0 || (self.reserved > 0 && now < self.reserved_until)
    }
}

pub(super) struct Entries {
    secret: RandomState,
    index: HashTable<u32>,
    slab: Slab<Entry>,
    newest: u32,
    oldest: u32,
    key_bytes: u64,
    log_bytes: u64,
}
impl Default for Entries {
    fn default() -> Self {
        Self {
            secret: RandomState::new(),
            index: HashTable::new(),
            slab: Slab::new(),
            newest: NONE,
            oldest: NONE,
            key_bytes: 0,
            log_bytes: 0,
        }
    }
}
impl Entries {
    pub fn len(&self) -> usize {
        self.slab.len()
    }
    /// Bytes of all, as they were weighed last.
    pub fn bytes(&self) -> u64 {
        self.slab.len() as u64 * ENTRY_BYTES + self.key_bytes + self.log_bytes
    }
    /// What one more key takes.
    pub fn cost(key: &[u8]) -> u64 {
        ENTRY_BYTES + key.len() as u64
    }
    pub fn places(&self) -> impl Iterator<Item = u32> {
        self.slab.iter().map(|(place, _)| place as u32)
    }
    pub fn oldest(&self) -> u32 {
        self.oldest
    }
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let is_key = |&place: &u32| self.get(place).is_some_and(|entry| entry.key == key);
        self.index.find(self.secret.hash_one(key), is_key).copied()
    }
    pub fn get(&self, place: u32) -> Option<&Entry> {
        self.slab.get(place as usize)
    }
    pub fn get_mut(&mut self, place: u32) -> Option<&mut Entry> {
        self.slab.get_mut(place as usize)
    }
    /// It is the newest.
    pub fn add(&mut self, key: &[u8], node: Node) -> u32 {
        let entry = Entry {
            key: Bytes::copy_from_slice(key),
            node,
            limit: None,
            waiting: Waiting::default(),
            asked: Waiting::default(),
            reserved: 0,
            reserved_until: 0,
            turn: NONE,
            is_due: false,
            log_bytes: 0,
            newer: NONE,
            older: NONE,
        };
        let place = self.slab.insert(entry) as u32;
        self.key_bytes += key.len() as u64;
        let (secret, slab) = (&self.secret, &self.slab);
        self.index.insert_unique(secret.hash_one(key), place, |&place| {
            slab.get(place as usize).map_or(0, |entry| secret.hash_one(&entry.key[..]))
        });
        self.link(place);
        place
    }
    pub fn remove(&mut self, place: u32) -> Option<Entry> {
        self.unlink(place);
        let gone = self.slab.try_remove(place as usize)?;
        self.key_bytes -= gone.key.len() as u64;
        self.log_bytes -= gone.log_bytes;
        if let Ok(found) = self.index.find_entry(self.secret.hash_one(&gone.key[..]), |&at| at == place) {
            found.remove();
        }
        Some(gone)
    }
    pub fn clear(&mut self) {
        *self = Self::default();
    }
    /// Counts the bytes of what its node has logged.
    pub fn weigh(&mut self, place: u32) {
        let Some(entry) = self.get_mut(place) else { return };
        let after = entry.node.log_bytes();
        let before = std::mem::replace(&mut entry.log_bytes, after);
        self.log_bytes = self.log_bytes + after - before;
    }
    /// It is the newest again.
    pub fn renew(&mut self, place: u32) {
        if self.newest != place {
            self.unlink(place);
            self.link(place);
        }
    }
    fn link(&mut self, place: u32) {
        let newest = self.newest;
        let Some(entry) = self.get_mut(place) else { return };
        (entry.newer, entry.older) = (NONE, newest);
        match self.get_mut(newest) {
            Some(before) => before.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }
    fn unlink(&mut self, place: u32) {
        let Some(&Entry { newer, older, .. }) = self.get(place) else { return };
        match self.get_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.get_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }
}
