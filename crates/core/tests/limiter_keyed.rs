//! The keyed table against lists of everything that was admitted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "limiter_keyed/room.rs"]
mod room;
#[path = "limiter_keyed/update.rs"]
mod update;

use proptest::prelude::*;
use sluice_core::limiter::keyed::{Algorithm, Config, Table};
use std::collections::HashMap;

const ALL: [Algorithm; 3] = [Algorithm::Exact, Algorithm::Counter, Algorithm::Gcra];

fn config(algorithm: Algorithm, limit: u32, window_ms: u64) -> Config {
    Config { algorithm, window_ms, limit, max_keys: 100_000, max_bytes: 64 << 20 }
}
/// What the door's hash does: no order in it.
fn hash(key: u64) -> u64 {
    let mixed = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) ^ mixed >> 31
}

/// The sliding log, naively.
#[derive(Default)]
struct Log(Vec<(u64, u64)>);
impl Log {
    fn used(&self, now: u64, window_ms: u64) -> u64 {
        self.0.iter().filter(|(at, _)| at + window_ms > now).map(|(_, weight)| weight).sum()
    }
    fn retry_after(&self, weight: u64, limit: u64, now: u64, window_ms: u64) -> u64 {
        if weight > limit {
            return window_ms;
        }
        let leaving = self.0.iter().map(|(at, _)| at + window_ms).filter(|&at| at > now);
        let times = std::iter::once(now).chain(leaving);
        times.filter(|&at| self.used(at, window_ms) + weight <= limit).min().unwrap() - now
    }
    fn reset(&self, now: u64, window_ms: u64) -> u64 {
        self.0.iter().map(|(at, _)| (at + window_ms).saturating_sub(now)).max().unwrap_or(0)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Check { key: u64, weight: u32, own: Option<u32> },
    Look { key: u64, weight: u32 },
    Advance(u64),
    Reset(u64),
    Sweep,
}
fn step(advance: std::ops::Range<u64>) -> impl Strategy<Value = Step> {
    let weight = prop_oneof![6 => Just(1u32), 2 => 1..6u32, 1 => 200..5000u32];
    let own = prop::option::weighted(0.1, 0..30u32);
    prop_oneof![
        10 => (0..4u64, weight, own).prop_map(|(key, weight, own)| Step::Check { key, weight, own }),
        2 => (0..4u64, 0..4u32).prop_map(|(key, weight)| Step::Look { key, weight }),
        6 => prop_oneof![3 => 0..5u64, 2 => advance.clone(), 1 => advance.start * 3..advance.end * 3].prop_map(Step::Advance),
        1 => (0..4u64).prop_map(Step::Reset),
        1 => Just(Step::Sweep),
    ]
}

fn exact(limit: u32, window_ms: u64, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut table = Table::new(config(Algorithm::Exact, limit, window_ms));
    let mut logs: HashMap<u64, Log> = HashMap::new();
    let mut now = 77;
    for step in steps {
        match *step {
            Step::Check { key, weight, own } => {
                let most = u64::from(own.unwrap_or(limit));
                let log = logs.entry(key).or_default();
                let fits = log.used(now, window_ms) + u64::from(weight) <= most;
                let retry = log.retry_after(u64::from(weight), most, now, window_ms);
                prop_assert_eq!(table.retry_after(hash(key), weight, own, now), retry, "retry at {}", now);
                let found = table.look(hash(key), weight, own, now);
                prop_assert_eq!(found.allowed, fits, "at {}", now);
                if fits {
                    log.0.push((now, u64::from(weight)));
                }
                prop_assert_eq!(found.retry_after_ms, retry);
                prop_assert_eq!(found.limit, most);
                prop_assert_eq!(found.remaining, most.saturating_sub(log.used(now, window_ms)));
                prop_assert_eq!(found.reset_ms, log.reset(now, window_ms));
            }
            Step::Look { key, weight } => {
                let log = logs.entry(key).or_default();
                let used = log.used(now, window_ms);
                let found = table.look(hash(key), 0, None, now);
                prop_assert_eq!(found.allowed, used < u64::from(limit));
                prop_assert_eq!(found.remaining, u64::from(limit).saturating_sub(used));
                let retry = log.retry_after(u64::from(weight.max(1)), u64::from(limit), now, window_ms);
                prop_assert_eq!(table.retry_after(hash(key), weight, None, now), retry);
            }
            Step::Advance(by) => now += by,
            Step::Reset(key) => {
                table.reset(hash(key));
                logs.remove(&key);
            }
            Step::Sweep => {
                table.sweep(now, 10);
            }
        }
    }
    for (key, log) in logs {
        for &(until, _) in &log.0 {
            let used: u64 =
                log.0.iter().filter(|(at, _)| *at + window_ms > until && *at <= until).map(|(_, w)| w).sum();
            prop_assert!(used <= u64::from(limit).max(30), "key {} has {} in a window", key, used);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn exact_is_what_the_list_says(
        limit in 1..25u32, window_ms in 1..400u64, steps in prop::collection::vec(step(5..150), 1..300)
    ) {
        exact(limit, window_ms, &steps)?;
    }
    #[test]
    fn exact_is_what_the_list_says_with_long_logs_and_heavy_weights(
        limit in 300..20_000u32, window_ms in 1000..2_000_000_000u64, steps in prop::collection::vec(step(5..90_000), 1..400)
    ) {
        exact(limit, window_ms, &steps)?;
    }

    #[test]
    fn retry_after_is_sufficient_and_tight(
        algorithm in prop::sample::select(&ALL[..]), limit in 1..40u32, window_ms in 1..3000u64,
        steps in prop::collection::vec((1..6u32, 0..120u64), 1..120)
    ) {
        let mut table = Table::new(config(algorithm, limit, window_ms));
        let mut now = 1_000_003;
        for (weight, by) in steps {
            now += by;
            let weight = weight.min(limit);
            let retry = table.retry_after(1, weight, None, now);
            if retry > 0 {
                prop_assert!(!table.check(1, weight, None, now));
                prop_assert!(!table.check(1, weight, None, now + retry - 1), "{} after {}", retry, now);
                now += retry;
            }
            prop_assert!(table.check(1, weight, None, now), "{} at {}", retry, now);
        }
    }

    #[test]
    fn after_reset_the_whole_limit_is_free_and_not_before(
        algorithm in prop::sample::select(&ALL[..]), limit in 1..40u32, window_ms in 2..3000u64,
        steps in prop::collection::vec((1..6u32, 0..120u64), 1..60)
    ) {
        let mut table = Table::new(config(algorithm, limit, window_ms));
        let mut now = 5_000;
        for (weight, by) in steps {
            now += by;
            table.check(1, weight, None, now);
        }
        let reset = table.look(1, 0, None, now).reset_ms;
        if algorithm == Algorithm::Exact && reset > 0 {
            prop_assert_eq!(table.retry_after(1, limit, None, now + reset - 1), 1);
        }
        prop_assert_eq!(table.look(1, 0, None, now + reset).remaining, u64::from(limit));
    }

    #[test]
    fn the_counter_admits_no_more_than_its_limit_in_a_bucket_and_less_than_twice_in_any_window(
        limit in 1..50u32, window_ms in 1..2000u64, steps in prop::collection::vec((1..4u32, 0..200u64), 1..400)
    ) {
        let mut table = Table::new(config(Algorithm::Counter, limit, window_ms));
        let mut taken: Vec<(u64, u64)> = Vec::new();
        let mut now = 12_345;
        for (weight, by) in steps {
            now += by;
            if table.check(9, weight, None, now) {
                taken.push((now, u64::from(weight)));
            }
        }
        for &(until, _) in &taken {
            let sum = |from: u64| taken.iter().filter(|(at, _)| (from..=until).contains(at)).map(|(_, w)| w).sum::<u64>();
            prop_assert!(sum(until + 1 - window_ms.min(until)) < 2 * u64::from(limit));
            prop_assert!(sum(until - until % window_ms) <= u64::from(limit));
        }
    }

    #[test]
    fn gcra_admits_a_burst_and_its_rate(
        limit in 1..50u32, window_ms in 1..5000u64, steps in prop::collection::vec((1..4u32, 0..200u64), 1..200)
    ) {
        let mut table = Table::new(config(Algorithm::Gcra, limit, window_ms));
        let mut taken: Vec<(u64, u64)> = Vec::new();
        let mut now = 1 << 40;
        for (weight, by) in steps {
            now += by;
            if table.check(9, weight, None, now) {
                taken.push((now, u64::from(weight)));
            }
        }
        for (place, &(from, _)) in taken.iter().enumerate() {
            let mut sum = 0;
            for &(until, weight) in taken.iter().skip(place) {
                sum += weight;
                let most = u64::from(limit) + (until - from) * u64::from(limit) / window_ms;
                prop_assert!(sum <= most, "{} from {} to {}", sum, from, until);
            }
        }
    }

    #[test]
    fn a_key_at_its_limit_is_never_let_out_whoever_comes(
        algorithm in prop::sample::select(&ALL[..]), max_keys in 1..40u32, at_limit in 0..40u32,
        steps in prop::collection::vec((0..80u64, 1..4u32, 0..3u64), 1..600)
    ) {
        let (limit, window_ms) = (3, 20_000);
        let mut table = Table::new(Config { max_keys, ..config(algorithm, limit, window_ms) });
        let at_limit = u64::from(at_limit.min(max_keys));
        for key in 0..at_limit {
            prop_assert!(table.check(hash(1000 + key), limit, None, window_ms));
        }
        let mut now = window_ms;
        for (key, weight, by) in steps {
            now += by;
            // a few of those that are at their limit come again too
            let key = if key < 8 { 1000 + key } else { key };
            let allowed = table.check(hash(key), weight, None, now);
            prop_assert!(!(allowed && weight == limit && (1000..1000 + at_limit).contains(&key)));
            prop_assert!(table.size() <= max_keys);
            for key in 0..at_limit {
                prop_assert!(table.retry_after(hash(1000 + key), limit, None, now) > 0, "key {}", key);
            }
        }
    }
}

#[test]
fn a_denied_request_costs_nothing() {
    for algorithm in ALL {
        let mut table = Table::new(config(algorithm, 3, 1000));
        for _ in 0..3 {
            assert!(table.check(1, 1, None, 5000));
        }
        for now in 5000..5300 {
            assert!(!table.check(1, 1, None, now), "{algorithm:?} {now}");
        }
        let quiet = {
            let mut quiet = Table::new(config(algorithm, 3, 1000));
            (0..3).for_each(|_| assert!(quiet.check(1, 1, None, 5000)));
            quiet.retry_after(1, 1, None, 5300)
        };
        assert_eq!(table.retry_after(1, 1, None, 5300), quiet);
        assert_eq!((table.stats().allowed, table.stats().denied), (3, 300));
    }
}

#[test]
fn a_clock_that_goes_back_forgives_nothing() {
    for algorithm in ALL {
        let mut table = Table::new(config(algorithm, 1, 1000));
        assert!(table.check(1, 1, None, 50_000));
        assert!(!table.check(1, 1, None, 10));
        assert!(!table.check(1, 1, None, 50_999));
        assert!(table.check(1, 1, None, 52_000));
    }
}

#[test]
fn other_limits_and_windows_apply_at_once_and_what_was_admitted_counts() {
    for algorithm in ALL {
        let mut table = Table::new(config(algorithm, 5, 1000));
        assert!(table.check(1, 5, None, 3000));
        table.update(8, 1000);
        // a cell rate knows time only: all of one limit is all of another
        assert_eq!(table.check(1, 3, None, 3000), algorithm != Algorithm::Gcra);
        assert!(!table.check(1, 1, None, 3000), "{algorithm:?}");
        table.update(2, 700);
        assert!(!table.check(1, 1, None, 3100), "{algorithm:?}");
        assert!(table.check(1, 2, None, 8000));
        assert!(table.check(2, 7, Some(7), 8000));
    }
}

#[test]
fn gcra_keeps_over_an_update_when_a_key_is_free_again() {
    // five of ten in a second: free again after 500 ms, whatever is set
    let used = || {
        let mut table = Table::new(config(Algorithm::Gcra, 10, 1000));
        assert!(table.check(1, 5, None, 0));
        table
    };
    for (limit, window_ms, remaining) in [(20, 1000, 10), (4, 1000, 2), (10, 2000, 7), (10, 500, 0)] {
        let mut table = used();
        table.update(limit, window_ms);
        let found = table.look(1, 0, None, 0);
        assert_eq!((found.remaining, found.reset_ms), (remaining, 500), "{limit} per {window_ms} ms");
        assert!(table.check(1, limit, None, 500), "all of it is free then");
        assert!(!table.check(1, 1, None, 500));
    }
}
