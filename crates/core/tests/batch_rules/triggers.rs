//! What leaves when, and with whom.

use crate::driver::{Driver, config, dispatch, failure, retry};
use sluice_core::batch::*;

#[test]
fn a_batch_leaves_at_its_size() {
    let mut driver = Driver::new(config());
    assert_eq!(driver.add_many(2), []);
    assert_eq!(driver.add(0), [dispatch(0, 0, Reason::Size, 3)]);
    assert_eq!(driver.buffer.wake_at(), None);
}

#[test]
fn a_batch_leaves_at_its_bytes_and_what_would_go_over_stays() {
    let mut driver = Driver::new(Config { batch_bytes: 100, batch_size: 10, ..config() });
    assert_eq!(driver.add_bytes(0, 60), []);
    assert_eq!(driver.add_bytes(0, 60), [dispatch(0, 0, Reason::Bytes, 1)]);
    assert_eq!(driver.finish(0, &[]), []);
    assert_eq!(driver.add_bytes(0, 40), [dispatch(0, 0, Reason::Bytes, 2)]);
}

#[test]
fn a_batch_leaves_when_its_oldest_item_is_old_and_not_earlier() {
    let mut driver = Driver::new(config());
    driver.add(0);
    driver.now = 1050;
    driver.add(0);
    assert_eq!(driver.buffer.wake_at(), Some(1100));
    assert_eq!(driver.at(1099), []);
    assert_eq!(driver.at(1100), [dispatch(0, 0, Reason::Timeout, 2)]);
}

#[test]
fn without_a_timeout_items_wait_for_their_turn() {
    let mut driver = Driver::new(Config { batch_timeout_ms: 0, ..config() });
    assert!(!driver.buffer.wants_turn());
    assert_eq!(driver.add_many(2), []);
    assert!(driver.buffer.wants_turn());
    assert_eq!(driver.buffer.wake_at(), None);
    driver.buffer.turn();
    assert_eq!(driver.said(), [dispatch(0, 0, Reason::Timeout, 2)]);
    driver.add(0);
    assert!(!driver.buffer.wants_turn(), "nothing could leave in it");
    assert_eq!(driver.finish(0, &[]), []);
    assert!(driver.buffer.wants_turn());
}

#[test]
fn other_limits_hold_for_what_waits_and_send_nothing_back() {
    let mut driver = Driver::new(config());
    let limits = Limits { batch_size: 5, batch_timeout_ms: 300, concurrency: 1, max_size: 4 };
    assert_eq!(driver.add_many(2), []);
    driver.buffer.update(limits);
    assert_eq!((driver.said(), driver.buffer.wake_at()), (vec![], Some(1300)));
    assert_eq!(driver.buffer.need(0), Need { items: 3, bytes: u64::MAX });
    assert_eq!(driver.buffer.need(7), Need { items: 5, bytes: u64::MAX });
    driver.now = 1100;
    assert_eq!(driver.add_many(2), [Action::HighWater]);
    assert_eq!(driver.add_many(2), [], "two wait for room");
    driver.buffer.update(Limits { batch_size: 2, ..limits });
    assert_eq!(driver.said(), [dispatch(0, 0, Reason::Size, 2)]);
    driver.buffer.update(Limits { batch_size: 2, concurrency: 2, max_size: 1, ..limits });
    assert_eq!(driver.said(), [dispatch(1, 0, Reason::Size, 2)], "what was admitted stays");
    driver.buffer.update(Limits { batch_size: 9, concurrency: 3, max_size: 9, batch_timeout_ms: 10 });
    assert_eq!(driver.said(), [Action::Admitted(6), Action::Drained]);
    assert_eq!(driver.at(1110), [dispatch(2, 0, Reason::Timeout, 2)]);
}

#[test]
fn groups_are_batches_of_their_own_and_the_oldest_leaves_first() {
    let mut driver = Driver::new(Config { max_size: 100, ..config() });
    assert_eq!(driver.add_many(3), [dispatch(0, 0, Reason::Size, 3)]);
    for lane in [2, 1, 1, 1, 2] {
        driver.add(lane);
    }
    driver.now = 1100;
    assert_eq!(driver.finish(0, &[]), [dispatch(0, 2, Reason::Timeout, 2)]);
    assert_eq!(driver.finish(0, &[]), [dispatch(0, 1, Reason::Size, 3), Action::LaneForgotten(2)]);
    assert_eq!(driver.finish(0, &[]), [Action::LaneForgotten(1)]);
}

