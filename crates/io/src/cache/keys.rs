//! Listings of keys.

use super::engine::Engine;
use super::queue::Job;
use bytes::Bytes;
use sluice_core::cache::Millis;
use sluice_core::error::Error;
use std::future::Future;
use std::sync::Arc;

impl Engine {
    /// Fresh keys that begin so, from the widest tier that answers, with writes on their way.
    pub fn keys(
        self: &Arc<Self>,
        prefix: &[u8],
        limit: usize,
        now: Millis,
        done: impl FnOnce() -> Box<dyn FnOnce(Vec<Bytes>) + Send>,
    ) -> Result<Option<Vec<Bytes>>, Error> {
        self.enter(now)?;
        let prefix = Bytes::copy_from_slice(prefix);
        if self.is_memory_only() {
            return Ok(Some(self.keys_in_memory(&prefix, limit, now)));
        }
        let (engine, work, done) = (self.clone(), self.work(), done());
        match self.redis_up() {
            Some(redis) => {
                let link = redis.link.clone();
                let task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
                    match link.keys(&prefix, limit).await {
                        Ok(keys) => done(keys),
                        Err(_) => engine.keys_on_disk(prefix, limit, now, done),
                    }
                    drop(work);
                });
                self.accept(Job::Task(task));
                self.flush();
            }
            None => {
                engine.keys_on_disk(prefix, limit, now, done);
                drop(work);
            }
        }
        Ok(None)
    }
    fn keys_in_memory(&self, prefix: &[u8], limit: usize, now: Millis) -> Vec<Bytes> {
        let mut keys = self.memory.keys(&|key| key.starts_with(prefix), true, now);
        keys.truncate(limit);
        keys.into_iter().map(Bytes::from).collect()
    }
    fn keys_on_disk(
        self: &Arc<Self>,
        prefix: Bytes,
        limit: usize,
        now: Millis,
        done: Box<dyn FnOnce(Vec<Bytes>) + Send>,
    ) {
        let work = self.work();
        let Some(tier) = &self.disk else {
            return done(self.keys_in_memory(&prefix, limit, now));
        };
        tier.with(move |disk| {
            let disk = disk.cloned();
            crate::pool::spawn(move || {
                done(match disk {
                    Some(disk) => disk.keys(&prefix, limit, now),
                    None => work.0.keys_in_memory(&prefix, limit, now),
                });
                drop(work);
            });
        });
    }
}
