//! A look through the directory: what dead owners left moves to the own file, in two commits with a note in between;
//! what a crash left between such commits is mended; imports are taken in.
//!
//! Who looks has the look's lock, and takes every file that is free before it opens any. A file of which a note
//! elsewhere says that it was moved stays locked with the file that says so, so the two are found together.

use super::directory::checkpoint;
use super::keeper::{Keeper, Kept, LOOK_WAIT};
use super::lock::{self, Look, Place};
use super::notes::{self, Note};
use super::queue::{Event, Hold, Recovered};
use super::row::{Change, Seq};
use super::store::RedbStore;
use super::{DurableStore, open};
use sluice_core::error::{Error, Kind};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A file without an owner, in our hands.
struct Dead {
    place: Place,
    store: RedbStore,
    /// It could not be mended or emptied: it stays locked until the next look.
    has_failed: bool,
    /// An instance has yet to store anew what it has in memory of this one's.
    is_owed: bool,
}
/// What was found, and whether that is all there is.
struct Found {
    dead: Vec<Dead>,
    is_complete: bool,
}

impl Keeper {
    /// Looks, unless somebody else does.
    pub(super) fn look(&mut self) {
        if self.own.is_none() {
            return;
        }
        match Look::take(&self.root, LOOK_WAIT) {
            Ok(Some(look)) => self.look_under(&look),
            Ok(None) => {}
            // the directory may be gone; then so is the file
            Err(_) => self.check_own(),
        }
    }
    /// Whoever removes the directory takes the file from under us: what is committed from then on lies nowhere.
    fn check_own(&self) {
        if let Some(own) = self.own.as_ref().filter(|own| !own.is_there()) {
            self.directory.fail(own.generation(), &lock::unusable(&own.place.path, "it is gone"));
        }
    }
    pub(super) fn look_under(&mut self, _look: &Look) {
        self.check_own();
        if self.own.as_ref().is_none_or(|own| !own.is_there()) {
            return;
        }
        let mut found = self.take_dead();
        // an error here is one of the own file, which is retired: the next look goes on
        let _ = self.move_all(&mut found);
        for dead in found.dead {
            let is_empty = !dead.has_failed && dead.is_empty();
            let Dead { place, store, has_failed, is_owed } = dead;
            let id = store.id();
            drop(store);
            if is_empty {
                let _ = std::fs::remove_file(&place.path);
            } else if has_failed || is_owed {
                self.kept.push(Kept { place, id });
            }
        }
    }
    fn move_all(&mut self, found: &mut Found) -> Result<(), Error> {
        self.mend(found)?;
        self.take_orphans()?;
        for dead in &mut found.dead {
            if !dead.has_failed && !dead.is_owed {
                self.adopt(dead)?;
            }
        }
        self.forget_notes(found)?;
        for hold in self.holds() {
            self.import(&hold)?;
        }
        Ok(())
    }

    /// Takes all files that are free, then opens them.
    fn take_dead(&mut self) -> Found {
        let mut is_complete = true;
        let mut places: Vec<(Place, Option<u128>)> =
            self.kept.drain(..).map(|kept| (kept.place, Some(kept.id))).collect();
        let own = self.own.as_ref().map(|own| own.place.number);
        let numbers = lock::numbers(&self.root).unwrap_or_else(|why| {
            is_complete = false;
            self.tell_all(why);
            Vec::new()
        });
        for number in numbers {
            if Some(number) == own || places.iter().any(|(place, _)| place.number == number) {
                continue;
            }
            match Place::take(&self.root, number) {
                Ok(Some(place)) => places.push((place, None)),
                // it has an owner, or is not for us
                Ok(None) | Err(_) => is_complete = false,
            }
        }
        places.sort_by_key(|(place, _)| place.number);
        let owed: HashSet<u128> =
            self.holds().iter().flat_map(|hold| hold.standing.lock().debts.clone()).collect();
        let mut dead = Vec::new();
        for (place, kept) in places {
            match open::read(&self.root, &place, &self.directory.options) {
                Ok(Some(store)) => {
                    let is_owed = owed.contains(&store.id());
                    dead.push(Dead { place, store, has_failed: false, is_owed });
                }
                Ok(None) => {}
                Err(why) => {
                    // set aside it is out of the way; what cannot be read now may be another time
                    let is_aside = why.kind == Kind::StoreCorrupt;
                    is_complete &= is_aside;
                    if let Some(id) = kept.filter(|_| !is_aside) {
                        self.kept.push(Kept { place, id });
                    }
                    self.tell_all(why);
                }
            }
        }
        Found { dead, is_complete }
    }

