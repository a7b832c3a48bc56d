//! A coarse clock that anyone can read at the cost of a load: a thread writes the time of day into a cell, and counts
//! its rounds in another, while they are used, and parks when they are not. Parked, it costs nothing.
//!
//! Readers decide "certainly not yet" by the time, with a margin; what is closer they ask the real clock. What is done
//! each few milliseconds at most, they do when the rounds have moved.

use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A tick is so many milliseconds long.
pub const TICK_MS: u64 = 256;
/// What the cell holds while nobody writes it: later than any deadline.
pub const PARKED: i32 = i32::MAX;
/// How often the cells are written.
const PERIOD: Duration = Duration::from_millis(10);
/// After so many periods without a use the thread parks.
const IDLE_PERIODS: u32 = 10;

const TICK: usize = 0;
const USED: usize = 1;
const ROUNDS: usize = 2;

struct Ticker {
    /// The tick, whether it was used since the thread looked last, and how often it was written.
    cells: Arc<[AtomicI32]>,
    base_ms: u64,
    running: Mutex<Running>,
    wake: Condvar,
}
#[derive(Default)]
struct Running {
    started: bool,
    wanted: bool,
}

static TICKER: LazyLock<Ticker> = LazyLock::new(|| Ticker {
    cells: [PARKED, 0, 0].map(AtomicI32::new).into_iter().collect(),
    base_ms: now_ms(),
    running: Mutex::default(),
    wake: Condvar::new(),
});

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Three cells: the tick (`PARKED` while nobody writes it), one that readers set to 1 now and then, and the rounds.
pub fn cells() -> Arc<[AtomicI32]> {
    Arc::clone(&TICKER.cells)
}
/// When tick 0 began, in milliseconds since 1970.
pub fn base_ms() -> u64 {
    TICKER.base_ms
}
/// Has the cell written for a while: until no reader has set its cell for about 100 ms.
pub fn wake() {
    let ticker = &*TICKER;
    let mut running = ticker.running.lock();
    running.wanted = true;
    if !running.started {
        running.started = std::thread::Builder::new().name("sluice-ticker".into()).spawn(run).is_ok();
    }
    ticker.wake.notify_one();
}

impl Ticker {
    fn cell(&self, at: usize) -> Option<&AtomicI32> {
        self.cells.get(at)
    }
    fn write(&self, tick: i32) {
        if let Some(cell) = self.cell(TICK) {
            cell.store(tick, Ordering::Release);
        }
    }
    fn take_used(&self) -> bool {
        self.cell(USED).is_some_and(|cell| cell.swap(0, Ordering::AcqRel) != 0)
    }
    fn tick(&self) -> i32 {
        // a clock that was set back before the start reads as tick 0 or less; one far ahead as never parked
        let since = i128::from(now_ms()) - i128::from(self.base_ms);
        let tick = since.div_euclid(i128::from(TICK_MS));
        i32::try_from(tick.clamp(i128::from(i32::MIN), i128::from(PARKED))).unwrap_or(PARKED)
    }
}

fn run() {
    let ticker = &*TICKER;
    let mut idle = 0;
    loop {
        ticker.write(ticker.tick());
        if let Some(rounds) = ticker.cell(ROUNDS) {
            rounds.fetch_add(1, Ordering::AcqRel);
        }
        std::thread::sleep(PERIOD);
        idle = if ticker.take_used() { 0 } else { idle + 1 };
        if idle < IDLE_PERIODS {
            continue;
        }
        let mut running = ticker.running.lock();
        // woken since it was started or parked: once more
        if std::mem::take(&mut running.wanted) {
            idle = 0;
            continue;
        }
        ticker.write(PARKED);
        while !running.wanted {
            ticker.wake.wait(&mut running);
        }
        idle = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn tick() -> i32 {
        TICKER.cell(TICK).unwrap().load(Ordering::Acquire)
    }
    fn within(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if holds() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    #[test]
    fn ticks_while_it_is_used_and_parks_when_not() {
        let lasting = Duration::from_secs(10);
        for _ in 0..3 {
            wake();
            assert!(within(lasting, || tick() != PARKED));
            let end = Instant::now() + Duration::from_millis(800);
            while Instant::now() < end {
                cells()[USED].store(1, Ordering::Release);
                let expected = (now_ms() - base_ms()) / TICK_MS;
                let seen = u64::try_from(tick()).unwrap();
                // a busy machine may hold the thread up
                assert!(seen <= expected + 1 && seen + 8 >= expected, "{seen} at {expected}");
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(within(lasting, || tick() == PARKED), "it parks");
        }
    }
}
