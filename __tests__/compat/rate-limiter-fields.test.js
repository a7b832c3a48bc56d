'use strict';
// RateLimiter's fields and statistics, written and read while it works, and collaborators of its own.
const { RateLimiter } = require('sluice/compat/rate-limiter');
const { make, useLimiters, pass, after } = require('../support/rate-limiters');

useLimiters();

describe.each([['with everything on', undefined], ['plain', 'false']])('%s', (mode, switched) => {
  beforeEach(() => {
    if (switched !== undefined) process.env.ENABLE_PERFORMANCE_OPTIMIZATION = switched;
  });

  test('fields can be written', async () => {
    const limiter = make(5, 1000);
    const { stats } = limiter;
    expect(limiter.stats).toBe(stats);
    stats.totalRequests = 100;
    expect(limiter.getStatus().stats.totalRequests).toBe(100);
    expect(limiter).toMatchObject({ maxRequests: 5, windowMs: 1000, tokens: 5, lastRefill: Date.now() });
    expect(Object.keys(limiter)).toEqual(expect.arrayContaining(['maxRequests', 'windowMs', 'tokens', 'lastRefill', 'minRequests', 'maxRequestsLimit', 'adaptive', 'stats', 'successCount', 'failureCount', 'adjustmentInterval']));
    for (const [written, read] of [[2, 2], [4, 4], [0, 0], [9, 5], [-1, 0], [1.5, 1]]) {
      limiter.tokens = written;
      expect(limiter.tokens).toBe(read);
    }
    limiter.tokens = 0;
    let isServed = false;
    void limiter.acquire().then(() => (isServed = true));
    await pass(0);
    expect(isServed).toBe(false);
    limiter.maxRequests = 6;
    await pass(0);
    expect([isServed, limiter.tokens, limiter.maxRequests]).toEqual([true, 0, 6]);
    limiter.lastRefill = Date.now() - 400;
    expect(limiter.tokens).toBe(0);
    limiter.lastRefill -= 600;
    expect(limiter.tokens).toBe(6);
    limiter.windowMs = 50;
    limiter.tokens = 0;
    await pass(50);
    expect(limiter.tokens).toBe(6);
    await limiter.acquire();
    expect(limiter.lastRefill).toBe(Date.now());
    await pass(49);
    await limiter.acquire();
    expect(limiter.lastRefill).toBe(Date.now() - 49);
    expect(() => { limiter.maxRequests = 0; }).toThrow(RangeError);
    expect(limiter.maxRequests).toBe(6);
  });

  test('updateConfig begins a window with all permits, and lets go who waits', async () => {
    const limiter = make(1, 60_000);
    await limiter.acquire();
    let served = 0;
    for (let at = 0; at < 3; at += 1) void limiter.acquire().then(() => (served += 1));
    await pass(100);
    limiter.updateConfig(20, 2000);
    await pass(0);
    expect(served).toBe(3);
    expect(limiter).toMatchObject({ maxRequests: 20, windowMs: 2000, tokens: 17, lastRefill: Date.now() });
    limiter.updateConfig(8);
    expect(limiter).toMatchObject({ maxRequests: 8, windowMs: 2000, tokens: 8 });
    limiter.updateConfig(null, 500);
    limiter.updateConfig(9, null);
    expect(limiter).toMatchObject({ maxRequests: 9, windowMs: 500, tokens: 9 });
    expect(() => limiter.updateConfig(0)).toThrow(RangeError);
  });

  test.each([
    ['updateConfig', (limiter) => limiter.updateConfig(10, 60_000)],
    ['lastRefill', (limiter) => { limiter.lastRefill = Date.now() - 60_001; }],
    ['tokens', (limiter) => { limiter.tokens = 10; }],
  ])('%s while a call is under way: its latency is the time that it took', async (_, write) => {
    const limiter = make(10, 60_000);
    const call = limiter.execute(() => after(20));
    await pass(5);
    write(limiter);
    expect(limiter.tokens).toBe(10);
    await pass(15);
    await call;
    expect(limiter.stats.averageLatency).toBe(20);
  });

  test('a status is of its moment', async () => {
    const limiter = make(5, 1000);
    const before = limiter.getStatus();
    await limiter.acquire();
    expect([before.stats.totalRequests, limiter.getStatus().stats.totalRequests]).toEqual([0, 1]);
  });

  test('a fixed limit stays, also when the rule is called by hand', async () => {
    const limiter = make(5, 1000);
    await pass(60_000);
    Object.assign(limiter, { successCount: 100, failureCount: 0 });
    limiter._adjustIfNeeded();
    expect([limiter.maxRequests, limiter.successCount]).toEqual([5, 100]);
    limiter.adaptive = true;
    limiter._adjustIfNeeded();
    expect([limiter.maxRequests, limiter.successCount]).toEqual([6, 0]);
  });

  test('a window that is written as over gives its permits back, whenever the last call was', async () => {
    const limiter = make(3, 1000);
    await pass(5000);
    limiter.tokens = 0;
    limiter.lastRefill = Date.now() - 999;
    expect(limiter.tokens).toBe(0);
    limiter.lastRefill = Date.now() - 1000;
    expect(limiter.tokens).toBe(3);
  });

  test('resetStats begins to count anew', async () => {
    const limiter = make(5, 1000);
    await limiter.execute(() => 1);
    const before = limiter.stats;
    await pass(77);
    limiter.resetStats();
    expect(limiter.stats).toStrictEqual({ totalRequests: 0, throttledRequests: 0, averageLatency: 0, lastAdjustment: Date.now() });
    expect([limiter.successCount, limiter.failureCount, before.totalRequests]).toEqual([0, 0, 1]);
  });

  test('methods find each other through the object: spies see it', async () => {
    const limiter = make(5, 1000, { adaptive: true, adjustmentInterval: 10 });
    const acquire = jest.spyOn(limiter, 'acquire');
    const adjust = jest.spyOn(limiter, '_adjustIfNeeded').mockImplementation(() => {});
    await limiter.execute(() => 1);
    await limiter.execute(() => Promise.reject(new Error('no'))).catch(() => {});
    expect([acquire.mock.calls.length, adjust.mock.calls.length]).toEqual([2, 2]);
    class Counting extends RateLimiter {
      async acquire() {
        this.asked = (this.asked ?? 0) + 1;
        return super.acquire();
      }
    }
    const counting = new Counting(5, 1000);
    await counting.execute(() => 1);
    expect(counting.asked).toBe(1);
    const fixed = make(5, 1000);
    const never = jest.spyOn(fixed, '_adjustIfNeeded');
    await fixed.execute(() => 1);
    expect(never).not.toHaveBeenCalled();
  });

  test('collaborators may be given, and replaced later', async () => {
    const first = { info: jest.fn() };
    let now = 1000;
    const limiter = make(10, 1000, { adaptive: true, adjustmentInterval: 60_000, logger: first, now: () => now });
    await limiter.acquire();
    now += 999;
    expect(limiter.tokens).toBe(9);
    now += 1;
    expect(limiter.tokens).toBe(10);
    Object.assign(limiter, { successCount: 10 });
    now += 60_000;
    limiter._adjustIfNeeded();
    expect(first.info.mock.calls).toEqual([[expect.stringContaining('11')]]);
    const second = { info: jest.fn() };
    limiter.logger = second;
    limiter.now = undefined;
    limiter.stats.lastAdjustment = Date.now() - 60_000;
    Object.assign(limiter, { failureCount: 10 });
    limiter._adjustIfNeeded();
    expect([first.info.mock.calls.length, second.info.mock.calls.length, limiter.maxRequests]).toEqual([1, 1, 10]);
    await limiter.acquire();
    await pass(1000);
    expect(limiter.tokens).toBe(10);
  });
});
