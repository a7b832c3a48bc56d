'use strict';
// CacheManager: keys by namespace and entity, times by type, and counts, on a RedisClient.
const { cacheKey, hashKey } = require('..');
const { RedisClient } = require('./redis-client');

const DEFAULT_TTL_SECONDS = 60;
const TTL_SECONDS = new Map([['dashboard', 60], ['keys', 60], ['stats', 60], ['trend', 300]]);

/** A part of a key; what is no text or number goes in by its hash. */
const partOf = (value) => (value === undefined || value === null ? undefined : typeof value === 'object' ? hashKey(value) : String(value));
const isRedisClient = (value) => typeof value?.deletePattern === 'function' && typeof value.get === 'function';

class CacheManager {
  constructor(options) {
    /** What it is made on; may be replaced. */
    this.redis = isRedisClient(options) ? options : new RedisClient(options);
    this.stats = { hits: 0, misses: 0 };
  }

  generateKey(namespace, entity, id, extra) {
    return cacheKey(partOf(namespace) ?? '', partOf(entity) ?? '', partOf(id), partOf(extra));
  }
  getTTL(type) {
    return TTL_SECONDS.get(type) ?? DEFAULT_TTL_SECONDS;
  }

  async get(key) {
    const value = await safely(() => this.redis.get(key), null);
    this.stats[value === null || value === undefined ? 'misses' : 'hits'] += 1;
    return value ?? null;
  }
  async set(key, value, ttlSeconds) {
    return safely(() => this.redis.set(key, value, ttlSeconds ?? this.getTTL()), false);
  }
  async delete(key) {
    return safely(() => this.redis.delete(key), false);
  }
  async deletePattern(pattern) {
    return safely(() => this.redis.deletePattern(pattern), 0);
  }

  async invalidateUser(userId) {
    return invalidate(this, userId);
  }
  /** A key's id, or a key of this cache as it is. */
  async invalidateKey(key) {
    if (isNothing(key)) return 0;
    const removed = await invalidate(this, key);
    return (await this.delete(String(key))) ? removed + 1 : removed;
  }
  async invalidateNamespace(namespace) {
    return this.deletePattern(`${literally(this.generateKey(namespace, ''))}*`);
  }

  getStats() {
    const { hits, misses } = this.stats;
    const all = hits + misses;
    return { hits, misses, hitRate: `${(all === 0 ? 0 : (100 * hits) / all).toFixed(2)}%` };
  }

  isConnected() {
    return Boolean(atOnce(() => this.redis.isConnected(), false));
  }
  getClient() {
    return atOnce(() => this.redis.getClient(), null);
  }
  async disconnect() {
    await safely(() => this.redis.disconnect(), undefined);
  }
}

function atOnce(ask, otherwise) {
  try {
    return ask();
  } catch {
    return otherwise;
  }
}
async function safely(ask, otherwise) {
  try {
    return await ask();
  } catch {
    return otherwise;
  }
}

/** An id that is not there is nobody's: keys with an empty part stay. */
const isNothing = (id) => id === undefined || id === null || id === '';

/** What has that name as a part behind its namespace. */
async function invalidate(manager, id) {
  if (isNothing(id)) return 0;
  const part = await safely(() => literally(manager.generateKey('', id)), undefined);
  if (part === undefined) return 0;
  const removed = await Promise.all([`*${part}`, `*${part}:*`].map((pattern) => manager.deletePattern(pattern)));
  return removed[0] + removed[1];
}

/** A subclass may make keys of its own. */
const literally = (key) => key.replace(/[*?[\]\\]/g, '\\$&');

module.exports = { CacheManager };
