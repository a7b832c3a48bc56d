'use strict';
// What a batch buffer is made of: its options, checked and with their defaults, and what does not go together.
const { statSync } = require('node:fs');
const options = require('../options');
const { readRedis } = require('../redis-option');
const { checkKey } = require('./key');
const { read, wrongType, outOfRange } = options;

const MANY = 2 ** 31 - 1;
const GIB = 2 ** 30;

const DURABLE = {
  path: options.text(),
  maxBytes: options.bytes(GIB),
  codec: options.oneOf(['json', 'v8'], 'json'),
  exclusive: options.boolean(false),
  fsync: options.oneOf(['always', 'os'], 'always'),
  import: options.text(),
};
const isFile = (path) => {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    return false; // what cannot be looked at is told when it is opened
  }
};
function durable(value, option) {
  if (value === undefined || value === false) return undefined;
  if (typeof value !== 'string' && (value === null || typeof value !== 'object')) throw wrongType(option, 'a path, an object of options, or false', value);
  const out = read(DURABLE, typeof value === 'string' ? { path: value } : value, option, `${option}.`);
  if (out.path === undefined) throw wrongType(`${option}.path`, 'a string that is not empty', undefined);
  if (isFile(out.path)) throw outOfRange(`${option}.path`, 'a directory, or one that can be made', out.path);
  return out;
}

const IDEMPOTENCY = { key: options.func(), ttl: options.seconds(86_400), localLimit: options.integer(1, MANY, 1000), redis: readRedis };
const idempotency = (value, option) => {
  if (value === undefined || value === false) return undefined;
  if (value === null || typeof value !== 'object') throw wrongType(option, 'an object of options, or false', value);
  return read(IDEMPOTENCY, value, option, `${option}.`);
};

const BACKOFF = { minMs: options.milliseconds(0, 100), maxMs: options.milliseconds(0), factor: options.number(1, 1000, 2), jitter: options.number(0, 1, 0.2) };
const MAX_BACKOFF_MS = 30_000;
function backoff(value, option) {
  const out = read(BACKOFF, value, option, `${option}.`);
  // a floor above the usual ceiling lifts it; one above a ceiling that was given contradicts it
  const maxMs = out.maxMs ?? Math.max(MAX_BACKOFF_MS, out.minMs);
  if (maxMs < out.minMs) throw outOfRange(`${option}.maxMs`, `at least ${option}.minMs, which is ${out.minMs}`, maxMs);
  return { ...out, maxMs };
}

const SHAPE = {
  name: options.string(''),
  batchSize: options.integer(1, MANY),
  batchBytes: options.bytes(),
  batchTimeout: options.milliseconds(0, 100),
  adaptive: options.boolean(false),
  concurrency: options.integer(1, MANY),
  handlerTimeoutMs: options.milliseconds(0, 30_000),
  maxSize: options.integer(1, MANY, 1000),
  overflow: options.oneOf(['wait', 'reject', 'drop-oldest'], 'wait'),
  highWater: options.number(0, 1, 0.8),
  retries: options.integer(0, MANY, 3),
  backoff,
  retryable: options.func(),
  maxDeadLetters: options.integer(0, MANY, 1000),
  groupBy: options.func(),
  durable,
  idempotency,
  now: options.func(),
  random: options.func(),
};

const LIMITS = ['batchSize', 'batchTimeout', 'concurrency', 'maxSize'];
/** Those that may change later, total: of what is not given what `config` has. */
function readLimits(given, config) {
  const out = read(Object.fromEntries(LIMITS.map((name) => [name, SHAPE[name]])), given, 'limits');
  for (const name of LIMITS) if (given?.[name] === undefined) out[name] = config[name];
  return out;
}

/** The options of a BatchBuffer, total; `durable` and `idempotency` are undefined when they are off. */
function readOptions(given) {
  const out = read(SHAPE, given);
  return { ...out, batchSize: out.batchSize ?? (out.adaptive ? 100 : 10), concurrency: out.concurrency ?? (out.adaptive ? 10 : 1) };
}

const key = (value, option) => (value === undefined || value === null ? null : checkKey(value, option));
const ENQUEUE = { key };
const ADD = { key, signal: options.signal };
const CLOSE = { timeoutMs: options.milliseconds(0) };
/** What `groupBy` gives; '' is a group like others. */
function groupOf(group) {
  if (typeof group !== 'string') throw wrongType('what groupBy returns', 'a string', group);
  return group;
}
const most = options.integer(1, MANY);

module.exports = {
  readOptions,
  readLimits,
  readEnqueue: (given) => read(ENQUEUE, given),
  readAdd: (given) => read(ADD, given),
  readClose: (given) => read(CLOSE, given),
  readMost: (given) => (given === Infinity ? undefined : most(given, 'max')),
  groupOf,
};
