'use strict';
// Those of this thread who wait for a permit, with their signals, and the one timer that is there while somebody waits.
const { heed } = require('../signals');
const { hold, release } = require('../completion');
const { make } = require('../errors');

/** Of a JavaScript timer. */
const LONGEST_MS = 2 ** 31 - 1;

class Waiter {
  isAbandoned = false;
  detach = undefined;

  constructor(id, weight, held, timeoutMs, what) {
    this.id = id;
    this.weight = weight;
    this.held = held;
    this.timeoutMs = timeoutMs;
    this.what = what;
    this.turn = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
  grant() {
    this.detach?.();
    this.resolve(true);
  }
  fail(error) {
    this.detach?.();
    this.reject(error);
  }
}

class Waiters {
  #permits;
  #what;
  #isShared;
  #waiting = new Map();
  #timer;
  #timerAt = Infinity;
  // what belongs to the timer that was set: fake ones may have come or gone since
  #clear;
  #isHolding = false;

  /** `isShared`: another thread may be the one who lets them go. */
  constructor(permits, what, isShared) {
    this.#permits = permits;
    this.#what = what;
    this.#isShared = isShared;
  }

  /** Returns the promise of its turn. */
  add(id, weight, held, timeoutMs, signal) {
    const waiter = new Waiter(id, weight, held, timeoutMs, `the wait for ${this.#what}`);
    this.#waiting.set(id, waiter);
    if (signal !== undefined) heed(signal, waiter, this.#giveUp);
    return waiter.turn;
  }
  #giveUp = (waiter) => {
    // one whose turn has come meanwhile is heard of by its event, and gives back what it got
    waiter.isAbandoned = true;
    if (this.#permits.cancel(waiter.id)) this.#waiting.delete(waiter.id);
    this.arm(this.#permits.wakeAt);
  };

  granted(id) {
    const waiter = this.#forget(id);
    if (!waiter.isAbandoned) waiter.grant();
    return waiter;
  }
  timedOut(id) {
    const waiter = this.#forget(id);
    if (!waiter.isAbandoned) waiter.fail(make('Timeout', { what: waiter.what, timeoutMs: waiter.timeoutMs }));
  }
  closed(id) {
    const waiter = this.#forget(id);
    if (!waiter.isAbandoned) waiter.fail(make('Closed', { what: this.#what }));
  }
  /** All of them. */
  fail(error) {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    all.forEach((waiter) => waiter.fail(error));
    this.arm(Infinity);
  }
  #forget(id) {
    const waiter = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiter;
  }

  /** Time is waited for until then at the latest; one that rings too early is harmless. */
  arm(at) {
    const isWaiting = this.#waiting.size > 0;
    if (this.#isShared && isWaiting !== this.#isHolding) {
      this.#isHolding = isWaiting;
      if (isWaiting) hold();
      else release();
    }
    if (!isWaiting || at === Infinity) this.#stop();
    else if (at < this.#timerAt) this.#start(at);
  }
  #start(at) {
    this.#stop();
    const now = this.#permits.time();
    const delay = Math.max(0, Math.min(Math.ceil(at - now), LONGEST_MS));
    this.#timerAt = at - now > LONGEST_MS ? now + delay : at;
    this.#clear = clearTimeout;
    this.#timer = setTimeout(this.#ring, delay);
  }
  #ring = () => {
    this.#permits.reach(this.#timerAt);
    this.#timerAt = Infinity;
    this.#timer = undefined;
    this.#permits.pass();
  };
  #stop() {
    if (this.#timer === undefined) return;
    (0, this.#clear)(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }
}

module.exports = { Waiters };
