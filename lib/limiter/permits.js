'use strict';
// Permits of one limiter in this thread: taken from shared memory without a crossing while a lease lasts, else by one;
// docs/design/limiter.md says how. Who waits is in `waiters.js`.
const native = require('../native');
const { subscribe, unsubscribe } = require('../completion');
const { Elapsed } = require('../elapsed');
const { call } = require('../errors');
const { SharedPermits } = require('./shared-permits');
const { Recent } = require('./recent');
const { Waiters } = require('./waiters');

// the cells
const [LEASE, ROOM, KIND] = [0, 1, 2];
const [HAS_WINDOW, HAS_CONCURRENCY] = [1, 2];
// the times
const [LEASED, ENDS, LOOK, TAKEN] = [0, 1, 2, 3];
// the inbox
const [REQUESTS, SUCCESSES, FAILURES, LATENCY_MS, LATENCIES, HELD, FULL] = [0, 1, 2, 3, 4, 5, 6];
// the outbox
const [WAKE_AT, MORE, COUNT, EVENTS, EVENT] = [8, 9, 10, 12, 4];
const [GRANTED, TIMED_OUT, CLOSED, ADJUSTED] = [1, 2, 3, 4];
const WHY = [undefined, 'healthy', 'failures', 'slow', 'outage', 'gradient', 'probe'];
const STATUS = [
  'maxRequests', 'currentTokens', 'windowMs', 'concurrency', 'inFlight', 'queued', 'minLimit', 'maxLimit',
  'totalRequests', 'throttledRequests', 'rejectedRequests', 'averageLatency', 'successRate', 'lastAdjustment', 'raised', 'lowered',
];

/** What closed limiters show: nothing can be taken from it. */
const NOTHING = Int32Array.of(0, -1, HAS_WINDOW | HAS_CONCURRENCY, 0);
const lost = new FinalizationRegistry((id) => unsubscribe(id));

/** Windows for which 10 ms are little. */
const LONG_MS = 1000;

class Permits {
  #handle;
  #times;
  #inbox;
  /** The cells, to take from; those of nothing once it is closed. */
  #cells;
  /** The cells, to give back to. */
  #rooms;
  #clock;
  #recent;
  /** What this thread's clock lags behind that of all threads. */
  #offset = 0;
  #waiters;
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
    if (shared !== undefined) this.#offset = native.limiterNow() - this.#clock.now();
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
    this.#cells = this.#rooms = new Int32Array(native.limiterCells(this.#handle));
    this.#times = new Float64Array(native.limiterTimes(this.#handle));
    this.#inbox = new Float64Array(native.limiterInbox(this.#handle));
    this.#waiters = new Waiters(this, what, shared !== undefined || redis !== undefined);
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
  get wakeAt() {
    return this.#inbox[WAKE_AT];
  }
  get held() {
    return this.#inbox[HELD];
  }
  get isOpen() {
    return this.#cells !== NOTHING;
  }

