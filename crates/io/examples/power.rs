//! `npm run torture:power`: cuts the power of a simulated disk under the log so many times, and prints what was lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

#[path = "../tests/log/chance.rs"]
mod chance;
#[path = "../tests/log/disk.rs"]
mod disk;
#[path = "../tests/log/model.rs"]
mod model;
#[path = "../tests/log/power.rs"]
mod power;

use disk::Fault;
use power::{CHAIN, Count, Rules, chain, fresh};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

fn run(name: &str, cuts: u64, first: u64, rules: Rules, fault: Fault) -> Count {
    let image = fresh();
    let next = AtomicU64::new(first);
    let last = first + cuts.div_ceil(CHAIN);
    let total = Mutex::new(Count::default());
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    let count = chain(&image, seed, rules, fault);
                    if rules == Rules::Ours && !count.is_clean() {
                        println!("seed {seed} of {name}: {count:?}");
                    }
                    total.lock().unwrap().add(count);
                }
            });
        }
    });
    let count = total.into_inner().unwrap();
    println!(
        "{name}: {} cuts ({} of them kills, {} within an operation), {} transactions acknowledged, {} more kept whole; lost: {} items in {} cuts; torn: {}; acknowledged after a failure: {}",
        count.cuts,
        count.kills,
        count.within,
        count.acknowledged,
        count.unacknowledged,
        count.lost_items,
        count.losses,
        count.torn,
        count.late
    );
    count
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let cuts = numbers.next().unwrap_or(100_000);
    let seed = numbers.next().unwrap_or(1);
    let controls = (cuts / 50).max(CHAIN);
    let power = run("power cuts", cuts, seed, Rules::Ours, Fault::Power);
    let errors = run("I/O errors", cuts / 5, seed, Rules::Ours, Fault::Once);
    let lax = run("control, Durability::None", controls, seed, Rules::NoDurability, Fault::Power);
    let early = run(
        "control, acknowledged before the commit",
        controls,
        seed,
        Rules::EarlyAcknowledgement,
        Fault::Power,
    );
    assert!(power.is_clean() && errors.is_clean(), "something was lost, torn or acknowledged too late");
    assert!(lax.lost_items > 0 && early.lost_items > 0, "a control run lost nothing: this proves nothing");
}
