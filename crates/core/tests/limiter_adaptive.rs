//! The adaptive limiter against a naive model of window, concurrency and queue, which looks at every millisecond; and
//! its rules, one by one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "limiter_adaptive/leases.rs"]
mod leases;
#[path = "limiter_adaptive/model.rs"]
mod model;
#[path = "limiter_adaptive/thread.rs"]
mod thread;
#[path = "limiter_adaptive/threads.rs"]
mod threads;

use model::{run, step};
use proptest::prelude::*;
use thread::config;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_window_admits_what_the_list_of_all_permits_says(
        limit in 1..12u64, window_ms in 1..900u64, steps in prop::collection::vec(step(), 1..120)
    ) {
        run(config(limit, window_ms, 0), &steps, true)?;
    }

    #[test]
    fn long_windows_have_leases_that_are_spent_late_and_returned(
        limit in 1..12u64, window_ms in 2_000..9_000u64, steps in prop::collection::vec(step(), 1..160)
    ) {
        run(config(limit, window_ms, 0), &steps, false)?;
    }

    #[test]
    fn concurrency_is_what_is_taken_and_not_released(concurrency in 1..9u64, steps in prop::collection::vec(step(), 1..120)) {
        run(config(0, 60_000, concurrency), &steps, false)?;
    }

    #[test]
    fn both_limits_hold_at_once(
        limit in 1..12u64, window_ms in 100..5_000u64, concurrency in 1..9u64, steps in prop::collection::vec(step(), 1..120)
    ) {
        run(config(limit, window_ms, concurrency), &steps, true)?;
    }
}
