//! Who is kept where there is no room for all, and what a key takes.

use super::{ALL, Algorithm, Config, Table, config, hash};

#[test]
fn whoever_is_refused_or_looks_takes_no_room() {
    let mut table = Table::new(config(Algorithm::Exact, 3, 1000));
    assert!(table.look(1, 0, None, 0).allowed);
    assert!(!table.check(2, 4, None, 0));
    assert!(!table.check(3, 1, Some(0), 0));
    assert_eq!(table.retry_after(4, 1, None, 0), 0);
    assert_eq!((table.size(), table.bytes() < 10_000), (0, true));
}

#[test]
fn the_least_recently_used_key_below_its_limit_leaves_first() {
    let mut table = Table::new(Config { max_keys: 3, ..config(Algorithm::Exact, 2, 1000) });
    for (key, now) in [(1, 0), (1, 1), (2, 2), (3, 3), (2, 4)] {
        assert!(table.check(key, 1, None, now));
    }
    // 1 is oldest and at its limit, 3 is older than 2
    assert!(table.check(4, 1, None, 5));
    assert_eq!(table.stats().evicted, 1);
    assert_eq!(table.look(3, 0, None, 5).remaining, 2, "afresh");
    assert_eq!(table.look(2, 0, None, 5).remaining, 0);
    assert_eq!(table.look(1, 0, None, 5).remaining, 0);
    assert_eq!(table.look(4, 0, None, 5).remaining, 1);
}

#[test]
fn a_key_that_was_kept_at_its_limit_leaves_first_when_it_is_below_and_then_the_others_in_their_order() {
    let mut table = Table::new(Config { max_keys: 4, ..config(Algorithm::Exact, 2, 1000) });
    for (key, now) in [(1, 0), (1, 500), (2, 600), (3, 601), (4, 602), (5, 603)] {
        assert!(table.check(key, 1, None, now));
    }
    let here = |table: &mut Table, now| {
        (1..=8).filter(|&key| table.look(key, 0, None, now).remaining == 1).collect::<Vec<_>>()
    };
    assert_eq!(table.look(1, 0, None, 603).remaining, 0);
    assert_eq!(here(&mut table, 603), [3, 4, 5], "2 had to leave, for 1 was at its limit");
    for (key, kept) in [(6, [3, 4, 5, 6]), (7, [4, 5, 6, 7]), (8, [5, 6, 7, 8])] {
        assert!(table.check(key, 1, None, 1000 + key));
        assert_eq!(here(&mut table, 1000 + key), kept);
    }
    assert_eq!((table.size(), table.stats().evicted), (4, 4));
    table.sweep(9_000, 10);
    assert_eq!(table.size(), 0);
}

#[test]
fn when_none_can_leave_new_keys_share_one_limit() {
    let mut table = Table::new(Config { max_keys: 3, ..config(Algorithm::Exact, 2, 1000) });
    for key in 1..=3 {
        assert!(table.check(key, 2, None, 0));
    }
    assert!(table.check(10, 1, None, 10));
    assert!(table.check(11, 1, None, 20));
    assert!(!table.check(12, 1, None, 30), "two is the limit of all the others together");
    assert_eq!(table.retry_after(13, 1, None, 30), 980);
    assert_eq!(table.stats().evicted, 0);
    assert_eq!(table.size(), 3);
    assert!((1..=3).all(|key| !table.check(key, 1, None, 999)));
    // a window later there is room again
    assert!(table.check(12, 2, None, 1000) && table.check(13, 2, None, 1000));
}

#[test]
fn expired_keys_leave_by_themselves_in_small_steps() {
    for algorithm in ALL {
        let mut table = Table::new(config(algorithm, 5, 1000));
        for key in 0..10_000 {
            assert!(table.check(hash(key), 1, None, 0));
        }
        assert_eq!(table.size(), 10_000);
        let mut least = 10_000;
        for turn in 0..6_000 {
            table.check(hash((1 << 40) | (turn % 10)), 1, None, 100_000);
            let size = table.size();
            assert!(size + 3 >= least, "never many at once");
            least = size;
        }
        assert_eq!(least, 10, "{algorithm:?}");
        table.sweep(1_000_000, 100);
        assert_eq!(table.size(), 0);
        assert!(table.bytes() < 100_000, "memory is given back with the last key: {}", table.bytes());
    }
}

