//! Nodes that spend what the script grants them: in no window more than the limit and a share each.

use super::servers::Server;
use super::{Store, TAKE, for_cases, terms, timed};
use proptest::prelude::*;
use sluice_core::limiter::lease::{Answer, Node, Verdict, share};
use std::time::{Duration, Instant};

/// The sum of what was taken in a window that ends at each admission.
fn fullest(taken: &[(u64, u64)], window: u64) -> u64 {
    let (mut first, mut sum, mut most) = (0, 0, 0);
    for &(at, weight) in taken {
        sum += weight;
        while taken[first].0 + window <= at {
            sum -= taken[first].1;
            first += 1;
        }
        most = most.max(sum);
    }
    most
}

#[test]
fn nodes_that_lose_answers_repeat_requests_and_die_stay_within_the_limit_and_a_share_each() {
    let mut store = Store::open(&timed());
    type Step = (usize, u64, u64, u32);
    let step = (0..5usize, 1..4u64, 0..40_000u64, 0..14u32);
    let cases = (1..5usize, 1..200u64, 100..5_000u64, 0..1000u64, prop::collection::vec(step, 1..300));
    let mut count = 0;
    let run = |(nodes, limit, window_ms, phase, steps): (usize, u64, u64, u64, Vec<Step>)| {
        count += 1;
        let (key, terms) = (format!("{{nodes {count}}}"), terms(limit, window_ms));
        // each node: its part, its number; the clocks of nodes and server begin their milliseconds apart
        let mut parts: Vec<(Node, usize)> = (0..nodes).map(|node| (Node::default(), node)).collect();
        let mut instances = nodes;
        let mut answers: Vec<(u64, usize, usize, Option<Answer>)> = Vec::new();
        let mut taken: Vec<(u64, u64)> = Vec::new();
        let mut micros = 1_000_000_000_000;
        for (node, weight, by, luck) in steps {
            micros += by;
            let (node, now) = (node % nodes, micros / 1000);
            answers.retain(|(at, node, id, answer)| {
                if *at > now {
                    return true;
                }
                let (part, current) = &mut parts[*node];
                match answer {
                    _ if *current != *id => {}
                    Some(answer) => {
                        part.answered(answer, now);
                    }
                    None => part.unanswered(),
                }
                false
            });
            if luck == 12 {
                // killed with permits in hand; another takes its place
                parts[node] = (Node::default(), instances);
                instances += 1;
            }
            let (part, id) = &mut parts[node];
            let weight = weight.min(limit);
            if part.check(weight, &terms, now) == Verdict::Allowed {
                taken.push((micros, weight));
            }
            if part.should_ask(now) {
                let request = part.ask(0, &terms, now).unwrap();
                let mut send =
                    || store.take(&key, &format!("node{id}"), &terms, &request, Some(micros + phase)).into();
                // lost on the way there, lost on the way back, sent again by the client, late
                let answer = match luck {
                    0 => None,
                    1 => {
                        let _: Answer = send();
                        None
                    }
                    2 | 3 => {
                        let _: Answer = send();
                        Some(send())
                    }
                    _ => Some(send()),
                };
                answers.push((now + u64::from(luck) * 3, node, *id, answer));
            }
        }
        let most = fullest(&taken, window_ms * 1000);
        let bound = limit + instances as u64 * share(limit);
        prop_assert!(most <= bound, "{} of {} in a window of {}", most, bound, window_ms);
        Ok(())
    };
    for_cases(60, &cases, run);
}

#[test]
fn the_clock_is_the_servers_and_windows_hold_on_it() {
    let server = Server::start();
    let (limit, window_ms, nodes) = (40, 500, 4);
    let terms = terms(limit, window_ms);
    let began = Instant::now();
    let threads: Vec<_> = (0..nodes)
        .map(|node| {
            let mut store = Store::connect(&server, TAKE);
            std::thread::spawn(move || {
                // no two nodes agree on what time it is
                let own = Instant::now();
                let time = || 3_600_000 * node + own.elapsed().as_millis() as u64;
                let (mut part, mut taken) = (Node::default(), Vec::new());
                while began.elapsed() < Duration::from_millis(2_500) {
                    while part.check(1, &terms, time()) == Verdict::Allowed {
                        taken.push((began.elapsed().as_micros() as u64, 1));
                        if part.should_ask(time()) {
                            break;
                        }
                    }
                    match part.should_ask(time()).then(|| part.ask(0, &terms, time())).flatten() {
                        Some(request) => {
                            let said = store.take("{real}", &format!("node{node}"), &terms, &request, None);
                            part.answered(&said.into(), time());
                        }
                        None => std::thread::sleep(Duration::from_micros(300)),
                    }
                }
                taken
            })
        })
        .collect();
    let mut taken: Vec<(u64, u64)> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    taken.sort_unstable();
    let most = fullest(&taken, window_ms * 1000);
    assert!(most <= limit + nodes * share(limit), "{most} in a window");
    // five windows, on a slow machine fewer
    assert!(taken.len() as u64 >= 2 * limit, "{} in all", taken.len());
}
