'use strict';
// Warm-up: loads what is not there yet, so many at a time, and counts.
const { wrongType } = require('../options');
const { readTtl, readWarmup } = require('./options');
const { checkKey } = require('./keys');

function checked(keys) {
  if (!Array.isArray(keys)) throw wrongType('keys', 'an array of { key, loader, ttl }', keys);
  for (const [at, entry] of keys.entries()) {
    if (entry === null || typeof entry !== 'object') throw wrongType(`keys[${at}]`, 'an object { key, loader, ttl }', entry);
    checkKey(entry.key);
    if (typeof entry.loader !== 'function') throw wrongType(`keys[${at}].loader`, 'a function', entry.loader);
    readTtl(entry.ttl, `keys[${at}].ttl`);
  }
  return keys;
}

/** Resolves with what was loaded or was there, and what failed: a loader that threw, or that had no value. */
async function warmup(cache, now, keys, options) {
  const { concurrency, onProgress } = readWarmup(options);
  const list = [...checked(keys)];
  const began = now();
  const result = { success: 0, failed: 0, totalTime: 0 };
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const { key, loader, ttl } = list[next];
      next += 1;
      try {
        // the loader of a warm-up takes no context
        const value = await cache.getOrSet(key, () => loader(), ttl);
        result[value === undefined ? 'failed' : 'success'] += 1;
      } catch {
        result.failed += 1;
      }
      try {
        onProgress?.(result.success + result.failed, list.length);
      } catch {
        // what a callback throws does not stop the warm-up
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, list.length) }, worker));
  result.totalTime = Math.max(now() - began, 0);
  return result;
}

module.exports = { warmup };
