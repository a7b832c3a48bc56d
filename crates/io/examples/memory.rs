//! What the memory tier costs and keeps, by policy: resident bytes an entry, time of a hit and of a set, pause of a
//! clear, hit ratio. `cargo run --release -p sluice-io --example memory -- s3fifo | lru | tinylfu | ratio`

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use sluice_core::cache::{NEVER, Record, Tag};
use sluice_io::memory::{Config, Memory, Policy};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const ENTRIES: usize = 1_000_000;
const BYTES: usize = 200;
const POLICIES: [Policy; 3] = [Policy::S3Fifo, Policy::Lru, Policy::TinyLfu];

fn open(policy: Policy, max_bytes: u64, max_entries: u64) -> Arc<Memory> {
    let config = Config { shared: None, stores: true, max_bytes, max_entries, policy, negative_keys: 0 };
    Memory::open(&config).unwrap()
}
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}
/// Numbers below `count`, Zipf by the inverse of its distribution function.
struct Zipf(Vec<f64>);
impl Zipf {
    fn new(count: usize, skew: f64) -> Self {
        let mut sum = 0.0;
        let mut sums: Vec<f64> = (1..=count)
            .map(|rank| {
                sum += (rank as f64).powf(-skew);
                sum
            })
            .collect();
        sums.iter_mut().for_each(|at| *at /= sum);
        Self(sums)
    }
    fn pick(&self, seed: &mut u64) -> usize {
        let at = (random(seed) >> 11) as f64 / (1u64 << 53) as f64;
        self.0.partition_point(|sum| *sum < at)
    }
}

fn cost(policy: Policy) {
    let before = resident_bytes();
    let memory = open(policy, 2 << 30, 0);
    let value = Record::new(Tag::Text, vec![b'x'; BYTES], NEVER);
    let keys: Vec<Vec<u8>> = (0..ENTRIES).map(|index| format!("user:profile:{index}").into_bytes()).collect();
    let own = resident_bytes() - before;
    let began = Instant::now();
    keys.iter().for_each(|key| assert!(memory.set(key, &value, 0)));
    let set = began.elapsed() / ENTRIES as u32;
    let filled = (resident_bytes() - before - own) / ENTRIES as u64;
    let zipf = Zipf::new(20_000, 0.9);
    let mut seed = 1;
    let picks: Vec<usize> = (0..ENTRIES).map(|_| zipf.pick(&mut seed)).collect();
    let best = |mut run: Box<dyn FnMut() + '_>| {
        let runs = (0..5).map(|_| {
            let began = Instant::now();
            run();
            began.elapsed() / ENTRIES as u32
        });
        runs.min().unwrap_or_default()
    };
    let zipf_hit = best(Box::new(|| picks.iter().for_each(|at| drop(black_box(memory.get(&keys[*at], 0))))));
    let any = best(Box::new(|| {
        (0..ENTRIES)
            .for_each(|_| drop(black_box(memory.get(&keys[random(&mut seed) as usize % ENTRIES], 0))));
    }));
    let over = best(Box::new(|| keys.iter().for_each(|key| assert!(memory.set(key, &value, 0)))));
    let usage = memory.usage();
    let began = Instant::now();
    memory.clear();
    let clear = began.elapsed();
    println!(
        "{policy:?}: {filled} resident bytes an entry ({} counted), set {set:?}, again {over:?}, hit {zipf_hit:?} (Zipf) \
         {any:?} (any), clear {clear:?}",
        usage.bytes / usage.entries
    );
    // full and churning: what the policy keeps of departed ones, and what the allocator loses
    drop(memory);
    let memory = open(policy, 300 << 20, 0);
    let began = Instant::now();
    let churned = 5 * ENTRIES;
    for index in 0..churned {
        memory.set(format!("user:profile:{index}").as_bytes(), &value, 0);
    }
    let set = began.elapsed() / churned as u32;
    let usage = memory.usage();
    let each = (resident_bytes() - before - own) / usage.entries;
    println!(
        "{policy:?}: churning in 300 MiB: {} entries, {each} resident bytes an entry, set {set:?}",
        usage.entries
    );
}

/// Zipf(0.9) over ten times as many keys as fit; each 10,000 reads a scan over a tenth as many keys that never recur.
fn ratio(policy: Policy, capacity: usize, scans: bool) -> f64 {
    let memory = open(policy, 1 << 30, capacity as u64);
    let value = Record::new(Tag::Text, "x", NEVER);
    let zipf = Zipf::new(capacity * 10, 0.9);
    let (mut seed, mut hits, mut reads, mut scanned) = (42, 0u64, 0u64, 0u64);
    let rounds = 200;
    for round in 0..rounds {
        for _ in 0..10_000 {
            let key = format!("k{}", zipf.pick(&mut seed)).into_bytes();
            let hit = memory.get(&key, 0).is_some();
            if round >= rounds / 4 {
                reads += 1;
                hits += u64::from(hit);
            }
            if !hit {
                memory.set(&key, &value, 0);
            }
        }
        for _ in 0..if scans { capacity / 10 } else { 0 } {
            scanned += 1;
            let key = format!("scan{scanned}").into_bytes();
            if memory.get(&key, 0).is_none() {
                memory.set(&key, &value, 0);
            }
        }
    }
    hits as f64 / reads as f64 * 100.0
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("ratio") => {
            for capacity in [1000, 10_000] {
                for scans in [false, true] {
                    for policy in POLICIES {
                        let ratio = ratio(policy, capacity, scans);
                        println!("{capacity} entries, scans {scans}: {policy:?} {ratio:.1} %");
                    }
                }
            }
        }
        Some(name) => POLICIES.into_iter().filter(|policy| policy.name() == name).for_each(cost),
        None => println!("s3fifo, lru, tinylfu or ratio"),
    }
}
