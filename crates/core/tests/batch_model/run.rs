//! The machine against the plain model, step by step, and the promises that can be seen from outside.

use super::model::{Is, Item, Model};
use super::script::{Op, failure, pick};
use proptest::sample::Index;
use sluice_core::batch::*;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// What the shell would know: its queues, who is settled.
#[derive(Default)]
struct Shell {
    queues: HashMap<u32, VecDeque<u64>>,
    settled: BTreeMap<u64, u32>,
    lives: BTreeMap<u64, u32>,
}

/// The machine and the model, side by side.
pub struct Run {
    machine: Buffer,
    model: Model,
    shell: Shell,
    reading: u64,
}
impl Run {
    pub fn new(config: Config) -> Self {
        let machine = Buffer::new(config.clone(), 1);
        Self { machine, model: Model::new(config), shell: Shell::default(), reading: 1000 }
    }
    fn settle(&mut self, id: u64) {
        *self.shell.settled.entry(id).or_default() += 1;
    }
    /// Both say the same, and what is said keeps the promises.
    pub fn act(&mut self) {
        let mut forgotten = (vec![], vec![]);
        loop {
            let said = self.machine.next(self.reading);
            let mut expected = self.model.next(self.reading);
            if let (Some(Action::Dispatch { batch, .. }), Some(Action::Dispatch { batch: unknown, .. })) =
                (&said, &mut expected)
            {
                *unknown = *batch;
                assert!(self.model.flights.iter().rev().skip(1).all(|flight| flight.batch != *batch));
                self.model.flights.last_mut().unwrap().batch = *batch;
            }
            if let (Some(Action::LaneForgotten(one)), Some(Action::LaneForgotten(other))) = (&said, &expected)
            {
                forgotten.0.push(*one);
                forgotten.1.push(*other);
                continue;
            }
            forgotten.0.sort();
            assert_eq!(forgotten.0, forgotten.1, "lanes that are forgotten");
            assert_eq!(said, expected);
            let Some(said) = said else { break };
            self.witness(&said);
        }
        self.compare();
    }
    fn witness(&mut self, said: &Action) {
        match said {
            Action::Dispatch { lane, count, ids, attempt, .. } => {
                let limit = &self.model.config;
                assert!(*count >= 1 && *count <= limit.batch_size);
                assert!(self.model.flights.len() <= limit.concurrency as usize);
                let flown = self.model.flights.last().unwrap().ids.clone();
                let bytes: u64 = flown.iter().map(|&id| self.model.items[id as usize - 1].bytes).sum();
                assert!(flown.len() == 1 || bytes <= limit.batch_bytes);
                if ids.is_empty() {
                    assert_eq!(*attempt, 1);
                    // the shell's own queue, in the order of arrival, has the same next ones
                    let queue = self.shell.queues.get_mut(lane).unwrap();
                    let next: Vec<u64> = queue.drain(..*count as usize).collect();
                    assert_eq!(next, flown);
                }
            }
            Action::Dead { id, .. } => self.settle(*id),
            Action::Dropped { id, lane } | Action::Refused { id, lane } => {
                self.settle(*id);
                self.shell.queues.entry(*lane).or_default().retain(|other| other != id);
            }
            Action::Closed => assert!(self.model.closing),
            _ => {}
        }
    }
    fn compare(&mut self) {
        assert_eq!(self.machine.wake_at(), self.model.wake_at(), "when to wake");
        assert_eq!(self.machine.wants_turn(), self.model.wants_turn());
        assert_eq!(self.machine.room(), self.model.room());
        assert_eq!(self.machine.stats(), self.model.stats);
        assert_eq!(self.machine.account(), self.model.account);
        let status = self.machine.status(self.reading);
        assert_eq!(status, self.model.status(self.reading));
        let sum = self.machine.account();
        let ends = sum.delivered + sum.dead_lettered + sum.dropped + sum.aborted + sum.kept;
        assert_eq!(sum.accepted, ends + status.size, "the account");
        assert!(self.shell.settled.iter().all(|(id, times)| *times <= self.shell.lives[id]), "settled once");
    }
    /// Ids of which this holds, with their lanes.
    fn those(&self, of: impl Fn(&Item) -> bool) -> Vec<(u64, u32)> {
        self.model.items.iter().filter(|item| of(item)).map(|item| (item.id, item.lane)).collect()
    }
    fn gone(&mut self, list: &[Listed]) {
        for item in list {
            self.settle(item.id);
            self.shell.queues.entry(item.lane).or_default().retain(|id| *id != item.id);
        }
    }

