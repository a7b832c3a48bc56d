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

/** Whom another thread or Redis lets go: nothing else leads to them while their limiter is in nobody's hands. */
const awaited = new Set();

let resolver;
let rejecter;
/** Of all promises here: one function instead of one for each. */
const keep = (resolve, reject) => {
  resolver = resolve;
  rejecter = reject;
};

class Waiter {
  /** `isTimed`: whose promise gives the time since when it has its permit, where that is known. */
  constructor(weight, held, isTimed) {
    this.weight = weight;
    this.held = held;
    this.isTimed = isTimed;
    // its place in line
    this.previous = this.next = this.run = undefined;
    this.patience = undefined;
    this.resolve = this.reject = undefined;
  }
  /** The promise of its turn. */
  promise() {
    const turn = new Promise(keep);
    this.resolve = resolver;
    this.reject = rejecter;
    return turn;
  }
  grant(at) {
    this.patience?.detach?.();
    this.resolve(this.isTimed ? at : true);
  }
  fail(error) {
    this.patience?.detach?.();
    this.reject(error);
  }
}

/** How long one waits: until a time, or a signal. */
class Patience {
  // the place among the deadlines
  place = -1;
  order = 0;
  /** Of the signal. */
  detach = undefined;

  /** `leave(waiter)`: out of the line. */
  constructor(waiter, until, timeoutMs, what, leave) {
    this.waiter = waiter;
    this.leave = leave;
    this.until = until;
    this.timeoutMs = timeoutMs;
    this.what = what;
  }
  /** The signal has fired. */
  fail(error) {
    this.leave(this.waiter);
    this.waiter.fail(error);
  }
}

class Waiters {
  #permits;
  #what;
  #isShared;
  #line = new Line(new Waiter(0, 0, false));
  #deadlines = new Deadlines();
  #timer;
  #timerAt = Infinity;
  // what the timer was set by, and is cleared by: fake ones may have come or gone since
  #set;
  #clear;
  #isHolding = false;
  /** Whom a signal has made leave, and nobody was told of yet. */
  #left = 0;

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
  add({ weight, timeoutMs, signal }, held, isTimed) {
    const waiter = new Waiter(weight, held, isTimed);
    const turn = waiter.promise();
    this.#line.push(waiter);
    if (timeoutMs !== Infinity || signal !== undefined) this.#limit(waiter, timeoutMs, signal);
    return turn;
  }
  #limit(waiter, timeoutMs, signal) {
    const until = timeoutMs === Infinity ? Infinity : Math.floor(this.#permits.time()) + timeoutMs;
    const patience = new Patience(waiter, until, timeoutMs, `the wait for ${this.#what}`, this.#leave);
    waiter.patience = patience;
    if (until !== Infinity) this.#deadlines.add(patience);
    if (signal !== undefined) heed(signal, patience, this.#giveUp);
  }
  #remove(waiter) {
    if (!this.#line.remove(waiter)) return false;
    if (waiter.patience !== undefined) this.#deadlines.remove(waiter.patience);
    return true;
  }
  #leave = (waiter) => {
    if (this.#remove(waiter)) this.#left += 1;
  };
  /** All that heed the signal have left: told once. */
  #giveUp = () => {
    const left = this.#left;
    this.#left = 0;
    if (left > 0) this.#permits.left(left);
  };

  /** The turn of the first has come, at that time if it is known. */
  grant(at) {
    const { first } = this.#line;
    this.#remove(first);
    first.grant(at);
  }
  /** Whether somebody waits with a deadline. */
  get hasDeadlines() {
    return this.#deadlines.first !== undefined;
  }
  /** Those whose deadline has come leave; returns how many. */
  expire(now) {
    let count = 0;
    for (let { first } = this.#deadlines; first !== undefined && first.until <= now; { first } = this.#deadlines) {
      this.#remove(first.waiter);
      first.waiter.fail(make('Timeout', { what: first.what, timeoutMs: first.timeoutMs }));
      count += 1;
    }
    return count;
  }
  /** All of them leave; returns how many. */
  clear(errorOf) {
    const all = this.#line.clear();
    for (const waiter of all) {
      if (waiter.patience !== undefined) this.#deadlines.remove(waiter.patience);
      waiter.fail(errorOf());
    }
    return all.length;
  }

  /** Time is waited for until then, or the first deadline; one that rings too early is harmless. */
  arm(wakeAt) {
    const isWaiting = this.#line.length > 0;
    if (this.#isShared && isWaiting !== this.#isHolding) {
      this.#isHolding = isWaiting;
      if (isWaiting) {
        hold();
        awaited.add(this.#permits);
      } else {
        release();
        awaited.delete(this.#permits);
      }
    }
    const at = Math.min(wakeAt, this.#deadlines.first?.until ?? Infinity);
    if (!isWaiting || at === Infinity) this.#stop();
    else if (at < this.#timerAt || this.isLost) this.#start(at);
  }
  /** Whether its timer never rings: it is a fake one, and the fakes are gone. */
  get isLost() {
    return this.#timer !== undefined && setTimeout !== this.#set;
  }
  #start(at) {
    this.#stop();
    const now = this.#permits.time();
    const delay = Math.max(0, Math.min(Math.ceil(at - now), LONGEST_MS));
    this.#timerAt = at - now > LONGEST_MS ? now + delay : at;
    this.#set = setTimeout;
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
