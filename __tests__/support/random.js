'use strict';

/** A seeded generator of numbers in [0, 1) (mulberry32), so that a failing case can be run again. */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A whole number in [0, below). */
const below = (random, limit) => Math.floor(random() * limit);

/** One element. */
const pick = (random, list) => list[below(random, list.length)];

module.exports = { seeded, below, pick };
