//! Who leaves the table, and where room for a key or an entry comes from.

use super::super::super::Millis;
use super::super::log::{self, Block};
use super::super::pages::{NIL, Pages};
use super::super::record::Record;
use super::super::types::Algorithm;
use super::{Place, Table};

/// What the index is reckoned to take of each record at most: it is given before it is needed.
pub(super) const INDEX_BYTES: u64 = 12;
/// Keys that are looked at to find one that may leave.
const MET: u32 = 64;
/// Keys that were set aside, looked at again when room is wanted.
const MET_HELD: u32 = 8;
/// Keys that leave for the log of one other at most.
const LOG_EVICTIONS: u32 = 4;
/// Bytes of an index part that is being copied to twice its size.
const SLACK_BYTES: u64 = 8 << 10;

/// Where a new key can go.
pub(super) enum Room {
    Free,
    InsteadOf(u32),
    None,
}

impl Table {
    pub(super) fn expire(&mut self, steps: u32, now: Millis) -> u32 {
        for step in 0..steps {
            let oldest = self.used.oldest();
            if oldest == NIL || !self.is_over(oldest, now) {
                return step;
            }
            self.remove(oldest);
        }
        steps
    }
    /// Those that were set aside come back to the old end once they are below their limit, or leave.
    pub(super) fn recheck(&mut self, steps: u32, now: Millis) -> u32 {
        let mut changed = 0;
        for _ in 0..steps {
            let at = self.held.oldest();
            if at == NIL {
                break;
            }
            if self.is_over(at, now) {
                self.remove(at);
                changed += 1;
                continue;
            }
            self.held.remove(&mut self.records, at);
            if self.is_at_limit(at, now) {
                self.held.push_newest(&mut self.records, at);
            } else {
                self.used.push_oldest(&mut self.records, at);
                self.set_held(at, false);
                changed += 1;
            }
        }
        changed
    }
    /// What is reckoned: more than what is taken.
    fn reserved(&self) -> u64 {
        let index =
            (self.records.capacity() * INDEX_BYTES + self.index.parts_bytes()).max(self.index.bytes());
        self.records.bytes() + index + self.blocks.bytes()
    }
    pub(super) fn room(&mut self, now: Millis) -> Room {
        let page = Pages::<Record>::page_bytes() + 256 * INDEX_BYTES;
        let may_grow = || self.reserved() + page + SLACK_BYTES <= self.config.max_bytes;
        if self.records.used() < self.config.max_keys && (self.records.has_room() || may_grow()) {
            return Room::Free;
        }
        self.recheck(MET_HELD, now);
        match self.may_leave(NIL, now) {
            NIL => Room::None,
            at => Room::InsteadOf(at),
        }
    }
    /// The longest unused that is below its limit; NIL: none was met.
    fn may_leave(&mut self, but: u32, now: Millis) -> u32 {
        for _ in 0..MET {
            let at = self.used.oldest();
            if at == NIL || at == but {
                break;
            }
            if !self.is_at_limit(at, now) {
                return at;
            }
            self.used.remove(&mut self.records, at);
            self.held.push_newest(&mut self.records, at);
            self.set_held(at, true);
        }
        NIL
    }
    pub(super) fn set_held(&mut self, at: u32, held: bool) {
        if let Some(record) = self.records.get_mut(at) {
            record.set_held(held);
        }
    }
    pub(super) fn remove(&mut self, at: u32) {
        let Some(record) = self.records.get_mut(at) else { return };
        let (hash, is_held) = (record.hash(), record.is_held());
        log::clear_if(self.config.algorithm == Algorithm::Exact, record, &mut self.blocks);
        let order = if is_held { &mut self.held } else { &mut self.used };
        order.remove(&mut self.records, at);
        let records = &self.records;
        self.index.remove(hash, at, |at| records.get(at).map_or(0, Record::hash));
        self.records.give(at);
        if self.records.used() == 0 && self.records.capacity() > 256 && self.shared.used == 0 {
            self.reset_all();
        }
    }
    /// Blocks for one entry more; others may have to leave for them, but nobody at its limit.
    #[inline]
    pub(super) fn make_log_room(&mut self, place: Place, now: Millis) {
        let has_room =
            |blocks: &Pages<Block>| blocks.capacity() >= u64::from(blocks.used() + log::BLOCKS_PER_ENTRY);
        if has_room(&self.blocks) || !self.record(place).is_some_and(|record| log::needs_block(record, now)) {
            return;
        }
        if self.reserved() + Pages::<Block>::page_bytes() + SLACK_BYTES <= self.config.max_bytes {
            self.blocks.grow();
            return;
        }
        let but = if let Place::Own(at) = place { at } else { NIL };
        for _ in 0..LOG_EVICTIONS {
            let at = self.may_leave(but, now);
            if has_room(&self.blocks) || !self.records.get(at).is_some_and(log::has_blocks) {
                return;
            }
            self.remove(at);
            self.stats.evicted += 1;
        }
    }
}
