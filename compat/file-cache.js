'use strict';
// FileCache: the disk tier alone, behind the names of a cache that kept a file per key.
const path = require('node:path');
const { TieredCache } = require('..');
const { string, seconds, wrongType } = require('../lib/options');

const DEFAULT_TTL_SECONDS = 86_400;
const STATE = Symbol('state');
const pathOf = string('cache');
const ttlOf = seconds(DEFAULT_TTL_SECONDS);

class FileCache {
  constructor(options) {
    const { basePath, ttl } = options ?? {};
    Object.defineProperty(this, STATE, { value: { cache: undefined, connecting: undefined }, configurable: true });
    this.basePath = path.resolve(pathOf(basePath ?? undefined, 'basePath'));
    /** Seconds. */
    this.ttl = ttlOf(ttl ?? undefined, 'ttl');
  }

  connect() {
    const state = this[STATE];
    state.connecting ??= open(this.basePath).then(
      (cache) => {
        state.cache = cache;
      },
      (error) => {
        state.connecting = undefined;
        throw error;
      },
    );
    return state.connecting;
  }

  async get(key, type = 'json') {
    const cache = connected(this);
    if (type === 'json') return cache.get(key);
    if (type !== 'text' && type !== 'buffer') throw wrongType('type', "'json', 'text' or 'buffer'", type);
    const bytes = await cache.getBytes(key);
    return type === 'text' && bytes !== null ? bytes.toString('utf8') : bytes;
  }

  async set(key, value, ttlSeconds) {
    const cache = connected(this);
    const ttl = ttlSeconds ?? this.ttl;
    if (!(typeof ttl === 'number' && ttl <= 0)) return cache.set(key, value, ttl);
    await this.delete(key);
    return true;
  }

  async delete(key) {
    const cache = connected(this);
    // what has expired is not there, though the disk may still have it
    const was = await cache.has(key);
    await cache.deleteMany([key]);
    return was;
  }
  async exists(key) {
    return connected(this).has(key);
  }
  async listKeys(prefix = '') {
    return connected(this).keys(prefix, Infinity);
  }

  async disconnect() {
    const state = this[STATE];
    await state.connecting?.catch(() => {});
    const { cache } = state;
    state.cache = state.connecting = undefined;
    await cache?.close();
  }
}

async function open(folder) {
  // a TTL of one's own may be longer than the usual one
  const cache = new TieredCache({ memory: false, disk: { path: folder, ttl: Infinity }, jitter: 0 });
  let reason;
  cache.on('degraded', (_tier, error) => (reason = error));
  await cache.initialize();
  if (cache.health().disk === 'up') return cache;
  await cache.close();
  throw reason ?? new Error(`${folder} cannot be opened`);
}

function connected(files) {
  const { cache } = files[STATE];
  if (cache === undefined) throw new Error('Not connected');
  return cache;
}

module.exports = { FileCache };
