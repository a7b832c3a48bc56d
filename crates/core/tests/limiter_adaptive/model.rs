//! The naive model, steps for both, and the comparison.

use crate::thread::{Answer, Left, Thread};
use proptest::prelude::*;
use sluice_core::limiter::adaptive::Config;
use std::collections::VecDeque;

/// What should happen, from lists of everything.
struct Model {
    pub limit: u64,
    pub window_ms: u64,
    pub concurrency: u64,
    pub taken: Vec<(u64, u64)>,
    pub in_flight: u64,
    pub queue: VecDeque<(u64, u64, Option<u64>)>,
}
impl Model {
    pub fn used(&self, now: u64) -> u64 {
        self.taken.iter().filter(|(at, _)| at + self.window_ms > now).map(|(_, weight)| weight).sum()
    }
    pub fn fits(&self, weight: u64, now: u64) -> bool {
        let used = self.used(now);
        let window = self.limit == 0 || used + weight <= self.limit || (weight > self.limit && used == 0);
        let work = self.concurrency == 0
            || self.in_flight + weight <= self.concurrency
            || (weight > self.concurrency && self.in_flight == 0);
        window && work
    }
    pub fn admit(&mut self, weight: u64, now: u64) {
        self.taken.push((now, weight));
        self.in_flight += weight;
    }
    /// Who leaves the queue at this millisecond.
    pub fn tick(&mut self, now: u64) -> Vec<Left> {
        let mut events = Vec::new();
        let mut late: Vec<_> =
            self.queue.iter().filter(|w| w.2.is_some_and(|until| until <= now)).copied().collect();
        late.sort_by_key(|w| (w.2, w.0));
        self.queue.retain(|w| w.2.is_none_or(|until| until > now));
        events.extend(late.iter().map(|w| Left::TimedOut(w.0)));
        while let Some(&(id, weight, _)) = self.queue.front() {
            if !self.fits(weight, now) {
                break;
            }
            self.queue.pop_front();
            self.admit(weight, now);
            events.push(Left::Granted(id));
        }
        events
    }
}

#[derive(Debug, Clone)]
pub enum Step {
    Try(u64),
    Acquire(u64, Option<u64>),
    Cancel(usize),
    Release(usize),
    Advance(u64),
    Update(u64, u64),
    Look,
}
pub fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..4u64).prop_map(Step::Try),
        4 => (1..4u64, prop::option::weighted(0.3, 1..200u64)).prop_map(|(weight, timeout)| Step::Acquire(weight, timeout)),
        1 => (0..8usize).prop_map(Step::Cancel),
        4 => (0..8usize).prop_map(Step::Release),
        6 => (0..60u64).prop_map(Step::Advance),
        1 => (0..900u64).prop_map(Step::Advance),
        1 => (1..12u64, 50..700u64).prop_map(|(limit, window)| Step::Update(limit, window)),
        1 => Just(Step::Look),
    ]
}

/// Runs the steps on both; whoever leaves the queue has to leave in the same order at the same millisecond.
pub fn run(config: Config, steps: &[Step], may_update: bool) -> Result<(), TestCaseError> {
    let mut thread = Thread::new(config);
    let mut model = Model {
        limit: config.limit,
        window_ms: config.window_ms,
        concurrency: config.concurrency,
        taken: Vec::new(),
        in_flight: 0,
        queue: VecDeque::new(),
    };
    let mut weights: std::collections::HashMap<u64, u64> = Default::default();
    let mut in_hand: Vec<u64> = Vec::new();
    let mut now = 1000;
    for step in steps {
        match *step {
            Step::Try(weight) => {
                let expected = model.queue.is_empty() && model.fits(weight, now);
                prop_assert_eq!(thread.try_take(weight, now), expected, "at {}", now);
                if expected {
                    model.admit(weight, now);
                    in_hand.push(weight);
                }
            }
            Step::Acquire(weight, timeout) => {
                let expected = model.queue.is_empty() && model.fits(weight, now);
                match thread.acquire(weight, timeout, now) {
                    Answer::Taken => {
                        prop_assert!(expected, "at {}", now);
                        model.admit(weight, now);
                        in_hand.push(weight);
                    }
                    Answer::Waits(id) => {
                        prop_assert!(!expected, "at {}", now);
                        weights.insert(id, weight);
                        model.queue.push_back((id, weight, timeout.map(|ms| now + ms)));
                    }
                    Answer::Full => prop_assert!(false, "the queue is far from full"),
                }
            }
            Step::Cancel(place) => {
                if let Some((id, _, _)) = model.queue.get(place).copied() {
                    model.queue.retain(|w| w.0 != id);
                    prop_assert!(thread.cancel(id, now));
                    prop_assert!(!thread.cancel(id, now), "it has left");
                }
            }
            Step::Release(place) => {
                if place < in_hand.len() {
                    let weight = in_hand.swap_remove(place);
                    model.in_flight -= weight;
                    thread.release(weight, now);
                }
            }
            Step::Update(limit, window_ms) => {
                // a shorter window forgets what a longer one would have counted again
                if may_update && config.limit > 0 {
                    model.taken.retain(|&(at, _)| at + model.window_ms > now && at + window_ms > now);
                    (model.limit, model.window_ms) = (limit, window_ms);
                    thread.update(limit, window_ms, now);
                }
            }
            Step::Look => {
                thread.pass(now);
                let status = thread.limiter.status(now);
                if config.limit > 0 {
                    prop_assert_eq!(
                        status.tokens,
                        model.limit.saturating_sub(model.used(now)),
                        "tokens at {}",
                        now
                    );
                }
                prop_assert_eq!(status.in_flight, model.in_flight);
                prop_assert_eq!(status.queued, model.queue.len() as u64);
            }
            Step::Advance(by) => {
                let to = now + by;
                let mut expected = Vec::new();
                for at in now + 1..=to {
                    expected.extend(model.tick(at).into_iter().map(|event| (at, event)));
                }
                let mut seen = Vec::new();
                while let Some(at) = thread.wake_at().filter(|&at| at <= to) {
                    thread.pass(at);
                    let events = thread.events();
                    prop_assert!(!events.is_empty() || at <= now, "woken for nothing at {}", at);
                    seen.extend(events.into_iter().map(|event| (at, event)));
                }
                for (_, event) in &seen {
                    if let Left::Granted(id) = event {
                        in_hand.push(weights[id]);
                    }
                }
                prop_assert_eq!(&seen, &expected);
                now = to;
                continue;
            }
        }
        let expected = model.tick(now);
        let seen = thread.events();
        for event in &seen {
            if let Left::Granted(id) = event {
                in_hand.push(weights[id]);
            }
        }
        prop_assert_eq!(seen, expected, "after {:?} at {}", step, now);
    }
    Ok(())
}
