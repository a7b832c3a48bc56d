//! Single rules of the script.

use super::{Store, TAKE, ask, terms, timed};
use sluice_core::limiter::lease::{Node, Request, Verdict};

#[test]
fn no_permit_is_free_a_moment_early_wherever_milliseconds_begin() {
    let mut store = Store::open(&timed());
    let terms = terms(10, 1_000);
    for (case, (phase, by)) in
        [(0, 0), (999, 1), (999, 9_000), (1, 999), (500, 9_999)].into_iter().enumerate()
    {
        let (key, mut node) = (format!("k{case}"), Node::default());
        // the server's clock is `phase` microseconds ahead of the node's
        let asked = 1_700_000_000_000_000 + by;
        node.check(1, &terms, asked / 1000);
        let request = node.ask(10, &terms, asked / 1000).unwrap();
        let said = store.take(&key, "a", &terms, &request, Some(asked + phase));
        assert_eq!(said.granted, 9);
        node.answered(&said.into(), asked / 1000);
        let spends = |at: &u64| node.clone().check(9, &terms, *at / 1000) == Verdict::Allowed;
        let last = (asked..asked + 12_000).filter(spends).max().unwrap();
        let mut used = |at: u64| {
            let look = Request { want: 0, debt: 0, back: 0, back_slice: 0 };
            store.take(&key, "b", &terms, &look, Some(at + phase)).used
        };
        assert_eq!(used(asked + 999_999), 10, "case {case}: its debt and its lease");
        assert!(used(last + 999_999) >= 9, "case {case}: its lease");
        assert_eq!(used(last + 1_022_000), 0, "case {case}");
    }
}

#[test]
fn a_full_limit_says_when_there_is_room_and_debt_is_always_booked() {
    let mut store = Store::open(&timed());
    let terms = terms(10, 1_000);
    let at = |ms: u64| Some((1_700_000_000_000 + ms) * 1000);
    assert_eq!(store.take("k", "a", &terms, &ask(6), at(0)).granted, 6);
    assert_eq!(store.take("k", "a", &terms, &ask(6), at(500)).granted, 4);
    let owing = Request { want: 1, debt: 5, back: 0, back_slice: 0 };
    // 15 of 10: room for one only when the 6 have left, whose slice ends at 20
    let said = store.take("k", "b", &terms, &owing, at(600));
    assert_eq!((said.granted, said.used, said.nodes, said.retry_after_ms), (0, 15, 2, 1_020 - 600));
    let more = Request { want: 1, debt: 9, back: 0, back_slice: 0 };
    // 24: 6 and 4 have to leave, and then the 5 and 9 of debt, whose slice ends at 610 and counts until 1610
    let said = store.take("k", "b", &terms, &more, at(605));
    assert_eq!((said.granted, said.used, said.retry_after_ms), (0, 24, 1_610 - 605));
    assert_eq!(store.take("k", "a", &terms, &ask(1), at(1_609)).granted, 0);
    assert_eq!(store.take("k", "a", &terms, &ask(99), at(1_610)).granted, 10);
}

#[test]
fn only_a_nodes_last_grant_is_given_back_and_only_once() {
    let mut store = Store::open(&timed());
    let terms = terms(10, 1_000);
    let at = |ms: u64| Some((1_700_000_000_000 + ms) * 1000);
    let first = store.take("k", "a", &terms, &ask(5), at(0));
    assert_eq!(store.take("k", "b", &terms, &ask(5), at(0)).slice, first.slice);
    let back = Request { want: 0, debt: 0, back: 4, back_slice: first.slice };
    assert_eq!(store.take("k", "a", &terms, &back, at(15)).used, 6);
    assert_eq!(store.take("k", "a", &terms, &back, at(15)).used, 6, "what a client sent twice");
    assert_eq!(store.take("k", "c", &terms, &back, at(15)).used, 6, "somebody else's");
    assert_eq!(store.take("k", "b", &terms, &back, at(1_020)).used, 0, "it has left");
    let again = store.take("k", "a", &terms, &ask(5), at(2_000));
    let _: () = store.run(&["DEL", "k"]);
    assert_eq!(store.take("k", "b", &terms, &ask(5), at(2_000)).slice, again.slice);
    let back = Request { want: 0, debt: 0, back: 5, back_slice: again.slice };
    assert_eq!(store.take("k", "a", &terms, &back, at(2_000)).used, 5, "the server was emptied meanwhile");
}

#[test]
fn nothing_grows_and_the_key_goes_by_itself() {
    let mut store = Store::open(TAKE);
    assert_eq!(store.take("real", "a", &terms(10, 60_000), &ask(1), None).granted, 1);
    let left = store.left_ms("real");
    assert!((1..=61_200).contains(&left), "{left}");
    assert!(left > 51_200, "{left}");
    store.text = timed();
    let at = |ms: u64| Some((1_700_000_000_000 + ms) * 1000);
    // a new node each time, for two thousand of them
    for node in 0..2_000 {
        let said = store.take("nodes", &format!("n{node}"), &terms(10, 1_000_000), &ask(0), at(node));
        assert_eq!(said.nodes, (node + 1).min(1_000));
    }
    assert!(store.fields("nodes").len() <= 1_000);
    let after = store.take("nodes", "last", &terms(10, 1_000_000), &ask(0), at(2_001_000));
    assert_eq!((after.nodes, store.fields("nodes").len()), (1_000, 1_000), "seen just before");
    let after = store.take("nodes", "last", &terms(10, 1_000_000), &ask(0), at(2_002_001));
    assert_eq!((after.nodes, store.fields("nodes").len()), (1, 1));
    // windows that change all the time: counted longer, never shorter, in few fields
    let mut granted = 0;
    for step in 0..2_000 {
        let said = store.take("windows", "a", &terms(1_500, 1_000_000 + step * 977), &ask(1), at(step));
        granted += said.granted;
        assert_eq!(said.used, granted);
        assert!(store.fields("windows").len() <= 260);
    }
    assert_eq!(granted, 1_500);
}

#[test]
fn a_server_whose_clock_goes_back_frees_nothing_early_and_recovers() {
    let mut store = Store::open(&timed());
    let terms = terms(10, 1_000);
    let at = |ms: u64| Some((1_700_000_000_000 + ms) * 1000);
    assert_eq!(store.take("k", "a", &terms, &ask(10), at(3_600_000)).granted, 10);
    let said = store.take("k", "b", &terms, &ask(1), at(0));
    assert_eq!((said.granted, said.used, said.nodes), (0, 10, 1));
    assert!((1_000..=1_020).contains(&said.retry_after_ms), "{}", said.retry_after_ms);
    assert_eq!(store.take("k", "b", &terms, &ask(99), at(said.retry_after_ms)).granted, 10);
    // back by less than a window: at most that much longer, and who asked is still known
    let said = store.take("k", "c", &terms, &ask(1), at(said.retry_after_ms - 500));
    assert_eq!((said.granted, said.nodes), (0, 2));
    assert!((1_500..=1_520).contains(&said.retry_after_ms), "{}", said.retry_after_ms);
}
