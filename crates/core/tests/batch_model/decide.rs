//! What the model says is next.

use super::model::{Flight, Is, Item, Model};
use sluice_core::batch::*;

impl Model {
    fn hands_over(&self) -> bool {
        !self.config.pull && !self.stopped && self.flights.len() < self.config.concurrency as usize
    }
    /// As the machine's, with 0 for the number of a batch.
    pub fn next(&mut self, now: u64) -> Option<Action> {
        self.tick(now);
        let action = self.what_is_next();
        if action.is_none() {
            self.came_back = false;
        }
        action
    }
    fn what_is_next(&mut self) -> Option<Action> {
        if !self.said.is_empty() {
            return Some(self.said.remove(0));
        }
        let now = self.now;
        let late =
            self.flights.iter_mut().filter(|flight| !flight.told && flight.until.is_some_and(|at| at <= now));
        if let Some(flight) = late.min_by_key(|flight| flight.until) {
            flight.told = true;
            return Some(Action::TimedOut(flight.batch));
        }
        self.stopped |= self.until.is_some_and(|until| until <= now);
        let mut admitted = None;
        for item in self.those(|item| item.is == Is::Waiting) {
            if !self.stopped && self.count(Item::admitted) < self.config.max_size {
                self.admit(item.id);
                admitted = Some(Action::Admitted(item.id));
            }
        }
        if admitted.is_some() {
            return admitted;
        }
        if let Some(action) = self.dispatch() {
            return Some(action);
        }
        if let Some((_, _, ids)) = self.tickets.first()
            && ids.iter().all(|&id| self.items[id as usize - 1].is == Is::Gone)
        {
            return Some(Action::Flushed(self.tickets.remove(0).0));
        }
        let high = self.count(Item::admitted) >= self.high_mark();
        if high != self.high {
            self.high = high;
            return Some(if high { Action::HighWater } else { Action::Drained });
        }
        let empty = self.known.iter().find(|&&lane| lane != 0 && !self.has_items(lane)).copied();
        if let Some(lane) = empty {
            self.known.remove(&lane);
            return Some(Action::LaneForgotten(lane));
        }
        let left = self.count(|item| item.is != Is::Gone);
        let quiet = self.flights.is_empty() && self.count(|item| item.is == Is::Storing) == 0;
        let over = quiet && (self.stopped || left == 0) || self.until.is_some_and(|until| until <= now);
        if self.closing && !self.closed && over {
            self.closed = true;
            self.stopped = true;
            return Some(Action::Closed);
        }
        None
    }
    fn has_items(&self, lane: u32) -> bool {
        self.items.iter().any(|item| item.lane == lane && item.is != Is::Gone)
    }
    fn high_mark(&self) -> u64 {
        (1..self.config.max_size)
            .find(|&mark| mark as f64 >= self.config.max_size as f64 * self.config.high_water)
            .unwrap_or(self.config.max_size)
    }

