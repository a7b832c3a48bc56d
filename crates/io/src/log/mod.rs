//! The log of durable buffers: what was accepted and is not settled, on disk. See docs/design/batch.md, "The log".

mod import;
mod lock;
mod queue;
mod row;

pub use queue::{Done, Event, Listener, Opened, Options, Queue, Recovered};
pub use row::{Change, Letter, Row, Seen, Seq, Tag};

use sluice_core::error::Error;

/// A store of rows. Contract suite: `tests/log_contract.rs`.
pub trait DurableStore: Send {
    /// Makes all changes or none, in order; on disk when it returns. After an error the store is of no more use.
    fn commit(&mut self, changes: &[Change]) -> Result<(), Error>;
    /// What a queue has pending, in order.
    fn pending(&self, queue: &str) -> Result<Vec<Row>, Error>;
    /// A queue's letters, oldest first.
    fn letters(&self, queue: &str) -> Result<Vec<Letter>, Error>;
    /// A queue's keys that have not expired by `now`, oldest first.
    fn seen(&self, queue: &str, now: u64) -> Result<Vec<Seen>, Error>;
    /// Queues that have rows.
    fn queues(&self) -> Result<Vec<String>, Error>;
    /// The notes, by name.
    fn notes(&self) -> Result<Vec<(String, String)>, Error>;
    /// A number above all that the queue's rows, letters and keys have or ever had here.
    fn next_seq(&self, queue: &str) -> Result<Seq, Error>;
    /// The file's own random number: made with it, kept for life.
    fn id(&self) -> u128;
    /// Bytes of payloads and keys that are there.
    fn bytes(&self) -> u64;
}
