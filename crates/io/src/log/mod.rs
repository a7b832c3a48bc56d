//! The log of durable buffers: what was accepted and is not settled, on disk. See docs/design/batch.md, "The log".

mod adopt;
mod apply;
mod backend;
mod codec;
mod commit;
mod directory;
mod fault;
mod import;
mod keeper;
mod layout;
mod lock;
mod notes;
mod open;
mod queue;
mod registry;
mod row;
mod rows;
mod store;
mod tables;
mod wire;

pub use backend::FileBackend;
pub use codec::MAX_ROW_BYTES;
pub use commit::{Committed, Committer, Job};
#[doc(hidden)]
pub use directory::{at_checkpoints, look_every};
pub use queue::{Done, Event, Listener, Opened, Options, Queue, Recovered};
pub use row::{Change, Letter, Refused, Row, Seen, Seq, Tag};
pub use store::RedbStore;
pub use wire::changes;

use sluice_core::error::Error;

/// A store of rows. Contract suite: `tests/log_contract`.
pub trait DurableStore: Send {
    /// Makes all changes in order, save accepts that it refuses alone, or none of them; on disk when it returns. What
    /// a change names and is not there is passed over. Keys that expired before `now` go, some with each commit.
    /// After an error the store is of no more use.
    fn commit(&mut self, changes: &[Change], now: u64) -> Result<Vec<Refused>, Error>;
    /// What a queue has pending, in order.
    fn pending(&self, queue: &str) -> Result<Vec<Row>, Error>;
    /// A queue's letters, oldest first.
    fn letters(&self, queue: &str) -> Result<Vec<Letter>, Error>;
    /// A queue's keys that have not expired by `now`: those of delivered items, soonest to expire first, then those
    /// of pending items in their order.
    fn seen(&self, queue: &str, now: u64) -> Result<Vec<Seen>, Error>;
    /// Queues that have rows, letters or keys.
    fn queues(&self) -> Result<Vec<String>, Error>;
    /// The notes, by name.
    fn notes(&self) -> Result<Vec<(String, String)>, Error>;
    /// A number above all that the queue's rows, letters and keys have or ever had here.
    fn next_seq(&self, queue: &str) -> Result<Seq, Error>;
    /// The file's own random number: made with it, kept for life.
    fn id(&self) -> u128;
    /// Bytes of payloads, keys, error texts and results that are there.
    fn bytes(&self) -> u64;
}
