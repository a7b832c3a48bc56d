'use strict';
// Callers' signals: one listener each, however many items were brought with it.
const { aborted } = require('./errors');

/** Entries by the signal that they heed. */
const heeding = new WeakMap();

class Heeding {
  #signal;
  #entries = new Map();

  constructor(signal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
  }
  add(entry, giveUp) {
    this.#entries.set(entry, giveUp);
  }
  delete(entry) {
    if (!this.#entries.delete(entry) || this.#entries.size > 0) return;
    heeding.delete(this.#signal);
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
  #onAbort = () => {
    for (const [entry, giveUp] of [...this.#entries]) {
      const error = aborted(this.#signal, entry.what ?? 'the item');
      entry.fail(error);
      giveUp(entry, error);
    }
  };
}

/** Until `entry.detach()`: when the signal fires the entry fails, and `giveUp(entry, error)` is called. */
function heed(signal, entry, giveUp) {
  let of = heeding.get(signal);
  if (of === undefined) heeding.set(signal, (of = new Heeding(signal)));
  of.add(entry, giveUp);
  entry.detach = () => {
    entry.detach = undefined;
    of.delete(entry);
  };
}

module.exports = { heed };
