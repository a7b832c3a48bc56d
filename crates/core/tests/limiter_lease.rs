//! Nodes that share a limit through a naive Redis, with answers that come late, never, or after an outage.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "limiter_lease/redis.rs"]
mod redis;

use proptest::prelude::*;
use redis::{Redis, SLICES};
use sluice_core::limiter::lease::{Answer, Node, Request, Terms, Try, Verdict, WhenDown, share};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn all_nodes_together_exceed_the_limit_by_at_most_a_share_each(
        nodes in 1..5usize, limit in 1..200u64, window_ms in 100..5_000u64,
        steps in prop::collection::vec((0..5usize, 1..4u64, 0..40u64, 0..10u32), 1..600)
    ) {
        let terms = Terms { limit, window_ms, when_down: WhenDown::Degrade };
        let mut redis = Redis::default();
        let mut parts = vec![Node::default(); nodes];
        let mut answers: Vec<(u64, usize, Option<Answer>)> = Vec::new();
        let mut taken: Vec<(u64, u64)> = Vec::new();
        let mut now = 1_000_000;
        for (node, weight, by, luck) in steps {
            now += by;
            let node = node % nodes;
            answers.retain(|(at, node, answer)| {
                if *at > now {
                    return true;
                }
                match answer {
                    Some(answer) => { parts[*node].answered(answer, now); }
                    None => parts[*node].unanswered(),
                }
                false
            });
            let weight = weight.min(limit);
            if parts[node].check(weight, &terms, now) == Verdict::Allowed {
                taken.push((now, weight));
            }
            prop_assert!(parts[node].debt() <= share(limit));
            if parts[node].should_ask(now) {
                let request = parts[node].ask(0, &terms, now).unwrap();
                prop_assert!(request.want <= share(limit).max(3), "at most what one of the checks weighs");
                // lost on the way there, lost on the way back, late
                let answer = (luck != 0).then(|| redis.take(&request, &terms, nodes as u64, now));
                let answer = answer.filter(|_| luck != 1);
                answers.push((now + u64::from(luck) * 3, node, answer));
            }
        }
        let most = limit + nodes as u64 * share(limit);
        for &(until, _) in &taken {
            let sum: u64 = taken.iter().filter(|(at, _)| *at <= until && at + window_ms > until).map(|(_, weight)| weight).sum();
            prop_assert!(sum <= most, "{} of {} in a window", sum, most);
        }
    }
}

#[test]
fn a_saturated_limit_is_used_well() {
    let terms = Terms { limit: 1000, window_ms: 10_000, when_down: WhenDown::Degrade };
    let mut redis = Redis::default();
    let mut parts = vec![Node::default(); 3];
    let mut taken = 0;
    for now in 0..100_000 {
        for node in &mut parts {
            while node.check(1, &terms, now) == Verdict::Allowed {
                taken += 1;
                if node.should_ask(now) {
                    let request = node.ask(0, &terms, now).unwrap();
                    node.answered(&redis.take(&request, &terms, 3, now), now);
                }
            }
            if node.should_ask(now) {
                let request = node.ask(0, &terms, now).unwrap();
                node.answered(&redis.take(&request, &terms, 3, now), now);
            }
        }
    }
    // ten windows of 1000; each is late by up to a slice or two
    assert!((9_300..=10_300).contains(&taken), "{taken}");
}

#[test]
fn what_a_lease_has_left_goes_back_when_it_is_over() {
    let terms = Terms { limit: 100, window_ms: 10_000, when_down: WhenDown::Closed };
    let mut node = Node::default();
    assert_eq!(node.check(1, &terms, 0), Verdict::Allowed, "debt");
    let request = node.ask(5, &terms, 0).unwrap();
    assert_eq!(request, Request { want: 5, debt: 1, back: 0, back_slice: 0 });
    assert!(node.ask(5, &terms, 0).is_none(), "one at a time");
    node.answered(&Answer { granted: 5, slice: 7, lease_ms: 100, retry_after_ms: 0, used: 6, nodes: 1 }, 20);
    assert_eq!(node.debt(), 0);
    assert_eq!(node.check(2, &terms, 99), Verdict::Allowed);
    assert_eq!((node.held(99), node.held(100)), (3, 0), "from when it was asked for");
    assert!(node.should_ask(100));
    assert_eq!(node.ask(0, &terms, 100).unwrap(), Request { want: 2, debt: 0, back: 3, back_slice: 7 });
}

