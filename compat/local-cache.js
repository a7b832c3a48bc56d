'use strict';
// LocalCache: live values with a time each, by reference, in a memory that is bounded.
const { TieredCache } = require('..');
const { wrongType, MAX_SECONDS } = require('../lib/options');

const DEFAULT_TTL_MS = 600_000;
const STATE = Symbol('state');

/** Ids are often numbers. */
const nameOf = (key) => (typeof key === 'string' ? key : String(key));
/** Seconds as the engine takes them; 0: nothing is to be stored. */
function secondsOf(ttlMs) {
  if (typeof ttlMs !== 'number' || Number.isNaN(ttlMs)) throw wrongType('ttlMs', 'a number of milliseconds', ttlMs);
  const seconds = Math.max(ttlMs, 0) / 1000;
  return seconds > MAX_SECONDS ? Infinity : seconds;
}
function jsonOf(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined; // a cycle, a BigInt
  }
}

class LocalCache {
  constructor(options) {
    const { maxEntries, now } = options ?? {};
    const cache = new TieredCache({ memory: { store: 'reference', maxEntries }, now });
    // loads under way by key: one that is no longer there has been overtaken by a set or a del
    Object.defineProperty(this, STATE, { value: { cache, loads: new Map() }, configurable: true });
  }

  /** Entries, those that expired and were not asked for since among them. */
  get size() {
    return this[STATE].cache.getStats().memory.entries;
  }

  set(key, value, ttlMs) {
    const name = nameOf(key);
    const ttl = secondsOf(ttlMs ?? DEFAULT_TTL_MS);
    const { cache, loads } = this[STATE];
    if (loads.size > 0) loads.delete(name);
    if (value === undefined || ttl === 0) cache.deleteSync(name);
    else cache.setSync(name, value, ttl);
  }

  get(key) {
    return this[STATE].cache.getSync(nameOf(key));
  }

  del(key) {
    const name = nameOf(key);
    this[STATE].loads.delete(name);
    return this[STATE].cache.deleteSync(name);
  }

  clear() {
    this[STATE].loads.clear();
    this[STATE].cache.clearSync();
  }

  isUnchanged(key, value) {
    const held = this.get(key);
    if (held === null && !this[STATE].cache.hasSync(nameOf(key))) return false;
    const text = jsonOf(held);
    return text === undefined ? held === value : text === jsonOf(value);
  }

  async getOrSet(key, loader, ttlMs) {
    const name = nameOf(key);
    secondsOf(ttlMs ?? DEFAULT_TTL_MS);
    const held = this.get(key);
    if (held !== null && held !== undefined) return held;
    // a null that was loaded is an answer; one that stands in the place of get() is not
    const { cache, loads } = this[STATE];
    if (held === null && cache.hasSync(name) && cache.getSync(name) === null) return null;
    let load = loads.get(name);
    if (load === undefined) {
      load = { value: undefined };
      loads.set(name, load);
      load.value = run(this, key, name, load, loader, ttlMs);
    }
    return load.value;
  }
}

async function run(local, key, name, load, loader, ttlMs) {
  const { loads } = local[STATE];
  try {
    const value = await loader();
    if (loads.get(name) === load) local.set(key, value, ttlMs);
    return value;
  } finally {
    if (loads.get(name) === load) loads.delete(name);
  }
}

module.exports = { LocalCache };
