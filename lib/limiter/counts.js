'use strict';
// What a limiter has counted, as cells of metrics(), which are never reset.
const { randomBytes } = require('node:crypto');
const native = require('../native');

/** Cells and gauges of an AdaptiveLimiter; `lib/metrics.js` shows them. */
const ADAPTIVE = {
  noun: 'limiter',
  CELL: { REQUESTS: 0, THROTTLED: 1, REJECTED: 2, RAISED: 3, LOWERED: 4 },
  GAUGE: { LIMIT: 0, CONCURRENCY: 1, TOKENS: 2, IN_FLIGHT: 3, QUEUED: 4 },
};
/** Those of a KeyedLimiter. */
const KEYED = {
  noun: 'keyed_limiter',
  CELL: { ALLOWED: 0, DENIED: 1, EVICTED: 2 },
  GAUGE: { KEYS: 0, BYTES: 1 },
};

class Counts {
  #kind;
  #name;
  #instance;
  #look;
  #cells;
  #gauges;
  /** The counts when they were looked at last: they start again at each reset. */
  #last;
  /** All that was counted since this thread has joined, and what others had taken over before. */
  #seen;
  #before;

  /** `look()` returns what is counted since the last reset, and what goes up and down. */
  constructor(kind, { name, shared }, look) {
    this.#kind = kind;
    this.#name = name;
    this.#look = look;
    this.#instance = shared === undefined ? randomBytes(12).toString('hex') : `shared ${shared}`;
    const length = Object.keys(kind.CELL).length;
    this.#cells = new Float64Array(native.openCounters(kind.noun, name, this.#instance, length));
    this.#gauges = new Float64Array(native.openGauges(`${kind.noun} gauges`, name, this.#instance, Object.keys(kind.GAUGE).length));
    this.#last = new Float64Array(length);
    this.#seen = new Float64Array(length);
    this.#before = this.#sums();
    // what other threads of a shared limiter have counted is theirs
    if (shared !== undefined) this.#last.set(look().counted);
  }
  #sums() {
    const sums = new Float64Array(this.#cells.length);
    native.sumCounters(this.#kind.noun, this.#name, this.#instance, sums);
    return sums;
  }

  /** Takes over what has been counted. */
  sync() {
    const { counted, held } = this.#look();
    const sums = this.#sums();
    counted.forEach((count, cell) => {
      const last = this.#last[cell];
      this.#last[cell] = count;
      this.#seen[cell] += count >= last ? count - last : count;
      // threads of a shared limiter all see what it counts: each takes over what no other has
      const others = sums[cell] - this.#before[cell] - this.#cells[cell];
      this.#cells[cell] = Math.max(this.#cells[cell], this.#seen[cell] - others);
    });
    this.#gauges.set(held);
  }
  /** It closes: what it has counted stays, what it held is gone. */
  keep() {
    this.sync();
    this.#gauges.fill(0);
  }
}

module.exports = { Counts, ADAPTIVE, KEYED };
