'use strict';
// The time for who asks thousands of times a second: the real clock is read once for each 10 ms then, and what is said until the
// next reading is as late as that may be. A permit that was taken so is free a little late, never early.
const clock = require('../clock');

const { realNow } = clock;
/** How often native code moves the rounds. */
const ROUND_MS = 10;
/** One reading serves so many calls, so that a writer that the system holds up does no harm. */
const USES = 64;
/** So many readings within so short a time have the rounds written. */
const [BURST, BURST_MS] = [64, 16];

class Recent {
  #elapsed;
  #round = NaN;
  #uses = 0;
  #late = 0;
  #burst = 0;
  #burstBegan = 0;
  isOn;

  constructor(elapsed, isOn) {
    this.#elapsed = elapsed;
    this.isOn = isOn;
  }

  now() {
    if (this.#uses > 0 && clock.rounds() === this.#round && Date.now === realNow) {
      this.#uses -= 1;
      return this.#late;
    }
    return this.#read();
  }
  #read() {
    this.#uses = 0;
    const at = this.#elapsed.now();
    if (!this.isOn || !this.#elapsed.isReal) return at;
    const round = clock.rounds();
    // negative: nobody writes them
    if (round < 0) this.#count(at);
    else {
      clock.beat();
      this.#round = round;
      this.#late = at + ROUND_MS;
      this.#uses = USES;
    }
    return at;
  }
  #count(at) {
    if (at - this.#burstBegan > BURST_MS) {
      this.#burst = 0;
      this.#burstBegan = at;
    }
    this.#burst += 1;
    if (this.#burst < BURST) return;
    this.#burst = 0;
    clock.wake();
  }
}

module.exports = { Recent };
