'use strict';
// The time of a limiter's drop-in: elapsed milliseconds, by the owner's own clock where it has one, which may come, go or be
// replaced at any moment; and it may be moved on, for fields that say when a window began.
const { Elapsed } = require('../lib/elapsed');

class OwnElapsed {
  #owner;
  #usual = new Elapsed();
  #source;
  #last;
  #at = 0;
  #skipped = 0;

  /** `owner.now`: a clock in milliseconds; undefined: the usual one. */
  constructor(owner) {
    this.#owner = owner;
    this.#source = owner.now ?? undefined;
    this.#last = this.#read();
  }
  #read() {
    return this.#source === undefined ? this.#usual.now() : this.#source.call(this.#owner);
  }

  /** A function, as engines take their clock. */
  now = () => this.passed() + this.#skipped;
  /** The same without what was skipped: how long work has taken. */
  passed() {
    const now = this.#owner.now ?? undefined;
    if (now !== this.#source) {
      // another clock goes on from where this one stands
      this.#source = now;
      this.#last = this.#read();
    }
    const reading = this.#read();
    if (reading > this.#last) this.#at += reading - this.#last;
    this.#last = reading;
    return this.#at;
  }
  /** The time of day. */
  wall() {
    const now = this.#owner.now ?? undefined;
    return now === undefined ? Date.now() : now.call(this.#owner);
  }
  /** So much time has passed, whatever clocks say. */
  skip(ms) {
    this.#skipped += ms;
  }
}

module.exports = { OwnElapsed };
