//! The native half of a store of live values, for `lib/cache/slots.js`: policy, weights and hashes by slot number.
//!
//! Hits are noted by JavaScript in a ring of slot numbers, `RING` cells, which each call takes in first. Behind the ring
//! come the numbers of what left: how many are listed, then up to `LISTED` of them.

use super::engine::Held;
use super::key::with_key;
use crate::cells::expose;
use crate::error::Guarded;
use crate::external::External;
use napi::{Env, JsValue, Unknown};
use napi_derive::napi;
use sluice_core::cache::key_hash;
use sluice_core::cache::policy::{Limits, Policy, SlotTable};
use sluice_io::memory::Memory;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Weak};

const RING: usize = 1024;
const LISTED: usize = 64;

/// A table, and what it shares with the shell.
pub struct Slots {
    table: Guarded<SlotTable>,
    prefix: Box<[u8]>,
    cells: Arc<[AtomicI32]>,
    evicted: Vec<u32>,
    /// The store that these values are near copies of, and hashes on their way to it.
    behind: Option<Weak<Memory>>,
    told: Vec<u64>,
}
impl Slots {
    /// Takes the ring in, runs, and lists what left.
    fn call<R>(
        &mut self,
        filled: u32,
        run: impl FnOnce(&mut SlotTable, &mut Vec<u32>) -> R,
    ) -> napi::Result<R> {
        let ring = self.cells.get(..(filled as usize).min(RING)).unwrap_or_default();
        let uses = ring.iter().map(|slot| slot.load(Ordering::Relaxed) as u32);
        let (evicted, told, behind) = (&mut self.evicted, &mut self.told, &self.behind);
        let result = self.table.call(|table| {
            table.touch(uses.clone());
            if let Some(behind) = behind.as_ref().and_then(Weak::upgrade) {
                told.clear();
                table.tell(uses, |hash| told.push(hash));
                behind.touch_many(told);
            }
            Ok(run(table, evicted))
        });
        self.list();
        result
    }
    fn list(&mut self) {
        let count = self.evicted.len().min(LISTED);
        let listed = self.evicted.drain(..count);
        let mut cells = self.cells.iter().skip(RING);
        if let Some(cell) = cells.next() {
            cell.store(count as i32, Ordering::Relaxed);
        }
        for (slot, cell) in listed.zip(cells) {
            cell.store(slot as i32, Ordering::Relaxed);
        }
    }
}

/// An empty table. `policy`: 0 lru, 1 tinylfu, 2 s3fifo; `max_weight` Infinity where nothing is weighed; `prefix` is put
/// before each key when it is hashed; `behind` is the engine whose memory these are near copies of.
#[napi(catch_unwind)]
pub fn slots_open(
    policy: u32,
    max_entries: u32,
    max_weight: f64,
    prefix: String,
    behind: Option<&External<Held>>,
) -> External<Slots> {
    let policy = match policy {
        0 => Policy::Lru,
        1 => Policy::TinyLfu,
        _ => Policy::S3Fifo,
    };
    let max_weight = if max_weight.is_finite() { max_weight as u64 } else { u64::MAX };
    External::new(Slots {
        table: Guarded::new("slots", SlotTable::new(policy, Limits { max_entries, max_weight })),
        prefix: prefix.into_bytes().into(),
        cells: (0..RING + 1 + LISTED).map(|_| AtomicI32::new(0)).collect(),
        evicted: Vec::new(),
        behind: behind.map(|held| Arc::downgrade(held.engine().memory())),
        told: Vec::new(),
    })
}
/// The ring and the list behind it, as an ArrayBuffer.
#[napi(catch_unwind)]
pub fn slots_cells<'env>(env: &'env Env, slots: &External<Slots>) -> napi::Result<Unknown<'env>> {
    expose(env, Arc::clone(&slots.cells))
}
/// Takes in the first `filled` hits of the ring.
#[napi(catch_unwind)]
pub fn slots_touch(slots: &mut External<Slots>, filled: u32) -> napi::Result<()> {
    slots.call(filled, |_, _| ())
}
/// Takes an entry in; its slot, or -1 when it is heavier than all room. Lists what left, whose slots are free by then.
#[napi(catch_unwind)]
pub fn slots_admit(
    env: &Env,
    slots: &mut External<Slots>,
    key: Unknown<'_>,
    weight: f64,
    filled: u32,
) -> napi::Result<i32> {
    let hash = with_key(env.raw(), key.raw(), &slots.prefix, key_hash)?;
    slots.call(filled, |table, evicted| {
        table.admit(hash, weight as u64, evicted).map_or(-1, |slot| slot as i32)
    })
}
/// An entry weighs something else now; false when that is more than all room, and it has left. Lists what left else.
#[napi(catch_unwind)]
pub fn slots_resize(slots: &mut External<Slots>, slot: u32, weight: f64, filled: u32) -> napi::Result<bool> {
    slots.call(filled, |table, evicted| table.resize(slot, weight as u64, evicted))
}
/// Frees a slot.
#[napi(catch_unwind)]
pub fn slots_remove(slots: &mut External<Slots>, slot: u32, filled: u32) -> napi::Result<bool> {
    slots.call(filled, |table, _| table.remove(slot))
}
/// Frees all slots.
#[napi(catch_unwind)]
pub fn slots_clear(slots: &mut External<Slots>) -> napi::Result<()> {
    slots.call(0, |table, _| table.clear())
}
/// Lists the next that left, when the list was full.
#[napi(catch_unwind)]
pub fn slots_more(slots: &mut External<Slots>) {
    slots.list();
}
/// What all entries weigh.
#[napi(catch_unwind)]
pub fn slots_weight(slots: &mut External<Slots>) -> napi::Result<f64> {
    slots.call(0, |table, _| table.weight() as f64)
}
