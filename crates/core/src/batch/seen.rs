//! Which keys had their effect, or are about to: what one process remembers of idempotency.
//!
//! A key that is pending holds its place as long as its item does, so those are as many as there are items. Keys that
//! are done are at most `limit`: the one that ended first goes first, and each goes when its time is over.

use super::types::Millis;
use std::collections::HashMap;
use std::sync::Arc;

/// Where the owner keeps what belongs to a key. Small numbers, used again when the key is forgotten.
pub type Slot = u32;

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: it is pending from now on.
    Fresh(Slot),
    /// Its item is not settled.
    Pending(Slot),
    /// It had its effect.
    Done(Slot),
}

const NONE: Slot = Slot::MAX;

#[derive(Debug)]
enum State {
    Free,
    Pending,
    /// In the list of those that are done, in the order in which they ended.
    Done {
        expires: Millis,
        older: Slot,
        newer: Slot,
    },
}
#[derive(Debug)]
struct Entry {
    key: Arc<str>,
    state: State,
}

/// The keys of one buffer. Everything takes the same time, however many there are.
#[derive(Debug)]
pub struct Seen {
    limit: usize,
    /// None: they are never over.
    ttl: Option<Millis>,
    slots: HashMap<Arc<str>, Slot>,
    entries: Vec<Entry>,
    free: Vec<Slot>,
    done: usize,
    oldest: Slot,
    newest: Slot,
}
impl Seen {
    /// Remembers at most `limit` keys that are done, each for `ttl` (None: for good).
    pub fn new(limit: usize, ttl: Option<Millis>) -> Self {
        Self {
            limit,
            ttl,
            slots: HashMap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            done: 0,
            oldest: NONE,
            newest: NONE,
        }
    }
    /// Asks for a key; one that is not known, or whose time is over, is pending from now on.
    pub fn claim(&mut self, key: &str, now: Millis) -> Claim {
        let Some(&slot) = self.slots.get(key) else { return Claim::Fresh(self.enter(key)) };
        match self.state(slot) {
            Some(State::Done { expires, .. }) if *expires > now => Claim::Done(slot),
            Some(State::Done { .. }) => {
                self.unlink(slot);
                self.set(slot, State::Pending);
                Claim::Fresh(slot)
            }
            _ => Claim::Pending(slot),
        }
    }
    /// A pending key had its effect. The slot of a key that is forgotten for it, which may be its own.
    pub fn done(&mut self, slot: Slot, now: Millis) -> Option<Slot> {
        let expires = self.ttl.map_or(Millis::MAX, |ttl| now.saturating_add(ttl));
        self.done_until(slot, expires, now)
    }
    /// The same with a time of its own, for what another process has done.
    pub fn done_until(&mut self, slot: Slot, expires: Millis, now: Millis) -> Option<Slot> {
        if !matches!(self.state(slot), Some(State::Pending)) {
            return None;
        }
        self.link(slot, expires);
        let oldest = self.oldest;
        let over = matches!(self.state(oldest), Some(State::Done { expires, .. }) if *expires <= now);
        (over || self.done > self.limit).then(|| {
            self.unlink(oldest);
            self.forget(oldest);
            oldest
        })
    }
    /// A pending key had no effect after all: it may be claimed anew.
    pub fn release(&mut self, slot: Slot) {
        if matches!(self.state(slot), Some(State::Pending)) {
            self.forget(slot);
        }
    }
    /// Keys, pending and done.
    pub fn len(&self) -> usize {
        self.slots.len()
    }
    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn state(&self, slot: Slot) -> Option<&State> {
        self.entries.get(slot as usize).map(|entry| &entry.state)
    }
    fn set(&mut self, slot: Slot, state: State) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.state = state;
        }
    }
    fn enter(&mut self, key: &str) -> Slot {
        let key: Arc<str> = key.into();
        let entry = Entry { key: key.clone(), state: State::Pending };
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.entries.get_mut(slot as usize) {
                    *place = entry;
                }
                slot
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as Slot
            }
        };
        self.slots.insert(key, slot);
        slot
    }
    fn forget(&mut self, slot: Slot) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            self.slots.remove(&entry.key);
            *entry = Entry { key: Arc::default(), state: State::Free };
            self.free.push(slot);
        }
    }
    fn link(&mut self, slot: Slot, expires: Millis) {
        let older = self.newest;
        self.set(slot, State::Done { expires, older, newer: NONE });
        match self.entries.get_mut(older as usize).map(|entry| &mut entry.state) {
            Some(State::Done { newer, .. }) => *newer = slot,
            _ => self.oldest = slot,
        }
        self.newest = slot;
        self.done += 1;
    }
    fn unlink(&mut self, slot: Slot) {
        let Some(&State::Done { older, newer, .. }) = self.state(slot) else { return };
        match self.entries.get_mut(older as usize).map(|entry| &mut entry.state) {
            Some(State::Done { newer: next, .. }) => *next = newer,
            _ => self.oldest = newer,
        }
        match self.entries.get_mut(newer as usize).map(|entry| &mut entry.state) {
            Some(State::Done { older: previous, .. }) => *previous = older,
            _ => self.newest = older,
        }
        self.done -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_fresh_once_then_pending_then_done() {
        let mut seen = Seen::new(10, Some(100));
        let Claim::Fresh(slot) = seen.claim("a", 0) else { panic!() };
        assert_eq!(seen.claim("a", 1_000_000), Claim::Pending(slot), "pending has no time");
        assert_eq!(seen.done(slot, 50), None);
        assert_eq!(seen.claim("a", 149), Claim::Done(slot));
        assert_eq!(seen.claim("a", 150), Claim::Fresh(slot), "over to the millisecond");
        seen.release(slot);
        assert!(matches!(seen.claim("a", 151), Claim::Fresh(_)));
    }
    #[test]
    fn the_one_that_ended_first_goes_first_and_pending_ones_stay() {
        let mut seen = Seen::new(2, None);
        let slots: Vec<Slot> = ["a", "b", "c", "d"]
            .iter()
            .map(|key| match seen.claim(key, 0) {
                Claim::Fresh(slot) => slot,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(seen.done(slots[2], 1), None);
        assert_eq!(seen.done(slots[0], 2), None);
        assert_eq!(seen.done(slots[3], 3), Some(slots[2]));
        assert_eq!(seen.claim("b", 4), Claim::Pending(slots[1]));
        assert_eq!(seen.claim("a", 4), Claim::Done(slots[0]));
        assert_eq!(seen.claim("c", 4), Claim::Fresh(slots[2]), "its slot is used again");
    }
    #[test]
    fn without_room_nothing_is_remembered() {
        let mut seen = Seen::new(0, None);
        let Claim::Fresh(slot) = seen.claim("a", 0) else { panic!() };
        assert_eq!(seen.done(slot, 0), Some(slot));
        assert!(seen.is_empty());
    }

    /// The same by looking at everything each time.
    #[derive(Default)]
    struct Model {
        pending: Vec<String>,
        /// In the order of their ends, with their times.
        done: Vec<(String, Millis)>,
    }
    proptest! {
        #[test]
        fn agrees_with_a_plain_list(
            limit in 0usize..6,
            ttl in prop::option::of(1u64..40),
            steps in prop::collection::vec((0u8..4, 0u8..8, 0u64..12), 1..300),
        ) {
            let mut seen = Seen::new(limit, ttl);
            let mut model = Model::default();
            let mut slots: HashMap<String, Slot> = HashMap::new();
            let mut now = 0;
            for (step, key, pause) in steps {
                now += pause;
                let key = format!("k{key}");
                let slot = slots.get(&key).copied();
                let is_pending = model.pending.contains(&key);
                match step {
                    0 | 1 => {
                        let claim = seen.claim(&key, now);
                        if is_pending {
                            prop_assert_eq!(Some(claim), slot.map(Claim::Pending));
                        } else if model.done.iter().any(|(done, expires)| *done == key && *expires > now) {
                            prop_assert_eq!(Some(claim), slot.map(Claim::Done));
                        } else {
                            let Claim::Fresh(slot) = claim else {
                                return Err(TestCaseError::fail(format!("{claim:?}")));
                            };
                            model.done.retain(|(done, _)| *done != key);
                            model.pending.push(key.clone());
                            slots.insert(key, slot);
                        }
                    }
                    2 if is_pending => {
                        let gone = seen.done(slot.unwrap(), now);
                        model.pending.retain(|pending| *pending != key);
                        model.done.push((key, ttl.map_or(Millis::MAX, |ttl| now + ttl)));
                        let leaves = model.done.len() > limit || model.done[0].1 <= now;
                        let expected = leaves.then(|| slots[&model.done.remove(0).0]);
                        prop_assert_eq!(gone, expected);
                    }
                    3 if is_pending => {
                        seen.release(slot.unwrap());
                        model.pending.retain(|pending| *pending != key);
                    }
                    _ => {}
                }
                prop_assert_eq!(seen.len(), model.pending.len() + model.done.len());
                prop_assert!(seen.entries.len() <= 8 + limit);
                let mut held: Vec<Slot> = model.pending.iter().map(|key| slots[key]).collect();
                held.extend(model.done.iter().map(|(key, _)| slots[key]));
                let many = held.len();
                held.sort_unstable();
                held.dedup();
                prop_assert_eq!(held.len(), many, "no slot is two keys'");
            }
        }
    }
}
