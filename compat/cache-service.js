'use strict';
// CacheService: three tiers behind the names that services know.
const { TieredCache } = require('..');
const { wrongType, outOfRange } = require('../lib/options');
const { isOptimized, text, flag } = require('./environment');
const { nameOf } = require('./key');
const { newFolder, makeFolder, remove } = require('./own-folder');
const { scheduled } = require('./schedule');

const STATE = Symbol('state');
const DEFAULT_TTL_SECONDS = 3600;
const ENGINE = ['name', 'memory', 'jitter', 'codec', 'lease', 'now', 'random'];
const GET = ['skipL1', 'skipL2', 'skipL3', 'signal'];
const SET = ['skipL1', 'skipL2', 'skipL3', 'skipTtlRandomization', 'l1Ttl', 'l3Ttl', 'tags'];

/** What is there of those names; undefined where nothing is: the engine's short ways are for calls without options. */
function pick(names, options) {
  if (options === undefined || options === null) return undefined;
  const given = names.filter((name) => options[name] !== undefined && options[name] !== null);
  return given.length === 0 ? undefined : Object.fromEntries(given.map((name) => [name, options[name]]));
}

/** A star says so itself; `pattern: false` is for keys of users' texts. */
const isPattern = (key, options) => options?.pattern ?? (typeof key === 'string' && key.includes('*'));

function redisOf({ redis }) {
  // '' is what a variable that is not set leaves in configurations
  if (redis !== undefined && redis !== '') return redis ?? false;
  const url = text('REDIS_URL');
  if (url !== undefined && !/^(rediss?|valkeys?|unix|redis\+unix):\/\/./.test(url)) throw outOfRange('REDIS_URL', 'a URL as redis://host:port', url);
  return url ?? false;
}

/** `l3Path` says where, not whether: the switches reach services that have it in their code. `disk` says whether. */
function diskOf({ disk, l3Path }, optimized) {
  if (disk === false) return { disk: false };
  if (typeof disk === 'string') return { disk };
  if (disk === undefined && !(flag('CACHE_L3_ENABLED', true) && optimized)) return { disk: false };
  const given = disk?.path ?? l3Path ?? text('CACHE_L3_PATH');
  const own = given === undefined ? newFolder() : undefined;
  return { disk: { ...disk, path: given ?? own }, own };
}

class CacheService {
  constructor(options) {
    const given = options ?? {};
    const optimized = isOptimized();
    const { disk, own } = diskOf(given, optimized);
    const redis = redisOf(given);
    const below = disk !== false || redis !== false;
    const negative = given.negative ?? (below && optimized && flag('CACHE_BLOOM_FILTER', true) ? {} : false);
    /** The engine. */
    this.cache = new TieredCache({ ...pick(ENGINE, given), redis, disk, negative });
    const { enabled, schedule = text('CACHE_WARMUP_SCHEDULE'), keys = [], concurrency } = given.warmup ?? {};
    /** What is loaded at the start, by the schedule, and by preheat() without keys. */
    this.warmup = { keys, concurrency };
    const warms = (enabled ?? (optimized && flag('CACHE_WARMUP_ENABLED', true))) && keys.length > 0;
    const job = warms && schedule !== undefined ? scheduled(schedule) : undefined;
    Object.defineProperty(this, STATE, { value: { own, warms, job, opened: false, started: undefined, ended: undefined }, configurable: true });
  }

  initialize() {
    const state = open(this);
    state.started ??= this.cache.initialize();
    return state.started;
  }

  async get(key, type = 'json', options) {
    open(this);
    const name = nameOf(key);
    if (type === 'json') return this.cache.get(name, pick(GET, options));
    if (type !== 'text' && type !== 'buffer') throw wrongType('type', "'json', 'text' or 'buffer'", type);
    const bytes = await this.cache.getBytes(name, pick(GET, options));
    return type === 'text' && bytes !== null ? bytes.toString('utf8') : bytes;
  }

  async set(key, value, ttlSeconds, options) {
    open(this);
    const ttl = ttlSeconds ?? DEFAULT_TTL_SECONDS;
    if (typeof ttl === 'number' && ttl <= 0) {
      await this.delete(key, { pattern: false });
      return true;
    }
    return this.cache.set(nameOf(key), value, ttl, pick(SET, options));
  }

  async delete(keyOrPattern, options) {
    open(this);
    const exact = this.cache.deleteMany([nameOf(keyOrPattern)]);
    return (await exact) + (isPattern(keyOrPattern, options) ? await this.cache.deletePattern(nameOf(keyOrPattern)) : 0) > 0;
  }

  async preheat(keys, options) {
    open(this);
    const given = keys ?? this.warmup.keys;
    if (!Array.isArray(given)) throw wrongType('keys', 'an array of { key, loader, ttl } or { key, value, ttl }', given);
    const list = given.map((one) => ({ key: nameOf(one?.key), loader: one?.loader ?? (() => one?.value), ttl: one?.ttl ?? DEFAULT_TTL_SECONDS }));
    return this.cache.warmup(list, pick(['concurrency', 'onProgress'], { concurrency: this.warmup.concurrency, ...options }));
  }

  async batchOperation(operations) {
    if (!Array.isArray(operations)) throw wrongType('operations', "an array of { type: 'get', 'set' or 'delete', key, … }", operations);
    // begun in the order of the list: a get behind a set of its key sees it
    const results = [];
    let settled = 0;
    for (const one of operations) {
      const isAlone = one?.type === 'delete' && isPattern(one.key, one.options);
      // it would take what is set while it looks: nothing runs beside it
      if (isAlone) settled = await settle(results, settled);
      results.push(operate(this, one ?? {}));
      if (isAlone) settled = await settle(results, settled);
    }
    return Promise.all(results);
  }

  getStats() {
    return this.cache.getStats();
  }
  resetStats() {
    this.cache.resetStats();
  }

  async listKeys(prefix, limit) {
    open(this);
    return this.cache.keys(prefix ?? '', limit ?? Infinity);
  }

  destroy() {
    const state = this[STATE];
    state.ended ??= end(this.cache, state);
    return state.ended;
  }
}

/** What begins with the first use: the folder, the schedule, the warm-up. */
function open(service) {
  const state = service[STATE];
  if (state.opened || state.ended !== undefined) return state;
  state.opened = true;
  if (state.own !== undefined) makeFolder(state.own);
  if (state.warms) {
    const warm = () => service.preheat().catch(() => {});
    state.job?.schedule(warm);
    warm();
  }
  return state;
}

async function end(cache, { own, job, opened }) {
  job?.stop();
  await cache.close();
  if (own !== undefined && opened) remove(own);
}

/** Waits for what was begun behind the first `settled`; how many there are then. */
async function settle(results, settled) {
  await Promise.all(results.slice(settled));
  return results.length;
}

async function operate(service, { type, key, value, ttl, options, as }) {
  try {
    if (type === 'get') return { success: true, key, value: await service.get(key, as, options) };
    if (type === 'set') return { success: await service.set(key, value, ttl, options), key };
    if (type === 'delete') return { success: true, key, deleted: await service.delete(key, options) };
    throw wrongType('type', "'get', 'set' or 'delete'", type);
  } catch (error) {
    return { success: false, key, error };
  }
}

module.exports = { CacheService };
