//! The protocol of epochs, eras and stripes (docs/design/cache.md, "Coherence") as a model, in every interleaving of
//! its threads. Only under a cfg of its own, see CONTRIBUTING.md: loom replaces the atomics of whatever it runs.
#![cfg(sluice_loom)]
#![allow(clippy::unwrap_used)]

use loom::sync::atomic::{AtomicI32, Ordering};
use loom::sync::{Arc, Mutex, RwLock};
use loom::thread;

const OLD: u32 = 1;
const NEW: u32 = 2;

/// One key: its cell, the era, its stripe, its copy in memory, and its value in the tier below.
struct Key {
    epoch: AtomicI32,
    era: AtomicI32,
    stripe: Mutex<()>,
    held: RwLock<()>,
    copy: Mutex<Option<u32>>,
    below: Mutex<Option<u32>>,
}
impl Key {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            epoch: AtomicI32::new(0),
            era: AtomicI32::new(0),
            stripe: Mutex::new(()),
            held: RwLock::new(()),
            copy: Mutex::new(None),
            below: Mutex::new(Some(OLD)),
        })
    }
    fn moment(&self) -> (i32, i32) {
        (self.epoch.load(Ordering::Acquire), self.era.load(Ordering::Acquire))
    }
    fn get(&self) -> Option<u32> {
        *self.copy.lock().unwrap()
    }
    /// `Memory::exclusive` with a change of memory and of the tier below, in that order.
    fn change(&self, value: Option<u32>) {
        let _stripe = self.stripe.lock().unwrap();
        let _held = self.held.read().unwrap();
        *self.copy.lock().unwrap() = value;
        *self.below.lock().unwrap() = value;
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
    /// A read of the tier below and the fill of what it found.
    fn read_and_fill(&self) {
        let began = self.moment();
        let Some(found) = *self.below.lock().unwrap() else { return };
        let _stripe = self.stripe.lock().unwrap();
        let _held = self.held.read().unwrap();
        if self.moment() == began {
            *self.copy.lock().unwrap() = Some(found);
        }
    }
    /// A delete that names no key: the tier below, the era, then the copies that are there.
    fn forget(&self) {
        *self.below.lock().unwrap() = None;
        {
            let _held = self.held.write().unwrap();
            self.era.fetch_add(1, Ordering::AcqRel);
        }
        if self.get().is_none() {
            return;
        }
        let _stripe = self.stripe.lock().unwrap();
        *self.copy.lock().unwrap() = None;
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
}

#[test]
fn a_fill_never_follows_a_newer_set() {
    loom::model(|| {
        let key = Key::new();
        let (filler, writer) = (key.clone(), key.clone());
        let fills = thread::spawn(move || filler.read_and_fill());
        let writes = thread::spawn(move || {
            writer.change(Some(NEW));
            assert_eq!(writer.get(), Some(NEW), "what was set is found");
        });
        fills.join().unwrap();
        writes.join().unwrap();
        assert_eq!(key.get(), Some(NEW));
    });
}

#[test]
fn a_fill_never_brings_back_what_was_deleted() {
    for by_name in [true, false] {
        loom::model(move || {
            let key = Key::new();
            let (filler, writer) = (key.clone(), key.clone());
            let fills = thread::spawn(move || filler.read_and_fill());
            let deletes = thread::spawn(move || if by_name { writer.change(None) } else { writer.forget() });
            fills.join().unwrap();
            deletes.join().unwrap();
            assert_eq!(key.get(), None);
        });
    }
}

#[test]
fn a_near_entry_that_looks_good_after_a_set_holds_its_value() {
    loom::model(|| {
        let key = Key::new();
        *key.copy.lock().unwrap() = Some(OLD);
        let (reader, writer) = (key.clone(), key.clone());
        let reads = thread::spawn(move || {
            let moment = reader.moment();
            (moment, reader.get())
        });
        let writes = thread::spawn(move || writer.change(Some(NEW)));
        let (moment, near) = reads.join().unwrap();
        writes.join().unwrap();
        if moment == key.moment() {
            assert_eq!(near, Some(NEW));
        }
    });
}

/// The log of what has moved, as long as a round of two, and the cells of two keys.
struct Moves {
    cells: [AtomicI32; 2],
    moved: AtomicI32,
    log: [AtomicI32; 2],
}
impl Moves {
    fn bump(&self, cell: usize) {
        self.cells[cell].fetch_add(1, Ordering::AcqRel);
        let at = self.moved.fetch_add(1, Ordering::AcqRel);
        self.log[at as usize % 2].store(at / 2 * 16 + cell as i32, Ordering::Release);
    }
}
/// A near entry of the first cell, and how much of the log its table has heard: `lib/cache/homes.js`.
struct Near {
    heard: i32,
    holds: bool,
    doubted: bool,
}
impl Near {
    /// Whether it is served; filled under epoch 0.
    fn get(&mut self, moves: &Moves) -> bool {
        if moves.moved.load(Ordering::Relaxed) != self.heard {
            self.hear(moves);
        }
        if std::mem::take(&mut self.doubted) {
            self.holds &= moves.cells[0].load(Ordering::Relaxed) == 0;
        }
        self.holds
    }
    fn hear(&mut self, moves: &Moves) {
        let moved = moves.moved.load(Ordering::Acquire);
        let from = std::mem::replace(&mut self.heard, moved);
        if moved - from > 2 {
            self.doubted = true;
            return;
        }
        for at in from..moved {
            let logged = moves.log[at as usize % 2].load(Ordering::Relaxed);
            if logged / 16 != at / 2 || logged < 0 {
                self.doubted = true;
                return;
            }
            if logged % 16 == 0 {
                self.holds &= moves.cells[0].load(Ordering::Relaxed) == 0;
            }
        }
    }
}

impl Moves {
    fn new() -> Arc<Self> {
        let cells = [AtomicI32::new(0), AtomicI32::new(0)];
        let log = [AtomicI32::new(-1), AtomicI32::new(-1)];
        Arc::new(Self { cells, moved: AtomicI32::new(0), log })
    }
}

#[test]
fn a_near_entry_is_not_served_once_a_change_of_its_cell_has_ended() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let moves = Moves::new();
        let mut near = Near { heard: 0, holds: true, doubted: false };
        let (writer, other) = (moves.clone(), moves.clone());
        let changes = thread::spawn(move || writer.bump(0));
        let others = thread::spawn(move || other.bump(1));
        // it may hear in the midst of both
        near.get(&moves);
        changes.join().unwrap();
        assert!(!near.get(&moves), "in the midst of the other, too");
        others.join().unwrap();
        assert!(!near.get(&moves));
    });
}

#[test]
fn a_near_entry_is_not_served_when_the_log_has_gone_over_its_change() {
    loom::model(|| {
        let moves = Moves::new();
        let mut near = Near { heard: 0, holds: true, doubted: false };
        let writer = moves.clone();
        let writes = thread::spawn(move || [0, 1, 1].map(|cell| writer.bump(cell)));
        near.get(&moves);
        writes.join().unwrap();
        assert!(!near.get(&moves));
    });
}
