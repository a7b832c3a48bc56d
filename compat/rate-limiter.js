'use strict';
// RateLimiter: so many calls a window to one upstream, more or fewer by how they end. The rule lives here, since suites
// drive it by hand; window, permits and those who wait are an AdaptiveLimiter's.
const { AdaptiveLimiter } = require('..');
const { outcomeOf } = require('../lib/limiter/outcome');
const { func, integer, wrongType } = require('../lib/options');
const { OwnElapsed } = require('./elapsed');
const { flag, isOptimized, number } = require('./environment');

const MANY = 2 ** 31 - 1;
const WINDOW_MS = 60_000;
const RAISE = { successRateAbove: 0.9, latencyBelowMs: 100 };
const LOWER = { successRateBelow: 0.7, latencyAboveMs: 500 };
/** An average that somebody wrote weighs as much as so many measured calls. */
const WRITTEN_WEIGHT = 9;

const count = integer(1, MANY);
/** As the originals have it, 0 and null stand for the default. */
const countOr = (value, name, fallback) => (value === undefined || value === null || value === 0 ? fallback : count(value, name));
const variable = (name, fallback) => count(number(name, fallback), name);

/** What an instance keeps beside its fields; not #private, so that it is found through a Proxy too. */
const STATE = Symbol('state');

/** What the interval has shown, beside the public counts. */
class Interval {
  /** How many of the public counts come from execute(). */
  counted = 0;
  timed = 0;
  /** The average as it was written here last. */
  average = 0;
  /** The limit was in use: a permit was waited for, or none was left. */
  isUsedUp = false;
  /** So many permits can be taken before another look is needed for that. */
  unseen = 0;

  constructor(average) {
    this.average = average;
  }
}

const freshStats = (now) => ({ totalRequests: 0, throttledRequests: 0, averageLatency: 0, lastAdjustment: now });

class RateLimiter {
  constructor(maxRequests, windowMs, options) {
    const given = options ?? {};
    if (typeof given !== 'object') throw wrongType('options', 'an object', given);
    // the variables are those of one upstream: a limiter with a limit of its own is for another
    const isUsual = maxRequests === undefined || maxRequests === null;
    const limit = isUsual ? variable('QSTASH_RATE_LIMIT', 5) : count(maxRequests, 'maxRequests');
    const window = windowMs === undefined || windowMs === null ? (isUsual ? variable('QSTASH_RATE_WINDOW', WINDOW_MS) : WINDOW_MS) : count(windowMs, 'windowMs');
    this.minRequests = countOr(given.minRequests, 'minRequests', isUsual ? variable('QSTASH_MIN_RATE', 3) : Math.max(1, Math.floor(limit / 2)));
    this.maxRequestsLimit = countOr(given.maxRequests, 'maxRequests', isUsual ? variable('QSTASH_MAX_RATE', 10) : Math.min(2 * limit, MANY));
    this.adaptive = Boolean(given.adaptive ?? (isUsual && flag('QSTASH_ADAPTIVE_RATE', false) && isOptimized()));
    this.adjustmentInterval = countOr(given.adjustmentInterval, 'adjustmentInterval', 60_000);
    this.successCount = 0;
    this.failureCount = 0;
    this.now = func()(given.now, 'now');
    this.classify = func()(given.classify, 'classify');
    this.logger = given.logger;

    const clock = new OwnElapsed(this);
    const engine = new AdaptiveLimiter({ name: given.name, limit, windowMs: window, maxQueue: given.maxQueue, now: clock.now });
    this.stats = freshStats(clock.wall());
    const state = { engine, clock, limit, window, windowBegan: clock.wall(), interval: new Interval(0), isResult: false };
    Object.defineProperty(this, STATE, { value: state, configurable: true });
    Object.defineProperties(this, fields);
  }

  /** Waits for its turn. */
  async acquire() {
    const state = this[STATE];
    const { engine, clock } = state;
    if (clock.wall() - state.windowBegan >= state.window) state.windowBegan = clock.wall();
    if (!engine.tryAcquire()) {
      state.interval.isUsedUp = true;
      this.stats.throttledRequests += 1;
      await engine.acquire();
    }
    this.stats.totalRequests += 1;
    if (this.adaptive) look(this, state.interval);
    return true;
  }

