'use strict';
// execute(): what it gives is the work's own, how it counts, and what it leaves behind.
const { AsyncLocalStorage } = require('node:async_hooks');
const { getEventListeners } = require('node:events');
const { AdaptiveLimiter, metrics } = require('sluice');

const open = [];
const make = (options) => {
  const limiter = new AdaptiveLimiter(options);
  open.push(limiter);
  return limiter;
};
const timed = (options) => {
  const clock = { ms: 5000 };
  return { clock, limiter: make({ ...options, now: () => clock.ms }) };
};
const rejection = (promise) => promise.then(() => { throw new Error('it did not reject'); }, (error) => error);
afterEach(() => Promise.all(open.splice(0).map((limiter) => limiter.close())));

test('gives the value and the error of the work itself, whatever they are', async () => {
  const limiter = make({ limit: 0, concurrency: 1 });
  const value = { status: 200 };
  expect(await limiter.execute(() => value)).toBe(value);
  expect(await limiter.execute(async () => value)).toBe(value);
  expect(await limiter.execute(() => undefined)).toBe(undefined);
  expect(await limiter.execute(() => ({ then: (resolve) => resolve(value) }))).toBe(value);
  for (const error of [new Error('why'), 'text', undefined, null, Object.freeze({ status: 500 })]) {
    expect(await rejection(limiter.execute(() => { throw error; }))).toBe(error);
    expect(await rejection(limiter.execute(() => Promise.reject(error)))).toBe(error);
  }
  const hostile = { get then() { throw value; } };
  expect(await rejection(limiter.execute(() => hostile))).toBe(value);
  expect(limiter.getStatus()).toMatchObject({ inFlight: 0, currentTokens: 1, queued: 0 });
});

test('runs it once, in its turn, in the caller\'s context, with the caller\'s signal', async () => {
  const storage = new AsyncLocalStorage();
  const limiter = make({ limit: 0, concurrency: 1 });
  const seen = [];
  let end;
  const first = limiter.execute(() => new Promise((resolve) => { end = resolve; }));
  const { signal } = new AbortController();
  const calls = ['a', 'b'].map((name) => storage.run(name, () => limiter.execute((context) => {
    seen.push([name, storage.getStore(), context.signal === signal, context.signal.aborted]);
  }, name === 'a' ? { signal } : undefined)));
  expect(seen).toEqual([]);
  end();
  await Promise.all([first, ...calls]);
  expect(seen).toEqual([['a', 'a', true, false], ['b', 'b', false, false]]);
  expect(getEventListeners(signal, 'abort').length).toBe(0);
});

test('work that may go at once has begun when execute returns', () => {
  const limiter = make({ limit: 5 });
  let runs = 0;
  void limiter.execute(() => { runs += 1; });
  expect(runs).toBe(1);
});

test('latency is service time: failures are timed, waiting is not', async () => {
  const { clock, limiter } = timed({ limit: 0, concurrency: 1 });
  const work = (ms, fails) => () => new Promise((resolve, reject) => {
    void Promise.resolve().then(() => {
      clock.ms += ms;
      if (fails) reject(new Error('no'));
      else resolve();
    });
  });
  await Promise.allSettled([limiter.execute(work(10)), limiter.execute(work(20)), limiter.execute(work(60, true))]);
  expect(limiter.getStatus().stats).toMatchObject({ averageLatency: 30, throttledRequests: 2, totalRequests: 3 });
  expect(limiter.getStatus().stats.successRate).toBeCloseTo(2 / 3);
  limiter.resetStats();
  expect(limiter.getStatus().stats).toStrictEqual({
    totalRequests: 0, throttledRequests: 0, rejectedRequests: 0, averageLatency: 0, successRate: 1, lastAdjustment: 0, raised: 0, lowered: 0,
  });
});

