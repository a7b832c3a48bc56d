//! Power cuts and I/O errors under the store and under its commit thread: what was acknowledged must be there,
//! what was not must be there wholly or not at all.

use super::chance::{Chance, QUEUES};
use super::disk::{Disk, Fault};
use super::model::Model;
use sluice_core::error::Error;
use sluice_io::log::{Change, Committer, DurableStore, RedbStore};
use std::path::Path;
use std::sync::mpsc::channel;

/// Cuts that one file goes through before the next is taken.
pub const CHAIN: u64 = 20;
const MAX_BYTES: u64 = 150_000;

/// The rules of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// As the store is used.
    Ours,
    /// Control: commits without durability.
    NoDurability,
    /// Control: what was submitted counts as acknowledged.
    EarlyAcknowledgement,
}
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub cuts: u64,
    /// Of them, those where the process alone died: all that was written is there.
    pub kills: u64,
    /// Cuts within a commit, an opening or a closing.
    pub within: u64,
    /// Commits (or submissions) that were acknowledged.
    pub acknowledged: u64,
    /// Transactions that were there without being acknowledged.
    pub unacknowledged: u64,
    /// Cuts after which something acknowledged was missing, and how many items that were.
    pub losses: u64,
    pub lost_items: u64,
    /// Cuts after which the file could not be opened or held half a transaction.
    pub torn: u64,
    /// Acknowledgements after a failure.
    pub late: u64,
}
impl Count {
    pub fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.kills += other.kills;
        self.within += other.within;
        self.acknowledged += other.acknowledged;
        self.unacknowledged += other.unacknowledged;
        self.losses += other.losses;
        self.lost_items += other.lost_items;
        self.torn += other.torn;
        self.late += other.late;
    }
    pub fn is_clean(&self) -> bool {
        self.losses == 0 && self.torn == 0 && self.late == 0
    }
}

/// A file as it is after it was made.
pub fn fresh() -> Vec<u8> {
    let disk = Disk::new(Vec::new(), 0);
    RedbStore::create_on(disk.clone(), Path::new("disk"), MAX_BYTES).unwrap().close().unwrap();
    disk.view()
}
fn open(disk: &Disk) -> Result<RedbStore, Error> {
    RedbStore::open_on(disk.clone(), Path::new("disk"), MAX_BYTES)
}

/// States that a file may be in: after each transaction, from the beginning; how many of them are acknowledged.
struct History {
    states: Vec<Model>,
    acknowledged: usize,
}

struct Run {
    chance: Chance,
    rules: Rules,
    /// What goes wrong inside of an operation.
    fault: Fault,
    count: Count,
}
/// A chain of cuts of one file.
pub fn chain(fresh: &[u8], seed: u64, rules: Rules, fault: Fault) -> Count {
    let mut chance = Chance::new(seed);
    let is_threaded = rules == Rules::EarlyAcknowledgement || chance.one_in(3);
    let mut run = Run { chance, rules, fault, count: Count::default() };
    let mut image = fresh.to_vec();
    let mut model = Model::of(&open(&Disk::new(image.clone(), 0)).unwrap(), &QUEUES);
    model.max_bytes = MAX_BYTES;
    for _ in 0..CHAIN {
        let disk = Disk::new(image, run.chance.next());
        let history = if is_threaded { run.threaded(&disk, model) } else { run.direct(&disk, model) };
        run.count.cuts += 1;
        run.count.within += u64::from(disk.faults() > 0);
        run.count.acknowledged += history.acknowledged as u64;
        let is_kill = rules == Rules::Ours && fault == Fault::Power && run.chance.one_in(6);
        run.count.kills += u64::from(is_kill);
        image = if is_kill { disk.view() } else { disk.cut() };
        match run.check(&mut image, history) {
            Some(found) => model = found,
            None => break,
        }
    }
    run.count
}

