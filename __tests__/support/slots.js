'use strict';
// What suites of the store of live values share.
const { Slots } = require('../../lib/cache/slots');

const at = 1_700_000_000_000;
const open = (options) => new Slots({ policy: 'lru', maxEntries: 100, now: () => at, ...options });
/** As expect(a).toBe(b), which is slow for what is asked a million times. */
const same = (a, b) => Object.is(a, b) || expect(a).toBe(b);
/** A generator, so that a failure can be repeated. */
function seeded(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

module.exports = { at, open, same, seeded };
