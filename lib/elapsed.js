'use strict';
// Elapsed time: milliseconds since a clock was made, never backwards. While `Date.now` and `performance.now` are the
// originals it is that of `performance.now`, so that a stepped wall clock does nothing. Once a test has replaced one of
// them, or `now` is given, that clock rules: its forward steps count, its backward steps do not.

// a fake that was there before us is not taken for the original
const realDate = Function.prototype.toString.call(Date.now) === 'function now() { [native code] }' ? Date.now : undefined;
const { performance: realObject } = globalThis;
const realPerformance = realDate === undefined ? undefined : realObject?.now;
const ticking = () => realPerformance.call(realObject);

/** What rules at the moment. */
const [REAL, DATE, PERFORMANCE, GIVEN] = [0, 1, 2, 3];
function ruling() {
  if (Date.now !== realDate || realPerformance === undefined) return DATE;
  return performance.now === realPerformance ? REAL : PERFORMANCE;
}

// one run of JavaScript is one moment of the real clock: reading that costs more than queueing an item
const settled = Promise.resolve();
let moment = -1;
const forgetMoment = () => {
  moment = -1;
};
let date = -1;
const forgetDate = () => {
  date = -1;
};
/** `Date.now()`, for who asks many times in a row: the real one is read once until the code that runs has ended. */
function dateMoment() {
  if (Date.now !== realDate) return Date.now();
  if (date === -1) {
    date = realDate();
    settled.then(forgetDate);
  }
  return date;
}

/** Two clocks are read within so many milliseconds, unless something else runs between. */
const CLOSE_MS = 0.02;
const TRIES = 10;
/** What the first clock is ahead of the second, by the closest of some readings: a thread may be held up between two. */
function aheadOf(first, second) {
  let [best, ahead] = [Infinity, 0];
  for (let tries = 0; tries < TRIES && best > CLOSE_MS; tries += 1) {
    const before = second();
    const at = first();
    const after = second();
    if (after - before < best) [best, ahead] = [after - before, at - (before + after) / 2];
  }
  return ahead;
}

class Elapsed {
  #given;
  #source;
  /** The last reading of the source, and what it stands for. */
  #last;
  #at = 0;
  /** Not earlier than this: timers have fired for it. */
  #floor = 0;
  /** The real clock when it last ruled: its reading, and what that stood for. */
  #realLast = 0;
  #realAt = 0;

  /** `given`: a clock that rules, in milliseconds. */
  constructor(given) {
    this.#given = given;
    this.#source = given === undefined ? ruling() : GIVEN;
    this.#last = this.#read();
    if (realPerformance !== undefined) this.#realLast = ticking();
  }

  /** The time. */
  now() {
    if (this.#source !== GIVEN && ruling() !== this.#source) this.#change();
    return this.#pass(this.#read());
  }

  /** The time, for who asks many times in a row: the real clock is read once until the code that runs has ended. */
  moment() {
    if (this.#source !== REAL) return this.now();
    // within the moment nobody looks whether `performance.now` was replaced: that look costs as much as all the rest
    if (moment === -1 || Date.now !== realDate) {
      if (ruling() !== REAL) return this.now();
      moment = ticking();
      settled.then(forgetMoment);
    }
    return this.#pass(moment);
  }

  /** Whether the real clock ruled at the last reading. */
  get isReal() {
    return this.#source === REAL;
  }

  /** The time of day, of the clock that rules. */
  wall() {
    return this.#source === GIVEN ? this.#given() : Date.now();
  }

  /** A timer that was set for that time has fired: it is as late, though some fake timers move no clock. */
  reach(at) {
    if (at > this.#floor) this.#floor = at;
  }

  #read() {
    if (this.#source === REAL) return ticking();
    if (this.#source === DATE) return Date.now();
    return this.#source === GIVEN ? this.#given() : performance.now();
  }

  #pass(reading) {
    const step = reading - this.#last;
    if (step > 0) {
      this.#at += step;
      this.#last = reading;
    } else if (step < 0 && this.#source !== REAL) {
      // the real one never goes back: that was a moment, older than what was read since
      this.#last = reading;
    }
    return this.#at > this.#floor ? this.#at : this.#floor;
  }

  /** Another clock rules from here on; what it is ahead of the real one counts as elapsed. */
  #change() {
    if (this.#source === REAL) this.#pass(ticking());
    const real = ticking();
    if (this.#source === REAL) this.#realAt = this.#at;
    else this.#realAt += real - this.#realLast;
    this.#realLast = real;
    this.#source = ruling();
    this.#last = this.#read();
    const ahead = this.#source === DATE ? this.#last - realDate() : this.#last - real;
    this.#at = Math.max(this.#at, this.#realAt + (this.#source === REAL ? 0 : ahead));
  }
}

module.exports = { Elapsed, aheadOf, dateMoment };
