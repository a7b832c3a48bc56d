//! Epoch cells and stripes: how a fill loses to a write. See docs/design/cache.md, "Coherence".
//!
//! Behind the cells come the era, the trust, and, for near caches (`lib/cache/homes.js`), the moved: a count of all that
//! moves, and a log of which cells did. Who has heard all of it need not look at the cells of what it holds.

use parking_lot::{Mutex, MutexGuard};
use sluice_core::cache::{CELLS, Epoch, Moment, cell_of, moment};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

const ERA: usize = CELLS;
const TRUST: usize = CELLS + 1;
/// A cache line away from what is seldom written.
const MOVED: usize = CELLS + 16;
const LOG: usize = CELLS + 32;
const LOG_BITS: u32 = 10;
const LOGGED: usize = 1 << LOG_BITS;
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
        // a log that is not written yet reads as of a round that is far away
        let cells = (0..LOG + LOGGED).map(|at| AtomicI32::new(if at < LOG { 0 } else { -1 })).collect();
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
        let cell = cell_of(hash);
        self.cells[cell].fetch_add(1, Ordering::AcqRel);
        // counted behind the cell: who knows the count finds the cell moved. Written behind the count, with its round:
        // who comes in between sees another round, and looks at all cells
        let at = self.cells[MOVED].fetch_add(1, Ordering::AcqRel);
        self.log(at as u32, cell);
    }
    fn log(&self, at: u32, cell: usize) {
        let logged = (at >> LOG_BITS) << 16 | cell as u32;
        self.cells[LOG + at as usize % LOGGED].store(logged as i32, Ordering::Release);
    }
    pub(super) fn era(&self) -> i32 {
        self.cells[ERA].load(Ordering::Acquire)
    }
    pub(super) fn trust(&self) -> i32 {
        self.cells[TRUST].load(Ordering::Acquire)
    }
    /// The epoch and the era as one.
    pub(super) fn moment(&self, hash: u64) -> Moment {
        moment(self.of(hash), self.era())
    }
    /// To be called while nobody is between his look at a moment and what he does by it.
    pub(super) fn bump_era(&self) {
        self.cells[ERA].fetch_add(1, Ordering::AcqRel);
        // more than the log has: who hears of it looks at all cells
        let at = self.cells[MOVED].fetch_add(LOGGED as i32 + 1, Ordering::AcqRel);
        // or rounds would come again to places that none has written since
        self.log((at as u32).wrapping_add(LOGGED as u32), 0);
    }
    /// Before `bump_era`.
    pub(super) fn bump_trust(&self) {
        self.cells[TRUST].fetch_add(1, Ordering::AcqRel);
    }
}
