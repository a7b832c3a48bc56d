//! Power cuts: 2,000 here, 100,000 by `npm run torture:power`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

#[allow(dead_code, reason = "each test uses its part")]
#[path = "log/chance.rs"]
mod chance;
#[allow(dead_code, reason = "each test uses its part")]
#[path = "log/disk.rs"]
mod disk;
#[path = "log/model.rs"]
mod model;
#[path = "log/power.rs"]
mod power;

use disk::Fault;
use power::{CHAIN, Count, Rules, chain, fresh};

fn run(cuts: u64, first: u64, rules: Rules, fault: Fault) -> Count {
    let image = fresh();
    let mut count = Count::default();
    for seed in first..first + cuts / CHAIN {
        let one = chain(&image, seed, rules, fault);
        assert!(rules != Rules::Ours || one.is_clean(), "seed {seed}: {one:?}");
        count.add(one);
    }
    println!("{rules:?}, {fault:?}: {count:?}");
    count
}

#[test]
fn power_cuts_lose_nothing_that_was_acknowledged_and_tear_nothing() {
    let count = run(1_700, 1, Rules::Ours, Fault::Power);
    assert!(count.within > 500 && count.acknowledged > 1_000 && count.unacknowledged >= 5, "{count:?}");
}
#[test]
fn an_io_error_is_the_end_and_loses_nothing_that_was_acknowledged() {
    let count = run(300, 5_000, Rules::Ours, Fault::Once);
    assert!(count.within > 80 && count.acknowledged > 100, "{count:?}");
}
#[test]
fn commits_without_durability_do_lose() {
    let count = run(200, 1, Rules::NoDurability, Fault::Power);
    assert!(count.losses > 20 && count.lost_items > 20, "{count:?}");
}
#[test]
fn acknowledging_before_the_commit_does_lose() {
    let count = run(200, 1, Rules::EarlyAcknowledgement, Fault::Power);
    assert!(count.losses > 20 && count.lost_items > 20, "{count:?}");
}
