//! Deletes: of keys, of what matches a glob, of what carries a tag, of everything with a prefix; from all tiers.

use super::engine::{DISK_TIMEOUT, Engine, Work};
use super::queue::Job;
use super::write::{PATTERN, TAG};
use crate::disk::Disk;
use crate::memory::Removal;
use crate::redis::{Change, Link};
use crate::runtime::Runtime;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use sluice_core::cache::{Millis, glob};
use sluice_core::error::Error;
use std::sync::Arc;

/// How many keys were removed.
pub type Done = Box<dyn FnOnce(u64) + Send>;

/// Collects how many keys each tier removed. The widest tier has most of them, so the largest number is the answer.
struct Count {
    memory: u64,
    disk: u64,
    redis: u64,
    /// Calls to the disk that have not answered, and that to Redis.
    disk_waits: usize,
    redis_waits: bool,
    /// The disk did not commit in time.
    gave_disk_up: bool,
    done: Option<Done>,
    /// Held until both have ended, also where the disk was given up.
    removal: Option<Removal>,
    _work: Work,
}
type Shared = Arc<Mutex<Count>>;
fn count_disk(shared: &Shared, removed: u64) {
    let mut count = shared.lock();
    count.disk += removed;
    count.disk_waits = count.disk_waits.saturating_sub(1);
    answer(count);
}
fn count_redis(shared: &Shared, removed: u64) {
    let mut count = shared.lock();
    count.redis = removed;
    count.redis_waits = false;
    answer(count);
}
/// Answers when nothing is waited for.
fn answer(mut count: MutexGuard<'_, Count>) {
    let disk_ended = count.disk_waits == 0;
    let removal = if disk_ended && !count.redis_waits { count.removal.take() } else { None };
    let is_known = (disk_ended || count.gave_disk_up) && !count.redis_waits;
    let done = if is_known { count.done.take() } else { None };
    let most = count.memory.max(count.disk).max(count.redis);
    drop(count);
    drop(removal);
    if let Some(done) = done {
        done(most);
    }
}
/// What is removed from the disk and from Redis.
#[derive(Clone)]
enum What {
    Keys(Vec<Bytes>),
    Glob(Bytes),
    Tag(Box<str>),
}

impl Engine {
    /// Removes keys. `Some` when the number is known at once.
    pub fn remove(
        self: &Arc<Self>,
        keys: Vec<Bytes>,
        now: Millis,
        done: impl FnOnce() -> Done,
    ) -> Result<Option<u64>, Error> {
        self.enter(now)?;
        if self.is_memory_only() {
            return Ok(Some(keys.iter().map(|key| u64::from(self.memory.remove(key, now))).sum()));
        }
        let shared = self.counting(keys.len(), None, done());
        for key in &keys {
            let removed = self.memory.exclusive(key, |own| {
                self.fills.settle(key);
                self.remove_on_disk(What::Keys(vec![key.clone()]), &shared);
                own.remove(now)
            });
            shared.lock().memory += u64::from(removed);
        }
        self.remove_below(What::Keys(keys), &shared);
        Ok(None)
    }
    /// Removes the memory copy only.
    pub fn remove_memory(&self, key: &[u8], now: Millis) -> bool {
        self.memory.remove(key, now)
    }
    /// Removes all memory copies of keys that begin so.
    pub fn clear_memory(&self, prefix: &[u8], now: Millis) {
        if prefix.is_empty() {
            self.memory.clear();
        } else {
            self.forget_copies(&prefix_glob(prefix), now);
        }
    }
    /// Removes what matches a glob.
    pub fn remove_pattern(
        self: &Arc<Self>,
        pattern: &[u8],
        now: Millis,
        done: impl FnOnce() -> Done,
    ) -> Result<Option<u64>, Error> {
        self.enter(now)?;
        let removal = self.begin_removal();
        let removed = self.forget_copies(pattern, now);
        if self.is_memory_only() {
            return Ok(Some(removed));
        }
        let shared = self.counting(1, removal, done());
        let what = What::Glob(Bytes::copy_from_slice(pattern));
        shared.lock().memory = removed;
        self.remove_on_disk(what.clone(), &shared);
        self.remove_below(what, &shared);
        Ok(None)
    }
    pub(super) fn forget_copies(&self, pattern: &[u8], now: Millis) -> u64 {
        self.memory.forget(|memory| memory.keys(&|key| glob::matches(pattern, key), false, now), now)
    }
    /// Removes what carries a tag.
    pub fn remove_tag(
        self: &Arc<Self>,
        tag: &str,
        now: Millis,
        done: impl FnOnce() -> Done,
    ) -> Result<Option<u64>, Error> {
        self.enter(now)?;
        let removal = self.begin_removal();
        let removed = self.forget_tagged(tag, now);
        if self.is_memory_only() {
            return Ok(Some(removed));
        }
        let shared = self.counting(1, removal, done());
        let what = What::Tag(tag.into());
        shared.lock().memory = removed;
        self.remove_on_disk(what.clone(), &shared);
        self.remove_below(what, &shared);
        Ok(None)
    }
    pub(super) fn forget_tagged(&self, tag: &str, now: Millis) -> u64 {
        self.memory.forget(|memory| memory.tagged(tag), now)
    }
    /// Removes everything that begins so; everything for an empty prefix.
    pub fn clear(
        self: &Arc<Self>,
        prefix: &[u8],
        now: Millis,
        done: impl FnOnce() -> Done,
    ) -> Result<Option<u64>, Error> {
        if prefix.is_empty() {
            self.enter(now)?;
            self.memory.clear();
            if self.is_memory_only() {
                return Ok(Some(0));
            }
        }
        self.remove_pattern(&prefix_glob(prefix), now, done)
    }

