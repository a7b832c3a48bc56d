//! How an engine starts with its first use, and how it ends.

use super::engine::{Engine, RedisTier};
use super::events::Told as Tells;
use crate::disk::Disk;
use crate::redis::Link;
use crate::runtime::Runtime;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

/// A disk that another process holds up is left as it is.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

impl Engine {
    /// Connects and opens in the background, once.
    pub fn start(&self) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(redis) = &self.config.redis {
            self.start_redis(redis);
        }
        if let Some(disk) = &self.disk {
            let listener = Arc::new(Tells { engine: self.me.clone() });
            let engine = self.me.clone();
            disk.open(listener, move |error| {
                if let Some(engine) = engine.upgrade() {
                    engine.lost("disk", error);
                }
            });
            let engine = self.me.clone();
            disk.with(move |disk| {
                let (Some(disk), Some(engine)) = (disk, engine.upgrade()) else { return };
                engine.disk_opened(disk);
            });
        }
    }
    fn start_redis(&self, redis: &super::config::Redis) {
        let runtime = match Runtime::get() {
            Ok(runtime) => runtime,
            Err(error) => return self.lost("redis", error),
        };
        let link = Link::new(redis.link.clone(), Arc::new(Tells { engine: self.me.clone() }));
        // before anything can be sent: the first call waits for the first connection
        if let Err(error) = link.begin() {
            return self.lost("redis", error);
        }
        let (jobs, receiver) = unbounded_channel();
        runtime.spawn(super::queue::drain(self.me.clone(), receiver));
        let connecting = link.clone();
        let tier = RedisTier {
            link,
            jobs,
            echoes: redis.link.urls.len() > 1 && redis.link.tracking,
            publishes: redis.link.publishes,
            timeout: Duration::from_millis(redis.link.command_timeout_ms),
            runtime: runtime.clone(),
        };
        if self.redis.set(tier).is_ok() {
            runtime.spawn(async move { connecting.connect().await });
        }
    }
    /// What earlier runs of this host could not tell Redis is told now; and the disk hears each half second whether
    /// other hosts are heard.
    fn disk_opened(&self, disk: &Arc<Disk>) {
        let Some(redis) = self.redis.get() else { return };
        disk.heard(self.hears.load(Ordering::Acquire), self.last_now());
        self.tell_missed(disk);
        let engine = self.me();
        redis.runtime.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(500)).await;
                let Some(engine) = engine.upgrade() else { return };
                let Some(disk) = engine.disk.as_ref().and_then(|disk| disk.get()) else { return };
                disk.heard(engine.hears.load(Ordering::Acquire), engine.last_now());
            }
        });
    }
    /// Settles when the first tries to connect and to open have ended.
    pub fn started(self: &Arc<Self>, done: Box<dyn FnOnce() + Send>) {
        self.start();
        let opened: Box<dyn FnOnce() + Send> = match &self.disk {
            Some(disk) => {
                let disk = disk.clone();
                Box::new(move || disk.with(move |_| done()))
            }
            None => done,
        };
        match self.redis.get() {
            Some(redis) => {
                let link = redis.link.clone();
                redis.runtime.spawn(async move {
                    link.connect().await;
                    opened();
                });
            }
            None => opened(),
        }
    }
    /// Takes nothing more, waits for what was accepted, flushes the disk, lets everything go; then `done`.
    pub fn close(self: &Arc<Self>, done: Box<dyn FnOnce() + Send>) {
        let work = self.work();
        self.flush();
        if self.closed.swap(true, Ordering::AcqRel) {
            return done();
        }
        *self.closing.lock() = Some(done);
        drop(work);
    }
    pub(super) fn finish_closing(&self) {
        let Some(done) = self.closing.lock().take() else { return };
        self.end_leases();
        self.owner.leave();
        let disk = self.disk.as_ref().and_then(|disk| disk.close());
        let close_disk: Box<dyn FnOnce() + Send> = match disk {
            // dropped on the pool: not on the writer's own thread, which the drop may wait for
            Some(disk) => Box::new(move || {
                crate::pool::spawn(move || {
                    let (flushed, wait) = std::sync::mpsc::channel();
                    disk.flush(Box::new(move |_| {
                        let _ = flushed.send(());
                    }));
                    let _ = wait.recv_timeout(CLOSE_WAIT);
                    // the last holder's drop closes the store: nothing touches its files after `done`
                    drop(disk);
                    done();
                });
            }),
            None => done,
        };
        match self.redis.get() {
            Some(redis) => {
                let (link, runtime) = (redis.link.clone(), redis.runtime.clone());
                redis.runtime.spawn(async move {
                    link.close().await;
                    close_disk();
                    drop(runtime);
                });
            }
            None => close_disk(),
        }
    }
    pub(super) fn end_leases(&self) {
        let lowers = std::mem::take(&mut *self.lowers.lock());
        for (token, (key, lower)) in lowers {
            self.owner.release(&key, token);
            self.give_back(key, lower);
        }
        self.owner.end();
    }
}
