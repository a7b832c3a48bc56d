//! What failed: when it is tried again, and when it is dead.

use crate::driver::{Driver, config, dispatch, failure, retry};
use sluice_core::batch::*;

#[test]
fn only_what_failed_is_tried_again_and_together() {
    let mut driver = Driver::new(config());
    driver.add_many(3);
    assert_eq!(driver.finish(0, &[0, 2]), []);
    assert_eq!(driver.buffer.status(1000).in_flight, 0, "who waits for a try is not in flight");
    assert_eq!(driver.buffer.wake_at(), Some(1010));
    assert_eq!(driver.at(1010), [retry(0, 2, &[1, 3])]);
    assert_eq!(driver.finish(0, &[0, 1]), []);
    assert_eq!(driver.buffer.wake_at(), Some(1030));
    assert_eq!(driver.at(1030), [retry(0, 3, &[1, 3])]);
    let dead = |id| Action::Dead { id, attempts: 3, kept: true, evicted: None };
    assert_eq!(driver.finish(0, &[0, 1]), [dead(1), dead(3)]);
    let stats = driver.buffer.stats();
    assert_eq!((stats.delivered, stats.failed, stats.retried, stats.batches, stats.calls), (1, 2, 4, 1, 3));
}

#[test]
fn the_jitter_of_a_batch_is_that_of_its_first_failure() {
    let backoff = Backoff { min_ms: 100, jitter: 0.5, ..config().backoff };
    let mut driver = Driver::new(Config { backoff, ..config() });
    driver.add_many(3);
    let failures = [(0, 0.4), (1, 0.0), (2, 0.9)].map(|(place, random)| Failure { random, ..failure(place) });
    assert!(driver.buffer.finish(0, &failures, 1000));
    assert_eq!(driver.at(1079), []);
    assert_eq!(driver.at(1080), [retry(0, 2, &[1, 2, 3])]);
}

#[test]
fn a_try_is_not_before_what_the_server_asked_for() {
    let mut driver = Driver::new(config());
    driver.add_many(3);
    assert!(driver.buffer.finish(0, &[Failure { after_ms: 700, ..failure(1) }], 1000));
    assert_eq!(driver.buffer.wake_at(), Some(1700));
}

#[test]
fn what_is_not_to_be_tried_again_is_dead_at_once_and_letters_are_bounded() {
    let mut driver = Driver::new(config());
    driver.add_many(3);
    let failures = [0, 1, 2].map(|place| Failure { retryable: false, ..failure(place) });
    assert!(driver.buffer.finish(0, &failures, 1000));
    let dead = |id, evicted| Action::Dead { id, attempts: 1, kept: true, evicted };
    assert_eq!(driver.said(), [dead(1, None), dead(2, None), dead(3, Some(1))]);
    assert_eq!(driver.buffer.status(1000).dead_letters, 2);
    assert!(!driver.buffer.requeue(1, 0, 1, 1000));
    assert!(driver.buffer.requeue(2, 0, 1, 1000));
    let again =
        Action::Dispatch { batch: 0, lane: 0, reason: Reason::Timeout, attempt: 1, count: 1, ids: vec![2] };
    assert_eq!(driver.said(), [again]);
    assert_eq!(driver.finish(0, &[0]), []);
    assert_eq!(driver.at(1010), [retry(0, 2, &[2])], "it has a fresh set of tries");
}

#[test]
fn a_batch_without_letters_reports_the_dead_all_the_same() {
    let mut driver = Driver::new(Config { max_dead_letters: 0, retries: 0, ..config() });
    driver.add_many(3);
    let dead = Action::Dead { id: 1, attempts: 1, kept: false, evicted: None };
    assert_eq!(driver.finish(0, &[0]), [dead]);
    assert_eq!(driver.buffer.status(1000).dead_letters, 0);
}

#[test]
fn tries_and_first_hand_overs_leave_by_age_so_that_neither_starves() {
    let mut driver = Driver::new(Config { max_size: 1000, ..config() });
    driver.add_many(3);
    driver.now = 1005;
    driver.add_many(3);
    assert_eq!(driver.finish(0, &[0]), [dispatch(0, 0, Reason::Size, 3)], "the try is due at 1015");
    driver.now = 1012;
    driver.add_many(3);
    driver.now = 1020;
    driver.add_many(3);
    assert_eq!(driver.finish(0, &[]), [dispatch(0, 0, Reason::Size, 3)], "those of 1012");
    assert_eq!(driver.finish(0, &[]), [retry(0, 2, &[1])]);
    assert_eq!(driver.finish(0, &[]), [dispatch(0, 0, Reason::Size, 3)], "those of 1020");
}

#[test]
fn a_handler_that_hangs_is_told_once_and_counts_as_a_try() {
    let mut driver = Driver::new(Config { handler_timeout_ms: 300, ..config() });
    driver.add_many(3);
    assert_eq!(driver.buffer.wake_at(), Some(1300));
    assert_eq!(driver.at(1299), []);
    assert_eq!(driver.at(1300), [Action::TimedOut(0)]);
    assert_eq!((driver.said(), driver.buffer.wake_at()), (vec![], None));
    assert_eq!(driver.finish(0, &[0, 1, 2]), []);
    assert_eq!(driver.at(1310), [retry(0, 2, &[1, 2, 3])]);
    assert!(!driver.buffer.finish(7, &[], 1310));
}
