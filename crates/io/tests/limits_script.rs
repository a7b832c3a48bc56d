//! The script behind limits that nodes share, on a real server: against a naive model, and with nodes that spend what it grants.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod servers;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::{Connection, cmd};
use servers::Server;
use sluice_core::limiter::lease::{Answer, Node, Request, Terms, Verdict, WhenDown, share};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

const TAKE: &str = include_str!("../src/limits/take.lua");

/// The same text with the time as two more arguments, and without an expiry, which goes by the server's own clock.
fn timed() -> String {
    let replaced = |text: &str, from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    };
    let text = replaced(TAKE, "redis.call('TIME')", "{ ARGV[8], ARGV[9] }");
    replaced(&text, "redis.call('PEXPIRE', key, text(window + 2 * span))", "")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    granted: u64,
    slice: u64,
    lease_ms: u64,
    retry_after_ms: u64,
    used: u64,
    nodes: u64,
}
impl From<Said> for Answer {
    fn from(said: Said) -> Self {
        Self {
            granted: said.granted,
            slice: said.slice,
            lease_ms: said.lease_ms,
            retry_after_ms: said.retry_after_ms,
            nodes: said.nodes,
        }
    }
}

struct Store {
    connection: Connection,
    text: String,
    _server: Option<Server>,
}
impl Store {
    fn connect(server: &Server, text: &str) -> Self {
        let client = redis::Client::open(server.url()).unwrap();
        let connection = client.get_connection_with_timeout(Duration::from_secs(10)).unwrap();
        Self { connection, text: text.to_owned(), _server: None }
    }
    fn open(text: &str) -> Self {
        let server = Server::start();
        Self { _server: None, ..Self::connect(&server, text) }.owning(server)
    }
    fn owning(mut self, server: Server) -> Self {
        self._server = Some(server);
        self
    }
    /// `micros`: the moment, for the text that takes it.
    fn take(&mut self, key: &str, node: &str, terms: &Terms, request: &Request, micros: Option<u64>) -> Said {
        let mut command = cmd("EVAL");
        command.arg(&self.text).arg(1).arg(key).arg(terms.limit).arg(terms.window_ms);
        command.arg(request.want).arg(request.debt).arg(request.back).arg(request.back_slice).arg(node);
        if let Some(micros) = micros {
            command.arg(micros / 1_000_000).arg(micros % 1_000_000);
        }
        let said: Vec<u64> = command.query(&mut self.connection).unwrap();
        let [granted, slice, lease_ms, retry_after_ms, used, nodes] = said[..] else { panic!("{said:?}") };
        Said { granted, slice, lease_ms, retry_after_ms, used, nodes }
    }
    fn fields(&mut self, key: &str) -> HashMap<String, String> {
        cmd("HGETALL").arg(key).query(&mut self.connection).unwrap()
    }
    fn left_ms(&mut self, key: &str) -> i64 {
        cmd("PTTL").arg(key).query(&mut self.connection).unwrap()
    }
    fn run<T: redis::FromRedisValue>(&mut self, words: &[&str]) -> T {
        cmd(words[0]).arg(&words[1..]).query(&mut self.connection).unwrap()
    }
}
fn terms(limit: u64, window_ms: u64) -> Terms {
    Terms { limit, window_ms, when_down: WhenDown::Degrade }
}
fn ask(want: u64) -> Request {
    Request { want, debt: 0, back: 0, back_slice: 0 }
}

