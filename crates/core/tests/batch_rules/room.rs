//! Who is admitted, who is stored, who is taken out before it has left.

use crate::driver::{Driver, config, dispatch, retry};
use sluice_core::batch::*;

#[test]
fn arrivals_wait_for_room_in_their_order() {
    let mut driver = Driver::new(Config { max_size: 3, ..config() });
    assert_eq!(driver.add_many(3), [dispatch(0, 0, Reason::Size, 3), Action::HighWater]);
    assert_eq!(driver.add_many(4), []);
    let status = driver.buffer.status(1000);
    assert_eq!((status.size, status.waiting, driver.buffer.room()), (3, 4, 0));
    assert!(driver.buffer.remove(5, 0));
    assert_eq!(driver.finish(0, &[]), [Action::Admitted(7), dispatch(0, 0, Reason::Size, 3)]);
    assert_eq!(driver.buffer.account().accepted, 6);
}

#[test]
fn of_those_that_are_told_together_as_many_are_admitted_as_there_is_room_for() {
    let told = |overflow| {
        let mut driver = Driver::new(Config { max_size: 4, batch_size: 9, overflow, ..config() });
        let alike = Arrival { lane: 0, bytes: 1, attempts: 0, at: 1000, recovered: false };
        assert_eq!(driver.buffer.arrive_all(alike, 6, 1000), 6);
        let said = driver.said();
        let status = driver.buffer.status(1000);
        let account = driver.buffer.account();
        (said, status.size, status.waiting, account.accepted, account.dropped)
    };
    assert_eq!(told(Overflow::Wait), (vec![Action::HighWater], 4, 2, 4, 0));
    let refused = |id| Action::Refused { id, lane: 0 };
    assert_eq!(told(Overflow::Reject), (vec![refused(5), refused(6), Action::HighWater], 4, 0, 4, 0));
    let dropped = |id| Action::Dropped { id, lane: 0 };
    let said = vec![dropped(1), dropped(2), Action::Admitted(6), Action::HighWater];
    assert_eq!(told(Overflow::DropOldest), (said, 4, 0, 6, 2));
}

#[test]
fn arrivals_are_refused_where_nobody_may_wait() {
    let mut driver = Driver::new(Config { max_size: 3, overflow: Overflow::Reject, ..config() });
    assert_eq!(driver.buffer.tell_at(), 3);
    driver.add_many(3);
    assert_eq!((driver.buffer.room(), driver.buffer.tell_at()), (0, 4));
    assert_eq!(driver.add(0), [Action::Refused { id: 4, lane: 0 }]);
    assert_eq!(driver.finish(0, &[]), [Action::Drained]);
    assert_eq!(driver.add(0), []);
    assert_eq!(driver.buffer.account().accepted, 4);
}

#[test]
fn the_oldest_that_has_not_left_makes_room() {
    let mut driver = Driver::new(Config { max_size: 4, overflow: Overflow::DropOldest, ..config() });
    driver.add_many(3);
    driver.add(0);
    assert_eq!(driver.add(0), [Action::Dropped { id: 4, lane: 0 }, Action::Admitted(5)]);
    // who waits for another try has not left either, and came earlier
    driver.finish(0, &[1]);
    driver.add_many(1);
    assert_eq!(driver.buffer.room(), 1);
    driver.add(0);
    assert_eq!(driver.buffer.account().dropped, 1);
    driver.finish(0, &[]);
    assert_eq!(driver.buffer.account().accepted, 4 + 1 + 2);
}

#[test]
fn where_everything_is_in_flight_arrivals_wait_and_they_are_bounded_too() {
    let mut driver = Driver::new(Config { max_size: 3, overflow: Overflow::DropOldest, ..config() });
    driver.add_many(3);
    assert_eq!(driver.add_many(3), []);
    assert_eq!(driver.add(0), [Action::Dropped { id: 4, lane: 0 }]);
    let status = driver.buffer.status(1000);
    assert_eq!((status.size, status.waiting), (3, 3));
    assert_eq!(driver.buffer.account().dropped, 0, "it was never accepted");
    assert_eq!(driver.finish(0, &[])[0], Action::Admitted(7));
}

#[test]
fn water_is_high_once_and_low_once() {
    let mut driver = Driver::new(Config { batch_size: 4, ..config() });
    let said = driver.add_many(10);
    assert_eq!(said.iter().filter(|action| **action == Action::HighWater).count(), 1);
    assert_eq!(driver.finish(0, &[]), [dispatch(0, 0, Reason::Size, 4), Action::Drained]);
    assert_eq!(driver.finish(0, &[]), []);
}

#[test]
fn stored_items_are_accepted_and_refused_ones_never_were() {
    let mut driver = Driver::new(Config { durable: true, ..config() });
    assert_eq!(driver.add_many(4), []);
    assert_eq!((driver.buffer.status(1000).size, driver.buffer.status(1000).waiting), (0, 4));
    assert!(driver.buffer.busy(), "nothing leaves before the store has spoken");
    assert!(driver.buffer.refuse(2));
    assert!(!driver.buffer.refuse(2));
    driver.buffer.stored(3);
    assert_eq!(driver.said(), []);
    assert_eq!(driver.buffer.account().accepted, 2);
    driver.buffer.stored(4);
    assert_eq!(driver.said(), [dispatch(0, 0, Reason::Size, 3)]);
}

#[test]
fn what_a_log_had_kept_needs_no_room_and_goes_by_name_before_what_is_new() {
    let mut driver = Driver::new(Config { max_size: 1, durable: true, ..config() });
    for attempts in [0, 0, 2] {
        let arrival = Arrival { lane: 0, bytes: 1, attempts, at: 400, recovered: true };
        driver.buffer.arrive(arrival, 1000);
    }
    let first = Action::Dispatch {
        batch: 0,
        lane: 0,
        reason: Reason::Timeout,
        attempt: 1,
        count: 2,
        ids: vec![1, 2],
    };
    assert_eq!(driver.said(), [first, Action::HighWater]);
    assert_eq!(driver.buffer.status(1000).oldest_age_ms, 600);
    assert_eq!(driver.finish(0, &[]), [retry(0, 3, &[3])]);
    let dead = Action::Dead { id: 3, attempts: 3, kept: true, evicted: None };
    assert_eq!(driver.finish(0, &[0]), [dead, Action::Drained]);
}

#[test]
fn whoever_has_not_left_can_be_taken_out() {
    let mut driver = Driver::new(Config { max_size: 5, ..config() });
    driver.add_many(7);
    driver.finish(0, &[0]);
    assert!(!driver.buffer.remove(2, 0), "delivered");
    assert!(!driver.buffer.remove(4, 0), "in flight");
    assert!(driver.buffer.abort(1, 0), "it waits for another try");
    assert!(driver.buffer.remove(7, 0));
    assert!(!driver.buffer.remove(7, 0));
    let sum = driver.buffer.account();
    assert_eq!((sum.accepted, sum.delivered, sum.dropped, sum.aborted), (7, 2, 1, 1));
    assert_eq!(driver.said(), [Action::Drained]);
    assert_eq!(driver.finish(0, &[]), []);
    driver.add_many(2);
    assert_eq!(driver.buffer.clear(1000).iter().map(|item| item.id).collect::<Vec<_>>(), [8, 9]);
    assert_eq!((driver.said(), driver.buffer.wake_at()), (vec![], None));
}
