//! Limits that hosts share through Redis: a `Node` for each key, and over our own connection the requests of all that are
//! due, in one packet. A decision never waits for Redis; docs/design/limiter.md, "Redis", says what that costs.

mod entries;
mod nodes;
#[cfg(test)]
mod tests;
mod worker;

pub use nodes::{Due, Nodes, Stats, Ticket, when_down};
pub use worker::answer_of;

use crate::client::owner;
use crate::outage::Outage;
use crate::redis::{self, Change, Link, Listener, State};
use crate::runtime::Runtime;
use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;
use sluice_core::error::Error;
use sluice_core::limiter::Millis;
use sluice_core::limiter::lease::Terms;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What is asked of Redis, one key at a time.
pub const SCRIPT: &str = include_str!("take.lua");

/// What limits are opened with, as `lib/limiter/nodes.js` says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Our own connection; None: the shell sends what is due.
    pub link: Option<redis::Config>,
    /// What keys in Redis begin with.
    pub name: String,
    /// Permits per window.
    pub limit: u64,
    /// Milliseconds.
    pub window_ms: Millis,
    /// 'degrade', 'open' or 'closed'.
    pub when_down: String,
    /// Keys that are held at most.
    pub max_keys: usize,
    /// Bytes that they take at most.
    pub max_bytes: u64,
    /// The one key of an adaptive limiter.
    pub is_sole: bool,
}

