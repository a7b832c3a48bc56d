//! What the adaptive limiter does with an upstream, on a clock of its own: the services' drop-in (5 per 60 s, 3 to 10), a total
//! outage, a slow creep, a step in capacity. The figures of docs/limiter.md come from here.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use sluice_core::limiter::adaptive::{
    Adapt, Algorithm, Config, Event, Limiter, MemberId, Report, Target, Why,
};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const ALL: [Algorithm; 3] = [Algorithm::Step, Algorithm::Aimd, Algorithm::Gradient];

fn adapt(target: Target, min: u64, max: u64, interval_ms: u64, algorithm: Algorithm) -> Adapt {
    Adapt {
        target,
        min,
        max,
        interval_ms,
        success_rate_above: 0.9,
        latency_below_ms: 100.0,
        success_rate_below: 0.7,
        latency_above_ms: 500.0,
        algorithm,
    }
}
/// 5 per 60 s, 3 to 10, once per 60 s.
fn services(algorithm: Algorithm) -> Config {
    let adapt = Some(adapt(Target::Limit, 3, 10, 60_000, algorithm));
    Config { limit: 5, window_ms: 60_000, concurrency: 0, adapt, max_queue: 10_000 }
}
/// 20 at once, 1 to 200, once per 100 ms.
fn work(algorithm: Algorithm) -> Config {
    let adapt = Some(adapt(Target::Concurrency, 1, 200, 100, algorithm));
    Config { limit: 0, window_ms: 60_000, concurrency: 20, adapt, max_queue: 10_000 }
}

/// Always as much demand as there is room for, or one call each `every_ms`; the upstream says how a call ends.
struct Simulation {
    limiter: Limiter,
    member: MemberId,
    now: u64,
    running: BinaryHeap<Reverse<(u64, u64, bool)>>,
    report: Report,
    sent: u64,
    failed: u64,
    moves: Vec<(u64, u64, u64)>,
    /// When a probe began or ended.
    probes: Vec<u64>,
}
impl Simulation {
    fn new(config: Config) -> Self {
        let mut limiter = Limiter::new(config);
        let member = limiter.join();
        limiter.pass(member, 0);
        Self {
            limiter,
            member,
            now: 0,
            running: BinaryHeap::new(),
            report: Report::default(),
            sent: 0,
            failed: 0,
            moves: Vec::new(),
            probes: Vec::new(),
        }
    }
    /// `upstream(now, in flight)` is the service time and whether it succeeds; `burst` calls come each `every_ms`.
    fn run(&mut self, until: u64, every_ms: u64, burst: u64, upstream: impl Fn(u64, u64) -> (u64, bool)) {
        while self.now < until {
            while let Some(&Reverse((ends, began, ok))) =
                self.running.peek().filter(|call| call.0.0 <= self.now)
            {
                self.running.pop();
                self.report.successes += u64::from(ok);
                self.report.failures += u64::from(!ok);
                self.report.latency_ms += (ends - began) as f64;
                self.report.latencies += 1;
                self.limiter.report(self.member, &self.report);
                self.report = Report::default();
                self.limiter.release(self.member, 1, 0, self.now);
            }
            if self.now.is_multiple_of(every_ms) {
                for _ in 0..burst {
                    if !self.limiter.try_acquire(self.member, 1, self.now) {
                        break;
                    }
                    self.sent += 1;
                    let (service_ms, ok) = upstream(self.now, self.running.len() as u64 + 1);
                    self.failed += u64::from(!ok);
                    self.running.push(Reverse((self.now + service_ms, self.now, ok)));
                }
            }
            while let Some(event) = self.limiter.event(self.member) {
                if let Event::Adjusted { from, to, why } = event {
                    self.moves.push((self.now, from, to));
                    if why == Why::Probe {
                        self.probes.push(self.now);
                    }
                }
            }
            self.now += 1;
        }
    }
    fn limit(&mut self) -> u64 {
        let status = self.limiter.status(self.now);
        if status.limit > 0 { status.limit } else { status.concurrency }
    }
}

#[test]
fn an_hour_of_a_healthy_saturated_backend_sends_what_the_documented_rule_says() {
    // 5 in the first minute, one more each minute up to 10: 5 + 6 + 7 + 8 + 9 + 55 x 10; the services' own class sent 188
    let mut by_step = Simulation::new(services(Algorithm::Step));
    by_step.run(3_600_000, 10, u64::MAX, |_, _| (20, true));
    assert!((570..=585).contains(&by_step.sent), "{}", by_step.sent);
    let mut by_aimd = Simulation::new(services(Algorithm::Aimd));
    by_aimd.run(3_600_000, 10, u64::MAX, |_, _| (20, true));
    assert!((570..=585).contains(&by_aimd.sent), "{}", by_aimd.sent);
    println!("an hour: step {}, aimd {}", by_step.sent, by_aimd.sent);
}

