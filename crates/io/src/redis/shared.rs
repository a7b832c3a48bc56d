//! What the parts of one link share.

use super::node::{Node, Phase};
use super::{Change, Config, Listener, State};
use bytes::Bytes;
use parking_lot::Mutex;
use sluice_core::cache::channel::Notice;
use sluice_core::cache::missed::{Missed, Owed, Wide};
use sluice_core::error::{Error, Kind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// The masters, and which of them has which slot.
#[derive(Default)]
pub(super) struct Nodes {
    pub list: Vec<Arc<Node>>,
    /// Of a cluster: the place in `list`, by slot.
    pub slots: Option<Vec<u16>>,
}
impl Nodes {
    /// The master of a full key.
    pub fn of(&self, key: &[u8]) -> Option<&Arc<Node>> {
        match &self.slots {
            None => self.list.first(),
            Some(slots) => self.list.get(usize::from(*slots.get(usize::from(slot_of(key)))?)),
        }
    }
}
/// What the first braces of a key hold, where they hold something.
pub(super) fn tag_of(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|&byte| byte == b'{')?;
    let rest = key.get(open + 1..)?;
    let close = rest.iter().position(|&byte| byte == b'}').filter(|&close| close > 0)?;
    rest.get(..close)
}
/// The slot of a full key.
pub(super) fn slot_of(key: &[u8]) -> u16 {
    crc16::State::<crc16::XMODEM>::calculate(tag_of(key).unwrap_or(key)) % 16_384
}

/// What was told last, so that each change is told once.
#[derive(Default)]
struct Told {
    tracking: bool,
    /// Why the server refused tracking, once that was told.
    refused: bool,
    channel: bool,
}