    /// Where Redis and the disk fill each other: not while many keys go from both.
    fn begin_removal(&self) -> Option<Removal> {
        (self.redis.get().is_some() && self.disk.is_some()).then(|| self.memory.begin_removal())
    }
    /// Counts the answers of so many calls to the disk, and of one to Redis.
    fn counting(self: &Arc<Self>, calls: usize, removal: Option<Removal>, done: Done) -> Shared {
        let disk_waits = if self.disk.is_some() { calls } else { 0 };
        let count = Count {
            memory: 0,
            disk: 0,
            redis: 0,
            disk_waits,
            redis_waits: true,
            gave_disk_up: false,
            done: Some(done),
            removal,
            _work: self.work(),
        };
        let shared = Arc::new(Mutex::new(count));
        if self.disk.is_some() {
            self.expire_in_time(&shared);
        }
        shared
    }
    /// Gives up the disk when it does not commit in time. Each step in Redis has its own deadline.
    fn expire_in_time(&self, shared: &Shared) {
        let (timeout, runtime) = match self.redis.get() {
            Some(redis) => (redis.timeout, Ok(redis.runtime.clone())),
            None => (DISK_TIMEOUT, Runtime::get()),
        };
        let Ok(runtime) = runtime else { return };
        let (waiting, hold) = (Arc::downgrade(shared), runtime.clone());
        runtime.spawn(async move {
            tokio::time::sleep(timeout).await;
            if let Some(shared) = waiting.upgrade() {
                let mut count = shared.lock();
                count.gave_disk_up = true;
                answer(count);
            }
            drop(hold);
        });
    }
    fn remove_on_disk(&self, what: What, shared: &Shared) {
        let Some(tier) = &self.disk else { return };
        let shared = shared.clone();
        tier.with(move |disk| {
            let Some(disk) = disk else { return count_disk(&shared, 0) };
            let done: crate::disk::Done = Box::new(move |result| count_disk(&shared, result.unwrap_or(0)));
            match what {
                What::Keys(keys) => disk.remove(&keys, done),
                What::Glob(glob) => disk.remove_pattern(&glob, done),
                What::Tag(tag) => disk.remove_tag(&tag, done),
            }
        });
    }
    fn remove_below(self: &Arc<Self>, what: What, shared: &Shared) {
        let Some(redis) = self.redis_up() else {
            self.missed_removal(&what);
            return count_redis(shared, 0);
        };
        let (engine, link, shared) = (self.clone(), redis.link.clone(), shared.clone());
        self.accept(Job::Task(Box::pin(async move {
            let removed = engine.remove_in_redis(&link, &what).await;
            if removed.is_none() {
                engine.missed_removal(&what);
            }
            count_redis(&shared, removed.unwrap_or(0));
        })));
        self.flush();
    }
    async fn remove_in_redis(self: &Arc<Self>, link: &Link, what: &What) -> Option<u64> {
        let origin = self.origin().unwrap_or_default();
        match what {
            What::Keys(keys) => {
                let began: Vec<_> = keys.iter().map(|key| self.memory.moment(key)).collect();
                let removed = link.remove(keys, &origin).await.ok();
                // a read of another engine may have filled memory from Redis before the delete got there
                for (key, began) in keys.iter().zip(began) {
                    self.memory.remove_if(key, self.last_now(), began);
                }
                removed
            }
            What::Glob(pattern) => {
                let removed = link.remove_pattern(pattern, &origin).await.ok();
                self.forget_copies(pattern, self.last_now());
                removed
            }
            What::Tag(tag) => {
                let removed = link.remove_tag(tag, &origin).await.ok();
                for key in removed.iter().flatten() {
                    self.memory.remove(key, self.last_now());
                    if let Some(disk) = self.disk.as_ref().and_then(|disk| disk.get()) {
                        disk.remove(std::slice::from_ref(key), Box::new(|_| {}));
                    }
                }
                removed.map(|keys| keys.len() as u64)
            }
        }
    }
    /// Redis did not hear of a delete: it is made when it is back.
    fn missed_removal(&self, what: &What) {
        let Some(redis) = self.redis.get() else { return };
        match what {
            What::Keys(keys) => keys.iter().for_each(|key| self.missed(key)),
            What::Glob(glob) => {
                redis.link.missed(Change::Pattern(glob));
                self.missed_on_disk(PATTERN, glob);
            }
            What::Tag(tag) => {
                redis.link.missed(Change::Tag(tag));
                self.missed_on_disk(TAG, tag.as_bytes());
            }
        }
    }
    /// Another host removed what matches a glob.
    pub(super) fn forget_matching(&self, disk: &Disk, pattern: &[u8]) {
        disk.remove_pattern(pattern, Box::new(|_| {}));
        self.forget_copies(pattern, self.last_now());
    }
    /// Another host removed what carries a tag.
    pub(super) fn forget_tag(&self, disk: &Disk, tag: &str) {
        disk.remove_tag(tag, Box::new(|_| {}));
        self.forget_tagged(tag, self.last_now());
    }
}

/// The glob of everything that begins so.
pub(super) fn prefix_glob(prefix: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::new();
    glob::escape(prefix, &mut pattern);
    pattern.push(b'*');
    pattern
}
