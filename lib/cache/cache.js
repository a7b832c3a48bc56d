'use strict';
// TieredCache: memory, Redis, disk. A cache is a view of its tiers; a namespace is another, whose keys carry a prefix.
const { EventEmitter } = require('node:events');
const { make } = require('../errors');
const { integer, string, text, milliseconds, wrongType, MAX_SECONDS } = require('../options');
const { readSet, readTtl } = require('./options');
const { checkKey, checkKeys, checkPrefix } = require('./keys');
const { getOrSet } = require('./load');
const reads = require('./reads');
const writes = require('./writes');
const removes = require('./removes');
const { Tiers } = require('./tiers');
const { View, NOWHERE } = require('./view');
const { warmup } = require('./warmup');

const VIEW = Symbol('view');
const EVENTS = new Set(['degraded', 'recovered', 'invalidated', 'evicted']);

class TieredCache extends EventEmitter {
  #view;
  // the hot path's own copies: where live values are, and what goes before keys there
  #near;
  #prefix;
  #counts;
  // live values, where setting one that is there is nothing but that; and the loads that such a set would have to look at
  #live;
  #loads;
  // an engine that has to look whether other processes changed something before a near value is served
  #polls;

  constructor(options, view) {
    super();
    this.#view = options === VIEW ? view : new View(new Tiers(options), '');
    this.#near = this.#view.near;
    this.#prefix = this.#view.nearPrefix;
    this.#counts = this.#view.tiers.stats.cells;
    this.#live = this.#view.tiers.plain;
    this.#loads = this.#view.tiers.flights.byKey;
    this.#polls = this.#view.tiers.engine?.polls ? this.#view.tiers.engine : undefined;
    this.#view.emitter = this;
  }

  // tiers tell of nothing that nobody listens to
  on(event, listener) {
    super.on(event, listener);
    return this.#hear(event);
  }
  addListener(event, listener) {
    super.addListener(event, listener);
    return this.#hear(event);
  }
  prependListener(event, listener) {
    super.prependListener(event, listener);
    return this.#hear(event);
  }
  #hear(event) {
    if (EVENTS.has(event) && !this.#view.closed) this.#view.tiers.hear(this.#view, event);
    return this;
  }

  async initialize() {
    const { tiers } = this.#view.open();
    await tiers.start();
  }

  // not async: a hit in memory is one lookup and one settled promise
  get(key, options) {
    if (options === undefined) {
      if (this.#polls !== undefined) this.#polls.poll();
      const value = this.#near.get(this.#prefix === '' ? key : this.#prefix + key);
      if (value !== undefined) {
        this.#counts[0] += 1;
        return Promise.resolve(value);
      }
    }
    return reads.get(this.#view, key, options);
  }
  getSync(key) {
    if (this.#polls !== undefined) this.#polls.poll();
    const value = this.#near.get(this.#prefix === '' ? key : this.#prefix + key);
    if (value === undefined) return reads.getSync(this.#view, key);
    this.#counts[0] += 1;
    return value;
  }
  hasSync(key) {
    return reads.hasSync(this.#view.open(), checkKey(key));
  }
  async getEntry(key, options) {
    return reads.getEntry(this.#view.open(), checkKey(key), options);
  }
  async getBytes(key, options) {
    return reads.getBytes(this.#view.open(), checkKey(key), options);
  }
  async getMany(keys, options) {
    return reads.getMany(this.#view.open(), checkKeys(keys), options);
  }
  async has(key) {
    return (await reads.ttl(this.#view.open(), checkKey(key))) !== -2;
  }
  async ttl(key) {
    return reads.ttl(this.#view.open(), checkKey(key));
  }
  async keys(prefix, limit) {
    const view = this.#view.open();
    const start = checkPrefix(string('')(prefix, 'prefix'));
    const most = limit === Infinity ? Infinity : integer(0, Number.MAX_SAFE_INTEGER, 1000)(limit, 'limit');
    return most === 0 ? [] : reads.keys(view, start, most);
  }

  setSync(key, value, ttl) {
    // a key that is there has been checked when it came
    if (this.#live !== undefined && ttl > 0 && ttl <= MAX_SECONDS && typeof ttl === 'number' && typeof key === 'string' && value !== undefined && this.#loads.size === 0) {
      if (this.#live.renew(this.#prefix === '' ? key : this.#prefix + key, value, Math.max(Math.round(ttl * 1000), 1))) return;
    }
    writes.setSync(this.#view.open(), checkKey(key), value, readTtl(ttl, 'ttl'));
  }
  async set(key, value, ttl, options) {
    return writes.set(this.#view.open(), checkKey(key), value, readTtl(ttl, 'ttl'), options === undefined ? undefined : readSet(options));
  }
  async setMany(entries, options) {
    return writes.setMany(this.#view.open(), entries, readSet(options));
  }
  getOrSet(key, loader, options) {
    if (typeof loader === 'function' && (options === undefined || typeof options === 'number')) {
      if (this.#polls !== undefined) this.#polls.poll();
      const value = this.#near.get(this.#prefix === '' ? key : this.#prefix + key);
      if (value !== undefined) {
        this.#counts[0] += 1;
        return Promise.resolve(value);
      }
    }
    return getOrSet(this.#view, key, loader, options);
  }

  deleteSync(key) {
    return removes.deleteSync(this.#view.open(), checkKey(key));
  }
  clearSync() {
    removes.clearSync(this.#view.open());
  }
  async delete(keyOrPattern) {
    return removes.deleteOne(this.#view.open(), checkKey(keyOrPattern));
  }
  async deleteMany(keys) {
    return removes.deleteKeys(this.#view.open(), checkKeys(keys));
  }
  async deletePattern(pattern) {
    return removes.deletePattern(this.#view.open(), checkKey(pattern));
  }
  async deleteByTag(tag) {
    return removes.deleteByTag(this.#view.open(), checkTag(tag));
  }
  async deleteTwice(key, delayMs) {
    const delay = milliseconds(0)(delayMs, 'delayMs');
    if (delay === undefined) throw wrongType('delayMs', 'a whole number of milliseconds', delayMs);
    return removes.deleteTwice(this.#view.open(), checkKey(key), delay);
  }
  async clear() {
    return removes.clear(this.#view.open());
  }

  async warmup(keys, options) {
    this.#view.open();
    return warmup(this, this.#view.tiers.now, keys, options);
  }
  namespace(prefix) {
    const view = this.#view.open();
    const checked = text()(prefix, 'prefix');
    if (checked === undefined) throw wrongType('prefix', 'a string that is not empty', prefix);
    return new TieredCache(VIEW, new View(view.tiers, `${view.prefix}${checkPrefix(checked)}:`));
  }
  health() {
    return this.#view.tiers.health();
  }
  getStats() {
    return this.#view.tiers.stats.read();
  }
  resetStats() {
    this.#view.tiers.stats.reset();
  }
  close() {
    this.#near = NOWHERE;
    this.#live = undefined;
    return this.#view.close();
  }
}

function checkTag(tag) {
  const checked = text()(tag, 'tag');
  if (checked === undefined) throw wrongType('tag', 'a string that is not empty', tag);
  if (!checked.isWellFormed()) throw make('Value', { what: 'the tag', detail: 'it holds a lone surrogate, which UTF-8 cannot say' });
  return checked;
}

// older realms have no such symbol
if (typeof Symbol.asyncDispose === 'symbol') {
  Object.defineProperty(TieredCache.prototype, Symbol.asyncDispose, {
    value() {
      return this.close();
    },
    configurable: true,
    writable: true,
  });
}

module.exports = { TieredCache };
