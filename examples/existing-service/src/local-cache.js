'use strict';
// The first tier: a Map with deadlines. Values are handed out as they are.

class LocalCache {
  constructor() {
    this.cache = new Map();
  }

  set(key, value, ttlMs = 600_000) {
    this.cache.set(key, { value, expiresAt: Date.now() + ttlMs });
  }

  get(key) {
    const item = this.cache.get(key);
    if (!item) return null;
    if (Date.now() > item.expiresAt) {
      this.cache.delete(key);
      return null;
    }
    return item.value;
  }

  del(key) {
    this.cache.delete(key);
  }

  clear() {
    this.cache.clear();
  }

  /** Whether the value is what is cached already, so that a job's progress is not told twice. */
  isUnchanged(key, value) {
    const known = this.get(key);
    return known !== null && JSON.stringify(known) === JSON.stringify(value);
  }

  async getOrSet(key, loader, ttlMs) {
    const known = this.get(key);
    if (known !== null) return known;
    const value = await loader();
    this.set(key, value, ttlMs);
    return value;
  }
}

module.exports = { LocalCache };
