//! Which keys are held: as many as there is room for, those that Redis knows all of leave first.

use super::super::entries::Entries;
use super::{Nodes, REST};
use bytes::Bytes;
use sluice_core::limiter::Millis;
use sluice_core::limiter::lease::Node;

/// Keys that are met for one that may leave.
const MET: usize = 64;
/// Keys that leave by themselves whenever one comes.
const PASSED: usize = 2;

impl Nodes {
    /// The key starts afresh, here. True: it was there.
    pub fn forget(&mut self, key: &[u8]) -> bool {
        let place = self.entries.find(key);
        place.is_some_and(|place| self.drop_at(place))
    }
    /// All do; which there were.
    pub fn forget_all(&mut self) -> Vec<Bytes> {
        let keys = self
            .entries
            .places()
            .filter_map(|place| Some(self.redis_key(&self.entries.get(place)?.key)))
            .collect();
        self.entries.clear();
        self.due.clear();
        keys
    }
    /// Drops what Redis knows all of, the oldest first, so many at most.
    pub fn sweep(&mut self, now: Millis, most: usize) {
        for _ in 0..most {
            let oldest = self.entries.oldest();
            let terms = self.terms_of(oldest);
            let gone = self.entry(oldest).is_some_and(|entry| {
                entry.node.reset_ms(now) == 0 && !entry.is_busy(now) && entry.node.is_forgettable(&terms, now)
            });
            if !gone {
                return;
            }
            self.drop_at(oldest);
        }
    }
    pub(super) fn fresh(&self) -> Node {
        let mut node = Node::new(self.seen.iter().copied().max().unwrap_or(0));
        if self.away {
            node.lost();
        }
        node
    }
    /// Where the key is, or is from now on; where all are that find no room.
    pub(super) fn place(&mut self, key: &[u8], limit: Option<u64>, now: Millis) -> u32 {
        let place = match self.entries.find(key) {
            Some(place) => place,
            None if self.has_room(key, now) => self.add(key),
            None => self.entries.find(REST).unwrap_or_else(|| self.add(REST)),
        };
        self.meet(place);
        if let Some(entry) = self.entry(place) {
            entry.limit = limit;
        }
        place
    }
    /// It is the newest, and knows whether Redis is away.
    pub(super) fn meet(&mut self, place: u32) {
        self.entries.renew(place);
        let away = self.away;
        if let Some(entry) = self.entry(place)
            && away
            && !entry.node.is_down()
        {
            entry.node.lost();
        }
    }
    fn has_room(&mut self, key: &[u8], now: Millis) -> bool {
        self.sweep(now, PASSED);
        let cost = Entries::cost(key);
        for _ in 0..MET {
            if self.entries.len() < self.max_keys && self.bytes() + cost <= self.max_bytes {
                return true;
            }
            let oldest = self.entries.oldest();
            let terms = self.terms_of(oldest);
            let Some(entry) = self.entry(oldest) else { return false };
            if !entry.is_busy(now) && entry.node.is_forgettable(&terms, now) {
                self.drop_at(oldest);
                self.stats.evicted += 1;
            } else {
                self.entries.renew(oldest);
            }
        }
        false
    }
    fn add(&mut self, key: &[u8]) -> u32 {
        let node = self.fresh();
        self.entries.add(key, node)
    }
    fn drop_at(&mut self, place: u32) -> bool {
        let gone = self.entries.remove(place);
        if gone.as_ref().is_some_and(|gone| gone.is_due) {
            self.due.retain(|&due| due != place);
        }
        gone.is_some()
    }
}
