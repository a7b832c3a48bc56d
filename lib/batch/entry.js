'use strict';
// An item on its way, with the promise of who brought it.
const { aborted } = require('../errors');

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
  constructor(item, key, lane, at) {
    /** Given when the machine is told of it. */
    this.id = 0;
    this.item = item;
    this.key = key;
    this.lane = lane;
    /** Elapsed milliseconds. */
    this.at = at;
    this.state = STATE.QUEUED;
    /** Tries that it has behind it. */
    this.attempts = 0;
    /** Of the promise: of delivery for `add`, of acceptance for `enqueue` until then; undefined when nobody waits. */
    this.resolve = undefined;
    this.reject = undefined;
    /** The promise is of acceptance. */
    this.isEnqueued = false;
    /** The last failure, while there is another try. */
    this.error = undefined;
    /** Stops listening to its caller's signal. */
    this.detach = undefined;
    /** What the log knows of it (`lib/batch/durable.js`). */
    this.row = undefined;
    /** What idempotency knows of it (`lib/batch/idempotency.js`). */
    this.claim = undefined;
  }

  get isGone() {
    return this.state === STATE.GONE;
  }

  /** The promise that `resolve` and `reject` settle. */
  promise() {
    const promise = new Promise(executor);
    this.resolve = resolveNext;
    this.reject = rejectNext;
    return promise;
  }

  succeed(result) {
    if (this.detach !== undefined) this.detach();
    const { resolve } = this;
    this.resolve = this.reject = undefined;
    if (resolve !== undefined) resolve(result);
  }

  fail(error) {
    if (this.detach !== undefined) this.detach();
    const { reject } = this;
    this.resolve = this.reject = undefined;
    if (reject !== undefined) reject(error);
  }

  /** Its caller may give up: `giveUp(entry)` is called once the promise is rejected. */
  heed(signal, giveUp) {
    const onAbort = () => {
      this.fail(aborted(signal, 'the item'));
      giveUp(this);
    };
    signal.addEventListener('abort', onAbort);
    this.detach = () => {
      this.detach = undefined;
      signal.removeEventListener('abort', onAbort);
    };
  }
}

module.exports = { Entry, STATE };
