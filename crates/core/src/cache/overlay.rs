//! Writes on their way to disk: seen by reads at once, bounded, the last one of a key wins.

use super::Record;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};

/// What a key is about to become.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A value.
    Put(Put),
    /// Nothing.
    Delete,
}
/// A value on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Put {
    /// The value.
    pub record: Record,
    /// The store's generation when it was accepted: void in a later one.
    pub generation: u64,
    /// A fill: made only if nothing has come between.
    pub condition: Option<Condition>,
}
/// What must still hold when a fill is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The row of the ring up to which this process had been told when the fill was accepted: a later one by
    /// another process that names the key defeats it.
    pub told: u64,
    /// The lease by which it was loaded: a newer one of the key defeats it. Owner and token.
    pub fence: Option<(u64, u64)>,
}
/// Which writes go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Deletes, leases and what other processes wait for.
    Urgent,
    /// Puts.
    Behind,
}
/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Keys, as far as puts go.
    pub put_keys: usize,
    /// Bytes, as far as puts go.
    pub put_bytes: usize,
    /// Keys, and operations, at all.
    pub keys: usize,
    /// Bytes at all.
    pub bytes: usize,
}
/// How a write was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It waits for its commit.
    Accepted,
    /// There was no room. What the key had is deleted instead: it is older.
    Dropped,
    /// There was no room for a delete either: nothing that is on disk may be trusted any more.
    Full,
}
/// One thing for the writer to do, in order.
#[derive(Debug)]
pub enum Next<T, O> {
    /// A key's latest effect.
    Key(Taken<T>),
    /// Something else.
    Op(O),
}
/// A key's effect in the writer's hands; seen by reads until it is settled.
#[derive(Debug)]
pub struct Taken<T> {
    /// The key.
    pub key: Bytes,
    /// What it becomes.
    pub effect: Effect,
    /// When the condition fails: delete, because the fill stood in for an earlier write.
    pub or_delete: bool,
    /// Who asked for a delete, and whether the key was known to be there (None: the disk knows).
    pub tickets: Vec<(T, Option<bool>)>,
    version: u64,
}

struct Slot<T> {
    effect: Effect,
    version: u64,
    queued: Option<Lane>,
    or_delete: bool,
    tickets: Vec<(T, Option<bool>)>,
}
enum Queued<O> {
    Key(Bytes),
    Op(O),
}

/// The writes on their way. `T` stands for who waits for a delete, `O` for operations that only need their turn.
pub struct Overlay<T, O> {
    slots: HashMap<Bytes, Slot<T>>,
    urgent: VecDeque<Queued<O>>,
    behind: VecDeque<Bytes>,
    bytes: usize,
    version: u64,
    limits: Limits,
}
const SLOT_BYTES: usize = 128;
fn cost(key: &[u8], effect: &Effect) -> usize {
    let value = match effect {
        Effect::Put(put) => {
            put.record.bytes.len() + put.record.tags.iter().map(|tag| tag.len() + 16).sum::<usize>()
        }
        Effect::Delete => 0,
    };
    SLOT_BYTES + key.len() + value
}

