//! What checks cost, in nanoseconds: `cargo run --release -p sluice-core --example limiter`.

use sluice_core::limiter::adaptive::{Config as AdaptiveConfig, Limiter};
use sluice_core::limiter::keyed::{Algorithm, Config, Table};
use std::hint::black_box;
use std::time::Instant;

/// Nanoseconds that this thread has run, where the system says it: others then do not count.
fn cpu_ns(started: Instant) -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let own = stat.split(' ').next().and_then(|ns| ns.parse().ok());
    own.unwrap_or_else(|| started.elapsed().as_nanos() as u64)
}
/// The shortest of five rounds.
fn best(calls: u64, mut round: impl FnMut(u64)) -> f64 {
    let started = Instant::now();
    let rounds = (0..5).map(|number| {
        let began = cpu_ns(started);
        round(number);
        (cpu_ns(started) - began) as f64 / calls as f64
    });
    rounds.fold(f64::INFINITY, f64::min)
}
fn hash(key: u64) -> u64 {
    let mixed = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) ^ mixed >> 31
}

fn main() {
    for algorithm in [Algorithm::Exact, Algorithm::Counter, Algorithm::Gcra] {
        for limit in [10, 1000, 100_000] {
            let config = Config { algorithm, window_ms: 60_000, limit, max_keys: 100, max_bytes: 64 << 20 };
            let mut table = Table::new(config);
            let mut now = 0;
            let calls = 1_000_000;
            // sixteen calls a millisecond: most are refused, those that pass are spread over the window
            let ns = best(calls, |_| {
                for call in 0..calls {
                    now += u64::from(call % 16 == 0);
                    black_box(table.check(7, 1, None, now));
                }
            });
            println!("{algorithm:?}, one key, N = {limit}: {ns:.1} ns a check, {} bytes", table.bytes());
        }
        let keys = 1_000_000;
        let config =
            Config { algorithm, window_ms: 60_000, limit: 100, max_keys: 2_000_000, max_bytes: 1 << 30 };
        let mut table = Table::new(config);
        let started = Instant::now();
        let began = cpu_ns(started);
        (0..keys).for_each(|key| {
            black_box(table.check(hash(key), 1, None, key / 100_000));
        });
        let fill = (cpu_ns(started) - began) as f64 / keys as f64;
        let ns = best(keys, |round| {
            for call in 0..keys {
                black_box(table.check(hash(call.wrapping_mul(2_654_435_761) % keys), 1, None, 100 + round));
            }
        });
        let bytes = table.bytes() as f64 / keys as f64;
        println!(
            "{algorithm:?}, 1 M keys: {ns:.1} ns a check, {fill:.1} ns a new key, {bytes:.1} bytes a key with 1 to 6 times"
        );
    }
    let mut limiter = Limiter::new(AdaptiveConfig {
        limit: 1_000_000,
        window_ms: 60_000,
        concurrency: 0,
        adapt: None,
        max_queue: 10,
    });
    let member = limiter.join();
    let mut now = 0;
    let calls = 1_000_000;
    let ns = best(calls, |_| {
        now += 60_000;
        for call in 0..calls {
            black_box(limiter.try_acquire(member, 1, now + call / 100_000));
        }
    });
    println!("adaptive, each call a crossing: {ns:.1} ns");
    let mut limiter = Limiter::new(AdaptiveConfig {
        limit: 1_000_000_000,
        window_ms: 60_000,
        concurrency: 0,
        adapt: None,
        max_queue: 10,
    });
    let member = limiter.join();
    let cells = limiter.cells().clone();
    let ns = best(calls, |_| {
        for call in 0..calls {
            let now = call / 100_000;
            if !matches!(cells.spend(1, now), sluice_core::limiter::adaptive::cells::Spent::Taken { .. }) {
                black_box(limiter.try_acquire(member, 1, now));
            }
        }
    });
    println!("adaptive, from leases: {ns:.1} ns");
}
