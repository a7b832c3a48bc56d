//! A master: its connection, its breaker, and the task that keeps both.

use super::connection::{Connection, is_master, open, time_of};
use super::fault::{fault, from_crate, from_server, is_unwell};
use super::shared::Shared;
use super::target::Place;
use super::{catch_up, sentinel};
use parking_lot::Mutex;
use redis::Value;
use sluice_core::cache::breaker::Breaker;
use sluice_core::cache::missed::Missed;
use sluice_core::cache::server_time::ServerTime;
use sluice_core::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Between PINGs on an idle or busy connection, and how long one may take.
const PING: Duration = Duration::from_secs(1);
/// Between two looks at the server's clock.
const TIME_EACH: Duration = Duration::from_secs(60);
/// Before another try when a connection did not even live for a PING.
const SHORT_LIVED: Duration = Duration::from_millis(50);
/// So many calls may wait for a connection in vain; then they fail at once.
const PATIENCE: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A first try, or the first since a connection was lost.
    Trying,
    Up,
    Down,
}
pub(super) struct Node {
    /// Where a cluster says it is; None: asked for each time.
    pub place: Option<Place>,
    connection: Mutex<Option<Arc<Connection>>>,
    pub(super) breaker: Mutex<Breaker>,
    phase: watch::Sender<Phase>,
    generation: AtomicU64,
    previous: Mutex<Option<(i64, String)>>,
    gone: Notify,
    retired: watch::Sender<bool>,
    waited_in_vain: AtomicU32,
    pub time: Mutex<ServerTime>,
    pub missed: Mutex<Missed>,
    pub owes: Notify,
}
impl Node {
    pub fn new(shared: &Shared, place: Option<Place>) -> Arc<Self> {
        let config = &shared.config;
        Arc::new(Self {
            place,
            connection: Mutex::default(),
            breaker: Mutex::new(Breaker::new(config.breaker_failures, config.probe_ms.max(1))),
            phase: watch::channel(Phase::Trying).0,
            generation: AtomicU64::new(0),
            previous: Mutex::default(),
            gone: Notify::new(),
            retired: watch::channel(false).0,
            waited_in_vain: AtomicU32::new(0),
            time: Mutex::default(),
            missed: Mutex::default(),
            owes: Notify::new(),
        })
    }
    /// `host:port`, in a cluster.
    pub fn name(&self) -> Option<String> {
        self.place.as_ref().map(Place::name)
    }
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }
    /// The connection, also while it catches up.
    pub fn any_connection(&self) -> Option<Arc<Connection>> {
        self.connection.lock().clone()
    }
    /// The connection that calls may use.
    pub fn serving(&self) -> Option<Arc<Connection>> {
        if self.phase() == Phase::Up { self.any_connection() } else { None }
    }
    pub fn next_generation(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::Relaxed) + 1
    }
    pub fn is_current(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Relaxed) == generation
    }
    pub fn previous_client(&self) -> Option<(i64, String)> {
        self.previous.lock().clone()
    }
    /// The slots of this node are another's now.
    pub fn retire(&self) {
        self.retired.send_replace(true);
        self.phase.send_replace(Phase::Down);
        *self.connection.lock() = None;
    }
    /// Settles when the try that is under way has ended.
    pub async fn settled(&self) {
        let _ = self.phase.subscribe().wait_for(|phase| *phase != Phase::Trying).await;
    }
    /// The connection that calls may use, waited for while the first try is under way.
    pub async fn ready(&self, until: Instant) -> Option<Arc<Connection>> {
        let waits = self.phase() == Phase::Trying && self.waited_in_vain.load(Ordering::Relaxed) < PATIENCE;
        if waits && timeout_at(until, self.settled()).await.is_err() {
            self.waited_in_vain.fetch_add(1, Ordering::Relaxed);
        }
        self.serving()
    }
    /// A connection is of no more use. The server may still have unread commands of it: the next connection ends it there.
    pub fn lost(&self, shared: &Shared, generation: u64, why: &Error) {
        self.leave(shared, generation, Phase::Trying, why);
    }
    /// `next`: whether calls may wait for the new connection, or the server does not answer and they fail at once.
    pub(super) fn leave(&self, shared: &Shared, generation: u64, next: Phase, why: &Error) {
        let lost = {
            let mut held = self.connection.lock();
            if held.as_ref().is_none_or(|held| held.generation != generation) {
                return;
            }
            held.take()
        };
        self.next_generation();
        if let Some(connection) = lost {
            (*self.previous.lock()).clone_from(&connection.client);
        }
        self.waited_in_vain.store(0, Ordering::Relaxed);
        let was_up = self.phase.send_if_modified(|phase| {
            let was_up = *phase == Phase::Up;
            if was_up {
                *phase = next;
            }
            was_up
        });
        // one that was lost while it caught up is a failed probe: the next one waits its time
        if was_up {
            self.breaker.lock().lost(shared.steady_ms());
        }
        self.gone.notify_one();
        shared.moved.notify_one();
        shared.refresh(Some(why));
    }

    /// Keeps a connection open until the link is closed or the node's slots are another's.
    pub async fn keep(self: Arc<Self>, shared: Arc<Shared>) {
        let mut closed = shared.closed.subscribe();
        let mut retired = self.retired.subscribe();
        tokio::select! {
            () = self.serve(&shared) => {}
            _ = closed.wait_for(|closed| *closed) => {}
            _ = retired.wait_for(|retired| *retired) => {}
        }
        self.phase.send_replace(Phase::Down);
        *self.connection.lock() = None;
    }
    async fn serve(self: &Arc<Self>, shared: &Arc<Shared>) {
        loop {
            self.until_probe(shared).await;
            let outcome = self.connect(shared).await;
            let up = outcome.is_ok();
            self.breaker.lock().probed(shared.steady_ms(), up);
            self.phase.send_replace(if up { Phase::Up } else { Phase::Down });
            shared.refresh(outcome.as_ref().err());
            if up {
                let since = Instant::now();
                self.watch(shared).await;
                if since.elapsed() < PING {
                    sleep(SHORT_LIVED).await;
                }
            } else {
                *self.connection.lock() = None;
                shared.moved.notify_one();
            }
        }
    }
    /// Waits until a probe may go out.
    async fn until_probe(&self, shared: &Shared) {
        // apart, so that a host's processes do not all knock at once
        let mut apart_ms = self.jitter_ms(shared);
        loop {
            let wait_ms = self.breaker.lock().probe_in(shared.steady_ms()).unwrap_or(0);
            if wait_ms == 0 && self.breaker.lock().probe(shared.steady_ms()) {
                return;
            }
            sleep(Duration::from_millis(wait_ms.max(1) + std::mem::take(&mut apart_ms))).await;
        }
    }
    fn jitter_ms(&self, shared: &Shared) -> u64 {
        let spread = (shared.config.probe_ms / 10).max(1);
        (shared.steady_us().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % spread
    }
    /// Opens a connection and makes good what was missed, up to nothing: from there on calls may use it.
    async fn connect(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<(), Error> {
        let place = match (&self.place, &shared.config.sentinel) {
            (Some(place), _) => place.clone(),
            (None, Some(_)) => sentinel::master(&shared.config).await?,
            (None, None) => Place::of_first(&shared.config)?,
        };
        let connection = Arc::new(open(shared, self, place).await?);
        let generation = connection.generation;
        *self.connection.lock() = Some(connection);
        catch_up::all(shared, self).await?;
        match &*self.connection.lock() {
            Some(held) if held.generation == generation => Ok(()),
            _ => Err(fault("the connection was lost while it caught up")),
        }
    }
    /// Until the connection is lost: PINGs, looks at the clock, makes good what single calls missed.
    async fn watch(self: &Arc<Self>, shared: &Arc<Shared>) {
        let mut time_at = Instant::now() + TIME_EACH;
        let mut ping_at = Instant::now() + PING;
        while let Some(connection) = self.any_connection() {
            tokio::select! {
                () = self.gone.notified() => {}
                () = self.owes.notified() => {
                    if let Err(why) = catch_up::all(shared, self).await {
                        self.lost(shared, connection.generation, &why);
                    }
                }
                () = tokio::time::sleep_until(ping_at) => {
                    ping_at = Instant::now() + PING;
                    let look = Instant::now() >= time_at;
                    if look {
                        time_at = Instant::now() + TIME_EACH;
                    }
                    if let Err(why) = self.ping(shared, &connection, look).await {
                        self.leave(shared, connection.generation, Phase::Down, &why);
                    }
                }
            }
        }
    }
    async fn ping(&self, shared: &Shared, connection: &Connection, look: bool) -> Result<(), Error> {
        let sentinel = shared.config.sentinel.is_some();
        let mut redis = connection.redis.clone();
        let command = redis::cmd(if sentinel { "ROLE" } else { "PING" });
        let asked = timeout(PING, redis.send_packed_command(&command)).await;
        let reply = asked.map_err(|_| fault("no answer to PING"))?.map_err(|error| from_crate(&error))?;
        match &reply {
            Value::ServerError(error) if is_unwell(error) => return Err(from_server(error)),
            role if sentinel && !is_master(role) => return Err(fault("it is no master any more")),
            _ => {}
        }
        if look {
            let asked_us = shared.steady_us();
            let asked = timeout(PING, redis.send_packed_command(&redis::cmd("TIME"))).await;
            if let Some(server_us) = asked.ok().and_then(Result::ok).as_ref().and_then(time_of) {
                self.time.lock().sampled(server_us, asked_us, shared.steady_us());
            }
        }
        Ok(())
    }
}
