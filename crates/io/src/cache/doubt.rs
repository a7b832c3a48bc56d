//! Values that were stored in Redis and may be older than a delete.

use super::engine::{Engine, Work};
use super::queue::Job;
use crate::redis::Answer;
use bytes::Bytes;
use sluice_core::cache::{Moment, Record};
use std::sync::Arc;

/// How long Redis may take to tell of a change that it has made.
const TOLD_WITHIN: std::time::Duration = std::time::Duration::from_millis(20);

impl Engine {
    /// A value that may be older than a delete was stored in Redis: takes it back if the key has changed elsewhere
    /// meanwhile and it is still there. Redis tells of changes up to an event loop's round after the answer, so it is
    /// looked at twice.
    pub(super) fn doubt(
        self: &Arc<Self>,
        key: Bytes,
        record: Record,
        changed: impl Fn(Moment) -> bool + Send + 'static,
    ) {
        let Some(redis) = self.redis.get() else { return };
        let engine = self.clone();
        redis.runtime.spawn(async move {
            let work = engine.work();
            if !changed(engine.memory.moment(&key)) {
                tokio::time::sleep(TOLD_WITHIN).await;
            }
            let superseded = engine.filling.lock().remove(&key).unwrap_or(false);
            if changed(engine.memory.moment(&key)) && !superseded {
                engine.take_back(key, record, work).await;
            }
        });
    }
    async fn take_back(self: &Arc<Self>, key: Bytes, record: Record, work: Work) {
        let Some(redis) = self.redis_up() else { return self.missed(&key) };
        let held = redis.link.get_many(std::slice::from_ref(&key), self.last_now()).await;
        let is_ours = match held.as_deref() {
            Ok([Answer::Found { record: held, .. }]) => held.bytes == record.bytes,
            Ok(_) => false,
            Err(_) => return self.missed(&key),
        };
        if is_ours {
            let (engine, link) = (self.clone(), redis.link.clone());
            let task = async move {
                let origin = engine.origin().unwrap_or_default();
                if link.remove(std::slice::from_ref(&key), &origin).await.is_err() {
                    engine.missed(&key);
                }
                drop(work);
            };
            self.send_now(redis, Job::Task(Box::pin(task)));
        }
    }
}