#[test]
fn hostile_fresh_keys_neither_grow_it_nor_push_out_a_key_at_its_limit() {
    let max_bytes = 1 << 20;
    for algorithm in ALL {
        let mut table =
            Table::new(Config { max_keys: 10_000_000, max_bytes, ..config(algorithm, 3, 60_000) });
        (0..50).for_each(|key| assert!(table.check(hash(key), 3, None, 60_000)));
        for key in 0..300_000 {
            table.check(hash((1 << 50) | key), 1, None, 60_000 + key / 1000);
            assert!(table.bytes() <= max_bytes);
        }
        assert!(table.stats().evicted > 250_000);
        assert!(table.size() > 12_000, "it uses what it may: {}", table.size());
        let last = 60_299;
        let denied = (0..50).filter(|&key| !table.check(hash(key), 3, None, last)).count();
        assert_eq!(denied, 50, "{algorithm:?}");
    }
}

#[test]
fn hostile_keys_that_all_reach_their_limit_are_kept_and_the_rest_shares() {
    let max_bytes = 1 << 20;
    let mut table =
        Table::new(Config { max_keys: 10_000_000, max_bytes, ..config(Algorithm::Exact, 1, 60_000) });
    let mut passed = Vec::new();
    for key in 0..200_000 {
        if table.check(hash(key), 1, None, key / 10) {
            passed.push(key);
        }
        assert!(table.bytes() <= max_bytes);
    }
    assert!(passed.len() > 15_000 && passed.len() < 17_000, "{}", passed.len());
    assert_eq!(table.stats().evicted, 0);
    assert!(passed.iter().all(|&key| !table.check(hash(key), 1, None, 20_000)));
}

#[test]
fn a_key_takes_64_bytes_and_8_per_millisecond_whatever_the_weight() {
    let page = 20_000;
    for keys in [1_000u64, 14_337, 30_000, 100_000] {
        let mut table =
            Table::new(Config { max_keys: 100_000, ..config(Algorithm::Exact, 1_000_000, 60_000) });
        (0..keys).for_each(|key| assert!(table.check(hash(key), 1 + key as u32 % 9, None, 5)));
        assert!((keys * 52..=keys * 64 + page).contains(&table.bytes()), "{keys} keys: {}", table.bytes());
    }
    for weight in [1, 2, 1000] {
        let mut table = Table::new(config(Algorithm::Exact, 1_000_000_000, 60_000));
        for now in 0..50_000 {
            assert!(table.check(7, weight, None, now) && table.check(7, weight, None, now));
        }
        assert!((50_000..=64 + 8 * 50_000 + page).contains(&table.bytes()), "{}", table.bytes());
    }
    let mut table = Table::new(config(Algorithm::Exact, 1_000, 60_000));
    for now in 0..20 {
        (0..5_000).for_each(|key| assert!(table.check(hash(key), 3, None, now * 2500 + key % 1000)));
    }
    assert!(table.bytes() <= 5_000 * (64 + 8 * 20) + page, "{}", table.bytes());
}

#[test]
fn without_room_for_its_log_a_key_is_held_longer_never_shorter() {
    // the table may take hardly more than its first page
    let mut table =
        Table::new(Config { max_bytes: 60 << 10, ..config(Algorithm::Exact, 100_000, 1_000_000) });
    let mut admitted = 0u64;
    for now in 0..300_000u64 {
        admitted += u64::from(table.check(1, 1, None, now * 3));
        assert!(table.bytes() <= 60 << 10);
    }
    assert_eq!(admitted, 100_000);
    assert!(!table.check(1, 1, None, 999_999));
}

#[test]
fn whose_log_needs_no_more_room_takes_nobodys() {
    let mut table =
        Table::new(Config { max_bytes: 60 << 10, ..config(Algorithm::Exact, 100_000, 1_000_000) });
    // one fills what there is for logs
    let passed = (0..60_000u64).filter(|now| table.check(1, 1, None, now * 3)).count() as u64;
    for now in 180_000..180_005 {
        assert!(table.check(2, 1, None, now));
    }
    assert_eq!(table.stats().evicted, 0);
    assert_eq!(table.look(1, 0, None, 180_005).remaining, 100_000 - passed);
}
