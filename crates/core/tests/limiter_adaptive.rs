//! The adaptive limiter against a naive model of window, concurrency and queue, which looks at every millisecond.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use sluice_core::limiter::adaptive::{
    Adapt, Admission, Algorithm, Cells, Config, Event, Limiter, MemberId, Report, Target, cells::Spent,
};
use std::collections::VecDeque;

fn config(limit: u64, window_ms: u64, concurrency: u64) -> Config {
    Config { limit, window_ms, concurrency, adapt: None, max_queue: 1000 }
}

/// What became of somebody who waited.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Left {
    Granted(u64),
    TimedOut(u64),
}
/// What became of who asked.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Taken,
    Waits(u64),
    Full,
}

/// A thread as the shell is one: cells first, then its own line, then a crossing.
struct Thread {
    limiter: Limiter,
    cells: Cells,
    member: MemberId,
    report: Report,
    crossings: u32,
    /// Number, weight, deadline.
    line: VecDeque<(u64, u64, Option<u64>)>,
    last: u64,
    left: Vec<Left>,
}
impl Thread {
    fn new(config: Config) -> Self {
        let mut limiter = Limiter::new(config);
        let member = limiter.join();
        let cells = limiter.cells().clone();
        let (report, line, left) = (Report::default(), VecDeque::new(), Vec::new());
        Self { limiter, cells, member, report, crossings: 0, line, last: 0, left }
    }
    /// Who is late leaves, and the limiter is told who waits.
    fn cross(&mut self, now: u64) {
        self.crossings += 1;
        let is_late = |w: &&(u64, u64, Option<u64>)| w.2.is_some_and(|until| until <= now);
        let mut late: Vec<_> = self.line.iter().filter(is_late).copied().collect();
        late.sort_by_key(|w| (w.2, w.0));
        self.line.retain(|w| w.2.is_none_or(|until| until > now));
        self.cells.unqueue(late.len() as u64);
        self.left.extend(late.iter().map(|w| Left::TimedOut(w.0)));
        let report = &mut self.report;
        report.weight = self.line.front().map_or(0, |w| w.1);
        report.first = self.line.iter().take_while(|w| w.1 == report.weight).count() as u64;
        report.waiting = self.line.len() as u64;
        report.wanted = self.line.iter().map(|w| w.1).sum();
        self.limiter.report(self.member, report);
        *report = Report { held: report.held, ..Report::default() };
    }
    /// What the crossing said; more crossings while the limiter does not know who is first.
    fn hear(&mut self, now: u64) {
        loop {
            let mut granted = false;
            while let Some(event) = self.limiter.event(self.member) {
                let Event::Granted { weight, count } = event else { continue };
                for _ in 0..count {
                    let (id, wants, _) = self.line.pop_front().unwrap();
                    assert_eq!(wants, weight, "the first in line");
                    self.cells.unqueue(1);
                    self.report.held += weight;
                    self.left.push(Left::Granted(id));
                    granted = true;
                }
            }
            if !granted || self.line.is_empty() {
                break;
            }
            self.cross(now);
            self.limiter.pass(self.member, now);
        }
    }
    fn pass(&mut self, now: u64) {
        self.cross(now);
        self.limiter.pass(self.member, now);
        self.hear(now);
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
                    self.limiter.release(self.member, weight, 0, now);
                }
                false
            }
        }
    }
    fn try_take(&mut self, weight: u64, now: u64) -> bool {
        if self.spend(weight, now) {
            return true;
        }
        self.cross(now);
        let taken = self.limiter.try_acquire(self.member, weight, now);
        self.report.held += if taken { weight } else { 0 };
        self.hear(now);
        taken
    }
    fn acquire(&mut self, weight: u64, timeout_ms: Option<u64>, now: u64) -> Answer {
        if self.spend(weight, now) {
            return Answer::Taken;
        }
        if !self.line.is_empty() {
            self.pass(now);
        }
        if self.line.is_empty() {
            self.cross(now);
            match self.limiter.acquire(self.member, weight, now) {
                Admission::Taken => {
                    self.report.held += weight;
                    return Answer::Taken;
                }
                Admission::Full => return Answer::Full,
                Admission::Waits => {}
            }
        } else if !self.cells.queue(1000) {
            return Answer::Full;
        }
        self.last += 1;
        self.line.push_back((self.last, weight, timeout_ms.map(|ms| now + ms)));
        self.pass(now);
        Answer::Waits(self.last)
    }
    fn cancel(&mut self, id: u64, now: u64) -> bool {
        let before = self.line.len();
        self.line.retain(|w| w.0 != id);
        let left = before - self.line.len();
        self.cells.unqueue(left as u64);
        self.pass(now);
        left > 0
    }
    fn update(&mut self, limit: u64, window_ms: u64, now: u64) {
        self.cross(now);
        self.limiter.update(self.member, limit, window_ms, now);
        self.hear(now);
    }
    fn release(&mut self, weight: u64, now: u64) {
        self.report.held -= weight;
        if self.cells.finish(weight as i32) {
            return;
        }
        let first =
            self.line.front().copied().filter(|w| w.1 == weight && w.2.is_none_or(|until| until > now));
        if let (Some((id, ..)), true) = (first, self.cells.hands_on()) {
            self.line.pop_front();
            self.cells.unqueue(1);
            self.report.held += weight;
            self.left.push(Left::Granted(id));
            return self.pass(now);
        }
        self.cross(now);
        self.limiter.release(self.member, weight, 0, now);
        self.hear(now);
    }
    fn events(&mut self) -> Vec<Left> {
        std::mem::take(&mut self.left)
    }
    /// When the shell's timer rings.
    fn wake_at(&mut self) -> Option<u64> {
        let deadline = self.line.iter().filter_map(|w| w.2).min();
        [self.limiter.wake_at(self.member), deadline].into_iter().flatten().min()
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
    fn tick(&mut self, now: u64) -> Vec<Left> {
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
    let Thread { mut limiter, cells, member, .. } = thread;
    limiter.pass(member, 100);
    // a thread that was stopped between taking and writing the time
    let lease = &cells.words()[0];
    lease.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    assert!(limiter.try_acquire(member, 1, 105));
    assert!(!limiter.try_acquire(member, 1, 1104), "both count from 105 at the earliest");
    assert!(limiter.try_acquire(member, 2, 1105));
}

#[test]
fn a_time_of_an_older_lease_is_not_believed() {
    let thread = Thread::new(config(2, 1000, 0));
    let Thread { mut limiter, cells, member, .. } = thread;
    limiter.pass(member, 500);
    assert_eq!(cells.spend(1, 505), Spent::Taken { full: false });
    // a thread that slept since long before writes over it
    cells.times()[3 + 1].store(7f64.to_bits(), std::sync::atomic::Ordering::SeqCst);
    assert!(limiter.try_acquire(member, 1, 506));
    assert!(!limiter.try_acquire(member, 1, 1505));
    assert!(limiter.try_acquire(member, 2, 1506));
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
    let Answer::Waits(id) = thread.acquire(2, None, 0) else { panic!("waits") };
    thread.release(1, 1);
    assert!(!thread.spend(1, 1), "one is free, and the one who waits needs two");
    assert!(!thread.try_take(1, 1));
    thread.release(1, 2);
    assert_eq!(thread.events(), [Left::Granted(id)]);
}

#[test]
fn a_hold_refuses_until_its_time_and_at_most_a_window() {
    let mut thread = Thread::new(config(10, 1000, 0));
    assert!(thread.try_take(1, 0));
    thread.cross(50);
    thread.limiter.release(thread.member, 1, 400, 50);
    assert!(!thread.try_take(1, 449));
    let Answer::Waits(id) = thread.acquire(1, None, 449) else { panic!("waits") };
    assert_eq!(thread.wake_at(), Some(450));
    thread.pass(450);
    assert_eq!(thread.events(), [Left::Granted(id)]);
    thread.limiter.release(thread.member, 1, 3_600_000, 500);
    thread.limiter.release(thread.member, 1, 1, 500);
    assert_eq!(
        thread.limiter.retry_after(thread.member, 1, 501),
        999,
        "a later, shorter one does not shorten it"
    );
    assert!(!thread.try_take(1, 1499));
    assert!(thread.try_take(1, 1500), "at most a window");
}

#[test]
fn the_queue_is_bounded() {
    // over all threads, whether they cross or not
    let mut limiter = Limiter::new(Config { max_queue: 3, ..config(1, 1000, 0) });
    let (one, two) = (limiter.join(), limiter.join());
    assert!(limiter.try_acquire(one, 1, 0));
    assert_eq!(limiter.acquire(one, 1, 0), Admission::Waits);
    let cells = limiter.cells().clone();
    assert!(cells.queue(3), "the second, of the first thread, without a crossing");
    limiter.report(one, &Report { requests: 1, throttled: 1, ..waiting(2, 1) });
    assert_eq!(limiter.acquire(two, 1, 0), Admission::Waits);
    limiter.report(two, &waiting(1, 1));
    assert!(!cells.queue(3));
    let three = limiter.join();
    assert_eq!(limiter.acquire(three, 1, 0), Admission::Full);
    let status = limiter.status(0);
    assert_eq!((status.stats.requests, status.stats.throttled, status.stats.rejected), (5, 3, 1));
    assert_eq!((status.queued, limiter.wanted()), (3, 3));
    limiter.leave(one, 0);
    assert_eq!(limiter.status(0).queued, 1);
    assert_eq!(limiter.acquire(three, 1, 0), Admission::Waits);
}

/// What a thread says in which so many wait, each for that weight.
fn waiting(count: u64, weight: u64) -> Report {
    Report { waiting: count, wanted: count * weight, first: count, weight, ..Report::default() }
}
fn granted(weight: u64, count: u64) -> Option<Event> {
    Some(Event::Granted { weight, count })
}

#[test]
fn one_crossing_grants_as_many_of_the_first_as_there_is_room_for() {
    let mut limiter = Limiter::new(config(10, 1000, 0));
    let one = limiter.join();
    assert!(limiter.try_acquire(one, 10, 0));
    limiter.report(one, &waiting(25, 1));
    limiter.pass(one, 1);
    assert_eq!(limiter.event(one), None);
    assert_eq!(limiter.wake_at(one), Some(1000));
    limiter.pass(one, 1000);
    assert_eq!(limiter.event(one), granted(1, 10));
    assert_eq!(limiter.event(one), None);
    limiter.report(one, &waiting(15, 1));
    limiter.pass(one, 2000);
    assert_eq!(limiter.event(one), granted(1, 10));
    limiter.report(one, &waiting(5, 1));
    limiter.pass(one, 3000);
    assert_eq!(limiter.event(one), granted(1, 5));
    assert_eq!(limiter.status(3000).tokens, 5);
}

#[test]
fn nobody_barges_while_a_thread_may_have_more_than_it_said() {
    let mut limiter = Limiter::new(config(0, 1000, 4));
    let (one, two) = (limiter.join(), limiter.join());
    let cells = limiter.cells().clone();
    assert!(limiter.try_acquire(two, 4, 0));
    // the first wants one, behind it somebody wants two
    limiter.report(one, &Report { waiting: 2, wanted: 3, first: 1, weight: 1, ..Report::default() });
    limiter.pass(one, 0);
    limiter.release(two, 4, 0, 1);
    assert_eq!(cells.spend(1, 1), Spent::Ask { owes: false });
    assert!(!limiter.try_acquire(two, 1, 1), "whoever is behind the first has not been heard");
    // it has heard, and says who is left
    assert_eq!(limiter.event(one), granted(1, 1));
    assert!(!limiter.try_acquire(two, 1, 1));
    limiter.report(one, &Report { held: 1, ..waiting(1, 2) });
    limiter.pass(one, 1);
    assert_eq!(limiter.event(one), granted(2, 1));
    limiter.report(one, &Report { held: 3, ..Report::default() });
    assert!(limiter.try_acquire(two, 1, 1), "now nobody waits");
    limiter.release(two, 1, 0, 1);
    assert_eq!(cells.spend(1, 1), Spent::Taken { full: true });
}

#[test]
fn those_who_are_granted_and_have_not_heard_are_not_granted_again() {
    let mut limiter = Limiter::new(config(0, 1000, 6));
    let (one, two) = (limiter.join(), limiter.join());
    assert!(limiter.try_acquire(two, 6, 0));
    limiter.report(one, &waiting(3, 1));
    limiter.pass(one, 0);
    limiter.release(two, 2, 0, 1);
    // its line looks to it as before
    limiter.report(one, &waiting(3, 1));
    limiter.release(two, 4, 0, 1);
    assert_eq!(limiter.event(one), granted(1, 3));
    assert_eq!(limiter.event(one), None);
    assert_eq!(limiter.status(1).in_flight, 3);
}

#[test]
fn threads_take_turns_and_none_waits_for_more_than_one_of_each_other() {
    let mut limiter = Limiter::new(config(0, 1000, 1));
    let members = [(); 4].map(|()| limiter.join());
    assert!(limiter.try_acquire(members[0], 1, 0));
    // the first has a thousand, the others come later with ten each
    let mut left = [1000, 10, 10, 10];
    for (&member, &count) in members.iter().zip(&left) {
        limiter.report(member, &waiting(count, 1));
        limiter.pass(member, 0);
    }
    assert!(!limiter.cells().hands_on(), "a thread that hands on would starve the others");
    let mut turns = Vec::new();
    for now in 1..40 {
        limiter.release(members[0], 1, 0, now);
        let mut who =
            members.iter().enumerate().filter(|(_, member)| limiter.has_events(**member)).map(|(at, _)| at);
        let who = (who.next().unwrap(), who.next());
        assert_eq!(who.1, None);
        assert_eq!(limiter.event(members[who.0]), granted(1, 1));
        left[who.0] -= 1;
        limiter.report(members[who.0], &waiting(left[who.0], 1));
        turns.push(who.0);
    }
    assert!(turns.chunks(4).all(|four| four == &[0, 1, 2, 3][..four.len()]), "{turns:?}");
}

#[test]
fn a_release_may_be_handed_on_while_one_thread_waits_and_nothing_is_to_be_decided() {
    let mut limiter = Limiter::new(config(0, 1000, 2));
    let (one, two) = (limiter.join(), limiter.join());
    assert!(limiter.try_acquire(one, 2, 0));
    limiter.report(one, &waiting(3, 1));
    limiter.pass(one, 0);
    assert!(limiter.cells().hands_on());
    limiter.report(two, &waiting(1, 1));
    limiter.pass(two, 0);
    assert!(!limiter.cells().hands_on(), "another thread waits");
    limiter.leave(two, 0);
    assert!(limiter.cells().hands_on());
    limiter.release(one, 1, 100, 0);
    assert!(!limiter.cells().hands_on(), "a hold");
    limiter.pass(one, 100);
    assert_eq!(limiter.event(one), granted(1, 1));
    assert!(limiter.cells().hands_on());
    let mut windowed = Limiter::new(config(5, 1000, 2));
    let one = windowed.join();
    assert!(windowed.try_acquire(one, 2, 0));
    windowed.report(one, &waiting(3, 1));
    windowed.pass(one, 0);
    assert!(!windowed.cells().hands_on(), "the window has to be asked");
}

#[test]
fn a_lowered_limit_is_not_handed_on_until_it_is_kept() {
    let adapt = Adapt {
        target: Target::Concurrency,
        min: 1,
        max: 10,
        interval_ms: 100,
        success_rate_above: 0.9,
        latency_below_ms: 100.0,
        success_rate_below: 0.7,
        latency_above_ms: 500.0,
        algorithm: Algorithm::Aimd,
    };
    let mut limiter = Limiter::new(Config { adapt: Some(adapt), ..config(0, 1000, 10) });
    let one = limiter.join();
    assert!(limiter.try_acquire(one, 10, 0));
    limiter.report(one, &Report { failures: 5, ..waiting(50, 1) });
    limiter.pass(one, 0);
    assert!(limiter.cells().hands_on());
    limiter.pass(one, 100);
    assert_eq!(limiter.status(100).concurrency, 7);
    for in_flight in [9, 8] {
        limiter.release(one, 1, 0, 101);
        assert!(!limiter.cells().hands_on(), "{in_flight} are in flight");
    }
    limiter.release(one, 1, 0, 101);
    assert!(limiter.cells().hands_on());
    assert_eq!(limiter.status(101).in_flight, 7);
}

#[test]
fn a_thread_that_ended_with_work_in_hand_gives_it_back() {
    let mut limiter = Limiter::new(config(0, 1000, 4));
    let (one, two) = (limiter.join(), limiter.join());
    assert!(limiter.try_acquire(one, 3, 0));
    assert!(limiter.try_acquire(two, 1, 0));
    limiter.report(two, &Report { held: 1, ..Report::default() });
    // granted, and ended before it heard of it
    limiter.report(one, &Report { held: 3, ..waiting(1, 1) });
    limiter.pass(one, 0);
    limiter.report(two, &Report::default());
    limiter.release(two, 1, 0, 1);
    assert!(limiter.has_events(one));
    limiter.report(two, &waiting(1, 4));
    limiter.pass(two, 2);
    limiter.leave(one, 3);
    assert_eq!(limiter.event(two), granted(4, 1), "its line, too, has gone");
    assert_eq!(limiter.status(3).in_flight, 4);
}

#[test]
fn other_threads_are_stirred_when_they_have_something_to_hear() {
    let mut limiter = Limiter::new(config(1, 10_000, 0));
    let (one, two) = (limiter.join(), limiter.join());
    assert!(limiter.try_acquire(one, 1, 0));
    assert_eq!(limiter.acquire(two, 1, 0), Admission::Waits);
    assert_eq!(limiter.wake_at(two), Some(10_000));
    assert!(limiter.stirred(one).is_empty());
    limiter.update(one, 1, 500, 0);
    assert_eq!(limiter.stirred(one), [two], "its timer stands too late");
    assert_eq!(limiter.wake_at(two), Some(500));
    assert!(limiter.stirred(one).is_empty());
    limiter.pass(one, 500);
    assert_eq!(limiter.stirred(one), [two]);
    assert_eq!(limiter.event(two), granted(1, 1));
    assert!(limiter.stirred(one).is_empty());
}

#[test]
fn a_weight_above_a_lowered_limit_goes_when_it_is_alone() {
    let mut thread = Thread::new(config(10, 1000, 0));
    assert!(thread.try_take(1, 0));
    thread.update(3, 1000, 0);
    let Answer::Waits(id) = thread.acquire(8, None, 0) else { panic!("waits") };
    assert_eq!(thread.wake_at(), Some(1000));
    thread.pass(1000);
    assert_eq!(thread.events(), [Left::Granted(id)]);
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
