'use strict';
// The limiters inside the suites of existing services, under jest (node and jsdom) and vitest: see docs/limiter.md.
const isJest = typeof jest !== 'undefined';
const fake = isJest ? jest : globalThis.vi;
const { AdaptiveLimiter, KeyedLimiter, rateLimitHeaders } = require('sluice');

const open = [];
const make = (options, Limiter = AdaptiveLimiter) => {
  const limiter = new Limiter(options);
  open.push(limiter);
  return limiter;
};
const keyed = (options) => make({ windowMs: 1000, maxRequests: 2, ...options }, KeyedLimiter);
const ways = [['modern', () => fake.useFakeTimers()], ...(isJest ? [['legacy', () => jest.useFakeTimers({ legacyFakeTimers: true })]] : [])];
afterEach(() => {
  fake.useRealTimers();
  fake.restoreAllMocks();
  open.splice(0).forEach((limiter) => void limiter.close());
});
async function microtasks(count = 30) {
  for (let at = 0; at < count; at += 1) await null;
}
/** Whether a promise settles by microtasks alone: no turn of the event loop is taken. */
async function inMicrotasks(promise) {
  let settled = false;
  promise.then(() => (settled = true), () => (settled = true));
  for (let at = 0; at < 50 && !settled; at += 1) await null;
  return settled;
}

describe.each(ways)('fake timers, %s', (kind, useFakes) => {
  test('who waits for a fake timer goes in turn once they are gone and somebody comes', async () => {
    useFakes();
    const limiter = make({ limit: 1, windowMs: 50 });
    const order = [];
    const turns = [0, 1].map((at) => limiter.acquire().then(() => order.push(at)));
    await microtasks();
    fake.useRealTimers();
    turns.push(limiter.acquire().then(() => order.push(2)));
    await Promise.all(turns);
    expect(order).toStrictEqual([0, 1, 2]);
  });

  test('waiters wake when the fake clock reaches them, and none is left', async () => {
    useFakes();
    const limiter = make({ limit: 2, windowMs: 1000 });
    const order = [];
    for (let at = 0; at < 4; at += 1) void limiter.acquire().then(() => order.push(at));
    await microtasks();
    expect(order).toStrictEqual([0, 1]);
    // legacy ones leave the clock alone: what has passed of it meanwhile is no longer waited for
    if (kind === 'modern') {
      fake.advanceTimersByTime(999);
      await microtasks();
      expect(order).toStrictEqual([0, 1]);
    }
    fake.advanceTimersByTime(kind === 'modern' ? 1 : 1000);
    await microtasks();
    expect(order).toStrictEqual([0, 1, 2, 3]);
    fake.runAllTimers();
    if (fake.getTimerCount !== undefined) expect(fake.getTimerCount()).toBe(0);
  });

  test('a limiter from before they were installed hears of them', async () => {
    const limiter = make({ limit: 1, windowMs: 1000 });
    expect(await limiter.acquire()).toBe(true);
    useFakes();
    let isServed = false;
    void limiter.acquire().then(() => { isServed = true; });
    await microtasks();
    expect(isServed).toBe(false);
    fake.advanceTimersByTime(1000);
    await microtasks();
    expect(isServed).toBe(true);
  });

  test('running all timers ends, with a timeout and a hold among them', async () => {
    useFakes();
    const limiter = make({ limit: 1, windowMs: 1000 });
    limiter.tryAcquire();
    limiter.release('failure', { retryAfterMs: 500 });
    const settled = [];
    void limiter.acquire().then(() => settled.push('served'));
    void limiter.acquire({ timeoutMs: 100 }).catch((error) => settled.push(error.code));
    for (let round = 0; round < 3; round += 1) {
      fake.runAllTimers();
      await microtasks();
    }
    expect(settled).toStrictEqual(['ERR_TIMEOUT', 'served']);
  });
});

test('fake time counts for windows of both, exactly', () => {
  fake.useFakeTimers();
  const limiter = make({ limit: 1, windowMs: 60_000 });
  const table = keyed({ maxRequests: 1, windowMs: 60_000 });
  expect([limiter.tryAcquire(), limiter.tryAcquire(), table.checkLimit('a'), table.checkLimit('a')]).toStrictEqual([true, false, true, false]);
  fake.advanceTimersByTime(59_999);
  expect([limiter.tryAcquire(), table.checkLimit('a'), table.getRetryAfter('a')]).toStrictEqual([false, false, 1]);
  fake.advanceTimersByTime(1);
  expect([limiter.tryAcquire(), table.checkLimit('a')]).toStrictEqual([true, true]);
});

