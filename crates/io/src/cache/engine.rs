//! An engine: one cache's tiers, what they know of each other, and its life.

use super::config::Config;
use super::disk::DiskTier;
use super::doubt::Fills;
use super::events::{Event, Events, Kinds, Subscriber, Told as Tells};
use super::load::Lower;
use super::queue::Job;
use super::ticket::Inbox;
use crate::disk::Disk;
use crate::memory::{Memory, Owner, Usage};
use crate::redis::{Link, State};
use crate::runtime::Runtime;
use bytes::Bytes;
use parking_lot::Mutex;
use sluice_core::cache::Millis;
use sluice_core::cache::read::Tiers;
use sluice_core::error::{Error, Kind};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The Redis side of an engine.
pub(super) struct RedisTier {
    pub link: Arc<Link>,
    pub runtime: Arc<Runtime>,
    pub jobs: UnboundedSender<Vec<Job>>,
    pub publishes: bool,
    pub timeout: Duration,
}
/// How a call without a Redis tier waits for the disk.
pub(super) const DISK_TIMEOUT: Duration = Duration::from_millis(250);

/// Numbers that only grow.
#[derive(Default)]
pub(super) struct Tallies {
    pub damaged: AtomicU64,
    pub dropped_writes: AtomicU64,
    pub degraded: AtomicU64,
    pub invalidations: AtomicU64,
}
/// What an engine has done and holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    /// What memory holds.
    pub memory: Usage,
    /// Values that could not be read.
    pub damaged: u64,
    /// Writes that a tier did not take.
    pub dropped_writes: u64,
    /// How often a tier went away.
    pub degraded: u64,
    /// Keys that others changed.
    pub invalidations: u64,
}
/// Whether the tiers below are there: None where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Redis answers.
    pub redis: Option<bool>,
    /// The disk is open.
    pub disk: Option<bool>,
}

/// One cache's tiers. Threads start with the first use.
pub struct Engine {
    pub(super) config: Config,
    pub(super) tiers: Tiers,
    pub(super) memory: Arc<Memory>,
    pub(super) owner: Owner,
    /// Leases that a lower tier gave, by token.
    pub(super) lowers: Mutex<HashMap<u64, (Bytes, Lower)>>,
    pub(super) redis: OnceLock<RedisTier>,
    pub(super) disk: Option<Arc<DiskTier>>,
    pub(super) events: Arc<Events>,
    pub(super) tallies: Tallies,
    pub(super) inbox: Arc<dyn Inbox>,
    pub(super) reads: Mutex<Vec<Job>>,
    /// Fills of Redis that may have to be taken back; a change of ours that comes behind one settles it.
    pub(super) fills: Fills,
    /// What this process has told the disk that Redis missed.
    pub(super) own_missed: Mutex<HashSet<Bytes>>,
    pub(super) number: u64,
    pub(super) now: AtomicU64,
    pub(super) polled: Mutex<Option<std::time::Instant>>,
    /// Whether the channel of other hosts' changes is heard.
    pub(super) hears: AtomicBool,
    observing: Mutex<Option<u64>>,
    me: Weak<Engine>,
    started: AtomicBool,
    pub(super) closed: AtomicBool,
    in_flight: AtomicUsize,
    pub(super) closing: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

/// Accepted work that `close` waits for.
pub(super) struct Work(pub Arc<Engine>);
impl Drop for Work {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.finish_closing();
        }
    }
}

