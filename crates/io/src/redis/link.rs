//! The link: what the engine calls. Its futures are polled on the I/O thread.

use super::catch_up;
use super::node::{Node, Phase};
use super::shared::{Nodes, Shared};
use super::{Answer, Change, Config, Listener, State, Write, read, sweep, topology, write};
use crate::runtime::Runtime;
use bytes::Bytes;
use parking_lot::Mutex;
use sluice_core::cache::Millis;
use sluice_core::cache::missed::Wide;
use sluice_core::error::{Error, Kind};
use std::sync::Arc;

/// A connection to Redis, shared by what uses one engine.
pub struct Link {
    pub(super) shared: Arc<Shared>,
    /// None until it connects.
    runtime: Mutex<Option<Arc<Runtime>>>,
}
impl Link {
    /// A link that is not connected yet.
    pub fn new(config: Config, listener: Arc<dyn Listener>) -> Arc<Self> {
        Arc::new(Self { shared: Arc::new(Shared::new(config, listener)), runtime: Mutex::default() })
    }
    /// Connects in the background; settles when the first try has ended, well or not.
    pub async fn connect(&self) {
        if self.begin().is_err() {
            return;
        }
        let shared = &self.shared;
        let mut asked = shared.asked.subscribe();
        let mut closed = shared.closed.subscribe();
        let first_try = async {
            if shared.is_cluster() {
                let _ = asked.wait_for(|asked| *asked > 0).await;
            }
            for node in &shared.nodes().list {
                node.settled().await;
            }
        };
        tokio::select! {
            () = first_try => {}
            _ = closed.wait_for(|closed| *closed) => {}
        }
    }
    /// Starts the tasks that keep the connections, once. Calls made before are answered as if Redis were down.
    pub fn begin(&self) -> Result<(), Error> {
        let mut held = self.runtime.lock();
        if held.is_some() || self.shared.is_closed() {
            return Ok(());
        }
        let runtime = Runtime::get()?;
        let shared = &self.shared;
        if shared.is_cluster() {
            runtime.spawn(topology::follow(shared.clone()));
        } else {
            let node = Node::new(shared, None);
            shared.set_nodes(Nodes { list: vec![node.clone()], slots: None });
            runtime.spawn(node.keep(shared.clone()));
        }
        *held = Some(runtime);
        Ok(())
    }
    /// Whether it answers, without asking.
    pub fn state(&self) -> State {
        self.shared.state()
    }
    /// Whether tracking is up.
    pub fn is_tracking(&self) -> bool {
        self.shared.is_tracking()
    }
    /// Values of many keys, in their order. `Err`: down, or not answered in time.
    pub async fn get_many(&self, keys: &[Bytes], now: Millis) -> Result<Vec<Answer>, Error> {
        self.open()?;
        read::get_many(&self.shared, keys, now).await
    }
    /// Writes records in order, and in the order in which the futures of several calls are first polled; `only_absent`
    /// is NX (a fill). One result for each. What was not written is invalidated when Redis is back.
    pub async fn set_many(&self, writes: Vec<Write>, now: Millis) -> Vec<Result<bool, Error>> {
        if let Err(error) = self.open() {
            return writes.iter().map(|_| Err(error.clone())).collect();
        }
        write::set_many(&self.shared, &writes, now).await
    }
    /// Deletes exact keys; how many there were. Ordered as `set_many`.
    pub async fn remove(&self, keys: &[Bytes], origin: &[u8]) -> Result<u64, Error> {
        self.open()?;
        self.shared.learn_origin(origin);
        let turn = self.shared.write_turn.lock().await;
        write::remove_keys(&self.shared, keys, origin, false, Some(turn)).await
    }
    /// SCAN and UNLINK on every master; how many. Each step has the time of a call.
    pub async fn remove_pattern(&self, glob: &[u8], origin: &[u8]) -> Result<u64, Error> {
        self.open()?;
        self.shared.learn_origin(origin);
        sweep::pattern(&self.shared, glob, origin).await
    }
    /// Deletes what carries a tag; which, so that other tiers can follow.
    pub async fn remove_tag(&self, tag: &str, origin: &[u8]) -> Result<Vec<Bytes>, Error> {
        self.open()?;
        self.shared.learn_origin(origin);
        sweep::tag(&self.shared, tag, origin, false).await
    }
    /// Keys (without prefix) that begin so, at most `limit`.
    pub async fn keys(&self, prefix: &[u8], limit: usize) -> Result<Vec<Bytes>, Error> {
        self.open()?;
        sweep::keys(&self.shared, prefix, limit).await
    }
    /// Whether every master answers a PING in time.
    pub async fn health(&self) -> Result<(), Error> {
        self.open()?;
        sweep::ping(&self.shared).await
    }
    /// A change that Redis was not told: it is invalidated when Redis is back, or now if it is not away. Kept up to
    /// 100,000 keys and 1,000 patterns; beyond that the whole prefix is unlinked.
    pub fn missed(&self, change: Change<'_>) {
        let shared = &self.shared;
        match change {
            Change::Keys(keys) => shared.owe_keys(keys.into_iter().map(Bytes::copy_from_slice)),
            Change::Pattern(glob) => shared.owe_wide(Wide::Pattern(Bytes::copy_from_slice(glob))),
            Change::Prefix(prefix) => shared.owe_wide(Wide::Prefix(Bytes::copy_from_slice(prefix))),
            Change::Tag(tag) => shared.owe_wide(Wide::Tag(tag.into())),
        }
    }
    /// Closes; what is owed is made good first where Redis answers, pending calls fail.
    pub async fn close(&self) {
        if !self.shared.is_closed() {
            for node in &self.shared.nodes().list {
                if node.phase() == Phase::Up {
                    let _ =
                        tokio::time::timeout_at(self.shared.until(), catch_up::all(&self.shared, node)).await;
                }
            }
        }
        self.end();
    }
    fn end(&self) {
        self.shared.end();
        *self.runtime.lock() = None;
    }
    fn open(&self) -> Result<(), Error> {
        if self.shared.is_closed() {
            return Err(Error::new(Kind::Closed).with("what", "the connection to Redis"));
        }
        Ok(())
    }
}
impl Drop for Link {
    fn drop(&mut self) {
        self.end();
    }
}
