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
    const entries = [...this.#entries].map(([entry, giveUp]) => ({ entry, giveUp, error: aborted(this.#signal, entry.what ?? 'the item') }));
    // what one leaves behind must not go to another that heeds the same signal: all have failed before any owner is told
    for (const { entry, error } of entries) entry.fail(error);
    for (const { entry, giveUp, error } of entries) giveUp(entry, error);
  };
}

/** Until `entry.detach()`: when the signal fires the entry fails, and behind all others that heed it `giveUp(entry, error)` is called. */
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
