//! The end: what is still handed over, and what becomes of the rest.

use crate::driver::{Driver, config, dispatch, retry};
use sluice_core::batch::*;

#[test]
fn closing_hands_over_what_is_there_and_is_over_when_it_is_settled() {
    let mut driver = Driver::new(config());
    driver.add_many(4);
    assert_eq!(driver.close(None), []);
    assert_eq!(driver.add(3), [Action::Refused { id: 5, lane: 3 }, Action::LaneForgotten(3)]);
    assert_eq!(driver.finish(0, &[0]), [dispatch(0, 0, Reason::Close, 1)]);
    assert_eq!(driver.finish(0, &[]), []);
    assert_eq!(driver.at(1010), [retry(0, 2, &[1])]);
    assert_eq!(driver.finish(0, &[]), [Action::Closed]);
    assert_eq!(driver.said(), []);
    assert_eq!(driver.buffer.leave(true, 1010), []);
}

#[test]
fn closing_with_a_limit_ends_then_even_with_a_handler_that_hangs() {
    let mut driver = Driver::new(config());
    driver.add_many(4);
    assert_eq!(driver.close(Some(1500)), []);
    assert_eq!(driver.close(Some(1200)), []);
    assert_eq!(driver.close(Some(1900)), []);
    assert_eq!(driver.buffer.wake_at(), Some(1200));
    assert_eq!(driver.at(1199), []);
    assert_eq!(driver.at(1200), [Action::Closed]);
    let left: Vec<Id> = driver.buffer.leave(true, 1200).iter().map(|item| item.id).collect();
    assert_eq!(left, [1, 2, 3, 4]);
    let sum = driver.buffer.account();
    assert_eq!((sum.accepted, sum.kept, driver.buffer.status(1200).size), (4, 4, 0));
    assert!(!driver.buffer.finish(0, &[], 1200), "what its handler says later is ignored");
    assert_eq!(driver.buffer.wake_at(), None);
}

#[test]
fn closing_at_once_hands_nothing_over_and_waits_for_what_is_in_flight() {
    let mut driver = Driver::new(config());
    driver.add_many(5);
    assert_eq!(driver.close(Some(1000)), []);
    assert_eq!(driver.buffer.wake_at(), None);
    assert_eq!(driver.finish(0, &[2]), [Action::Closed]);
    let left: Vec<(Id, u32)> =
        driver.buffer.leave(false, 1000).iter().map(|item| (item.id, item.attempts)).collect();
    assert_eq!(left, [(3, 1), (4, 0), (5, 0)]);
    let sum = driver.buffer.account();
    assert_eq!((sum.accepted, sum.delivered, sum.aborted), (5, 2, 3));
}

#[test]
fn a_flush_ends_when_closing_leaves_its_items() {
    let mut driver = Driver::new(config());
    driver.add_many(4);
    assert_eq!(driver.buffer.flush(), Some(1));
    driver.close(Some(1000));
    assert_eq!(driver.finish(0, &[]), [Action::Closed]);
    driver.buffer.leave(false, 1000);
    assert_eq!(driver.said(), [Action::Flushed(1)]);
}

#[test]
fn a_limit_of_closing_is_meant_by_the_clock_of_its_call() {
    let mut driver = Driver::new(config());
    driver.add_many(3);
    driver.at(100);
    assert_eq!(driver.close(Some(250)), []);
    assert_eq!(driver.buffer.wake_at(), Some(250));
    assert_eq!(driver.at(249), []);
    assert_eq!(driver.at(250), [Action::Closed]);
}