#[test]
fn healthy_and_saturated_never_goes_below_the_start() {
    for algorithm in [Algorithm::Step, Algorithm::Aimd] {
        let mut limited = Simulation::new(services(algorithm));
        limited.run(3_600_000, 10, u64::MAX, |_, _| (20, true));
        assert!(limited.moves.iter().all(|&(_, from, to)| to > from), "{algorithm:?} {:?}", limited.moves);
        assert_eq!(limited.limit(), 10);
    }
    for algorithm in ALL {
        let mut working = Simulation::new(work(algorithm));
        working.run(60_000, 1, u64::MAX, |_, _| (20, true));
        assert!(working.moves.iter().all(|&(_, from, to)| to > from), "{algorithm:?} {:?}", working.moves);
        assert_eq!(working.limit(), 200, "{algorithm:?}");
    }
}

#[test]
fn a_limit_that_nobody_reaches_does_not_grow() {
    let mut limited = Simulation::new(services(Algorithm::Aimd));
    limited.run(3_600_000, 20_000, 1, |_, _| (20, true));
    assert_eq!(limited.moves, []);
    for algorithm in ALL {
        let mut working = Simulation::new(work(algorithm));
        working.run(12_000, 20, 3, |_, _| (20, true));
        assert_eq!(working.moves, [], "{algorithm:?}");
    }
}

#[test]
fn a_total_outage_is_at_the_minimum_within_five_intervals() {
    for algorithm in [Algorithm::Step, Algorithm::Aimd] {
        let mut limited = Simulation::new(services(algorithm));
        limited.run(5 * 60_000 + 6_000, 10, u64::MAX, |_, _| (5000, false));
        assert_eq!(limited.limit(), 3, "{algorithm:?} {:?}", limited.moves);
    }
    for algorithm in [Algorithm::Aimd, Algorithm::Gradient] {
        let mut working = Simulation::new(work(algorithm));
        working.run(30_000, 1, u64::MAX, |_, _| (20, true));
        assert_eq!(working.limit(), 200);
        working.run(30_000 + 510, 1, u64::MAX, |_, _| (30, false));
        assert_eq!(working.limit(), 1, "{algorithm:?} {:?}", working.moves);
    }
}

#[test]
fn what_recovered_is_where_it_was_after_a_stated_time() {
    // aimd and step raise by one per interval: 3 -> 10 in seven, and one more for the interval in which it recovers
    for algorithm in [Algorithm::Step, Algorithm::Aimd] {
        let mut limited = Simulation::new(services(algorithm));
        limited.run(600_000, 10, u64::MAX, |_, _| (20, true));
        let outage = 600_000 + 10 * 60_000;
        limited.run(outage, 10, u64::MAX, |_, _| (1000, false));
        assert_eq!(limited.limit(), 3, "{algorithm:?}");
        limited.run(outage + 9 * 60_000, 10, u64::MAX, |_, _| (20, true));
        assert_eq!(limited.limit(), 10, "{algorithm:?} {:?}", limited.moves);
    }
    let mut working = Simulation::new(work(Algorithm::Gradient));
    working.run(6_000, 1, u64::MAX, |_, _| (20, true));
    working.run(7_000, 1, u64::MAX, |_, _| (30, false));
    assert_eq!(working.limit(), 1);
    // 0.8 per interval: 20 again after 25 intervals
    working.run(7_000 + 2_700, 1, u64::MAX, |_, _| (20, true));
    assert!(working.limit() >= 20, "{}", working.limit());
}

#[test]
fn a_slow_creep_lowers() {
    for algorithm in [Algorithm::Step, Algorithm::Aimd] {
        let mut limited = Simulation::new(services(algorithm));
        limited.run(3_600_000, 10, u64::MAX, |now, _| (20 + now / 3000, true));
        assert!(limited.limit() <= 4, "{algorithm:?} {:?}", limited.moves);
        assert!(limited.moves.iter().any(|&(_, _, to)| to == 10 || to == 9), "it grew while that was fast");
    }
}

/// So many at once are served in 20 ms; more of them share the same throughput.
fn capacity(cores: u64) -> impl Fn(u64, u64) -> (u64, bool) {
    move |_, in_flight| (20 * in_flight.max(cores) / cores, true)
}
/// Where 'gradient' settles at such a capacity: no work is turned away that would have been served at once, and half as long
/// again is the most that one waits, but for the small queue; 5 % for latencies in whole milliseconds.
fn settled(cores: u64) -> std::ops::RangeInclusive<u64> {
    cores..=cores * 3 / 2 * 21 / 20 + 5
}
/// The smallest and the largest limit of a span, but for probes, whose halves are looked at by themselves.
fn between(working: &mut Simulation, until: u64, upstream: impl Fn(u64, u64) -> (u64, bool)) -> (u64, u64) {
    let from = working.moves.len();
    working.run(until, 1, u64::MAX, upstream);
    let is_half = |&&(at, from, to): &&(u64, u64, u64)| to < from && working.probes.contains(&at);
    let levels = working.moves[from..].iter().filter(|one| !is_half(one)).map(|one| one.2);
    levels.fold((u64::MAX, 0), |(low, high), to| (low.min(to), high.max(to)))
}

