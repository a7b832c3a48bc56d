'use strict';
// AdaptiveLimiter by its public face: windows against a naive model, queues, permits, books. What the native side decides is proven in Rust.
const { getEventListeners } = require('node:events');
const { AdaptiveLimiter } = require('sluice');

const open = [];
const make = (options) => {
  const limiter = new AdaptiveLimiter(options);
  open.push(limiter);
  return limiter;
};
/** A limiter on a clock that the test moves. */
const timed = (options) => {
  const clock = { ms: 1_000_000 };
  return { clock, limiter: make({ ...options, now: () => clock.ms }) };
};
const rejection = (promise) => promise.then(() => { throw new Error('it did not reject'); }, (error) => error);
async function microtasks(count = 20) {
  for (let at = 0; at < count; at += 1) await null;
}
/** Numbers that look random and are the same each time. */
function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  jest.useRealTimers();
  open.splice(0).forEach((limiter) => void limiter.close());
});

describe('the window', () => {
  // what was admitted, kept whole and counted anew each time
  class Model {
    admitted = [];
    constructor(limit, windowMs) {
      [this.limit, this.windowMs] = [limit, windowMs];
    }
    used(at) {
      return this.admitted.filter((one) => one.at > at - this.windowMs).reduce((sum, one) => sum + one.weight, 0);
    }
    admit(weight, at) {
      const fits = this.used(at) + weight <= this.limit;
      if (fits) this.admitted.push({ at, weight });
      return fits;
    }
  }

  test.each([[1, 1, 10], [2, 10, 1000], [3, 300, 1000], [4, 7, 50], [5, 1000, 60_000]])('admits what a log of all that was admitted would, schedule %i: %i per %i ms', (seed, limit, windowMs) => {
    const random = numbers(seed);
    const { clock, limiter } = timed({ limit, windowMs });
    const model = new Model(limit, windowMs);
    let elapsed = 0;
    let denied = 0;
    for (let step = 0; step < 3000; step += 1) {
      const kind = random(100);
      // the clock stands still, goes on, jumps, or is set back, which is no time
      const ms = kind < 60 ? 0 : kind < 90 ? random(Math.ceil(windowMs / 20)) : kind < 95 ? random(2 * windowMs) : -random(10 * windowMs);
      clock.ms += ms;
      elapsed += Math.max(0, ms);
      const weight = random(10) === 0 ? 1 + random(limit) : 1;
      const expected = model.admit(weight, elapsed);
      if (!expected) denied += 1;
      expect({ step, admitted: limiter.tryAcquire(weight) }).toEqual({ step, admitted: expected });
      if (step % 7 === 0) expect({ step, tokens: limiter.getStatus().currentTokens }).toEqual({ step, tokens: limit - model.used(elapsed) });
    }
    expect(denied).toBeGreaterThan(100);
    expect(model.admitted.length).toBeGreaterThan(50);
  });

  test('there is no double burst at an edge, and a permit is free exactly a window later', () => {
    const { clock, limiter } = timed({ limit: 3, windowMs: 100 });
    clock.ms += 90;
    expect([1, 2, 3, 4].map(() => limiter.tryAcquire())).toEqual([true, true, true, false]);
    clock.ms += 99;
    expect(limiter.tryAcquire()).toBe(false);
    clock.ms += 1;
    expect([1, 2, 3, 4].map(() => limiter.tryAcquire())).toEqual([true, true, true, false]);
  });

  test('a weight of many, above what a lease can hold', () => {
    const { limiter } = timed({ limit: 1000 });
    expect(limiter.tryAcquire(999)).toBe(true);
    expect(limiter.tryAcquire(2)).toBe(false);
    expect(limiter.tryAcquire(1)).toBe(true);
    expect(limiter.getStatus().currentTokens).toBe(0);
  });

  test('another limit lets go who may, and what was admitted still counts', async () => {
    const { limiter } = timed({ limit: 1, windowMs: 1000 });
    expect(limiter.tryAcquire()).toBe(true);
    const settled = [];
    for (const name of ['a', 'b', 'c']) void limiter.acquire().then(() => settled.push(name), () => {});
    limiter.updateConfig(3);
    await microtasks();
    expect(settled).toEqual(['a', 'b']);
    expect(limiter.getStatus()).toMatchObject({ maxRequests: 3, currentTokens: 0, windowMs: 1000, queued: 1 });
    limiter.updateConfig(3, 10);
    expect(limiter.getStatus().windowMs).toBe(10);
  });
});

