//! The batch buffer's rules, one by one, with what is expected written down by hand.

use sluice_core::batch::*;

fn config() -> Config {
    Config {
        batch_size: 3,
        batch_bytes: u64::MAX,
        batch_timeout_ms: 100,
        adaptive: false,
        concurrency: 1,
        handler_timeout_ms: 0,
        max_size: 10,
        overflow: Overflow::Wait,
        high_water: 0.8,
        retries: 2,
        backoff: Backoff { min_ms: 10, max_ms: 1000, factor: 2.0, jitter: 0.0 },
        max_dead_letters: 2,
        pull: false,
        durable: false,
    }
}
struct Driver {
    buffer: Buffer,
    now: u64,
}
impl Driver {
    fn new(config: Config) -> Self {
        Self { buffer: Buffer::new(config, 1), now: 1000 }
    }
    fn said(&mut self) -> Vec<Action> {
        let (buffer, now) = (&mut self.buffer, self.now);
        std::iter::from_fn(|| buffer.next(now)).collect()
    }
    fn add(&mut self, lane: Lane) -> Vec<Action> {
        self.add_bytes(lane, 1)
    }
    fn add_bytes(&mut self, lane: Lane, bytes: u64) -> Vec<Action> {
        let arrival = Arrival { lane, bytes, attempts: 0, at: self.now, recovered: false };
        self.buffer.arrive(arrival, self.now);
        self.said()
    }
    fn add_many(&mut self, count: usize) -> Vec<Action> {
        (0..count).flat_map(|_| self.add(0)).collect()
    }
    fn finish(&mut self, batch: BatchId, failed: &[u32]) -> Vec<Action> {
        let failures: Vec<Failure> = failed.iter().map(|&place| failure(place)).collect();
        assert!(self.buffer.finish(batch, &failures, self.now));
        self.said()
    }
    fn at(&mut self, now: u64) -> Vec<Action> {
        self.now = now;
        self.said()
    }
    fn close(&mut self, until: Option<u64>) -> Vec<Action> {
        self.buffer.close(until, self.now);
        self.said()
    }
}
fn failure(place: u32) -> Failure {
    Failure { place, retryable: true, after_ms: 0, random: 0.5 }
}
fn dispatch(batch: BatchId, lane: Lane, reason: Reason, count: u32) -> Action {
    Action::Dispatch { batch, lane, reason, attempt: 1, count, ids: vec![] }
}
fn retry(batch: BatchId, attempt: u32, ids: &[Id]) -> Action {
    let count = ids.len() as u32;
    Action::Dispatch { batch, lane: 0, reason: Reason::Retry, attempt, count, ids: ids.to_vec() }
}

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
fn a_limit_of_closing_is_meant_by_the_clock_of_its_call() {
    let mut driver = Driver::new(config());
    driver.add_many(3);
    driver.at(100);
    assert_eq!(driver.close(Some(250)), []);
    assert_eq!(driver.buffer.wake_at(), Some(250));
    assert_eq!(driver.at(249), []);
    assert_eq!(driver.at(250), [Action::Closed]);
}
