//! Items that are named when they leave: those that failed and wait for their next try, those that a log had kept,
//! letters that are sent again.

use super::types::{Backoff, Id, Lane, Millis};
use std::collections::{BTreeMap, BTreeSet};

/// An item that waits until `due`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its lane.
    pub lane: Lane,
    /// Tries that it has behind it.
    pub attempts: u32,
    /// Its size.
    pub bytes: u64,
    /// When it came.
    pub at: Millis,
    /// When it may leave.
    pub due: Millis,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Retry {
    held: BTreeMap<Id, Held>,
    by_due: BTreeSet<(Millis, Id)>,
    /// By what they have in common in a batch.
    alike: BTreeSet<(Lane, u32, Millis, Id)>,
}
impl Retry {
    /// Items.
    pub fn len(&self) -> usize {
        self.held.len()
    }
    /// One more.
    pub fn insert(&mut self, id: Id, held: Held) {
        self.remove(id);
        self.held.insert(id, held);
        self.by_due.insert((held.due, id));
        self.alike.insert((held.lane, held.attempts, held.due, id));
    }
    /// Takes that one out.
    pub fn remove(&mut self, id: Id) -> Option<Held> {
        let held = self.held.remove(&id)?;
        self.by_due.remove(&(held.due, id));
        self.alike.remove(&(held.lane, held.attempts, held.due, id));
        Some(held)
    }
    /// That one.
    pub fn get(&self, id: Id) -> Option<&Held> {
        self.held.get(&id)
    }
    /// When the next may leave, and which.
    pub fn next(&self) -> Option<(Millis, Id)> {
        self.by_due.first().copied()
    }
    /// The one that came first.
    pub fn oldest(&self) -> Option<(Id, &Held)> {
        self.held.first_key_value().map(|(&id, held)| (id, held))
    }
    /// Takes the next with all that are like it and due, as far as a batch goes, into `take`.
    pub fn batch(&mut self, now: Millis, size: u32, most_bytes: u64, mut take: impl FnMut(Id, Held)) {
        let Some(first) = self.next().and_then(|(_, id)| self.held.get(&id)).copied() else { return };
        let mut bytes = 0u64;
        for count in 0..size.max(1) {
            let from = (first.lane, first.attempts, 0, 0);
            let Some(&(.., id)) = self.alike.range(from..=(first.lane, first.attempts, now, Id::MAX)).next()
            else {
                break;
            };
            let Some(held) = self.held.get(&id).copied() else { break };
            bytes = bytes.saturating_add(held.bytes);
            if count > 0 && bytes > most_bytes {
                break;
            }
            self.remove(id);
            take(id, held);
        }
    }
    /// In order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &Held)> {
        self.held.iter().map(|(&id, held)| (id, held))
    }
}

/// How long after that many tries the next one waits; `random` from 0 to below 1.
pub fn wait_ms(backoff: &Backoff, tries: u32, random: f64) -> u64 {
    let factor = if backoff.factor >= 1.0 { backoff.factor } else { 1.0 };
    let exponent = i32::try_from(tries.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = backoff.min_ms as f64 * factor.powi(exponent);
    let bounded = if backoff.min_ms == 0 { 0.0 } else { grown.min(backoff.max_ms as f64) };
    let share = backoff.jitter.clamp(0.0, 1.0) * random.clamp(0.0, 1.0);
    (bounded * (1.0 - share)).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { min_ms: 100, max_ms: 1000, factor: 2.0, jitter: 0.2 };

    #[test]
    fn waits_grow_to_the_most_and_chance_only_shortens_them() {
        let waits: Vec<u64> = (1..=6).map(|tries| wait_ms(&BACKOFF, tries, 0.0)).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(wait_ms(&BACKOFF, 1, 0.5), 90);
        assert_eq!(wait_ms(&BACKOFF, 5, 0.999_999), 801);
    }

    #[test]
    fn odd_settings_make_a_finite_wait() {
        let odd = Backoff { min_ms: 10, max_ms: 50, factor: 0.1, jitter: 9.0 };
        assert_eq!((wait_ms(&odd, 3, 0.0), wait_ms(&odd, 3, 1.0)), (10, 0));
        assert_eq!(wait_ms(&Backoff { factor: f64::NAN, ..odd }, 3, f64::NAN), 0);
        assert_eq!(wait_ms(&Backoff { factor: 1e300, ..odd }, u32::MAX, 0.0), 50);
        assert_eq!(wait_ms(&Backoff { min_ms: 0, factor: 1e300, ..odd }, u32::MAX, 0.0), 0);
        assert_eq!(wait_ms(&Backoff { min_ms: 100, max_ms: 50, ..odd }, 1, 0.0), 50);
    }

    fn held(lane: Lane, attempts: u32, due: Millis) -> Held {
        Held { lane, attempts, bytes: 10, at: 0, due }
    }

    #[test]
    fn a_batch_is_of_one_lane_and_one_number_of_tries_and_of_what_is_due() {
        let mut retry = Retry::default();
        for (id, item) in [
            (1, held(1, 1, 30)),
            (2, held(1, 2, 20)),
            (3, held(2, 1, 10)),
            (4, held(1, 1, 5)),
            (5, held(1, 1, 99)),
        ] {
            retry.insert(id, item);
        }
        assert_eq!(retry.next(), Some((5, 4)));
        let mut batch = |now| {
            let mut ids = vec![];
            retry.batch(now, 10, u64::MAX, |id, _| ids.push(id));
            ids
        };
        assert_eq!((batch(50), batch(50), batch(50)), (vec![4, 1], vec![3], vec![2]));
        assert_eq!(retry.iter().map(|(id, _)| id).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn a_batch_ends_at_its_size_and_at_its_bytes_but_is_never_empty() {
        let mut retry = Retry::default();
        (1..=6).for_each(|id| retry.insert(id, held(0, 1, 0)));
        let mut batch = |size, bytes| {
            let mut ids = vec![];
            retry.batch(0, size, bytes, |id, _| ids.push(id));
            ids
        };
        assert_eq!(batch(2, u64::MAX), [1, 2]);
        assert_eq!(batch(9, 20), [3, 4]);
        assert_eq!(batch(9, 19), [5]);
        assert_eq!(batch(9, 1), [6]);
        assert!(batch(9, 1).is_empty());
        assert_eq!((retry.len(), retry.next(), retry.remove(1)), (0, None, None));
    }
}