#[test]
fn adaptive_sends_the_first_at_once_and_collects_while_it_is_away() {
    let mut driver = Driver::new(Config { adaptive: true, concurrency: 2, ..config() });
    assert_eq!(driver.add(0), [dispatch(0, 0, Reason::Idle, 1)]);
    assert_eq!(driver.add_many(2), []);
    assert_eq!(driver.add(0), [dispatch(1, 0, Reason::Size, 3)]);
    assert_eq!(driver.add(0), []);
    // each that comes back takes what is there along, and is no credit for what comes later
    assert_eq!(driver.finish(0, &[]), [dispatch(0, 0, Reason::Idle, 1)]);
    assert_eq!(driver.finish(1, &[]), []);
    assert_eq!(driver.add(0), []);
    // and the timeout holds while something is away
    assert_eq!(driver.buffer.wake_at(), Some(1100));
    assert_eq!(driver.at(1100), [dispatch(1, 0, Reason::Timeout, 1)]);
}

#[test]
fn at_most_so_many_batches_are_in_flight_and_nothing_wakes_for_more() {
    let mut driver = Driver::new(Config { concurrency: 2, ..config() });
    assert_eq!(driver.add_many(8).len(), 3, "two batches, and high water");
    assert_eq!(driver.buffer.wake_at(), None);
    assert!(driver.buffer.busy());
    assert_eq!(driver.at(5000), []);
    assert_eq!(driver.finish(1, &[]), [dispatch(1, 0, Reason::Timeout, 2), Action::Drained]);
}

#[test]
fn a_flush_sends_what_is_there_and_ends_when_that_is_settled() {
    let mut driver = Driver::new(config());
    driver.add(0);
    assert_eq!(driver.buffer.flush(), Some(1));
    assert_eq!(driver.said(), [dispatch(0, 0, Reason::Flush, 1)]);
    driver.add(0);
    assert_eq!(driver.buffer.flush(), Some(2));
    assert_eq!(driver.buffer.flush(), Some(2));
    assert_eq!(driver.said(), []);
    driver.add(1);
    assert_eq!(driver.finish(0, &[0]), [dispatch(0, 0, Reason::Flush, 1)]);
    assert_eq!(driver.finish(0, &[]), [], "the first item waits for its second try");
    assert_eq!(driver.at(1010), [retry(0, 2, &[1])]);
    assert_eq!(driver.finish(0, &[]), [Action::Flushed(1), Action::Flushed(2)]);
    assert_eq!(driver.buffer.status(1010).size, 1, "nobody wanted what came later");
}

#[test]
fn pull_hands_nothing_over_by_itself() {
    let mut driver = Driver::new(Config { pull: true, ..config() });
    assert_eq!(driver.add_many(4), []);
    assert_eq!((driver.buffer.wake_at(), driver.buffer.busy()), (None, true));
    assert_eq!(driver.buffer.flush(), Some(1));
    assert_eq!(driver.at(9000), []);
    let ids = |list: Vec<Listed>| list.iter().map(|item| (item.id, item.attempts)).collect::<Vec<_>>();
    assert_eq!(ids(driver.buffer.take(3, 9000)), [(1, 0), (2, 0), (3, 0)]);
    assert!(driver.buffer.settle(1, Some(failure(0)), 9000));
    assert!(driver.buffer.settle(2, None, 9000));
    assert!(!driver.buffer.settle(2, None, 9000));
    assert!(!driver.buffer.settle(4, None, 9000), "it was not taken");
    assert_eq!(ids(driver.buffer.take(9, 9009)), [(4, 0)]);
    assert_eq!(ids(driver.buffer.take(9, 9010)), [(1, 1)]);
    driver.now = 9010;
    for id in [1, 3, 4] {
        assert_eq!(driver.said(), []);
        assert!(driver.buffer.settle(id, None, 9010));
    }
    assert_eq!(driver.said(), [Action::Flushed(1)]);
    driver.add(0);
    assert_eq!(driver.close(None), [Action::Closed], "what is not settled is kept");
    assert_eq!(ids(driver.buffer.leave(true, 9010)), [(5, 0)]);
}

#[test]
fn a_clock_that_jumps_back_makes_no_wait_longer() {
    let mut driver = Driver::new(config());
    driver.add(0);
    assert_eq!(driver.at(200), []);
    assert_eq!(driver.buffer.wake_at(), Some(300));
    driver.add(0);
    assert_eq!(driver.at(300), [dispatch(0, 0, Reason::Timeout, 2)]);
    driver.finish(0, &[0]);
    assert_eq!(driver.at(0), []);
    assert_eq!(driver.buffer.wake_at(), Some(10));
    assert_eq!(driver.at(10), [retry(0, 2, &[1])]);
}

#[test]
fn the_first_of_an_empty_lane_may_be_told_with_its_timeout_unless_it_leaves_at_once() {
    let driver = Driver::new(config());
    assert_eq!(driver.buffer.linger_ms(), 100, "a timer that rings by then serves it, too");
    let mut adaptive = Driver::new(Config { adaptive: true, ..config() });
    assert_eq!(adaptive.buffer.linger_ms(), 0);
    adaptive.add(0);
    assert_eq!(adaptive.buffer.linger_ms(), 100, "it is collected");
    adaptive.finish(0, &[]);
    assert_eq!(adaptive.buffer.linger_ms(), 0);
}