impl Run {
    fn changes(&mut self, model: &Model) -> Vec<Change> {
        let mut model = model.clone();
        let count = if self.chance.one_in(15) { 60 } else { 1 + self.chance.below(5) };
        let mut changes = Vec::new();
        for _ in 0..count {
            let change = self.chance.change(&model);
            model.commit(std::slice::from_ref(&change), 0).unwrap();
            changes.push(change);
        }
        changes
    }
    fn arm(&mut self, disk: &Disk) {
        if !self.chance.one_in(8) {
            disk.set_fault(self.chance.below(50), self.fault);
        }
    }
    fn direct(&mut self, disk: &Disk, model: Model) -> History {
        let mut history = History { states: vec![model], acknowledged: 0 };
        let mut armed = self.chance.one_in(8);
        if armed {
            self.arm(disk);
        }
        let Ok(mut store) = open(disk) else { return history };
        if self.rules == Rules::NoDurability {
            store.promise_nothing();
        }
        let mut has_failed = false;
        for _ in 0..=self.chance.below(5) {
            if !armed && self.chance.one_in(2) {
                self.arm(disk);
                armed = true;
            }
            let before = history.states.last().unwrap();
            let changes = self.changes(before);
            let mut after = before.clone();
            let refused = after.commit(&changes, 0).unwrap();
            match store.commit(&changes, 0) {
                Ok(found) => {
                    self.count.late += u64::from(has_failed);
                    assert!(
                        found
                            .iter()
                            .map(|one| (one.index, one.why.kind))
                            .eq(refused.iter().map(|one| (one.index, one.why.kind)))
                    );
                    history.states.push(after);
                    history.acknowledged += 1;
                }
                Err(_) => {
                    if !has_failed {
                        history.states.push(after);
                    }
                    has_failed = true;
                }
            }
        }
        if self.chance.one_in(4) && self.rules == Rules::Ours {
            let _ = store.close();
        } else {
            // what redb writes when it is dropped comes too late
            disk.cut();
            drop(store);
        }
        history
    }
    fn threaded(&mut self, disk: &Disk, model: Model) -> History {
        let mut history = History { states: vec![model], acknowledged: 0 };
        let Ok(store) = open(disk) else { return history };
        let committer = Committer::new(store, "disk".into());
        let (sender, receiver) = channel();
        self.arm(disk);
        let count = 1 + self.chance.below(8);
        for number in 0..count {
            let before = history.states.last().unwrap();
            let changes = self.changes(before);
            let mut after = before.clone();
            after.commit(&changes, 0).unwrap();
            history.states.push(after);
            let sender = sender.clone();
            committer.submit(changes, 0, Box::new(move |done| sender.send((number, done.is_ok())).unwrap()));
            if self.chance.one_in(3) {
                std::thread::yield_now();
            }
        }
        if self.rules == Rules::EarlyAcknowledgement {
            // at any moment of the work
            for _ in 0..self.chance.below(200) {
                std::hint::spin_loop();
            }
            disk.cut();
            history.acknowledged = history.states.len() - 1;
        }
        let mut has_failed = false;
        for (place, (number, is_stored)) in receiver.iter().take(count as usize).enumerate() {
            assert_eq!(place as u64, number, "settled out of order");
            if is_stored && self.rules == Rules::Ours {
                self.count.late += u64::from(has_failed);
                history.acknowledged += 1;
            }
            has_failed |= !is_stored;
        }
        if self.chance.one_in(2) {
            disk.cut();
        }
        let (sender, receiver) = channel();
        committer.close(move || sender.send(()).unwrap());
        receiver.recv().unwrap();
        history
    }
    /// Opens what is left, with further cuts while it is being opened; None: the chain ends here.
    fn check(&mut self, image: &mut Vec<u8>, history: History) -> Option<Model> {
        while self.chance.one_in(6) {
            let disk = Disk::new(std::mem::take(image), self.chance.next());
            disk.set_fault(self.chance.below(30), Fault::Power);
            drop(open(&disk));
            *image = disk.cut();
        }
        let disk = Disk::new(std::mem::take(image), 0);
        let Ok(store) = open(&disk) else {
            self.count.torn += 1;
            return None;
        };
        let mut found = Model::of(&store, &QUEUES);
        found.max_bytes = MAX_BYTES;
        if found.bytes() != store.bytes() {
            self.count.torn += 1;
            return None;
        }
        drop(store);
        *image = disk.view();
        let Some(place) = history.states.iter().rposition(|state| *state == found) else {
            self.count.torn += 1;
            return None;
        };
        if place < history.acknowledged {
            self.count.losses += 1;
            let wanted = &history.states[history.acknowledged];
            for (name, queue) in &wanted.queues {
                let there = found.queues.get(name);
                let is_there = |seq| there.is_some_and(|there| there.pending.contains_key(seq));
                self.count.lost_items += queue.pending.keys().filter(|seq| !is_there(seq)).count() as u64;
            }
        }
        self.count.unacknowledged += place.saturating_sub(history.acknowledged) as u64;
        Some(found)
    }
}
