//! The disk tier: LMDB, shared by all processes of the host.

mod accept;
mod apply;
mod check;
mod commit;
mod hearing;
mod notices;
mod page;
mod place;
mod registry;
mod store;
mod tables;
mod tier;
mod work;
mod writer;

use bytes::Bytes;
use sluice_core::cache::overlay::Next;
use sluice_core::cache::{Millis, Record};
use sluice_core::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tier::Tier;
use work::{Op, What};

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
    /// Which memory it keeps, if any: instances that share one are not told of each other's changes.
    fn memory(&self) -> usize {
        0
    }
    /// Other processes changed keys of these hashes; None: any key may have changed.
    fn changed(&self, hashes: Option<&[u64]>);
    /// Keys that match a pattern or carry a tag were removed by another instance or process; some may be known here
    /// alone. Whoever cannot tell which lets all go.
    fn removed(&self, what: Removed<'_>) {
        let _ = what;
        self.changed(None);
    }
    /// It went off (disk full, read-only, removed) or is back.
    fn state(&self, up: bool, why: Option<Error>);
}
/// What other instances' keys went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed<'a> {
    /// A glob.
    Pattern(&'a [u8]),
    /// A tag.
    Tag(&'a str),
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

/// An instance's hold on a store. The store itself is open once per process and path, and closed when its last
/// holder is dropped; that one waits until what it accepted is committed.
pub struct Disk {
    tier: Arc<Tier>,
    id: u64,
    group: u64,
    closed: AtomicBool,
}
static NEXT_ID: AtomicU64 = AtomicU64::new(1);
const MISSED_WAIT: Duration = Duration::from_secs(2);

impl Disk {
    /// Opens or joins the store at a path; blocking. The registry refuses other options for an open path. A store
    /// that was damaged is set aside: the listener hears that it was off and why, and that it is back, empty.
    pub fn open(config: &Config, listener: Arc<dyn Listener>) -> Result<Arc<Self>, Error> {
        let (tier, aside) = registry::join(config)?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        if let Some(why) = aside {
            listener.state(false, Some(why));
            listener.state(true, None);
        }
        let group = accept::group_of(&listener, id);
        tier.listen(id, group, listener);
        Ok(Arc::new(Self { tier, id, group, closed: AtomicBool::new(false) }))
    }
    /// A random number of the store: processes of one host know each other's publications by it.
    pub fn origin(&self) -> &[u8] {
        self.tier.origin()
    }
    /// Reads, overlay first; blocking, for the pool.
    pub fn get(&self, key: &[u8], now: Millis) -> Answer {
        self.tier.get(key, now)
    }
    /// Accepts a write into the overlay, at once; committed behind. False when it was refused: by the guard, or
    /// for want of room, and then what the key had is deleted. With a guard it is a fill: it is not made either
    /// when another process changes the key before it is committed.
    pub fn put(&self, key: &[u8], record: Record, guard: Option<Guard>) -> bool {
        self.tier.put(self.group, key, record, guard, None)
    }
    /// The same for what was loaded under a lease, by owner and token: made only while the lease is still held,
    /// and ahead of other puts, so that a `release` after it shows the value to who waits.
    pub fn put_fenced(
        &self,
        key: &[u8],
        record: Record,
        guard: Option<Guard>,
        owner: u64,
        token: u64,
    ) -> bool {
        self.tier.put(self.group, key, record, guard, Some((owner, token)))
    }
    /// Removes keys from the overlay at once, `done` when committed.
    pub fn remove(&self, keys: &[Bytes], done: Done) {
        self.tier.remove(self.group, keys, done);
    }
    /// The same for a glob.
    pub fn remove_pattern(&self, glob: &[u8], done: Done) {
        self.tier.scan(self.group, What::Pattern(Bytes::copy_from_slice(glob)), done);
    }
    /// The same for a tag.
    pub fn remove_tag(&self, tag: &str, done: Done) {
        self.tier.scan(self.group, What::Tag(tag.into()), done);
    }
    /// The same for everything, in all processes at once.
    pub fn clear(&self, done: Done) {
        self.tier.clear(self.group, done);
    }
    /// Fresh keys that begin so, in order of their bytes, writes on their way included; blocking.
    pub fn keys(&self, prefix: &[u8], limit: usize, now: Millis) -> Vec<Bytes> {
        self.tier.keys(prefix, limit, now)
    }
    /// Looks whether other processes have committed; tells the listeners what changed. About 100 ns when nothing has.
    pub fn poll(&self) {
        self.tier.poll();
    }
    /// The channel of other hosts' changes was heard without a gap until now; `false` when it is not heard: a gap
    /// begins when nobody else on this host hears it. To be said each second at least. Gaps are kept by the order of writes and by the system's clock, which a host's
    /// processes share, so that `now` may be each one's own.
    pub fn heard(&self, hears: bool, _now: Millis) {
        self.tier.heard(self.id, hears);
    }
    /// Takes, renews (same owner) or is refused a lease, ahead of queued puts; `done` gets it on the writer thread,
    /// or at once when it is plainly another's.
    pub fn lease(
        &self,
        key: &[u8],
        owner: u64,
        now: Millis,
        ttl_ms: u64,
        done: Box<dyn FnOnce(Result<Lease, Error>) + Send>,
    ) {
        let store = self.tier.open_store();
        if store.is_some_and(|store| store.is_leased(key, owner, now).unwrap_or(false)) {
            return done(Ok(Lease::Busy));
        }
        let op = Op::Lease { key: Bytes::copy_from_slice(key), owner, now, ttl_ms, done };
        if let Err(op) = self.tier.push(op) {
            writer::refuse([Next::Op(op)], &self.tier.away());
        }
    }
    /// Ends a lease of that owner.
    pub fn release(&self, key: &[u8], owner: u64) {
        // where it cannot be taken in, the lease's deadline ends it
        let _ = self.tier.push(Op::Release { key: Bytes::copy_from_slice(key), owner });
    }
    /// Keys and patterns that Redis missed, kept across restarts; see `redis::Link::missed`.
    pub fn missed(&self, what: &[Bytes]) {
        let _ = self.tier.push(Op::Missed(what.to_vec()));
    }
    /// Takes them back; blocking.
    pub fn take_missed(&self) -> Vec<Bytes> {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        match self.tier.push(Op::TakeMissed(reply)) {
            Ok(()) => answer.recv_timeout(MISSED_WAIT).unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }
    /// Settles when everything accepted so far is committed.
    pub fn flush(&self, done: Done) {
        let mut pending = self.tier.pending.lock();
        if !self.tier.is_up() || pending.closing {
            drop(pending);
            return done(Err(self.tier.away()));
        }
        let version = pending.overlay.version();
        pending.flushes.push((version, done));
        drop(pending);
        self.tier.wake.notify_one();
    }
    /// Lets go of the store, as dropping does, while others may still hold this: what they ask is answered as if
    /// nothing were there. The last one to let go waits until all is committed; then no file is touched any more.
    pub fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.tier.unlisten(self.id);
            self.tier.heard(self.id, false);
            registry::leave(&self.tier.root);
        }
    }
    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        self.tier.is_up()
    }
}
impl Drop for Disk {
    fn drop(&mut self) {
        self.close();
    }
}