#[test]
fn what_a_lease_lacks_for_a_weight_is_debt() {
    let terms = Terms { limit: 100, window_ms: 10_000, when_down: WhenDown::Degrade };
    let mut node = Node::default();
    node.turn_away(8, &terms);
    assert_eq!(node.ask(0, &terms, 0).map(|request| request.want), Some(8));
    let grant = Answer { granted: 8, slice: 200, lease_ms: 100, retry_after_ms: 0, used: 8, nodes: 1 };
    node.answered(&grant, 1);
    assert!(matches!(node.check(19, &terms, 2), Verdict::Denied { .. }), "8 and a share of 10 are there");
    assert_eq!((node.check(15, &terms, 2), node.held(2), node.debt()), (Verdict::Allowed, 0, 7));
    assert_eq!((node.check(3, &terms, 2), node.debt()), (Verdict::Allowed, 10));
    assert!(matches!(node.check(1, &terms, 2), Verdict::Denied { .. }));
}

#[test]
fn what_is_refused_may_pass_when_redis_said() {
    let terms = Terms { limit: 100, window_ms: 10_000, when_down: WhenDown::Degrade };
    let answer = Answer { granted: 0, slice: 200, lease_ms: 100, retry_after_ms: 700, used: 100, nodes: 2 };
    let asked = |answer: &Answer| {
        let mut node = Node::default();
        assert_eq!(node.retry_after(1, &terms, 0), 0);
        node.turn_away(5, &terms);
        assert!(node.ask(0, &terms, 0).is_some());
        node.answered(answer, 10);
        node
    };
    let mut refused = asked(&answer);
    assert_eq!((refused.retry_after(1, &terms, 10), refused.retry_after(1, &terms, 709)), (700, 1));
    assert_eq!(refused.retry_after(1, &terms, 710), 0);
    // a part was granted: what is above that and a share of credit has to wait as long
    let mut partly = asked(&Answer { granted: 2, ..answer });
    assert_eq!((partly.retry_after(2, &terms, 10), partly.retry_after(13, &terms, 10)), (0, 700));
    // all that was asked for was granted: there may be more
    let mut wholly = asked(&Answer { granted: 5, ..answer });
    assert_eq!((wholly.retry_after(16, &terms, 10), wholly.try_lease(6, &terms, 10)), (1, Try::Ask));
}

#[test]
fn a_refusal_ends_debt_until_there_is_room() {
    let terms = Terms { limit: 100, window_ms: 10_000, when_down: WhenDown::Closed };
    let mut node = Node::default();
    assert_eq!(node.check(10, &terms, 0), Verdict::Allowed);
    assert_eq!(node.check(1, &terms, 0), Verdict::Denied { retry_after_ms: 1 }, "a tenth");
    node.ask(0, &terms, 0).unwrap();
    node.answered(
        &Answer { granted: 0, slice: 0, lease_ms: 100, retry_after_ms: 500, used: 100, nodes: 2 },
        10,
    );
    assert_eq!(node.check(1, &terms, 100), Verdict::Denied { retry_after_ms: 410 });
    assert!(!node.should_ask(109));
    assert!(node.should_ask(110), "others may have given something back");
    assert_eq!(node.check(1, &terms, 509), Verdict::Denied { retry_after_ms: 1 }, "but no credit");
    assert_eq!(node.check(1, &terms, 510), Verdict::Allowed);
}

