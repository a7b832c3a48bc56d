//! The table: who is in it, who leaves it, and the checks. Bounded in keys and bytes; nothing is ever done to all keys at once.

mod room;

use super::super::Millis;
use super::index::{Index, MAX_KEYS};
use super::log::{self, Block};
use super::order::Order;
use super::pages::{NIL, Pages};
use super::record::Record;
use super::types::{Algorithm, Config, Decision, Stats};
use super::{counter, gcra};
use room::{INDEX_BYTES, Room};

/// Old keys that each check looks at, to drop those that are over.
const STEPS: u32 = 2;
/// With more keys than this, who was used within this part of a window is not moved again: the neighbours' memory is cold.
const FINE_KEYS: u32 = 4096;
const COARSE: Millis = 16;

/// Limits by key, where a key is 64 bits of a hash that outsiders cannot predict: keys with the same hash share a limit.
#[derive(Debug)]
pub struct Table {
    config: Config,
    index: Index,
    records: Pages<Record>,
    blocks: Pages<Block>,
    /// All that may leave, and perhaps some at their limit.
    used: Order,
    /// Set aside: at their limit when somebody had to leave.
    held: Order,
    /// Of all keys that found no room.
    shared: Record,
    stats: Stats,
    now: Millis,
}
impl Table {
    /// Empty.
    pub fn new(config: Config) -> Self {
        let fitting =
            u32::try_from(config.max_bytes / (size_of::<Record>() as u64 + INDEX_BYTES)).unwrap_or(u32::MAX);
        let max_keys = config.max_keys.min(MAX_KEYS).min(fitting);
        let config = Config { window_ms: config.window_ms.clamp(1, 1 << 31), max_keys, ..config };
        Self {
            index: Index::new(config.max_keys),
            records: Pages::default(),
            blocks: Pages::default(),
            used: Order::default(),
            held: Order::default(),
            shared: Record::new(0),
            stats: Stats::default(),
            now: 0,
            config,
        }
    }
    /// Keys in the table.
    pub fn size(&self) -> u32 {
        self.records.used()
    }
    /// Bytes that it has taken, of everything.
    pub fn bytes(&self) -> u64 {
        self.records.bytes() + self.blocks.bytes() + self.index.bytes()
    }
    /// What was counted.
    pub fn stats(&self) -> Stats {
        self.stats
    }
    /// Counts anew.
    pub fn reset_stats(&mut self) {
        self.stats = Stats::default();
    }
    /// The limit of keys that have none of their own, and the window.
    pub fn update(&mut self, limit: u32, window_ms: Millis) {
        (self.config.limit, self.config.window_ms) = (limit, window_ms.clamp(1, 1 << 31));
    }
    /// The window.
    pub fn window_ms(&self) -> Millis {
        self.config.window_ms
    }

    /// Takes a weight if it fits; 0 only looks, as for 1. `own` is the key's own limit.
    #[inline]
    pub fn check(&mut self, hash: u64, weight: u32, own: Option<u32>, now: Millis) -> bool {
        let now = self.turn_to(now);
        let limit = own.unwrap_or(self.config.limit);
        let at = self.place(hash, weight, limit, now);
        let allowed = self.fits(at, weight.max(1), limit, now);
        self.settle(at, weight, own, allowed, now);
        allowed
    }
    /// The same, with all its numbers.
    pub fn look(&mut self, hash: u64, weight: u32, own: Option<u32>, now: Millis) -> Decision {
        let now = self.turn_to(now);
        let limit = own.unwrap_or(self.config.limit);
        let at = self.place(hash, weight, limit, now);
        let mut found = self.decide(at, weight.max(1), limit, now);
        self.settle(at, weight, own, found.allowed, now);
        if found.allowed && weight > 0 {
            let after = self.decide(at, 1, limit, now);
            (found.remaining, found.reset_ms) = (after.remaining, after.reset_ms);
        }
        found
    }
    /// How long until that weight would pass; 0: now.
    pub fn retry_after(&mut self, hash: u64, weight: u32, own: Option<u32>, now: Millis) -> Millis {
        let now = self.turn_to(now);
        let limit = own.unwrap_or(self.config.limit);
        let at = self.place(hash, 0, limit, now);
        self.decide(at, weight.max(1), limit, now).retry_after_ms
    }
    /// The key starts afresh.
    pub fn reset(&mut self, hash: u64) {
        if let Some(at) = self.find(hash) {
            self.remove(at);
        }
    }
    /// All keys start afresh.
    pub fn reset_all(&mut self) {
        *self = Self { stats: self.stats, now: self.now, ..Self::new(self.config) };
    }
    /// Drops some keys that are over; true: there may be more.
    pub fn sweep(&mut self, now: Millis, steps: u32) -> bool {
        let now = self.now.max(now);
        self.now = now;
        self.expire(steps, now) + self.recheck(steps, now) >= steps
    }

