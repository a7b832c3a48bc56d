'use strict';
// RedisClient: Redis alone, behind the names of a wrapped ioredis. Nothing here throws: Redis away is a miss.
const { TieredCache } = require('..');
const { integer } = require('../lib/options');
const { isClient } = require('../lib/redis-option');
const { text, number } = require('./environment');

const PASSED = ['username', 'tls', 'keyPrefix', 'connectTimeoutMs', 'commandTimeoutMs', 'breaker'];
const INJECTED = ['keyPrefix', 'commandTimeoutMs', 'breaker'];
const pick = (names, from) => Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
const within = (most, name, given, variable, fallback) =>
  (given !== undefined && given !== null ? integer(0, most)(given, name) : integer(0, most)(number(variable, fallback), variable));

/** Where Redis is, as arguments, variables and defaults say. */
function addressOf({ host, port, password, db }) {
  return {
    host: host ?? text('REDIS_HOST') ?? '127.0.0.1',
    port: within(65_535, 'port', port, 'REDIS_PORT', 6379),
    password: (password ?? text('REDIS_PASSWORD')) || undefined,
    db: within(2 ** 31 - 1, 'db', db, 'REDIS_DB', 0),
  };
}

class RedisClient {
  #options;
  #address;
  #client;
  #made;
  #cache;
  #ended = false;

  constructor(options) {
    this.#options = isClient(options) ? { client: options } : (options ?? {});
    this.#client = this.#options.client ?? undefined;
    this.#address = this.#client === undefined ? addressOf(this.#options) : undefined;
    this.#cache = this.#open();
  }
  #open() {
    const options = this.#options;
    const common = { format: 'plain', ttl: Infinity, whenDown: 'miss' };
    const redis = this.#client === undefined
      ? { ...common, ...this.#link(), ...pick(PASSED, options) }
      : { ...common, ...pick(INJECTED, options), client: this.#client };
    // no copy is served that Redis would not have given: callers change what they got
    const memory = options.memory ? { ...options.memory, store: 'bytes', near: false } : false;
    const cache = new TieredCache({ redis, memory, jitter: 0 });
    cache.initialize().catch(() => {});
    return cache;
  }
  #link() {
    const { host, port, password, db } = this.#address;
    return { url: `redis://${host.includes(':') ? `[${host}]` : host}:${port}`, password, db, keyPrefix: '', ...(!this.#options.keyPrefix && { tracking: false }) };
  }

  /** The application's own client, if it has given one; it may be replaced. */
  get client() {
    return this.#client;
  }
  set client(client) {
    const before = this.#cache;
    this.#client = client ?? undefined;
    this.#address ??= client ? undefined : addressOf(this.#options);
    this.#cache = this.#open();
    before.close().catch(() => {});
  }

  isConnected() {
    const { status, isReady } = this.#client ?? {};
    return !this.#ended && this.#cache.health().redis === 'up' && (typeof status !== 'string' || status === 'ready') && isReady !== false;
  }

  async get(key) {
    try {
      return await this.#cache.get(key);
    } catch {
      return null;
    }
  }
  async set(key, value, ttlSeconds) {
    try {
      return await this.#cache.set(key, value, ttlSeconds || Infinity);
    } catch {
      return false;
    }
  }
  async delete(key) {
    try {
      return this.#counted(await this.#cache.deleteMany([key])) > 0;
    } catch {
      return false;
    }
  }
  async getTTL(key) {
    try {
      const left = await this.#cache.ttl(key);
      return left < 0 ? left : Math.ceil(left);
    } catch {
      return -2;
    }
  }
  async deletePattern(pattern) {
    try {
      return this.#counted(await this.#cache.deletePattern(pattern));
    } catch {
      return 0;
    }
  }

  /** What went from memory alone, while Redis is down, is no deletion. */
  #counted(removed) {
    return this.#cache.health().redis === 'up' ? removed : 0;
  }

  /** The client that was given; else one of ioredis, where the application has that. */
  getClient() {
    if (this.#client !== undefined) return this.#client;
    if (this.#made === undefined && !this.#ended) this.#made = newClient({ ...this.#address, ...pick(['username', 'tls', 'keyPrefix'], this.#options) });
    return this.#made ?? null;
  }

  async disconnect() {
    this.#ended = true;
    this.#made?.disconnect();
    this.#made = undefined;
    await this.#cache.close();
  }
}

function newClient(options) {
  let ioredis;
  try {
    ioredis = require('ioredis');
  } catch {
    return undefined;
  }
  const { Redis = ioredis } = ioredis; // version 4 is the class itself
  // a client without a listener prints each failed connect
  return new Redis({ ...options, lazyConnect: true }).on('error', () => {});
}

module.exports = { RedisClient };
