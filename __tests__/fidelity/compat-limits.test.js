'use strict';
// The limiters' drop-ins, getRequestBody and handleStream inside the suites of services, under jest (node and jsdom) and vitest.
const { EventEmitter } = require('node:events');
const { PassThrough, Readable } = require('node:stream');
const isJest = typeof jest !== 'undefined';
const fake = isJest ? jest : globalThis.vi;
const { RateLimiter, RequestLimiter, SlidingWindowLimiter, createRateLimiter, getRequestBody, handleStream, upstashRateLimiter } = require('sluice/compat');

const open = [];
const make = (Limiter, ...given) => {
  const limiter = new Limiter(...given);
  open.push(limiter);
  return limiter;
};
const ways = [['modern', () => fake.useFakeTimers()], ...(isJest ? [['legacy', () => jest.useFakeTimers({ legacyFakeTimers: true })]] : [])];
afterEach(() => {
  fake.useRealTimers();
  fake.restoreAllMocks();
  open.splice(0).forEach((limiter) => void limiter.close());
});
async function microtasks(count = 50) {
  for (let at = 0; at < count; at += 1) await null;
}
async function inMicrotasks(promise) {
  let settled = false;
  promise.then(() => (settled = true), () => (settled = true));
  for (let at = 0; at < 50 && !settled; at += 1) await null;
  return settled;
}
const req = (address) => ({ headers: {}, socket: { remoteAddress: address } });

describe.each(ways)('fake timers, %s', (kind, useFakes) => {
  test('those who wait for a RateLimiter go when the fake clock says so, and no timer is left', async () => {
    useFakes();
    const limiter = make(RateLimiter, 1, 1000);
    const order = [];
    for (let at = 0; at < 3; at += 1) void limiter.acquire().then(() => order.push(at));
    await microtasks();
    expect(order).toStrictEqual([0]);
    for (let at = 1; at < 3; at += 1) {
      fake.advanceTimersByTime(1000);
      await microtasks();
      expect(order).toHaveLength(at + 1);
    }
    fake.runAllTimers();
    if (fake.getTimerCount !== undefined) expect(fake.getTimerCount()).toBe(0);
  });

  test('a limiter from before they were installed hears of them', async () => {
    const limiter = make(RateLimiter, 1, 1000);
    expect(await limiter.acquire()).toBe(true);
    useFakes();
    let isServed = false;
    void limiter.acquire().then(() => (isServed = true));
    await microtasks();
    expect(isServed).toBe(false);
    fake.advanceTimersByTime(1000);
    await microtasks();
    expect(isServed).toBe(true);
  });
});

test('what needs no waiting settles in microtasks', async () => {
  const limiter = make(RateLimiter, 5, 1000, { adaptive: true });
  expect(await inMicrotasks(limiter.acquire())).toBe(true);
  expect(await inMicrotasks(limiter.execute(async () => 1))).toBe(true);
  expect(await inMicrotasks(make(SlidingWindowLimiter, { windowMs: 1000, maxRequests: 1 }).checkLimit('a'))).toBe(true);
});

test('Date.now alone is spied', async () => {
  const clock = fake.spyOn(Date, 'now').mockReturnValue(1_000_000);
  const limiter = make(RateLimiter, 1, 1000, { adaptive: true, adjustmentInterval: 60_000 });
  const sliding = make(SlidingWindowLimiter, { windowMs: 1000, maxRequests: 1 });
  const requests = make(RequestLimiter, { limit: 1, windowMs: 1000 });
  const all = async () => [limiter.tokens > 0, await sliding.checkLimit('a'), requests.checkLimit(req('1.1.1.1')).allowed];
  expect(limiter.lastRefill).toBe(1_000_000);
  await limiter.acquire();
  expect(await all()).toStrictEqual([false, true, true]);
  clock.mockReturnValue(1_000_999);
  expect(await all()).toStrictEqual([false, false, false]);
  clock.mockReturnValue(1_001_000);
  expect(await all()).toStrictEqual([true, true, true]);
  Object.assign(limiter, { successCount: 10 });
  clock.mockReturnValue(1_060_000);
  limiter._adjustIfNeeded();
  expect(limiter).toMatchObject({ maxRequests: 2, stats: { lastAdjustment: 1_060_000 } });
});

