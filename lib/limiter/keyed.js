'use strict';
// KeyedLimiter: one limit for each key, decided at once.
const { EventEmitter } = require('node:events');
const { keyedLimiters } = require('../alive');
const { Elapsed } = require('../elapsed');
const { call, make } = require('../errors');
const native = require('../native');
const { outOfRange, wrongType } = require('../options');
const { Counts, KEYED } = require('./counts');
const { readKey, readKeyed, readKeyOptions, readKeyWeight, readPositive, readWindow } = require('./options');

const ALGORITHMS = ['exact', 'counter', 'gcra'];
const [REMAINING, LIMIT, RETRY_AFTER_MS, RESET_MS, WINDOW_MS, SIZE, BYTES, ALLOWED, DENIED, EVICTED] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
/** No limit of the key's own. */
const COMMON = -1;

/** The table in the hands of this thread. */
class Keys {
  handle;
  numbers;
  #clock;
  #offset = 0;

  constructor({ algorithm, windowMs, maxRequests, maxKeys, maxBytes, keyPrefix, shared, now }) {
    this.#clock = new Elapsed(now);
    if (shared !== undefined) this.#offset = native.limiterNow() - this.#clock.now();
    this.handle = call(native.keyedOpen, ALGORITHMS.indexOf(algorithm), windowMs, maxRequests, maxKeys, maxBytes, keyPrefix, shared ?? null);
    this.numbers = new Float64Array(native.keyedNumbers(this.handle));
  }
  now() {
    return this.#clock.now() + this.#offset;
  }
  /** Size, bytes and counts are those of the moment; keys that are over go, a part of them at a time. */
  look() {
    if (this.handle !== undefined) {
      call(native.keyedSweep, this.handle, this.now());
      call(native.keyedStats, this.handle);
    }
    return this.numbers;
  }
}

class KeyedLimiter extends EventEmitter {
  #keys;
  #what;
  #counts;
  #forget;
  #closing;
  #maxRequests;
  #windowMs;

  constructor(options) {
    super();
    const config = readKeyed(options);
    this.#what = config.name === '' ? 'the limiter' : `the limiter ${JSON.stringify(config.name)}`;
    this.#maxRequests = config.maxRequests;
    this.#windowMs = config.windowMs;
    this.#keys = new Keys(config);
    const keys = this.#keys;
    this.#counts = new Counts(KEYED, config, () => look(keys));
    this.#forget = keyedLimiters.live(this.#counts);
  }

  checkLimit(key, weight = 1) {
    const { handle } = this.#keys;
    if (weight !== 1) this.#checkWeight(readKeyWeight(weight));
    if (typeof key !== 'string' || handle === undefined) this.#checkKey(key);
    try {
      return native.keyedCheck(handle, key, weight, this.#keys.now()) === 1;
    } catch (error) {
      return call(rethrow, error);
    }
  }
  check(key, options) {
    const { weight, limit } = this.#asked(key, options);
    const { handle, numbers } = this.#keys;
    const allowed = call(native.keyedLook, handle, key, weight, limit, this.#keys.now()) === 1;
    return {
      allowed,
      remaining: numbers[REMAINING],
      limit: numbers[LIMIT],
      windowMs: numbers[WINDOW_MS],
      retryAfterMs: numbers[RETRY_AFTER_MS],
      resetMs: numbers[RESET_MS],
    };
  }
  checkMany(keys) {
    if (!Array.isArray(keys)) throw wrongType('keys', 'an array of strings', keys);
    for (let at = 0; at < keys.length; at += 1) if (typeof keys[at] !== 'string') throw wrongType(`keys[${at}]`, 'a string', keys[at]);
    this.#checkOpen();
    const out = new Uint8Array(keys.length);
    call(native.keyedMany, this.#keys.handle, keys, out, this.#keys.now());
    return out;
  }
  consume(key, options) {
    try {
      return Promise.resolve(this.check(key, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }
  getRetryAfter(key, options) {
    const { weight, limit } = this.#asked(key, options);
    return call(native.keyedRetryAfter, this.#keys.handle, key, weight, limit, this.#keys.now());
  }

  updateConfig(maxRequests, windowMs) {
    if (maxRequests === undefined) throw wrongType('maxRequests', 'a whole number of at least 1', maxRequests);
    readPositive(maxRequests, 'maxRequests');
    const windowed = readWindow(windowMs, 'windowMs');
    this.#checkOpen();
    this.#refresh();
    this.#windowMs = windowed ?? this.#windowMs;
    this.#maxRequests = maxRequests;
    call(native.keyedUpdate, this.#keys.handle, maxRequests, this.#windowMs);
  }
  getStats() {
    const numbers = this.#keys.look();
    return { allowed: numbers[ALLOWED], denied: numbers[DENIED], evicted: numbers[EVICTED] };
  }
  resetStats() {
    this.#checkOpen();
    this.#counts.sync();
    call(native.keyedResetStats, this.#keys.handle);
    this.#counts.sync();
  }
  reset(key) {
    this.#checkKey(key);
    call(native.keyedReset, this.#keys.handle, key);
  }
  resetAll() {
    this.#checkOpen();
    call(native.keyedResetAll, this.#keys.handle);
  }
  get size() {
    return this.#keys.look()[SIZE];
  }
  get bytes() {
    return this.#keys.look()[BYTES];
  }
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }
  async #close() {
    this.#counts.keep();
    this.#forget();
    const { numbers } = this.#keys;
    // what it has counted can still be read
    this.#keys.numbers = Float64Array.from(numbers).fill(0, SIZE, ALLOWED);
    native.keyedLeave(this.#keys.handle);
    this.#keys.handle = undefined;
  }

  #checkOpen() {
    if (this.#keys.handle === undefined) throw make('Closed', { what: this.#what });
  }
  #checkKey(key) {
    readKey(key);
    this.#checkOpen();
  }
  /** Another thread may have changed limit and window. */
  #refresh() {
    const { handle, numbers } = this.#keys;
    if (handle === undefined) return;
    call(native.keyedLook, handle, '', 0, COMMON, this.#keys.now());
    this.#maxRequests = numbers[LIMIT];
    this.#windowMs = numbers[WINDOW_MS];
  }
  #checkWeight(weight) {
    if (weight <= this.#maxRequests) return;
    this.#refresh();
    if (weight > this.#maxRequests) throw outOfRange('weight', `a whole number from 0 to ${this.#maxRequests}`, weight);
  }
  /** Key and options, checked. */
  #asked(key, options) {
    this.#checkKey(key);
    if (options === undefined) return { weight: 1, limit: COMMON };
    const { weight, limit } = readKeyOptions(options);
    if (limit === undefined) this.#checkWeight(weight);
    // a limit of 0 denies whatever is asked
    else if (limit > 0 && weight > limit) throw outOfRange('weight', `a whole number from 0 to ${limit}`, weight);
    return { weight, limit: limit ?? COMMON };
  }
}

const rethrow = (error) => {
  throw error;
};
/** For metrics: what is counted, and what goes up and down. */
function look(keys) {
  const numbers = keys.look();
  return { counted: [numbers[ALLOWED], numbers[DENIED], numbers[EVICTED]], held: [numbers[SIZE], numbers[BYTES]] };
}

// older realms have no such symbol
if (typeof Symbol.asyncDispose === 'symbol') {
  Object.defineProperty(KeyedLimiter.prototype, Symbol.asyncDispose, {
    async value() {
      await this.close();
    },
    configurable: true,
    writable: true,
  });
}

module.exports = { KeyedLimiter };
