//! Writes: memory, the disk's overlay and the place in the Redis queue are taken before the call returns.

use super::engine::Engine;
use super::queue::{Job, Set};
use crate::disk::Disk;
use crate::memory::Value as Copied;
use crate::redis::{Answer, Change, Write};
use bytes::Bytes;
use parking_lot::Mutex;
use sluice_core::cache::lifetime::Asked;
use sluice_core::cache::write::Plan;
use sluice_core::cache::{Millis, Moment, Record, Tag};
use sluice_core::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A value to be written.
#[derive(Debug, Clone)]
pub struct Value {
    /// What the bytes are.
    pub tag: Tag,
    /// The value.
    pub bytes: Bytes,
    /// Names by which it can be deleted.
    pub tags: Box<[Box<str>]>,
    /// How long it lives.
    pub asked: Asked,
}
/// What must not have moved for a load's result to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// When the load began.
    pub began: Moment,
    /// Its lease; 0 or less: it ran without.
    pub token: i64,
    /// Nothing was there: what is there in Redis by then is another's load, or newer, and stays.
    pub absent: bool,
}
/// Collects what the asked tiers say of a write.
struct Verdict {
    good: bool,
    waits: u32,
    done: Option<Box<dyn FnOnce(bool) + Send>>,
}
impl Verdict {
    fn say(verdict: &Mutex<Verdict>, good: bool) {
        let done = {
            let mut verdict = verdict.lock();
            verdict.good &= good;
            verdict.waits -= 1;
            if verdict.waits > 0 {
                return;
            }
            verdict.done.take().map(|done| (done, verdict.good))
        };
        if let Some((done, good)) = done {
            done(good);
        }
    }
}

