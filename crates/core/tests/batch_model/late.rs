//! The machine against itself, when it is told of arrivals late.

use super::script::{Op, failure, pick};
use sluice_core::batch::*;
use std::collections::HashMap;

/// Two machines: one is told of each arrival and of each end at once, the other when its published numbers say so.
pub struct Late {
    at_once: Buffer,
    late: Buffer,
    /// Arrivals, and how many came one after the other.
    inbox: Vec<(Arrival, u64)>,
    /// Batches that have ended well.
    ended: Vec<u32>,
    leeway: i64,
    inbox_size: usize,
    /// As the shell sees it: what is left of the needs, and the id up to which there is room.
    need: HashMap<u32, (i64, i64)>,
    linger: u64,
    /// When the shell's timer rings: it is not moved to be later.
    armed: u64,
    admit_to: u64,
    tell_at: u64,
    busy: bool,
    last: u64,
    flights: Vec<(u32, u32)>,
    taken: Vec<u64>,
    reading: u64,
}
/// All that it says; when a lane is forgotten depends on who is told of what first.
fn said(buffer: &mut Buffer, now: u64) -> Vec<Action> {
    std::iter::from_fn(|| buffer.next(now))
        .filter(|action| !matches!(action, Action::LaneForgotten(_)))
        .collect()
}

impl Late {
    pub fn new(config: Config, inbox_size: usize) -> Self {
        let mut run = Self {
            at_once: Buffer::new(config.clone(), 1),
            late: Buffer::new(config, 1),
            inbox: vec![],
            ended: vec![],
            leeway: 0,
            inbox_size,
            need: HashMap::new(),
            linger: 0,
            armed: u64::MAX,
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
        self.leeway = i64::try_from(self.late.leeway()).unwrap_or(i64::MAX);
        self.linger = self.late.linger_ms();
        self.armed = self.late.wake_at().map_or(u64::MAX, |at| at.min(self.armed));
    }
    /// The same is done to both, the arrivals are told before.
    fn both<T: PartialEq + std::fmt::Debug>(&mut self, what: impl Fn(&mut Buffer, u64) -> T) -> T {
        let now = self.reading;
        self.tell();
        let done = what(&mut self.at_once, now);
        assert_eq!(done, what(&mut self.late, now));
        let first = said(&mut self.at_once, now);
        self.expect(first);
        done
    }
    /// What has gathered, the arrivals first.
    fn tell(&mut self) {
        for (arrival, count) in self.inbox.drain(..) {
            self.late.arrive_all(arrival, count, self.reading);
        }
        for batch in self.ended.drain(..) {
            assert!(self.late.finish(batch, &[], self.reading));
        }
    }
    fn expect(&mut self, actions: Vec<Action>) {
        let said = said(&mut self.late, self.reading);
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
        if self.last >= self.admit_to && !self.ended.is_empty() {
            self.both(|_, _| ());
        }
        self.last += 1;
        let id = self.last;
        match self.inbox.last_mut() {
            Some((last, count)) if *last == arrival => *count += 1,
            _ => self.inbox.push((arrival, 1)),
        }
        self.at_once.arrive(arrival, now);
        let actions = said(&mut self.at_once, now);
        let admitted = id <= self.admit_to;
        let config = self.at_once.config();
        let size = i64::from(config.batch_size);
        let whole = (size, i64::try_from(config.batch_bytes).unwrap_or(i64::MAX));
        let need = self.need.entry(arrival.lane).or_insert(whole);
        if !admitted {
            self.leeway = 0;
        }
        let tell = if arrival.recovered || id >= self.tell_at {
            true
        } else if !self.busy && admitted {
            need.0 -= 1;
            need.1 = need.1.saturating_sub(arrival.bytes as i64);
            let first = need.0 == size - 1 && (self.linger == 0 || now + self.linger < self.armed);
            need.0 <= 0 || need.1 <= 0 || first
        } else {
            false
        };
        if tell || self.inbox.len() >= self.inbox_size {
            self.tell();
            self.expect(actions);
        } else {
            assert_eq!(actions, [], "nothing happens that it should have been told of");
        }
        // what the shell believes of its room is so
        if self.inbox.is_empty() && self.ended.is_empty() {
            assert_eq!(self.late.room(), self.at_once.room());
        } else if !self.at_once.config().durable {
            let waiting = self.at_once.status(now).waiting > 0;
            assert_eq!(admitted, !waiting, "the first without room waits, and all after it");
        }
    }
    fn advance(&mut self, to: u64) {
        // the timer fires in time
        while self.armed <= to {
            self.reading = self.reading.max(self.armed);
            let before = self.armed;
            self.armed = u64::MAX;
            self.both(|_, _| ());
            if self.armed == before {
                break;
            }
        }
        self.reading = self.reading.max(to);
    }
    pub fn apply(&mut self, op: &Op) {
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
                self.leeway -= i64::from(count);
                if failures.is_empty() && self.leeway >= 0 {
                    self.ended.push(batch);
                    assert!(self.at_once.finish(batch, &[], now));
                    assert_eq!(said(&mut self.at_once, now), [], "nothing waited for it");
                    return;
                }
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
            Op::Update(limits) => {
                // all needs are published anew
                self.need.clear();
                self.both(|buffer, _| buffer.update(*limits));
            }
            Op::Advance(ms) => self.advance(now + ms),
            Op::Wake if self.armed < u64::MAX => self.advance(self.armed),
            _ => {}
        }
    }
}
