//! Epoch cells and stripes: how a fill loses to a write. See docs/design/cache.md, "Coherence".

use parking_lot::{Mutex, MutexGuard};
use sluice_core::cache::{CELLS, Epoch, Moment, cell_of, moment};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// Room behind the epochs: the era, the trust.
const ROOM: usize = 16;
const STRIPES: usize = 64;

#[repr(align(64))]
#[derive(Default)]
struct Stripe(Mutex<()>);

pub(super) struct Epochs {
    cells: Arc<[AtomicI32]>,
    stripes: [Stripe; STRIPES],
}
impl Epochs {
    pub(super) fn new() -> Self {
        let cells = (0..CELLS + ROOM).map(|_| AtomicI32::new(0)).collect();
        Self { cells, stripes: std::array::from_fn(|_| Stripe::default()) }
    }
    pub(super) fn cells(&self) -> &Arc<[AtomicI32]> {
        &self.cells
    }
    /// The lock of a hash: a check of the epoch and what is done by it are one step under it.
    pub(super) fn lock(&self, hash: u64) -> MutexGuard<'_, ()> {
        // other bits than the cell's, so that keys of one cell need not share a lock
        self.stripes[(hash >> 32) as usize % STRIPES].0.lock()
    }
    pub(super) fn of(&self, hash: u64) -> Epoch {
        self.cells[cell_of(hash)].load(Ordering::Acquire)
    }
    /// To be called after the change, under the lock: whoever sees the new epoch finds the new value.
    pub(super) fn bump(&self, hash: u64) {
        self.cells[cell_of(hash)].fetch_add(1, Ordering::AcqRel);
    }
    pub(super) fn era(&self) -> i32 {
        self.cells[CELLS].load(Ordering::Acquire)
    }
    pub(super) fn trust(&self) -> i32 {
        self.cells[CELLS + 1].load(Ordering::Acquire)
    }
    /// The epoch and the era as one.
    pub(super) fn moment(&self, hash: u64) -> Moment {
        moment(self.of(hash), self.era())
    }
    /// To be called while nobody is between his look at a moment and what he does by it.
    pub(super) fn bump_era(&self) {
        self.cells[CELLS].fetch_add(1, Ordering::AcqRel);
    }
    /// Before `bump_era`.
    pub(super) fn bump_trust(&self) {
        self.cells[CELLS + 1].fetch_add(1, Ordering::AcqRel);
    }
}
