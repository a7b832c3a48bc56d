'use strict';
// RequestLimiter: limits of clients in front of a server: so many in a window, and so many in a second.
const { KeyedLimiter, rateLimitHeaders } = require('..');
const { func, integer, outOfRange, wrongType } = require('../lib/options');
const { OwnElapsed } = require('./elapsed');

const MANY = 2 ** 31 - 1;
const BURST_MS = 1000;
const MOST_WINDOWS = 64;
const DEFAULTS = { limit: 100, windowMs: 60_000, burst: 20 };
const MESSAGE = 'Too many requests, please try again later.';
const NOBODY = 'unknown';
const STATE = Symbol('state');

const readLimit = integer(0, MANY);
const readWindow = integer(1, MANY);
const readStatus = integer(100, 599);
/** `burst` may be false: none. */
const NUMBERS = { limit: readLimit, windowMs: readWindow, burst: (value, name) => (value === false ? 0 : readLimit(value, name)) };

/** What is there of a limit, a window and a burst, checked. */
function numbersOf(given, prefix = '') {
  const out = {};
  for (const name in NUMBERS) if (given[name] !== undefined) out[name] = NUMBERS[name](given[name], prefix + name);
  return out;
}
function readTrust(value) {
  if (value === undefined || value === null || typeof value === 'boolean') return value === true ? Infinity : 0;
  return integer(0, 1000)(value, 'trustProxy');
}
/** The rule of a key, checked; `rules` is an object, a Map, or a function of the key. */
function ruleOf(rules, key) {
  if (rules === undefined || rules === null) return {};
  const isMap = typeof rules.get === 'function';
  const rule = typeof rules === 'function' ? rules(key) : isMap ? rules.get(key) : Object.hasOwn(rules, key) ? rules[key] : undefined;
  if (rule === undefined || rule === null) return {};
  if (typeof rule !== 'object') throw wrongType(`rules.${key}`, 'an object', rule);
  return numbersOf(rule, `rules.${key}.`);
}
function checkRules(rules) {
  if (rules === undefined || rules === null || typeof rules === 'function') return;
  if (typeof rules !== 'object') throw wrongType('rules', 'an object, a Map or a function', rules);
  for (const key of typeof rules.get === 'function' ? rules.keys() : Object.keys(rules)) ruleOf(rules, key);
}

class RequestLimiter {
  constructor(options) {
    const given = options ?? {};
    if (typeof given !== 'object') throw wrongType('options', 'an object', given);
    this.now = func()(given.now, 'now');
    const clock = new OwnElapsed(this);
    const table = { maxKeys: given.maxKeys, maxBytes: given.maxBytes, now: clock.now };
    const open = (windowMs) => new KeyedLimiter({ ...table, windowMs, maxRequests: MANY });
    // rules may have a window of their own: a table for each length there is, beside the one of everybody else, whose length may change
    const state = { open, bursts: open(BURST_MS), usual: undefined, usualMs: undefined, windows: new Map(), allowed: 0, denied: 0 };
    Object.defineProperty(this, STATE, { value: state, configurable: true });
    Object.assign(this, DEFAULTS, { message: MESSAGE, statusCode: 429, rules: undefined, trustProxy: false });
    this.updateConfig(given);
  }

  /** What tells clients apart: their address, by default. */
  keyGenerator(req) {
    const { headers, socket, connection, ip } = req;
    const hops = readTrust(this.trustProxy);
    if (hops > 0) {
      const said = headers?.['x-forwarded-for'];
      const addresses = String(Array.isArray(said) ? said.join(',') : said ?? '').split(',').map((one) => one.trim()).filter((one) => one !== '');
      // each proxy has appended whom it was called by: the last one is what the nearest says
      if (addresses.length > 0) return plainAddress(addresses[Math.max(0, addresses.length - hops)]);
    }
    return plainAddress(socket?.remoteAddress ?? connection?.remoteAddress ?? ip ?? NOBODY);
  }

  /** Takes one request of its client's limits, if all of them allow it; at once. */
  checkLimit(req) {
    const found = check(this, req);
    const result = told(this, found);
    wholes.set(result, found);
    return result;
  }

  /** Sets the headers, then goes on or answers; returns whether it went on. */
  handleRequest(req, res, next) {
    const result = this.checkLimit(req);
    const headers = rateLimitHeaders(wholes.get(result) ?? assumed(this, result), 'both');
    const set = res.setHeader ?? res.set;
    for (const name in headers) set.call(res, name, headers[name]);
    if (result.allowed) {
      next?.();
      return true;
    }
    const { message = this.message, retryAfter } = result;
    const body = { error: { message, code: 'RATE_LIMIT_EXCEEDED', retryAfter } };
    if (typeof res.status === 'function' && typeof res.json === 'function') {
      res.status(this.statusCode).json(body);
    } else {
      res.statusCode = this.statusCode;
      set.call(res, 'Content-Type', 'application/json');
      res.end?.(JSON.stringify(body));
    }
    return false;
  }

