'use strict';
// Permits of one limiter in this thread: taken from shared memory without a crossing while a lease lasts, else by one;
// docs/design/limiter.md says how. Who waits is in `waiters.js`.
const native = require('../native');
const { subscribe, unsubscribe } = require('../completion');
const { Elapsed, aheadOf } = require('../elapsed');
const { call, make } = require('../errors');
const { Cells, LOOSE, OWES, TAKES } = require('./cells');
const { SharedPermits } = require('./shared-permits');
const { Recent } = require('./recent');
const { Waiters } = require('./waiters');

// the inbox
const [REQUESTS, SUCCESSES, FAILURES, LATENCY_MS, LATENCIES, HELD, FULL, THROTTLED, REJECTED] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const [WAITING, WANTED, FIRST, WEIGHT] = [9, 10, 11, 12];
// the outbox
const [WAKE_AT, MORE, COUNT, EVENTS, EVENT] = [16, 17, 18, 20, 4];
const [GRANTED, ADJUSTED] = [1, 2];
const WHY = [undefined, 'healthy', 'failures', 'slow', 'outage', 'gradient', 'probe'];
const STATUS = [
  'maxRequests', 'currentTokens', 'windowMs', 'concurrency', 'inFlight', 'queued', 'minLimit', 'maxLimit',
  'totalRequests', 'throttledRequests', 'rejectedRequests', 'averageLatency', 'successRate', 'lastAdjustment', 'raised', 'lowered',
];

const lost = new FinalizationRegistry((id) => unsubscribe(id));

/** Windows for which 10 ms are little. */
const LONG_MS = 1000;

class Permits {
  #handle;
  #cells;
  #inbox;
  #clock;
  #recent;
  /** What this thread's clock lags behind that of all threads. */
  #offset = 0;
  #isShared;
  #maxQueue;
  #what;
  #waiters;
  #line;
  /** What native code knows of the line: how many of the first want how much each. */
  #knownFirst = 0;
  #knownWeight = 0;
  #subscription;
  #tell;
  #onIdle;
  /** With `redis`: where permits come from. */
  #source;

