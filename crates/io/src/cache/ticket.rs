//! How answers go back: many at once, into the inbox of an environment.

use sluice_core::cache::read::Found;
use sluice_core::cache::{CELLS, Epoch, Moment, cell_of, key_hash, moment};
use sluice_core::error::Error;

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
