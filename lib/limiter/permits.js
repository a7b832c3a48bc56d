'use strict';
// Permits of one limiter in this thread: taken from shared memory without a crossing while a lease lasts, else by one;
// docs/design/limiter.md says how. Who waits is in `waiters.js`.
const native = require('../native');
const { Elapsed, aheadOf } = require('../elapsed');
const { call, make } = require('../errors');
const { INBOX, OUTBOX, EVENT, GRANTED, ADJUSTED, statusOf, adjustmentAt } = require('./boxes');
const { Cells, OWES, TAKES } = require('./cells');
const { Member } = require('./member');
const { SharedPermits } = require('./shared-permits');
const { Recent } = require('./recent');
const { Waiters } = require('./waiters');

const { REQUESTS, SUCCESSES, FAILURES, LATENCY_MS, LATENCIES, HELD, FULL, THROTTLED, REJECTED, WAITING, WANTED, FIRST, WEIGHT, LOOSE } = INBOX;
const { WAKE_AT, MORE, COUNT, EVENTS } = OUTBOX;

/** Windows for which 10 ms are little. */
const LONG_MS = 1000;

class Permits {
  #member;
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
  /** Native code knows of nobody, and need not: what ends is handed on. */
  #isUntold = false;
  #isBroken = false;
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
    this.#member = new Member(settings, shared, this);
    const { handle } = this.#member;
    this.#inbox = new Float64Array(native.limiterInbox(handle));
    this.#cells = new Cells(handle, this.#inbox, this.#isShared);
    this.#waiters = new Waiters(this, what, this.#isShared || redis !== undefined);
    this.#line = this.#waiters.line;
    if (redis !== undefined) this.#source = new SharedPermits(this, config, handle, this.#clock, tell);
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
    const turn = this.#line.length > 0 || this.#needsNoAsking() ? this.#join(asked, held, isTimed) : this.#ask(asked, held, isTimed);
    if (asked.timeoutMs === 0 && turn != null) this.pass();
    return turn;
  }
  /** Nobody waits yet, all that may run does, and whatever ends in this thread finds who waits: what native code would say is known. */
  #needsNoAsking() {
    if (this.#isShared || this.#isBroken || !this.#cells.isFull || !this.#cells.handsOn || this.#isLookDue()) return false;
    this.#isUntold = true;
    this.#inbox[FULL] = 1;
    return true;
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
    if (this.#cells.queue(1) >= this.#maxQueue) {
      this.#cells.queue(-1);
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
  /** So many have left without a permit. */
  left(count) {
    this.#inbox[REJECTED] += count;
    this.#cells.queue(-count);
    if (this.#isKnown() && (!this.#isShared || this.#knownFirst <= this.#line.first.run.count)) this.#waiters.arm(this.#inbox[WAKE_AT]);
    else this.pass();
  }
  /** Whether native code knows enough of who waits. */
  #isKnown() {
    if (this.#isUntold) return true;
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
    if (this.#member.handle === undefined) return;
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
    this.#cells.queue(-1);
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
    // who waits, or a limiter that is broken, is native code's to answer
    const mayStay = this.#line.length === 0 && !this.#isBroken && retryAfterMs === 0 && !this.#isLookDue();
    if (mayStay && this.#cells.putBack(weight)) return;
    this.#cross(native.limiterRelease, weight, Math.ceil(retryAfterMs));
    this.#read();
  }

  /** A timer or another thread calls, or others wait than native code knows. */
  pass() {
    if (this.#member.handle === undefined) return;
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
    const out = statusOf(this.#inbox);
    // as a time of day
    out.lastAdjustment = out.lastAdjustment < 0 ? 0 : Math.round(this.#clock.wall() - (now - out.lastAdjustment));
    return out;
  }
  resetStats() {
    call(native.limiterResetStats, this.#member.handle);
  }

  /** Nothing is taken any more and nobody waits; resolves when what is in hand has come back. */
  close() {
    this.#cells.close();
    const count = this.#waiters.clear(() => make('Closed', { what: this.#what }));
    this.#inbox[REJECTED] += count;
    this.#cells.queue(-count);
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
    this.#member.leave(this.#now());
  }

  /** Who leaves because its time is over. */
  #expire(now) {
    const count = this.#waiters.expire(now);
    this.#inbox[REJECTED] += count;
    this.#cells.queue(-count);
  }
  /** Calls with what native code has to know: the handle, who waits, the time. A broken limiter leaves nobody waiting. */
  #cross(crossing, ...args) {
    const now = this.#now();
    if (this.#waiters.hasDeadlines) this.#expire(now);
    const { first, weight } = this.#line;
    const inbox = this.#inbox;
    this.#isUntold = false;
    inbox[WANTED] = weight;
    inbox[FIRST] = this.#knownFirst = first === undefined ? 0 : first.run.count;
    inbox[WEIGHT] = this.#knownWeight = first === undefined ? 0 : first.weight;
    try {
      return call(crossing, this.#member.handle, ...args, now);
    } catch (error) {
      this.#isBroken = true;
      this.#cells.queue(-this.#waiters.clear(() => error));
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
        if (inbox[at] === ADJUSTED) (adjusted ??= []).push(adjustmentAt(inbox, at));
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
      this.#cells.queue(-1);
      this.#waiters.grant(undefined);
    }
    this.#knownFirst = Math.max(0, this.#knownFirst - count);
    return left * weight;
  }
}

module.exports = { Permits };
