//! One loader per key: leases within the process, on the host, and among hosts.

use super::engine::{Engine, Work};
use super::write::owner_name;
use crate::disk::{Answer as OnDisk, Disk};
use crate::redis::{Answer as InRedis, Lease as RedisLease, Link};
use crate::runtime::Runtime;
use bytes::Bytes;
use parking_lot::Mutex;
use sluice_core::cache::load::{LEASE_MS, Next, RENEW_MS, Seen, Waiting};
use sluice_core::cache::{Lease, Millis, Moment};
use sluice_core::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How a wait for a lease ended: a token above 0 (ours), 0 (read again) or -1 (run alone).
pub type Done = Box<dyn FnOnce(i64) + Send>;
/// A lease that a lower tier gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lower {
    /// Who holds it there.
    pub owner: u64,
    /// Its fencing token.
    pub fence: u64,
    /// Redis; else the disk.
    pub redis: bool,
    /// When it was asked for last with success: it is held for `LEASE_MS` from then on at least.
    pub renewed: Instant,
}
impl Lower {
    /// Whether it may have run out before a command of now takes effect. Else no fence is needed, which is a script:
    /// Redis tells us of what a script of ours writes as if another had.
    pub fn may_have_ended(&self) -> bool {
        self.renewed.elapsed() > Duration::from_millis(LEASE_MS / 2)
    }
}
/// Where a lease beyond this process is taken.
#[derive(Clone)]
enum Table {
    Redis(Arc<Link>),
    Disk(Arc<Disk>),
}
impl Table {
    /// The fencing token; None: another holds it.
    async fn lease(&self, key: &Bytes, owner: u64, now: Millis) -> Result<Option<u64>, Error> {
        match self {
            Table::Redis(link) => Ok(match link.lease(key, &owner_name(owner), LEASE_MS).await? {
                RedisLease::Granted(fence) => Some(fence),
                RedisLease::Busy => None,
            }),
            Table::Disk(disk) => {
                let (sender, receiver) = oneshot::channel();
                let done = Box::new(move |result| drop(sender.send(result)));
                disk.lease(key, owner, now, LEASE_MS, done);
                let gone = |_| Error::new(sluice_core::error::Kind::StoreIo).with("detail", "it was closed");
                Ok(match receiver.await.map_err(gone)?? {
                    crate::disk::Lease::Granted(fence) => Some(fence),
                    crate::disk::Lease::Busy => None,
                })
            }
        }
    }
    /// Whether a fresh value has arrived.
    async fn has(&self, key: &Bytes, now: Millis) -> bool {
        match self {
            Table::Redis(link) => match link.get_many(std::slice::from_ref(key), now).await.as_deref() {
                Ok([InRedis::Found { record, .. }]) => record.is_fresh(now),
                _ => false,
            },
            Table::Disk(disk) => {
                let (disk, key, (sender, receiver)) = (disk.clone(), key.clone(), oneshot::channel());
                crate::pool::spawn(move || {
                    let said = disk.get(&key, now);
                    let fresh =
                        matches!(said, OnDisk::Found { record, suspect: false } if record.is_fresh(now));
                    let _ = sender.send(fresh);
                });
                receiver.await.unwrap_or(false)
            }
        }
    }
    async fn release(&self, key: &Bytes, owner: u64) {
        match self {
            Table::Redis(link) => drop(link.release(key, &owner_name(owner)).await),
            Table::Disk(disk) => disk.release(key, owner),
        }
    }
}

