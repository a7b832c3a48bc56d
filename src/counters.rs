//! Statistics cells: each thread of JavaScript counts in its own, as float64; sums are taken over all of them.

use crate::cells::expose_memory;
use napi::bindgen_prelude::Float64Array;
use napi::{Env, Unknown};
use napi_derive::napi;
use sluice_io::counters::{self, Counters};

/// An ArrayBuffer of new cells, for a Float64Array; what they count stays in the sums when it is gone.
#[napi(catch_unwind)]
pub fn open_counters(
    env: &Env,
    noun: String,
    name: String,
    instance: String,
    length: u32,
) -> napi::Result<Unknown<'_>> {
    show(env, Counters::open(&noun, &name, &instance, length.max(1) as usize))
}

/// The same for what goes up and down: in the sums while it is there, the largest of an instance's threads.
#[napi(catch_unwind)]
pub fn open_gauges(
    env: &Env,
    noun: String,
    name: String,
    instance: String,
    length: u32,
) -> napi::Result<Unknown<'_>> {
    show(env, Counters::gauges(&noun, &name, &instance, length.max(1) as usize))
}

fn show(env: &Env, counters: Counters) -> napi::Result<Unknown<'_>> {
    let (data, bytes) = (counters.cells().as_ptr().cast_mut().cast(), size_of_val(&**counters.cells()));
    // SAFETY: `counters` keeps its cells; they are atomics, and a float64 of an ArrayBuffer is written as one word.
    unsafe { expose_memory(env, data, bytes, counters) }
}

/// Puts the sum over the threads of one instance into `into`.
#[napi(catch_unwind)]
pub fn sum_counters(noun: String, name: String, instance: String, mut into: Float64Array) {
    // SAFETY: no JavaScript runs until this returns, so nothing else reads or writes the array.
    let into = unsafe { into.as_mut() };
    let sums = counters::sum_instance(&noun, &name, &instance);
    into.iter_mut().zip(sums).for_each(|(cell, sum)| *cell = sum);
}

/// The names of a noun with their sums over all that was ever open, as JSON: `[[name, [sum, …]], …]`.
#[napi(catch_unwind)]
pub fn counter_sums(noun: String) -> String {
    let sums = counters::sums(&noun);
    let mut out = Vec::from(b"[");
    for (index, (name, counts)) in sums.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"[" } else { b",[" });
        sluice_core::json::write_string(name.as_bytes(), &mut out);
        let counts: Vec<String> = counts.iter().map(f64::to_string).collect();
        out.extend_from_slice(format!(",[{}]]", counts.join(",")).as_bytes());
    }
    out.push(b']');
    String::from_utf8_lossy(&out).into_owned()
}
