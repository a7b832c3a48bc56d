//! Counters: cells of float64 that a thread of JavaScript writes, and their sums over all threads.

use crate::cells::expose;
use napi::bindgen_prelude::{External, Float64Array};
use napi::{Env, Unknown};
use napi_derive::napi;
use sluice_io::counters::{self, Counters};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

static UNSHARED: AtomicU64 = AtomicU64::new(0);

/// The cells of one thread, by the instance that they are summed with.
pub struct Counting {
    counters: Counters,
    noun: String,
    name: String,
    instance: String,
}

/// New cells, all 0; with other threads' cells of the same `shared` name they are one instance.
#[napi(catch_unwind)]
pub fn counters_open(noun: String, name: String, shared: Option<String>, length: u32) -> External<Counting> {
    let instance = match shared {
        Some(shared) => format!("shared {shared}"),
        None => UNSHARED.fetch_add(1, Ordering::Relaxed).to_string(),
    };
    let counters = Counters::open(&noun, &name, &instance, length as usize);
    External::new(Counting { counters, noun, name, instance })
}
/// The cells, as an ArrayBuffer of float64.
#[napi(catch_unwind)]
pub fn counters_cells<'env>(env: &'env Env, counting: &External<Counting>) -> napi::Result<Unknown<'env>> {
    expose(env, Arc::clone(counting.counters.cells()))
}
/// Sums over the threads of the instance.
#[napi(catch_unwind)]
pub fn counters_sum(counting: &External<Counting>) -> Float64Array {
    let Counting { noun, name, instance, .. } = &**counting;
    counters::sum_instance(noun, name, instance).into()
}

/// What has been counted under a name.
#[napi(object)]
pub struct NamedSums {
    /// The name.
    pub name: String,
    /// By cell.
    pub sums: Vec<f64>,
}
/// Sums of a noun over all that was ever open, by name.
#[napi(catch_unwind)]
pub fn counters_sums(noun: String) -> Vec<NamedSums> {
    counters::sums(&noun).into_iter().map(|(name, sums)| NamedSums { name, sums }).collect()
}