#[test]
fn the_gradient_settles_at_a_capacity_and_stays_there() {
    // at, below and far above it; seven hundred intervals are more than the memory of Netflix's average
    for (cores, start) in [(40, 20), (40, 150), (10, 20), (3, 20)] {
        let config = Config { concurrency: start, ..work(Algorithm::Gradient) };
        let mut working = Simulation::new(config);
        working.run(30_000, 1, u64::MAX, capacity(cores));
        let (low, high) = between(&mut working, 100_000, capacity(cores));
        println!("capacity {cores} from {start}: {low} to {high}");
        assert!(
            settled(cores).contains(&low) && settled(cores).contains(&high),
            "{cores} from {start}: {low} to {high}"
        );
        // what the probes cost
        let sent = working.sent;
        working.run(120_000, 1, u64::MAX, capacity(cores));
        let most = 20_000 / 20 * cores;
        assert!(working.sent - sent > most * 95 / 100, "{} of {most}", working.sent - sent);
    }
}

#[test]
fn the_gradient_follows_a_step_in_capacity_both_ways() {
    let mut working = Simulation::new(work(Algorithm::Gradient));
    let mut now = 0;
    for cores in [40, 10, 80, 4] {
        working.run(now + 20_000, 1, u64::MAX, capacity(cores));
        now += 40_000;
        let (low, high) = between(&mut working, now, capacity(cores));
        println!("capacity {cores}: {low} to {high}");
        assert!(settled(cores).contains(&low) && settled(cores).contains(&high), "{cores}: {low} to {high}");
    }
}

#[test]
fn the_gradient_does_not_take_a_slower_upstream_for_a_queue() {
    // 100 ms instead of 20, at whatever load up to 40: after some probes the limit is back
    let slower = |_: u64, in_flight: u64| (100 * in_flight.max(40) / 40, true);
    let mut working = Simulation::new(work(Algorithm::Gradient));
    working.run(30_000, 1, u64::MAX, capacity(40));
    let (low, _) = between(&mut working, 40_000, slower);
    assert!(low < 40, "at first it looks like a queue");
    working.run(60_000, 1, u64::MAX, slower);
    let (low, high) = between(&mut working, 90_000, slower);
    assert!(settled(40).contains(&low) && settled(40).contains(&high), "{low} to {high}");
}

#[test]
fn a_probe_is_half_the_limit_for_as_long_as_work_lasts_and_ends_where_it_began() {
    let mut working = Simulation::new(work(Algorithm::Gradient));
    working.run(60_000, 1, u64::MAX, capacity(40));
    let probes: Vec<_> =
        working.moves.iter().filter(|one| working.probes.contains(&one.0)).copied().collect();
    assert!(probes.len() >= 10, "{probes:?}");
    for two in probes.chunks_exact(2) {
        assert!((two[0].1 - 4).div_ceil(2).abs_diff(two[0].2) <= 1, "{two:?}");
        assert_eq!((two[1].1, two[1].2), (two[0].2, two[0].1), "{two:?}");
        // one interval until the work that was there has ended, one that is measured
        assert!((200..=220).contains(&(two[1].0 - two[0].0)), "{two:?}");
    }
    assert!(
        probes
            .chunks_exact(2)
            .zip(probes.chunks_exact(2).skip(1))
            .all(|(one, next)| next[0].0 - one[1].0 >= 3000)
    );
}

#[test]
fn limits_stay_within_their_bounds_and_move_once_per_interval() {
    for algorithm in ALL {
        let mut working = Simulation::new(work(algorithm));
        // good and bad days in turn, idle ones between
        working.run(20_000, 1, u64::MAX, |now, in_flight| match now / 700 % 4 {
            0 => (20, true),
            1 => (20 + in_flight * 40, true),
            2 => (30, now % 2 == 0),
            _ => (900, false),
        });
        assert!(working.moves.len() > 20, "{algorithm:?}");
        assert!(working.moves.iter().all(|&(_, _, to)| (1..=200).contains(&to)));
        assert!(
            working.moves.windows(2).all(|two| two[1].0 - two[0].0 >= 100),
            "{algorithm:?} {:?}",
            working.moves
        );
    }
}

#[test]
fn silence_is_no_verdict() {
    let mut limited = Simulation::new(services(Algorithm::Aimd));
    limited.run(60_000, 10, u64::MAX, |_, _| (20, true));
    let before = limited.limit();
    limited.run(3_600_000, u64::MAX, 0, |_, _| (20, true));
    assert_eq!(limited.limit(), before);
    // a burst after idleness is bounded by the window, wherever it falls
    let sent = limited.sent;
    limited.run(3_600_001, 1, u64::MAX, |_, _| (20, true));
    assert!(limited.sent - sent <= before + 1);
}
