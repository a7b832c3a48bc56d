//! The batch buffer as plainly as it can be said: one list of all items that ever came, everything worked out anew at
//! each step. It shares nothing with the machine but the words for what goes in and out.

use sluice_core::batch::*;
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Is {
    Waiting,
    Storing,
    Queued,
    Held { due: u64 },
    Flying(u32),
    Taken,
    Gone,
}

#[derive(Debug, Clone)]
pub struct Item {
    pub id: u64,
    pub lane: u32,
    pub bytes: u64,
    pub at: u64,
    pub attempts: u32,
    pub is: Is,
}
impl Item {
    fn admitted(&self) -> bool {
        !matches!(self.is, Is::Waiting | Is::Gone)
    }
    fn accepted(&self) -> bool {
        self.admitted() && self.is != Is::Storing
    }
    pub fn has_not_left(&self) -> bool {
        matches!(self.is, Is::Waiting | Is::Storing | Is::Queued | Is::Held { .. })
    }
}

#[derive(Debug)]
pub struct Flight {
    pub batch: u32,
    pub ids: Vec<u64>,
    attempt: u32,
    until: Option<u64>,
    told: bool,
}

#[derive(Debug)]
pub struct Model {
    pub config: Config,
    pub items: Vec<Item>,
    pub flights: Vec<Flight>,
    pub letters: Vec<u64>,
    pub stats: Stats,
    pub account: Account,
    pub now: u64,
    behind: u64,
    last_at: u64,
    /// Tickets, the last id of their time, what they wait for.
    tickets: Vec<(u64, u64, BTreeSet<u64>)>,
    ticket: u64,
    flush_to: u64,
    ripe: u64,
    known: BTreeSet<u32>,
    said: Vec<Action>,
    high: bool,
    pub closing: bool,
    pub stopped: bool,
    pub closed: bool,
    until: Option<u64>,
}