  /** `settings` as `limiterOpen` takes them; `tell(event, ...args)` hears of what has happened. */
  constructor(settings, config, what, tell) {
    const { shared, now, redis } = config;
    this.#clock = new Elapsed(now);
    this.#recent = new Recent(this.#clock, settings.windowMs >= LONG_MS);
    this.#tell = tell;
    this.#what = what;
    this.#isShared = shared !== undefined;
    this.#maxQueue = settings.maxQueue;
    if (shared !== undefined) this.#offset = aheadOf(native.limiterNow, () => this.#clock.now());
    // another thread announces what it left here: that must not keep a limiter that nobody uses
    const weak = new WeakRef(this);
    this.#subscription = subscribe(() => weak.deref()?.pass(), (shell, id) => {
      this.#handle = call(native.limiterOpen, settings, shared ?? null, shell, id);
    });
    if (shared === undefined) {
      unsubscribe(this.#subscription);
      this.#subscription = undefined;
    } else {
      lost.register(this, this.#subscription, this);
    }
    this.#inbox = new Float64Array(native.limiterInbox(this.#handle));
    this.#cells = new Cells(this.#handle, this.#inbox, this.#isShared);
    this.#waiters = new Waiters(this, what, this.#isShared || redis !== undefined);
    this.#line = this.#waiters.line;
    if (redis !== undefined) this.#source = new SharedPermits(this, config, this.#handle, this.#clock, tell);
  }

  /** Elapsed milliseconds, as all threads of the limiter count them. */
  time() {
    return this.#clock.now() + this.#offset;
  }
  #now() {
    return Math.floor(this.#clock.now() + this.#offset);
  }
  /** A timer that was set for that time has fired. */
  reach(at) {
    this.#clock.reach(at - this.#offset);
  }
  get isOpen() {
    return this.#cells.isOpen;
  }

  /** Takes what is there without a crossing; `held` of it is to be released. */
  take(weight, held) {
    // nothing is there while somebody waits: no need to look
    if (this.#line.length > 0) return false;
    const taken = this.#cells.take(weight, held, this.#recent.now() + this.#offset);
    if (taken === OWES) this.#giveBack(weight, 0);
    return taken === TAKES;
  }
  /** Takes by a crossing. */
  takeAcross(weight, held) {
    const isTaken = this.#cross(native.limiterTry, weight) === 1;
    if (isTaken) this.#inbox[HELD] += held;
    this.#read();
    return isTaken;
  }
  /**
   * Takes by a crossing (undefined), or returns the promise of its turn; null: too many wait. `isTimed`: the promise gives
   * the time since when it has its permit, or undefined where that is now.
   */
  await(asked, held, isTimed) {
    // a timer that is late, or a clock that no timer follows: whose time has come goes first
    const wakeAt = this.#inbox[WAKE_AT];
    if (this.#line.length > 0 && wakeAt !== Infinity && wakeAt <= this.time()) this.pass();
    const turn = this.#line.length > 0 ? this.#join(asked, held, isTimed) : this.#ask(asked, held, isTimed);
    if (asked.timeoutMs === 0 && turn != null) this.pass();
    return turn;
  }
  /** Where nobody waits native code is asked. */
  #ask(asked, held, isTimed) {
    const inbox = this.#inbox;
    const answer = this.#cross(native.limiterAcquire, asked.weight);
    let turn;
    if (answer === 0) inbox[HELD] += held;
    else if (answer < 0) turn = null;
    else {
      inbox[WAITING] = 1;
      this.#knownFirst = 1;
      this.#knownWeight = asked.weight;
      turn = this.#waiters.add(asked, held, isTimed);
    }
    this.#read();
    return turn;
  }
  /** Behind those who wait already. */
  #join(asked, held, isTimed) {
    const inbox = this.#inbox;
    if (this.#queue(1) >= this.#maxQueue) {
      this.#queue(-1);
      // some may wait in vain by now
      const { length } = this.#line;
      this.pass();
      if (this.#line.length < length) return this.await(asked, held, isTimed);
      inbox[REQUESTS] += 1;
      inbox[REJECTED] += 1;
      return null;
    }
    inbox[REQUESTS] += 1;
    inbox[THROTTLED] += 1;
    const turn = this.#waiters.add(asked, held, isTimed);
    // Redis is asked for what all want
    if (this.#source !== undefined) this.pass();
    else if (asked.timeoutMs !== Infinity || this.#waiters.isLost) this.#waiters.arm(inbox[WAKE_AT]);
    return turn;
  }
  /** So many more stand in line; returns how many did, in all threads. */
  #queue(by) {
    this.#inbox[WAITING] += by;
    return this.#cells.queue(by);
  }
  /** So many have left without a permit. */
  left(count) {
    this.#inbox[REJECTED] += count;
    this.#queue(-count);
    if (this.#isKnown() && (!this.#isShared || this.#knownFirst <= this.#line.first.run.count)) this.#waiters.arm(this.#inbox[WAKE_AT]);
    else this.pass();
  }
  /** Whether native code knows enough of who waits. */
  #isKnown() {
    const { first } = this.#line;
    return first === undefined ? this.#knownFirst === 0 : this.#knownFirst > 0 && this.#knownWeight === first.weight;
  }
  /** How long until the window has room for that; 0: no clock can tell. */
  retryAfter(weight) {
    const ms = this.#cross(native.limiterRetryAfter, weight);
    this.#read();
    return ms;
  }

  /** Work has ended: `held` of what was taken goes back; `latencyMs` undefined: not known. `at`: the time, where it was read. */
  end(held, outcome, latencyMs, retryAfterMs, at) {
    if (this.#handle === undefined) return;
    const inbox = this.#inbox;
    // what was released twice is not in hand
    const back = Math.min(held, inbox[HELD]);
    inbox[HELD] -= back;
    inbox[LOOSE] += back;
    if (outcome !== 'ignored') {
      inbox[outcome === 'success' ? SUCCESSES : FAILURES] += 1;
      if (latencyMs !== undefined) {
        inbox[LATENCY_MS] += latencyMs;
        inbox[LATENCIES] += 1;
      }
    }
    if (this.#line.length === 0 || !this.#handOn(back, retryAfterMs, at)) this.#giveBack(back, retryAfterMs);
    if (this.#onIdle !== undefined && inbox[HELD] === 0) this.#onIdle();
  }
  /** To the first in line, when it wants just that, no other thread waits, and nothing else is to be decided. */
  #handOn(weight, retryAfterMs, at) {
    if (!this.#cells.handsOn || retryAfterMs !== 0 || this.#isLookDue(at)) return false;
    if (this.#waiters.hasDeadlines) this.#expire(this.#now());
    const { first } = this.#line;
    if (first === undefined || first.weight !== weight) return false;
    const inbox = this.#inbox;
    inbox[LOOSE] -= weight;
    inbox[HELD] += first.held;
    this.#queue(-1);
    this.#waiters.grant(at);
    inbox[FULL] = 1;
    if (!this.#isKnown()) this.pass();
    return true;
  }
  #isLookDue(at) {
    const { lookAt } = this.#cells;
    return lookAt !== Infinity && lookAt <= (at ?? this.time());
  }
  /** What is loose goes back. */
  #giveBack(weight, retryAfterMs) {
    if (retryAfterMs === 0 && !this.#isLookDue() && this.#cells.putBack(weight)) return;
    this.#cross(native.limiterRelease, weight, Math.ceil(retryAfterMs));
    this.#read();
  }

  /** A timer or another thread calls, or others wait than native code knows. */
  pass() {
    if (this.#handle === undefined) return;
    try {
      this.#cross(native.limiterPass);
      this.#read();
    } catch {
      // those who waited have heard of it
    }
  }
  update(limit, windowMs) {
    this.#recent.isOn = windowMs >= LONG_MS;
    this.#source?.update(limit, windowMs);
    this.#cross(native.limiterUpdate, limit, windowMs);
    this.#read();
  }
  /** The numbers of the moment, by name. */
  status() {
    const now = this.#now();
    // an interval that ends with this look moves the limit and lets go who waits: that is told now, not by whoever crosses next
    this.#cross(native.limiterPass);
    this.#read();
    this.#cross(native.limiterStatus);
    const inbox = this.#inbox;
    const out = {};
    for (let at = 0; at < STATUS.length; at += 1) out[STATUS[at]] = inbox[EVENTS + at];
    // as a time of day
    out.lastAdjustment = out.lastAdjustment < 0 ? 0 : Math.round(this.#clock.wall() - (now - out.lastAdjustment));
    return out;
  }
  resetStats() {
    call(native.limiterResetStats, this.#handle);
  }

  /** Nothing is taken any more and nobody waits; resolves when what is in hand has come back. */
  close() {
    this.#cells.close();
    const count = this.#waiters.clear(() => make('Closed', { what: this.#what }));
    this.#inbox[REJECTED] += count;
    this.#queue(-count);
    this.pass();
    if (this.#inbox[HELD] === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onIdle = resolve));
  }
  /** What Redis gave and nobody has spent goes back. */
  async giveBack() {
    if (this.#source === undefined) return;
    this.pass();
    await this.#source.close();
  }
  /** The thread uses it no more. */
  leave() {
    native.limiterLeave(this.#handle, this.#now());
    this.#handle = undefined;
    if (this.#subscription === undefined) return;
    lost.unregister(this);
    unsubscribe(this.#subscription);
  }

  /** Who leaves because its time is over. */
  #expire(now) {
    const count = this.#waiters.expire(now);
    this.#inbox[REJECTED] += count;
    this.#queue(-count);
  }
  /** Calls with what native code has to know: the handle, who waits, the time. A broken limiter leaves nobody waiting. */
  #cross(crossing, ...args) {
    const now = this.#now();
    if (this.#waiters.hasDeadlines) this.#expire(now);
    const { first, weight } = this.#line;
    const inbox = this.#inbox;
    inbox[WANTED] = weight;
    inbox[FIRST] = this.#knownFirst = first === undefined ? 0 : first.run.count;
    inbox[WEIGHT] = this.#knownWeight = first === undefined ? 0 : first.weight;
    try {
      return call(crossing, this.#handle, ...args, now);
    } catch (error) {
      this.#queue(-this.#waiters.clear(() => error));
      this.#waiters.arm(Infinity);
      throw error;
    }
  }
  /** What the crossing left in the outbox; all of it is read before anybody's code runs. */
  #read() {
    const inbox = this.#inbox;
    let adjusted;
    let surplus = 0;
    for (;;) {
      const end = EVENTS + EVENT * inbox[COUNT];
      for (let at = EVENTS; at < end; at += EVENT) {
        if (inbox[at] === ADJUSTED) (adjusted ??= []).push([inbox[at + 1], inbox[at + 2], WHY[inbox[at + 3]]]);
        else if (inbox[at] === GRANTED) surplus += this.#granted(inbox[at + 1], inbox[at + 2]);
      }
      inbox[COUNT] = 0;
      if (inbox[MORE] !== 1 && this.#isKnown()) break;
      this.#cross(native.limiterPass);
    }
    this.#waiters.arm(inbox[WAKE_AT]);
    // granted to who has left meanwhile
    if (surplus > 0) this.#giveBack(surplus, 0);
    this.#source?.send();
    adjusted?.forEach((told) => this.#tell('adjusted', ...told));
  }
  /** The turn of so many of the first has come; returns the weight that nobody of them wants any more. */
  #granted(weight, count) {
    const inbox = this.#inbox;
    let left = count;
    for (; left > 0 && this.#line.first?.weight === weight; left -= 1) {
      inbox[HELD] += this.#line.first.held;
      inbox[LOOSE] -= weight;
      this.#queue(-1);
      this.#waiters.grant(undefined);
    }
    this.#knownFirst = Math.max(0, this.#knownFirst - count);
    return left * weight;
  }
}

module.exports = { Permits };
