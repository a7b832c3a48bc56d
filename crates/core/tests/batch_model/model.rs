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
    pub fn admitted(&self) -> bool {
        !matches!(self.is, Is::Waiting | Is::Gone)
    }
    pub fn accepted(&self) -> bool {
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
    pub attempt: u32,
    pub until: Option<u64>,
    pub told: bool,
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
    pub behind: u64,
    pub last_at: u64,
    /// Tickets, the last id of their time, what they wait for.
    pub tickets: Vec<(u64, u64, BTreeSet<u64>)>,
    pub ticket: u64,
    pub flush_to: u64,
    pub ripe: u64,
    pub known: BTreeSet<u32>,
    pub said: Vec<Action>,
    pub high: bool,
    pub came_back: bool,
    pub closing: bool,
    pub stopped: bool,
    pub closed: bool,
    pub until: Option<u64>,
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
            came_back: false,
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
    pub fn those(&self, of: impl Fn(&Item) -> bool) -> Vec<Item> {
        self.items.iter().filter(|item| of(item)).cloned().collect()
    }
    pub fn count(&self, of: impl Fn(&Item) -> bool) -> u64 {
        self.those(of).len() as u64
    }
    pub fn item(&mut self, id: u64) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id == id)
    }
    pub fn set(&mut self, id: u64, is: Is) {
        self.item(id).unwrap().is = is;
    }
    pub fn accept(&mut self) {
        self.account.accepted += 1;
        self.stats.accepted += 1;
    }
    pub fn room(&self) -> u64 {
        if self.closing || self.count(|item| item.is == Is::Waiting) > 0 {
            return 0;
        }
        self.config.max_size.saturating_sub(self.count(Item::admitted))
    }
    pub fn admit(&mut self, id: u64) {
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
        self.came_back = true;
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

    pub fn update(&mut self, limits: Limits) {
        self.config.batch_size = limits.batch_size;
        self.config.batch_timeout_ms = limits.batch_timeout_ms;
        self.config.concurrency = limits.concurrency;
        self.config.max_size = limits.max_size;
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
}