impl Model {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            items: vec![],
            flights: vec![],
            letters: vec![],
            stats: Stats::default(),
            account: Account::default(),
            now: 0,
            behind: 0,
            last_at: 0,
            tickets: vec![],
            ticket: 0,
            flush_to: 0,
            ripe: 0,
            known: BTreeSet::new(),
            said: vec![],
            high: false,
            closing: false,
            stopped: false,
            closed: false,
            until: None,
        }
    }
    /// The clock stands still when it would run backwards, and goes on from there.
    pub fn tick(&mut self, reading: u64) {
        if reading + self.behind < self.now {
            self.behind = self.now - reading;
        }
        self.now = reading + self.behind;
    }
    fn those(&self, of: impl Fn(&Item) -> bool) -> Vec<Item> {
        self.items.iter().filter(|item| of(item)).cloned().collect()
    }
    fn count(&self, of: impl Fn(&Item) -> bool) -> u64 {
        self.those(of).len() as u64
    }
    pub fn item(&mut self, id: u64) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id == id)
    }
    fn set(&mut self, id: u64, is: Is) {
        self.item(id).unwrap().is = is;
    }
    fn accept(&mut self) {
        self.account.accepted += 1;
        self.stats.accepted += 1;
    }
    pub fn room(&self) -> u64 {
        if self.closing || self.count(|item| item.is == Is::Waiting) > 0 {
            return 0;
        }
        self.config.max_size.saturating_sub(self.count(Item::admitted))
    }
    fn admit(&mut self, id: u64) {
        if self.config.durable {
            self.set(id, Is::Storing);
        } else {
            self.set(id, Is::Queued);
            self.accept();
        }
    }

    pub fn arrive(&mut self, arrival: Arrival, now: u64) {
        self.tick(now);
        let id = self.items.len() as u64 + 1;
        let at = arrival.at + self.behind;
        let at = if arrival.recovered {
            at.min(self.now)
        } else {
            self.last_at = at.max(self.last_at).min(self.now);
            self.last_at
        };
        let room = self.room();
        let item = Item {
            id,
            lane: arrival.lane,
            bytes: arrival.bytes,
            at,
            attempts: arrival.attempts,
            is: Is::Gone,
        };
        self.items.push(item);
        self.known.insert(arrival.lane);
        if self.closing {
            self.said.push(Action::Refused { id, lane: arrival.lane });
        } else if arrival.recovered {
            self.set(id, Is::Held { due: at });
            self.accept();
        } else if room > 0 {
            self.admit(id);
        } else if self.config.overflow == Overflow::Reject {
            self.said.push(Action::Refused { id, lane: arrival.lane });
        } else {
            self.set(id, Is::Waiting);
            if self.config.overflow == Overflow::DropOldest {
                self.drop_oldest();
            }
        }
    }
    fn drop_oldest(&mut self) {
        let queued = self.those(|item| matches!(item.is, Is::Queued | Is::Held { .. }));
        let waiting = self.those(|item| item.is == Is::Waiting);
        let oldest = match queued.first() {
            Some(item) => {
                self.account.dropped += 1;
                Some(item)
            }
            None if waiting.len() as u64 > self.config.max_size => waiting.first(),
            None => None,
        };
        if let Some(item) = oldest {
            self.set(item.id, Is::Gone);
            self.said.push(Action::Dropped { id: item.id, lane: item.lane });
        }
    }
    pub fn stored(&mut self, through: u64) {
        for item in self.those(|item| item.is == Is::Storing && item.id <= through) {
            self.set(item.id, Is::Queued);
            self.accept();
        }
    }
    pub fn refuse(&mut self, id: u64) -> bool {
        let there = self.item(id).is_some_and(|item| item.is == Is::Storing);
        if there {
            self.set(id, Is::Gone);
        }
        there
    }
    pub fn flush(&mut self) -> Option<u64> {
        self.flush_to = self.items.len() as u64;
        let unsettled: BTreeSet<u64> =
            self.those(|item| item.is != Is::Gone).iter().map(|item| item.id).collect();
        if unsettled.iter().any(|id| !self.tickets.iter().any(|(_, _, ids)| ids.contains(id))) {
            self.ticket += 1;
            self.tickets.push((self.ticket, self.flush_to, unsettled));
        }
        self.tickets.last().map(|&(ticket, ..)| ticket)
    }
    pub fn turn(&mut self) {
        self.ripe = self.items.len() as u64;
    }
    pub fn close(&mut self, until: Option<u64>, now: u64) {
        self.tick(now);
        self.closing = true;
        self.stopped |= self.config.pull;
        match until.map(|until| until + self.behind) {
            Some(until) if until <= self.now => self.stopped = true,
            Some(until) => self.until = Some(self.until.unwrap_or(until).min(until)),
            None => {}
        }
    }

    pub fn finish(&mut self, batch: u32, failures: &[Failure], now: u64) {
        self.tick(now);
        let Some(at) = self.flights.iter().position(|flight| flight.batch == batch) else { return };
        let flight = self.flights.remove(at);
        for (place, &id) in flight.ids.iter().enumerate() {
            match failures.iter().find(|failure| failure.place as usize == place) {
                Some(failure) => self.fail(id, flight.attempt, failure, failures[0].random),
                None => self.deliver(id),
            }
        }
    }
    fn deliver(&mut self, id: u64) {
        self.set(id, Is::Gone);
        self.account.delivered += 1;
        self.stats.delivered += 1;
    }
    fn fail(&mut self, id: u64, attempt: u32, failure: &Failure, random: f64) {
        self.item(id).unwrap().attempts = attempt;
        if failure.retryable && attempt <= self.config.retries {
            let mut wait = self.config.backoff.min_ms as f64;
            for _ in 1..attempt {
                wait *= self.config.backoff.factor;
            }
            wait = wait.min(self.config.backoff.max_ms as f64);
            wait -= wait * self.config.backoff.jitter * random;
            let due = self.now + (wait.ceil() as u64).max(failure.after_ms);
            self.set(id, Is::Held { due });
            return;
        }
        self.set(id, Is::Gone);
        self.account.dead_lettered += 1;
        self.stats.failed += 1;
        let (kept, evicted) = self.bury(id);
        self.said.push(Action::Dead { id, attempts: attempt, kept, evicted });
    }
    pub fn bury(&mut self, id: u64) -> (bool, Option<u64>) {
        let most = self.config.max_dead_letters as usize;
        self.letters.retain(|&letter| letter != id);
        self.letters.push(id);
        let evicted = if self.letters.len() > most { Some(self.letters.remove(0)) } else { None };
        if most == 0 { (false, None) } else { (true, evicted) }
    }

    pub fn take(&mut self, max: usize, now: u64) -> Vec<Listed> {
        self.tick(now);
        let mut list = vec![];
        while list.len() < max && !self.stopped {
            // the moment since which each could have left
            let mut able: Vec<(u64, bool, u64)> = vec![];
            if let Some(item) = self.those(|item| item.is == Is::Queued).first() {
                able.push((item.at, true, item.id));
            }
            for item in self.those(|_| true) {
                if let Is::Held { due } = item.is
                    && due <= self.now
                {
                    able.push((due, false, item.id));
                }
            }
            let Some(&(_, _, id)) = able.iter().min() else { break };
            self.set(id, Is::Taken);
            let now = self.now;
            let item = self.item(id).unwrap();
            list.push(Listed { id, lane: item.lane, attempts: item.attempts, age_ms: now - item.at });
            self.stats.retried += u64::from(list.last().unwrap().attempts > 0);
        }
        list
    }
    pub fn settle(&mut self, id: u64, failure: Option<Failure>, now: u64) -> bool {
        self.tick(now);
        let Some(item) = self.item(id).filter(|item| item.is == Is::Taken).cloned() else { return false };
        match failure {
            Some(failure) => self.fail(id, item.attempts + 1, &failure, failure.random),
            None => self.deliver(id),
        }
        true
    }

    pub fn remove(&mut self, id: u64, aborted: bool) -> bool {
        let Some(item) = self.item(id).filter(|item| item.has_not_left()).cloned() else { return false };
        if item.accepted() && aborted {
            self.account.aborted += 1;
        } else if item.accepted() {
            self.account.dropped += 1;
        }
        self.set(id, Is::Gone);
        true
    }
    pub fn pending(&mut self, now: u64) -> Vec<Listed> {
        self.tick(now);
        self.list(Item::has_not_left)
    }
    fn list(&self, of: impl Fn(&Item) -> bool) -> Vec<Listed> {
        let listed = |item: Item| Listed {
            id: item.id,
            lane: item.lane,
            attempts: item.attempts,
            age_ms: self.now - item.at,
        };
        self.those(of).into_iter().map(listed).collect()
    }
    pub fn leave(&mut self, kept: bool, now: u64) -> Vec<Listed> {
        self.tick(now);
        let list = self.list(|item| item.is != Is::Gone);
        let accepted = self.count(Item::accepted);
        if kept {
            self.account.kept += accepted;
        } else {
            self.account.aborted += accepted;
        }
        self.items.iter_mut().for_each(|item| item.is = Is::Gone);
        self.flights.clear();
        list
    }
    pub fn requeue(&mut self, id: u64, lane: u32, bytes: u64, now: u64) -> bool {
        self.tick(now);
        if self.closing || !self.letters.contains(&id) {
            return false;
        }
        self.letters.retain(|&letter| letter != id);
        self.known.insert(lane);
        let at = self.now;
        *self.item(id).unwrap() = Item { id, lane, bytes, at, attempts: 0, is: Is::Held { due: at } };
        self.tickets.iter_mut().filter(|(_, to, _)| *to >= id).for_each(|(_, _, ids)| ids.extend([id]));
        self.accept();
        true
    }

    fn hands_over(&self) -> bool {
        !self.config.pull && !self.stopped && self.flights.len() < self.config.concurrency as usize
    }
    /// As the machine's, with 0 for the number of a batch.
    pub fn next(&mut self, now: u64) -> Option<Action> {
        self.tick(now);
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
            let idle = self.config.adaptive && self.flights.is_empty() && Some(oldest.id) == oldest_of_all;
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