    /// What was moved and not removed from where it lay is removed.
    fn mend(&mut self, found: &mut Found) -> Result<(), Error> {
        let mut all: Vec<Note> = self.own_notes()?.into_iter().map(|(_, note)| note).collect();
        for dead in &found.dead {
            all.extend(dead.notes().unwrap_or_default().into_iter().map(|(_, note)| note));
        }
        let now = self.now();
        for note in all {
            let Note::Moved { file, queue, up_to } = note else { continue };
            if let Some(dead) = found.dead.iter_mut().find(|dead| dead.store.id() == file) {
                dead.commit(&[Change::Clear { queue: queue.into(), up_to }], now);
            }
        }
        Ok(())
    }
    /// Queues of the own file that no instance has, for one that has their name.
    fn take_orphans(&mut self) -> Result<(), Error> {
        for queue in self.read(DurableStore::queues)? {
            let is_held = self.directory.state.lock().holds.iter().any(|hold| *hold.queue == *queue);
            if let Some(hold) = self.heir(&queue).filter(|_| !is_held) {
                self.move_own(&queue.into(), &hold)?;
            }
        }
        Ok(())
    }
    /// The instance that takes what a queue holds.
    fn heir(&self, queue: &str) -> Option<Arc<Hold>> {
        let name = Hold::name_of(queue)?;
        let is_heir = |hold: &Arc<Hold>| hold.name == name && hold.standing.lock().may_inherit();
        self.holds().into_iter().find(is_heir)
    }
    /// Moves a queue of the own file to a hold, above its numbers.
    pub(super) fn move_own(&mut self, queue: &Arc<str>, hold: &Arc<Hold>) -> Result<(), Error> {
        let (name, now) = (queue.clone(), self.now());
        let (all, up_to) = self.read(move |store| read_queue(store, &name, now))?;
        if all.is_empty() {
            return Ok(());
        }
        let all = renumbered(all, hold);
        let clear = Change::Clear { queue: queue.clone(), up_to };
        self.commit(vec![clear, adopted(&all, hold)])?;
        give(hold, all);
        Ok(())
    }
    /// Moves what a dead owner left to the instances of this process that have the names.
    fn adopt(&mut self, dead: &mut Dead) -> Result<(), Error> {
        let now = self.now();
        let Ok(queues) = dead.store.queues() else { return Ok(()) };
        for queue in queues {
            let Some(hold) = self.heir(&queue) else { continue };
            let Ok((all, up_to)) = read_queue(&dead.store, &queue, now) else {
                dead.has_failed = true;
                return Ok(());
            };
            let all = renumbered(all, &hold);
            self.commit(vec![adopted(&all, &hold), notes::moved(dead.store.id(), &queue, up_to)])?;
            give(&hold, all);
            checkpoint("moved");
            dead.commit(&[Change::Clear { queue: queue.into(), up_to }], now);
            if dead.has_failed {
                return Ok(());
            }
        }
        Ok(())
    }
    /// Notes that have done their work go, before the locks do.
    fn forget_notes(&mut self, found: &mut Found) -> Result<(), Error> {
        let pending: HashSet<u128> = found
            .dead
            .iter()
            .filter(|dead| dead.has_failed || dead.is_owed)
            .map(|dead| dead.store.id())
            .collect();
        let mended: HashSet<u128> = found.dead.iter().map(|dead| dead.store.id()).collect();
        let is_done = |note: &Note| match note {
            Note::Moved { file, .. } => {
                !pending.contains(file) && (mended.contains(file) || found.is_complete)
            }
            Note::Imported(source) => source.finish(),
        };

        let mut unfinished = Vec::new();
        let mut forgotten = |notes: Vec<(String, Note)>| {
            let (done, stay): (Vec<_>, Vec<_>) = notes.into_iter().partition(|(_, note)| is_done(note));
            unfinished.extend(stay.into_iter().filter_map(|(_, note)| match note {
                Note::Imported(source) => Some(source),
                Note::Moved { .. } => None,
            }));
            done.iter().map(|(name, _)| notes::none(name)).collect::<Vec<Change>>()
        };
        let own = forgotten(self.own_notes()?);
        let others: Vec<_> =
            found.dead.iter().map(|dead| forgotten(dead.notes().unwrap_or_default())).collect();
        self.imported = unfinished;
        let now = self.now();
        for (dead, done) in found.dead.iter_mut().zip(others) {
            dead.commit(&done, now);
        }
        if own.is_empty() { Ok(()) } else { self.commit(own).map(drop) }
    }
    fn own_notes(&self) -> Result<Vec<(String, Note)>, Error> {
        self.read(|store| Ok(read_notes(store.notes()?)))
    }
}

