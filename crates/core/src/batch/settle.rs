//! How items end: results, tries, letters, and whoever takes them out.

use super::buffer::{Buffer, Taken};
use super::queue::Run;
use super::retry::{Held, wait_ms};
use super::types::{Action, BatchId, Failure, Id, Lane, Listed, Millis};

impl Buffer {
    /// A batch ends: the places in `failures` failed, the others are delivered. What failed together is tried again
    /// together: the jitter is that of the first failure. False: the batch is not in flight.
    pub fn finish(&mut self, batch: BatchId, failures: &[Failure], now: Millis) -> bool {
        let now = self.clock.tick(now);
        let Some(flight) = self.flights.end(batch) else { return false };
        let sorted = failures.is_sorted_by_key(|failure| failure.place);
        let random = failures.first().map_or(0.0, |failure| failure.random);
        let mut delivered = flight.count();
        // as a rule all is well, and nobody has to look at each
        let looked = !failures.is_empty() || !self.flushes.is_empty();
        let each = flight.items.iter().filter(|_| looked).flat_map(|run| run.each());
        for (place, item) in (0u32..).zip(each) {
            let failure = if sorted {
                let found = failures.binary_search_by_key(&place, |failure| failure.place);
                found.ok().and_then(|at| failures.get(at))
            } else {
                failures.iter().find(|failure| failure.place == place)
            };
            match failure {
                None => self.flushes.settle(item.id),
                Some(failure) => {
                    delivered -= 1;
                    self.fail(flight.attempt, item, Failure { random, ..*failure }, now);
                }
            }
        }
        self.size = self.size.saturating_sub(delivered);
        self.lanes.leave(flight.lane, delivered);
        self.account.delivered += delivered;
        self.stats.delivered += delivered;
        self.flights.recycle(flight);
        self.returned = true;
        true
    }
    fn fail(&mut self, attempt: u32, item: Run, failure: Failure, now: Millis) {
        let Run { id, lane, bytes, at, .. } = item;
        if failure.retryable && attempt <= self.config.retries {
            let wait = wait_ms(&self.config.backoff, attempt, failure.random).max(failure.after_ms);
            let due = now.saturating_add(wait);
            self.retry.insert(id, Held { lane, attempts: attempt, bytes, at, due });
            return;
        }
        let (kept, evicted) = self.letters.push(id, self.config.max_dead_letters);
        self.account.dead_lettered += 1;
        self.stats.failed += 1;
        self.settled(id, lane);
        self.said.push_back(Action::Dead { id, attempts: attempt, kept, evicted });
    }

    /// Pull: the next, at most `max`, which are in flight now; those that came first come first, tries when due.
    pub fn take(&mut self, max: usize, now: Millis) -> Vec<Listed> {
        let now = self.clock.tick(now);
        let mut list = Vec::new();
        while list.len() < max && !self.stopped() {
            let retry = self.retry.next().filter(|&(due, _)| due <= now);
            let fresh = self.lanes.oldest();
            let named = match (retry, fresh) {
                (Some((due, _)), Some((_, _, at))) => due <= at,
                (retry, _) => retry.is_some(),
            };
            let (attempts, item) = if let Some((_, id)) = retry.filter(|_| named) {
                let Some(held) = self.retry.remove(id) else { break };
                let Held { lane, attempts, bytes, at, .. } = held;
                (attempts, Run { id, count: 1, bytes, at, lane })
            } else {
                let Some(item) = fresh.and_then(|(_, lane, _)| self.lanes.pop(lane)) else { break };
                (0, item)
            };
            if attempts > 0 {
                self.stats.retried += 1;
            }
            self.taken.insert(item.id, Taken { attempt: attempts.saturating_add(1), item });
            list.push(self.listed(item.id, item.lane, attempts, item.at));
        }
        list
    }
    /// Pull: ends one that was taken. False: it is not in flight.
    pub fn settle(&mut self, id: Id, failure: Option<Failure>, now: Millis) -> bool {
        let now = self.clock.tick(now);
        let Some(taken) = self.taken.remove(&id) else { return false };
        if let Some(failure) = failure {
            self.fail(taken.attempt, taken.item, failure, now);
        } else {
            self.account.delivered += 1;
            self.stats.delivered += 1;
            self.settled(id, taken.item.lane);
        }
        true
    }