  getStats() {
    const { allowed, denied } = this[STATE];
    const tables = windowsOf(this[STATE]);
    const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);
    return { totalRequests: allowed + denied, allowed, denied, activeClients: sum(tables.map((table) => table.size)), evicted: sum(tables.map((table) => table.getStats().evicted)) };
  }
  /** The client starts afresh; its key as keyGenerator has it. */
  resetClient(key) {
    for (const table of [this[STATE].bursts, ...windowsOf(this[STATE])]) table.reset(named(key));
  }
  /** Those of the options that are given. */
  updateConfig(config) {
    const given = config ?? {};
    if (typeof given !== 'object') throw wrongType('config', 'an object', given);
    const numbers = numbersOf(given);
    checkRules(given.rules);
    if (given.statusCode !== undefined) readStatus(given.statusCode, 'statusCode');
    readTrust(given.trustProxy);
    const keyGenerator = func()(given.keyGenerator ?? undefined, 'keyGenerator');
    if (numbers.windowMs !== undefined && this[STATE].usual !== undefined) usual(this[STATE], numbers.windowMs);
    Object.assign(this, numbers);
    for (const name of ['rules', 'trustProxy', 'message', 'statusCode']) if (given[name] !== undefined) this[name] = given[name];
    if (keyGenerator !== undefined) this.keyGenerator = keyGenerator;
  }
  async close() {
    await Promise.all([this[STATE].bursts, ...windowsOf(this[STATE])].map((table) => table.close()));
  }
}

/** A key as the tables take it; they keep its hash, by a secret of the process. */
function named(key) {
  // all clients would be one, "[object Promise]"
  if (typeof key?.then === 'function') throw wrongType('keyGenerator', 'a function that gives the key itself, not a promise of it', key);
  return String(key ?? NOBODY);
}
/** An address without its port, which some proxies add; IPv4 in IPv6 is the same client. */
const plainAddress = (address) => String(address).replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(:\d+)?$/i, '$1');

function opened({ windows, open }, windowMs) {
  if (windows.size >= MOST_WINDOWS) throw outOfRange('windowMs', `one of at most ${MOST_WINDOWS} lengths of window`, windowMs);
  windows.set(windowMs, open(windowMs));
  return windows.get(windowMs);
}
/** Of those without a window of their own; what was admitted counts in a new window too. */
function usual(state, windowMs) {
  if (state.usual === undefined) state.usual = state.open(windowMs);
  else if (windowMs !== state.usualMs) state.usual.updateConfig(MANY, windowMs);
  state.usualMs = windowMs;
  return state.usual;
}
const windowsOf = ({ usual: table, windows }) => [...(table === undefined ? [] : [table]), ...windows.values()];

/** What the client's limits say; none of them is taken from when one refuses. */
function check(limiter, req) {
  const state = limiter[STATE];
  const key = named(limiter.keyGenerator(req));
  const { limit = limiter.limit, windowMs: own, burst = limiter.burst } = ruleOf(limiter.rules, key);
  const windowMs = own ?? limiter.windowMs;
  const window = own === undefined ? usual(state, windowMs) : state.windows.get(own) ?? opened(state, own);
  // a burst as large as the limit of a longer window refuses nothing
  const hasBurst = burst > 0 && (burst < limit || windowMs < BURST_MS);
  const burstSeen = hasBurst ? state.bursts.check(key, { weight: 0, limit: burst }) : undefined;
  let found;
  if (burstSeen?.allowed === false) {
    const seen = window.check(key, { weight: 0, limit });
    found = { ...seen, allowed: false, remaining: 0, retryAfterMs: Math.max(seen.retryAfterMs, burstSeen.retryAfterMs) };
  } else {
    found = window.check(key, { limit });
    if (found.allowed && hasBurst) state.bursts.check(key, { limit: burst });
  }
  state[found.allowed ? 'allowed' : 'denied'] += 1;
  return found;
}
/** What the engine said, of what checkLimit() has returned. */
const wholes = new WeakMap();
/** As much of it as there is when somebody else has answered in the place of checkLimit(). */
function assumed({ limit, windowMs }, { allowed, remaining = 0, retryAfter = 0, limit: own = limit }) {
  const waitMs = retryAfter * 1000;
  return { allowed, remaining, limit: own, windowMs, retryAfterMs: waitMs, resetMs: allowed ? windowMs : waitMs };
}
/** The same in the words of services. */
function told({ message }, { allowed, remaining, retryAfterMs, limit }) {
  if (allowed) return { allowed, remaining, retryAfter: 0, limit };
  return { allowed, remaining, retryAfter: Math.max(1, Math.ceil(retryAfterMs / 1000)), limit, message };
}

module.exports = { RequestLimiter };