  /** Waits for its turn, runs `fn` and learns from how it ends; what it gives or throws is passed on untouched. */
  async execute(fn) {
    if (typeof fn !== 'function') throw wrongType('fn', 'a function', fn);
    await this.acquire();
    const { clock } = this[STATE];
    const began = clock.passed();
    let result;
    try {
      result = await fn();
    } catch (error) {
      learn(this, true, error, clock.passed() - began);
      throw error;
    }
    learn(this, false, result, clock.passed() - began);
    return result;
  }

  /** Once per interval in which something has ended: the documented thresholds decide. */
  _adjustIfNeeded() {
    if (!this.adaptive) return;
    const state = this[STATE];
    const { stats } = this;
    const now = state.clock.wall();
    // the clock has been set back
    if (now < stats.lastAdjustment) stats.lastAdjustment = now;
    if (now - stats.lastAdjustment < this.adjustmentInterval) return;
    const total = this.successCount + this.failureCount;
    if (total === 0) return;
    const successRate = this.successCount / total;
    const latencyMs = stats.averageLatency;
    // who calls this or writes the counts by hand says that the limit was in use
    const isByHand = !state.isResult || total !== state.interval.counted;
    if (successRate < LOWER.successRateBelow || latencyMs > LOWER.latencyAboveMs) {
      adjust(this, Math.min(this.maxRequests, Math.max(this.maxRequests - 1, this.minRequests)), 'decreased');
    } else if (successRate > RAISE.successRateAbove && latencyMs < RAISE.latencyBelowMs && (isByHand || state.interval.isUsedUp)) {
      adjust(this, Math.max(this.maxRequests, Math.min(this.maxRequests + 1, this.maxRequestsLimit)), 'increased');
    }
    this.successCount = 0;
    this.failureCount = 0;
    stats.lastAdjustment = now;
    state.interval = new Interval(stats.averageLatency);
  }

  /** A new limit, whose window begins now: all of its permits are there. */
  updateConfig(maxRequests, windowMs) {
    const state = this[STATE];
    const limit = maxRequests === undefined || maxRequests === null ? state.limit : count(maxRequests, 'maxRequests');
    const window = windowMs === undefined || windowMs === null ? state.window : count(windowMs, 'windowMs');
    state.clock.skip(state.window + 1);
    state.limit = limit;
    state.window = window;
    state.windowBegan = state.clock.wall();
    state.engine.updateConfig(limit, window);
  }

  getStatus() {
    return { maxRequests: this.maxRequests, currentTokens: this.tokens, windowMs: this.windowMs, stats: { ...this.stats }, isAdaptive: this.adaptive };
  }
  resetStats() {
    this.stats = freshStats(this[STATE].clock.wall());
    this.successCount = 0;
    this.failureCount = 0;
    this[STATE].interval = new Interval(0);
  }
  /** Those who wait are rejected with ERR_CLOSED, as whoever comes later. */
  close() {
    return this[STATE].engine.close();
  }
}

