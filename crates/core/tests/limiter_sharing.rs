//! Adaptive limiters whose windows' permits a naive Redis gives out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "limiter_lease/redis.rs"]
mod redis;

use proptest::prelude::*;
use redis::Redis;
use sluice_core::limiter::adaptive::{Admission, Config, Event, Limiter, MemberId, Report, cells::Spent};
use sluice_core::limiter::lease::{Answer, Node, Request, Terms, WhenDown, share};
use sluice_core::limiter::sharing;

/// A limiter of one thread, and its part of what Redis keeps.
struct Part {
    limiter: Limiter,
    member: MemberId,
    node: Node,
    terms: Terms,
}
impl Part {
    fn new(terms: Terms) -> Self {
        let Terms { limit, window_ms, .. } = terms;
        let mut limiter =
            Limiter::new(Config { limit, window_ms, concurrency: 0, adapt: None, max_queue: 9 });
        Self { member: limiter.join(), limiter, node: Node::default(), terms }
    }
    /// A crossing, and what Redis is to be asked behind it.
    fn cross<T>(&mut self, now: u64, what: impl FnOnce(&mut Limiter, MemberId) -> T) -> (T, Option<Request>) {
        let Self { limiter, member, node, terms } = self;
        sharing::before(limiter, *member, node, terms, now);
        let done = what(limiter, *member);
        (done, sharing::behind(limiter, *member, node, terms, false, now))
    }
    fn wake_at(&self, now: u64) -> Option<u64> {
        sharing::wake_at(&self.limiter, &self.node, now)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn all_limiters_together_exceed_the_limit_by_at_most_a_share_each(
        nodes in 1..5usize, limit in 1..200u64, window_ms in 100..5_000u64,
        steps in prop::collection::vec((0..5usize, 1..4u64, 0..40u64, 0..10u32), 1..400)
    ) {
        let terms = Terms { limit, window_ms, when_down: WhenDown::Degrade };
        let mut redis = Redis::default();
        let mut parts: Vec<Part> = (0..nodes).map(|_| Part::new(terms)).collect();
        let mut answers: Vec<(u64, usize, Option<Answer>)> = Vec::new();
        let mut taken: Vec<(u64, u64)> = Vec::new();
        let mut now = 1_000_000;
        for (at, weight, by, luck) in steps {
            now += by;
            let at = at % nodes;
            answers.retain(|(due, at, answer)| {
                match answer {
                    _ if *due > now => return true,
                    Some(answer) => drop(parts[*at].node.answered(answer, now)),
                    None => parts[*at].node.unanswered(),
                }
                false
            });
            let weight = weight.min(limit);
            // without a crossing first, as threads do
            if let Spent::Taken { .. } = parts[at].limiter.cells().spend(weight as i32, now) {
                taken.push((now, weight));
                continue;
            }
            let (passed, request) = parts[at].cross(now, |limiter, member| limiter.try_acquire(member, weight, now));
            if passed {
                taken.push((now, weight));
            }
            prop_assert!(parts[at].node.debt() <= share(limit));
            if let Some(request) = request {
                // lost on the way there, lost on the way back, late
                let answer = (luck != 0).then(|| redis.take(&request, &terms, nodes as u64, now));
                answers.push((now + u64::from(luck) * 3, at, answer.filter(|_| luck != 1)));
            }
        }
        let most = limit + nodes as u64 * share(limit);
        for &(until, _) in &taken {
            let counts = |at: u64| at <= until && at + window_ms > until;
            let sum: u64 = taken.iter().filter(|(at, _)| counts(*at)).map(|(_, weight)| weight).sum();
            prop_assert!(sum <= most, "{} of {} in a window", sum, most);
        }
    }
}

const TERMS: Terms = Terms { limit: 100, window_ms: 10_000, when_down: WhenDown::Closed };

#[test]
fn what_cells_spend_is_of_the_lease_and_the_rest_goes_back() {
    let mut redis = Redis::default();
    let mut part = Part::new(TERMS);
    let (passed, request) = part.cross(0, |limiter, member| limiter.try_acquire(member, 4, 0));
    let request = request.unwrap();
    assert_eq!((passed, request.debt), (true, 4), "on credit, and Redis is told");
    part.node.answered(&Answer { granted: 8, ..redis.take(&request, &TERMS, 1, 0) }, 1);
    assert_eq!(part.cross(1, |_, _| ()).1, None, "there is enough");
    assert!((0..3).all(|_| matches!(part.limiter.cells().spend(1, 50), Spent::Taken { .. })));
    assert_eq!(part.cross(60, |_, _| ()).1, None);
    assert_eq!((part.node.held(60), part.node.debt()), (5, 0));
    let back = part.cross(100, |_, _| ()).1.unwrap();
    assert_eq!((back.back, back.debt), (5, 0), "its lease is over");
}

#[test]
fn who_waits_is_asked_for_and_goes_with_the_grant_or_is_looked_at_when_the_refusal_ends() {
    let mut part = Part::new(TERMS);
    let (admission, request) = part.cross(0, |limiter, member| limiter.acquire(member, 30, 0));
    assert_eq!((admission, request.map(|request| request.want)), (Admission::Waits, Some(30)));
    let refusal = Answer { granted: 0, slice: 1, lease_ms: 100, retry_after_ms: 700, used: 100, nodes: 2 };
    part.node.answered(&refusal, 10);
    assert_eq!((part.cross(10, |_, _| ()).1, part.wake_at(10)), (None, Some(110)));
    let again = part.cross(110, |_, _| ()).1;
    assert_eq!(again.map(|request| (request.want, request.debt)), Some((30, 0)));
    part.node.answered(&Answer { granted: 30, retry_after_ms: 0, ..refusal }, 120);
    let (event, _) = part.cross(120, |limiter, member| limiter.event(member));
    assert_eq!(event, Some(Event::Granted { weight: 30, count: 1 }));
    assert_eq!((part.node.held(120), part.node.debt(), part.wake_at(120)), (0, 0, None));
}

#[test]
fn a_lease_too_small_for_who_is_first_is_looked_at_when_it_ends() {
    let mut part = Part::new(TERMS);
    part.cross(0, |limiter, member| limiter.acquire(member, 30, 0)).1.unwrap();
    let part_of_it = Answer { granted: 9, slice: 1, lease_ms: 100, retry_after_ms: 700, used: 100, nodes: 2 };
    part.node.answered(&part_of_it, 10);
    assert_eq!((part.cross(10, |_, _| ()).1, part.wake_at(10)), (None, Some(100)));
    let (_, request) = part.cross(110, |_, _| ());
    assert_eq!(request.map(|request| (request.want, request.back)), Some((30, 9)));
    part.node.unanswered();
    let leaves = |limiter: &mut Limiter, member| limiter.report(member, &Report::default());
    part.cross(300, leaves);
    assert_eq!(part.wake_at(300), None, "nobody waits");
}