describe('who waits', () => {
  test('goes in order, when the fake clock reaches its time; nobody is let past', async () => {
    const limiter = make({ limit: 2, windowMs: 1000 });
    const order = [];
    for (let at = 0; at < 5; at += 1) void limiter.acquire().then((value) => order.push([at, value]));
    await microtasks();
    expect(order).toEqual([[0, true], [1, true]]);
    expect(limiter.tryAcquire()).toBe(false);
    jest.advanceTimersByTime(999);
    await microtasks();
    expect(order.length).toBe(2);
    jest.advanceTimersByTime(1);
    await microtasks();
    expect(order.slice(2)).toEqual([[2, true], [3, true]]);
    // the window is full and one waits
    expect(limiter.getStatus()).toMatchObject({ queued: 1, currentTokens: 0 });
    jest.runAllTimers();
    await microtasks();
    expect(order.length).toBe(5);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('a large weight at the head holds up small ones behind it', async () => {
    const limiter = make({ limit: 0, concurrency: 3 });
    const first = await limiter.take({ weight: 2 });
    const order = [];
    void limiter.acquire({ weight: 3 }).then(() => order.push('large'));
    void limiter.acquire().then(() => order.push('small'));
    expect(limiter.tryAcquire()).toBe(false);
    first.release();
    await microtasks();
    expect(order).toEqual(['large']);
    limiter.release('success', { weight: 3 });
    await microtasks();
    expect(order).toEqual(['large', 'small']);
    limiter.release('success');
  });

  test('a signal ends the wait at once, costs no permit, and leaves no listener behind', async () => {
    const limiter = make({ limit: 1, windowMs: 1000 });
    limiter.tryAcquire();
    const controller = new AbortController();
    const { signal } = controller;
    const many = Array.from({ length: 20 }, () => rejection(limiter.acquire({ signal })));
    const after = limiter.acquire();
    expect(getEventListeners(signal, 'abort').length).toBe(1);
    const why = new Error('why');
    controller.abort(why);
    for (const error of await Promise.all(many)) expect(error).toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError', cause: why });
    expect(getEventListeners(signal, 'abort').length).toBe(0);
    expect(limiter.getStatus()).toMatchObject({ queued: 1, stats: { rejectedRequests: 20 } });
    jest.advanceTimersByTime(1000);
    expect(await after).toBe(true);
    const fired = await rejection(limiter.acquire({ signal }));
    expect(fired).toMatchObject({ code: 'ERR_ABORTED', cause: why });
  });

  test('a signal of who was served is let go', async () => {
    const limiter = make({ limit: 1, windowMs: 1000 });
    limiter.tryAcquire();
    const { signal } = new AbortController();
    const [served, late] = [limiter.acquire({ signal }), rejection(limiter.acquire({ signal, timeoutMs: 1500 }))];
    jest.advanceTimersByTime(1000);
    await served;
    jest.advanceTimersByTime(500);
    expect(await late).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 1500 });
    expect(getEventListeners(signal, 'abort').length).toBe(0);
  });

  test('a signal that fires between the turn and the answer gives nothing away', async () => {
    const limiter = make({ limit: 0, concurrency: 1 });
    const permit = await limiter.take();
    const controller = new AbortController();
    const next = limiter.take({ signal: controller.signal });
    permit.release();
    controller.abort();
    // it was its turn: it has the permit
    (await next).release();
    expect(limiter.getStatus()).toMatchObject({ inFlight: 0, currentTokens: 1 });
  });

  test('timeoutMs is ERR_TIMEOUT at its time, 0 at once, and costs no permit', async () => {
    const limiter = make({ limit: 1, windowMs: 1000 });
    limiter.tryAcquire();
    expect(await rejection(limiter.acquire({ timeoutMs: 0 }))).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 0 });
    let error;
    limiter.acquire({ timeoutMs: 50 }).catch((reason) => { error = reason; });
    jest.advanceTimersByTime(49);
    await microtasks();
    expect(error).toBe(undefined);
    jest.advanceTimersByTime(1);
    await microtasks();
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', name: 'TimeoutError', timeoutMs: 50 });
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(950);
    expect(limiter.tryAcquire()).toBe(true);
  });

  test('one more than maxQueue is ERR_LIMIT_EXCEEDED, with the time when the window has room', async () => {
    const { clock, limiter } = timed({ limit: 1, windowMs: 1000, maxQueue: 1 });
    limiter.tryAcquire();
    clock.ms += 400;
    void limiter.acquire().catch(() => {});
    expect(await rejection(limiter.acquire())).toMatchObject({ code: 'ERR_LIMIT_EXCEEDED', retryAfterMs: 600 });
    expect(await rejection(limiter.execute(() => 1))).toMatchObject({ code: 'ERR_LIMIT_EXCEEDED' });
    const concurrent = make({ limit: 0, concurrency: 1, maxQueue: 0 });
    concurrent.tryAcquire();
    expect(await rejection(concurrent.take())).toMatchObject({ code: 'ERR_LIMIT_EXCEEDED', retryAfterMs: 0 });
    concurrent.release('success');
  });

  test('close rejects them, waits for what is in hand, and later use is ERR_CLOSED', async () => {
    const limiter = make({ name: 'api', limit: 0, concurrency: 1 });
    let end;
    const working = limiter.execute(() => new Promise((resolve) => { end = resolve; }));
    const waiting = [rejection(limiter.acquire()), rejection(limiter.take()), rejection(limiter.execute(() => 1))];
    let isClosed = false;
    const closing = limiter.close().then(() => { isClosed = true; });
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'ERR_CLOSED', message: 'the limiter "api" is closed' });
    await microtasks();
    expect(isClosed).toBe(false);
    end('done');
    expect(await working).toBe('done');
    await closing;
    expect(limiter.close()).toBe(limiter.close());
    for (const call of [() => limiter.tryAcquire(), () => limiter.updateConfig(5), () => limiter.resetStats()]) expect(call).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    for (const call of [() => limiter.acquire(), () => limiter.take(), () => limiter.execute(() => 1)]) expect(await rejection(call())).toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => limiter.release('success')).not.toThrow();
    expect(limiter.getStatus()).toMatchObject({ queued: 0, inFlight: 0, stats: { totalRequests: 4, successRate: 1 } });
  });

  test('of a plain window nothing is waited for', async () => {
    const limiter = make({ limit: 5 });
    limiter.tryAcquire(3);
    await limiter.acquire();
    expect(limiter.getStatus().inFlight).toBe(0);
    await limiter.close();
  });
});

