'use strict';
// The one timer of a buffer. It is there only while the machine waits for time, and moved only to be earlier: one that
// rings too early is harmless.
const { nextTurn, hold, release } = require('../completion');

const settled = Promise.resolve();
/** Of a JavaScript timer. */
const LONGEST_MS = 2 ** 31 - 1;

class Wake {
  #clock;
  #ring;
  #turn;
  #look;
  #lookAt = Infinity;
  #at = Infinity;
  #timer;
  // what the timer was set by, and is cleared by: fake ones may have come or gone since
  #set;
  #clear;
  #isTurning = false;
  #isHolding = false;

  /**
   * `ring()` is called when the time has come, `turn()` when the event loop has turned, `look()` when the code that runs
   * has ended.
   */
  constructor(clock, { ring, turn, look }) {
    this.#clock = clock;
    this.#ring = ring;
    this.#turn = turn;
    this.#look = look;
  }

  /** When it rings; Infinity: it is not set. */
  get ringsAt() {
    return this.isLost ? Infinity : this.#at;
  }
  /** Whether it never rings: it is a fake one, and the fakes are gone. */
  get isLost() {
    return this.#timer !== undefined && setTimeout !== this.#set;
  }
  /** Whether what is to come at that time needs nothing more to be done. */
  covers(time) {
    return time === Infinity ? this.#at === Infinity : time >= this.ringsAt || time >= this.#lookAt;
  }
  /** Nothing later than that is waited for; Infinity: nothing is. */
  at(time) {
    this.clear();
    if (time === Infinity) return;
    const now = Math.floor(this.#clock.now());
    const delay = Math.max(0, Math.min(time - now, LONGEST_MS));
    this.#at = now + delay;
    this.#set = setTimeout;
    this.#clear = clearTimeout;
    this.#timer = setTimeout(this.#fire, delay);
  }
  #fire = () => {
    this.#clock.reach(this.#at);
    this.#at = Infinity;
    this.#timer = undefined;
    this.#ring();
  };

  /**
   * The same, once the code that runs has ended. A suite that runs all timers does so before a handler's promise can
   * settle: it must not meet the one that watches that handler.
   */
  later(time) {
    const isLooking = this.#lookAt !== Infinity;
    this.#lookAt = time;
    if (isLooking) return;
    settled.then(() => {
      this.#lookAt = Infinity;
      this.#look();
    });
  }

  /** The event loop is to turn once. */
  soon() {
    if (this.#isTurning) return;
    this.#isTurning = true;
    nextTurn().then(() => {
      this.#isTurning = false;
      this.#turn();
    });
  }

  /** The process stays while something is with a handler that no timer watches. */
  keep(isBusy) {
    if (isBusy === this.#isHolding) return;
    this.#isHolding = isBusy;
    if (isBusy) hold();
    else release();
  }

  clear() {
    if (this.#timer === undefined) return;
    (0, this.#clear)(this.#timer);
    this.#timer = undefined;
    this.#at = Infinity;
  }
}

module.exports = { Wake };
