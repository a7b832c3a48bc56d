//! Rules of the nodes: what is due when, what stays, what leaves, and that it stays within its bounds.

use super::{Due, Nodes, Ticket};
use sluice_core::limiter::Millis;
use sluice_core::limiter::lease::{Answer, Request, Terms, WhenDown};

const WINDOW_MS: Millis = 10_000;
const ROOMY: u64 = 1 << 20;

fn terms(limit: u64, when_down: WhenDown) -> Terms {
    Terms { limit, window_ms: WINDOW_MS, when_down }
}
fn nodes(max_keys: usize, max_bytes: u64) -> Nodes {
    Nodes::new("n:10000:", terms(100, WhenDown::Degrade), max_keys, max_bytes, false)
}
fn granted(granted: u64) -> Answer {
    Answer { granted, slice: 7, lease_ms: 100, retry_after_ms: 0, used: granted, nodes: 2 }
}
fn refused(retry_after_ms: Millis) -> Answer {
    Answer { granted: 0, slice: 7, lease_ms: 100, retry_after_ms, used: 100, nodes: 2 }
}
fn only(due: Vec<Due>) -> Due {
    let [due] = due.try_into().unwrap_or_else(|due| panic!("{due:?}"));
    due
}
/// Each answered with nothing; how many there were.
fn answer_all(nodes: &mut Nodes, now: Millis) -> usize {
    let due = nodes.take_due(now, usize::MAX);
    for due in &due {
        nodes.answered(due.ticket, &granted(0), now);
    }
    due.len()
}

#[test]
fn a_check_on_credit_has_one_request_sent_with_its_debt() {
    let mut nodes = nodes(10, ROOMY);
    assert!(nodes.check(b"a", 3, None, 5) && nodes.check(b"a", 2, None, 5));
    assert_eq!(nodes.due_len(), 1);
    let due = only(nodes.take_due(6, 10));
    assert_eq!(&due.key[..], b"{n:10000:a}");
    assert_eq!((due.terms.limit, due.at), (100, 6));
    assert_eq!(due.request, Request { want: 0, debt: 5, back: 0, back_slice: 0 });
    assert!(nodes.check(b"a", 1, None, 7));
    assert_eq!(nodes.due_len(), 0, "one at a time");
    nodes.answered(due.ticket, &granted(4), 8);
    assert_eq!(nodes.due_len(), 0, "what came meanwhile is booked with the lease");
    assert!(nodes.check(b"a", 2, None, 8));
    let again = only(nodes.take_due(8, 10));
    assert_eq!(
        again.request,
        Request { want: 3, debt: 0, back: 1, back_slice: 7 },
        "the lease is nearly used up"
    );
    assert!(nodes.answered(due.ticket, &granted(50), 9).is_none(), "an old answer");
}

#[test]
fn keys_with_limits_of_their_own_are_asked_for_under_them() {
    let mut nodes = nodes(10, ROOMY);
    assert!(nodes.check(b"a", 3, Some(30), 0));
    assert_eq!(only(nodes.take_due(0, 10)).terms.limit, 30);
    assert!(!nodes.check(b"b", 1, Some(0), 0), "0 denies");
    assert_eq!(nodes.due_len(), 0, "and is not asked for");
}

#[test]
fn a_lease_that_ends_unspent_goes_back_and_nothing_is_asked_for() {
    let mut nodes = nodes(10, ROOMY);
    nodes.check(b"a", 1, None, 0);
    let due = only(nodes.take_due(0, 10));
    assert_eq!(nodes.answered(due.ticket, &granted(6), 1), Some(100));
    assert!(nodes.check(b"a", 2, None, 2));
    assert_eq!(nodes.due_len(), 0);
    nodes.lapsed(due.ticket);
    let back = only(nodes.take_due(101, 10));
    assert_eq!(back.request, Request { want: 0, debt: 0, back: 4, back_slice: 7 });
    nodes.lapsed(due.ticket);
    assert_eq!(nodes.due_len(), 0, "its turn is over");
}

