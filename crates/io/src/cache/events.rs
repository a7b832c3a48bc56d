//! What the tiers tell an engine: changes made elsewhere, and whether they are there. Epochs are bumped inside the
//! call that tells, so no later answer can be taken for newer than it is.

use super::engine::Engine;
use crate::redis::{Change, State};
use crate::{disk, redis};
use bytes::Bytes;
use parking_lot::Mutex;
use sluice_core::cache::coherence::Told as Rule;
use sluice_core::cache::{Millis, key_hash};
use sluice_core::error::Error;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

/// Which events somebody listens to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds {
    /// `degraded` and `recovered`.
    pub state: bool,
    /// `invalidated`.
    pub invalidated: bool,
    /// `evicted`.
    pub evicted: bool,
}
/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// `redis`, `disk` or `tracking` is away.
    Degraded(&'static str, Error),
    /// It is back.
    Recovered(&'static str),
    /// Others changed these keys.
    Invalidated(Vec<Bytes>),
    /// A key left memory, for want of room or because its time was up.
    Evicted(Bytes, bool),
}
/// Who hears of events; called from any thread, never blocks.
pub trait Subscriber: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event);
}

struct Loss {
    at: Instant,
    /// The shell's time then, once somebody asked.
    now: Option<Millis>,
    trust: i32,
}
/// What an engine knows of its tiers' state, and who wants to hear of it.
pub struct Events {
    subscriber: Mutex<Option<Arc<dyn Subscriber>>>,
    invalidated: AtomicBool,
    evicted: AtomicBool,
    away: Mutex<HashSet<&'static str>>,
    has_redis: bool,
    down: AtomicBool,
    tracking: AtomicBool,
    loss: Mutex<Option<Loss>>,
}
impl Events {
    pub(super) fn new(has_redis: bool) -> Self {
        Self {
            subscriber: Mutex::new(None),
            invalidated: AtomicBool::new(false),
            evicted: AtomicBool::new(false),
            away: Mutex::default(),
            has_redis,
            down: AtomicBool::new(false),
            tracking: AtomicBool::new(false),
            loss: Mutex::new(None),
        }
    }
    /// Tells somebody from now on; None: nobody.
    pub fn listen(&self, subscriber: Option<Arc<dyn Subscriber>>, kinds: Kinds) {
        self.invalidated.store(kinds.invalidated, Ordering::Relaxed);
        self.evicted.store(kinds.evicted, Ordering::Relaxed);
        *self.subscriber.lock() = subscriber;
    }
    pub(super) fn emit(&self, event: Event) {
        let wanted = match event {
            Event::Degraded(..) | Event::Recovered(_) => true,
            Event::Invalidated(_) => self.invalidated.load(Ordering::Relaxed),
            Event::Evicted(..) => self.evicted.load(Ordering::Relaxed),
        };
        if wanted {
            let subscriber = self.subscriber.lock().clone();
            if let Some(subscriber) = subscriber {
                subscriber.event(event);
            }
        }
    }
    /// Notes that a tier went away or came back; whether that is news.
    pub(super) fn went(&self, tier: &'static str, away: bool) -> bool {
        let mut tiers = self.away.lock();
        if away { tiers.insert(tier) } else { tiers.remove(tier) }
    }
    /// Whether Redis answers, where nobody but its user can tell.
    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Release);
    }
    /// What Redis is to this instance now.
    pub(super) fn told(&self, now: Millis) -> Rule {
        if !self.has_redis {
            return Rule::Alone;
        }
        if self.down.load(Ordering::Acquire) {
            let mut loss = self.loss.lock();
            let lost = loss.as_mut().map(|loss| {
                // the shell's clock may be fake, so the loss is dated by it when it is first asked for
                let since = loss.at.elapsed().as_millis() as Millis;
                (*loss.now.get_or_insert(now.saturating_sub(since)), loss.trust)
            });
            return Rule::Down { lost };
        }
        if self.tracking.load(Ordering::Acquire) { Rule::Tracking } else { Rule::Silent }
    }
}