    pub fn apply(&mut self, op: &Op) {
        let now = self.reading;
        match op {
            Op::Arrive { lane, bytes } => {
                self.arrive(Arrival { lane: *lane, bytes: *bytes, attempts: 0, at: now, recovered: false })
            }
            Op::Recovered { lane, attempts, age } => self.arrive(Arrival {
                lane: *lane,
                bytes: 10,
                attempts: *attempts,
                at: now.saturating_sub(*age),
                recovered: true,
            }),
            Op::Finish { which, failures } => {
                let batches: Vec<u32> = self.model.flights.iter().map(|flight| flight.batch).collect();
                if let Some(batch) = pick(which, &batches) {
                    self.finish(batch, failures);
                }
            }
            Op::Unknown(batch) if self.model.flights.iter().all(|flight| flight.batch != *batch) => {
                assert!(!self.machine.finish(*batch, &[], now));
                self.model.tick(now);
            }
            Op::Flush => assert_eq!(self.machine.flush(), self.model.flush()),
            Op::Turn => {
                self.machine.turn();
                self.model.turn();
            }
            Op::Close(until) => {
                let until = until.map(|until| now.saturating_add_signed(until));
                self.machine.close(until, now);
                self.model.close(until, now);
            }
            Op::Remove(which) | Op::Abort(which) => {
                let aborted = matches!(op, Op::Abort(_));
                let Some((id, lane)) = pick(which, &self.those(|_| true)) else { return };
                let done = if aborted { self.machine.abort(id, lane) } else { self.machine.remove(id, lane) };
                assert_eq!(done, self.model.remove(id, aborted));
                if done {
                    self.gone(&[Listed { id, lane, attempts: 0, age_ms: 0 }]);
                }
            }
            Op::Clear => {
                let list = self.machine.clear(now);
                assert_eq!(list, self.model.pending(now));
                assert!(list.iter().all(|item| self.model.remove(item.id, false)));
                self.gone(&list);
            }
            Op::Take(max) if self.model.config.pull => {
                let list = self.machine.take(*max, now);
                assert_eq!(list, self.model.take(*max, now));
                for item in &list {
                    self.shell.queues.entry(item.lane).or_default().retain(|id| *id != item.id);
                }
            }
            Op::Settle(which, failed) => {
                let Some((id, _)) = pick(which, &self.those(|item| item.is != Is::Gone)) else { return };
                let failed = failed.map(|(retry, after, random)| failure((0, retry, after, random)));
                let delivered = self.model.account.delivered;
                let done = self.machine.settle(id, failed, now);
                assert_eq!(done, self.model.settle(id, failed, now));
                if self.model.account.delivered > delivered {
                    self.settle(id);
                }
            }
            Op::Requeue(which, lane) => {
                let Some(id) = pick(which, &self.model.letters) else { return };
                let done = self.machine.requeue(id, *lane, 7, now);
                assert_eq!(done, self.model.requeue(id, *lane, 7, now));
                if done {
                    *self.shell.lives.entry(id).or_default() += 1;
                }
            }
            Op::Adopt(which) => {
                // an id of the past that is not around
                let Some((id, _)) = pick(which, &self.those(|item| item.is == Is::Gone)) else { return };
                if !self.model.letters.contains(&id) {
                    assert_eq!(
                        self.machine.adopt_dead(id),
                        self.model.bury(id).1.filter(|other| *other != id)
                    );
                }
            }
            Op::ClearDead => {
                assert_eq!(self.machine.clear_dead(), self.model.letters.len() as u64);
                self.model.letters.clear();
            }
            Op::Stored(which) => {
                let storing = self.those(|item| item.is == Is::Storing);
                let Some((id, _)) = pick(which, &storing) else { return };
                self.machine.stored(id);
                self.model.stored(id);
            }
            Op::Refuse(which) => {
                let Some((id, lane)) = pick(which, &self.those(|item| item.is != Is::Gone)) else { return };
                let done = self.machine.refuse(id);
                assert_eq!(done, self.model.refuse(id));
                if done {
                    self.gone(&[Listed { id, lane, attempts: 0, age_ms: 0 }]);
                }
            }
            Op::Advance(ms) => self.reading += ms,
            Op::Wake => self.reading = self.machine.wake_at().unwrap_or(0).max(now),
            Op::Jump(to) => self.reading = *to,
            Op::Leave(kept) if self.model.closed => self.leave(*kept),
            Op::ResetStats => {
                self.machine.reset_stats();
                self.model.stats = Stats::default();
            }
            Op::Update(limits) => {
                self.machine.update(*limits);
                self.model.update(*limits);
            }
            Op::Unknown(_) | Op::Take(_) | Op::Leave(_) => {}
        }
    }
    fn arrive(&mut self, arrival: Arrival) {
        let id = self.machine.arrive(arrival, self.reading);
        self.model.arrive(arrival, self.reading);
        assert_eq!(id, self.model.items.len() as u64);
        self.shell.lives.insert(id, 1);
        if !arrival.recovered {
            self.shell.queues.entry(arrival.lane).or_default().push_back(id);
        }
    }
    fn finish(&mut self, batch: u32, failures: &[(Index, bool, u64, u8)]) {
        let flight = self.model.flights.iter().find(|flight| flight.batch == batch).unwrap();
        let ids = flight.ids.clone();
        let mut list: Vec<Failure> = vec![];
        for (at, retryable, after_ms, random) in failures {
            let place = at.index(ids.len()) as u32;
            if list.iter().all(|other| other.place != place) {
                list.push(failure((place, *retryable, *after_ms, *random)));
            }
        }
        assert!(self.machine.finish(batch, &list, self.reading));
        self.model.finish(batch, &list, self.reading);
        for (place, id) in ids.iter().enumerate() {
            if list.iter().all(|failure| failure.place as usize != place) {
                self.settle(*id);
            }
        }
    }
    fn leave(&mut self, kept: bool) {
        let list = self.machine.leave(kept, self.reading);
        assert_eq!(list, self.model.leave(kept, self.reading));
        self.gone(&list);
    }
    /// Closes, delivers all that can be, and looks at what stays behind.
    pub fn end(&mut self) {
        self.apply(&Op::Close(None));
        self.act();
        for _ in 0..10_000 {
            if self.model.closed {
                break;
            }
            if self.model.config.durable {
                self.machine.stored(u64::MAX);
                self.model.stored(u64::MAX);
            }
            match self.model.flights.first().map(|flight| flight.batch) {
                Some(batch) => self.finish(batch, &[]),
                None => self.apply(&Op::Wake),
            }
            self.act();
        }
        assert!(self.model.closed, "it comes to an end");
        self.leave(true);
        self.act();
        assert_eq!(self.machine.wake_at(), None, "nothing to wake for");
        assert!(!self.machine.wants_turn());
        let status = self.machine.status(self.reading);
        assert_eq!((status.size, status.waiting, status.in_flight, status.lingering), (0, 0, 0, false));
        assert_eq!(self.machine.flush(), None);
        for (id, lives) in &self.shell.lives {
            assert_eq!(
                self.shell.settled.get(id),
                Some(lives),
                "{id} is settled once for each time it was taken in"
            );
        }
        assert!(self.shell.queues.values().all(VecDeque::is_empty));
    }
}
