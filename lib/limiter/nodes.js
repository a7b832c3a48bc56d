'use strict';
// Limits that Redis keeps, in the hands of this thread: decisions are native and at once; what has to be asked goes behind
// them, over our own connection natively, through an application's client from `client-nodes.js`.
const native = require('../native');
const { begin, subscribe, unsubscribe } = require('../completion');
const { Elapsed } = require('../elapsed');
const { call, fromNative } = require('../errors');
const { linkOf } = require('../redis-link');

const [REMAINING, LIMIT, RETRY_AFTER_MS, RESET_MS, WINDOW_MS] = [0, 1, 2, 3, 4];
/** What a look returns that has to ask first. */
const ASKED = -1;

const lost = new FinalizationRegistry((id) => unsubscribe(id));

class Nodes {
  handle;
  numbers;
  #clock;
  #timeoutMs;
  #subscription;
  #client;

  /**
   * `redis` as `readRedis` gives it. `on`: `degraded(error)`, `recovered()`, `look()` for an adaptive limiter; it is not kept
   * alive for them. `makeClient(redis, nodes)` for an application's client; `clock` as an `Elapsed`.
   */
  constructor({ redis, name, windowMs, limit, keyPrefix = '', maxKeys = 1, maxBytes = 2 ** 20, whenRedisDown, isSole }, on, makeClient, clock = new Elapsed()) {
    this.#clock = clock;
    this.#timeoutMs = redis.commandTimeoutMs;
    // UTF-8 cannot say a lone surrogate: U+FFFD, as in keys
    const named = `${name.toWellFormed()}:${windowMs}${isSole ? '' : ':'}`;
    const link = redis.client === undefined ? linkOf(redis) : null;
    const settings = JSON.stringify({ link, name: named, limit, windowMs, whenDown: whenRedisDown, maxKeys, maxBytes, isSole });
    this.#subscription = subscribe(listener(on), (shell, id) => {
      this.handle = call(native.nodesOpen, settings, keyPrefix, shell, id);
    });
    lost.register(this, this.#subscription, this);
    this.numbers = new Float64Array(native.nodesNumbers(this.handle));
    if (link === null) this.#client = makeClient(redis, this);
  }
  now() {
    return this.#clock.now();
  }
  /** Behind whatever may have made something due. */
  send() {
    this.#client?.send();
  }

  check(key, weight) {
    const allowed = call(native.nodesCheck, this.handle, key, weight, this.now()) === 1;
    this.send();
    return allowed;
  }
  find(key, weight, limit) {
    const allowed = call(native.nodesLook, this.handle, key, weight, limit, false, this.now()) === 1;
    this.send();
    return this.#found(allowed);
  }
  /** By the lease, or by what Redis says; without an answer in time as `find`. */
  async consume(key, weight, limit) {
    const began = native.limiterNow();
    for (;;) {
      const found = call(native.nodesLook, this.handle, key, weight, limit, true, this.now());
      this.send();
      if (found !== ASKED) return this.#found(found === 1);
      const left = this.#timeoutMs - (native.limiterNow() - began);
      if (left <= 0) break;
      if (this.#client === undefined) await begin((shell, id) => native.nodesWait(shell, id, this.handle, key, weight, Math.ceil(left)));
      else if (!(await this.#client.ended(call(native.nodesAsked, this.handle), Math.ceil(left)))) break;
      // closed meanwhile
      if (this.handle === undefined) return undefined;
    }
    // nothing is out that could be waited for, or it has taken too long
    return this.find(key, weight, limit);
  }
  #found(allowed) {
    const { numbers } = this;
    return {
      allowed,
      remaining: numbers[REMAINING],
      limit: numbers[LIMIT],
      windowMs: numbers[WINDOW_MS],
      retryAfterMs: numbers[RETRY_AFTER_MS],
      resetMs: numbers[RESET_MS],
    };
  }
  many(keys, out) {
    call(native.nodesMany, this.handle, keys, out, this.now());
    this.send();
  }
  retryAfter(key, weight, limit) {
    return call(native.nodesRetryAfter, this.handle, key, weight, limit, this.now());
  }
  update(limit, windowMs) {
    call(native.nodesUpdate, this.handle, limit, windowMs, this.now());
  }
  reset(key) {
    const name = call(native.nodesReset, this.handle, key, this.now());
    this.#client?.forget([name]);
  }
  resetAll() {
    const names = call(native.nodesResetAll, this.handle, this.now());
    this.#client?.forget(names);
  }
  resetStats() {
    call(native.nodesResetStats, this.handle, this.now());
  }
  /** Size, bytes and counts are those of the moment. */
  look() {
    if (this.handle !== undefined) call(native.nodesStats, this.handle, this.now());
    return this.numbers;
  }

  /** Tells what is owed and gives back what is unspent. */
  async close() {
    const { handle } = this;
    const now = this.now();
    if (this.#client === undefined) await begin((shell, id) => native.nodesClose(shell, id, handle, now));
    else await this.#client.close();
    this.handle = undefined;
    lost.unregister(this);
    unsubscribe(this.#subscription);
  }
}

/** Who nobody has any more is not kept for this: a function of its own, that sees nothing else. */
function listener(on) {
  const told = new WeakRef(on);
  return (said) => {
    if (said === undefined) told.deref()?.look();
    else if (said === true) told.deref()?.recovered();
    else told.deref()?.degraded(fromNative(said));
  };
}

module.exports = { Nodes };
