//! One thread, its window and what it is lent.

use crate::thread::{Answer, Left, Thread, config};
use sluice_core::limiter::adaptive::cells::Spent;

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
fn a_permit_with_a_time_ahead_of_the_clock_lets_no_other_go_early() {
    let mut thread = Thread::new(config(10, 1000, 0));
    assert!(thread.try_take(5, 0));
    assert!(thread.try_take(1, 990), "leaves a lease until 1000");
    assert!(thread.spend(1, 1000), "a thread's rounded time is up to 10 ms ahead");
    assert!(!thread.try_take(5, 991));
    assert!(thread.try_take(3, 992));
    assert!(!thread.try_take(5, 999));
    assert!(thread.try_take(5, 1000));
    // the three were booked behind that time and count as long
    assert!(!thread.try_take(2, 1999));
    assert!(thread.try_take(10, 2000));
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
