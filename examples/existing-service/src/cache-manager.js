'use strict';
// Names, lifetimes and invalidation of the dashboard's cached answers.
const { RedisClient } = require('./redis-client');

const TTL_SECONDS = { dashboard: 60, keys: 60, stats: 60, trend: 300 };

class CacheManager {
  constructor(redis = new RedisClient()) {
    this.redis = typeof redis.deletePattern === 'function' ? redis : new RedisClient(redis);
    this.hits = 0;
    this.misses = 0;
  }

  generateKey(namespace, entity, id, extra) {
    return [namespace, entity, id, extra].filter((part) => part !== undefined).join(':');
  }

  getTTL(type) {
    return TTL_SECONDS[type] ?? 60;
  }

  async get(key) {
    const value = await this.redis.get(key);
    if (value) this.hits += 1;
    else this.misses += 1;
    return value;
  }

  set(key, value, ttl = 60) {
    return this.redis.set(key, value, ttl);
  }

  delete(key) {
    return this.redis.delete(key);
  }

  invalidateUser(id) {
    return this.redis.deletePattern(`*:user:${id}*`);
  }

  invalidateKey(id) {
    return this.redis.deletePattern(`*:key:${id}*`);
  }

  invalidateNamespace(namespace) {
    return this.redis.deletePattern(`${namespace}:*`);
  }

  getStats() {
    return { hits: this.hits, misses: this.misses, hitRate: `${((this.hits / (this.hits + this.misses)) * 100).toFixed(2)}%` };
  }
}

module.exports = { CacheManager };
