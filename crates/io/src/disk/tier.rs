//! A store as one process uses it: shared by all instances and threads that have opened its path.

use super::hearing::Hearing;
use super::notices::Ear;
use super::page::SharedPage;
use super::store::{self, Store};
use super::work::{Mask, Op, Pending};
use super::{Answer, Config, writer};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex, RwLock};
use sluice_core::cache::Millis;
use sluice_core::cache::overlay::Effect;
use sluice_core::cache::ring::Change;
use sluice_core::cache::stored::{Stored, stored_key};
use sluice_core::error::{Error, Kind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often at most it is looked whether the store is still where it was.
const LOOK: Duration = Duration::from_secs(1);
/// A closing process waits no longer for a writer that another process holds up.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Tier {
    pub(super) root: PathBuf,
    pub(super) config: Config,
    pub(super) pending: Mutex<Pending>,
    pub(super) wake: Condvar,
    /// None while it is off.
    pub(super) store: RwLock<Option<Arc<Store>>>,
    pub(super) page: RwLock<Arc<SharedPage>>,
    pub(super) hearing: Mutex<Hearing>,
    /// The time that a caller passed last; sweeps go by it.
    pub(super) now: AtomicU64,
    up: AtomicBool,
    /// Something was changed while it was off: nothing older may be served again.
    pub(super) has_missed: AtomicBool,
    pub(super) ended: AtomicBool,
    /// Somebody has opened the path since the store was removed: it may be made anew.
    pub(super) may_make: AtomicBool,
    pub(super) ears: RwLock<Vec<Ear>>,
    /// Listeners keep more than one memory between them.
    pub(super) has_groups: AtomicBool,
    /// Something waits to be told.
    pub(super) has_news: AtomicBool,
    /// Held while it is told, so that it is told in order.
    pub(super) delivering: Mutex<()>,
    told: Mutex<Told>,
    /// The row of the ring up to which listeners have been told.
    pub(super) told_row: AtomicU64,
    origin: Vec<u8>,
}
struct Told {
    commit: usize,
    generation: u64,
    looked: Instant,
}

