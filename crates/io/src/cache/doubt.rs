//! Values that were stored in Redis and may be older than a delete.

use super::engine::{Engine, Work};
use super::queue::Job;
use crate::redis::Answer;
use bytes::Bytes;
use parking_lot::Mutex;
use sluice_core::cache::{Moment, Record};
use std::collections::HashMap;
use std::sync::Arc;

/// How long Redis may take to tell of a change that it has made.
const TOLD_WITHIN: std::time::Duration = std::time::Duration::from_millis(20);

/// Fills of Redis that may have to be taken back, by key. Changed under the key's lock, as the queue is.
#[derive(Default)]
pub(super) struct Fills(Mutex<Pending>);
#[derive(Default)]
struct Pending {
    of: HashMap<Bytes, Vec<u64>>,
    last: u64,
}
impl Fills {
    /// A fill takes its place in the queue; its number.
    pub fn begin(&self, key: &Bytes) -> u64 {
        let mut pending = self.0.lock();
        pending.last += 1;
        let number = pending.last;
        pending.of.entry(key.clone()).or_default().push(number);
        number
    }
    /// A set or delete of ours comes behind the fills of that key: there is nothing left of them to be taken back.
    pub fn settle(&self, key: &[u8]) {
        self.0.lock().of.remove(key);
    }
    /// Ends a fill; false when it was settled before.
    pub fn end(&self, key: &[u8], number: u64) -> bool {
        let mut pending = self.0.lock();
        let Some(numbers) = pending.of.get_mut(key) else { return false };
        let before = numbers.len();
        numbers.retain(|other| *other != number);
        let (was_pending, is_empty) = (numbers.len() < before, numbers.is_empty());
        if is_empty {
            pending.of.remove(key);
        }
        was_pending
    }
}

impl Engine {
    /// A value that may be older than a delete was stored in Redis: takes it back if the key has changed elsewhere
    /// meanwhile and it is still there. Redis tells of changes up to an event loop's round after the answer, so it is
    /// looked at twice.
    pub(super) fn doubt(
        self: &Arc<Self>,
        key: Bytes,
        record: Record,
        fill: u64,
        changed: impl Fn(Moment) -> bool + Send + 'static,
    ) {
        let Some(redis) = self.redis.get() else { return };
        let engine = self.clone();
        redis.runtime.spawn(async move {
            let work = engine.work();
            if !changed(engine.memory.moment(&key)) {
                tokio::time::sleep(TOLD_WITHIN).await;
            }
            if changed(engine.memory.moment(&key)) {
                engine.take_back(key, record, fill, work).await;
            } else {
                engine.fills.end(&key, fill);
            }
        });
    }
    async fn take_back(self: &Arc<Self>, key: Bytes, record: Record, fill: u64, work: Work) {
        let held = match self.redis_up() {
            Some(redis) => redis.link.get_many(std::slice::from_ref(&key), self.last_now()).await.ok(),
            None => None,
        };
        // what we have set or deleted meanwhile stays: under the lock, so that it is either known or comes behind
        self.memory.exclusive(&key, |_| {
            if !self.fills.end(&key, fill) {
                return;
            }
            let (Some(redis), Some(held)) = (self.redis_up(), held) else { return self.missed(&key) };
            let [Answer::Found { record: held, .. }] = &held[..] else { return };
            if held.bytes != record.bytes {
                return;
            }
            let (engine, link, key) = (self.clone(), redis.link.clone(), key.clone());
            let task = async move {
                let origin = engine.origin().unwrap_or_default();
                if link.remove(std::slice::from_ref(&key), &origin).await.is_err() {
                    engine.missed(&key);
                }
                drop(work);
            };
            self.send_now(redis, Job::Task(Box::pin(task)));
        });
    }
}