/// What is told to who opened them, from the I/O thread.
#[derive(Debug)]
pub enum Event {
    /// Redis went away.
    Degraded(Error),
    /// It is back.
    Recovered,
    /// The node of an adaptive limiter is to be looked at.
    Look,
}
type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// What the caller's thread and the I/O thread share.
struct Shared {
    nodes: Mutex<Held>,
    /// Something is due.
    stir: Notify,
    /// Who opened it is gone, or closes it.
    is_over: AtomicBool,
    over: Notify,
    /// Packets that are on their way.
    away: AtomicUsize,
    node: String,
    is_sole: bool,
    tell: Tell,
}
struct Held {
    nodes: Nodes,
    /// The caller's clock when it was read last, and when that was.
    anchor: (Millis, Instant),
}
impl Held {
    /// What the caller's clock should say by now.
    fn now(&self) -> Millis {
        self.anchor.0.saturating_add(self.anchor.1.elapsed().as_millis() as Millis)
    }
}
impl Shared {
    fn set_away(&self, away: bool) {
        let mut held = self.nodes.lock();
        let now = held.now();
        held.nodes.set_away(away, now);
        drop(held);
        self.stir.notify_one();
        self.look();
    }
    fn look(&self) {
        if self.is_sole {
            (self.tell)(Event::Look);
        }
    }
}
/// The link tells both: what is decided meanwhile, and what users hear.
struct Both(Arc<Shared>, Arc<Outage>);
impl Listener for Both {
    fn changed(&self, _keys: Option<&[&[u8]]>) {}
    fn published(&self, _origin: &[u8], _change: Change<'_>) {}
    fn tracking(&self, _up: bool, _why: Option<Error>) {}
    fn state(&self, state: State, why: Option<Error>) {
        if state != State::Idle {
            self.0.set_away(state == State::Down);
        }
        self.1.state(state, why);
    }
}

/// Limits in Redis.
pub struct Limits {
    shared: Arc<Shared>,
    link: Option<redis::Config>,
    started: AtomicBool,
    starting: Mutex<Option<Running>>,
}
struct Running {
    link: Arc<Link>,
    runtime: Arc<Runtime>,
}
impl Limits {
    /// Limits that connect when the first request is due.
    pub fn new(config: Config, tell: impl Fn(Event) + Send + Sync + 'static) -> Self {
        let terms = Terms {
            limit: config.limit,
            window_ms: config.window_ms,
            when_down: when_down(&config.when_down),
        };
        let nodes = Nodes::new(&config.name, terms, config.max_keys, config.max_bytes, config.is_sole);
        let nodes = if config.link.is_none() { nodes.waking() } else { nodes };
        let shared = Shared {
            nodes: Mutex::new(Held { nodes, anchor: (0, Instant::now()) }),
            stir: Notify::new(),
            is_over: AtomicBool::new(false),
            over: Notify::new(),
            away: AtomicUsize::new(0),
            node: owner(),
            is_sole: config.is_sole,
            tell: Arc::new(tell),
        };
        Self {
            shared: Arc::new(shared),
            link: config.link,
            started: AtomicBool::new(false),
            starting: Mutex::default(),
        }
    }
    /// Calls the nodes at that moment of the caller's clock; what is due then is sent.
    pub fn call<R>(&self, now: Millis, run: impl FnOnce(&mut Nodes) -> R) -> R {
        let mut held = self.shared.nodes.lock();
        let before = held.nodes.due_len();
        let result = run(&mut held.nodes);
        if held.nodes.due_len() > before {
            held.anchor = (now, Instant::now());
            drop(held);
            self.stir();
        }
        result
    }
    /// The nodes, to look at.
    pub fn nodes(&self) -> impl std::ops::DerefMut<Target = Nodes> {
        MutexGuard::map(self.shared.nodes.lock(), |held: &mut Held| &mut held.nodes)
    }
    /// Who asks, for Redis: random.
    pub fn node(&self) -> &str {
        &self.shared.node
    }
    fn stir(&self) {
        if self.link.is_some() && self.start() {
            self.shared.stir.notify_one();
        }
    }
    /// Connects, once. False: it is closed, or there is no thread for it.
    fn start(&self) -> bool {
        if self.started.load(Relaxed) {
            return true;
        }
        let mut starting = self.starting.lock();
        if starting.is_none() && !self.shared.is_over.load(Relaxed) {
            *starting = self.begin();
            self.started.store(starting.is_some(), Relaxed);
        }
        starting.is_some()
    }
    fn begin(&self) -> Option<Running> {
        let tell = self.shared.tell.clone();
        let outage = Arc::new(Outage::new(Box::new(move |why| {
            tell(why.map_or(Event::Recovered, Event::Degraded));
        })));
        let both = Both(self.shared.clone(), outage.clone());
        let link = Link::new(self.link.clone()?, Arc::new(both));
        let runtime = Runtime::get().ok()?;
        link.begin().ok()?;
        runtime.spawn(worker::run(self.shared.clone(), link.clone(), outage));
        Some(Running { link, runtime })
    }
    /// Settles when the request for that key that is out or due has ended, or after that time.
    pub fn wait(&self, key: &[u8], weight: u64, wait: Duration, then: impl FnOnce() + Send + 'static) {
        let heard = self.shared.nodes.lock().nodes.hear(key, weight);
        let starting = self.starting.lock();
        match (heard, &*starting) {
            (Some(heard), Some(running)) => {
                running.runtime.spawn(async move {
                    let _ = tokio::time::timeout(wait, heard).await;
                    then();
                });
            }
            _ => then(),
        }
    }
    /// Deletes keys in Redis.
    pub fn delete(&self, keys: Vec<bytes::Bytes>) {
        if keys.is_empty() || !self.start() {
            return;
        }
        if let Some(Running { link, runtime }) = &*self.starting.lock() {
            let link = link.clone();
            runtime.spawn(async move {
                for keys in keys.chunks(worker::AT_ONCE) {
                    let _ = link.drop_limits(keys).await;
                }
            });
        }
    }
    /// Tells debt and what is unspent, and closes the connection; no later than after the time of a call. Without a connection
    /// that is due then.
    pub fn close(&self, now: Millis, then: impl FnOnce() + Send + 'static) {
        if self.link.is_none() {
            self.shared.nodes.lock().nodes.settle_all(now);
        }
        let running = self.starting.lock().take();
        self.started.store(false, Relaxed);
        let was_over = self.shared.is_over.swap(true, Relaxed);
        match running {
            Some(Running { link, runtime }) if !was_over => {
                let shared = self.shared.clone();
                let wait = self.link.as_ref().map_or(0, |link| link.command_timeout_ms);
                let ending = worker::end(shared.clone(), link.clone());
                runtime.clone().spawn(async move {
                    let _ = tokio::time::timeout(Duration::from_millis(wait), ending).await;
                    shared.over.notify_one();
                    link.close().await;
                    then();
                    drop(runtime);
                });
            }
            _ => {
                self.shared.over.notify_one();
                then();
            }
        }
    }
}
impl Drop for Limits {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Relaxed);
        self.shared.over.notify_one();
    }
}