/** Fields that are numbers of the engine, as own properties. */
const fields = Object.fromEntries(Object.entries({
  maxRequests: {
    get: ({ limit }) => limit,
    set(state, value) {
      state.engine.updateConfig(count(value, 'maxRequests'), state.window);
      state.limit = value;
    },
  },
  windowMs: {
    get: ({ window }) => window,
    set(state, value) {
      state.engine.updateConfig(state.limit, count(value, 'windowMs'));
      state.window = value;
    },
  },
  /** Permits that are left in the window. */
  tokens: {
    get: ({ engine }) => engine.getStatus().currentTokens,
    set(state, value) {
      const { engine, clock, limit, window } = state;
      const asked = Math.max(0, Math.min(Math.floor(Number(value)) || 0, limit));
      if (asked > engine.getStatus().currentTokens) {
        clock.skip(window + 1);
        engine.updateConfig(limit, window);
      }
      const { currentTokens } = engine.getStatus();
      if (asked < currentTokens) engine.tryAcquire(currentTokens - asked);
    },
  },
  /** When the window began; to write an earlier time lets as much time pass. */
  lastRefill: {
    get: ({ windowBegan }) => windowBegan,
    set(state, value) {
      if (typeof value !== 'number' || Number.isNaN(value)) throw wrongType('lastRefill', 'a time in milliseconds', value);
      const { engine, clock, limit, window } = state;
      // a window that is over by what is written gives all back, whenever the last call was
      const passed = clock.wall() - value >= window ? window + 1 : Math.min(state.windowBegan - value, window + 1);
      state.windowBegan = value;
      if (passed <= 0) return;
      clock.skip(passed);
      engine.updateConfig(limit, window);
    },
  },
}).map(([name, { get, set }]) => [name, {
  get() {
    return get(this[STATE]);
  },
  set(value) {
    set(this[STATE], value);
  },
  enumerable: true,
  configurable: true,
}]));

/** Whether the last permit has been taken; asked no oftener than it can be. */
function look(limiter, interval) {
  if (interval.isUsedUp) return;
  if (interval.unseen > 0) {
    interval.unseen -= 1;
    return;
  }
  const { tokens } = limiter;
  if (tokens === 0) interval.isUsedUp = true;
  else interval.unseen = tokens - 1;
}

/** Books what execute() has run. */
function learn(limiter, isError, result, latencyMs) {
  const state = limiter[STATE];
  const { interval, engine } = state;
  const { stats, classify } = limiter;
  const { outcome, retryAfterMs } = outcomeOf(classify, isError, result);
  // "later", says the upstream: nobody goes until then
  if (retryAfterMs > 0) engine.release('failure', { retryAfterMs });
  if (outcome === 'ignored') return;
  if (outcome === 'success') limiter.successCount += 1;
  else limiter.failureCount += 1;
  interval.counted += 1;
  if (stats.averageLatency !== interval.average) interval.timed = WRITTEN_WEIGHT;
  interval.timed += 1;
  const before = interval.timed === 1 ? latencyMs : stats.averageLatency;
  stats.averageLatency = before + (latencyMs - before) / interval.timed;
  interval.average = stats.averageLatency;
  if (!limiter.adaptive) return;
  state.isResult = true;
  try {
    limiter._adjustIfNeeded();
  } finally {
    state.isResult = false;
  }
}

function adjust(limiter, limit, how) {
  if (limit === limiter.maxRequests) return;
  limiter.maxRequests = limit;
  limiter.logger?.info?.(`Rate limit ${how} to ${limit}`);
}

/** A limiter by one object of options; `maxRequests` is where it starts and the highest that it goes. */
function createRateLimiter(config) {
  const { maxRequests, windowMs, ...options } = config ?? {};
  const limit = countOr(maxRequests, 'maxRequests', 10);
  return new RateLimiter(limit, countOr(windowMs, 'windowMs', WINDOW_MS), { ...options, maxRequests: limit });
}

/** The object that `make` returns, made when it is used first. */
function onFirstUse({ prototype }, make) {
  let made;
  const real = () => (made ??= make());
  return new Proxy(Object.create(prototype), {
    get: (target, name) => Reflect.get(real(), name),
    set: (target, name, value) => Reflect.set(real(), name, value),
    has: (target, name) => Reflect.has(real(), name),
    deleteProperty: (target, name) => Reflect.deleteProperty(real(), name),
    ownKeys: () => Reflect.ownKeys(real()),
    defineProperty: (target, name, property) => Reflect.defineProperty(real(), name, property),
    getOwnPropertyDescriptor: (target, name) => Reflect.getOwnPropertyDescriptor(real(), name),
  });
}

/** The limiter in front of QStash, by the environment. */
const upstashRateLimiter = onFirstUse(RateLimiter, () => new RateLimiter());

module.exports = { RateLimiter, createRateLimiter, upstashRateLimiter };