    fn dispatch(&mut self) -> Option<Action> {
        if !self.hands_over() {
            return None;
        }
        let now = self.now;
        let mut due: Vec<(u64, u64)> = self
            .those(|_| true)
            .iter()
            .filter_map(|item| match item.is {
                Is::Held { due } if due <= now => Some((due, item.id)),
                _ => None,
            })
            .collect();
        due.sort();
        let fresh = self.due_lane();
        match (due.first(), fresh) {
            (Some(&(since, _)), Some((at, lane, reason))) => {
                Some(if since <= at { self.dispatch_held(&due) } else { self.dispatch_lane(lane, reason) })
            }
            (Some(_), None) => Some(self.dispatch_held(&due)),
            (None, Some((_, lane, reason))) => Some(self.dispatch_lane(lane, reason)),
            (None, None) => None,
        }
    }
    fn queued(&self, lane: u32) -> Vec<Item> {
        self.those(|item| item.lane == lane && item.is == Is::Queued)
    }
    fn filled(&self, lane: u32) -> Option<Reason> {
        let queued = self.queued(lane);
        if queued.len() >= self.config.batch_size as usize {
            return Some(Reason::Size);
        }
        let bytes: u64 = queued.iter().map(|item| item.bytes).sum();
        (!queued.is_empty() && bytes >= self.config.batch_bytes).then_some(Reason::Bytes)
    }
    /// Each lane by itself: is it due, and why? The one with the oldest item leaves.
    fn due_lane(&self) -> Option<(u64, u32, Reason)> {
        let oldest_of_all = self.those(|item| item.is == Is::Queued).first().map(|item| item.id);
        let mut lanes = vec![];
        for lane in 0..8 {
            let Some(oldest) = self.queued(lane).first().cloned() else { continue };
            let timeout = self.config.batch_timeout_ms;
            let aged = if timeout == 0 { oldest.id <= self.ripe } else { oldest.at + timeout <= self.now };
            let quiet = self.flights.is_empty() || self.came_back;
            let idle = self.config.adaptive && quiet && Some(oldest.id) == oldest_of_all;
            let why = [
                (self.filled(lane).is_some(), self.filled(lane).unwrap_or(Reason::Size)),
                (self.closing, Reason::Close),
                (oldest.id <= self.flush_to, Reason::Flush),
                (aged, Reason::Timeout),
                (idle, Reason::Idle),
            ];
            if let Some(&(_, reason)) = why.iter().find(|(holds, _)| *holds) {
                lanes.push((oldest.id, oldest.at, lane, reason));
            }
        }
        lanes.iter().min().map(|&(_, at, lane, reason)| (at, lane, reason))
    }
    fn as_far_as_a_batch_goes(&self, ids: impl Iterator<Item = u64>) -> Vec<u64> {
        let (mut taken, mut bytes) = (vec![], 0);
        for id in ids {
            bytes += self.items[id as usize - 1].bytes;
            if taken.len() == self.config.batch_size as usize
                || !taken.is_empty() && bytes > self.config.batch_bytes
            {
                break;
            }
            taken.push(id);
        }
        taken
    }
    fn dispatch_lane(&mut self, lane: u32, reason: Reason) -> Action {
        let ids = self.as_far_as_a_batch_goes(self.queued(lane).iter().map(|item| item.id));
        let count = ids.len() as u32;
        self.came_back = false;
        self.stats.batches += 1;
        self.fly(ids, 1);
        Action::Dispatch { batch: 0, lane, reason, attempt: 1, count, ids: vec![] }
    }
    fn dispatch_held(&mut self, due: &[(u64, u64)]) -> Action {
        let first = self.items[due[0].1 as usize - 1].clone();
        let alike = |id: &u64| {
            let item = &self.items[*id as usize - 1];
            (item.lane, item.attempts) == (first.lane, first.attempts)
        };
        let ids = self.as_far_as_a_batch_goes(due.iter().map(|&(_, id)| id).filter(alike));
        let count = ids.len() as u32;
        let reason = if first.attempts > 0 {
            self.stats.retried += u64::from(count);
            Reason::Retry
        } else {
            self.stats.batches += 1;
            match count == self.config.batch_size {
                true => Reason::Size,
                false if self.closing => Reason::Close,
                false => Reason::Timeout,
            }
        };
        self.fly(ids.clone(), first.attempts + 1);
        Action::Dispatch { batch: 0, lane: first.lane, reason, attempt: first.attempts + 1, count, ids }
    }
    fn fly(&mut self, ids: Vec<u64>, attempt: u32) {
        self.stats.calls += 1;
        ids.iter().for_each(|&id| self.set(id, Is::Flying(0)));
        let until = match self.config.handler_timeout_ms {
            0 => None,
            timeout => Some(self.now + timeout),
        };
        self.flights.push(Flight { batch: 0, ids, attempt, until, told: false });
    }

    pub fn wants_turn(&self) -> bool {
        let queued = self.count(|item| item.is == Is::Queued);
        self.config.batch_timeout_ms == 0 && queued > 0 && self.hands_over()
    }
    pub fn wake_at(&self) -> Option<u64> {
        let mut times = vec![];
        for item in &self.items {
            match item.is {
                Is::Queued if self.hands_over() && self.config.batch_timeout_ms > 0 => {
                    times.push(item.at + self.config.batch_timeout_ms)
                }
                Is::Held { due } if self.hands_over() => times.push(due),
                _ => {}
            }
        }
        times.extend(self.flights.iter().filter(|flight| !flight.told).filter_map(|flight| flight.until));
        times.extend(self.until.filter(|_| !self.closed));
        times.into_iter().min().map(|time| time.saturating_sub(self.behind))
    }
    pub fn status(&mut self, now: u64) -> Status {
        self.tick(now);
        let oldest = self.those(Item::accepted).iter().map(|item| item.at).min();
        let waits = |item: &Item| matches!(item.is, Is::Queued | Is::Held { .. });
        Status {
            size: self.count(Item::accepted),
            waiting: self.count(|item| matches!(item.is, Is::Waiting | Is::Storing)),
            in_flight: self.flights.len() as u64 + self.count(|item| item.is == Is::Taken),
            dead_letters: self.letters.len() as u64,
            oldest_age_ms: oldest.map_or(0, |at| self.now - at),
            lingering: !self.config.pull && self.count(waits) > 0,
        }
    }
}
