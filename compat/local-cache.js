'use strict';
// LocalCache: live values with a time each, by reference, in a memory that is bounded.
const { TieredCache } = require('..');
const { wrongType, MAX_SECONDS } = require('../lib/options');

const DEFAULT_TTL_MS = 600_000;

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
  #cache;
  /** Loads under way by key; one that is no longer here has been overtaken by a set or a del. */
  #loads = new Map();

  constructor(options) {
    const { maxEntries, now } = options ?? {};
    this.#cache = new TieredCache({ memory: { store: 'reference', maxEntries }, now });
  }

  /** Entries, those that expired and were not asked for since among them. */
  get size() {
    return this.#cache.getStats().memory.entries;
  }

  set(key, value, ttlMs) {
    const name = nameOf(key);
    const ttl = secondsOf(ttlMs ?? DEFAULT_TTL_MS);
    this.#loads.delete(name);
    if (value === undefined || ttl === 0) this.#cache.deleteSync(name);
    else this.#cache.setSync(name, value, ttl);
  }

  get(key) {
    return this.#cache.getSync(nameOf(key));
  }

  del(key) {
    const name = nameOf(key);
    this.#loads.delete(name);
    return this.#cache.deleteSync(name);
  }

  clear() {
    this.#loads.clear();
    this.#cache.clearSync();
  }

  isUnchanged(key, value) {
    const held = this.get(key);
    if (held === null && !this.#cache.hasSync(nameOf(key))) return false;
    const text = jsonOf(held);
    return text === undefined ? held === value : text === jsonOf(value);
  }

  async getOrSet(key, loader, ttlMs) {
    const name = nameOf(key);
    secondsOf(ttlMs ?? DEFAULT_TTL_MS);
    const held = this.get(key);
    // a null that was loaded is an answer
    if (held !== null || this.#cache.hasSync(name)) return held;
    let load = this.#loads.get(name);
    if (load === undefined) {
      load = { value: undefined };
      this.#loads.set(name, load);
      load.value = this.#load(key, name, load, loader, ttlMs);
    }
    return load.value;
  }

  async #load(key, name, load, loader, ttlMs) {
    try {
      const value = await loader();
      if (this.#loads.get(name) === load) this.set(key, value, ttlMs);
      return value;
    } finally {
      if (this.#loads.get(name) === load) this.#loads.delete(name);
    }
  }
}

module.exports = { LocalCache };
