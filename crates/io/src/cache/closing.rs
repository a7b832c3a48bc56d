//! How an engine ends: closed by its owner, or left behind by an environment that is gone.

use super::engine::Engine;
use super::events::Kinds;
use crate::disk::Disk;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A disk that another process holds up is left as it is.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

impl Engine {
    /// The environment that held it is gone: nobody hears, and its leases end.
    pub fn abandon(&self) {
        self.listen(None, Kinds::default());
        self.end_leases();
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
        let close_disk: Box<dyn FnOnce() + Send> = match self.disk.clone() {
            Some(tier) => Box::new(move || tier.close(move |disk| end(disk, done))),
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
    fn end_leases(&self) {
        let lowers = std::mem::take(&mut *self.lowers.lock());
        for (token, (key, lower)) in lowers {
            self.owner.release(&key, token);
            self.give_back(key, lower);
        }
        self.owner.end();
    }
}
/// Commits what the disk has accepted and lets it go.
fn end(disk: Option<Arc<Disk>>, done: Box<dyn FnOnce() + Send>) {
    let Some(disk) = disk else { return done() };
    // on the pool: not on the writer's own thread, which closing waits for
    crate::pool::spawn(move || {
        let (flushed, wait) = std::sync::mpsc::channel();
        disk.flush(Box::new(move |_| {
            let _ = flushed.send(());
        }));
        let _ = wait.recv_timeout(CLOSE_WAIT);
        // nothing touches its files after `done`, whoever still holds it
        disk.close();
        done();
    });
}
impl Drop for Engine {
    fn drop(&mut self) {
        self.end_leases();
    }
}
