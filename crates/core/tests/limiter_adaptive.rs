//! The adaptive limiter against a naive model of window, concurrency and queue, which looks at every millisecond.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use sluice_core::limiter::adaptive::{
    Admission, Cells, Config, Event, Limiter, MemberId, Report, cells::Spent,
};
use std::collections::VecDeque;

fn config(limit: u64, window_ms: u64, concurrency: u64) -> Config {
    Config { limit, window_ms, concurrency, adapt: None, max_queue: 1000 }
}

/// A thread as the shell is one: cells first, then a crossing.
struct Thread {
    limiter: Limiter,
    cells: Cells,
    member: MemberId,
    report: Report,
    crossings: u32,
}
impl Thread {
    fn new(config: Config) -> Self {
        let mut limiter = Limiter::new(config);
        let member = limiter.join();
        let cells = limiter.cells().clone();
        Self { limiter, cells, member, report: Report::default(), crossings: 0 }
    }
    fn cross(&mut self) {
        self.crossings += 1;
        self.limiter.report(self.member, &self.report);
        self.report = Report { held: self.report.held, ..Report::default() };
    }
    fn spend(&mut self, weight: u64, now: u64) -> bool {
        match self.cells.spend(weight as i32, now) {
            Spent::Taken { full } => {
                self.report.requests += 1;
                self.report.full |= full;
                self.report.held += weight;
                true
            }
            Spent::Ask { owes } => {
                if owes {
                    self.limiter.release(weight, 0, now);
                }
                false
            }
        }
    }
    fn try_take(&mut self, weight: u64, now: u64) -> bool {
        if self.spend(weight, now) {
            return true;
        }
        self.cross();
        let taken = self.limiter.try_acquire(weight, now);
        self.report.held += if taken { weight } else { 0 };
        taken
    }
    fn acquire(&mut self, weight: u64, timeout_ms: Option<u64>, now: u64) -> Admission {
        if self.spend(weight, now) {
            return Admission::Taken;
        }
        self.cross();
        let admission = self.limiter.acquire(self.member, weight, timeout_ms, now);
        self.report.held += if admission == Admission::Taken { weight } else { 0 };
        admission
    }
    fn release(&mut self, weight: u64, now: u64) {
        self.report.held -= weight;
        if !self.cells.finish(weight as i32) {
            self.cross();
            self.limiter.release(weight, 0, now);
        }
    }
    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.limiter.event(self.member)).collect()
    }
}

/// What should happen, from lists of everything.
struct Model {
    limit: u64,
    window_ms: u64,
    concurrency: u64,
    taken: Vec<(u64, u64)>,
    in_flight: u64,
    queue: VecDeque<(u64, u64, Option<u64>)>,
}
impl Model {
    fn used(&self, now: u64) -> u64 {
        self.taken.iter().filter(|(at, _)| at + self.window_ms > now).map(|(_, weight)| weight).sum()
    }
    fn fits(&self, weight: u64, now: u64) -> bool {
        let used = self.used(now);
        let window = self.limit == 0 || used + weight <= self.limit || (weight > self.limit && used == 0);
        let work = self.concurrency == 0
            || self.in_flight + weight <= self.concurrency
            || (weight > self.concurrency && self.in_flight == 0);
        window && work
    }
    fn admit(&mut self, weight: u64, now: u64) {
        self.taken.push((now, weight));
        self.in_flight += weight;
    }
    /// Who leaves the queue at this millisecond.
    fn tick(&mut self, now: u64) -> Vec<Event> {
        let mut events = Vec::new();
        let mut late: Vec<_> =
            self.queue.iter().filter(|w| w.2.is_some_and(|until| until <= now)).copied().collect();
        late.sort_by_key(|w| (w.2, w.0));
        self.queue.retain(|w| w.2.is_none_or(|until| until > now));
        events.extend(late.iter().map(|w| Event::TimedOut(w.0)));
        while let Some(&(id, weight, _)) = self.queue.front() {
            if !self.fits(weight, now) {
                break;
            }
            self.queue.pop_front();
            self.admit(weight, now);
            events.push(Event::Granted(id));
        }
        events
    }
}