impl Engine {
    /// Where leases beyond this process are taken; a disk that is being opened is waited for.
    async fn table(&self) -> Option<Table> {
        if let Some(redis) = self.redis_up() {
            return Some(Table::Redis(redis.link.clone()));
        }
        let (sender, receiver) = oneshot::channel();
        self.disk.as_ref()?.with(move |disk| drop(sender.send(disk.cloned())));
        receiver.await.ok().flatten().map(Table::Disk)
    }
    fn owner_of(&self, token: u64) -> u64 {
        self.number ^ token.rotate_left(40)
    }
    /// Asks for the lease of a key's load. `Some` when that is known at once; else `done` gets a token above 0 (run
    /// the loader), 0 (read again) or -1 (run it without a lease).
    pub fn lease(
        self: &Arc<Self>,
        key: &[u8],
        now: Millis,
        wait_ms: u64,
        done: impl FnOnce() -> Done,
    ) -> Result<Option<i64>, Error> {
        self.enter(now)?;
        let began = self.memory.moment(key);
        let token = match self.owner.lease(key) {
            Lease::Granted(token) => token,
            Lease::Busy => {
                self.wait_here(key, wait_ms, done());
                return Ok(None);
            }
        };
        let is_alone = self.redis_up().is_none() && self.disk.is_none();
        let (false, Ok(runtime)) = (is_alone, Runtime::get()) else {
            return Ok(Some(token as i64));
        };
        let key = Bytes::copy_from_slice(key);
        let owner = self.owner_of(token);
        let (hold, work, done) = (runtime.clone(), self.work(), done());
        runtime.spawn(async move {
            if let Some(table) = work.0.table().await {
                let load = Load { table, key, token, owner, began, now, engine: Arc::downgrade(&work.0) };
                let result = load.wait(wait_ms, &work).await;
                done(result);
                drop(work);
                if result > 0 {
                    load.renew().await;
                }
            } else {
                done(token as i64);
                drop(work);
            }
            drop(hold);
        });
        Ok(None)
    }
    /// Waits for the end of a lease of this process.
    fn wait_here(self: &Arc<Self>, key: &[u8], wait_ms: u64, done: Done) {
        let waiting = Arc::new(Mutex::new(Some((done, self.work()))));
        let end = move |waiting: &Mutex<Option<(Done, Work)>>, result| {
            let ended = waiting.lock().take();
            if let Some((done, work)) = ended {
                done(result);
                drop(work);
            }
        };
        let ended = waiting.clone();
        let Some(number) = self.owner.wait(key, move || end(&ended, 0)) else { return };
        let Ok(runtime) = Runtime::get() else { return end(&waiting, -1) };
        let (hold, engine, key) = (runtime.clone(), self.me(), Bytes::copy_from_slice(key));
        let waiting = Arc::downgrade(&waiting);
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            if let (Some(engine), Some(waiting)) = (engine.upgrade(), waiting.upgrade()) {
                engine.owner.give_up(&key, number);
                end(&waiting, -1);
            }
            drop(hold);
        });
    }
    /// What a lower tier gave for a token.
    pub(super) fn lower(&self, token: i64) -> Option<Lower> {
        let token = u64::try_from(token).ok()?;
        self.lowers.lock().get(&token).map(|(_, lower)| *lower)
    }
    /// Ends a lease.
    pub fn release(&self, key: &[u8], token: u64) {
        let lower = self.lowers.lock().remove(&token);
        self.owner.release(key, token);
        if let Some((key, lower)) = lower {
            self.give_back(key, lower);
        }
    }
    /// Gives back what a lower tier gave.
    pub(super) fn give_back(&self, key: Bytes, lower: Lower) {
        if lower.redis {
            let Some(redis) = self.redis.get() else { return };
            let link = redis.link.clone();
            redis.runtime.spawn(async move { Table::Redis(link).release(&key, lower.owner).await });
        } else if let Some(disk) = self.disk.as_ref().and_then(|disk| disk.get()) {
            disk.release(&key, lower.owner);
        }
    }
}

/// A load that has the lease within the process and wants it beyond.
struct Load {
    table: Table,
    key: Bytes,
    token: u64,
    owner: u64,
    began: Moment,
    now: Millis,
    engine: std::sync::Weak<Engine>,
}
impl Load {
    async fn wait(&self, wait_ms: u64, work: &Work) -> i64 {
        let (engine, started) = (&work.0, Instant::now());
        let mut waiting = Waiting::new(wait_ms);
        loop {
            let (mut granted, asked) = (None, Instant::now());
            if let Table::Disk(disk) = &self.table {
                disk.poll();
            }
            let seen = if engine.memory.moment(&self.key) != self.began {
                Seen::Changed
            } else {
                match self.table.lease(&self.key, self.owner, self.now_after(started)).await {
                    Ok(Some(fence)) => {
                        granted = Some(fence);
                        // it may have arrived between the caller's read and now
                        if self.table.has(&self.key, self.now_after(started)).await {
                            Seen::Changed
                        } else {
                            Seen::Granted
                        }
                    }
                    Ok(None) => Seen::Busy,
                    Err(_) => Seen::Away,
                }
            };
            let elapsed_ms = started.elapsed().as_millis() as u64;
            match waiting.on(seen, elapsed_ms) {
                Next::Run => {
                    let Some(fence) = granted else { return self.token as i64 };
                    let lower = self.lower(fence, asked);
                    engine.lowers.lock().insert(self.token, (self.key.clone(), lower));
                    return self.token as i64;
                }
                Next::ReadAgain => {
                    if granted.is_some() {
                        self.table.release(&self.key, self.owner).await;
                    }
                    engine.owner.release(&self.key, self.token);
                    return 0;
                }
                Next::RunAlone => {
                    engine.owner.release(&self.key, self.token);
                    return -1;
                }
                Next::Look(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            }
        }
    }
    /// The shell's clock, moved on by the real one.
    fn now_after(&self, started: Instant) -> Millis {
        self.now.saturating_add(started.elapsed().as_millis() as Millis)
    }
    fn lower(&self, fence: u64, renewed: Instant) -> Lower {
        Lower { owner: self.owner, fence, redis: matches!(self.table, Table::Redis(_)), renewed }
    }
    /// Renews until the lease has ended here, or is another's there.
    async fn renew(&self) {
        let started = Instant::now();
        loop {
            tokio::time::sleep(Duration::from_millis(RENEW_MS)).await;
            let Some(engine) = self.engine.upgrade() else { return };
            let Some(held) = engine.lower(self.token as i64) else { return };
            let asked = Instant::now();
            match self.table.lease(&self.key, self.owner, self.now_after(started)).await {
                Ok(Some(fence)) if fence == held.fence => {
                    if let Some((_, lower)) = engine.lowers.lock().get_mut(&self.token) {
                        lower.renewed = asked;
                    }
                }
                Err(_) => {} // away: the deadline decides, and the fence when it is back
                Ok(_) => {
                    // it ran out and was another's meanwhile: what this load brings is not stored
                    engine.lowers.lock().remove(&self.token);
                    engine.owner.release(&self.key, self.token);
                    return;
                }
            }
        }
    }
}