impl<T, O> Overlay<T, O> {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        let (slots, urgent, behind) = (HashMap::new(), VecDeque::new(), VecDeque::new());
        Self { slots, urgent, behind, bytes: 0, version: 0, limits }
    }
    /// What a key is about to become.
    pub fn get(&self, key: &[u8]) -> Option<&Effect> {
        self.slots.get(key).map(|slot| &slot.effect)
    }
    /// Keys on their way, with what they become.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &Effect)> {
        self.slots.iter().map(|(key, slot)| (key, &slot.effect))
    }
    /// Whether nothing waits for the writer's hands.
    pub fn is_idle(&self) -> bool {
        self.urgent.is_empty() && self.behind.is_empty()
    }
    /// Whether something waits that goes first.
    pub fn is_urgent(&self) -> bool {
        !self.urgent.is_empty()
    }
    /// How many puts wait.
    pub fn waiting(&self) -> usize {
        self.behind.len()
    }
    /// Accepts a value.
    pub fn put(&mut self, key: Bytes, put: Put, lane: Lane) -> Admission {
        let effect = Effect::Put(put);
        let held = self.slots.get(&key).map(|slot| cost(&key, &slot.effect));
        let after = (self.bytes + cost(&key, &effect)).saturating_sub(held.unwrap_or(0));
        if (held.is_some() || self.slots.len() < self.limits.put_keys) && after <= self.limits.put_bytes {
            self.change(key, effect, lane, None);
            return Admission::Accepted;
        }
        if matches!(&effect, Effect::Put(Put { condition: Some(_), .. })) {
            // a fill that is not made leaves what there is: nothing newer is known
            return Admission::Dropped;
        }
        match self.remove(key, None) {
            Admission::Accepted => Admission::Dropped,
            other => other,
        }
    }
    /// Accepts a delete.
    pub fn remove(&mut self, key: Bytes, ticket: Option<T>) -> Admission {
        let is_known = self.slots.contains_key(&key);
        let has_room = self.slots.len() < self.limits.keys
            && self.bytes + cost(&key, &Effect::Delete) <= self.limits.bytes;
        if !is_known && !has_room {
            return Admission::Full;
        }
        self.change(key, Effect::Delete, Lane::Urgent, ticket);
        Admission::Accepted
    }
    fn change(&mut self, key: Bytes, effect: Effect, lane: Lane, ticket: Option<T>) {
        self.version += 1;
        let cost_after = cost(&key, &effect);
        let slot = self.slots.entry(key.clone()).or_insert_with(|| Slot {
            effect: Effect::Delete,
            version: 0,
            queued: None,
            or_delete: false,
            tickets: Vec::new(),
        });
        if slot.version > 0 {
            self.bytes = self.bytes.saturating_sub(cost(&key, &slot.effect));
        }
        self.bytes += cost_after;
        if let Some(ticket) = ticket {
            let was_there = match slot.effect {
                _ if slot.version == 0 => None,
                Effect::Put(_) => Some(true),
                Effect::Delete => Some(false),
            };
            slot.tickets.push((ticket, was_there));
        }
        // a fill that takes the place of a write which was never committed must not bring back what was before both
        slot.or_delete = slot.queued.is_some() && (slot.or_delete || !is_conditional(&slot.effect));
        slot.effect = effect;
        slot.version = self.version;
        match (slot.queued, lane) {
            (Some(Lane::Urgent), _) | (Some(Lane::Behind), Lane::Behind) => {}
            (_, Lane::Urgent) => {
                slot.queued = Some(Lane::Urgent);
                self.urgent.push_back(Queued::Key(key));
            }
            (None, Lane::Behind) => {
                slot.queued = Some(Lane::Behind);
                self.behind.push_back(key);
            }
        }
    }
    /// Queues an operation among what goes first; gives it back when too many wait.
    pub fn push(&mut self, op: O) -> Result<(), O> {
        if self.urgent.len() >= self.limits.keys {
            return Err(op);
        }
        self.urgent.push_back(Queued::Op(op));
        Ok(())
    }
    /// Takes what is to be done next: all that is urgent first, then puts in their order.
    pub fn take(&mut self, limit: usize) -> Vec<Next<T, O>> {
        let mut taken = Vec::new();
        while taken.len() < limit {
            let Some(queued) = self.urgent.pop_front() else { break };
            match queued {
                Queued::Op(op) => taken.push(Next::Op(op)),
                Queued::Key(key) => taken.extend(self.hand_out(key, Lane::Urgent).map(Next::Key)),
            }
        }
        while taken.len() < limit {
            let Some(key) = self.behind.pop_front() else { break };
            taken.extend(self.hand_out(key, Lane::Behind).map(Next::Key));
        }
        taken
    }
    fn hand_out(&mut self, key: Bytes, lane: Lane) -> Option<Taken<T>> {
        // a key that has been moved to the other lane left its old place in the queue behind
        let slot = self.slots.get_mut(&key).filter(|slot| slot.queued == Some(lane))?;
        slot.queued = None;
        let or_delete = std::mem::take(&mut slot.or_delete);
        let tickets = std::mem::take(&mut slot.tickets);
        Some(Taken { key, effect: slot.effect.clone(), or_delete, tickets, version: slot.version })
    }
    /// Forgets what has been committed, unless it has changed since it was taken.
    pub fn settle<'a>(&mut self, taken: impl IntoIterator<Item = &'a Taken<T>>)
    where
        T: 'a,
    {
        for one in taken {
            if self.slots.get(&one.key).is_some_and(|slot| slot.version == one.version)
                && let Some(slot) = self.slots.remove(&one.key)
            {
                self.bytes = self.bytes.saturating_sub(cost(&one.key, &slot.effect));
            }
        }
    }
    /// The oldest change that is not settled; None when all are.
    pub fn oldest(&self) -> Option<u64> {
        self.slots.values().map(|slot| slot.version).min()
    }
    /// The number of the last change.
    pub fn version(&self) -> u64 {
        self.version
    }
    /// Forgets all keys, not the operations; gives who waited, and whether a write that was no fill was among them.
    pub fn forget(&mut self) -> (Vec<(T, Option<bool>)>, bool) {
        self.bytes = 0;
        self.behind.clear();
        self.urgent.retain(|queued| matches!(queued, Queued::Op(_)));
        let is_loss = self.slots.values().any(|slot| slot.or_delete || !is_conditional(&slot.effect));
        (self.slots.drain().flat_map(|(_, slot)| slot.tickets).collect(), is_loss)
    }
}
fn is_conditional(effect: &Effect) -> bool {
    matches!(effect, Effect::Put(Put { condition: Some(_), .. }))
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
