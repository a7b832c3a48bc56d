//! The batch buffer against a plain model, step by step, and against itself when it is told of arrivals late.

#[path = "batch_model/model.rs"]
mod model;

use model::{Is, Model};
use proptest::prelude::*;
use proptest::sample::Index;
use sluice_core::batch::*;
use std::collections::{BTreeMap, HashMap, VecDeque};

#[derive(Debug, Clone)]
enum Op {
    Arrive { lane: u32, bytes: u64 },
    Recovered { lane: u32, attempts: u32, age: u64 },
    Finish { which: Index, failures: Vec<(Index, bool, u64, u8)> },
    Unknown(u32),
    Flush,
    Turn,
    Close(Option<i64>),
    Remove(Index),
    Abort(Index),
    Clear,
    Take(usize),
    Settle(Index, Option<(bool, u64, u8)>),
    Requeue(Index, u32),
    Adopt(Index),
    ClearDead,
    Stored(Index),
    Refuse(Index),
    Advance(u64),
    Wake,
    Jump(u64),
    Leave(bool),
    ResetStats,
}

fn config() -> impl Strategy<Value = Config> {
    let batches =
        (1..6u32, prop_oneof![Just(u64::MAX), Just(100u64)], prop_oneof![Just(0u64), Just(50), Just(100)]);
    let flight = (any::<bool>(), 1..4u32, prop_oneof![Just(0u64), Just(300)]);
    let room = prop_oneof![Just(Overflow::Wait), Just(Overflow::Reject), Just(Overflow::DropOldest)];
    let room = (1..14u64, room, prop_oneof![Just(0.8), Just(0.5), Just(1.0)]);
    let tries = (0..4u32, prop_oneof![Just(0.0), Just(0.5)], 0..4u64);
    let kind = prop_oneof![5 => Just((false, false)), 1 => Just((true, false)), 2 => Just((false, true)), 1 => Just((true, true))];
    (batches, flight, room, tries, kind).prop_map(|(batches, flight, room, tries, (pull, durable))| Config {
        batch_size: batches.0,
        batch_bytes: batches.1,
        batch_timeout_ms: batches.2,
        adaptive: flight.0,
        concurrency: flight.1,
        handler_timeout_ms: flight.2,
        max_size: room.0,
        overflow: room.1,
        high_water: room.2,
        retries: tries.0,
        backoff: Backoff { min_ms: 40, max_ms: 150, factor: 2.0, jitter: tries.1 },
        max_dead_letters: tries.2,
        pull,
        durable,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let failure = || (any::<bool>(), prop_oneof![3 => Just(0u64), 1 => Just(500)], 0..4u8);
    let failures = prop::collection::vec(
        (any::<Index>(), failure()).prop_map(|(at, (retry, after, random))| (at, retry, after, random)),
        0..5,
    );
    prop_oneof![
        30 => (0..4u32, 0..60u64).prop_map(|(lane, bytes)| Op::Arrive { lane, bytes }),
        3 => (0..4u32, 100..200u64).prop_map(|(lane, bytes)| Op::Arrive { lane, bytes }),
        2 => (0..4u32, 0..3u32, 0..300u64).prop_map(|(lane, attempts, age)| Op::Recovered { lane, attempts, age }),
        14 => (any::<Index>(), failures).prop_map(|(which, failures)| Op::Finish { which, failures }),
        1 => (0..9u32).prop_map(Op::Unknown),
        4 => Just(Op::Flush),
        4 => Just(Op::Turn),
        1 => prop_oneof![Just(None), (-5..200i64).prop_map(Some)].prop_map(Op::Close),
        3 => any::<Index>().prop_map(Op::Remove),
        2 => any::<Index>().prop_map(Op::Abort),
        1 => Just(Op::Clear),
        4 => (0..5usize).prop_map(Op::Take),
        4 => (any::<Index>(), prop::option::of(failure())).prop_map(|(which, failure)| Op::Settle(which, failure)),
        3 => (any::<Index>(), 0..4u32).prop_map(|(which, lane)| Op::Requeue(which, lane)),
        1 => any::<Index>().prop_map(Op::Adopt),
        1 => Just(Op::ClearDead),
        10 => any::<Index>().prop_map(Op::Stored),
        2 => any::<Index>().prop_map(Op::Refuse),
        12 => (0..80u64).prop_map(Op::Advance),
        8 => Just(Op::Wake),
        1 => (0..5000u64).prop_map(Op::Jump),
        2 => any::<bool>().prop_map(Op::Leave),
        1 => Just(Op::ResetStats),
    ]
}

fn failure((place, retryable, after_ms, random): (u32, bool, u64, u8)) -> Failure {
    Failure { place, retryable, after_ms, random: f64::from(random) / 4.0 }
}
fn pick<T: Clone>(index: &Index, from: &[T]) -> Option<T> {
    (!from.is_empty()).then(|| from[index.index(from.len())].clone())
}

/// What the shell would know: its queues, who is settled.
#[derive(Default)]
struct Shell {
    queues: HashMap<u32, VecDeque<u64>>,
    settled: BTreeMap<u64, u32>,
    lives: BTreeMap<u64, u32>,
}

struct Run {
    machine: Buffer,
    model: Model,
    shell: Shell,
    reading: u64,
}
impl Run {
    fn new(config: Config) -> Self {
        let machine = Buffer::new(config.clone(), 1);
        Self { machine, model: Model::new(config), shell: Shell::default(), reading: 1000 }
    }
    fn settle(&mut self, id: u64) {
        *self.shell.settled.entry(id).or_default() += 1;
    }
    /// Both say the same, and what is said keeps the promises.
    fn act(&mut self) {
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
    fn those(&self, of: impl Fn(&model::Item) -> bool) -> Vec<(u64, u32)> {
        self.model.items.iter().filter(|item| of(item)).map(|item| (item.id, item.lane)).collect()
    }
    fn gone(&mut self, list: &[Listed]) {
        for item in list {
            self.settle(item.id);
            self.shell.queues.entry(item.lane).or_default().retain(|id| *id != item.id);
        }
    }

    fn apply(&mut self, op: &Op) {
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
    fn end(&mut self) {
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

fn cases(count: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(count);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn it_does_what_the_plain_model_does(config in config(), ops in prop::collection::vec(op(), 0..120)) {
        let mut run = Run::new(config);
        for op in &ops {
            run.apply(op);
            run.act();
        }
        run.end();
    }

    #[test]
    fn told_late_it_does_the_same(config in config(), inbox in 1..12usize, ops in prop::collection::vec(op(), 0..120)) {
        let mut run = Late::new(config, inbox);
        ops.iter().for_each(|op| run.apply(op));
    }
}

/// Two machines: one is told of each arrival at once, the other when its published numbers say so.
struct Late {
    at_once: Buffer,
    late: Buffer,
    inbox: Vec<Arrival>,
    inbox_size: usize,
    /// As the shell sees it: what is left of the needs, and the id up to which there is room.
    need: HashMap<u32, (i64, i64)>,
    admit_to: u64,
    tell_at: u64,
    busy: bool,
    last: u64,
    flights: Vec<(u32, u32)>,
    taken: Vec<u64>,
    reading: u64,
}
impl Late {
    fn new(config: Config, inbox_size: usize) -> Self {
        let mut run = Self {
            at_once: Buffer::new(config.clone(), 1),
            late: Buffer::new(config, 1),
            inbox: vec![],
            inbox_size,
            need: HashMap::new(),
            admit_to: 0,
            tell_at: 0,
            busy: false,
            last: 0,
            flights: vec![],
            taken: vec![],
            reading: 1000,
        };
        run.publish();
        run
    }
    fn publish(&mut self) {
        while let Some(lane) = self.late.changed_lane() {
            let need = self.late.need(lane);
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            self.need.insert(lane, (number(need.items), number(need.bytes)));
        }
        self.admit_to = self.late.last_id() + self.late.room();
        self.tell_at = self.late.tell_at();
        self.busy = self.late.busy();
    }
    /// The same is done to both, the arrivals are told before.
    fn both<T: PartialEq + std::fmt::Debug>(&mut self, what: impl Fn(&mut Buffer, u64) -> T) -> T {
        let now = self.reading;
        for arrival in self.inbox.drain(..) {
            self.late.arrive(arrival, now);
        }
        let done = what(&mut self.at_once, now);
        assert_eq!(done, what(&mut self.late, now));
        let mut first = vec![];
        while let Some(action) = self.at_once.next(now) {
            first.push(action);
        }
        self.expect(first);
        done
    }
    fn expect(&mut self, actions: Vec<Action>) {
        let mut said = vec![];
        while let Some(action) = self.late.next(self.reading) {
            said.push(action);
        }
        assert_eq!(said, actions);
        self.publish();
        assert_eq!(self.late.wake_at(), self.at_once.wake_at());
        assert_eq!(self.late.wants_turn(), self.at_once.wants_turn());
        for action in &said {
            match action {
                Action::Dispatch { batch, count, .. } => self.flights.push((*batch, *count)),
                Action::TimedOut(batch) => assert!(self.flights.iter().any(|(other, _)| other == batch)),
                _ => {}
            }
        }
    }
    fn arrive(&mut self, arrival: Arrival) {
        let now = self.reading;
        self.last += 1;
        let id = self.last;
        self.inbox.push(arrival);
        self.at_once.arrive(arrival, now);
        let mut actions = vec![];
        while let Some(action) = self.at_once.next(now) {
            actions.push(action);
        }
        let admitted = id <= self.admit_to;
        let need = self.need.entry(arrival.lane).or_insert((1, i64::MAX));
        let tell = if arrival.recovered || id >= self.tell_at {
            true
        } else if !self.busy && admitted {
            need.0 -= 1;
            need.1 = need.1.saturating_sub(arrival.bytes as i64);
            need.0 <= 0 || need.1 <= 0
        } else {
            false
        };
        if tell || self.inbox.len() >= self.inbox_size {
            for arrival in self.inbox.drain(..) {
                self.late.arrive(arrival, now);
            }
            self.expect(actions);
        } else {
            assert_eq!(actions, [], "nothing happens that it should have been told of");
        }
        // what the shell believes of its room is so
        if self.inbox.is_empty() {
            assert_eq!(self.late.room(), self.at_once.room());
        } else if !self.at_once.config().durable {
            let waiting = self.at_once.status(now).waiting > 0;
            assert_eq!(admitted, !waiting, "the first without room waits, and all after it");
        }
    }
    fn advance(&mut self, to: u64) {
        // the timer fires in time
        while let Some(at) = self.late.wake_at().filter(|&at| at <= to) {
            self.reading = self.reading.max(at);
            let before = self.late.wake_at();
            self.both(|_, _| ());
            if self.late.wake_at() == before {
                break;
            }
        }
        self.reading = self.reading.max(to);
    }
    fn apply(&mut self, op: &Op) {
        let now = self.reading;
        match op {
            Op::Arrive { lane, bytes } => {
                self.arrive(Arrival { lane: *lane, bytes: *bytes, attempts: 0, at: now, recovered: false })
            }
            Op::Recovered { lane, attempts, .. } => {
                self.arrive(Arrival { lane: *lane, bytes: 5, attempts: *attempts, at: now, recovered: true })
            }
            Op::Finish { which, failures } => {
                let Some((batch, count)) = pick(which, &self.flights) else { return };
                self.flights.retain(|(other, _)| *other != batch);
                let failures: Vec<Failure> = failures
                    .iter()
                    .map(|(at, retry, after, random)| {
                        failure((at.index(count as usize) as u32, *retry, *after, *random))
                    })
                    .collect();
                self.both(|buffer, now| buffer.finish(batch, &failures, now));
            }
            Op::Flush => drop(self.both(|buffer, _| buffer.flush())),
            Op::Turn => self.both(|buffer, _| buffer.turn()),
            Op::Remove(which) => {
                let list = self.both(|buffer, now| buffer.pending(now));
                if let Some(item) = pick(which, &list) {
                    self.both(|buffer, _| buffer.remove(item.id, item.lane));
                }
            }
            Op::Clear => drop(self.both(|buffer, now| buffer.clear(now))),
            Op::Take(max) if self.late.config().pull => {
                let list = self.both(|buffer, now| buffer.take(*max, now));
                self.taken.extend(list.iter().map(|item| item.id));
            }
            Op::Settle(which, failed) => {
                let Some(id) = pick(which, &self.taken) else { return };
                self.taken.retain(|other| *other != id);
                let failed = failed.map(|(retry, after, random)| failure((0, retry, after, random)));
                self.both(|buffer, now| buffer.settle(id, failed, now));
            }
            Op::Stored(which) => {
                let through = which.index(self.last as usize + 1) as u64;
                self.both(|buffer, _| buffer.stored(through));
            }
            Op::Advance(ms) => self.advance(now + ms),
            Op::Wake => {
                if let Some(at) = self.late.wake_at() {
                    self.advance(at);
                }
            }
            _ => {}
        }
    }
}
