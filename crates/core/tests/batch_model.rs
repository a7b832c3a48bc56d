//! The batch buffer against a plain model, step by step, and against itself when it is told of arrivals late.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // the helpers are tests, too

#[path = "batch_model/decide.rs"]
mod decide;
#[path = "batch_model/late.rs"]
mod late;
#[path = "batch_model/model.rs"]
mod model;
#[path = "batch_model/run.rs"]
mod run;
#[path = "batch_model/script.rs"]
mod script;

use late::Late;
use proptest::prelude::*;
use run::Run;
use script::{config, op};

fn cases(count: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(count);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn it_does_what_the_plain_model_does(config in config(), ops in prop::collection::vec(op(), 0..120)) {
        let mut run = Run::new(config);
        for op in &ops {
            run.apply(op);
            run.act();
        }
        run.end();
    }

    #[test]
    fn told_late_it_does_the_same(config in config(), inbox in 1..12usize, ops in prop::collection::vec(op(), 0..120)) {
        let mut run = Late::new(config, inbox);
        ops.iter().for_each(|op| run.apply(op));
    }
}