#[test]
fn while_redis_is_away_each_mode_does_what_it_says() {
    let answer = Answer { granted: 0, slice: 0, lease_ms: 100, retry_after_ms: 1, used: 0, nodes: 4 };
    for (when_down, passes) in [(WhenDown::Degrade, 25), (WhenDown::Open, 1000), (WhenDown::Closed, 0)] {
        let terms = Terms { limit: 100, window_ms: 10_000, when_down };
        let mut node = Node::default();
        node.ask(0, &terms, 0).unwrap();
        node.answered(&answer, 1);
        node.ask(0, &terms, 2).unwrap();
        node.unanswered();
        assert!(node.lost());
        assert!(!node.lost(), "said once");
        let passed = (0..1000).filter(|_| node.check(1, &terms, 50) == Verdict::Allowed).count();
        assert_eq!(passed, passes, "{when_down:?}");
        if when_down == WhenDown::Degrade {
            assert_eq!(
                node.check(1, &terms, 51),
                Verdict::Denied { retry_after_ms: 10_048 },
                "a slice leaves as a whole"
            );
            assert_eq!(node.check(1, &terms, 10_098), Verdict::Denied { retry_after_ms: 1 });
            assert_eq!(node.check(1, &terms, 10_099), Verdict::Allowed);
        }
        let request = node.ask(0, &terms, 10_100).unwrap();
        assert_eq!(request.debt, (passed as u64 + u64::from(when_down == WhenDown::Degrade)).min(100));
        assert!(node.answered(&answer, 10_110), "back again, said once");
        assert!(!node.is_down());
    }
}

#[test]
fn a_try_is_decided_by_the_lease_or_by_what_redis_said_and_never_on_credit() {
    let terms = Terms { limit: 100, window_ms: 10_000, when_down: WhenDown::Degrade };
    let grant = Answer { granted: 3, slice: 1, lease_ms: 100, retry_after_ms: 0, used: 3, nodes: 1 };
    let refusal = Answer { granted: 0, retry_after_ms: 700, used: 100, ..grant };
    let denied = |retry_after_ms| Try::Known(Verdict::Denied { retry_after_ms });
    let mut node = Node::default();
    assert_eq!(node.try_lease(1, &terms, 50), Try::Ask, "nothing is known yet");
    assert_eq!(node.try_lease(101, &terms, 50), denied(10_000), "no answer could change that");
    node.ask(3, &terms, 50).unwrap();
    node.answered(&grant, 60);
    assert_eq!(node.try_lease(2, &terms, 70), Try::Known(Verdict::Allowed));
    assert_eq!((node.try_lease(2, &terms, 70), node.held(70)), (Try::Ask, 1));
    node.ask(2, &terms, 80).unwrap();
    node.answered(&refusal, 90);
    assert_eq!((node.try_lease(1, &terms, 90), node.try_lease(1, &terms, 189)), (denied(700), denied(601)));
    assert_eq!(node.try_lease(1, &terms, 190), Try::Ask, "others may have given something back");
    assert_eq!(node.debt(), 0);
    // the same from an answer to a request that wanted nothing
    let mut settled = Node::default();
    settled.settle(&terms, 0).unwrap();
    settled.answered(&refusal, 10);
    assert_eq!(
        (settled.try_lease(1, &terms, 20), settled.try_lease(1, &terms, 110)),
        (denied(690), Try::Ask)
    );
    assert_eq!(settled.debt(), 0);
}

