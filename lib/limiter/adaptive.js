'use strict';
// AdaptiveLimiter: a window of permits, a limit of work in flight, or both, of which one may learn.
const { EventEmitter } = require('node:events');
const { limiters } = require('../alive');
const { aborted, make } = require('../errors');
const { outOfRange, wrongType } = require('../options');
const { Counts, ADAPTIVE } = require('./counts');
const { readAcquire, readAdaptive, readEnded, readLimit, readOutcome, readRelease, readWeight, readWindow } = require('./options');
const { outcomeOf } = require('./outcome');
const { Permits } = require('./permits');

/** What is asked for by who asks for nothing in particular. */
const PLAIN = Object.freeze({ weight: 1, timeoutMs: Infinity, signal: undefined });

/** What work is told. */
class Context {
  #signal;

  constructor(signal) {
    this.#signal = signal;
  }
  /** The caller's; without one a signal that never fires, made when it is asked for. */
  get signal() {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }
}

/** What take() gives: to be released once. */
class Permit {
  #permits;
  #weight;
  #began;

  constructor(permits, weight) {
    this.#permits = permits;
    this.#weight = weight;
    this.#began = permits.time();
  }
  release(outcome = 'success', details) {
    readOutcome(outcome);
    const { latencyMs, retryAfterMs } = readEnded(details);
    const permits = this.#permits;
    if (permits === undefined) return;
    this.#permits = undefined;
    const at = permits.time();
    permits.end(this.#weight, outcome, latencyMs ?? at - this.#began, retryAfterMs, at);
  }
}

class AdaptiveLimiter extends EventEmitter {
  #config;
  #what;
  #permits;
  #counts;
  #forget;
  #closing;
  /** Its status when it had closed. */
  #last;
  /** Whether permits of tryAcquire and acquire are to be released; a plain window has nothing to wait for. */
  #tracks;
  #limit;

  constructor(options) {
    super();
    const config = readAdaptive(options);
    this.#config = config;
    this.#what = config.name === '' ? 'the limiter' : `the limiter ${JSON.stringify(config.name)}`;
    this.#tracks = config.concurrency > 0 || config.adaptive !== undefined;
    this.#limit = config.limit;
    const weak = new WeakRef(this);
    this.#permits = new Permits(settingsOf(config), config, this.#what, (event, ...told) => weak.deref()?.#tell(event, told));
    const permits = this.#permits;
    this.#counts = new Counts(ADAPTIVE, config, () => look(permits));
    this.#forget = limiters.live(this.#counts);
  }
  #tell(event, args) {
    try {
      this.emit(event, ...args);
    } catch {
      // a listener's failure is no failure of the limiter
    }
  }

