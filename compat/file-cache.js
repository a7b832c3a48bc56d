'use strict';
// FileCache: the disk tier alone, behind the names of a cache that kept a file per key.
const path = require('node:path');
const { TieredCache } = require('..');
const { bytes, string, seconds, wrongType } = require('../lib/options');
const { nameOf } = require('./key');

const DEFAULT_TTL_SECONDS = 86_400;
const STATE = Symbol('state');
const pathOf = string('cache');
const ttlOf = seconds(DEFAULT_TTL_SECONDS);
const bytesOf = bytes();

class FileCache {
  constructor(options) {
    const { basePath, ttl, maxBytes } = options ?? {};
    const state = { cache: undefined, connecting: undefined, ended: undefined, maxBytes: bytesOf(maxBytes ?? undefined, 'maxBytes') };
    Object.defineProperty(this, STATE, { value: state, configurable: true });
    this.basePath = pathOf(basePath ?? undefined, 'basePath');
    /** Seconds. */
    this.ttl = ttlOf(ttl ?? undefined, 'ttl');
  }

  connect() {
    const state = this[STATE];
    state.connecting ??= connect(state, this.basePath);
    return state.connecting.done;
  }

  async get(key, type = 'json') {
    const cache = connected(this);
    const name = nameOf(key);
    if (type === 'json') return cache.get(name);
    if (type !== 'text' && type !== 'buffer') throw wrongType('type', "'json', 'text' or 'buffer'", type);
    const bytes = await cache.getBytes(name);
    return type === 'text' && bytes !== null ? bytes.toString('utf8') : bytes;
  }

  async set(key, value, ttlSeconds) {
    const cache = connected(this);
    const ttl = ttlSeconds ?? this.ttl;
    if (!(typeof ttl === 'number' && ttl <= 0)) return cache.set(nameOf(key), value, ttl);
    await this.delete(key);
    return true;
  }

  async delete(key) {
    const cache = connected(this);
    // what has expired is not there, though the disk may still have it
    const was = await cache.has(nameOf(key));
    await cache.deleteMany([nameOf(key)]);
    return was;
  }
  async exists(key) {
    return connected(this).has(nameOf(key));
  }
  async listKeys(prefix) {
    return connected(this).keys(prefix ?? '', Infinity);
  }

  disconnect() {
    const state = this[STATE];
    const { connecting, ended } = state;
    // said at once, so that a connect() behind it counts
    state.cache = state.connecting = undefined;
    if (connecting !== undefined) {
      const closed = connecting.opened.then((cache) => cache.close(), () => {});
      state.ended = Promise.all([ended, closed]).then(() => {});
    }
    return state.ended ?? Promise.resolve();
  }
}

/** `opened`: the store; `done`: the same, known to the cache, unless it was disconnected meanwhile. */
function connect(state, basePath) {
  const opened = open(path.resolve(basePath), state.maxBytes);
  const connecting = { opened, done: undefined };
  connecting.done = opened.then(
    (cache) => {
      if (state.connecting === connecting) state.cache = cache;
    },
    (error) => {
      if (state.connecting === connecting) state.connecting = undefined;
      throw error;
    },
  );
  return connecting;
}

async function open(folder, maxBytes) {
  // a TTL of one's own may be longer than the usual one
  const cache = new TieredCache({ memory: false, disk: { path: folder, ttl: Infinity, maxBytes }, jitter: 0 });
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
