'use strict';
// RateLimiter as services have it: status, permits, thresholds by hand. Its fields: rate-limiter-fields.test.js.
const { AdaptiveLimiter } = require('sluice');
const { RateLimiter, createRateLimiter } = require('sluice/compat/rate-limiter');
const { make, useLimiters, pass, after } = require('../support/rate-limiters');

useLimiters();

describe.each([['with everything on', undefined], ['plain', 'false']])('%s', (mode, switched) => {
  beforeEach(() => {
    if (switched !== undefined) process.env.ENABLE_PERFORMANCE_OPTIMIZATION = switched;
  });

  test('status has these members and no others', () => {
    expect(make(10, 1000).getStatus()).toStrictEqual({
      maxRequests: 10, currentTokens: 10, windowMs: 1000, isAdaptive: false,
      stats: { totalRequests: 0, throttledRequests: 0, averageLatency: 0, lastAdjustment: Date.now() },
    });
    expect(make(7, 1000, { adaptive: true })).toMatchObject({ adaptive: true, minRequests: 3, maxRequestsLimit: 14, adjustmentInterval: 60_000 });
    expect(make(1, 1000)).toMatchObject({ minRequests: 1, maxRequestsLimit: 2 });
    expect(make(10, 1000, { minRequests: 5, maxRequests: 20, adjustmentInterval: 10 })).toMatchObject({ minRequests: 5, maxRequestsLimit: 20, adjustmentInterval: 10 });
  });

  test('permits are taken at once while there are some, then waited for', async () => {
    const limiter = make(2, 1000);
    expect([await limiter.acquire(), await limiter.acquire(), limiter.tokens]).toEqual([true, true, 0]);
    let isServed = false;
    const turn = limiter.acquire().then((value) => (isServed = value));
    await pass(999);
    expect(isServed).toBe(false);
    await pass(1);
    expect([await turn, limiter.tokens]).toEqual([true, 1]);
    expect(limiter.stats).toMatchObject({ totalRequests: 3, throttledRequests: 1 });
    expect(jest.getTimerCount()).toBe(0);
  });

  test('execute gives what the work gives, and its own error', async () => {
    const limiter = make(5, 1000);
    const answer = { a: 1 };
    const failure = new Error('mine');
    expect(await limiter.execute(async () => answer)).toBe(answer);
    expect(await limiter.execute(() => 7)).toBe(7);
    await expect(limiter.execute(() => Promise.reject(failure))).rejects.toBe(failure);
    await expect(limiter.execute(() => { throw failure; })).rejects.toBe(failure);
    await expect(limiter.execute('no function')).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(limiter).toMatchObject({ successCount: 2, failureCount: 2 });
    expect(limiter.stats.totalRequests).toBe(4);
    const work = limiter.execute(() => after(50, 'late'));
    await pass(50);
    expect(await work).toBe('late');
    expect(limiter.stats.averageLatency).toBeCloseTo(10, 5); // five calls, one of 50 ms
  });

  test('a clock that only Date.now tells is heard', async () => {
    jest.useRealTimers();
    const clock = jest.spyOn(Date, 'now').mockReturnValue(5000);
    const limiter = make(1, 1000);
    await limiter.acquire();
    expect(limiter.tokens).toBe(0);
    clock.mockReturnValue(5999);
    expect(limiter.tokens).toBe(0);
    clock.mockReturnValue(6000);
    expect(limiter.tokens).toBe(1);
    await limiter.execute(() => clock.mockReturnValue(6080));
    expect(limiter.stats.averageLatency).toBe(80);
  });

  test.each([
    // successes, failures, average latency, then
    [10, 0, 50, 11], [91, 9, 99.9, 11], [9, 1, 50, 10], [10, 0, 100, 10], [10, 0, 300, 10], [10, 0, 500, 10], [10, 0, 500.1, 9],
    [7, 3, 50, 10], [69, 31, 50, 9], [5, 5, 50, 9], [0, 1, 0, 9], [95, 5, 600, 9], [0, 0, 50, 10], [0, 0, 900, 10],
  ])('the rule by hand: %d successes, %d failures at %d ms make of 10: %d', async (successes, failures, latencyMs, expected) => {
    const limiter = make(10, 1000, { adaptive: true, adjustmentInterval: 60_000 });
    limiter.successCount = successes;
    limiter.failureCount = failures;
    limiter.stats.averageLatency = latencyMs;
    await pass(59_999);
    limiter._adjustIfNeeded();
    expect(limiter.maxRequests).toBe(10);
    await pass(1);
    limiter._adjustIfNeeded();
    expect(limiter.getStatus().maxRequests).toBe(expected);
    const isOver = successes + failures > 0;
    expect([limiter.successCount, limiter.failureCount]).toEqual(isOver ? [0, 0] : [successes, failures]);
    expect(limiter.stats.lastAdjustment).toBe(isOver ? Date.now() : Date.now() - 60_000);
    // once per interval
    limiter.successCount = successes;
    limiter.failureCount = failures;
    if (isOver) limiter._adjustIfNeeded();
    expect(limiter.maxRequests).toBe(expected);
  });

  test('by hand and by calls at once: what was written counts with what was measured', async () => {
    const limiter = make(10, 1000, { adaptive: true, adjustmentInterval: 1000 });
    limiter.stats.averageLatency = 600;
    limiter.stats.lastAdjustment = Date.now() - 1000;
    await limiter.execute(() => 1);
    expect(limiter.maxRequests).toBe(9);
    limiter.successCount = 95;
    limiter.failureCount = 4;
    limiter.stats.averageLatency = 10;
    await pass(1000);
    await limiter.execute(() => 1);
    expect(limiter.maxRequests).toBe(10);
    expect([limiter.successCount, limiter.failureCount]).toEqual([0, 0]);
  });

  test('it stays within its bounds', async () => {
    const limiter = make(4, 1000, { adaptive: true, minRequests: 3, maxRequests: 5, adjustmentInterval: 1000 });
    const seen = [];
    for (const [successes, failures] of [[9, 0], [9, 0], [9, 0], [0, 9], [0, 9], [0, 9], [0, 9]]) {
      Object.assign(limiter, { successCount: successes, failureCount: failures });
      await pass(1000);
      limiter._adjustIfNeeded();
      seen.push(limiter.maxRequests);
    }
    expect(seen).toEqual([5, 5, 5, 4, 3, 3, 3]);
    // a start outside of them is not thrown across
    const above = make(20, 1000, { adaptive: true, minRequests: 3, maxRequests: 10, adjustmentInterval: 1000 });
    above.successCount = 9;
    await pass(1000);
    above._adjustIfNeeded();
    expect(above.maxRequests).toBe(20);
    const below = make(2, 1000, { adaptive: true, minRequests: 3, adjustmentInterval: 1000, logger: { info: jest.fn() } });
    below.failureCount = 9;
    await pass(1000);
    below._adjustIfNeeded();
    expect([below.maxRequests, below.logger.info.mock.calls]).toEqual([2, []]);
  });

  test('in use is who waited, and who took the last permit; so is who calls the rule by hand', async () => {
    const settings = { adaptive: true, adjustmentInterval: 1000 };
    const last = make(2, 1000, settings);
    await last.execute(() => 1);
    await last.execute(() => 1);
    await pass(2000);
    await last.execute(() => 1);
    expect(last.maxRequests).toBe(3);
    const waited = make(2, 10_000, settings);
    await waited.acquire();
    await waited.acquire();
    await pass(5000);
    waited.resetStats();
    const ended = waited.execute(() => 1);
    await pass(5000);
    await ended;
    expect([waited.tokens, waited.maxRequests]).toEqual([2, 3]);
    const four = make(4, 1000, settings);
    for (let at = 0; at < 4; at += 1) await four.acquire();
    await pass(1000);
    await four.execute(() => 1);
    expect(four.maxRequests).toBe(5);
    const status = jest.spyOn(AdaptiveLimiter.prototype, 'getStatus');
    const many = make(1000, 1000, settings);
    for (let at = 0; at < 900; at += 1) await many.acquire();
    expect(status.mock.calls.length).toBeLessThan(10);
    const byHand = make(20, 1000, settings);
    for (let at = 0; at < 10; at += 1) await byHand.execute(() => 1);
    await pass(1000);
    byHand._adjustIfNeeded();
    expect(byHand.maxRequests).toBe(21);
    const reset = make(20, 1000, settings);
    await reset.execute(() => 1);
    reset.resetStats();
    await pass(1000);
    await reset.execute(() => 1);
    expect(reset.maxRequests).toBe(20);
  });

  test('classify says what a result counts as', async () => {
    const limiter = make(10, 1000, { classify: (error, value) => (error ? 'ignored' : value === 'bad' ? 'failure' : 'success') });
    await limiter.execute(() => 'bad');
    await limiter.execute(() => ({ status: 500 }));
    await expect(limiter.execute(() => Promise.reject(new Error('cancelled')))).rejects.toThrow('cancelled');
    expect([limiter.successCount, limiter.failureCount]).toEqual([1, 1]);
    limiter.classify = () => 'ignored';
    await limiter.execute(() => 1);
    expect([limiter.successCount, limiter.failureCount]).toEqual([1, 1]);
  });

  test('createRateLimiter', () => {
    const limiter = createRateLimiter({ maxRequests: 15, windowMs: 5000, minRequests: 2 });
    expect(limiter).toBeInstanceOf(RateLimiter);
    expect(limiter).toMatchObject({ maxRequests: 15, windowMs: 5000, minRequests: 2, maxRequestsLimit: 15, adaptive: false });
    process.env.QSTASH_RATE_LIMIT = '99';
    process.env.QSTASH_ADAPTIVE_RATE = 'true';
    expect(createRateLimiter()).toMatchObject({ maxRequests: 10, windowMs: 60_000, adaptive: false });
    expect(createRateLimiter({ adaptive: true }).getStatus().isAdaptive).toBe(true);
  });

  test('values out of range are refused by name', () => {
    for (const [given, option] of [[[0, 1000], 'maxRequests'], [[2.5, 1000], 'maxRequests'], [['5', 1000], 'maxRequests'], [[5, 0], 'windowMs'], [[5, 1000, { minRequests: -1 }], 'minRequests'], [[5, 1000, { now: 5 }], 'now']]) {
      expect(() => new RateLimiter(...given)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
    }
    expect(() => new RateLimiter(5, 1000, 'fast')).toThrow(TypeError);
    expect(make(5, 1000, { level: 'debug', minRequests: null }).minRequests).toBe(2);
  });
});
