'use strict';
// What an injected client was not told, and which writes came later: catching up must not undo a write that has arrived.
const native = require('../native');

/** As many keys are known to have arrived; beyond that all may be taken back, which is a miss. */
const MOST = 100_000;

class ClientWrites {
  #watch;
  /** Writes are numbered as they are sent. */
  #turn = 0;
  /** The last write of each key, while it is on its way. */
  #sent = new Map();
  /** Keys whose last write has arrived since something was missed. */
  #arrived = new Set();
  /** The last write before a change of many keys was missed. */
  #floor = 0;

  constructor(watch) {
    this.#watch = watch;
  }

  /** A write or delete of these keys is sent now; what `ended` is to be told. */
  begin(keys) {
    this.#turn += 1;
    for (const key of keys) this.#sent.set(key, this.#turn);
    return this.#turn;
  }
  /** It has arrived, or not. The last one of a key decides. */
  ended(keys, turn, hasArrived) {
    for (const key of keys) {
      const last = this.#sent.get(key);
      if (hasArrived && last === turn) this.#wrote(key, turn);
      else if (!hasArrived && last > turn) native.clientMiss(this.#watch, `k${key}`);
      else if (!hasArrived) this.missed(`k${key}`);
    }
  }
  #wrote(key, turn) {
    this.#sent.delete(key);
    if (!this.isOwing) return;
    // what cannot be told (a server that refuses SCAN) is owed for good
    if (this.#arrived.size >= MOST) this.#arrived.clear();
    if (turn > this.#floor) this.#arrived.add(key);
    native.clientCaughtUp(this.#watch, key);
  }

  /** A change that the client may not have heard of; what was sent before it is older. */
  missed(what) {
    native.clientMiss(this.#watch, what);
    if (what[0] === 'k') {
      this.#sent.delete(what.slice(1));
      this.#arrived.delete(what.slice(1));
    } else {
      this.#floor = this.#turn;
      this.#arrived.clear();
    }
  }
  /** What was taken to be told, and was not. */
  putBack(owed) {
    for (const what of owed) if (!(what[0] === 'k' && this.isNewer(what.slice(1)))) native.clientMiss(this.#watch, what);
  }
  /** Whether a write of that key came after what was missed: of the key, or of many (`isWide`). */
  isNewer(key, isWide = false) {
    return this.#arrived.has(key) || (isWide ? this.#sent.get(key) > this.#floor : this.#sent.has(key));
  }

  /** Set while what was missed is being told. */
  isTelling = false;
  get isOwing() {
    return this.isTelling || !native.clientOwesNothing(this.#watch);
  }
  /** What was missed, now the caller's business. */
  take() {
    return native.clientTake(this.#watch);
  }
  /** Nothing is owed any more. */
  settle() {
    if (!this.isOwing) this.#arrived.clear();
  }
}

module.exports = { ClientWrites };
