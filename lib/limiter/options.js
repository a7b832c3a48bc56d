'use strict';
// What the limiters are made of and asked for: their options, checked and with their defaults, and what does not go together.
const options = require('../options');
const { readRedis } = require('../redis-option');
const { ClientNodes } = require('./client-nodes');
const { read, wrongType, outOfRange } = options;

const MANY = 2 ** 31 - 1;
const MAX_KEYS = 2 ** 24 - 1;
const MIB = 2 ** 20;

const RAISE = { successRateAbove: options.number(0, 1, 0.9), latencyBelowMs: options.number(0, MANY, 100) };
const LOWER = { successRateBelow: options.number(0, 1, 0.7), latencyAboveMs: options.number(0, MANY, 500) };
const ADAPTIVE = {
  target: options.oneOf(['limit', 'concurrency']),
  minLimit: options.integer(1, MANY, 1),
  maxLimit: options.integer(1, MANY),
  intervalMs: options.milliseconds(1, 60_000),
  raiseWhen: options.nested(RAISE),
  lowerWhen: options.nested(LOWER),
  algorithm: options.oneOf(['step', 'aimd', 'gradient'], 'aimd'),
};
const adaptive = (value, option) => {
  if (value === undefined || value === false) return undefined;
  if (value !== true && (value === null || typeof value !== 'object')) throw wrongType(option, 'a boolean or an object of options', value);
  return read(ADAPTIVE, value === true ? {} : value, option, `${option}.`);
};

const SHARING = { shared: options.text(), redis: readRedis, whenRedisDown: options.oneOf(['degrade', 'open', 'closed'], 'degrade'), now: options.func() };
const ADAPTIVE_LIMITER = {
  name: options.string(''),
  limit: options.integer(0, MANY, 10),
  windowMs: options.milliseconds(1, 60_000),
  concurrency: options.integer(0, MANY, 0),
  adaptive,
  maxQueue: options.integer(0, MANY, 10_000),
  classify: options.func(),
  ...SHARING,
};
const KEYED_LIMITER = {
  name: options.string(''),
  windowMs: options.milliseconds(1),
  maxRequests: options.integer(1, MANY),
  algorithm: options.oneOf(['exact', 'counter', 'gcra'], 'exact'),
  maxKeys: options.integer(1, MAX_KEYS, 100_000),
  maxBytes: options.bytes(64 * MIB),
  keyPrefix: options.string(''),
  ...SHARING,
};

/** Who shares a limit, and by which clock. */
function sharing({ shared, redis, now }, given) {
  if (redis !== undefined && shared !== undefined) throw outOfRange('redis', 'left out with shared: with redis each thread shares as another host does', given.redis);
  if (redis !== undefined && now !== undefined) throw outOfRange('now', 'left out with redis: windows there go by its clock', now);
  if (redis?.client !== undefined) ClientNodes.check(redis.client, 'redis.client');
  if (now !== undefined && shared !== undefined) throw outOfRange('now', 'left out with shared: threads need one clock', now);
}

/** What learns, with its bounds; its start is kept within them. */
function learning({ adaptive: rules, limit, concurrency }, given) {
  if (rules === undefined) return undefined;
  const target = rules.target ?? (limit === 0 ? 'concurrency' : 'limit');
  const start = target === 'limit' ? limit : concurrency;
  if (start === 0) throw outOfRange('adaptive.target', `one that is not 0; ${target} is`, given.adaptive?.target ?? target);
  if (rules.algorithm === 'gradient' && target === 'limit') throw outOfRange('adaptive.algorithm', "'step' or 'aimd' where limit is what moves", 'gradient');
  const maxLimit = rules.maxLimit ?? Math.max(Math.min(2 * start, MANY), rules.minLimit);
  if (maxLimit < rules.minLimit) throw outOfRange('adaptive.maxLimit', `at least adaptive.minLimit, which is ${rules.minLimit}`, maxLimit);
  return { ...rules, target, maxLimit };
}

/** The options of an AdaptiveLimiter, total; `adaptive` is undefined when nothing learns. */
function readAdaptive(given) {
  const out = read(ADAPTIVE_LIMITER, given);
  sharing(out, given);
  if (out.redis !== undefined && out.limit === 0) throw outOfRange('limit', 'above 0 with redis: work in flight is not shared', 0);
  if (out.limit === 0 && out.concurrency === 0) throw outOfRange('limit', 'above 0 where concurrency is 0', 0);
  return { ...out, adaptive: learning(out, given) };
}
/** The options of a KeyedLimiter, total. */
function readKeyed(given) {
  const out = read(KEYED_LIMITER, given);
  for (const name of ['windowMs', 'maxRequests']) if (out[name] === undefined) throw wrongType(name, 'a whole number of at least 1', undefined);
  sharing(out, given);
  if (out.redis !== undefined && out.algorithm !== 'exact') throw outOfRange('algorithm', "'exact', or left out, with redis: a window there is a hundred slices", out.algorithm);
  return out;
}

const weight = options.integer(1, MANY, 1);
const ACQUIRE = { weight, signal: options.signal, timeoutMs: options.milliseconds(0, Infinity) };
const LATENCY = options.number(0, Number.MAX_SAFE_INTEGER);
const HOLD = options.number(0, Number.MAX_SAFE_INTEGER, 0);
const ENDED = { latencyMs: LATENCY, retryAfterMs: HOLD };
const RELEASE = { weight, ...ENDED };
const OUTCOMES = ['success', 'failure', 'ignored'];
const outcome = options.oneOf(OUTCOMES);
const KEY = { weight: options.integer(0, MANY, 1), limit: options.integer(0, MANY) };

/** A key; lone surrogates count as U+FFFD. */
function readKey(key) {
  if (typeof key !== 'string') throw wrongType('key', 'a string', key);
  return key;
}

module.exports = {
  readAdaptive,
  readKeyed,
  readAcquire: (given) => read(ACQUIRE, given),
  readRelease: (given) => read(RELEASE, given),
  readEnded: (given) => read(ENDED, given),
  readOutcome(value) {
    if (value === undefined) throw wrongType('outcome', `one of ${OUTCOMES.map((one) => JSON.stringify(one)).join(', ')}`, value);
    return outcome(value, 'outcome');
  },
  readWeight: (value) => weight(value, 'weight'),
  readLimit: options.integer(0, MANY),
  readPositive: options.integer(1, MANY),
  readWindow: options.milliseconds(1),
  readKey,
  readKeyOptions: (given) => read(KEY, given),
  readKeyWeight: (value) => KEY.weight(value, 'weight'),
  OUTCOMES,
};