#[test]
fn who_wakes_by_the_callers_clock_is_told_when() {
    let mut nodes = nodes(10, ROOMY).waking();
    assert_eq!(nodes.wake_in(0), None);
    nodes.check(b"a", 1, None, 0);
    let due = only(nodes.take_due(0, 10));
    nodes.answered(due.ticket, &granted(6), 1);
    assert_eq!(nodes.wake_in(21), Some(80));
    assert!(nodes.take_due(100, 10).is_empty());
    assert_eq!(only(nodes.take_due(101, 10)).request.back, 6);
}

#[test]
fn one_that_asks_first_is_heard_of_when_the_answer_comes() {
    let mut nodes = nodes(10, ROOMY);
    assert!(nodes.hear(b"a", 1).is_none(), "nothing is known of it");
    assert_eq!(nodes.try_lease(b"a", 40, None, 0), None);
    let mut heard = nodes.hear(b"a", 40).unwrap();
    let due = only(nodes.take_due(0, 10));
    assert_eq!((due.request.want, due.request.debt), (40, 0), "more than a share, and no debt");
    assert!(heard.try_recv().is_err());
    nodes.answered(due.ticket, &granted(40), 1);
    assert!(heard.try_recv().is_ok());
    assert!(nodes.try_lease(b"a", 40, None, 1).unwrap().allowed);
    assert!(!nodes.try_lease(b"a", 40, None, 1).is_some_and(|found| found.allowed), "once");
}

#[test]
fn what_was_granted_to_those_who_asked_is_nobody_elses() {
    let mut nodes = nodes(10, ROOMY);
    assert_eq!(nodes.try_lease(b"a", 3, None, 0), None);
    let _first = nodes.hear(b"a", 3).unwrap();
    let due = only(nodes.take_due(0, 10));
    // one more comes while the first is on its way, and waits for a request of its own
    assert_eq!(nodes.try_lease(b"a", 2, None, 0), None);
    let mut second = nodes.hear(b"a", 2).unwrap();
    nodes.answered(due.ticket, &granted(5), 1);
    assert!(second.try_recv().is_err());
    let next = only(nodes.take_due(1, 10));
    assert_eq!((next.request.want, next.request.back), (3, 2), "the first one's permits do not go back");
    assert!(nodes.try_lease(b"a", 3, None, 1).unwrap().allowed);
    assert_eq!(nodes.try_lease(b"a", 1, None, 1), None);
    nodes.answered(next.ticket, &granted(2), 2);
    assert!(second.try_recv().is_ok());
    assert!(nodes.try_lease(b"a", 2, None, 2).unwrap().allowed);
}

#[test]
fn what_one_waited_for_who_has_given_up_stays_in_the_lease() {
    let mut nodes = nodes(10, ROOMY);
    nodes.try_lease(b"a", 3, None, 0);
    drop(nodes.hear(b"a", 3));
    let due = only(nodes.take_due(0, 10));
    nodes.answered(due.ticket, &granted(3), 1);
    nodes.lapsed(due.ticket);
    assert_eq!(only(nodes.take_due(101, 10)).request.back, 3);
}

#[test]
fn what_is_kept_for_one_who_waited_is_not_taken_by_a_key_whose_limit_is_below_it() {
    let mut nodes = nodes(10, ROOMY);
    nodes.try_lease(b"a", 2, None, 0);
    let heard = nodes.hear(b"a", 2);
    let due = only(nodes.take_due(0, 10));
    nodes.answered(due.ticket, &granted(2), 1);
    assert!(heard.is_some());
    assert!(!nodes.try_lease(b"a", 1, Some(0), 1).is_some_and(|found| found.allowed));
    assert!(!nodes.try_lease(b"a", 2, Some(1), 1).is_some_and(|found| found.allowed));
    assert!(nodes.try_lease(b"a", 2, None, 1).unwrap().allowed);
}