  tryAcquire(weight = 1) {
    if (weight !== 1) this.#checkWeight(readWeight(weight));
    const held = this.#tracks ? weight : 0;
    if (this.#permits.take(weight, held)) return true;
    this.#checkOpen();
    return this.#permits.takeAcross(weight, held);
  }
  acquire(options) {
    if (options === undefined && this.#permits.take(1, this.#tracks ? 1 : 0)) return Promise.resolve(true);
    try {
      const asked = options === undefined ? PLAIN : readAcquire(options);
      return this.#turn(asked, this.#tracks, false) ?? Promise.resolve(true);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  take(options) {
    try {
      const asked = options === undefined ? PLAIN : readAcquire(options);
      const permit = () => new Permit(this.#permits, asked.weight);
      const turn = this.#turn(asked, true, false);
      return turn === undefined ? Promise.resolve(permit()) : turn.then(permit);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  execute(fn, options) {
    if (typeof fn !== 'function') return Promise.reject(wrongType('fn', 'a function', fn));
    if (options === undefined && this.#permits.take(1, 1)) return this.#run(fn, 1, undefined);
    try {
      const asked = options === undefined ? PLAIN : readAcquire(options);
      const turn = this.#turn(asked, true, true);
      if (turn === undefined) return this.#run(fn, asked.weight, asked.signal);
      return this.#runInTurn(turn, fn, asked.weight, asked.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  release(outcome, details) {
    readOutcome(outcome);
    const { weight, latencyMs, retryAfterMs } = readRelease(details);
    this.#permits.end(this.#tracks ? weight : 0, outcome, latencyMs, retryAfterMs, undefined);
  }

  updateConfig(limit, windowMs) {
    if (limit === undefined) throw wrongType('limit', 'a whole number', limit);
    readLimit(limit, 'limit');
    const windowed = readWindow(windowMs, 'windowMs');
    const { adaptive, concurrency } = this.#config;
    if (limit === 0 && (concurrency === 0 || adaptive?.target === 'limit')) throw outOfRange('limit', 'above 0 where it is all there is, or what moves', limit);
    this.#checkOpen();
    this.#permits.update(limit, windowed ?? this.#permits.status().windowMs);
    this.#limit = limit;
  }
  getStatus() {
    const { totalRequests, throttledRequests, rejectedRequests, averageLatency, successRate, lastAdjustment, raised, lowered, ...status } = this.#last ?? this.#permits.status();
    const { maxRequests, currentTokens, windowMs, concurrency, inFlight, queued, ...bounds } = status;
    return {
      maxRequests, currentTokens, windowMs, concurrency, inFlight, queued, isAdaptive: this.#config.adaptive !== undefined, ...bounds,
      stats: { totalRequests, throttledRequests, rejectedRequests, averageLatency, successRate, lastAdjustment, raised, lowered },
    };
  }
  resetStats() {
    this.#checkOpen();
    this.#counts.sync();
    this.#permits.resetStats();
    this.#counts.sync();
  }
  close() {
    if (this.#closing === undefined) {
      let closed;
      this.#closing = new Promise((resolve) => { closed = resolve; });
      // behind that: a listener that it calls may close as well
      closed(this.#close());
    }
    return this.#closing;
  }
  async #close() {
    await this.#permits.close();
    await this.#permits.giveBack();
    try {
      this.#counts.keep();
      this.#last = this.#permits.status();
    } catch {
      // one that is broken has nothing to say, and is left like any other
    }
    this.#permits.leave();
    this.#forget();
  }

  #checkOpen() {
    if (!this.#permits.isOpen) throw make('Closed', { what: this.#what });
  }
  /** One that could never go is a mistake. */
  #checkWeight(weight) {
    if (weight === 1) return;
    const most = () => {
      const { adaptive, concurrency } = this.#config;
      const highest = (target, now) => (now === 0 ? Infinity : adaptive?.target === target ? adaptive.maxLimit : now);
      return Math.min(highest('limit', this.#limit), highest('concurrency', concurrency));
    };
    if (weight <= most() || !this.#permits.isOpen) return;
    // another thread may have changed it
    this.#limit = this.#permits.status().maxRequests;
    if (weight > most()) throw outOfRange('weight', `a whole number from 1 to ${most()}`, weight);
  }
  /** Undefined when it was its turn at once, else the promise of it. */
  #turn(asked, isHeld, isTimed) {
    const { weight, signal } = asked;
    this.#checkWeight(weight);
    this.#checkOpen();
    if (signal?.aborted) throw aborted(signal, `the wait for ${this.#what}`);
    const held = isHeld ? weight : 0;
    if (this.#permits.take(weight, held)) return undefined;
    const turn = this.#permits.await(asked, held, isTimed);
    if (turn !== null) return turn;
    const detail = `${this.#config.maxQueue} wait already`;
    throw make('LimitExceeded', { what: this.#what, detail, retryAfterMs: this.#permits.retryAfter(weight) });
  }
  /** The same for work that waits: one promise and no closure, since many may wait. */
  async #runInTurn(turn, fn, weight, signal) {
    const began = (await turn) ?? this.#permits.time();
    let value;
    try {
      value = await fn(new Context(signal));
    } catch (error) {
      this.#learn(weight, began, true, error);
      throw error;
    }
    this.#learn(weight, began, false, value);
    return value;
  }
  /** Runs what has its permit. What it gives is passed on as it is. */
  #run(fn, weight, signal) {
    const began = this.#permits.time();
    let pending;
    let isPending = false;
    try {
      pending = fn(new Context(signal));
      isPending = pending !== null && (typeof pending === 'object' || typeof pending === 'function') && typeof pending.then === 'function';
    } catch (error) {
      this.#learn(weight, began, true, error);
      return Promise.reject(error);
    }
    if (!isPending) {
      this.#learn(weight, began, false, pending);
      return Promise.resolve(pending);
    }
    // bound, not closures: what is compiled of those is lost at each full collection, when none happens to be alive
    return Promise.resolve(pending).then(this.#gave.bind(this, weight, began), this.#failed.bind(this, weight, began));
  }
  #gave(weight, began, value) {
    this.#learn(weight, began, false, value);
    return value;
  }
  #failed(weight, began, error) {
    this.#learn(weight, began, true, error);
    throw error;
  }
  #learn(weight, began, isError, result) {
    const at = this.#permits.time();
    const { outcome, retryAfterMs } = outcomeOf(this.#config.classify, isError, result);
    try {
      this.#permits.end(weight, outcome, at - began, retryAfterMs, at);
    } catch {
      // a broken limiter changes nothing in what work gives
    }
  }
}

/** A limiter's options as native code takes them. */
function settingsOf({ limit, windowMs, concurrency, maxQueue, adaptive }) {
  const settings = { limit, windowMs, concurrency, maxQueue };
  if (adaptive === undefined) return settings;
  const { target, minLimit, maxLimit, intervalMs, raiseWhen, lowerWhen, algorithm } = adaptive;
  return { ...settings, adapt: { target, minLimit, maxLimit, intervalMs, ...raiseWhen, ...lowerWhen, algorithm } };
}
/** For metrics: what is counted, and what goes up and down. */
function look(permits) {
  const { totalRequests, throttledRequests, rejectedRequests, raised, lowered, maxRequests, concurrency, currentTokens, inFlight, queued } = permits.status();
  return { counted: [totalRequests, throttledRequests, rejectedRequests, raised, lowered], held: [maxRequests, concurrency, currentTokens, inFlight, queued] };
}

// older realms have no such symbol
if (typeof Symbol.asyncDispose === 'symbol') {
  Object.defineProperty(AdaptiveLimiter.prototype, Symbol.asyncDispose, {
    async value() {
      await this.close();
    },
    configurable: true,
    writable: true,
  });
}

module.exports = { AdaptiveLimiter };
