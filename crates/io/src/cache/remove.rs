//! Deletes: of keys, of what matches a glob, of what carries a tag, of everything with a prefix; from all tiers.

use super::engine::{DISK_TIMEOUT, Engine, Work};
use super::queue::Job;
use super::write::{PATTERN, TAG};
use crate::disk::Disk;
use crate::redis::{Change, Link};
use crate::runtime::Runtime;
use bytes::Bytes;
use parking_lot::Mutex;
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
    waits: usize,
    done: Option<Done>,
    _work: Work,
}
type Shared = Arc<Mutex<Count>>;
fn count(shared: &Shared, add: impl FnOnce(&mut Count)) {
    let mut count = shared.lock();
    add(&mut count);
    count.waits = count.waits.saturating_sub(1);
    if count.waits == 0 {
        answer(count);
    }
}
fn answer(mut count: parking_lot::MutexGuard<'_, Count>) {
    let most = count.memory.max(count.disk).max(count.redis);
    let done = count.done.take();
    drop(count);
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
        let shared = self.counting(keys.len(), done());
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
        let removed = self.forget_copies(pattern, now);
        if self.is_memory_only() {
            return Ok(Some(removed));
        }
        let (what, shared) = (What::Glob(Bytes::copy_from_slice(pattern)), self.counting(1, done()));
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
        let removed = self.forget_tagged(tag, now);
        if self.is_memory_only() {
            return Ok(Some(removed));
        }
        let (what, shared) = (What::Tag(tag.into()), self.counting(1, done()));
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

    /// Counts the answers of so many calls to the disk, and of one to Redis.
    fn counting(self: &Arc<Self>, calls: usize, done: Done) -> Shared {
        let waits = 1 + if self.disk.is_some() { calls } else { 0 };
        let (memory, disk, redis, _work) = (0, 0, 0, self.work());
        let shared = Arc::new(Mutex::new(Count { memory, disk, redis, waits, done: Some(done), _work }));
        if self.disk.is_some() {
            self.expire_in_time(&shared);
        }
        shared
    }
    /// Answers with what is known when the disk does not commit in time.
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
                answer(shared.lock());
            }
            drop(hold);
        });
    }
    fn remove_on_disk(&self, what: What, shared: &Shared) {
        let Some(tier) = &self.disk else { return };
        let shared = shared.clone();
        tier.with(move |disk| {
            let Some(disk) = disk else { return count(&shared, |_| {}) };
            let done: crate::disk::Done =
                Box::new(move |result| count(&shared, |count| count.disk += result.unwrap_or(0)));
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
            return count(shared, |_| {});
        };
        let (engine, link, shared) = (self.clone(), redis.link.clone(), shared.clone());
        self.accept(Job::Task(Box::pin(async move {
            let removed = engine.remove_in_redis(&link, &what).await;
            if removed.is_none() {
                engine.missed_removal(&what);
            }
            count(&shared, |count| count.redis = removed.unwrap_or(0));
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
