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