#[test]
fn who_asks_is_told_under_which_key() {
    let mut nodes = nodes(1, ROOMY);
    assert_eq!(nodes.try_lease(b"a", 1, None, 0), None);
    assert_eq!(&nodes.asked_key()[..], b"{n:10000:a}");
    assert_eq!(nodes.try_lease(b"b", 1, None, 0), None, "there is no room for it");
    assert_eq!(&nodes.asked_key()[..], b"{n:10000:\x01rest}");
    let due: Vec<_> = nodes.take_due(0, 10).into_iter().map(|due| due.key).collect();
    assert_eq!(due, [&b"{n:10000:a}"[..], b"{n:10000:\x01rest}"]);
}

#[test]
fn one_that_wants_more_than_there_is_hears_when_there_may_be() {
    let mut nodes = nodes(10, ROOMY);
    assert_eq!(nodes.try_lease(b"a", 30, None, 0), None);
    let due = only(nodes.take_due(0, 10));
    nodes.answered(due.ticket, &Answer { retry_after_ms: 4_000, ..granted(12) }, 1);
    let found = nodes.try_lease(b"a", 30, None, 2).unwrap();
    assert_eq!((found.allowed, found.retry_after_ms), (false, 3_999));
    assert!(nodes.try_lease(b"a", 12, None, 2).unwrap().allowed);
}

#[test]
fn no_more_keys_and_bytes_than_there_is_room_for() {
    for (max_keys, max_bytes) in [(50, ROOMY), (100_000, 40_000)] {
        let mut nodes = nodes(max_keys, max_bytes);
        for number in 0..5_000u64 {
            nodes.check(format!("key {number}").as_bytes(), 1, None, number);
            if number % 10 == 0 {
                answer_all(&mut nodes, number);
            }
            // the keys that have no room share one
            assert!(nodes.len() <= max_keys + 1 && nodes.bytes() <= max_bytes + 500, "{}", nodes.bytes());
        }
        assert!(nodes.stats().evicted > 4_000);
    }
}

#[test]
fn neither_debt_nor_a_refusal_is_pushed_out() {
    let mut nodes = nodes(20, ROOMY);
    nodes.check(b"refused", 1, None, 0);
    let due = only(nodes.take_due(0, 10));
    nodes.answered(due.ticket, &refused(5_000), 1);
    nodes.check(b"owes", 10, None, 1);
    for number in 0..2_000u64 {
        nodes.check(format!("key {number}").as_bytes(), 1, None, 2);
        let owes = |due: &Due| &due.key[..] == b"{n:10000:owes}";
        let due: Vec<Due> = nodes.take_due(2, 100).into_iter().filter(|due| !owes(due)).collect();
        for due in due {
            nodes.answered(due.ticket, &granted(0), 2);
        }
    }
    assert!(nodes.stats().evicted > 1_000);
    assert!(!nodes.check(b"refused", 1, None, 5_000) && !nodes.check(b"owes", 1, None, 5_000));
    assert_eq!(nodes.retry_after(b"refused", 1, None, 4_000), 1_001);
}

#[test]
fn where_none_can_leave_new_keys_share_one_limit() {
    let mut nodes = nodes(20, ROOMY);
    // nobody answers, so all owe
    let passed = (0..1_000u64).filter(|n| nodes.check(format!("key {n}").as_bytes(), 1, None, 0)).count();
    assert_eq!(passed, 20 + 10, "one each, and a share of one limit for all others");
    assert_eq!(nodes.len(), 21);
}

#[test]
fn while_redis_is_away_nothing_is_sent_and_all_is_told_after() {
    let mut nodes = nodes(100, ROOMY);
    nodes.check(b"a", 1, None, 0);
    let due = only(nodes.take_due(0, 10));
    nodes.answered(due.ticket, &granted(6), 1);
    nodes.set_away(true, 2);
    let passed = |nodes: &mut Nodes, key: &[u8]| (0..200).filter(|_| nodes.check(key, 1, None, 2)).count();
    assert_eq!(passed(&mut nodes, b"a"), 50, "half of it: two nodes were there");
    assert_eq!(passed(&mut nodes, b"b"), 50, "also of a key that Redis never told of");
    assert_eq!((nodes.due_len(), nodes.take_due(3, 10).len()), (0, 0));
    nodes.set_away(false, 500);
    let mut told: Vec<(String, u64)> = nodes
        .take_due(500, 10)
        .into_iter()
        .map(|due| (String::from_utf8_lossy(&due.key).into_owned(), due.request.debt))
        .collect();
    told.sort();
    assert_eq!(told, [("{n:10000:a}".to_owned(), 50), ("{n:10000:b}".to_owned(), 50)]);
}

