'use strict';
// SlidingWindowLimiter: so many requests in any window for each key, on a KeyedLimiter.
const { KeyedLimiter } = require('..');
const { func, integer, wrongType } = require('../lib/options');
const { OwnElapsed } = require('./elapsed');

const MANY = 2 ** 31 - 1;
/** A limit of 0 denies, which engines know of single keys only. */
const COUNTS = { maxRequests: integer(0, MANY), windowMs: integer(1, MANY) };
const DENIED = { limit: 0 };
/** What the engine takes as it is. */
const PASSED = ['name', 'algorithm', 'maxKeys', 'maxBytes', 'shared', 'redis', 'whenRedisDown'];
const STATE = Symbol('state');

class SlidingWindowLimiter {
  constructor(options) {
    const given = options ?? {};
    if (typeof given !== 'object') throw wrongType('options', 'an object', given);
    const { windowMs = 60_000, maxRequests = 100, keyPrefix = '' } = given;
    this.keyPrefix = keyPrefix;
    this.now = func()(given.now, 'now');
    const settings = { windowMs: COUNTS.windowMs(windowMs, 'windowMs'), maxRequests: Math.max(1, COUNTS.maxRequests(maxRequests, 'maxRequests')) };
    for (const name of PASSED) if (given[name] !== undefined && given[name] !== null) settings[name] = given[name];
    // threads, and hosts, have a clock of their own in common
    if (settings.shared === undefined && settings.redis === undefined) settings.now = new OwnElapsed(this).now;
    Object.defineProperty(this, STATE, { value: { engine: new KeyedLimiter(settings), windowMs, maxRequests }, configurable: true });
    Object.defineProperties(this, fields);
  }

  /** Whether the key has room, which is taken then; decided before this returns, but for limits in Redis. */
  async checkLimit(key) {
    const { engine, maxRequests } = this[STATE];
    return (await engine.consume(this.keyPrefix + key, maxRequests === 0 ? DENIED : undefined)).allowed;
  }
  /** Milliseconds until the key has room; 0: it has. */
  getRetryAfter(key) {
    const { engine, maxRequests } = this[STATE];
    return engine.getRetryAfter(this.keyPrefix + key, maxRequests === 0 ? DENIED : undefined);
  }
  /** The key starts afresh. */
  reset(key) {
    this[STATE].engine.reset(this.keyPrefix + key);
  }
  close() {
    return this[STATE].engine.close();
  }
}

const field = (name, update) => ({
  get() {
    return this[STATE][name];
  },
  set(value) {
    const state = this[STATE];
    update(state, COUNTS[name](value, name));
    state[name] = value;
  },
  enumerable: true,
  configurable: true,
});
const fields = {
  maxRequests: field('maxRequests', ({ engine, windowMs }, value) => engine.updateConfig(Math.max(1, value), windowMs)),
  windowMs: field('windowMs', ({ engine, maxRequests }, value) => engine.updateConfig(Math.max(1, maxRequests), value)),
};

module.exports = { SlidingWindowLimiter };
