//! A limiter's options, from the shell's to the engine's.

use super::super::whole;
use napi_derive::napi;
use sluice_core::limiter::adaptive::{Adapt, Algorithm, Config, Target};

/// A limiter's options as the shell has checked them.
#[napi(object)]
#[derive(Clone, PartialEq)]
pub struct LimiterConfig {
    /// 0: no window.
    pub limit: f64,
    /// Milliseconds.
    pub window_ms: f64,
    /// 0: not limited.
    pub concurrency: f64,
    /// Waiters.
    pub max_queue: f64,
    /// What learns.
    pub adapt: Option<LimiterAdapt>,
}
/// What learns.
#[napi(object)]
#[derive(Clone, PartialEq)]
pub struct LimiterAdapt {
    /// 'limit' or 'concurrency'.
    pub target: String,
    /// At least 1.
    pub min_limit: f64,
    /// At least `minLimit`.
    pub max_limit: f64,
    /// Milliseconds.
    pub interval_ms: f64,
    /// 0 to 1.
    pub success_rate_above: f64,
    /// Milliseconds.
    pub latency_below_ms: f64,
    /// 0 to 1.
    pub success_rate_below: f64,
    /// Milliseconds.
    pub latency_above_ms: f64,
    /// 'step', 'aimd' or 'gradient'.
    pub algorithm: String,
}

/// As the engine takes them.
pub(super) fn config_of(config: &LimiterConfig) -> Config {
    let adapt = config.adapt.as_ref().map(|adapt| Adapt {
        target: if adapt.target == "concurrency" { Target::Concurrency } else { Target::Limit },
        min: whole(adapt.min_limit),
        max: whole(adapt.max_limit),
        interval_ms: whole(adapt.interval_ms),
        success_rate_above: adapt.success_rate_above,
        latency_below_ms: adapt.latency_below_ms,
        success_rate_below: adapt.success_rate_below,
        latency_above_ms: adapt.latency_above_ms,
        algorithm: match adapt.algorithm.as_str() {
            "step" => Algorithm::Step,
            "gradient" => Algorithm::Gradient,
            _ => Algorithm::Aimd,
        },
    });
    Config {
        limit: whole(config.limit),
        window_ms: whole(config.window_ms),
        concurrency: whole(config.concurrency),
        adapt,
        max_queue: whole(config.max_queue),
    }
}
