//! The buffer.

use super::types::{Config, Id};

/// The state machine. Every method takes the time where it needs it; `next` says what is to be done, until None.
#[derive(Debug)]
pub struct Buffer {
    config: Config,
}
impl Buffer {
    /// An empty buffer whose first item gets the id `first`.
    pub fn new(config: Config, _first: Id) -> Self {
        Self { config }
    }
    /// Its options.
    pub fn config(&self) -> &Config {
        &self.config
    }
}
/* Signatures to come:
    /// An item comes; its id is one more than the last one's. False: refused, there is no room (`Overflow::Reject`).
    pub fn arrive(&mut self, arrival: Arrival) -> bool;
    /// What is to be done next. To be called until None after every other call.
    pub fn next(&mut self, now: Millis) -> Option<Action>;
    /// When `next` has to be called at the latest; None: nothing waits for time.
    pub fn wake_at(&self) -> Option<Millis>;
    /// So many more arrivals find room.
    pub fn room(&self) -> u64;
    pub fn need(&self, lane: Lane) -> Need;
    /// All admitted up to there are on disk, save those refused before.
    pub fn stored(&mut self, through: Id);
    /// The log did not take it. False: it is not there, or stored.
    pub fn refuse(&mut self, id: Id) -> bool;
    /// A batch ends: the places in `failures` failed, the others are delivered.
    pub fn finish(&mut self, batch: BatchId, failures: &[Failure], now: Millis);
    /// Pull: the next, at most `max`, which are in flight now. Ids in order.
    pub fn take(&mut self, max: usize) -> Vec<Id>;
    /// Pull: ends one that was taken. False: it is not in flight.
    pub fn settle(&mut self, id: Id, failure: Option<Failure>, now: Millis) -> bool;
    /// Drops one that has not left. False: it is not there, or in flight.
    pub fn remove(&mut self, id: Id) -> bool;
    /// As `remove`, on the account of its caller, who gave up.
    pub fn abort(&mut self, id: Id) -> bool;
    /// Drops all that have not left; their ids, in order.
    pub fn clear(&mut self) -> Vec<Id>;
    /// Those that have not left, in order: id, attempts, at.
    pub fn pending(&self) -> Vec<(Id, u32, Millis)>;
    pub fn flush(&mut self) -> Ticket;
    /// Takes nothing more; hands over until `until` (None: no limit; `now` or earlier: nothing more).
    pub fn close(&mut self, until: Option<Millis>);
    /// After `Action::Closed`: what is left, in order, with what is still in flight; on the account as kept or aborted.
    pub fn leave(&mut self, kept: bool) -> Vec<Id>;
    /// A letter is sent again, with a fresh set of tries: it is queued. False: there is none.
    pub fn requeue(&mut self, id: Id) -> bool;
    /// Letters of earlier processes, oldest first, with ids below `first`.
    pub fn adopt_dead(&mut self, id: Id) -> Option<Id>;
    pub fn clear_dead(&mut self) -> u64;
    pub fn status(&self, now: Millis) -> Status;
    pub fn stats(&self) -> Stats;
    pub fn reset_stats(&mut self);
    pub fn account(&self) -> Account;
*/
