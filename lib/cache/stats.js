'use strict';
// What a cache counts. Each thread has its own cells, so counting is one addition; reading sums over threads.
const { randomBytes } = require('node:crypto');
const native = require('../native');

/** Cells by what they count; `crates/io/src/counters.rs` sums them. The order is that of `lib/metrics.js`. */
const CELL = {
  L1: 0, L2: 1, L3: 2, MISSES: 3, COALESCED: 4, NEGATIVE: 5, STALE: 6,
  DEGRADED: 7, DROPPED: 8, DAMAGED: 9, INVALIDATIONS: 10, EVICTIONS: 11,
};
const TIERS = { l1: CELL.L1, l2: CELL.L2, l3: CELL.L3 };
const LENGTH = Object.keys(CELL).length;
/** What goes up and down: cells of its own, which count only while they are open. */
const GAUGE = { BYTES: 0, ENTRIES: 1 };
const percent = (part, whole) => `${(whole === 0 ? 0 : (100 * part) / whole).toFixed(2)}%`;

class Stats {
  #tiers;
  #name;
  #instance;
  #gauges;
  #before = new Float64Array(LENGTH);
  #undecodable = 0;
  #since;

  constructor(tiers) {
    this.#tiers = tiers;
    const { name, memory } = tiers.config;
    this.#name = name;
    this.#instance = memory?.shared === undefined ? randomBytes(12).toString('hex') : `shared ${memory.shared}`;
    /** This thread's cells. */
    this.cells = new Float64Array(native.openCounters('cache', name, this.#instance, LENGTH));
    this.#gauges = new Float64Array(native.openGauges('cache gauges', name, this.#instance, 2));
    this.#since = tiers.now();
  }

  /** `tier`: 'l1', 'l2' or 'l3'. */
  hit(tier) {
    this.cells[TIERS[tier]] += 1;
  }
  miss() {
    this.cells[CELL.MISSES] += 1;
  }
  coalesced() {
    this.cells[CELL.COALESCED] += 1;
  }
  negative() {
    this.cells[CELL.NEGATIVE] += 1;
  }
  /** A stale value was served: a hit of its tier. */
  stale(tier) {
    this.hit(tier);
    this.cells[CELL.STALE] += 1;
  }
  /** Bytes that did not decode. */
  damaged() {
    this.#undecodable += 1;
  }

  /** What others have counted for this cache. */
  #counted() {
    const { engine, live } = this.#tiers;
    const none = { memory: { bytes: 0, entries: 0, evictions: 0 }, damaged: 0, droppedWrites: 0, degraded: 0, invalidations: 0 };
    const counted = engine?.counters() ?? none;
    return live === undefined ? counted : { ...counted, memory: { bytes: live.bytes, entries: live.size, evictions: live.evictions } };
  }
  /** Takes over what the tiers have counted. */
  sync() {
    const { cells } = this;
    const { memory, damaged, droppedWrites, degraded, invalidations } = this.#counted();
    cells[CELL.DAMAGED] = damaged + this.#undecodable;
    cells[CELL.DROPPED] = droppedWrites;
    cells[CELL.DEGRADED] = degraded;
    cells[CELL.INVALIDATIONS] = invalidations;
    // a shared memory counts for all its threads: what others have taken over is not ours
    const others = this.#sums()[CELL.EVICTIONS] - cells[CELL.EVICTIONS];
    cells[CELL.EVICTIONS] = Math.max(cells[CELL.EVICTIONS], memory.evictions - others);
    this.#gauges[GAUGE.BYTES] = memory.bytes;
    this.#gauges[GAUGE.ENTRIES] = memory.entries;
    return memory;
  }
  /** The cache closes: what it has counted stays, what it held is gone. */
  keep() {
    this.sync();
    this.#gauges.fill(0);
  }
  #sums() {
    const sums = new Float64Array(LENGTH);
    native.sumCounters('cache', this.#name, this.#instance, sums);
    return sums;
  }

  read() {
    const { bytes, entries } = this.#tiers.closed ? { bytes: 0, entries: 0 } : this.sync();
    const sums = this.#sums();
    const count = (cell) => sums[cell] - this.#before[cell];
    const [l1, l2, l3, misses] = [CELL.L1, CELL.L2, CELL.L3, CELL.MISSES].map(count);
    const total = l1 + l2 + l3 + misses;
    return {
      totalRequests: total,
      hits: { l1, l2, l3 },
      misses,
      hitRate: percent(l1 + l2 + l3, total),
      l1HitRate: percent(l1, total),
      l2HitRate: percent(l2, total),
      l3HitRate: percent(l3, total),
      memory: { bytes, entries, evictions: count(CELL.EVICTIONS) },
      coalesced: count(CELL.COALESCED),
      negativeHits: count(CELL.NEGATIVE),
      staleServed: count(CELL.STALE),
      degraded: count(CELL.DEGRADED),
      droppedWrites: count(CELL.DROPPED),
      damaged: count(CELL.DAMAGED),
      invalidations: count(CELL.INVALIDATIONS),
      since: new Date(this.#since),
    };
  }
  reset() {
    if (!this.#tiers.closed) this.sync();
    this.#before = this.#sums();
    this.#since = this.#tiers.now();
  }
}

module.exports = { Stats, CELL, GAUGE };