  // plain loads: what they say is proven by the exchange that follows, and they cost an eighth of atomic ones
  /** Takes what is there without a crossing; `held` of it is to be released. */
  take(weight, held) {
    const cells = this.#cells;
    const times = this.#times;
    const now = this.#recent.now() + this.#offset;
    if (now >= times[LOOK]) return false;
    const kind = cells[KIND];
    let isFull = false;
    if ((kind & HAS_CONCURRENCY) !== 0) {
      for (;;) {
        const room = cells[ROOM];
        if (room < weight) return false;
        if (Atomics.compareExchange(cells, ROOM, room, room - weight) === room) {
          isFull = room === weight;
          break;
        }
      }
    }
    if ((kind & HAS_WINDOW) !== 0) {
      for (;;) {
        const lease = now >= times[LEASED] && now <= times[ENDS] ? cells[LEASE] : 0;
        if (lease < weight) {
          if ((kind & HAS_CONCURRENCY) !== 0) this.#giveBack(weight, 0);
          return false;
        }
        const left = lease - weight;
        if (Atomics.compareExchange(cells, LEASE, lease, left) === lease) {
          times[TAKEN + left] = now;
          break;
        }
      }
    }
    const inbox = this.#inbox;
    inbox[REQUESTS] += 1;
    inbox[HELD] += held;
    if (isFull) inbox[FULL] = 1;
    return true;
  }
  /** Takes by a crossing. */
  takeAcross(weight, held) {
    const isTaken = call(native.limiterTry, this.#handle, weight, this.#now()) === 1;
    if (isTaken) this.#inbox[HELD] += held;
    this.#read();
    return isTaken;
  }
  /** Takes by a crossing (undefined), or returns the promise of its turn; null: too many wait. */
  await(weight, held, timeoutMs, signal) {
    const id = call(native.limiterAcquire, this.#handle, weight, timeoutMs, this.#now());
    let turn;
    if (id === 0) this.#inbox[HELD] += held;
    else turn = id < 0 ? null : this.#waiters.add(id, weight, held, timeoutMs, signal);
    this.#read();
    if (id > 0 && timeoutMs === 0) this.pass();
    return turn;
  }
  /** Somebody waits no more; false: it had its turn already, and the event that says so is on its way. */
  cancel(id) {
    const waited = call(native.limiterCancel, this.#handle, id, this.#now());
    this.#read();
    return waited;
  }
  /** How long until the window has room for that; 0: no clock can tell. */
  retryAfter(weight) {
    const ms = call(native.limiterRetryAfter, this.#handle, weight, this.#now());
    this.#read();
    return ms;
  }

  /** Work has ended: `held` of what was taken goes back; `latencyMs` undefined: not known. */
  end(held, outcome, latencyMs, retryAfterMs) {
    if (this.#handle === undefined) return;
    const inbox = this.#inbox;
    // what was released twice is not in hand
    const back = Math.min(held, inbox[HELD]);
    inbox[HELD] -= back;
    if (outcome !== 'ignored') {
      inbox[outcome === 'success' ? SUCCESSES : FAILURES] += 1;
      if (latencyMs !== undefined) {
        inbox[LATENCY_MS] += latencyMs;
        inbox[LATENCIES] += 1;
      }
    }
    this.#giveBack(back, retryAfterMs);
    if (this.#onIdle !== undefined && inbox[HELD] === 0) this.#onIdle();
  }
  #giveBack(weight, retryAfterMs) {
    if (retryAfterMs === 0 && !(this.#times[LOOK] <= this.#clock.now() + this.#offset) && this.#putBack(weight)) return;
    call(native.limiterRelease, this.#handle, weight, Math.ceil(retryAfterMs), this.#now());
    this.#read();
  }
  #putBack(weight) {
    const rooms = this.#rooms;
    if ((rooms[KIND] & HAS_CONCURRENCY) === 0) return true;
    for (;;) {
      const room = rooms[ROOM];
      if (room < 0) return false;
      if (Atomics.compareExchange(rooms, ROOM, room, room + weight) === room) return true;
    }
  }

  /** A timer or another thread calls. */
  pass() {
    if (this.#handle === undefined) return;
    try {
      call(native.limiterPass, this.#handle, this.#now());
      this.#read();
    } catch (error) {
      // a broken limiter leaves nobody waiting
      this.#waiters.fail(error);
    }
  }
  update(limit, windowMs) {
    this.#recent.isOn = windowMs >= LONG_MS;
    this.#source?.update(limit, windowMs);
    call(native.limiterUpdate, this.#handle, limit, windowMs, this.#now());
    this.#read();
  }
  /** The numbers of the moment, by name. */
  status() {
    const now = this.#now();
    // an interval that ends with this look moves the limit and lets go who waits: that is told now, not by whoever crosses next
    call(native.limiterPass, this.#handle, now);
    this.#read();
    call(native.limiterStatus, this.#handle, now);
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
    this.#cells = NOTHING;
    call(native.limiterClose, this.#handle, this.#now());
    this.#read();
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
    this.#waiters.arm(Infinity);
    if (this.#subscription === undefined) return;
    lost.unregister(this);
    unsubscribe(this.#subscription);
  }

  /** What the crossing left in the outbox; all of it is read before anybody's code runs. */
  #read() {
    const inbox = this.#inbox;
    let adjusted;
    let abandoned = 0;
    for (;;) {
      const end = EVENTS + EVENT * inbox[COUNT];
      for (let at = EVENTS; at < end; at += EVENT) {
        const kind = inbox[at];
        if (kind === ADJUSTED) (adjusted ??= []).push([inbox[at + 1], inbox[at + 2], WHY[inbox[at + 3]]]);
        else if (kind === TIMED_OUT) this.#waiters.timedOut(inbox[at + 1]);
        else if (kind === CLOSED) this.#waiters.closed(inbox[at + 1]);
        else if (kind === GRANTED) {
          const { held, weight, isAbandoned } = this.#waiters.granted(inbox[at + 1]);
          if (isAbandoned) abandoned += weight;
          else inbox[HELD] += held;
        }
      }
      inbox[COUNT] = 0;
      if (inbox[MORE] !== 1) break;
      call(native.limiterPass, this.#handle, this.#now());
    }
    this.#waiters.arm(inbox[WAKE_AT]);
    if (abandoned > 0) this.#giveBack(abandoned, 0);
    this.#source?.send();
    adjusted?.forEach((told) => this.#tell('adjusted', ...told));
  }
}

module.exports = { Permits };
