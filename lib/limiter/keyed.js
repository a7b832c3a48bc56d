'use strict';
// KeyedLimiter: one limit for each key, decided at once.
const { EventEmitter } = require('node:events');
const { keyedLimiters } = require('../alive');
const { Elapsed } = require('../elapsed');
const { call, make } = require('../errors');
const native = require('../native');
const { outOfRange, wrongType } = require('../options');
const { ClientNodes, Door } = require('./client-nodes');
const { Counts, KEYED } = require('./counts');
const { Nodes } = require('./nodes');
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

/** What a limiter in Redis has in place of the table: nothing. */
const NO_KEYS = { handle: undefined };

class KeyedLimiter extends EventEmitter {
  #keys;
  /** With `redis`, in place of the table. */
  #nodes;
  #on;
  #isOpen = true;
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
    if (config.redis === undefined) this.#keys = new Keys(config);
    else this.#share(config);
    const held = this.#nodes ?? this.#keys;
    this.#counts = new Counts(KEYED, config, () => look(held));
    this.#forget = keyedLimiters.live(this.#counts);
  }

  #share(config) {
    this.#keys = NO_KEYS;
    this.#on = {
      degraded: (error) => tell(this, 'degraded', error),
      recovered: () => tell(this, 'recovered'),
      answered() {},
      look() {},
    };
    const makeClient = (redis, nodes) => new ClientNodes(redis, new Door(nodes.handle, nodes.numbers, () => nodes.now()), this.#on);
    this.#nodes = new Nodes({ ...config, limit: config.maxRequests, isSole: false }, this.#on, makeClient);
  }

  checkLimit(key, weight = 1) {
    const { handle } = this.#keys;
    if (weight !== 1) this.#checkWeight(readKeyWeight(weight));
    if (typeof key !== 'string' || handle === undefined) {
      this.#checkKey(key);
      return this.#nodes.check(key, weight);
    }
    try {
      return native.keyedCheck(handle, key, weight, this.#keys.now()) === 1;
    } catch (error) {
      return call(rethrow, error);
    }
  }
  check(key, options) {
    const { weight, limit } = this.#asked(key, options);
    if (this.#nodes !== undefined) return this.#nodes.find(key, weight, limit);
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
    if (this.#nodes !== undefined) this.#nodes.many(keys, out);
    else call(native.keyedMany, this.#keys.handle, keys, out, this.#keys.now());
    return out;
  }
  consume(key, options) {
    try {
      if (this.#nodes === undefined) return Promise.resolve(this.check(key, options));
      const { weight, limit } = this.#asked(key, options);
      return this.#consume(key, weight, limit);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  async #consume(key, weight, limit) {
    const result = await this.#nodes.consume(key, weight, limit);
    this.#checkOpen();
    return result;
  }
  getRetryAfter(key, options) {
    const { weight, limit } = this.#asked(key, options);
    if (this.#nodes !== undefined) return this.#nodes.retryAfter(key, weight, limit);
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
    if (this.#nodes !== undefined) this.#nodes.update(maxRequests, this.#windowMs);
    else call(native.keyedUpdate, this.#keys.handle, maxRequests, this.#windowMs);
  }
  getStats() {
    const numbers = this.#look();
    return { allowed: numbers[ALLOWED], denied: numbers[DENIED], evicted: numbers[EVICTED] };
  }
  resetStats() {
    this.#checkOpen();
    this.#counts.sync();
    if (this.#nodes !== undefined) this.#nodes.resetStats();
    else call(native.keyedResetStats, this.#keys.handle);
    this.#counts.sync();
  }
  reset(key) {
    this.#checkKey(key);
    if (this.#nodes !== undefined) this.#nodes.reset(key);
    else call(native.keyedReset, this.#keys.handle, key);
  }
  resetAll() {
    this.#checkOpen();
    if (this.#nodes !== undefined) this.#nodes.resetAll();
    else call(native.keyedResetAll, this.#keys.handle);
  }
  get size() {
    return this.#look()[SIZE];
  }
  get bytes() {
    return this.#look()[BYTES];
  }
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }
  async #close() {
    this.#counts.keep();
    this.#forget();
    this.#isOpen = false;
    const held = this.#nodes ?? this.#keys;
    // what it has counted can still be read
    const last = Float64Array.from(held.look()).fill(0, SIZE, ALLOWED);
    if (this.#nodes === undefined) {
      native.keyedLeave(this.#keys.handle);
      this.#keys.handle = undefined;
    } else {
      await this.#nodes.close();
    }
    held.numbers = last;
  }

  #look() {
    const held = this.#nodes ?? this.#keys;
    return this.#isOpen ? held.look() : held.numbers;
  }
  #checkOpen() {
    if (!this.#isOpen) throw make('Closed', { what: this.#what });
  }
  #checkKey(key) {
    readKey(key);
    this.#checkOpen();
  }
  /** Another thread may have changed limit and window. */
  #refresh() {
    const { handle, numbers } = this.#keys;
    // without a table nobody else changes it
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
function tell(limiter, event, ...args) {
  try {
    limiter.emit(event, ...args);
  } catch {
    // a listener's failure is no failure of the limiter
  }
}
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