impl Engine {
    /// An engine on these tiers, whose reads are answered there; cheap. Other options under a shared name that is open are refused.
    pub fn open(config: Config, inbox: Arc<dyn Inbox>) -> Result<Arc<Self>, Error> {
        let memory = Memory::open(&config.memory())?;
        let tiers = config.tiers();
        let disk = config.disk().map(DiskTier::new);
        Ok(Arc::new_cyclic(|me| Self {
            owner: Owner::new(&memory),
            lowers: Mutex::default(),
            memory,
            tiers,
            redis: OnceLock::new(),
            disk,
            events: Arc::new(Events::new(config.redis.is_some())),
            tallies: Tallies::default(),
            inbox,
            reads: Mutex::default(),
            fills: Fills::default(),
            own_missed: Mutex::default(),
            number: RandomState::new().hash_one(0) >> 12,
            now: AtomicU64::new(0),
            polled: Mutex::new(None),
            hears: AtomicBool::new(false),
            observing: Mutex::new(None),
            me: me.clone(),
            started: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            closing: Mutex::new(None),
            config,
        }))
    }
    /// Cells, for the near caches.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }
    /// Whether nothing but memory is asked.
    pub fn is_memory_only(&self) -> bool {
        self.config.link().is_none() && self.disk.is_none()
    }
    /// Connects and opens in the background, once.
    pub fn start(&self) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(link) = self.config.link() {
            self.start_redis(link);
        }
        if let Some(disk) = &self.disk {
            let listener = Arc::new(Tells { engine: self.me.clone() });
            let engine = self.me.clone();
            disk.open(listener, move |error| {
                if let Some(engine) = engine.upgrade() {
                    engine.lost("disk", error);
                }
            });
            // who closes meanwhile waits: no file is made behind its back
            let work = self.me.upgrade().map(|engine| engine.work());
            disk.with(move |_| drop(work));
            let engine = self.me.clone();
            disk.with(move |disk| {
                let (Some(disk), Some(engine)) = (disk, engine.upgrade()) else { return };
                engine.disk_opened(disk);
            });
        }
    }
    fn start_redis(&self, link: &crate::redis::Config) {
        let runtime = match Runtime::get() {
            Ok(runtime) => runtime,
            Err(error) => return self.lost("redis", error),
        };
        let config = link;
        let link = Link::new(config.clone(), Arc::new(Tells { engine: self.me.clone() }));
        // before anything can be sent: the first call waits for the first connection
        if let Err(error) = link.begin() {
            return self.lost("redis", error);
        }
        let (jobs, receiver) = unbounded_channel();
        let connecting = link.clone();
        let tier = RedisTier {
            link,
            jobs,
            publishes: config.publishes,
            timeout: Duration::from_millis(config.command_timeout_ms),
            runtime: runtime.clone(),
        };
        if self.redis.set(tier).is_ok() {
            // in this order: what is drained finds the nodes of a link that has begun
            runtime.spawn(async move { connecting.connect().await });
            runtime.spawn(super::queue::drain(self.me.clone(), receiver));
        }
    }
    /// What earlier runs of this host could not tell Redis is told now; and the disk hears each half second, at
    /// first more often, whether other hosts are heard.
    fn disk_opened(&self, disk: &Arc<Disk>) {
        let Some(redis) = self.redis.get() else { return };
        disk.heard(self.hears.load(Ordering::Acquire), self.last_now());
        self.tell_missed(disk);
        let engine = self.me();
        redis.runtime.spawn(async move {
            for beat in 0.. {
                tokio::time::sleep(Duration::from_millis(if beat < 5 { 130 } else { 500 })).await;
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
    pub(super) fn me(&self) -> Weak<Engine> {
        self.me.clone()
    }
    pub(super) fn work(self: &Arc<Self>) -> Work {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        Work(self.clone())
    }
    /// To be called by everything that is later use after `close`; also starts what is not started.
    pub(super) fn enter(&self, now: Millis) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(Kind::Closed).with("what", "the cache"));
        }
        if !self.started.load(Ordering::Acquire) {
            self.start();
        }
        self.now.store(now, Ordering::Relaxed);
        Ok(())
    }
    /// The time that the shell passed in last.
    pub(super) fn last_now(&self) -> Millis {
        self.now.load(Ordering::Relaxed)
    }
    pub(super) fn redis_up(&self) -> Option<&RedisTier> {
        self.redis.get().filter(|redis| redis.link.state() != State::Down)
    }
    /// How this host signs what it publishes.
    pub(super) fn origin(&self) -> Option<Bytes> {
        if !self.redis.get()?.publishes {
            return None;
        }
        let disk = self.disk.as_ref().and_then(|disk| disk.get());
        let mine = || Bytes::copy_from_slice(&self.number.to_be_bytes());
        Some(disk.map_or_else(mine, |disk| Bytes::copy_from_slice(disk.origin())))
    }
    /// A tier is away: told once.
    pub(super) fn lost(&self, tier: &'static str, error: Error) {
        if self.events.went(tier, true) {
            self.tallies.degraded.fetch_add(1, Ordering::Relaxed);
            self.events.emit(Event::Degraded(tier, error));
        }
    }
    /// A tier is back: told once.
    pub(super) fn found(&self, tier: &'static str) {
        if self.events.went(tier, false) {
            self.events.emit(Event::Recovered(tier));
        }
    }
    /// Tells somebody of events from now on; None: nobody.
    pub fn listen(&self, subscriber: Option<Arc<dyn Subscriber>>, kinds: Kinds) {
        self.events.listen(subscriber, kinds);
        let mut observing = self.observing.lock();
        if let Some(id) = observing.take() {
            self.memory.unobserve(id);
        }
        if kinds.evicted {
            let events = Arc::downgrade(&self.events);
            *observing = Some(self.memory.observe(Arc::new(move |key, reason| {
                if let Some(events) = events.upgrade() {
                    let expired = reason == crate::memory::Reason::Expired;
                    events.emit(Event::Evicted(Bytes::copy_from_slice(key), expired));
                }
            })));
        }
    }
    /// What it has done and holds.
    pub fn counters(&self) -> Counters {
        let read = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Counters {
            memory: self.memory.usage(),
            damaged: read(&self.tallies.damaged),
            dropped_writes: read(&self.tallies.dropped_writes),
            degraded: read(&self.tallies.degraded),
            invalidations: read(&self.tallies.invalidations),
        }
    }
    /// Whether the tiers below are there.
    pub fn health(&self) -> Health {
        Health {
            redis: self
                .config
                .redis
                .as_ref()
                .map(|_| self.redis.get().is_some_and(|redis| redis.link.state() == State::Up)),
            disk: self.disk.as_ref().map(|disk| disk.is_up()),
        }
    }
}
