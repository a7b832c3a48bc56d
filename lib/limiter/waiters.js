'use strict';
// Those of this thread who wait for a permit, with their promises, signals and deadlines, and the one timer that is there while
// somebody waits for a time. Whose turn has come is said by `permits.js`.
const { heed } = require('../signals');
const { hold, release } = require('../completion');
const { make } = require('../errors');
const { Deadlines } = require('./deadlines');
const { Line } = require('./line');

/** Of a JavaScript timer. */
const LONGEST_MS = 2 ** 31 - 1;

class Waiter {
  // its place in line, and among the deadlines
  previous = undefined;
  next = undefined;
  run = undefined;
  until = Infinity;
  place = -1;
  order = 0;
  /** Of its signal. */
  detach = undefined;
  what = undefined;

  constructor(weight, held, timeoutMs) {
    this.weight = weight;
    this.held = held;
    this.timeoutMs = timeoutMs;
    this.turn = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
  grant() {
    if (this.detach !== undefined) this.detach();
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
  #line = new Line();
  #deadlines = new Deadlines();
  #timer;
  #timerAt = Infinity;
  // what belongs to the timer that was set: fake ones may have come or gone since
  #clear;
  #isHolding = false;

  /** `isShared`: another thread may be the one who lets them go. `permits.left(count)` hears who leaves without a permit. */
  constructor(permits, what, isShared) {
    this.#permits = permits;
    this.#what = what;
    this.#isShared = isShared;
  }
  get line() {
    return this.#line;
  }

  /** Returns the promise of its turn. */
  add(weight, held, timeoutMs, signal) {
    const waiter = new Waiter(weight, held, timeoutMs);
    this.#line.push(waiter);
    if (timeoutMs !== Infinity) {
      waiter.until = Math.floor(this.#permits.time()) + timeoutMs;
      this.#deadlines.add(waiter);
    }
    if (signal !== undefined) {
      waiter.what = `the wait for ${this.#what}`;
      heed(signal, waiter, this.#giveUp);
    }
    return waiter.turn;
  }
  #giveUp = (waiter) => {
    if (!this.#line.remove(waiter)) return;
    this.#deadlines.remove(waiter);
    this.#permits.left(1);
  };

  /** The turn of the first has come; returns what it holds from now on. */
  grant() {
    const { first } = this.#line;
    this.#line.remove(first);
    if (first.place >= 0) this.#deadlines.remove(first);
    first.grant();
    return first.held;
  }
  /** Whether somebody waits with a deadline. */
  get hasDeadlines() {
    return this.#deadlines.first !== undefined;
  }
  /** Those whose deadline has come leave; returns how many. */
  expire(now) {
    let count = 0;
    for (let { first } = this.#deadlines; first !== undefined && first.until <= now; { first } = this.#deadlines) {
      this.#deadlines.remove(first);
      this.#line.remove(first);
      first.fail(make('Timeout', { what: `the wait for ${this.#what}`, timeoutMs: first.timeoutMs }));
      count += 1;
    }
    return count;
  }
  /** All of them leave; returns how many. */
  clear(errorOf) {
    const all = this.#line.clear();
    for (const waiter of all) {
      this.#deadlines.remove(waiter);
      waiter.fail(errorOf());
    }
    return all.length;
  }

  /** Time is waited for until then, or the first deadline; one that rings too early is harmless. */
  arm(wakeAt) {
    const isWaiting = this.#line.length > 0;
    if (this.#isShared && isWaiting !== this.#isHolding) {
      this.#isHolding = isWaiting;
      if (isWaiting) hold();
      else release();
    }
    const at = Math.min(wakeAt, this.#deadlines.first?.until ?? Infinity);
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
