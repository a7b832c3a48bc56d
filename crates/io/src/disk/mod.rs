//! The disk tier: LMDB, shared by all processes of the host.

use bytes::Bytes;
use sluice_core::cache::{Millis, Moment, Record};
use sluice_core::error::{Error, Kind};
use std::path::PathBuf;
use std::sync::Arc;

/// What a disk tier is opened with.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The directory.
    pub path: PathBuf,
    /// Bytes at most.
    pub max_bytes: u64,
    /// Compress values from this many bytes; 0: never.
    pub compress_min_bytes: usize,
    /// Whether a Redis tier's channel tells of other hosts' changes: see `heard`.
    pub follows: bool,
}
/// What a disk tier tells its owners (each instance that has it open): quick, and never blocking.
pub trait Listener: Send + Sync {
    /// Other processes changed keys of these hashes; None: any key may have changed.
    fn changed(&self, hashes: Option<&[u64]>);
    /// It went off (disk full, read-only, removed) or is back.
    fn state(&self, up: bool, why: Option<Error>);
}
/// What the disk had.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Nothing there.
    Absent,
    /// A value. `suspect`: written before a gap in what this host heard; never filled upwards.
    Found {
        /** The value. */
        record: Record,
        /** Older than a gap. */
        suspect: bool,
    },
    /// Its checksum is wrong: a miss that is counted.
    Damaged,
}
/// What the lease table said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// Ours, with its fencing token.
    Granted(u64),
    /// Another's.
    Busy,
}
/// Called when a change is committed, with how many keys it removed, on the writer thread.
pub type Done = Box<dyn FnOnce(Result<u64, Error>) + Send>;
/// Says, under the overlay's lock, whether a put may still be made: the moment has not passed.
pub type Guard = Box<dyn FnOnce() -> bool + Send>;

/// A store that is open in this process: one per canonical path, reference-counted.
pub struct Disk {}
#[expect(unused_variables, reason = "skeleton")]
impl Disk {
    /// Opens or joins the store at a path; blocking. The registry refuses other options for an open path.
    pub fn open(config: &Config, listener: Arc<dyn Listener>) -> Result<Arc<Self>, Error> {
        Err(Error::new(Kind::StoreIo).with("detail", "skeleton"))
    }
    /// A random number of the store: processes of one host know each other's publications by it.
    pub fn origin(&self) -> &[u8] {
        &[]
    }
    /// Reads, overlay first; blocking, for the pool.
    pub fn get(&self, key: &[u8], now: Millis) -> Answer {
        Answer::Absent
    }
    /// Accepts a write into the overlay, at once; committed behind. False when it was refused.
    pub fn put(&self, key: &[u8], record: Record, guard: Option<Guard>) -> bool {
        false
    }
    /// Removes keys from the overlay at once, `done` when committed.
    pub fn remove(&self, keys: &[Bytes], done: Done) {
        done(Ok(0));
    }
    /// The same for a glob.
    pub fn remove_pattern(&self, glob: &[u8], done: Done) {
        done(Ok(0));
    }
    /// The same for a tag.
    pub fn remove_tag(&self, tag: &str, done: Done) {
        done(Ok(0));
    }
    /// The same for everything.
    pub fn clear(&self, done: Done) {
        done(Ok(0));
    }
    /// Fresh keys that begin so, writes on their way included; blocking.
    pub fn keys(&self, prefix: &[u8], limit: usize, now: Millis) -> Vec<Bytes> {
        Vec::new()
    }
    /// Looks whether other processes have committed; tells the listeners what changed. About 100 ns when nothing has.
    pub fn poll(&self) {}
    /// The channel of other hosts' changes was heard without a gap until now; `false` when a gap begins.
    pub fn heard(&self, hears: bool, now: Millis) {}
    /// Takes, renews (same owner) or is refused a lease, ahead of queued puts; `done` gets it on the writer thread.
    pub fn lease(
        &self,
        key: &[u8],
        owner: u64,
        now: Millis,
        ttl_ms: u64,
        done: Box<dyn FnOnce(Result<Lease, Error>) + Send>,
    ) {
        done(Ok(Lease::Busy));
    }
    /// Ends a lease of that owner.
    pub fn release(&self, key: &[u8], owner: u64) {}
    /// Keys and patterns that Redis missed, kept across restarts; see `redis::Link::missed`.
    pub fn missed(&self, what: &[Bytes]) {}
    /// Takes them back.
    pub fn take_missed(&self) -> Vec<Bytes> {
        Vec::new()
    }
    /// Settles when everything accepted so far is committed.
    pub fn flush(&self, done: Done) {
        done(Ok(0));
    }
    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        false
    }
}
/// An epoch guard for `put`.
pub fn unless_moved(memory: Arc<crate::memory::Memory>, key: Bytes, began: Moment) -> Guard {
    Box::new(move || memory.moment(&key) == began)
}