pub(super) struct Shared {
    pub config: Config,
    pub listener: Arc<dyn Listener>,
    pub prefix: Bytes,
    pub channel: Bytes,
    nodes: Mutex<Arc<Nodes>>,
    /// Missed changes that no node is known for yet.
    orphans: Mutex<Missed>,
    /// Who publishes: learnt from the calls, for what is published when Redis is back.
    origin: Mutex<Bytes>,
    state: AtomicU8,
    tracking: AtomicBool,
    told: Mutex<Told>,
    pub closed: watch::Sender<bool>,
    /// The slots have to be asked for again.
    pub moved: Notify,
    /// How often the slots were asked for.
    pub asked: watch::Sender<u64>,
    /// The server does not let us publish.
    pub mute: AtomicBool,
    /// Writes take their place in the queue one after the other.
    pub write_turn: tokio::sync::Mutex<()>,
    began: Instant,
}
impl Shared {
    pub fn new(config: Config, listener: Arc<dyn Listener>) -> Self {
        let prefix = Bytes::copy_from_slice(config.key_prefix.as_bytes());
        Self {
            channel: [&prefix[..], b"inv"].concat().into(),
            prefix,
            config,
            listener,
            nodes: Mutex::default(),
            orphans: Mutex::default(),
            origin: Mutex::default(),
            state: AtomicU8::new(State::Idle as u8),
            tracking: AtomicBool::new(false),
            told: Mutex::default(),
            closed: watch::channel(false).0,
            moved: Notify::new(),
            asked: watch::channel(0).0,
            mute: AtomicBool::new(false),
            write_turn: tokio::sync::Mutex::new(()),
            began: Instant::now(),
        }
    }
    pub fn is_cluster(&self) -> bool {
        self.config.sentinel.is_none() && self.config.urls.len() > 1
    }
    pub fn nodes(&self) -> Arc<Nodes> {
        self.nodes.lock().clone()
    }
    /// Whether changes go on the channel.
    pub fn publishes(&self) -> bool {
        self.config.publishes && !self.mute.load(Ordering::Relaxed)
    }
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }
    /// Milliseconds and microseconds of a clock that never goes back.
    pub fn steady_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
    pub fn steady_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }
    /// When a call that begins now has to have ended.
    pub fn until(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.config.command_timeout_ms.max(1))
    }
    /// The key with our prefix.
    pub fn full(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix[..], key].concat()
    }
    /// The caller's key in a full one; None: not a caller's.
    pub fn caller_key<'a>(&self, full: &'a [u8]) -> Option<&'a [u8]> {
        full.strip_prefix(&self.prefix[..]).filter(|key| key.first() != Some(&1))
    }
    pub fn learn_origin(&self, origin: &[u8]) {
        let mut known = self.origin.lock();
        if known[..] != *origin {
            *known = Bytes::copy_from_slice(origin);
        }
    }
    pub fn origin(&self) -> Bytes {
        self.origin.lock().clone()
    }

    /// Other masters, or other slots of theirs: what they owe goes to whoever has it now.
    pub fn set_nodes(&self, nodes: Nodes) {
        let old = std::mem::replace(&mut *self.nodes.lock(), Arc::new(nodes));
        let owed: Vec<Owed> = old.list.iter().filter_map(|node| node.missed.lock().take()).collect();
        let orphans = self.orphans.lock().take();
        for owed in owed.into_iter().chain(orphans) {
            self.owe(owed);
        }
        self.refresh(None);
    }
    /// Has to be invalidated when its master answers, or now if it does.
    pub fn owe(&self, owed: Owed) {
        let nodes = self.nodes();
        if nodes.list.is_empty() {
            return self.orphans.lock().put_back(owed);
        }
        match owed {
            Owed::Everything => nodes.list.iter().for_each(|node| node.missed.lock().everything()),
            Owed::Some { keys, wide } => {
                for key in keys {
                    match nodes.of(&self.full(&key)) {
                        Some(node) => node.missed.lock().key(key),
                        None => self.orphans.lock().key(key),
                    }
                }
                for wide in wide {
                    match &wide {
                        Wide::Tag(tag) => match nodes.of(&super::sweep::tag_key(self, tag)) {
                            Some(node) => node.missed.lock().wide(wide),
                            None => self.orphans.lock().wide(wide),
                        },
                        _ => nodes.list.iter().for_each(|node| node.missed.lock().wide(wide.clone())),
                    }
                }
            }
        }
        nodes
            .list
            .iter()
            .filter(|node| !node.missed.lock().is_empty())
            .for_each(|node| node.owes.notify_one());
    }
    pub fn owe_keys(&self, keys: impl IntoIterator<Item = Bytes>) {
        let keys: Vec<Bytes> = keys.into_iter().collect();
        if !keys.is_empty() {
            self.owe(Owed::Some { keys, wide: Vec::new() });
        }
    }
    pub fn owe_wide(&self, wide: Wide) {
        self.owe(Owed::Some { keys: Vec::new(), wide: vec![wide] });
    }

    pub fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            1 => State::Up,
            2 => State::Down,
            _ => State::Idle,
        }
    }
    pub fn is_tracking(&self) -> bool {
        self.tracking.load(Ordering::Relaxed)
    }
    /// No node of a cluster tells the slots.
    pub fn unreachable(&self, why: &Error) {
        let none = self.nodes().list.is_empty() && !self.is_closed();
        if none && self.state.swap(State::Down as u8, Ordering::Relaxed) != State::Down as u8 {
            self.listener.state(State::Down, Some(why.clone()));
        }
    }
    /// The link is closed: tasks end, calls fail, nothing more is told.
    pub fn end(&self) {
        self.closed.send_replace(true);
        self.state.store(State::Down as u8, Ordering::Relaxed);
        self.tracking.store(false, Ordering::Relaxed);
        self.nodes().list.iter().for_each(|node| node.retire());
    }
    /// Looks at the nodes again and tells what has changed. `why`: what took the last of them, or refused tracking.
    pub fn refresh(&self, why: Option<&Error>) {
        if self.is_closed() {
            return;
        }
        let nodes = self.nodes();
        let phases = || nodes.list.iter().map(|node| node.phase());
        let state = if phases().any(|phase| phase == Phase::Up) {
            State::Up
        } else if self.state() != State::Idle || phases().any(|phase| phase == Phase::Down) {
            State::Down
        } else {
            State::Idle
        };
        let all = |good: fn(&super::connection::Connection) -> bool| {
            let mut links = nodes.list.iter().map(|node| node.serving());
            !nodes.list.is_empty() && links.all(|link| link.is_some_and(|link| good(&link)))
        };
        let any = |good: fn(&super::connection::Connection) -> bool| {
            nodes.list.iter().any(|node| node.serving().is_some_and(|link| good(&link)))
        };
        let tracking = all(|link| link.tracked.is_ok());
        let refusal = nodes.list.iter().filter_map(|node| node.serving()?.tracked.clone().err()?).next();
        let heard = any(|link| link.subscribed.load(Ordering::Relaxed));

        let before = self.state.swap(state as u8, Ordering::Relaxed);
        self.tracking.store(tracking, Ordering::Relaxed);
        let (tell_tracking, tell_refusal, tell_channel) = {
            let mut told = self.told.lock();
            let tell_refusal = refusal.is_some() && !told.refused && !tracking;
            told.refused = (told.refused || refusal.is_some()) && !tracking;
            let tell_tracking = told.tracking != tracking;
            let tell_channel = told.channel != heard;
            (told.tracking, told.channel) = (tracking, heard);
            (tell_tracking, tell_refusal, tell_channel)
        };
        if tell_refusal {
            self.listener.tracking(false, refusal);
        } else if tell_tracking && !tracking {
            self.listener.tracking(false, why.cloned());
        }
        if tell_channel && self.config.publishes {
            self.listener.channel(heard);
        }
        if before != state as u8 {
            self.listener.state(state, if state == State::Down { why.cloned() } else { None });
        }
        if tell_tracking && tracking {
            self.listener.tracking(true, None);
        }
    }
    /// Tracking of an empty prefix would announce every key of every database.
    pub fn prefix_refusal(&self) -> Option<Error> {
        (self.config.tracking && self.prefix.is_empty()).then(|| {
            let text = "at least one character while redis.tracking is on";
            Error::new(Kind::OptionRange)
                .with("option", "redis.keyPrefix")
                .with("range", text)
                .with("value", "''")
        })
    }
    /// A message of the channel.
    pub fn on_message(&self, payload: &[u8]) {
        let Some((origin, notice)) = sluice_core::cache::channel::read(payload) else { return };
        let change = match notice {
            Notice::Keys(keys) => Change::Keys(keys),
            Notice::Pattern(glob) => Change::Pattern(glob),
            Notice::Tag(tag) => Change::Tag(tag),
            Notice::Prefix(prefix) => Change::Prefix(prefix),
        };
        self.listener.published(origin, change);
    }
}
