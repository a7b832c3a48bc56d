//! Another window: what was admitted still counts.

use crate::config;
use sluice_core::limiter::keyed::{Algorithm, Table};

/// A burst at `at` under one window, which is another from `changed` on; the key is met again at `met`.
fn changed(windows: [u64; 2], [at, changed, met]: [u64; 3]) -> Table {
    let mut table = Table::new(config(Algorithm::Counter, 100, windows[0]));
    assert!(table.check(1, 100, None, at));
    assert!(!table.check(2, 101, None, changed), "the time of the change");
    table.update(100, windows[1]);
    table.look(1, 0, None, met);
    table
}

#[test]
fn the_counter_counts_what_was_admitted_under_another_window_as_long_as_under_this_one() {
    for windows in
        [[60_000, 10_000], [10_000, 60_000], [1000, 700], [700, 1000], [1000, 1], [1, 1000], [30, 30]]
    {
        let [old, new] = windows;
        for at in [0, 1, 699, 700, 999, 50_000, 59_999, 60_000] {
            for later in [0, 1, old / 2, old - 1] {
                for idle in [0, 1, new / 2, new, 2 * new] {
                    let [change, met] = [at + later, at + later + idle];
                    let mut table = changed(windows, [at, change, met]);
                    let mut always = Table::new(config(Algorithm::Counter, 100, new));
                    assert!(always.check(1, 100, None, at));
                    for step in 0..20 {
                        let now = met + step * new.div_ceil(8);
                        let [left, most] =
                            [&mut table, &mut always].map(|one| one.look(1, 0, None, now).remaining);
                        assert!(left <= most, "{windows:?}: {left} of {most} at {now}, {at} {change} {met}");
                    }
                    let over = met.max(at + old) + 2 * new;
                    assert!(table.check(1, 100, None, over), "{windows:?}: {at} {change} {met}");
                }
            }
        }
    }
}

#[test]
fn a_key_that_fades_keeps_fading_under_a_shorter_window() {
    let mut table = Table::new(config(Algorithm::Counter, 100, 1000));
    assert!(table.check(1, 100, None, 500));
    assert!(table.check(1, 10, None, 1900), "a tenth of the bucket before still counts");
    assert_eq!(table.look(1, 0, None, 1900).remaining, 80);
    table.update(100, 100);
    assert_eq!(table.look(1, 0, None, 1900).remaining, 80);
    assert_eq!(table.look(1, 0, None, 2050).remaining, 90);
}

#[test]
fn several_windows_one_after_the_other_forget_nothing() {
    let mut table = Table::new(config(Algorithm::Counter, 100, 60_000));
    assert!(table.check(1, 100, None, 50_000));
    for window_ms in [10_000, 500, 20_000, 60_000] {
        table.update(100, window_ms);
        assert!(!table.check(1, 1, None, 50_000), "{window_ms}");
    }
    assert!(!table.check(1, 1, None, 59_999));
}

#[test]
fn a_key_of_another_window_leaves_when_none_of_it_can_count() {
    let mut table = Table::new(config(Algorithm::Counter, 100, 1000));
    assert!(table.check(1, 100, None, 500));
    table.update(100, 5000);
    table.sweep(10_999, 10);
    assert_eq!(table.size(), 1);
    table.sweep(11_000, 10);
    assert_eq!(table.size(), 0);
}