    /// Time only grows; some of the oldest leave when they are over.
    #[inline]
    fn turn_to(&mut self, now: Millis) -> Millis {
        self.now = self.now.max(now);
        self.expire(STEPS, self.now);
        if self.held.oldest() != NIL {
            self.recheck(STEPS, self.now);
        }
        self.now
    }
    #[inline]
    fn find(&self, hash: u64) -> Option<u32> {
        self.index.find(hash, |at| self.records.get(at).is_some_and(|record| record.hash() == hash))
    }
    /// The key's record, new if it takes something and could have it; NIL: the shared one, or that of nobody.
    #[inline]
    fn place(&mut self, hash: u64, weight: u32, limit: u32, now: Millis) -> Place {
        if let Some(at) = self.find(hash) {
            self.refresh(at, now);
            return Place::Own(at);
        }
        let room = self.room(now);
        if let Room::None = room {
            let (algorithm, window_ms) = (self.config.algorithm, self.config.window_ms);
            refresh(algorithm, &mut self.shared, &mut self.blocks, now, window_ms);
            return Place::Shared;
        }
        // who is refused, or only looks, takes no room
        if weight == 0 || weight > limit {
            return Place::Fresh;
        }
        if let Room::InsteadOf(at) = room {
            self.remove(at);
            self.stats.evicted += 1;
        }
        if !self.records.has_room() {
            self.records.grow();
        }
        let at = self.records.take();
        let Some(record) = self.records.get_mut(at) else { return Place::Shared };
        *record = Record::new(hash);
        let records = &self.records;
        self.index.insert(hash, at, |at| records.get(at).map_or(0, Record::hash));
        self.used.push_newest(&mut self.records, at);
        self.refresh(at, now);
        Place::Own(at)
    }
    #[inline]
    fn refresh(&mut self, at: u32, now: Millis) {
        if let Some(record) = self.records.get_mut(at) {
            refresh(self.config.algorithm, record, &mut self.blocks, now, self.config.window_ms);
        }
    }
    fn is_over(&self, at: u32, now: Millis) -> bool {
        let window_ms = self.config.window_ms;
        self.records.get(at).is_none_or(|record| match self.config.algorithm {
            Algorithm::Exact => record.used == 0 || record.time() + window_ms <= now,
            Algorithm::Counter => counter::is_over(record, now, window_ms),
            Algorithm::Gcra => gcra::is_over(record, now),
        })
    }
    fn is_at_limit(&mut self, at: u32, now: Millis) -> bool {
        self.refresh(at, now);
        let limit = self.records.get(at).map_or(0, |record| record.limit(self.config.limit));
        !self.is_over(at, now) && !self.fits(Place::Own(at), 1, limit, now)
    }
    #[inline]
    fn record(&self, place: Place) -> Option<&Record> {
        match place {
            Place::Own(at) => self.records.get(at),
            Place::Shared => Some(&self.shared),
            Place::Fresh => None,
        }
    }
    #[inline]
    fn fits(&self, place: Place, weight: u32, limit: u32, now: Millis) -> bool {
        let Some(record) = self.record(place) else { return weight <= limit };
        match self.config.algorithm {
            Algorithm::Exact => u64::from(record.used) + u64::from(weight) <= u64::from(limit),
            Algorithm::Counter => counter::fits(record, weight, limit, now, self.config.window_ms),
            Algorithm::Gcra => gcra::fits(record, weight, limit, now, self.config.window_ms),
        }
    }
    fn decide(&self, place: Place, weight: u32, limit: u32, now: Millis) -> Decision {
        let window_ms = self.config.window_ms;
        let Some(record) = self.record(place) else {
            let allowed = weight <= limit;
            let retry_after_ms = if allowed { 0 } else { window_ms };
            return Decision {
                allowed,
                remaining: limit.into(),
                limit: limit.into(),
                retry_after_ms,
                reset_ms: 0,
            };
        };
        match self.config.algorithm {
            Algorithm::Exact => log::decide(record, &self.blocks, weight, limit, now, window_ms),
            Algorithm::Counter => counter::decide(record, weight, limit, now, window_ms),
            Algorithm::Gcra => gcra::decide(record, weight, limit, now, window_ms),
        }
    }
    /// Counts, takes what was allowed, and moves the key to the young end.
    #[inline]
    fn settle(&mut self, place: Place, weight: u32, own: Option<u32>, allowed: bool, now: Millis) {
        if weight == 0 {
            return;
        }
        if let Place::Own(at) = place {
            self.touch(at, now);
        }
        if !allowed {
            self.stats.denied += 1;
            return;
        }
        self.stats.allowed += 1;
        if self.config.algorithm == Algorithm::Exact {
            self.make_log_room(place, now);
        }
        let limit = own.unwrap_or(self.config.limit);
        let window_ms = self.config.window_ms;
        let record = match place {
            Place::Own(at) => self.records.get_mut(at),
            Place::Shared => Some(&mut self.shared),
            Place::Fresh => None,
        };
        let Some(record) = record else { return };
        match self.config.algorithm {
            Algorithm::Exact => log::admit(record, &mut self.blocks, weight, now),
            Algorithm::Counter => record.used = record.used.saturating_add(weight),
            Algorithm::Gcra => gcra::admit(record, weight, limit, now, window_ms),
        }
        if let Place::Own(_) = place {
            record.set_limit(own);
        }
    }
    #[inline]
    fn touch(&mut self, at: u32, now: Millis) {
        let coarse = self.records.used() > FINE_KEYS;
        let has_log = self.config.algorithm == Algorithm::Exact;
        let Some(record) = self.records.get_mut(at) else { return };
        let is_held = record.is_held();
        let since = (now as u32).wrapping_sub(if has_log { record.time() as u32 } else { record.open });
        if self.used.newest() == at
            || (coarse && !is_held && u64::from(since) < self.config.window_ms / COARSE)
        {
            return;
        }
        if !has_log {
            record.open = now as u32;
        }
        let order = if is_held { &mut self.held } else { &mut self.used };
        order.remove(&mut self.records, at);
        self.used.push_newest(&mut self.records, at);
        if is_held {
            self.set_held(at, false);
        }
    }
}

/// Where a key's numbers are.
#[derive(Debug, Clone, Copy)]
enum Place {
    Own(u32),
    Shared,
    /// Nowhere: nothing was taken, nothing will be.
    Fresh,
}

/// Forgets what time has made void.
#[inline]
fn refresh(
    algorithm: Algorithm,
    record: &mut Record,
    blocks: &mut Pages<Block>,
    now: Millis,
    window_ms: Millis,
) {
    match algorithm {
        Algorithm::Exact => log::expire(record, blocks, now, window_ms),
        Algorithm::Counter => counter::roll(record, now, window_ms),
        Algorithm::Gcra => {}
    }
}
