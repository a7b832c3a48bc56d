//! The coarse clock of `lib/clock.js`.

use crate::cells::expose;
use napi::{Env, Unknown};
use napi_derive::napi;
use sluice_io::ticker;

/// An ArrayBuffer of three cells: the tick, one that is set to 1 to keep it written, and how often it was.
#[napi(catch_unwind)]
pub fn clock_cells(env: &Env) -> napi::Result<Unknown<'_>> {
    expose(env, ticker::cells())
}
/// When tick 0 began, in milliseconds since 1970.
#[napi(catch_unwind)]
pub fn clock_base() -> f64 {
    ticker::base_ms() as f64
}
/// Milliseconds of a tick.
#[napi(catch_unwind)]
pub fn clock_tick_ms() -> u32 {
    ticker::TICK_MS as u32
}
/// Has the tick written for a while.
#[napi(catch_unwind)]
pub fn clock_wake() {
    ticker::wake();
}
