'use strict';
// RedisClient: Redis alone, behind the names of a wrapped ioredis. Nothing here throws: Redis away is a miss.
const { TieredCache } = require('..');
const { integer } = require('../lib/options');
const { isClient } = require('../lib/redis-option');
const { text, number } = require('./environment');
const { nameOf } = require('./key');

const STATE = Symbol('state');
const PASSED = ['username', 'tls', 'keyPrefix', 'connectTimeoutMs', 'commandTimeoutMs', 'breaker'];
const INJECTED = ['keyPrefix', 'commandTimeoutMs', 'breaker'];
const pick = (names, from) => Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
/** Services hand on what their variables say, so texts are numbers here as they are to ioredis; one that is empty counts as not set. */
const numeric = (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value);
const within = (most, name, given, variable, fallback) =>
  (given !== undefined && given !== null && given !== '' ? integer(0, most)(numeric(given), name) : integer(0, most)(number(variable, fallback), variable));
/** Without one, or with 0, there is no end; what is no number must not mean that. */
function secondsOf(ttlSeconds) {
  const ttl = numeric(ttlSeconds ?? 0);
  return ttl === 0 || ttl === '' ? Infinity : ttl;
}

/** Where Redis is, as arguments, variables and defaults say. */
function addressOf({ host, port, password, db }) {
  return {
    host: (host || text('REDIS_HOST')) ?? '127.0.0.1',
    port: within(65_535, 'port', port, 'REDIS_PORT', 6379),
    password: (password ?? text('REDIS_PASSWORD')) || undefined,
    db: within(2 ** 31 - 1, 'db', db, 'REDIS_DB', 0),
  };
}

class RedisClient {
  constructor(options) {
    const given = isClient(options) ? { client: options } : (options ?? {});
    const client = given.client ?? undefined;
    const state = { options: given, client, address: client === undefined ? addressOf(given) : undefined, made: undefined, cache: undefined, ended: false };
    state.cache = open(state);
    Object.defineProperty(this, STATE, { value: state, configurable: true });
  }

  /** The application's own client, if it has given one; it may be replaced. null takes it away, as disconnect() does. */
  get client() {
    return this[STATE].client;
  }
  set client(client) {
    const state = this[STATE];
    const before = state.cache;
    const next = client ?? undefined;
    if (next !== undefined) state.cache = open({ ...state, client: next });
    state.client = next;
    state.ended = next === undefined;
    state.made?.disconnect();
    state.made = undefined;
    before.close().catch(() => {});
  }

  isConnected() {
    const { client, ended, cache } = this[STATE];
    const { status, isReady } = client ?? {};
    return !ended && cache.health().redis === 'up' && (typeof status !== 'string' || status === 'ready') && isReady !== false;
  }

  async get(key) {
    try {
      return await this[STATE].cache.get(nameOf(key));
    } catch {
      return null;
    }
  }
  async set(key, value, ttlSeconds) {
    try {
      return await this[STATE].cache.set(nameOf(key), value, secondsOf(ttlSeconds));
    } catch {
      return false;
    }
  }
  async delete(key) {
    try {
      return counted(this[STATE], await this[STATE].cache.deleteMany([nameOf(key)])) > 0;
    } catch {
      return false;
    }
  }
  async getTTL(key) {
    try {
      const left = await this[STATE].cache.ttl(nameOf(key));
      return left < 0 ? left : Math.ceil(left);
    } catch {
      return -2;
    }
  }
  async deletePattern(pattern) {
    try {
      return counted(this[STATE], await this[STATE].cache.deletePattern(pattern));
    } catch {
      return 0;
    }
  }

  /** The client that was given; else one of ioredis, where the application has that. */
  getClient() {
    const state = this[STATE];
    if (state.client !== undefined) return state.client;
    if (state.made === undefined && !state.ended) state.made = newClient({ ...state.address, ...pick(['username', 'tls', 'keyPrefix'], state.options) });
    return state.made ?? null;
  }

  async disconnect() {
    const state = this[STATE];
    state.ended = true;
    state.made?.disconnect();
    state.made = undefined;
    await state.cache.close();
  }
}

function open({ options, client, address }) {
  const common = { format: 'plain', ttl: Infinity, whenDown: 'miss' };
  const redis = client === undefined
    ? { ...common, ...linkOf(address, options), ...pick(PASSED, options) }
    : { ...common, ...pick(INJECTED, options), client: whole(client) };
  // no copy is served that Redis would not have given: callers change what they got
  const memory = options.memory ? { ...options.memory, store: 'bytes', near: false } : false;
  const cache = new TieredCache({ redis, memory, jitter: 0 });
  cache.initialize().catch(() => {});
  return cache;
}
/** Suites mock what they ask about: a method that is not there fails as one that Redis refuses. */
function whole(client) {
  const missing = ['get', 'set', 'del'].filter((name) => typeof client?.[name] !== 'function');
  if (missing.length === 0 || missing.length === 3) return client;
  const refused = (name) => ({ value: () => Promise.reject(new Error(`the client has no ${name}`)) });
  return Object.create(client, Object.fromEntries(missing.map((name) => [name, refused(name)])));
}
function linkOf({ host, port, password, db }, { keyPrefix }) {
  return { url: `redis://${host.includes(':') ? `[${host}]` : host}:${port}`, password, db, keyPrefix: '', ...(!keyPrefix && { tracking: false }) };
}

/** What went from memory alone, while Redis is down, is no deletion. */
const counted = ({ cache }, removed) => (cache.health().redis === 'up' ? removed : 0);

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
