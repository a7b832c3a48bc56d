//! Who waits in several threads: who goes next, who is told, what is handed on.

use crate::thread::config;
use sluice_core::limiter::adaptive::{
    Adapt, Admission, Algorithm, Config, Event, Limiter, Report, Target, cells::Spent,
};

/// What a thread says in which so many wait, each for that weight.
fn waiting(count: u64, weight: u64) -> Report {
    Report { waiting: count, wanted: count * weight, first: count, weight, ..Report::default() }
}
fn granted(weight: u64, count: u64) -> Option<Event> {
    Some(Event::Granted { weight, count })
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
fn what_work_said_is_counted_and_an_odd_latency_is_not() {
    let mut limiter = Limiter::new(config(10, 1000, 0));
    let one = limiter.join();
    let work = Report { successes: 3, failures: 1, latency_ms: 80.0, latencies: 4, ..Report::default() };
    limiter.report(one, &work);
    for latency_ms in [f64::NAN, f64::INFINITY, -1.0] {
        limiter.report(one, &Report { successes: 1, latency_ms, latencies: 1, ..Report::default() });
    }
    let stats = limiter.status(0).stats;
    assert_eq!((stats.successes, stats.failures, stats.average_latency_ms()), (6, 1, 20.0));
    assert_eq!(stats.success_rate(), 6.0 / 7.0);
    limiter.reset_stats();
    let none = limiter.status(0).stats;
    assert_eq!((none.successes, none.average_latency_ms(), none.success_rate()), (0, 0.0, 1.0));
}
