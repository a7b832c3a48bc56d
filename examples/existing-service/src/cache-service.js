'use strict';
// Three tiers in front of slow things: this process, Redis, files.
const os = require('node:os');
const path = require('node:path');
const { BloomFilter } = require('./bloom-filter');
const { FileCache } = require('./file-cache');
const { LocalCache } = require('./local-cache');

const L1_TTL_SECONDS = 10;
const percent = (part, whole) => `${(whole ? (part / whole) * 100 : 0).toFixed(2)}%`;
const isOn = (name) => process.env[name] !== 'false';

class CacheService {
  constructor({ redis, l3Path } = {}) {
    this.redis = redis ?? null;
    this.l1 = new LocalCache();
    this.l3 = isOn('CACHE_L3_ENABLED')
      ? new FileCache({ basePath: l3Path ?? process.env.CACHE_L3_PATH ?? path.join(os.tmpdir(), 'service-cache') })
      : null;
    this.absent = isOn('CACHE_BLOOM_FILTER') ? new BloomFilter() : null;
    this.resetStats();
  }

  resetStats() {
    this.stats = { totalRequests: 0, hits: { l1: 0, l2: 0, l3: 0 }, misses: 0 };
  }

  initialize() {
    this.ready ??= this.start();
    return this.ready;
  }

  async start() {
    if (!this.redis && process.env.REDIS_URL) {
      const Redis = require('ioredis');
      this.redis = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: 1 });
      this.redis.on('error', () => {});
      this.owned = true;
    }
    await this.l3?.connect();
  }

  async readRedis(key) {
    let text;
    try {
      text = await this.redis.get(key);
      return JSON.parse(text);
    } catch {
      return text ?? null;
    }
  }

  async get(key, type = 'json', { skipL1 = false, skipL2 = false, skipL3 = false } = {}) {
    await this.initialize();
    this.stats.totalRequests += 1;
    let value = skipL1 ? null : this.l1.get(key);
    if (value !== null) {
      this.stats.hits.l1 += 1;
      return this.as(type, value);
    }
    this.stats.misses += 1;
    if (this.absent?.has(key)) return null;
    if (!skipL2 && this.redis) {
      value = await this.readRedis(key);
      if (value !== null) this.stats.hits.l2 += 1;
      else this.stats.misses += 1;
    }
    if (value === null && !skipL3 && this.l3) {
      value = await this.l3.get(key);
      if (value === null) this.stats.misses += 1;
      else {
        this.stats.hits.l3 += 1;
        if (!skipL2) await this.writeRedis(key, value, 3600);
      }
    }
    if (value === null) {
      if (!skipL1 && !skipL2 && !skipL3) this.absent?.add(key);
      return null;
    }
    if (!skipL1) this.l1.set(key, value, L1_TTL_SECONDS * 1000);
    return this.as(type, value);
  }

  as(type, value) {
    const text = () => (typeof value === 'string' ? value : JSON.stringify(value));
    if (type === 'text') return text();
    return type === 'buffer' ? Buffer.from(text()) : value;
  }

  async set(key, value, ttlSeconds = 3600, { skipL1, skipL2, skipL3, skipTtlRandomization, l1Ttl = L1_TTL_SECONDS, l3Ttl = 86_400 } = {}) {
    await this.initialize();
    const ttl = skipTtlRandomization ? ttlSeconds : ttlSeconds * (0.9 + Math.random() * 0.2);
    if (!skipL1) this.l1.set(key, value, l1Ttl * 1000);
    if (!skipL3) await this.l3?.set(key, value, l3Ttl);
    return skipL2 || !this.redis ? true : this.writeRedis(key, value, ttl);
  }

  async writeRedis(key, value, ttl) {
    try {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return (await this.redis?.set(key, text, 'EX', Math.floor(ttl))) === 'OK';
    } catch {
      return false;
    }
  }

  async delete(key, { pattern = false } = {}) {
    await this.initialize();
    if (pattern || key.includes('*')) return this.deletePattern(key);
    this.l1.del(key);
    try {
      await this.redis?.del(key);
    } catch { /* it goes by its deadline */ }
    await this.l3?.delete(key);
    return true;
  }

  async deletePattern(pattern) {
    const like = new RegExp(`^${pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`);
    for (const key of [...this.l1.cache.keys()]) if (like.test(key)) this.l1.del(key);
    try {
      const [, keys] = (await this.redis?.scan('0', 'MATCH', pattern, 'COUNT', 1000)) ?? ['0', []];
      if (keys.length) await this.redis.del(...keys);
    } catch {
      return false;
    }
    return true;
  }

  /** Loads what will be asked for: `[{ key, loader, ttl }]`. */
  async preheat(keys, { concurrency = 10 } = {}) {
    const start = Date.now();
    let success = 0;
    for (let at = 0; at < keys.length; at += concurrency) {
      const loads = keys.slice(at, at + concurrency).map(async ({ key, loader, ttl }) => this.set(key, await loader(), ttl));
      success += (await Promise.allSettled(loads)).filter(({ status }) => status === 'fulfilled').length;
    }
    return { success, failed: keys.length - success, totalTime: Date.now() - start };
  }

  /** Many at once: `[{ type: 'get' | 'set' | 'delete', key, value, ttl }]`. */
  async batchOperation(operations) {
    const results = [];
    for (const { type, key, value, ttl, options } of operations) {
      if (type === 'get') results.push({ success: true, key, value: await this.get(key, 'json', options) });
      else if (type === 'set') results.push({ success: await this.set(key, value, ttl, options), key });
      else results.push({ success: true, key, deleted: await this.delete(key, options) });
    }
    return results;
  }

  async listKeys(prefix = '') {
    await this.initialize();
    const keys = new Set((await this.l3?.listKeys(prefix)) ?? []);
    for (const key of this.l1.cache.keys()) if (key.startsWith(prefix)) keys.add(key);
    return [...keys];
  }

  getStats() {
    const { totalRequests, hits, misses } = this.stats;
    return {
      totalRequests,
      hits: { ...hits },
      misses,
      hitRate: percent(hits.l1 + hits.l2 + hits.l3, totalRequests),
      l1HitRate: percent(hits.l1, totalRequests),
      l2HitRate: percent(hits.l2, totalRequests),
      l3HitRate: percent(hits.l3, totalRequests),
    };
  }

  async destroy() {
    this.l1.clear();
    await this.l3?.disconnect();
    if (this.owned) this.redis.disconnect();
  }
}

module.exports = { CacheService };
