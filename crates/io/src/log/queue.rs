//! An instance's hold on one queue of one directory.

use super::{Change, Letter, Row, Seen, Seq};
use sluice_core::error::{Error, Kind};
use std::path::PathBuf;
use std::sync::Arc;

/// What a directory is opened with. Instances of one process that name the same directory must agree on all but `import`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The directory; made with its parents when it is not there.
    pub path: PathBuf,
    /// Bytes of payloads and keys at most.
    pub max_bytes: u64,
    /// One owner of the whole directory.
    pub exclusive: bool,
    /// Whether a commit waits for the disk (`fsync: 'always'`).
    pub sync: bool,
    /// A JSON file of the services' own queue, taken in once and renamed.
    pub import: Option<PathBuf>,
}
/// What an instance has taken over: rows, letters and keys, each in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Accepted and not settled.
    pub rows: Vec<Row>,
    /// Failed for good.
    pub letters: Vec<Letter>,
    /// Idempotency keys.
    pub seen: Vec<Seen>,
}
/// What becomes known later.
#[derive(Debug)]
pub enum Event {
    /// Something went wrong that needs no answer: a file was set aside, the own one was retired, an import could not be read.
    Degraded(Error),
    /// After a retirement (or a start without a file) there is a file again: submit what is unsettled once more, as
    /// `Accept` with its number and tries, letters as `Accept` and `Bury`.
    Reopened,
    /// What dead owners left for this queue, in the own file now, under numbers that nobody else has.
    Adopted(Recovered),
}
/// Told once how the opening ended. After an error the hold stands: a submission with accepts tries again, at most
/// once a second, and `Event::Reopened` and `Event::Adopted` tell that it worked.
pub type Opened = Box<dyn FnOnce(Result<Recovered, Error>) + Send>;
/// Told of events, from any thread, never after `close` has called back.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;
/// Told once what became of a submission: the accepts that were refused alone, or why nothing of it was stored.
pub type Done = Box<dyn FnOnce(Result<Vec<(Seq, Error)>, Error>) + Send>;

/// An instance's hold on one queue.
pub struct Queue;

impl Queue {
    /// Returns at once; opening, adoption and import run on a thread of the log. Errors here are of the options:
    /// `path` is a file, or another instance of this process has the directory open with other options.
    pub fn open(
        options: Options,
        _name: &str,
        _now_ms: u64,
        _opened: Opened,
        _event: Listener,
    ) -> Result<Arc<Self>, Error> {
        let path = options.path.display().to_string();
        Err(Error::new(Kind::StoreIo).with("path", path).with("detail", "being built"))
    }
    /// Numbers for `count` rows, consecutive, above all that this queue's file has, and nobody else's: take them in
    /// blocks (of a thousand, say) after `opened`. Numbers that stay unused do no harm. Below 2^53.
    pub fn lease(&self, _count: u32) -> Seq {
        1
    }
    /// Stores changes in order, with all that other instances submit meanwhile, in one commit.
    pub fn submit(&self, _changes: Vec<Change>, _now_ms: u64, _done: Done) {}
    /// Ends the hold after what was submitted; its rows stay for the next that opens the queue. `done` after all is
    /// synced and, for the last hold, the file is closed and its lock given back.
    pub fn close(&self, _done: Box<dyn FnOnce() + Send>) {}
}