test('a spied Date.now alone is heard: forward is time, backward is none', () => {
  const limiter = make({ limit: 1, windowMs: 60_000 });
  const table = keyed({ maxRequests: 1, windowMs: 60_000 });
  expect([limiter.tryAcquire(), table.checkLimit('a')]).toStrictEqual([true, true]);
  const real = Date.now();
  let ahead = 0;
  fake.spyOn(Date, 'now').mockImplementation(() => real + ahead);
  expect([limiter.tryAcquire(), table.checkLimit('a')]).toStrictEqual([false, false]);
  ahead = -3_600_000;
  expect([limiter.tryAcquire(), table.checkLimit('a')]).toStrictEqual([false, false]);
  ahead += 60_000;
  expect([limiter.tryAcquire(), table.checkLimit('a')]).toStrictEqual([true, true]);
});

test('what needs no time settles in microtasks, under fake timers too', async () => {
  for (const faked of [false, true]) {
    if (faked) fake.useFakeTimers();
    const limiter = make({ limit: 100 });
    const concurrent = make({ limit: 0, concurrency: 1, maxQueue: 1 });
    const table = keyed();
    const calls = {
      acquire: () => limiter.acquire(), take: () => limiter.take({ weight: 2 }), execute: () => limiter.execute(() => 1),
      'execute, failing': () => limiter.execute(async () => { throw new Error('no'); }), consume: () => table.consume('a'), 'acquire, of no time': async () => {
        await concurrent.acquire();
        await concurrent.acquire({ timeoutMs: 0 });
      },
      'a turn': () => { const turn = concurrent.acquire(); concurrent.release('success'); return turn; },
      'an abort': () => { const controller = new AbortController(); const turn = concurrent.acquire({ signal: controller.signal }); controller.abort(); return turn; },
      'close, of who waits': () => { const turn = concurrent.acquire(); void concurrent.close(); return turn; }, close: () => make().close(), 'close, keyed': () => table.close(),
    };
    for (const [name, call] of Object.entries(calls)) expect({ name, settles: await inMicrotasks(call()) }).toStrictEqual({ name, settles: true });
  }
});

test('headers are there right after a check that nobody awaited', () => {
  const table = keyed();
  const headers = {};
  const middleware = async () => {
    const result = table.check('client');
    Object.assign(headers, rateLimitHeaders(result, 'both'));
    await null;
  };
  void middleware();
  expect(headers).toStrictEqual({
    'RateLimit-Policy': '"default";q=2;w=1', RateLimit: '"default";r=1;t=1', 'X-RateLimit-Limit': '2', 'X-RateLimit-Remaining': '1', 'X-RateLimit-Reset': '1',
  });
  void table.consume('other');
  expect(table.check('other').remaining).toBe(0);
});

test('promises, arrays, objects and errors are of this realm', async () => {
  const limiter = make({ limit: 2, windowMs: 60_000, maxQueue: 0, adaptive: true });
  const table = keyed();
  const [acquired, taken, ran] = [limiter.acquire(), limiter.take(), limiter.execute(() => 1)];
  for (const promise of [acquired, taken, ran, table.consume('a')]) expect(promise).toBeInstanceOf(Promise);
  await expect(ran).rejects.toBeInstanceOf(Error);
  (await taken).release();
  limiter.release('success');
  expect(limiter.getStatus()).toStrictEqual({
    maxRequests: 2, currentTokens: 0, windowMs: 60_000, concurrency: 0, inFlight: 0, queued: 0, isAdaptive: true, minLimit: 1, maxLimit: 4,
    stats: { totalRequests: 3, throttledRequests: 0, rejectedRequests: 1, averageLatency: expect.any(Number), successRate: 1, lastAdjustment: 0, raised: 0, lowered: 0 },
  });
  expect(table.check('a')).toStrictEqual({ allowed: true, remaining: 0, limit: 2, windowMs: 1000, retryAfterMs: 0, resetMs: expect.any(Number) });
  expect(table.checkMany(['b', 'a'])).toBeInstanceOf(Uint8Array);
  expect(() => make({ limit: -1 })).toThrow(RangeError);
  expect(() => make({ limits: 1 })).toThrow(TypeError);
  expect(() => table.checkLimit(5)).toThrow(Error);
  await expect(limiter.acquire({ signal: 5 })).rejects.toBeInstanceOf(TypeError);
  expect(limiter.close()).toBeInstanceOf(Promise);
});

test('errors of another realm are passed on as they are, and count as failures', async () => {
  const foreign = require('node:vm').runInNewContext('new TypeError("foreign")');
  const limiter = make();
  await expect(limiter.execute(() => { throw foreign; })).rejects.toBe(foreign);
  expect(limiter.getStatus().stats.successRate).toBe(0);
});

test('modules can be reset: old and new copies work side by side', async () => {
  const before = make({ limit: 0, concurrency: 1 });
  const permit = await before.take();
  fake.resetModules();
  const again = require('sluice');
  const after = new again.AdaptiveLimiter({ limit: 1 });
  expect(await after.acquire()).toBe(true);
  const turn = before.acquire();
  permit.release();
  expect(await turn).toBe(true);
  before.release('success');
  await after.close();
});