    /// Drops one that has not left. False: it is not in that lane, or in flight.
    pub fn remove(&mut self, id: Id, lane: Lane) -> bool {
        let accepted = self.take_out(id, lane);
        self.account.dropped += u64::from(accepted == Some(true));
        accepted.is_some()
    }
    /// As `remove`, on the account of its caller, who gave up.
    pub fn abort(&mut self, id: Id, lane: Lane) -> bool {
        let accepted = self.take_out(id, lane);
        self.account.aborted += u64::from(accepted == Some(true));
        accepted.is_some()
    }
    /// Whether it was accepted; None: it is not there.
    fn take_out(&mut self, id: Id, lane: Lane) -> Option<bool> {
        if self.lanes.remove(lane, id).is_some() {
            self.settled(id, lane);
            return Some(true);
        }
        if let Some(held) = self.retry.remove(id) {
            self.settled(id, held.lane);
            return Some(true);
        }
        let item = self.waiting.remove(id).or_else(|| self.storing.remove(id))?;
        self.vanish(id, item.lane);
        Some(false)
    }
    /// Those that have not left, in order.
    pub fn pending(&mut self, now: Millis) -> Vec<Listed> {
        self.clock.tick(now);
        let queues = self.lanes.iter().chain(self.storing.iter()).chain(self.waiting.iter());
        let fresh = queues.map(|item| self.listed(item.id, item.lane, 0, item.at));
        let named = self.retry.iter().map(|(id, held)| self.listed(id, held.lane, held.attempts, held.at));
        let mut list: Vec<Listed> = fresh.chain(named).collect();
        list.sort_unstable_by_key(|item| item.id);
        list
    }
    /// Drops all that have not left; which, in order.
    pub fn clear(&mut self, now: Millis) -> Vec<Listed> {
        let list = self.pending(now);
        for item in &list {
            self.remove(item.id, item.lane);
        }
        list
    }
    /// After `Action::Closed`: what is left, in order, with what is still in flight; on the account as kept or aborted.
    pub fn leave(&mut self, kept: bool, now: Millis) -> Vec<Listed> {
        let mut list = self.pending(now);
        let mut accepted = 0;
        for item in &list {
            accepted += u64::from(self.take_out(item.id, item.lane) == Some(true));
        }
        let batches: Vec<BatchId> = self.flights.iter().map(|(batch, _)| batch).collect();
        for batch in batches {
            let Some(flight) = self.flights.end(batch) else { continue };
            for item in flight.items.iter().flat_map(|run| run.each()) {
                list.push(self.listed(item.id, flight.lane, flight.attempt.saturating_sub(1), item.at));
                self.settled(item.id, flight.lane);
            }
            accepted += flight.count();
        }
        while let Some((id, taken)) = self.taken.pop_first() {
            list.push(self.listed(id, taken.item.lane, taken.attempt.saturating_sub(1), taken.item.at));
            self.settled(id, taken.item.lane);
            accepted += 1;
        }
        if kept {
            self.account.kept += accepted;
        } else {
            self.account.aborted += accepted;
        }
        list.sort_unstable_by_key(|item| item.id);
        list
    }

    /// A letter is sent again with a fresh set of tries, accepted anew; it needs no room. False: there is none, or the
    /// buffer is closing.
    pub fn requeue(&mut self, id: Id, lane: Lane, bytes: u64, now: Millis) -> bool {
        let now = self.clock.tick(now);
        if self.closing.is_some() || !self.letters.remove(id) {
            return false;
        }
        self.lanes.enter(lane, 1);
        self.flushes.revive(id);
        self.accepted(1);
        self.retry.insert(id, Held { lane, attempts: 0, bytes, at: now, due: now });
        true
    }
    /// Letters of earlier processes, oldest first, with ids below `first`; the one that had to go for it.
    pub fn adopt_dead(&mut self, id: Id) -> Option<Id> {
        self.letters.push(id, self.config.max_dead_letters).1
    }
    /// Forgets all letters; how many.
    pub fn clear_dead(&mut self) -> u64 {
        self.letters.clear()
    }
}
