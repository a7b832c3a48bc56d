//! Reads: memory on the caller's thread, Redis on the I/O thread, the disk on the pool; many at once in each.

use super::engine::{Engine, Work};
use super::queue::{Job, Set};
use super::ticket::{Hit, Reply, Seen};
use super::write::passed;
use crate::disk::Answer as OnDisk;
use crate::memory::Copy;
use crate::pool;
use crate::redis::{Answer as InRedis, Link, Write};
use bytes::Bytes;
use sluice_core::cache::read::{Answer, Held, Outcome, Read, Step};
use sluice_core::cache::{Millis, Record, skip};
use sluice_core::error::{Error, Kind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What memory alone says of a key.
pub enum Looked {
    /// A copy.
    Copy(CopyHit),
    /// A value that may be served stale, where there is no lower tier to ask.
    Hit(Box<Hit>),
    /// No tier has it; `true` where an absence was remembered.
    Absent(bool),
    /// Lower tiers must be asked; or, of a `read`, are being asked.
    Unknown,
}
/// A fresh copy in memory.
pub struct CopyHit {
    /// The copy.
    pub copy: Copy,
    /// Until when it may be served from a near cache.
    pub near_until: Millis,
    /// What the cell said before.
    pub seen: Seen,
}
/// A read that asks lower tiers.
pub(super) struct Pending {
    read: Read,
    key: Bytes,
    now: Millis,
    seen: Seen,
    who: u64,
}
/// Reads that go together. Each is answered exactly once: what is dropped unanswered fails.
pub(super) struct Reads {
    list: Vec<Pending>,
    work: Work,
}
impl Reads {
    /// Reads of that engine.
    pub fn new(engine: &Arc<Engine>, list: Vec<Pending>) -> Self {
        Self { list, work: engine.work() }
    }
    fn engine(&self) -> &Arc<Engine> {
        &self.work.0
    }
}
impl Drop for Reads {
    fn drop(&mut self) {
        if self.list.is_empty() {
            return;
        }
        let error = Error::new(Kind::Internal).with("what", "a read").with("detail", "it was dropped");
        let failed =
            self.list.drain(..).map(|pending| Reply { who: pending.who, result: Err(error.clone()) });
        self.work.0.inbox.replies(failed.collect());
    }
}
/// How often the ring of the disk is looked at.
const POLL: Duration = Duration::from_millis(10);

impl Engine {
    pub(super) fn look(&self, key: &[u8], now: Millis, flags: u32) -> (Looked, Step, Read, Seen) {
        self.poll();
        let told = self.events.told(now);
        let seen = Seen::take(&self.memory, key);
        let fills_disk = self.tiers.caps.redis.is_none() || self.fills_disk();
        let flags = if fills_disk { flags } else { flags | skip::DISK_FILL };
        let trust = self.memory.trust();
        let mut read = Read::new(self.tiers, told, flags, now);
        let asked = self.tiers.memory && flags & skip::MEMORY == 0;
        let copy = if asked { self.memory.get(key, now) } else { None };
        let absent = copy.is_none() && self.tiers.negative.is_some() && self.memory.is_absent(key, now);
        let held = copy.as_ref().map(|copy| Held {
            deadline: copy.deadline(),
            stored: copy.stored(),
            copy_trust: copy.trust(),
            trust,
        });
        let step = read.on_memory(held, || copy.as_ref().map(Copy::record), absent);
        let looked = match (&step, copy) {
            (Step::ServeCopy(near_until), Some(copy)) => {
                Looked::Copy(CopyHit { copy, near_until: *near_until, seen })
            }
            (Step::Done(outcome), _) => match &outcome.found {
                Some(found) => Looked::Hit(Box::new(Hit { found: found.clone(), seen })),
                None => Looked::Absent(outcome.negative),
            },
            _ => Looked::Unknown,
        };
        (looked, step, read, seen)
    }
    /// Whether a read that has taken its moment may fill the disk from Redis: what other instances and processes do to
    /// the disk is heard, and nothing is being removed step by step.
    pub fn fills_disk(&self) -> bool {
        !self.memory.is_removing() && self.disk.as_ref().is_none_or(|tier| tier.is_open())
    }
    /// Looks at the disk's ring, at most each 10 ms.
    pub fn poll(&self) {
        let Some(disk) = &self.disk else { return };
        {
            let mut polled = self.polled.lock();
            let at = Instant::now();
            if polled.is_some_and(|last| at.duration_since(last) < POLL) {
                return;
            }
            *polled = Some(at);
        }
        if let Some(disk) = disk.get() {
            disk.poll();
        }
    }
    /// Memory only, at once.
    pub fn lookup(&self, key: &[u8], now: Millis, flags: u32) -> Result<Looked, Error> {
        self.enter(now)?;
        Ok(self.look(key, now, flags).0)
    }
    /// All tiers. `Unknown`: accepted, leaves with `flush`, and the answer goes to the inbox, for `who`.
    pub fn read(self: &Arc<Self>, key: &[u8], now: Millis, flags: u32, who: u64) -> Result<Looked, Error> {
        self.enter(now)?;
        let (looked, step, read, seen) = self.look(key, now, flags);
        if matches!(looked, Looked::Unknown) {
            let pending = Pending { read, key: Bytes::copy_from_slice(key), now, seen, who };
            match step {
                Step::AskDisk if self.redis.get().is_some() => ask_disk(Reads::new(self, vec![pending])),
                _ => self.accept(Job::Read(pending)),
            }
        }
        Ok(looked)
    }
}

/// Asks the disk on the pool.
pub(super) fn ask_disk(mut reads: Reads) {
    let Some(tier) = reads.engine().disk.clone().filter(|_| !reads.list.is_empty()) else { return };
    tier.with(move |disk| {
        let disk = disk.cloned();
        pool::spawn(move || {
            let mut replies = Vec::with_capacity(reads.list.len());
            while let Some(mut pending) = reads.list.pop() {
                let said = match &disk {
                    Some(disk) => match disk.get(&pending.key, pending.now) {
                        OnDisk::Absent => Answer::Absent,
                        OnDisk::Found { record, suspect } => Answer::Found { record, doubt: suspect },
                        OnDisk::Damaged => Answer::Damaged,
                    },
                    None => Answer::Down,
                };
                if let Step::Done(outcome) = pending.read.on_disk(said) {
                    replies.push(pending.finish(reads.engine(), *outcome));
                }
            }
            reads.engine().inbox.replies(replies);
        });
    });
}

/// Asks Redis for many keys at once; what it does not have is asked of the disk.
pub(super) async fn ask_redis(link: Arc<Link>, mut reads: Reads) {
    let keys: Vec<Bytes> = reads.list.iter().map(|pending| pending.key.clone()).collect();
    let now = reads.list.iter().map(|pending| pending.now).max().unwrap_or_default();
    // an error is a tier that is down: the link has told its listener
    let answers = link.get_many(&keys, now).await.unwrap_or_default();
    let mut answers = answers.into_iter();
    let (mut replies, mut below, mut fills) = (Vec::with_capacity(reads.list.len()), Vec::new(), Vec::new());
    for mut pending in std::mem::take(&mut reads.list) {
        let said = match answers.next() {
            Some(InRedis::Absent) => Answer::Absent,
            Some(InRedis::Found { record, known_ttl }) => Answer::Found { record, doubt: !known_ttl },
            Some(InRedis::Damaged) => Answer::Damaged,
            Some(InRedis::Unreachable) | None => Answer::Down,
        };
        match pending.read.on_redis(said) {
            Step::Done(mut outcome) => {
                if let Some(record) = outcome.fill_disk.take() {
                    fills.push((pending.key.clone(), record, pending.seen, pending.now));
                }
                replies.push(pending.finish(reads.engine(), *outcome));
            }
            _ => below.push(pending),
        }
    }
    let engine = reads.engine();
    if !replies.is_empty() {
        engine.inbox.replies(replies);
    }
    ask_disk(Reads::new(engine, below));
    if !fills.is_empty() {
        let work = engine.work();
        pool::spawn(move || fill_disk(&work.0, fills));
    }
}

/// Fills what Redis had into the disk, where it is not there already.
pub(super) fn fill_disk(engine: &Arc<Engine>, fills: Vec<(Bytes, Record, Seen, Millis)>) {
    for (key, record, seen, now) in fills {
        let Some(disk) = engine.disk.as_ref().and_then(|disk| disk.get()) else { return };
        let held = match disk.get(&key, now) {
            OnDisk::Found { record: held, suspect: false } => {
                held.bytes == record.bytes && held.is_fresh(now)
            }
            _ => false,
        };
        if !held {
            // one step to all who change the key through this memory: a write reaches disk before it moves the epoch
            engine.memory.exclusive(&key, |own| {
                if own.is(seen.moment()) {
                    disk.put(&key, record, Some(Box::new(|| true)));
                }
            });
        }
    }
}

impl Pending {
    /// Makes the fills of an ended read, but for the disk's.
    fn finish(self, engine: &Arc<Engine>, mut outcome: Outcome) -> Reply {
        let Pending { key, now, seen, who, .. } = self;
        if outcome.damaged > 0 {
            engine.tallies.damaged.fetch_add(u64::from(outcome.damaged), Ordering::Relaxed);
        }
        if let Some(record) = outcome.fill_memory.take() {
            engine.memory.fill(&key, &record, now, seen.moment());
        }
        if let Some(until) = outcome.absent_until {
            engine.memory.remember_absent(&key, until, seen.moment());
        }
        if let Some(record) = outcome.fill_redis.take() {
            engine.fill_redis(key, record, now, seen);
        }
        Reply { who, result: Ok(outcome.found.map(|found| Hit { found, seen })) }
    }
}
impl Engine {
    /// Fills Redis with what the disk had, unless something is there or the key has changed since the read began.
    fn fill_redis(self: &Arc<Self>, key: Bytes, record: Record, now: Millis, seen: Seen) {
        if self.redis_up().is_none() {
            return;
        }
        let write = Write { key: key.clone(), record, only_absent: true, fence: None, publish: None };
        let filling = self.memory.exclusive(&key, |own| {
            // what a removal under way has not come to yet may be what the disk had
            let unmoved = own.is(seen.moment()) && !self.memory.is_removing();
            if unmoved {
                let (engine, filled, record) = (self.clone(), key.clone(), write.record.clone());
                let fill = self.fills.begin(&key);
                let done = Box::new(move |result: Result<bool, Error>| {
                    if matches!(result, Ok(true)) {
                        engine.doubt(filled, record, fill, move |moment| passed(seen.moment(), moment, 0));
                    } else {
                        engine.fills.end(&filled, fill);
                    }
                });
                self.accept(Job::Set(Set { write, now, done, work: self.work() }));
            }
            unmoved
        });
        if filling {
            self.flush();
        }
    }
}
