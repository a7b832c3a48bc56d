'use strict';
// What a cache is made of: its options, checked and with their defaults, and what does not go together.
const options = require('../options');
const { readRedis, compress } = require('../redis-option');
const { read, wrongType, outOfRange, seconds } = options;

const MIB = 1024 * 1024;
// a Map of V8 holds 2^24 entries, and needs room to delete
const MAX_REFERENCES = 15_000_000;

const policy = (value, option) => {
  const known = options.oneOf(['lru', 'lfu', 'tinylfu', 's3fifo'])(value, option);
  return known === 'lfu' ? 'tinylfu' : known;
};
// decoded values of some hundred bytes: a few megabytes of the heap, see benchmark/cache-heap.mjs
const NEAR_ENTRIES = 5_000;
const near = (value, option) =>
  (value === false || value === undefined ? value : read({ maxEntries: options.integer(1, MAX_REFERENCES, NEAR_ENTRIES) }, value, option, `${option}.`));
const MEMORY = {
  store: options.oneOf(['reference', 'bytes']),
  maxBytes: options.bytes(),
  maxEntries: options.integer(1, 2 ** 31 - 1),
  sizeOf: options.func(),
  ttl: seconds(10),
  policy,
  near,
  shared: options.text(),
};
const REDIS = {
  ttl: seconds(3600),
  tracking: options.boolean(),
  whenDown: options.oneOf(['serve', 'miss'], 'serve'),
  compress,
};
const DISK = { path: options.text(), ttl: seconds(86_400), maxBytes: options.bytes(1024 * MIB), compress };
const NEGATIVE = { ttl: seconds(60), maxKeys: options.integer(1, 100_000_000, 100_000) };

/** The memory tier; undefined when there is none. */
function readMemory(value, option, others) {
  if (value === false) return undefined;
  const out = read(MEMORY, value, option, `${option}.`);
  const store = out.store ?? (others || out.shared !== undefined ? 'bytes' : 'reference');
  const refuse = (name, range) => {
    if (out[name] !== undefined) throw outOfRange(`${option}.${name}`, range, value[name]);
  };
  if (store === 'reference') {
    refuse('shared', "left out with store 'reference': live values cannot be shared between threads");
    refuse('near', "left out with store 'reference', which holds live values already");
    if (out.maxEntries > MAX_REFERENCES) throw outOfRange(`${option}.maxEntries`, `at most ${MAX_REFERENCES} with store 'reference'`, out.maxEntries);
  } else {
    refuse('sizeOf', "left out with store 'bytes', which knows its sizes");
  }
  return {
    ...out,
    store,
    maxBytes: out.maxBytes ?? 64 * MIB,
    maxEntries: out.maxEntries ?? (store === 'reference' ? 10_000 : 0),
    near: store === 'reference' || out.near === false ? false : (out.near ?? { maxEntries: NEAR_ENTRIES }),
  };
}

function readCacheRedis(value, option) {
  const out = readRedis(value, option, REDIS);
  if (out === undefined) return undefined;
  const injected = out.client !== undefined;
  if (injected && out.tracking) throw outOfRange(`${option}.tracking`, 'false or left out with a client', true);
  const tracking = !injected && out.tracking !== false;
  if (tracking && out.keyPrefix === '') {
    throw outOfRange(`${option}.keyPrefix`, 'a string that is not empty while tracking is on: every key of every database would be announced', '');
  }
  return { ...out, tracking };
}

function readDisk(value, option) {
  if (value === undefined || value === false) return undefined;
  if (typeof value !== 'string' && (value === null || typeof value !== 'object')) throw wrongType(option, 'a path or an object of options', value);
  const given = typeof value === 'string' ? { path: value } : value;
  const out = read(DISK, given, option, `${option}.`);
  if (out.path === undefined) throw wrongType(`${option}.path`, 'a string that is not empty', undefined);
  return out;
}

const SHAPE = {
  name: options.string(''),
  memory: (value) => value,
  redis: readCacheRedis,
  disk: readDisk,
  jitter: options.number(0, 1),
  negative: (value, option) => (value === undefined || value === false ? undefined : read(NEGATIVE, value, option, `${option}.`)),
  codec: options.oneOf(['json', 'v8'], 'json'),
  lease: options.nested({ waitMs: options.integer(0, 2 ** 31 - 1, 1000) }),
  now: options.func(),
  random: options.func(),
};

/** The options of a TieredCache, total. Tiers that there are not are undefined. */
function readOptions(given) {
  const out = read(SHAPE, given);
  const others = out.redis !== undefined || out.disk !== undefined;
  const memory = readMemory(out.memory, 'memory', others);
  if (memory === undefined && !others) throw outOfRange('memory', 'on when there is neither redis nor disk: a cache has at least one tier', false);
  return { ...out, memory, jitter: out.jitter ?? (others ? 0.1 : 0) };
}

const flag = options.boolean(false);
const tags = (value, option) => {
  const range = 'an array of strings that are not empty';
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'string')) throw wrongType(option, range, value);
  if (value.some((one) => one === '' || !one.isWellFormed())) throw outOfRange(option, range, value);
  return [...new Set(value)];
};
const SKIP = { skipL1: flag, skipL2: flag, skipL3: flag };
const GET = { ...SKIP, signal: options.signal };
const SET = { ...SKIP, l1Ttl: seconds(), l3Ttl: seconds(), skipTtlRandomization: flag, tags };
const window = options.number(0, options.MAX_SECONDS, 0);
const LOAD = {
  ...SET,
  ttl: seconds(),
  staleWhileRevalidate: window,
  staleIfError: window,
  timeoutMs: options.milliseconds(1),
  signal: options.signal,
};
const WARMUP = { concurrency: options.integer(1, 10_000, 10), onProgress: options.func() };
const flags = ({ skipL1, skipL2, skipL3 }) => (skipL1 ? 1 : 0) | (skipL2 ? 2 : 0) | (skipL3 ? 4 : 0);
/** Options of one call; each with `flags`, the tiers that it leaves out. */
const perCall = (shape) => {
  const defaults = Object.freeze({ ...read(shape, undefined), flags: 0 });
  return (given) => {
    if (given === undefined) return defaults;
    const out = read(shape, given);
    out.flags = flags(out);
    return out;
  };
};
const readLoadOptions = perCall(LOAD);

module.exports = {
  readOptions,
  readGet: perCall(GET),
  readSet: perCall(SET),
  /** A number is a ttl. */
  readLoad: (given) => readLoadOptions(typeof given === 'number' ? { ttl: given } : given),
  readWarmup: (given) => read(WARMUP, given),
  readTtl: seconds(),
};