impl Dead {
    fn notes(&self) -> Result<Vec<(String, Note)>, Error> {
        self.store.notes().map(read_notes)
    }
    fn commit(&mut self, changes: &[Change], now: u64) {
        if !self.has_failed && !changes.is_empty() {
            self.has_failed = self.store.commit(changes, now).is_err();
        }
    }
    fn is_empty(&self) -> bool {
        self.store.is_empty() && self.store.notes().is_ok_and(|notes| notes.is_empty())
    }
}
fn read_notes(notes: Vec<(String, String)>) -> Vec<(String, Note)> {
    let read = |(name, text): (String, String)| Note::read(&name, &text).map(|note| (name, note));
    notes.into_iter().filter_map(read).collect()
}
/// All of a queue, and the last number that it may have used.
fn read_queue(store: &RedbStore, queue: &str, now: u64) -> Result<(Recovered, Seq), Error> {
    let (rows, letters, seen) = (store.pending(queue)?, store.letters(queue)?, store.seen(queue, now)?);
    Ok((Recovered { rows, letters, seen }, store.next_seq(queue)?.saturating_sub(1)))
}
/// The same under numbers of that hold, in the same order.
pub(super) fn renumbered(mut all: Recovered, hold: &Hold) -> Recovered {
    let rows = all.rows.iter().map(|row| row.seq);
    let mut old: Vec<Seq> = rows.chain(all.letters.iter().map(|letter| letter.row.seq)).collect();
    old.sort_unstable();
    let first = hold.next.fetch_add(old.len() as u64, Ordering::AcqRel);
    let new: BTreeMap<Seq, Seq> = old.into_iter().zip(first..).collect();
    let number = |seq: &mut Seq| *seq = new.get(seq).copied().unwrap_or(*seq);
    all.rows.iter_mut().for_each(|row| number(&mut row.seq));
    all.letters.iter_mut().for_each(|letter| number(&mut letter.row.seq));
    all.seen.retain(|seen| seen.pending.is_none_or(|seq| new.contains_key(&seq)));
    all.seen.iter_mut().filter_map(|seen| seen.pending.as_mut()).for_each(number);
    all
}
pub(super) fn adopted(all: &Recovered, hold: &Hold) -> Change {
    let Recovered { rows, letters, seen } = all.clone();
    Change::Adopt { queue: hold.queue.clone(), rows, letters, seen }
}
pub(super) fn give(hold: &Hold, all: Recovered) {
    if all.is_empty() {
        return;
    }
    let mut standing = hold.standing.lock();
    if standing.opened.is_some() {
        standing.recovered.append(all);
        return;
    }
    drop(standing);
    hold.tell(Event::Adopted(all));
}
