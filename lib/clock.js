'use strict';
// The time of day. `Date.now` is looked up at each call, since tests replace it. Whoever only needs to know that a
// deadline is still far away compares ticks instead: a load from a cell that native code writes while it is used, 256 ms
// a tick. It is trusted with a margin of two ticks, so a writer that the system holds up for half a second does no harm.
const native = require('./native');

const TICK_MS = native.clockTickMs();
const BASE_MS = native.clockBase();
/** To multiply by, which is quicker and, for a power of two, the same. */
const TICKS_A_MS = 1 / TICK_MS;
const MARGIN_TICKS = 2;
/** The tick while nobody writes it, which is later than that of any deadline, and the fresh tick of what has none. */
const PARKED = 2 ** 31 - 1;

const cells = new Int32Array(native.clockCells());
const [TICK, USED, ROUNDS] = [0, 1, 2];
/** Ticks of a clock that cannot be cached. */
const noTicks = new Int32Array([PARKED]);

// undefined when a fake was there before us: a replacement, a bound function or a Proxy does not read like this
const isReal = Function.prototype.toString.call(Date.now) === 'function now() { [native code] }';
/** The `Date.now` that ticks agree with. */
const realNow = isReal ? Date.now : undefined;

const now = () => Date.now();

/** The last tick at which that deadline has certainly not passed. */
function freshTick(deadline) {
  if (deadline === Infinity) return PARKED;
  const tick = Math.floor((deadline - BASE_MS) * TICKS_A_MS) - MARGIN_TICKS;
  if (tick >= PARKED) return PARKED - 1;
  return tick > -PARKED ? tick : -PARKED;
}

/** Exact reads within so short a time that ticks would be cheaper. */
const BURST = 64;
const BURST_MS = 16;
let burst = 0;
let burstBegan = 0;

/** The time, to the millisecond, for who found a deadline near; many such reads have the ticks written. */
function read() {
  const at = Date.now();
  if (cells[TICK] === PARKED && Date.now === realNow) {
    if (at - burstBegan > BURST_MS || at < burstBegan) {
      burstBegan = at;
      burst = 0;
    }
    burst += 1;
    if (burst === BURST) {
      burst = 0;
      native.clockWake();
    }
  }
  return at;
}

/** Whoever compares ticks calls this now and then, 64 reads apart: it keeps them written, and mends late ones. */
function beat() {
  const seen = cells[TICK];
  if (seen === PARKED || Date.now !== realNow) return;
  cells[USED] = 1;
  const tick = Math.floor((realNow() - BASE_MS) / TICK_MS);
  // not over a PARKED that was written meanwhile: nobody would mend that
  if (tick !== seen) Atomics.compareExchange(cells, TICK, seen, Math.min(Math.max(tick, -PARKED), PARKED - 1));
}

/** The clock of a cache: the system's, or one that the application gave, which is asked each time. */
const clockOf = (given) => (given === undefined
  ? { ticks: cells, read, beat }
  : { ticks: noTicks, read: () => given(), beat() {} });

/** A number that moves each 10 ms while the ticks are written; it moves at each call while they are not. */
let unwritten = -1;
const rounds = () => (cells[TICK] === PARKED ? (unwritten -= 1) : cells[ROUNDS]);

/** Has the ticks written for a while. */
const wake = () => native.clockWake();

module.exports = { now, read, beat, wake, realNow, freshTick, clockOf, rounds };
