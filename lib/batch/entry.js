'use strict';
// An item on its way, with the promise of who brought it.
const { keepShape } = require('../shapes');

/** Where it is: not left yet, handed over, waiting for another try, failed for good, settled. */
const STATE = { QUEUED: 0, AWAY: 1, BACK: 2, DEAD: 3, GONE: 4 };

// one executor for all: a closure per item would cost as much as queueing it
let resolveNext;
let rejectNext;
const executor = (resolve, reject) => {
  resolveNext = resolve;
  rejectNext = reject;
};

class Entry {
  // small: what few entries have is the prototype's, see below
  constructor(item, key, isEnqueued) {
    /** The machine's number for it; 0 until the machine is told. */
    this.id = 0;
    this.item = item;
    this.state = STATE.QUEUED;
    /** When it came, elapsed milliseconds. */
    this.at = 0;
    this.lane = undefined;
    /** Of the promise, while somebody waits. */
    this.resolve = undefined;
    this.reject = undefined;
    /** The promise is of acceptance, not of delivery. */
    this.isEnqueued = isEnqueued;
    if (key !== null) this.key = key;
  }

  get isGone() {
    return this.state === STATE.GONE;
  }
  /** Its caller waited for the delivery, and does not any more. */
  get isUnwanted() {
    return !this.isEnqueued && this.resolve === undefined;
  }
  get publicId() {
    return String(this.row === undefined ? this.id : this.row.seq);
  }

  /** It goes to disk, and comes back from there. */
  writtenAs(row) {
    this.row = row;
    this.item = undefined;
  }

  /** The promise that `succeed` and `fail` settle. */
  promise() {
    const promise = new Promise(executor);
    this.resolve = resolveNext;
    this.reject = rejectNext;
    return promise;
  }
  succeed(value) {
    if (this.detach !== undefined) this.detach();
    const { resolve } = this;
    this.resolve = this.reject = undefined;
    if (resolve !== undefined) resolve(value);
  }
  fail(error) {
    if (this.detach !== undefined) this.detach();
    const { reject } = this;
    this.resolve = this.reject = undefined;
    if (reject !== undefined) reject(error);
  }
}

Object.assign(Entry.prototype, {
  /** null: none. */
  key: null,
  group: '',
  bytes: 0,
  /** Tries that it has behind it. */
  attempts: 0,
  /** Age that it had when the clock of this process began. */
  earlierMs: 0,
  /** The last failure, until the machine has said what becomes of it. */
  error: undefined,
  /** Stops listening to its caller's signal. */
  detach: undefined,
  /** What the log knows of it. */
  row: undefined,
  /** What idempotency knows of it. */
  claim: undefined,
  place: undefined,
});

/** An entry of a buffer that groups, measures, claims or writes down: all have one shape. */
class FullEntry extends Entry {
  constructor(item, key, isEnqueued) {
    super(item, null, isEnqueued);
    this.key = key;
    this.group = '';
    this.bytes = 0;
    this.attempts = 0;
    this.earlierMs = 0;
    this.error = undefined;
    this.row = undefined;
    this.claim = undefined;
    this.place = undefined;
  }
}

keepShape(new Entry(undefined, null, false));
keepShape(new FullEntry(undefined, null, false));

module.exports = { Entry, FullEntry, STATE };