impl Tier {
    /// Opens the store and starts its writer thread. The error beside it: what was set aside.
    pub(super) fn open(root: &Path, config: &Config) -> Result<(Arc<Self>, Option<Error>), Error> {
        let (store, aside) = store::open(root, config, true)?;
        let told = Told { commit: 0, generation: store.generation(), looked: Instant::now() };
        let last_row = store.last_row().map_err(|why| super::place::io_error(root, why))?;
        let tier = Arc::new(Self {
            root: root.into(),
            config: config.clone(),
            pending: Mutex::new(Pending::new()),
            wake: Condvar::new(),
            page: RwLock::new(store.place.page.clone()),
            hearing: Mutex::default(),
            now: AtomicU64::new(0),
            up: AtomicBool::new(true),
            has_missed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            may_make: AtomicBool::new(false),
            ears: RwLock::default(),
            has_groups: AtomicBool::new(false),
            has_news: AtomicBool::new(false),
            delivering: Mutex::new(()),
            told: Mutex::new(told),
            told_row: AtomicU64::new(last_row),
            origin: store.origin.clone(),
            store: RwLock::new(Some(Arc::new(store))),
        });
        let for_writer = tier.clone();
        std::thread::Builder::new()
            .name("sluice-disk".into())
            .spawn(move || writer::run(&for_writer))
            .map_err(|why| super::place::io_error(root, why))?;
        Ok((tier, aside))
    }
    pub(super) fn origin(&self) -> &[u8] {
        &self.origin
    }
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }
    pub(super) fn open_store(&self) -> Option<Arc<Store>> {
        self.store.read().clone()
    }
    /// Everything that has been written is void from now on, for all processes.
    pub(super) fn void(&self) {
        self.page.read().void();
        if !self.is_up() {
            self.has_missed.store(true, Ordering::Release);
        }
    }

    pub(super) fn get(&self, key: &[u8], now: Millis) -> Answer {
        self.now.store(now, Ordering::Relaxed);
        let masks: Vec<Arc<Mask>>;
        {
            let pending = self.pending.lock();
            match pending.overlay.get(key) {
                Some(Effect::Delete) => return Answer::Absent,
                Some(Effect::Put(put)) => {
                    let is_there =
                        now <= put.record.stale_until && put.generation == self.page.read().generation();
                    return if is_there {
                        Answer::Found { record: put.record.clone(), suspect: self.is_suspect(u64::MAX) }
                    } else {
                        Answer::Absent
                    };
                }
                None => masks = pending.masks.clone(),
            }
        }
        let Some(store) = self.open_store() else { return Answer::Absent };
        let hidden = |stored: &Stored<'_>| masks.iter().any(|mask| mask.hides(stored));
        match store.get(key, now, &hidden, &|seq| self.is_suspect(seq)) {
            Ok((Answer::Damaged, hash)) => {
                let op = Op::Damaged { under: stored_key(key), hash };
                if self.pending.lock().overlay.push(op).is_ok() {
                    self.wake.notify_one();
                }
                Answer::Damaged
            }
            Ok((answer, _)) => answer,
            Err(why) => {
                self.fail(&why);
                Answer::Absent
            }
        }
    }
    /// A read failed: what cannot be mended by waiting takes the tier off.
    fn fail(&self, why: &heed::Error) {
        use heed::MdbError::{BadRslot, ReadersFull};
        // all readers' places are taken: it passes
        if !matches!(why, heed::Error::Mdb(ReadersFull | BadRslot)) {
            self.off(super::place::io_error(&self.root, why));
        }
    }

    pub(super) fn keys(&self, prefix: &[u8], limit: usize, now: Millis) -> Vec<Bytes> {
        self.now.store(now, Ordering::Relaxed);
        let mut found = BTreeMap::new();
        let mut masks = Vec::new();
        {
            let pending = self.pending.lock();
            masks.clone_from(&pending.masks);
            for (key, effect) in pending.overlay.iter().filter(|(key, _)| key.starts_with(prefix)) {
                let is_fresh = matches!(effect, Effect::Put(put) if now <= put.record.deadline);
                found.insert(key.clone(), is_fresh);
            }
        }
        let mut count = found.values().filter(|is_fresh| **is_fresh).count();
        let listed = self.open_store().map(|store| {
            store.keys(prefix, now, &mut |stored| {
                if !found.contains_key(stored.key) && !masks.iter().any(|mask| mask.hides(stored)) {
                    found.insert(Bytes::copy_from_slice(stored.key), true);
                    count += 1;
                }
                count < limit
            })
        });
        if let Some(Err(why)) = listed {
            self.fail(&why);
        }
        found.into_iter().filter(|(_, is_fresh)| *is_fresh).map(|(key, _)| key).take(limit).collect()
    }
    /// Takes the tier off: what waited is settled, and void where it was no fill.
    pub(super) fn off(&self, why: Error) {
        let mut pending = self.pending.lock();
        if !self.up.swap(false, Ordering::AcqRel) {
            return;
        }
        let (tickets, is_loss) = pending.overlay.forget();
        let ops = pending.overlay.take(usize::MAX);
        let flushes = std::mem::take(&mut pending.flushes);
        let has_masks = !pending.masks.is_empty();
        pending.masks.clear();
        if is_loss || has_masks {
            self.void();
        }
        pending.outbox.state(false, Some(why.clone()));
        self.has_news.store(true, Ordering::Release);
        drop(pending);
        self.wake.notify_one();
        tickets.iter().for_each(|(ticket, known)| ticket.settle(u64::from(known.unwrap_or(false))));
        writer::refuse(ops, &why);
        flushes.into_iter().for_each(|(_, done)| done(Err(why.clone())));
    }
    /// Takes a store that has been opened anew; `aside`: because the one before it was damaged.
    pub(super) fn back(&self, store: Store, aside: Option<Error>) {
        let store = Arc::new(store);
        {
            let mut told = self.told.lock();
            *told = Told { commit: 0, generation: store.generation(), looked: Instant::now() };
            self.told_row.store(store.last_row().unwrap_or(0), Ordering::Release);
        }
        *self.page.write() = store.place.page.clone();
        *self.hearing.lock() = Hearing::default();
        *self.store.write() = Some(store);
        let mut pending = self.pending.lock();
        pending.outbox.change(0, everything());
        if let Some(aside) = aside {
            pending.outbox.state(false, Some(aside));
        }
        if !self.up.swap(true, Ordering::AcqRel) {
            pending.outbox.state(true, None);
        }
        self.has_news.store(true, Ordering::Release);
    }

    /// Somebody opens the path again: a store that has been removed meanwhile may be made anew.
    pub(super) fn joined(&self) {
        if self.open_store().is_none_or(|store| !store.place.is_there()) {
            self.off(super::place::io_error(&self.root, "it has been removed"));
            let _pending = self.pending.lock();
            self.may_make.store(true, Ordering::Release);
            self.wake.notify_one();
        }
    }
    pub(super) fn poll(&self) {
        self.deliver();
        let mut told = self.told.lock();
        let Some(store) = self.open_store() else { return };
        let generation = store.generation();
        if generation != told.generation {
            told.generation = generation;
            self.tell_change(0, &everything());
        }
        if store.last_commit() != told.commit {
            match store.since(self.told_row.load(Ordering::Acquire)) {
                Ok((change, last, commit)) => {
                    self.tell_change(0, &change.unwrap_or_else(everything));
                    self.told_row.store(last, Ordering::Release);
                    told.commit = commit;
                }
                Err(why) => self.fail(&why),
            }
        }
        if told.looked.elapsed() > LOOK {
            told.looked = Instant::now();
            if !store.place.is_there() {
                drop(told);
                self.off(super::place::io_error(&self.root, "it has been removed"));
            }
        }
    }

    /// Commits what waits, closes the store and ends the writer thread; the last one out marks it as whole.
    pub(super) fn close(self: &Arc<Self>) {
        self.pending.lock().closing = true;
        self.wake.notify_one();
        if std::thread::current().name() == Some("sluice-disk") {
            // dropped by a callback on the writer thread itself, which ends by itself
            return;
        }
        let mut pending = self.pending.lock();
        let until = Instant::now() + CLOSE_WAIT;
        while !self.ended.load(Ordering::Acquire) {
            if self.wake.wait_until(&mut pending, until).timed_out() {
                return;
            }
        }
    }
    /// An error for who asks a tier that is away.
    pub(super) fn away(&self) -> Error {
        Error::new(Kind::StoreIo).with("path", self.root.display().to_string()).with("detail", "it is off")
    }
}
fn everything() -> Change {
    Change { everything: true, ..Change::default() }
}