#[derive(Debug, Clone)]
enum Step {
    Try(u64),
    Acquire(u64, Option<u64>),
    Cancel(usize),
    Release(usize),
    Advance(u64),
    Update(u64, u64),
    Look,
}
fn step() -> impl Strategy<Value = Step> {
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
fn run(config: Config, steps: &[Step], may_update: bool) -> Result<(), TestCaseError> {
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
                    Admission::Taken => {
                        prop_assert!(expected, "at {}", now);
                        model.admit(weight, now);
                        in_hand.push(weight);
                    }
                    Admission::Waits(id) => {
                        prop_assert!(!expected, "at {}", now);
                        weights.insert(id, weight);
                        model.queue.push_back((id, weight, timeout.map(|ms| now + ms)));
                    }
                    Admission::Full => prop_assert!(false, "the queue is far from full"),
                }
            }
            Step::Cancel(place) => {
                if let Some((id, _, _)) = model.queue.get(place).copied() {
                    model.queue.retain(|w| w.0 != id);
                    thread.cross();
                    prop_assert!(thread.limiter.cancel(id, now));
                    prop_assert!(!thread.limiter.cancel(id, now), "it has left");
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
                    thread.cross();
                    thread.limiter.update(limit, window_ms, now);
                }
            }
            Step::Look => {
                thread.cross();
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
                while let Some(at) = thread.limiter.wake_at(thread.member).filter(|&at| at <= to) {
                    thread.cross();
                    thread.limiter.pass(at);
                    let events = thread.events();
                    prop_assert!(!events.is_empty() || at <= now, "woken for nothing at {}", at);
                    seen.extend(events.into_iter().map(|event| (at, event)));
                }
                for (_, event) in &seen {
                    if let Event::Granted(id) = event {
                        in_hand.push(weights[id]);
                        thread.report.held += weights[id];
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
            if let Event::Granted(id) = event {
                in_hand.push(weights[id]);
                thread.report.held += weights[id];
            }
        }
        prop_assert_eq!(seen, expected, "after {:?} at {}", step, now);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_window_admits_what_the_list_of_all_permits_says(
        limit in 1..12u64, window_ms in 1..900u64, steps in prop::collection::vec(step(), 1..120)
    ) {
        run(config(limit, window_ms, 0), &steps, true)?;
    }

    #[test]
    fn long_windows_have_leases_that_are_spent_late_and_returned(
        limit in 1..12u64, window_ms in 2_000..9_000u64, steps in prop::collection::vec(step(), 1..160)
    ) {
        run(config(limit, window_ms, 0), &steps, false)?;
    }

    #[test]
    fn concurrency_is_what_is_taken_and_not_released(concurrency in 1..9u64, steps in prop::collection::vec(step(), 1..120)) {
        run(config(0, 60_000, concurrency), &steps, false)?;
    }

    #[test]
    fn both_limits_hold_at_once(
        limit in 1..12u64, window_ms in 100..5_000u64, concurrency in 1..9u64, steps in prop::collection::vec(step(), 1..120)
    ) {
        run(config(limit, window_ms, concurrency), &steps, true)?;
    }
}

#[test]
fn a_permit_is_free_again_exactly_a_window_after_it_was_taken_from_a_lease() {
    let mut thread = Thread::new(config(3, 1000, 0));
    assert!(thread.try_take(1, 0), "the first crosses and leaves a lease of two");
    assert!(thread.spend(1, 4));
    assert!(thread.spend(1, 10), "the lease's last millisecond");
    assert!(!thread.try_take(1, 999));
    assert!(thread.try_take(1, 1000));
    assert!(!thread.try_take(1, 1003));
    assert!(thread.try_take(1, 1004));
    assert!(!thread.try_take(1, 1009));
    assert!(thread.try_take(1, 1010));
}

#[test]
fn a_lease_ends_after_a_hundredth_of_the_window_and_what_is_left_returns() {
    let mut thread = Thread::new(config(10, 1000, 0));
    assert!(thread.try_take(1, 0));
    assert!(thread.spend(1, 10));
    assert!(!thread.spend(1, 11), "over");
    assert_eq!(thread.limiter.status(11).tokens, 8);
    assert_eq!(thread.limiter.status(1000).tokens, 9);
    assert_eq!(thread.limiter.status(1010).tokens, 10);
}

#[test]
fn a_permit_whose_time_was_not_written_counts_from_when_that_is_seen() {
    let thread = Thread::new(config(2, 1000, 0));
    let Thread { mut limiter, cells, .. } = thread;
    limiter.pass(100);
    // a thread that was stopped between taking and writing the time
    let lease = &cells.words()[0];
    lease.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    assert!(limiter.try_acquire(1, 105));
    assert!(!limiter.try_acquire(1, 1104), "both count from 105 at the earliest");
    assert!(limiter.try_acquire(2, 1105));
}

#[test]
fn a_time_of_an_older_lease_is_not_believed() {
    let thread = Thread::new(config(2, 1000, 0));
    let Thread { mut limiter, cells, .. } = thread;
    limiter.pass(500);
    assert_eq!(cells.spend(1, 505), Spent::Taken { full: false });
    // a thread that slept since long before writes over it
    cells.times()[3 + 1].store(7f64.to_bits(), std::sync::atomic::Ordering::SeqCst);
    assert!(limiter.try_acquire(1, 506));
    assert!(!limiter.try_acquire(1, 1505));
    assert!(limiter.try_acquire(2, 1506));
}

#[test]
fn uncontended_calls_do_not_cross() {
    let mut window = Thread::new(config(200, 60_000, 0));
    for _ in 0..200 {
        assert!(window.try_take(1, 5));
    }
    assert_eq!(window.crossings, 1);
    let mut work = Thread::new(config(0, 60_000, 4));
    for now in 0..10_000 {
        assert!(work.try_take(1, now));
        work.release(1, now);
    }
    assert_eq!(work.crossings, 1);
}

#[test]
fn while_anyone_waits_the_cells_give_nothing() {
    let mut thread = Thread::new(config(0, 60_000, 2));
    assert!(thread.try_take(2, 0));
    let Admission::Waits(id) = thread.acquire(2, None, 0) else { panic!("waits") };
    thread.release(1, 1);
    assert!(!thread.spend(1, 1), "one is free, and the one who waits needs two");
    assert!(!thread.try_take(1, 1));
    thread.release(1, 2);
    assert_eq!(thread.events(), [Event::Granted(id)]);
}

#[test]
fn a_hold_refuses_until_its_time_and_at_most_a_window() {
    let mut thread = Thread::new(config(10, 1000, 0));
    assert!(thread.try_take(1, 0));
    thread.cross();
    thread.limiter.release(1, 400, 50);
    assert!(!thread.try_take(1, 449));
    let Admission::Waits(id) = thread.acquire(1, None, 449) else { panic!("waits") };
    assert_eq!(thread.limiter.wake_at(thread.member), Some(450));
    thread.limiter.pass(450);
    assert_eq!(thread.events(), [Event::Granted(id)]);
    thread.limiter.release(1, 3_600_000, 500);
    thread.limiter.release(1, 1, 500);
    assert_eq!(thread.limiter.retry_after(1, 501), 999, "a later, shorter one does not shorten it");
    assert!(!thread.try_take(1, 1499));
    assert!(thread.try_take(1, 1500), "at most a window");
}

#[test]
fn the_queue_is_bounded() {
    let mut thread = Thread::new(Config { max_queue: 2, ..config(1, 1000, 0) });
    assert!(thread.try_take(1, 0));
    assert!(matches!(thread.acquire(1, None, 0), Admission::Waits(_)));
    assert!(matches!(thread.acquire(1, None, 0), Admission::Waits(_)));
    assert_eq!(thread.acquire(1, None, 0), Admission::Full);
    let stats = thread.limiter.status(0).stats;
    assert_eq!((stats.requests, stats.throttled, stats.rejected), (4, 2, 1));
}

#[test]
fn a_thread_that_closes_tells_its_waiters_and_leaves_those_of_others() {
    let mut limiter = Limiter::new(config(1, 1000, 0));
    let (one, two) = (limiter.join(), limiter.join());
    assert!(limiter.try_acquire(1, 0));
    let Admission::Waits(first) = limiter.acquire(one, 1, None, 0) else { panic!("waits") };
    let Admission::Waits(second) = limiter.acquire(two, 1, None, 0) else { panic!("waits") };
    limiter.close(one, 10);
    assert_eq!(limiter.event(one), Some(Event::Closed(first)));
    limiter.pass(1000);
    assert_eq!(limiter.event(one), None);
    assert_eq!(limiter.event(two), Some(Event::Granted(second)));
}

#[test]
fn a_thread_that_ended_with_work_in_hand_gives_it_back() {
    let mut limiter = Limiter::new(config(0, 1000, 4));
    let (one, two) = (limiter.join(), limiter.join());
    assert!(limiter.try_acquire(3, 0));
    limiter.report(one, &Report { held: 3, ..Report::default() });
    // granted, and ended before it heard of it
    assert!(limiter.try_acquire(1, 0));
    limiter.report(two, &Report { held: 1, ..Report::default() });
    let Admission::Waits(_) = limiter.acquire(one, 1, None, 0) else { panic!("waits") };
    limiter.release(1, 0, 1);
    limiter.report(two, &Report::default());
    assert!(limiter.has_events(one));
    let Admission::Waits(id) = limiter.acquire(two, 4, None, 2) else { panic!("waits") };
    limiter.leave(one, 3);
    assert_eq!(limiter.stirred(one), [two], "who is left has to hear of it");
    assert_eq!(limiter.event(two), Some(Event::Granted(id)));
    assert_eq!(limiter.status(3).in_flight, 4);
}

#[test]
fn other_threads_are_stirred_when_they_have_something_to_hear() {
    let mut limiter = Limiter::new(config(1, 10_000, 0));
    let (one, two) = (limiter.join(), limiter.join());
    assert!(limiter.try_acquire(1, 0));
    let Admission::Waits(id) = limiter.acquire(two, 1, None, 0) else { panic!("waits") };
    assert_eq!(limiter.wake_at(two), Some(10_000));
    assert!(limiter.stirred(one).is_empty());
    limiter.update(1, 500, 0);
    assert_eq!(limiter.stirred(one), [two], "its timer stands too late");
    assert_eq!(limiter.wake_at(two), Some(500));
    assert!(limiter.stirred(one).is_empty());
    limiter.pass(500);
    assert_eq!(limiter.stirred(one), [two]);
    assert_eq!(limiter.event(two), Some(Event::Granted(id)));
    assert!(limiter.stirred(one).is_empty());
}

#[test]
fn a_weight_above_a_lowered_limit_goes_when_it_is_alone() {
    let mut thread = Thread::new(config(10, 1000, 0));
    assert!(thread.try_take(1, 0));
    thread.limiter.update(3, 1000, 0);
    let Admission::Waits(id) = thread.acquire(8, None, 0) else { panic!("waits") };
    assert_eq!(thread.limiter.wake_at(thread.member), Some(1000));
    thread.limiter.pass(1000);
    assert_eq!(thread.events(), [Event::Granted(id)]);
    assert!(!thread.try_take(1, 1999));
    assert!(thread.try_take(1, 2000));
}

#[test]
fn a_clock_that_goes_back_forgives_nothing() {
    let mut thread = Thread::new(config(1, 1000, 0));
    assert!(thread.try_take(1, 5000));
    assert!(!thread.try_take(1, 10));
    assert!(!thread.try_take(1, 5999));
    assert!(thread.try_take(1, 6000));
}
