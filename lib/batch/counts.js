'use strict';
// What a buffer counts: the machine's numbers since the last reset, and the cells of metrics(), which are never reset.
const { randomBytes } = require('node:crypto');
const native = require('../native');
const { DEAD_LETTERS, IN_FLIGHT, SIZE, WAITING } = require('./layout');

/** Cells by what they count; `lib/metrics.js` shows them. */
const CELL = { ACCEPTED: 0, DELIVERED: 1, FAILED: 2, RETRIED: 3, DUPLICATES: 4, BATCHES: 5, CALLS: 6, SAVED: 7, DROPPED: 8 };
const NAMES = ['accepted', 'delivered', 'failed', 'retried', 'duplicates', 'batches', 'calls', 'savedCalls'];
/** What goes up and down. */
const GAUGE = { SIZE: 0, WAITING: 1, IN_FLIGHT: 2, DEAD_LETTERS: 3 };

class Counts {
  #flow;
  #cells;
  #gauges;
  #before = new Float64Array(NAMES.length);

  constructor(flow) {
    this.#flow = flow;
    const { name } = flow.config;
    const instance = randomBytes(12).toString('hex');
    this.#cells = new Float64Array(native.openCounters('batch', name, instance, Object.keys(CELL).length));
    this.#gauges = new Float64Array(native.openGauges('batch gauges', name, instance, Object.keys(GAUGE).length));
  }

  /** Takes over what has been counted. */
  sync() {
    this.#flow.refresh();
    const { machine, claims, handed, waiting } = this.#flow;
    const { accepted, delivered, failed, retried, batches, calls } = machine.stats();
    const all = [accepted, delivered, failed, retried, claims === undefined ? 0 : claims.duplicates, batches, calls, handed - calls, machine.account().dropped];
    all.forEach((count, cell) => (this.#cells[cell] = count));
    this.#gauges[GAUGE.SIZE] = machine.number(SIZE);
    this.#gauges[GAUGE.WAITING] = waiting;
    this.#gauges[GAUGE.IN_FLIGHT] = machine.number(IN_FLIGHT);
    this.#gauges[GAUGE.DEAD_LETTERS] = machine.number(DEAD_LETTERS);
  }
  /** The buffer has closed: what it has counted stays, what it held is gone. */
  keep() {
    this.sync();
    this.#gauges.fill(0);
  }

  read() {
    this.sync();
    return Object.fromEntries(NAMES.map((name, cell) => [name, this.#cells[cell] - this.#before[cell]]));
  }
  reset() {
    this.sync();
    this.#before = this.#cells.slice(0, NAMES.length);
  }
}

module.exports = { Counts, CELL, GAUGE };