describe('how it counts', () => {
  const headers = { 'Retry-After': '2' };
  const answers = [
    ['a value', { value: 5 }, 'success', 0], ['status 200', { value: { status: 200 } }, 'success', 0], ['status 404', { value: { status: 404 } }, 'success', 0],
    ['a status in words', { value: { status: '500' } }, 'success', 0], ['status 500', { value: { status: 500 } }, 'failure', 0], ['status 599', { value: { status: 599 } }, 'failure', 0],
    ['status 429', { value: { status: 429 } }, 'failure', 0], ['429 with Retry-After', { value: { status: 429, headers } }, 'failure', 2000],
    ['503 with Headers', { value: { status: 503, headers: new Headers(headers) } }, 'failure', 2000], ['500 with Retry-After', { value: { status: 500, headers } }, 'failure', 0],
    ['an error', { error: new Error('no') }, 'failure', 0], ['an error with 429 and Retry-After', { error: Object.assign(new Error('no'), { status: 429, headers }) }, 'failure', 2000],
    ['the same in its response', { error: Object.assign(new Error('no'), { response: { status: 503, headers } }) }, 'failure', 2000],
    ['an error with 400 and Retry-After', { error: Object.assign(new Error('no'), { status: 400, headers }) }, 'failure', 0],
    ['classified as a success', { error: new Error('fine'), classify: () => 'success' }, 'success', 0], ['classified by value', { value: 7, classify: (error, value) => (error === undefined && value === 7 ? 'failure' : 'ignored') }, 'failure', 0],
    ['classified by error', { error: 'no', classify: (error, value) => (error === 'no' && value === undefined ? 'ignored' : 'success') }, 'ignored', 0],
    ['classified with a hold', { value: 1, classify: () => ({ outcome: 'failure', retryAfterMs: 700 }) }, 'failure', 700],
    ['a classify that throws', { error: new Error('no'), classify: () => { throw new Error('mine'); } }, 'failure', 0], ['a classify of nonsense', { value: 1, classify: () => 'fine' }, 'success', 0],
  ];
  test.each(answers)('%s', async (_, { value, error, classify }, outcome, holdMs) => {
    const { clock, limiter } = timed({ limit: 100, windowMs: 60_000, classify });
    // one of each beforehand, so that every outcome shows
    limiter.release('success');
    limiter.release('failure');
    const given = limiter.execute(async () => { if (error !== undefined) throw error; return value; });
    await (error === undefined ? expect(given).resolves.toBe(value) : expect(given).rejects.toBe(error));
    expect(limiter.getStatus().stats.successRate).toBeCloseTo({ success: 2 / 3, failure: 1 / 3, ignored: 1 / 2 }[outcome]);
    clock.ms += Math.max(0, holdMs - 1);
    expect(limiter.tryAcquire()).toBe(holdMs === 0);
    clock.ms += 1;
    expect(limiter.tryAcquire()).toBe(true);
  });
});

describe('what adapts', () => {
  const rules = { intervalMs: 1000, minLimit: 2, maxLimit: 30 };
  async function interval({ clock, limiter }, fails, latencyMs) {
    for (let at = 0; at < 40; at += 1) {
      if (!limiter.tryAcquire()) continue;
      limiter.release(fails ? 'failure' : 'success', { latencyMs });
    }
    clock.ms += 1000;
    limiter.tryAcquire();
    limiter.release('ignored');
  }
  test('a healthy backend in use raises, a failing or slow one lowers, within the bounds, and each is told', async () => {
    const one = timed({ name: 'upstream', limit: 10, windowMs: 1000, adaptive: { ...rules, algorithm: 'step' } });
    const { limiter } = one;
    const told = [];
    limiter.on('adjusted', (...args) => { told.push(args); throw new Error('a listener that throws breaks nothing'); });
    expect(limiter.getStatus()).toMatchObject({ isAdaptive: true, minLimit: 2, maxLimit: 30 });
    await interval(one, false, 20);
    await interval(one, false, 20);
    await interval(one, true, 20);
    await interval(one, false, 900);
    expect(told).toEqual([[10, 11, 'healthy'], [11, 12, 'healthy'], [12, 11, 'failures'], [11, 10, 'slow']]);
    expect(limiter.getStatus()).toMatchObject({ maxRequests: 10, stats: { raised: 2, lowered: 2, lastAdjustment: one.clock.ms } });
    for (let at = 0; at < 12; at += 1) await interval(one, true, 20);
    expect(limiter.getStatus().maxRequests).toBe(2);
    for (let at = 0; at < 40; at += 1) await interval(one, false, 20);
    expect(limiter.getStatus().maxRequests).toBe(30);
    expect(metrics()).toMatch(/^sluice_limiter_limit\{name="upstream"\} 30$/m);
  });

  test('a total outage is at the minimum within five intervals', async () => {
    const one = timed({ limit: 20, windowMs: 1000, adaptive: rules });
    for (let at = 0; at < 5; at += 1) await interval(one, true, 20);
    expect(one.limiter.getStatus().maxRequests).toBe(2);
  });

  test('one that is not in use stays', async () => {
    const { clock, limiter } = timed({ limit: 10, windowMs: 1000, adaptive: rules });
    for (let at = 0; at < 20; at += 1) {
      await limiter.execute(() => 1);
      clock.ms += 1000;
    }
    expect(limiter.getStatus().maxRequests).toBe(10);
  });

  test('concurrency by its gradient', async () => {
    const { clock, limiter } = timed({ limit: 0, concurrency: 10, adaptive: { algorithm: 'gradient', intervalMs: 100, maxLimit: 100 } });
    expect(limiter.getStatus()).toMatchObject({ maxRequests: 0, concurrency: 10, minLimit: 1, maxLimit: 100 });
    const all = async (latencyMs) => {
      const permits = [];
      while (limiter.tryAcquire()) permits.push(1);
      clock.ms += 100;
      permits.forEach(() => limiter.release('success', { latencyMs }));
    };
    for (let at = 0; at < 10; at += 1) await all(20);
    const high = limiter.getStatus().concurrency;
    expect(high).toBeGreaterThan(10);
    for (let at = 0; at < 10; at += 1) await all(400);
    expect(limiter.getStatus().concurrency).toBeLessThan(high);
  });
});