#[test]
fn what_is_free_is_said_by_the_last_answer_until_nothing_of_it_counts() {
    let terms = Terms { limit: 100, window_ms: 10_000, when_down: WhenDown::Degrade };
    let mut node = Node::default();
    assert_eq!(node.remaining(&terms, 0), 100);
    assert_eq!((node.check(4, &terms, 0), node.remaining(&terms, 0)), (Verdict::Allowed, 96));
    node.ask(5, &terms, 0).unwrap();
    let answer = Answer { granted: 5, slice: 1, lease_ms: 100, retry_after_ms: 0, used: 40, nodes: 2 };
    node.answered(&answer, 10);
    assert_eq!(node.remaining(&terms, 10), 65, "what it holds is its to give");
    assert_eq!((node.check(2, &terms, 20), node.remaining(&terms, 20)), (Verdict::Allowed, 63));
    let free_at = 20 + node.reset_ms(20);
    assert_eq!((node.remaining(&terms, free_at - 1), node.remaining(&terms, free_at)), (60, 100));
    node.ask(0, &terms, free_at).unwrap();
    node.answered(&Answer { granted: 0, retry_after_ms: 700, ..answer }, free_at);
    assert_eq!(node.remaining(&terms, free_at + 699), 0, "refused");
}

#[test]
fn after_its_reset_redis_counts_nothing_of_a_node_and_that_is_soon_after_a_window() {
    let terms = Terms { limit: 100, window_ms: 10_000, when_down: WhenDown::Degrade };
    for now in 5_000..5_200 {
        let (mut redis, mut node) = (Redis::default(), Node::default());
        assert_eq!(node.check(1, &terms, now), Verdict::Allowed);
        let request = node.ask(3, &terms, now).unwrap();
        node.answered(&redis.take(&request, &terms, 1, now), now);
        let reset_ms = node.reset_ms(now);
        assert!(reset_ms <= terms.window_ms + 2 * terms.window_ms / SLICES + 2, "{reset_ms}");
        let look = Request { want: 0, debt: 0, back: 0, back_slice: 0 };
        assert_eq!(redis.take(&look, &terms, 1, now + reset_ms).used, 0, "at {now}");
    }
}

#[test]
fn the_log_of_an_outage_is_known_by_its_bytes_and_can_be_shortened_which_frees_nothing() {
    let terms = Terms { limit: 1000, window_ms: 10_000, when_down: WhenDown::Degrade };
    let mut node = Node::new(2);
    assert_eq!(node.log_bytes(), 0);
    node.lost();
    for now in (0..10_000).step_by(100) {
        assert_eq!(node.check(5, &terms, now), Verdict::Allowed);
    }
    assert!(node.log_bytes() >= 100 * 16, "an entry for each slice: {}", node.log_bytes());
    node.shorten();
    assert!(node.log_bytes() < 100);
    assert!(matches!(node.check(1, &terms, 19_998), Verdict::Denied { .. }));
    assert_eq!(node.check(500, &terms, 19_999), Verdict::Allowed);
}

#[test]
fn only_a_node_of_which_redis_knows_all_may_be_forgotten() {
    let terms = Terms { limit: 100, window_ms: 10_000, when_down: WhenDown::Degrade };
    let grant = Answer { granted: 2, slice: 1, lease_ms: 100, retry_after_ms: 0, used: 3, nodes: 1 };
    let refusal = Answer { granted: 0, retry_after_ms: 700, ..grant };
    let mut node = Node::default();
    assert!(node.is_forgettable(&terms, 0));
    node.check(1, &terms, 0);
    assert!(!node.is_forgettable(&terms, 0), "debt");
    node.ask(2, &terms, 0).unwrap();
    assert!(!node.is_forgettable(&terms, 0), "a request is out");
    node.answered(&grant, 10);
    assert!(!node.is_forgettable(&terms, 500), "a lease, though it is over, is to go back");
    node.settle(&terms, 500).unwrap();
    assert!(!node.is_forgettable(&terms, 500));
    node.answered(&refusal, 510);
    assert!(!node.is_forgettable(&terms, 1209), "it would be on credit again");
    assert!(node.is_forgettable(&terms, 1210));
    node.lost();
    node.check(1, &terms, 1300);
    node.settle(&terms, 1310).unwrap();
    node.unanswered();
    assert!(!node.is_forgettable(&terms, 1320));
}
