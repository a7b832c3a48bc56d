'use strict';
// FileCache: the disk tier alone, behind the names of a cache that kept a file per key.
const path = require('node:path');
const { TieredCache } = require('..');
const { string, seconds, wrongType } = require('../lib/options');

const DEFAULT_TTL_SECONDS = 86_400;
const pathOf = string('cache');
const ttlOf = seconds(DEFAULT_TTL_SECONDS);

class FileCache {
  #cache;
  #connecting;

  constructor(options) {
    const { basePath, ttl } = options ?? {};
    this.basePath = path.resolve(pathOf(basePath ?? undefined, 'basePath'));
    /** Seconds. */
    this.ttl = ttlOf(ttl ?? undefined, 'ttl');
  }

  connect() {
    this.#connecting ??= this.#connect().catch((error) => {
      this.#connecting = undefined;
      throw error;
    });
    return this.#connecting;
  }
  async #connect() {
    // a TTL of one's own may be longer than the usual one
    const cache = new TieredCache({ memory: false, disk: { path: this.basePath, ttl: Infinity }, jitter: 0 });
    let reason;
    cache.on('degraded', (_tier, error) => (reason = error));
    await cache.initialize();
    if (cache.health().disk === 'up') {
      this.#cache = cache;
      return;
    }
    await cache.close();
    throw reason ?? new Error(`${this.basePath} cannot be opened`);
  }
  #connected() {
    if (this.#cache === undefined) throw new Error('Not connected'); // no code: vitest's suites compare members, too
    return this.#cache;
  }

  async get(key, type = 'json') {
    const cache = this.#connected();
    if (type === 'json') return cache.get(key);
    if (type !== 'text' && type !== 'buffer') throw wrongType('type', "'json', 'text' or 'buffer'", type);
    const bytes = await cache.getBytes(key);
    return type === 'text' && bytes !== null ? bytes.toString('utf8') : bytes;
  }

  async set(key, value, ttlSeconds) {
    const cache = this.#connected();
    const ttl = ttlSeconds ?? this.ttl;
    if (!(typeof ttl === 'number' && ttl <= 0)) return cache.set(key, value, ttl);
    await this.delete(key);
    return true;
  }

  async delete(key) {
    const cache = this.#connected();
    // what has expired is not there, though the disk may still have it
    const was = await cache.has(key);
    await cache.deleteMany([key]);
    return was;
  }
  async exists(key) {
    return this.#connected().has(key);
  }
  async listKeys(prefix = '') {
    return this.#connected().keys(prefix, Infinity);
  }

  async disconnect() {
    await this.#connecting?.catch(() => {});
    const cache = this.#cache;
    this.#cache = this.#connecting = undefined;
    await cache?.close();
  }
}

module.exports = { FileCache };