impl Engine {
    /// Writes a value. `Some` when that is known at once; else `done` is called with whether every tier that was
    /// asked took it.
    pub fn write(
        self: &Arc<Self>,
        key: &[u8],
        value: &Value,
        now: Millis,
        flags: u32,
        guard: Option<Guard>,
        done: impl FnOnce() -> Box<dyn FnOnce(bool) + Send>,
    ) -> Result<Option<bool>, Error> {
        self.enter(now)?;
        let lifetime = Plan::lifetime(&self.tiers, &value.asked, self.config.jitter);
        let plan = Plan::new(&self.tiers, &lifetime, value.tag, &value.bytes, &value.tags, flags, now);
        self.memory.exclusive(key, |own| {
            let allowed = guard.is_none_or(|guard| {
                own.is(guard.began) && (guard.token <= 0 || self.owner.holds(key, guard.token as u64))
            });
            if !allowed {
                return Ok(Some(false));
            }
            match plan.memory.as_ref() {
                Some(record) => drop(own.put(record, now)),
                // the new value stays below: the old copy goes
                None => drop(own.remove(now)),
            }
            own.moves();
            Ok(self.write_below(key, plan, now, guard, done))
        })
    }
    /// Writes a value without tags to memory alone. The bytes are copied once, into the entry.
    pub fn write_memory(
        &self,
        key: &[u8],
        tag: Tag,
        bytes: &[u8],
        now: Millis,
        asked: &Asked,
    ) -> Result<(), Error> {
        self.enter(now)?;
        if !self.tiers.memory {
            self.memory.remove(key, now);
            return Ok(());
        }
        let lifetime = Plan::lifetime(&self.tiers, asked, self.config.jitter);
        let (deadline, stale_until) = lifetime.until(lifetime.memory, now);
        self.memory.set(key, Copied { tag, deadline, stale_until, tags: &[], bytes }, now);
        Ok(())
    }
    /// Disk and Redis, under the key's lock.
    fn write_below(
        self: &Arc<Self>,
        key: &[u8],
        plan: Plan,
        now: Millis,
        guard: Option<Guard>,
        done: impl FnOnce() -> Box<dyn FnOnce(bool) + Send>,
    ) -> Option<bool> {
        if plan.disk.is_none() && plan.redis.is_none() {
            return Some(true);
        }
        let key = Bytes::copy_from_slice(key);
        let mut known = true;
        let (mut later, mut write) = (None, None);
        if let (Some(record), Some(tier)) = (plan.disk, &self.disk) {
            match tier.get() {
                Some(disk) => known &= self.put_on_disk(&disk, &key, record, guard),
                None => later = Some(record),
            }
        }
        if let Some(record) = plan.redis {
            if self.redis_up().is_some() {
                let lower = guard.and_then(|guard| self.lower(guard.token));
                let fence = lower.filter(|lower| lower.redis && lower.may_have_ended());
                let fence = fence.map(|lower| (owner_name(lower.owner), lower.fence));
                write = Some(Write {
                    key: key.clone(),
                    record,
                    only_absent: guard.is_some_and(|guard| guard.absent),
                    fence,
                    publish: self.origin(),
                });
                if guard.is_none_or(|guard| !guard.absent) {
                    self.fills.settle(&key);
                }
            } else {
                known = false;
                self.missed(&key);
            }
        }
        let waits = u32::from(later.is_some()) + u32::from(write.is_some());
        if waits == 0 {
            self.count_dropped(known);
            return Some(known);
        }
        let (engine, caller) = (self.clone(), done());
        let ended: Box<dyn FnOnce(bool) + Send> = Box::new(move |good| {
            engine.count_dropped(good);
            caller(good);
        });
        let verdict = Arc::new(Mutex::new(Verdict { good: known, waits, done: Some(ended) }));
        if let (Some(record), Some(tier)) = (later, &self.disk) {
            let (verdict, key, work) = (verdict.clone(), key.clone(), self.work());
            tier.with(move |disk| {
                let taken = disk.is_some_and(|disk| work.0.put_on_disk(disk, &key, record, guard));
                Verdict::say(&verdict, taken);
                drop(work);
            });
        }
        if let Some(write) = write {
            // the lock's release moves the epoch once; the echo of a script's write, which NOLOOP lets pass, does once more
            let steps = 1 + u32::from(write.fence.is_some());
            let engine = self.clone();
            let record = write.record.clone();
            let fill = guard.map(|guard| (guard, self.fills.begin(&key)));
            let done = Box::new(move |result: Result<bool, Error>| {
                if let (Some((_, fill)), Ok(false) | Err(_)) = (fill, &result) {
                    engine.fills.end(&key, fill);
                }
                let good = match (&result, fill) {
                    (Err(_), _) => {
                        engine.missed(&key);
                        false
                    }
                    (Ok(stored), None) => *stored,
                    (Ok(true), Some((guard, fill))) => {
                        engine.doubt(key, record, fill, move |moment| passed(guard.began, moment, steps));
                        true
                    }
                    (Ok(false), Some((guard, _))) => {
                        engine.refused(key, record, now);
                        guard.absent
                    }
                };
                Verdict::say(&verdict, good);
            });
            self.accept(Job::Set(Set { write, now, done, work: self.work() }));
        }
        None
    }
    fn count_dropped(&self, good: bool) {
        if !good {
            self.tallies.dropped_writes.fetch_add(1, Ordering::Relaxed);
        }
    }
    fn put_on_disk(&self, disk: &Disk, key: &Bytes, record: Record, guard: Option<Guard>) -> bool {
        match guard.and_then(|guard| self.lower(guard.token)).filter(|lower| !lower.redis) {
            Some(lower) => disk.put_fenced(key, record, None, lower.owner, lower.fence),
            None => disk.put(key, record, None),
        }
    }
    /// Redis has something else in place of what a load brought: that is served from now on, unless nobody can read it.
    fn refused(self: &Arc<Self>, key: Bytes, record: Record, now: Millis) {
        let Some(redis) = self.redis.get() else { return };
        self.memory.invalidate(sluice_core::cache::key_hash(&key));
        let (engine, link) = (self.clone(), redis.link.clone());
        redis.runtime.spawn(async move {
            let held = link.get_many(std::slice::from_ref(&key), now).await;
            if matches!(held.as_deref(), Ok([Answer::Damaged])) {
                let publish = engine.origin();
                let write = Write { key, record, only_absent: false, fence: None, publish };
                link.set_many(vec![write], now).await;
            }
        });
    }
    /// Redis did not take a change of this key: it is invalidated there when it is back.
    pub(super) fn missed(&self, key: &Bytes) {
        let Some(redis) = self.redis.get() else { return };
        redis.link.missed(Change::Keys(vec![key]));
        self.missed_on_disk(KEY, key);
    }
    /// Remembers what Redis missed on disk too, for the case that this process does not live to tell it.
    pub(super) fn missed_on_disk(&self, kind: u8, what: &[u8]) {
        let Some(disk) = self.disk.as_ref().and_then(|disk| disk.get()) else { return };
        let mut written = Vec::with_capacity(what.len() + 1);
        written.push(kind);
        written.extend_from_slice(what);
        let written = Bytes::from(written);
        let mut own = self.own_missed.lock();
        if own.len() < MOST_MISSED && own.insert(written.clone()) {
            disk.missed(&[written]);
        }
    }
    /// Tells Redis what other processes, or earlier ones, could not; what this one could not its link tells. Blocking.
    pub(super) fn tell_missed(&self, disk: &Disk) {
        let Some(redis) = self.redis.get() else { return };
        let taken = disk.take_missed();
        let own = std::mem::take(&mut *self.own_missed.lock());
        for what in taken.iter().filter(|what| !own.contains(*what)) {
            match what.split_first() {
                Some((&KEY, key)) => redis.link.missed(Change::Keys(vec![key])),
                Some((&PATTERN, glob)) => redis.link.missed(Change::Pattern(glob)),
                Some((&TAG, tag)) => redis.link.missed(Change::Tag(&String::from_utf8_lossy(tag))),
                _ => {}
            }
        }
    }
}
/// How many changes are remembered on disk.
const MOST_MISSED: usize = 100_000;
/// What was missed, as it is written on disk.
pub(super) const KEY: u8 = b'k';
pub(super) const PATTERN: u8 = b'p';
pub(super) const TAG: u8 = b't';

/// The name under which a lease is held in Redis.
pub(super) fn owner_name(owner: u64) -> Bytes {
    Bytes::from(format!("{owner:016x}"))
}
/// Whether more has happened to a key since `began` than so many changes.
pub(super) fn passed(began: Moment, moment: Moment, steps: u32) -> bool {
    let changes = (moment as u32).wrapping_sub(began as u32);
    moment >> 32 != began >> 32 || changes > steps
}
