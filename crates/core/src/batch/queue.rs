//! A queue in the order of ids, out of which any item can be taken. What comes in bursts is alike, and kept as runs.

use super::types::{Id, Lane, Millis};
use std::collections::{BTreeSet, VecDeque};

/// Items with ids in a row that are alike, and have not left yet for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first item.
    pub id: Id,
    /// Items; at least one.
    pub count: u64,
    /// The size of each.
    pub bytes: u64,
    /// When they came.
    pub at: Millis,
    /// Their lane.
    pub lane: Lane,
}
impl Run {
    /// The last item.
    pub fn last(&self) -> Id {
        self.id + self.count - 1
    }
    /// The size of all.
    pub fn sum(&self) -> u64 {
        self.count * self.bytes
    }
    /// Each alone.
    pub fn each(self) -> impl Iterator<Item = Self> {
        (self.id..=self.last()).map(move |id| Self { id, count: 1, ..self })
    }
    /// So many of its front, at most, and the rest.
    pub fn split(self, most: u64) -> (Option<Self>, Option<Self>) {
        if most == 0 {
            (None, Some(self))
        } else if most >= self.count {
            (Some(self), None)
        } else {
            (Some(Self { count: most, ..self }), Some(self.after(most)))
        }
    }
    /// Without that many at its front.
    fn after(&self, count: u64) -> Self {
        Self { id: self.id + count, count: self.count - count, ..*self }
    }
    fn goes_on_with(&self, next: &Self) -> bool {
        self.last() + 1 == next.id && (self.bytes, self.at, self.lane) == (next.bytes, next.at, next.lane)
    }
}

/// So much may be kept though nothing needs the room.
const SPARE: usize = 64;

/// Items by id; the first of the first run is never one that is gone.
#[derive(Debug, Default)]
pub struct Queue {
    runs: VecDeque<Run>,
    /// Those of the runs that have been taken out.
    gone: BTreeSet<Id>,
    items: u64,
    bytes: u64,
}
impl Queue {
    /// Items.
    pub fn len(&self) -> u64 {
        self.items
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }
    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
    /// The run of the oldest, some of which may be gone.
    pub fn first(&self) -> Option<&Run> {
        self.runs.front()
    }
    /// More, with ids above all others.
    pub fn push(&mut self, run: Run) {
        self.items += run.count;
        self.bytes += run.sum();
        match self.runs.back_mut() {
            Some(last) if last.goes_on_with(&run) => last.count += run.count,
            _ => self.runs.push_back(run),
        }
    }
    /// Takes the oldest, at most so many, as far as they are a run.
    pub fn pop(&mut self, most: u64) -> Option<Run> {
        let first = self.runs.front_mut().filter(|_| most > 0)?;
        let whole = self.gone.first().map_or(first.count, |&id| first.count.min(id.saturating_sub(first.id)));
        let taken = Run { count: whole.min(most), ..*first };
        if taken.count == first.count {
            self.runs.pop_front();
        } else {
            *first = first.after(taken.count);
        }
        self.items -= taken.count;
        self.bytes -= taken.sum();
        self.settle();
        Some(taken)
    }
    /// Takes that one.
    pub fn remove(&mut self, id: Id) -> Option<Run> {
        let place = self.runs.partition_point(|run| run.last() < id);
        let run = self.runs.get(place).filter(|run| run.id <= id)?;
        let taken = Run { id, count: 1, ..*run };
        if !self.gone.insert(id) {
            return None;
        }
        self.items -= 1;
        self.bytes -= taken.bytes;
        self.settle();
        Some(taken)
    }
    /// Each alone, in order.
    pub fn iter(&self) -> impl Iterator<Item = Run> {
        let each = self.runs.iter().flat_map(|run| run.each());
        each.filter(|item| self.gone.is_empty() || !self.gone.contains(&item.id))
    }
    /// The first is not gone, and those that are gone are at most half of all.
    fn settle(&mut self) {
        while let (Some(first), Some(&id)) = (self.runs.front_mut(), self.gone.first())
            && first.id == id
        {
            self.gone.pop_first();
            if first.count == 1 {
                self.runs.pop_front();
            } else {
                *first = first.after(1);
            }
        }
        if self.gone.len() as u64 > self.items + SPARE as u64 {
            let items: Vec<Run> = self.iter().collect();
            self.runs.clear();
            self.gone.clear();
            (self.items, self.bytes) = (0, 0);
            items.into_iter().for_each(|item| self.push(item));
        }
        if self.runs.is_empty() && self.runs.capacity() > 16 * SPARE {
            self.runs.shrink_to(SPARE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: Id, bytes: u64) -> Run {
        Run { id, count: 1, bytes, at: 0, lane: 1 }
    }
    fn filled(ids: std::ops::RangeInclusive<Id>) -> Queue {
        let mut queue = Queue::default();
        ids.for_each(|id| queue.push(one(id, id)));
        queue
    }
    fn pop(queue: &mut Queue) -> Option<Id> {
        queue.pop(1).map(|run| run.id)
    }

    #[test]
    fn what_was_taken_out_is_skipped_and_counts_no_more() {
        let mut queue = filled(1..=4);
        assert_eq!(queue.remove(1), Some(one(1, 1)));
        assert_eq!(queue.remove(3), Some(one(3, 3)));
        assert_eq!((queue.remove(3), queue.remove(9)), (None, None));
        assert_eq!((queue.len(), queue.bytes()), (2, 6));
        assert_eq!(queue.iter().map(|item| item.id).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(pop(&mut queue), Some(2));
        assert_eq!(queue.first().map(|run| run.id), Some(4));
        assert_eq!(pop(&mut queue), Some(4));
        assert_eq!((pop(&mut queue), queue.len(), queue.bytes()), (None, 0, 0));
    }

    #[test]
    fn what_is_alike_is_one_run_out_of_which_any_can_be_taken() {
        let mut queue = Queue::default();
        (1..=10).for_each(|id| queue.push(one(id, 5)));
        queue.push(one(12, 5));
        queue.push(Run { lane: 2, ..one(13, 5) });
        assert_eq!(queue.runs.len(), 3);
        [1, 4, 5, 10].into_iter().for_each(|id| assert_eq!(queue.remove(id), Some(one(id, 5))));
        assert_eq!((queue.remove(4), queue.remove(11), queue.remove(14)), (None, None, None));
        assert_eq!((queue.len(), queue.bytes()), (8, 40));
        assert_eq!(queue.iter().map(|item| item.id).collect::<Vec<_>>(), [2, 3, 6, 7, 8, 9, 12, 13]);
        let runs: Vec<_> = std::iter::from_fn(|| queue.pop(3)).map(|run| (run.id, run.count)).collect();
        assert_eq!(runs, [(2, 2), (6, 3), (9, 1), (12, 1), (13, 1)]);
        assert_eq!((queue.len(), queue.bytes(), queue.gone.len()), (0, 0, 0));
        assert_eq!(queue.pop(0), None);
    }

    #[test]
    fn gaps_behind_one_that_stays_take_no_room() {
        for bytes in [|_| 1, |id| id] {
            let mut queue = filled(1..=1);
            for id in 2..100_000 {
                queue.push(one(id, bytes(id)));
                assert!(queue.remove(id).is_some());
            }
            assert_eq!(queue.len(), 1);
            assert!(queue.runs.capacity() < 1000 && queue.gone.len() < 1000);
        }
    }

    #[test]
    fn an_empty_queue_gives_its_memory_back() {
        let mut queue = filled(1..=100_000);
        while queue.pop(7).is_some() {}
        assert!(queue.runs.capacity() < 1000);
    }
}
