//! Calls of `flush` and what they wait for.

use super::types::{Id, Ticket};
use std::collections::VecDeque;

/// The calls of one moment.
#[derive(Debug)]
struct Wait {
    ticket: Ticket,
    /// It waits for items up to this one, beyond those that earlier calls wait for.
    to: Id,
    left: u64,
}

/// All calls. An item counts for the first of them that waits for it; they end in order.
#[derive(Debug, Default)]
pub struct Flushes {
    waits: VecDeque<Wait>,
    /// The sum of what is left.
    counted: u64,
    tickets: Ticket,
    wanted: Id,
}
impl Flushes {
    /// A call, while so many items are not settled. None: there is nothing to wait for.
    pub fn begin(&mut self, last: Id, unsettled: u64) -> Option<Ticket> {
        self.wanted = last;
        let left = unsettled.saturating_sub(self.counted);
        if left > 0 {
            self.tickets += 1;
            self.counted += left;
            self.waits.push_back(Wait { ticket: self.tickets, to: last, left });
        }
        self.waits.back().map(|wait| wait.ticket)
    }
    /// Items up to this one are to leave.
    pub fn wanted(&self) -> Id {
        self.wanted
    }
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }
    /// An item is settled.
    pub fn settle(&mut self, id: Id) {
        if let Some(wait) = self.of(id) {
            wait.left = wait.left.saturating_sub(1);
            self.counted = self.counted.saturating_sub(1);
        }
    }
    /// A settled item is back.
    pub fn revive(&mut self, id: Id) {
        if let Some(wait) = self.of(id) {
            wait.left += 1;
            self.counted += 1;
        }
    }
    /// A call whose items are settled.
    pub fn done(&mut self) -> Option<Ticket> {
        self.waits.front().filter(|wait| wait.left == 0)?;
        self.waits.pop_front().map(|wait| wait.ticket)
    }
    fn of(&mut self, id: Id) -> Option<&mut Wait> {
        let place = self.waits.partition_point(|wait| wait.to < id);
        self.waits.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_between_which_nothing_came_are_one() {
        let mut flushes = Flushes::default();
        assert_eq!(flushes.begin(0, 0), None);
        let first = flushes.begin(3, 2);
        assert!((0..1000).all(|_| flushes.begin(3, 2) == first));
        assert_eq!(flushes.waits.len(), 1);
        assert_eq!(flushes.begin(4, 3), Some(2));
    }

    #[test]
    fn they_end_in_order_each_when_all_before_it_is_settled() {
        let mut flushes = Flushes::default();
        flushes.begin(2, 2);
        flushes.begin(4, 4);
        [3, 4, 1].into_iter().for_each(|id| flushes.settle(id));
        assert_eq!(flushes.done(), None);
        flushes.settle(2);
        assert_eq!((flushes.done(), flushes.done(), flushes.done()), (Some(1), Some(2), None));
        assert!(flushes.is_empty());
    }

    #[test]
    fn what_comes_later_is_not_waited_for() {
        let mut flushes = Flushes::default();
        flushes.begin(1, 1);
        flushes.settle(5);
        assert_eq!((flushes.done(), flushes.wanted()), (None, 1));
        flushes.settle(1);
        assert_eq!(flushes.done(), Some(1));
    }

    #[test]
    fn an_item_that_comes_back_is_waited_for_again_and_counted_once() {
        let mut flushes = Flushes::default();
        flushes.begin(2, 2);
        flushes.settle(1);
        flushes.revive(1);
        flushes.settle(2);
        assert_eq!(flushes.done(), None);
        assert_eq!(flushes.begin(2, 1), Some(1));
        flushes.settle(1);
        assert_eq!((flushes.done(), flushes.begin(2, 0)), (Some(1), None));
    }
}