describe('permits', () => {
  test('are released once', async () => {
    const limiter = make({ limit: 0, concurrency: 2 });
    const [one, two] = [await limiter.take(), await limiter.take()];
    one.release();
    one.release();
    one.release('failure');
    expect(limiter.getStatus()).toMatchObject({ inFlight: 1, currentTokens: 1, stats: { successRate: 1 } });
    two.release();
    limiter.release('success');
    expect(limiter.getStatus()).toMatchObject({ inFlight: 0, currentTokens: 2 });
  });

  test('know their start; waiting is no latency', async () => {
    const { clock, limiter } = timed({ limit: 0, concurrency: 1 });
    const first = await limiter.take();
    const second = limiter.take();
    clock.ms += 1000;
    first.release('ignored');
    const permit = await second;
    clock.ms += 30;
    permit.release();
    expect(limiter.getStatus().stats).toMatchObject({ averageLatency: 30, successRate: 1 });
    (await limiter.take()).release('failure', { latencyMs: 50 });
    expect(limiter.getStatus().stats).toMatchObject({ averageLatency: 40, successRate: 0.5 });
  });

  test('a hold lets nobody go until it ends, at most a window', async () => {
    const limiter = make({ limit: 10, windowMs: 1000 });
    (await limiter.take()).release('failure', { retryAfterMs: 300 });
    expect(limiter.tryAcquire()).toBe(false);
    const turn = limiter.acquire();
    jest.advanceTimersByTime(299);
    expect(limiter.tryAcquire()).toBe(false);
    jest.advanceTimersByTime(1);
    expect(await turn).toBe(true);
    limiter.release('failure', { retryAfterMs: 3_600_000 });
    expect(limiter.tryAcquire()).toBe(false);
    jest.advanceTimersByTime(1000);
    expect(limiter.tryAcquire()).toBe(true);
  });
});
