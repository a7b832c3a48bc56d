//! Those who wait: first come, first served, each with a deadline if it has one.

use super::super::Millis;
use super::types::{MemberId, WaiterId};
use std::collections::{BTreeMap, BTreeSet};

/// Somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter {
    /// Whose.
    pub member: MemberId,
    /// Permits that it wants.
    pub weight: u64,
    /// When it gives up.
    pub until: Option<Millis>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    waiters: BTreeMap<WaiterId, Waiter>,
    deadlines: BTreeSet<(Millis, WaiterId)>,
    last: WaiterId,
    weight: u64,
}
impl Queue {
    /// How many.
    pub fn len(&self) -> u64 {
        self.waiters.len() as u64
    }
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }
    /// Sum of what they want.
    pub fn weight(&self) -> u64 {
        self.weight
    }
    /// Joins at the end.
    pub fn push(&mut self, waiter: Waiter) -> WaiterId {
        self.last += 1;
        if let Some(until) = waiter.until {
            self.deadlines.insert((until, self.last));
        }
        self.weight = self.weight.saturating_add(waiter.weight);
        self.waiters.insert(self.last, waiter);
        self.last
    }
    /// Who is next.
    pub fn head(&self) -> Option<(WaiterId, Waiter)> {
        self.waiters.first_key_value().map(|(&id, &waiter)| (id, waiter))
    }
    /// Leaves, wherever it stands; None: it does not wait.
    pub fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let waiter = self.waiters.remove(&id)?;
        self.weight = self.weight.saturating_sub(waiter.weight);
        if let Some(until) = waiter.until {
            self.deadlines.remove(&(until, id));
        }
        Some(waiter)
    }
    /// One whose deadline has come, the earliest first.
    pub fn expired(&mut self, now: Millis) -> Option<(WaiterId, Waiter)> {
        let &(until, id) = self.deadlines.first()?;
        if until > now {
            return None;
        }
        self.remove(id).map(|waiter| (id, waiter))
    }
    /// The earliest deadline.
    pub fn deadline(&self) -> Option<Millis> {
        self.deadlines.first().map(|&(until, _)| until)
    }
    /// All of one member, in order.
    pub fn of(&self, member: MemberId) -> Vec<WaiterId> {
        self.waiters.iter().filter(|(_, waiter)| waiter.member == member).map(|(&id, _)| id).collect()
    }
}