/// What the design says, without slices that are merged: each booking by the moment from which it counts no more.
#[derive(Default)]
struct Model {
    bookings: Vec<(u64, u64)>,
    seen: HashMap<usize, u64>,
    last: HashMap<usize, (u64, u64)>,
}
impl Model {
    fn used(&self, window_ms: u64, now: u64) -> u64 {
        self.bookings.iter().filter(|(slice, _)| slice + window_ms > now).map(|(_, permits)| permits).sum()
    }
    fn take(&mut self, node: usize, terms: &Terms, request: &Request, now: u64) -> Said {
        let (window_ms, span) = (terms.window_ms, (terms.window_ms / 100).max(1));
        let end_of = |at: u64| at - at % span + span;
        let (granted_at, held) = self.last.get(&node).copied().unwrap_or_default();
        let mut back = if granted_at == request.back_slice { request.back.min(held) } else { 0 };
        for (slice, permits) in &mut self.bookings {
            if *slice == request.back_slice && *slice + window_ms > now {
                let off = back.min(*permits);
                (*permits, back) = (*permits - off, back - off);
            }
        }
        self.bookings.push((end_of(now), request.debt));
        let granted = request.want.min(terms.limit.saturating_sub(self.used(window_ms, now)));
        let slice = end_of(now + span);
        self.bookings.push((slice, granted));
        self.seen.insert(node, now);
        self.last.insert(node, (slice, granted));
        let room_at = |at: &u64| self.used(window_ms, *at) < terms.limit;
        let mut moments: Vec<u64> = self
            .bookings
            .iter()
            .map(|(slice, _)| slice + window_ms)
            .filter(|at| *at > now)
            .chain([now])
            .collect();
        moments.sort_unstable();
        Said {
            granted,
            slice,
            lease_ms: span,
            retry_after_ms: moments.into_iter().find(room_at).unwrap() - now,
            used: self.used(window_ms, now),
            nodes: self.seen.values().filter(|at| **at + 2 * window_ms > now).count() as u64,
        }
    }
}

#[test]
fn it_answers_what_a_naive_model_answers() {
    let mut store = Store::open(&timed());
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let step = (0..4usize, 0..30u64, 0..8u64, 0..20u64, 0..4u8, 0..1_000_000u64);
    let cases = (1..60u64, 1..3_000u64, prop::collection::vec(step, 1..150));
    let mut count = 0;
    let run = |(limit, window_ms, steps): (u64, u64, Vec<(usize, u64, u64, u64, u8, u64)>)| {
        count += 1;
        let (key, terms) = (format!("{{case {count}}}"), terms(limit, window_ms));
        let (mut model, mut micros) = (Model::default(), 1_700_000_000_123_456);
        let mut grants: Vec<u64> = vec![0];
        for (node, want, debt, back, which, by) in steps {
            micros += if which == 0 { by * window_ms / 500 } else { by / 50 };
            let now = micros / 1000;
            // mostly the node's own grant, sometimes one of long ago
            let own = model.last.get(&node).map_or(0, |last| last.0);
            let back_slice = if which == 1 { grants[by as usize % grants.len()] } else { own };
            let debt = if which == 2 { debt } else { 0 };
            let request = Request { want, debt, back, back_slice };
            let said = store.take(&key, &format!("node{node}"), &terms, &request, Some(micros));
            let expected = model.take(node, &terms, &request, now);
            prop_assert_eq!(said, expected, "at {}", now);
            grants.push(said.slice);
            let fields = store.fields(&key);
            let slices = fields.iter().filter(|(field, _)| !field.starts_with("n:"));
            let held: BTreeMap<u64, u64> =
                slices.map(|(slice, permits)| (slice.parse().unwrap(), permits.parse().unwrap())).collect();
            prop_assert_eq!(held.values().sum::<u64>(), said.used);
            prop_assert!(held.iter().all(|(slice, permits)| slice + window_ms > now && *permits > 0));
            prop_assert!(held.len() <= 201 && fields.len() <= held.len() + 4);
        }
        Ok(())
    };
    let run = std::cell::RefCell::new(run);
    runner.run(&cases, |case| (run.borrow_mut())(case)).unwrap();
}

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
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let step = (0..5usize, 1..4u64, 0..40_000u64, 0..14u32);
    let cases = (1..5usize, 1..200u64, 100..5_000u64, 0..1000u64, prop::collection::vec(step, 1..300));
    let mut count = 0;
    let run =
        |(nodes, limit, window_ms, phase, steps): (usize, u64, u64, u64, Vec<(usize, u64, u64, u32)>)| {
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
                    let mut send = || {
                        store.take(&key, &format!("node{id}"), &terms, &request, Some(micros + phase)).into()
                    };
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
    let run = std::cell::RefCell::new(run);
    runner.run(&cases, |case| (run.borrow_mut())(case)).unwrap();
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
    // back by less than a window: at most that much longer
    let said = store.take("k", "b", &terms, &ask(1), at(said.retry_after_ms - 500));
    assert_eq!(said.granted, 0);
    assert!((1_500..=1_520).contains(&said.retry_after_ms), "{}", said.retry_after_ms);
}