test('modules can be reset: classes and limiters of both copies work side by side', async () => {
  fake.resetModules();
  const fresh = require('sluice/compat');
  const [before, after] = [make(RateLimiter, 1, 1000), make(fresh.RateLimiter, 1, 1000)];
  expect(await Promise.all([before.acquire(), after.acquire()])).toStrictEqual([true, true]);
  expect([before.tokens, after.tokens]).toStrictEqual([0, 0]);
  expect(upstashRateLimiter).toBeInstanceOf(RateLimiter);
  expect(fresh.upstashRateLimiter).toBeInstanceOf(fresh.RateLimiter);
  open.push(upstashRateLimiter);
  expect(upstashRateLimiter.getStatus().isAdaptive).toBe(false);
});

test('headers are there right after a call that nobody awaits', () => {
  const limiter = make(RequestLimiter, { limit: 1 });
  const res = { setHeader: fake.fn(), end: fake.fn() };
  const next = fake.fn();
  void limiter.handleRequest(req('1.1.1.1'), res, next);
  expect(res.setHeader).toHaveBeenCalledWith('X-RateLimit-Remaining', '0');
  expect(next).toHaveBeenCalledTimes(1);
  void limiter.handleRequest(req('1.1.1.1'), res, next);
  expect(res.setHeader).toHaveBeenCalledWith('Retry-After', expect.any(String));
  expect([res.statusCode, next.mock.calls.length, res.end.mock.calls.length]).toStrictEqual([429, 1, 1]);
});

test('counts are there right after a call that nobody awaits', async () => {
  const limiter = make(RateLimiter, 2, 1000);
  void limiter.acquire();
  expect(limiter.tokens).toBe(1);
  expect(limiter.stats.totalRequests).toBe(1);
  void limiter.acquire();
  const waiting = limiter.acquire();
  expect([limiter.tokens, limiter.stats.throttledRequests]).toStrictEqual([0, 1]);
  void limiter.close();
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('errors, objects and promises are of this realm', async () => {
  expect(() => new RateLimiter(0, 1)).toThrow(RangeError);
  expect(() => new RequestLimiter({ limit: 'x' })).toThrow(TypeError);
  expect(make(RateLimiter, 1, 1).getStatus()).toBeInstanceOf(Object);
  expect(make(RequestLimiter).checkLimit(req('1.1.1.1'))).toStrictEqual({ allowed: true, remaining: 99, retryAfter: 0, limit: 100 });
  expect(make(SlidingWindowLimiter).checkLimit('a')).toBeInstanceOf(Promise);
  const bodyOf = (text) => {
    const source = new EventEmitter();
    const body = getRequestBody(source, 5);
    source.emit('data', text);
    source.emit('end');
    return body;
  };
  expect(bodyOf('{}')).toBeInstanceOf(Promise);
  await expect(bodyOf('{')).rejects.toThrow(new Error('Invalid JSON in request body.'));
  await expect(bodyOf('"123456"')).rejects.toThrow(Error);
  await expect(bodyOf('"123456"')).rejects.toMatchObject({ status: 413 });
  const own = new Error('mine');
  await expect(createRateLimiter().execute(() => Promise.reject(own))).rejects.toBe(own);
});

test('a body and a stream under fake timers', async () => {
  fake.useFakeTimers();
  const source = new EventEmitter();
  const body = getRequestBody(source);
  source.emit('data', '{"a":1}');
  source.emit('end');
  expect(await body).toStrictEqual({ a: 1 });
  const client = new PassThrough();
  const received = [];
  client.on('data', (piece) => received.push(piece));
  const whole = 'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\ndata: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
  const seen = [];
  const message = await handleStream(Readable.from([Buffer.from(whole)]), client, { from: 'openai-chat', onChunk: (event) => void seen.push(event) });
  expect(message).toMatchObject({ text: 'hi', complete: true });
  expect(seen).toHaveLength(2);
  expect(Object.getPrototypeOf(seen[0])).toBe(Object.prototype);
  expect(Buffer.concat(received).toString()).toBe(whole);
});
