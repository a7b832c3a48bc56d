//! Writes: memory, the disk's overlay and the place in the Redis queue are taken before the call returns.

use super::engine::Engine;
use super::queue::{Job, Set};
use crate::redis::{Change, Write};
use bytes::Bytes;
use parking_lot::Mutex;
use sluice_core::cache::lifetime::Asked;
use sluice_core::cache::write::Plan;
use sluice_core::cache::{Millis, Moment, Tag, key_hash};
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

/// Keeps memory and the disk's overlay in one order where several threads share them.
static ORDER: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];
pub(super) fn order(key: &[u8]) -> parking_lot::MutexGuard<'static, ()> {
    #[expect(clippy::indexing_slicing, reason = "64 of them")]
    ORDER[(key_hash(key) % 64) as usize].lock()
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
        if guard.is_some_and(|guard| guard.token > 0 && !self.leases.holds(key, guard.token as u64)) {
            return Ok(Some(false));
        }
        let lifetime = Plan::lifetime(&self.tiers, &value.asked, self.config.jitter);
        let plan = Plan::new(&self.tiers, &lifetime, value.tag, &value.bytes, &value.tags, flags, now);
        let _order = self.disk.as_ref().map(|_| order(key));
        let echoes = self.redis.get().is_some_and(|redis| redis.echoes);
        let began = guard.map(|guard| guard.began);
        // for a key whose echo would drop the copy anyway, and for a tier that is left out, the old copy goes
        let stored = match (plan.memory.filter(|_| !echoes), began) {
            (Some(record), Some(began)) => self.memory.replace(key, record, now, began),
            (Some(record), None) => {
                self.memory.set(key, record, now);
                true
            }
            (None, Some(began)) if self.memory.moment(key) != began => false,
            (None, _) => {
                self.memory.remove(key);
                true
            }
        };
        if !stored {
            return Ok(Some(false));
        }
        let after = self.memory.moment(key);
        let key = match plan.disk.is_some() || plan.redis.is_some() {
            true => Bytes::copy_from_slice(key),
            false => return Ok(Some(true)),
        };
        let mut on_disk = Some(true);
        let mut later = None;
        if let (Some(record), Some(tier)) = (plan.disk, &self.disk) {
            match tier.get() {
                Some(disk) => on_disk = Some(disk.put(&key, record, None)),
                None => {
                    on_disk = None;
                    later = Some(record);
                }
            }
        }
        let mut in_redis = Some(true);
        let mut write = None;
        if let Some(record) = plan.redis {
            if self.redis_up().is_some() {
                let lower = guard.filter(|guard| guard.token > 0);
                let lower = lower.and_then(|guard| self.leases.lower(&key, guard.token as u64));
                let fence = lower.filter(|lower| lower.redis).map(|lower| (owner_name(lower.owner), lower.fence));
                in_redis = None;
                write = Some(Write { key: key.clone(), record, only_absent: false, fence, publish: self.origin() });
                if let Some(superseded) = self.filling.lock().get_mut(&key) {
                    *superseded = true;
                }
            } else {
                in_redis = Some(false);
                self.missed(&key);
            }
        }
        if let (Some(disk), Some(redis)) = (on_disk, in_redis) {
            self.count_dropped(disk && redis);
            return Ok(Some(disk && redis));
        }
        let known = on_disk.unwrap_or(true) && in_redis.unwrap_or(true);
        let waits = u32::from(later.is_some()) + u32::from(write.is_some());
        let (engine, caller) = (self.clone(), done());
        let ended: Box<dyn FnOnce(bool) + Send> = Box::new(move |good| {
            engine.count_dropped(good);
            caller(good);
        });
        let verdict = Arc::new(Mutex::new(Verdict { good: known, waits, done: Some(ended) }));
        if let (Some(record), Some(tier)) = (later, &self.disk) {
            let (verdict, key, work) = (verdict.clone(), key.clone(), self.work());
            tier.with(move |disk| {
                Verdict::say(&verdict, disk.is_some_and(|disk| disk.put(&key, record, None)));
                drop(work);
            });
        }
        if let Some(write) = write {
            let (engine, guarded) = (self.clone(), guard.is_some());
            let undo = self.work();
            let done = Box::new(move |result: Result<bool, Error>| {
                match &result {
                    Err(_) => engine.missed(&key),
                    // a delete elsewhere that was told while the load's result was on its way came before it
                    Ok(true) if guarded && engine.memory.moment(&key) != after => engine.take_back(key, undo),
                    Ok(_) => {}
                }
                Verdict::say(&verdict, matches!(result, Ok(true)));
            });
            self.accept(Job::Set(Set { write, now, done, work: self.work() }));
        }
        Ok(None)
    }
    fn count_dropped(&self, good: bool) {
        if !good {
            self.tallies.dropped_writes.fetch_add(1, Ordering::Relaxed);
        }
    }
    /// Redis did not take a change of this key: it is invalidated there when it is back.
    pub(super) fn missed(&self, key: &Bytes) {
        if let Some(redis) = self.redis.get() {
            redis.link.missed(Change::Keys(vec![key]));
            if let Some(disk) = self.disk.as_ref().and_then(|disk| disk.get()) {
                disk.missed(std::slice::from_ref(key));
            }
        }
    }
}
/// The name under which a lease is held in Redis.
pub(super) fn owner_name(owner: u64) -> Bytes {
    Bytes::from(format!("{owner:016x}"))
}
