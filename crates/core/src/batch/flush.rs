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