test.each([['nothing', false], ['a permit', true]])('a listener that closing calls may close as well, with %s in hand', async (_, isHeld) => {
  let now = 0;
  const limiter = new AdaptiveLimiter({ limit: 0, concurrency: 4, now: () => now, adaptive: { intervalMs: 1000 } });
  const closed = [];
  limiter.on('adjusted', () => closed.push(limiter.close()));
  const permit = isHeld ? await limiter.take() : undefined;
  for (let at = 0; at < 4; at += 1) await limiter.execute(() => Promise.reject(new Error('down'))).catch(() => {});
  now = 2000;
  const outer = limiter.close();
  expect(closed).toHaveLength(1);
  expect(closed[0]).toBe(outer);
  permit?.release();
  expect(await outer).toBeUndefined();
});

test('an interval that a look at the status ends is told at once, and who may go by it goes', async () => {
  const { clock, limiter } = timed({ limit: 0, concurrency: 1, adaptive: { intervalMs: 1000, maxLimit: 2 } });
  const told = [];
  limiter.on('adjusted', (...args) => told.push(args));
  const first = await limiter.take();
  const second = limiter.take();
  first.release('success', { latencyMs: 20 });
  const held = await second;
  let third;
  void limiter.take().then((permit) => { third = permit; });
  clock.ms += 1000;
  expect(limiter.getStatus()).toMatchObject({ concurrency: 2, inFlight: 2, queued: 0 });
  expect(told).toEqual([[1, 2, 'healthy']]);
  await new Promise(setImmediate);
  expect(third).toBeDefined();
  [held, third].forEach((permit) => permit.release());
});

test('metrics() counts on over resets, and what was held is gone at the end', async () => {
  const limiter = make({ name: 'counted', limit: 2, maxQueue: 0 });
  const of = (what) => Number(new RegExp(`^sluice_limiter_${what}\\{name="counted"\\} (\\d+)$`, 'm').exec(metrics())?.[1] ?? -1);
  expect([limiter.tryAcquire(), limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([true, true, false]);
  expect([of('requests_total'), of('rejected_total'), of('tokens'), of('limit')]).toEqual([3, 1, 0, 2]);
  limiter.resetStats();
  limiter.tryAcquire();
  expect([of('requests_total'), of('rejected_total')]).toEqual([4, 2]);
  await limiter.close();
  expect([of('requests_total'), of('limit')]).toEqual([4, 0]);
});

test('disposing of it closes it', async () => {
  const limiter = make();
  await limiter[Symbol.asyncDispose]();
  expect(() => limiter.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
});
