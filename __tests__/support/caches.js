'use strict';
// What suites of TieredCache share: caches that are closed after each test, loaders that are settled by hand, and failures as values.
const { TieredCache } = require('sluice');

const STORES = [['reference'], ['bytes']];
const open = [];
const cacheOf = (options) => {
  const cache = new TieredCache(options);
  open.push(cache);
  return cache;
};
/** Makes caches of one store, each of which sets their clock anew. */
function clocked(store) {
  const clock = { now: 0 };
  const make = (options = {}) => {
    clock.now = 1_000_000;
    return cacheOf({ now: () => clock.now, ...options, memory: { store, ...options.memory } });
  };
  return { clock, make };
}
/** Closes what was opened. */
const closeAll = () => Promise.all(open.splice(0).map((cache) => cache.close()));
const failure = (promise) => promise.then(() => undefined, (error) => error);
const thrown = (run) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
};
/** A loader that is settled by hand. */
function byHand() {
  const calls = [];
  const loader = (context) => new Promise((resolve, reject) => calls.push({ context, resolve, reject }));
  return { calls, loader };
}
const turns = async (count = 10) => {
  for (let at = 0; at < count; at += 1) await null;
};

module.exports = { STORES, cacheOf, clocked, closeAll, failure, thrown, byHand, turns };
