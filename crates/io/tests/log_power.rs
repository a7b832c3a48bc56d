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

use chance::{Chance, QUEUES};
use disk::{Disk, Fault};
use model::Model;
use power::{CHAIN, Count, Rules, chain, fresh};
use sluice_core::error::Kind;
use sluice_io::log::{Change, DurableStore, RedbStore};
use std::path::Path;

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

/// Creation, commits, closing: each operation of the disk fails once, or is where the power goes.
#[test]
fn each_operation_of_a_file_s_life_may_fail() {
    let name = Path::new("disk");
    let mut points = 0;
    for fault in [Fault::Power, Fault::Once] {
        for after in 0.. {
            let disk = Disk::new(Vec::new(), after);
            disk.set_fault(after, fault);
            let (mut chance, mut acknowledged) = (Chance::new(9), Model::new(u64::MAX));
            let mut states = vec![];
            match RedbStore::create_on(disk.clone(), name, u64::MAX) {
                // it has no name yet: nobody comes across it
                Err(error) => {
                    assert_eq!(error.kind, Kind::StoreIo, "{after}: {error}");
                    assert!(error.message().contains("a simulated fault"), "{after}: {error}");
                    points += 1;
                    continue;
                }
                Ok(mut store) => {
                    acknowledged.id = store.id();
                    let mut failed = None;
                    for _ in 0..4 {
                        let changes: Vec<Change> = (0..6).map(|_| chance.change(&acknowledged)).collect();
                        let mut next = acknowledged.clone();
                        next.commit(&changes, 0).unwrap();
                        match store.commit(&changes, 0) {
                            Ok(_) => {
                                assert_eq!(failed, None, "{after}: acknowledged after a failure");
                                acknowledged = next;
                            }
                            Err(error) if failed.is_none() => {
                                assert_eq!(error.kind, Kind::StoreIo, "{after}: {error}");
                                assert!(error.message().contains("a simulated fault"), "{after}: {error}");
                                states.push(next);
                                failed = Some(after);
                            }
                            Err(error) => assert_eq!(error.kind, Kind::StoreIo, "{after}: {error}"),
                        }
                    }
                    let _ = store.close();
                }
            }
            if disk.faults() == 0 {
                break;
            }
            points += 1;
            states.push(acknowledged);
            // after the power was cut, and after a kill
            for image in [disk.view(), disk.cut()] {
                let store = RedbStore::open_on(Disk::new(image, 0), name, u64::MAX).unwrap();
                let found = Model::of(&store, &QUEUES);
                let wanted = states.iter().any(|state| Model::of(state, &QUEUES) == found);
                assert!(wanted, "{fault:?} at {after}");
            }
        }
    }
    assert!(points > 80, "{points}");
}
