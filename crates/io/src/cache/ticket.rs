//! Who asked, and how answers go back: many at once, into the inbox of an environment.

use sluice_core::cache::read::Found;
use sluice_core::cache::{CELLS, Epoch, Moment, cell_of, key_hash, moment};
use sluice_core::error::{Error, Kind};
use std::sync::Arc;

/// The state of a key's cell when a read began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Which cell.
    pub cell: u32,
    /// Its epoch.
    pub epoch: Epoch,
    /// The era.
    pub era: i32,
}
impl Seen {
    /// Takes the state of a key's cell.
    pub fn take(memory: &crate::memory::Memory, key: &[u8]) -> Self {
        let cell = cell_of(key_hash(key)) % CELLS;
        Self { cell: cell as u32, epoch: memory.epoch(key), era: memory.era() }
    }
    /// The state of a key's cell at an earlier moment.
    pub fn at(memory: &crate::memory::Memory, key: &[u8], began: Moment) -> Self {
        let now = Self::take(memory, key);
        let passed = moment(began as Epoch, now.era) != began;
        // of an era that has passed it only has to be told that it has
        Self { epoch: began as Epoch, era: if passed { now.era.wrapping_sub(1) } else { now.era }, ..now }
    }
    /// Both as one number.
    pub fn moment(&self) -> Moment {
        moment(self.epoch, self.era)
    }
}

/// A value on its way to the caller.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The value.
    pub found: Found,
    /// What the cell said when the read began.
    pub seen: Seen,
}
/// The answer to a read.
#[derive(Debug)]
pub struct Reply {
    /// Who asked.
    pub who: u64,
    /// None: a miss.
    pub result: Result<Option<Hit>, Error>,
}
/// Where the answers to an environment's reads go.
pub trait Inbox: Send + Sync {
    /// Takes answers; never blocks.
    fn replies(&self, replies: Vec<Reply>);
}

/// A read's right to be answered, exactly once: dropped unanswered it fails.
pub struct Ticket {
    inbox: Arc<dyn Inbox>,
    who: u64,
    answered: bool,
}
impl Ticket {
    /// Of that asker.
    pub fn new(inbox: Arc<dyn Inbox>, who: u64) -> Self {
        Self { inbox, who, answered: false }
    }
    fn reply(&mut self, result: Result<Option<Hit>, Error>) -> Reply {
        self.answered = true;
        Reply { who: self.who, result }
    }
}
impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.answered {
            let error = Error::new(Kind::Internal).with("what", "a read").with("detail", "it was dropped");
            let reply = self.reply(Err(error));
            self.inbox.replies(vec![reply]);
        }
    }
}

/// Answers many: one call for each inbox.
pub fn answer(answers: Vec<(Ticket, Option<Hit>)>) {
    let mut by_inbox: Vec<(Arc<dyn Inbox>, Vec<Reply>)> = Vec::new();
    for (mut ticket, hit) in answers {
        let reply = ticket.reply(Ok(hit));
        match by_inbox.iter_mut().find(|(inbox, _)| Arc::ptr_eq(inbox, &ticket.inbox)) {
            Some((_, replies)) => replies.push(reply),
            None => by_inbox.push((ticket.inbox.clone(), vec![reply])),
        }
    }
    for (inbox, replies) in by_inbox {
        inbox.replies(replies);
    }
}
