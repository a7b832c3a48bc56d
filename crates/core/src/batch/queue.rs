//! A queue in the order of ids, out of which any item can be taken.

use super::types::{Id, Lane, Millis};
use std::collections::VecDeque;

/// An item that has not left yet for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The item.
    pub id: Id,
    /// Its size.
    pub bytes: u64,
    /// When it came.
    pub at: Millis,
    /// Its lane.
    pub lane: Lane,
    /// It has been taken out, and only its place is left.
    gone: bool,
}
impl Entry {
    /// An item.
    pub fn new(id: Id, lane: Lane, bytes: u64, at: Millis) -> Self {
        Self { id, bytes, at, lane, gone: false }
    }
}

/// So many places may be kept though nothing needs the room.
const SPARE: usize = 64;

/// Entries by id; the first is never one that is gone.
#[derive(Debug, Default)]
pub struct Queue {
    entries: VecDeque<Entry>,
    /// Places of those that are gone.
    gaps: usize,
    bytes: u64,
}
impl Queue {
    /// Items.
    pub fn len(&self) -> usize {
        self.entries.len() - self.gaps
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
    /// The oldest.
    pub fn first(&self) -> Option<&Entry> {
        self.entries.front()
    }
    /// One more, with an id above all others.
    pub fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes;
        self.entries.push_back(entry);
    }
    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.bytes;
        self.settle();
        Some(entry)
    }
    /// Takes that one.
    pub fn remove(&mut self, id: Id) -> Option<Entry> {
        let place = self.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        let slot = self.entries.get_mut(place).filter(|entry| !entry.gone)?;
        let entry = *slot;
        slot.gone = true;
        self.gaps += 1;
        self.bytes -= entry.bytes;
        self.settle();
        Some(entry)
    }
    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.gone)
    }
    /// The first is not gone, and gaps are at most half of all.
    fn settle(&mut self) {
        if self.gaps > 0 {
            while self.entries.front().is_some_and(|entry| entry.gone) {
                self.entries.pop_front();
                self.gaps -= 1;
            }
            if self.gaps > self.len() + SPARE {
                self.entries.retain(|entry| !entry.gone);
                self.gaps = 0;
            }
        }
        if self.entries.is_empty() && self.entries.capacity() > 16 * SPARE {
            self.entries.shrink_to(SPARE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(ids: std::ops::RangeInclusive<Id>) -> Queue {
        let mut queue = Queue::default();
        ids.for_each(|id| queue.push(Entry::new(id, 1, id, 0)));
        queue
    }

    #[test]
    fn what_was_taken_out_is_skipped_and_counts_no_more() {
        let mut queue = filled(1..=4);
        assert_eq!(queue.remove(1).map(|entry| entry.id), Some(1));
        assert_eq!(queue.remove(3).map(|entry| entry.id), Some(3));
        assert_eq!((queue.remove(3), queue.remove(9)), (None, None));
        assert_eq!((queue.len(), queue.bytes()), (2, 6));
        assert_eq!(queue.iter().map(|entry| entry.id).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(queue.pop().map(|entry| entry.id), Some(2));
        assert_eq!(queue.first().map(|entry| entry.id), Some(4));
        assert_eq!(queue.pop().map(|entry| entry.id), Some(4));
        assert_eq!((queue.pop(), queue.len(), queue.bytes()), (None, 0, 0));
    }

    #[test]
    fn gaps_behind_one_that_stays_take_no_room() {
        let mut queue = filled(1..=1);
        for id in 2..100_000 {
            queue.push(Entry::new(id, 1, 1, 0));
            assert!(queue.remove(id).is_some());
        }
        assert_eq!(queue.len(), 1);
        assert!(queue.entries.capacity() < 1000);
    }

    #[test]
    fn an_empty_queue_gives_its_memory_back() {
        let mut queue = filled(1..=100_000);
        while queue.pop().is_some() {}
        assert!(queue.entries.capacity() < 1000);
    }
}