#[test]
fn a_request_in_vain_degrades_its_key_and_rests() {
    let mut nodes = nodes(100, ROOMY);
    nodes.check(b"a", 1, None, 0);
    let due = only(nodes.take_due(0, 10));
    nodes.failed(due.ticket, 250);
    nodes.failed(due.ticket, 251);
    assert!(nodes.check(b"a", 1, None, 300));
    assert_eq!(nodes.due_len(), 0, "it rests");
    assert!(nodes.check(b"a", 1, None, 360));
    assert_eq!(only(nodes.take_due(360, 10)).request.debt, 3, "what it admitted is owed");
}

#[test]
fn logs_of_an_outage_stay_within_the_bytes() {
    let max_bytes = 60_000;
    let mut nodes = nodes(100_000, max_bytes);
    nodes.set_away(true, 0);
    for now in 0..20_000u64 {
        let key = format!("key {}", now % 100);
        nodes.check(key.as_bytes(), 1, None, now);
        assert!(nodes.bytes() <= max_bytes + 2_000, "{}", nodes.bytes());
    }
}

#[test]
fn what_is_left_is_told_at_the_end() {
    let mut nodes = nodes(100, ROOMY);
    nodes.check(b"holds", 1, None, 0);
    let due = only(nodes.take_due(0, 10));
    nodes.answered(due.ticket, &granted(6), 1);
    nodes.check(b"owes", 2, None, 1);
    nodes.check(b"denied", 1, Some(0), 1);
    nodes.settle_all(2);
    let mut last: Vec<Request> = nodes.take_due(2, 100).into_iter().map(|due| due.request).collect();
    last.sort_by_key(|request| request.debt);
    let told = [
        Request { want: 0, debt: 0, back: 6, back_slice: 7 },
        Request { want: 0, debt: 2, back: 0, back_slice: 0 },
    ];
    assert_eq!(last, told);
}

#[test]
fn keys_start_afresh_and_old_answers_are_nobodys() {
    let mut nodes = nodes(100, ROOMY);
    nodes.check(b"a", 10, None, 0);
    let due = only(nodes.take_due(0, 10));
    assert!(!nodes.check(b"a", 1, None, 1));
    assert!(nodes.forget(b"a") && !nodes.forget(b"a"));
    assert!(nodes.check(b"a", 1, None, 1));
    assert_eq!(nodes.answered(due.ticket, &refused(5_000), 2), None);
    assert!(nodes.check(b"a", 1, None, 3));
    assert_eq!(nodes.forget_all().len(), 1);
    assert_eq!((nodes.len(), nodes.bytes(), nodes.due_len()), (0, 0, 0));
}

#[test]
fn idle_keys_go_by_themselves() {
    let mut nodes = nodes(1_000, ROOMY);
    for number in 0..100u64 {
        nodes.check(format!("key {number}").as_bytes(), 1, None, 0);
    }
    answer_all(&mut nodes, 1);
    nodes.sweep(5_000, 1_000);
    assert_eq!(nodes.len(), 100, "their windows are not over");
    nodes.sweep(WINDOW_MS + 300, 1_000);
    assert_eq!((nodes.len(), nodes.stats().evicted), (0, 0));
}

#[test]
fn tickets_cross_as_numbers() {
    let mut nodes = nodes(10, ROOMY);
    nodes.check(b"a", 1, None, 0);
    let due = only(nodes.take_due(0, 10));
    let number = due.ticket.number();
    assert!(number < 1 << 53);
    assert_eq!(Ticket::from_number(number), due.ticket);
}