/// The listener of an engine's tiers.
pub(super) struct Told {
    pub engine: Weak<Engine>,
}
impl Told {
    fn changed_keys(engine: &Engine, keys: &[&[u8]]) {
        for key in keys {
            engine.memory.invalidate(key_hash(key));
        }
        engine.tallies.invalidations.fetch_add(keys.len() as u64, Ordering::Relaxed);
        if engine.events.invalidated.load(Ordering::Relaxed) {
            let keys = keys.iter().map(|key| Bytes::copy_from_slice(key)).collect();
            engine.events.emit(Event::Invalidated(keys));
        }
    }
}
/// What another host published, kept until the disk is open.
enum Published {
    Keys(Vec<Bytes>),
    Pattern(Vec<u8>),
    Tag(String),
}
impl redis::Listener for Told {
    fn changed(&self, keys: Option<&[&[u8]]>) {
        let Some(engine) = self.engine.upgrade() else { return };
        match keys {
            Some(keys) => Self::changed_keys(&engine, keys),
            None => engine.memory.distrust(),
        }
    }
    fn published(&self, origin: &[u8], change: Change<'_>) {
        let Some(engine) = self.engine.upgrade() else { return };
        let Some(tier) = engine.disk.clone() else { return };
        // what was written before the disk was open is signed with the engine's own number
        if engine.origin().is_some_and(|own| own == origin) || origin == engine.number.to_be_bytes() {
            return;
        }
        let owned = match change {
            Change::Keys(keys) => {
                Self::changed_keys(&engine, &keys);
                Published::Keys(keys.iter().map(|key| Bytes::copy_from_slice(key)).collect())
            }
            Change::Pattern(glob) => Published::Pattern(glob.to_vec()),
            Change::Tag(tag) => Published::Tag(tag.to_owned()),
            Change::Prefix(prefix) => Published::Pattern(super::remove::prefix_glob(prefix)),
        };
        let origin = Bytes::copy_from_slice(origin);
        tier.with(move |disk| {
            // this host's own changes are on its disk already
            let Some(disk) = disk.filter(|disk| disk.origin() != origin) else { return };
            match owned {
                Published::Keys(keys) => {
                    disk.remove(&keys, Box::new(|_| {}));
                    // a read may have filled memory from the disk in between
                    for key in &keys {
                        engine.memory.invalidate(key_hash(key));
                    }
                }
                Published::Pattern(glob) => engine.forget_matching(disk, &glob),
                Published::Tag(tag) => engine.forget_tag(disk, &tag),
            }
        });
    }
    fn tracking(&self, up: bool, why: Option<Error>) {
        let Some(engine) = self.engine.upgrade() else { return };
        let (events, memory) = (&engine.events, &engine.memory);
        if up {
            // what was stored before may have missed a change
            memory.distrust();
            *events.loss.lock() = None;
            events.tracking.store(true, Ordering::Release);
            engine.found("tracking");
        } else {
            if events.tracking.swap(false, Ordering::AcqRel) {
                *events.loss.lock() = Some(Loss { at: Instant::now(), now: None, trust: memory.trust() });
                memory.distrust();
            }
            if let Some(why) = why {
                engine.lost("tracking", why);
            }
        }
    }
    fn state(&self, state: State, why: Option<Error>) {
        let Some(engine) = self.engine.upgrade() else { return };
        let down = state == State::Down;
        if engine.events.down.swap(down, Ordering::AcqRel) != down {
            if down {
                engine.memory.bump_era(); // near entries are dated anew
            } else {
                engine.memory.distrust();
                if let Some(disk) = engine.disk.as_ref().and_then(|disk| disk.get()) {
                    let engine = engine.clone();
                    crate::pool::spawn(move || engine.tell_missed(&disk));
                }
            }
        }
        if down {
            let unknown = || Error::new(sluice_core::error::Kind::Redis).with("detail", "it does not answer");
            engine.lost("redis", why.unwrap_or_else(unknown));
        } else if state == State::Up {
            engine.found("redis");
        }
    }
    fn channel(&self, heard: bool) {
        let Some(engine) = self.engine.upgrade() else { return };
        engine.hears.store(heard, Ordering::Release);
        if let Some(disk) = engine.disk.as_ref().and_then(|disk| disk.get()) {
            disk.heard(heard, engine.last_now());
        }
    }
}
impl disk::Listener for Told {
    fn memory(&self) -> usize {
        self.engine.upgrade().map_or(0, |engine| Arc::as_ptr(&engine.memory) as usize)
    }
    fn removed(&self, what: disk::Removed<'_>) {
        let Some(engine) = self.engine.upgrade() else { return };
        match what {
            disk::Removed::Pattern(glob) => engine.forget_copies(glob, engine.last_now()),
            disk::Removed::Tag(tag) => engine.forget_tagged(tag, engine.last_now()),
        };
    }
    fn changed(&self, hashes: Option<&[u64]>) {
        let Some(engine) = self.engine.upgrade() else { return };
        match hashes {
            Some(hashes) => {
                for hash in hashes {
                    engine.memory.invalidate(*hash);
                }
                engine.tallies.invalidations.fetch_add(hashes.len() as u64, Ordering::Relaxed);
            }
            None => engine.memory.distrust(),
        }
    }
    fn state(&self, up: bool, why: Option<Error>) {
        let Some(engine) = self.engine.upgrade() else { return };
        match why {
            Some(error) if !up => engine.lost("disk", error),
            _ if up => engine.found("disk"),
            _ => {}
        }
    }
}
