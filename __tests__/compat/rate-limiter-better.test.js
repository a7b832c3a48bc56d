'use strict';
// RateLimiter: the environment, and what was wrong with the limiters before it.
const { RateLimiter, upstashRateLimiter } = require('sluice/compat/rate-limiter');
const { make, useLimiters, pass, after } = require('../support/rate-limiters');

useLimiters();
const refuse = (ms, error) => new Promise((resolve, reject) => setTimeout(reject, ms, error));

/** Sends whatever the limiter lets through: each of so many callers begins again when its call has ended. */
function saturate(limiter, work, callers = 12) {
  const seen = { sent: 0, at: [], isOver: false };
  for (let at = 0; at < callers; at += 1) {
    void (async () => {
      while (!seen.isOver) {
        await limiter.execute(() => {
          seen.sent += 1;
          seen.at.push(Date.now());
          return work();
        }).catch(() => {});
      }
    })();
  }
  return seen;
}

describe('the environment', () => {
  test('of a limiter without a limit of its own, read when it is made', () => {
    expect(make()).toMatchObject({ maxRequests: 5, windowMs: 60_000, minRequests: 3, maxRequestsLimit: 10, adaptive: false });
    Object.assign(process.env, { QSTASH_RATE_LIMIT: '8', QSTASH_RATE_WINDOW: '1000', QSTASH_ADAPTIVE_RATE: 'true', QSTASH_MIN_RATE: '2', QSTASH_MAX_RATE: '30' });
    expect(make()).toMatchObject({ maxRequests: 8, windowMs: 1000, minRequests: 2, maxRequestsLimit: 30, adaptive: true });
    expect(make(undefined, 500, { minRequests: 4, adaptive: false })).toMatchObject({ maxRequests: 8, windowMs: 500, minRequests: 4, adaptive: false });
    expect(make(100, 1000)).toMatchObject({ maxRequests: 100, minRequests: 50, maxRequestsLimit: 200, adaptive: false });
  });
  test.each(['1000', 'x'])('QSTASH_RATE_WINDOW=%s is not read for a limiter with a limit of its own', (value) => {
    process.env.QSTASH_RATE_WINDOW = value;
    for (const windowMs of [undefined, null]) expect(make(5, windowMs)).toMatchObject({ maxRequests: 5, windowMs: 60_000 });
  });
  test.each([['QSTASH_RATE_LIMIT', 'many'], ['QSTASH_RATE_LIMIT', '0'], ['QSTASH_RATE_WINDOW', '-5'], ['QSTASH_ADAPTIVE_RATE', 'perhaps'], ['QSTASH_MIN_RATE', '1.5'], ['QSTASH_MAX_RATE', 'x']])('%s=%s is refused by name', (name, value) => {
    process.env[name] = value;
    expect(() => new RateLimiter()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: name }));
  });
  test.each([['QSTASH_ADAPTIVE_RATE', 'false'], ['ENABLE_PERFORMANCE_OPTIMIZATION', 'false'], ['ENABLE_PERFORMANCE_OPTIMIZATION', '0']])('%s=%s: a fixed limit, whatever happens', async (name, value) => {
    Object.assign(process.env, { QSTASH_ADAPTIVE_RATE: 'true', [name]: value });
    const limiter = make();
    const seen = saturate(limiter, () => refuse(900, new Error('down')));
    await pass(20 * 60_000 - 1);
    seen.isOver = true;
    expect(limiter.getStatus()).toMatchObject({ maxRequests: 5, isAdaptive: false });
    expect(seen.sent).toBe(20 * 5);
    // an argument wins
    expect(make(5, 1000, { adaptive: true }).getStatus().isAdaptive).toBe(true);
  });
  test('upstashRateLimiter is made on first use', async () => {
    expect(upstashRateLimiter).toBeInstanceOf(RateLimiter);
    jest.resetModules();
    const fresh = require('sluice/compat/rate-limiter');
    expect(fresh.upstashRateLimiter).not.toBe(upstashRateLimiter);
    process.env.QSTASH_RATE_LIMIT = '9';
    const { upstashRateLimiter: limiter } = fresh;
    expect(limiter).toBeInstanceOf(fresh.RateLimiter);
    expect(limiter.getStatus()).toMatchObject({ maxRequests: 9, currentTokens: 9, windowMs: 60_000 });
    process.env.QSTASH_RATE_LIMIT = '4';
    expect(limiter.maxRequests).toBe(9);
    const acquire = jest.spyOn(limiter, 'acquire');
    expect(await limiter.execute(() => 3)).toBe(3);
    expect(acquire).toHaveBeenCalledTimes(1);
    limiter.tokens = 2;
    limiter.stats.totalRequests = 50;
    expect([limiter.tokens, limiter.getStatus().stats.totalRequests, 'tokens' in limiter, Object.keys(limiter).includes('tokens')]).toEqual([2, 50, true, true]);
    await limiter.close();
  });
});

describe('defects of the originals', () => {
  test('falls to its minimum on a healthy backend', async () => {
    process.env.QSTASH_ADAPTIVE_RATE = 'true';
    const limiter = make();
    const seen = saturate(limiter, () => after(20));
    await pass(3_600_000 - 1);
    seen.isOver = true;
    // 5, then one more each minute up to 10: by hand, 5 + 6 + 7 + 8 + 9 + 55 x 10
    expect(seen.sent).toBe(585);
    expect(limiter.maxRequests).toBe(10);
    expect(limiter.stats.averageLatency).toBeCloseTo(20, 5);
  });

  test('never lowers in a total outage', async () => {
    const limiter = make(10, 1000, { adaptive: true, minRequests: 3, maxRequests: 20, adjustmentInterval: 1000 });
    const seen = saturate(limiter, () => refuse(5, new Error('connect ECONNREFUSED')));
    await pass(10_000);
    seen.isOver = true;
    expect(limiter.maxRequests).toBe(3);
  });

  test('failures are not counted', async () => {
    const limiter = make(10, 1000);
    const failing = limiter.execute(() => refuse(30, new Error('no')));
    const settled = expect(failing).rejects.toThrow('no');
    await pass(30);
    await settled;
    expect(limiter).toMatchObject({ successCount: 0, failureCount: 1, stats: { averageLatency: 30 } });
    await limiter.execute(() => ({ status: 503 }));
    await limiter.execute(() => ({ status: 429 }));
    expect(limiter).toMatchObject({ successCount: 0, failureCount: 3 });
  });

  test('a permit that was handed out counts as a success', async () => {
    const limiter = make(10, 1000);
    for (let at = 0; at < 10; at += 1) await limiter.acquire();
    expect(limiter).toMatchObject({ successCount: 0, failureCount: 0, stats: { totalRequests: 10 } });
  });

  test('waiting for a permit counts as latency, and as a failure', async () => {
    const limiter = make(1, 1000);
    const both = Promise.all([limiter.execute(() => after(20)), limiter.execute(() => after(20))]);
    await pass(1020);
    await both;
    expect(limiter).toMatchObject({ successCount: 2, failureCount: 0, stats: { averageLatency: 20, throttledRequests: 1, totalRequests: 2 } });
  });

  test('an average that starts at zero raises on a slow backend', async () => {
    const limiter = make(1, 1000, { adaptive: true, maxRequests: 9, adjustmentInterval: 1000 });
    const seen = saturate(limiter, () => after(600), 2);
    await pass(3000);
    seen.isOver = true;
    expect(limiter.maxRequests).toBe(1);
    expect(limiter.stats.averageLatency).toBe(600);
  });

  test('twice the limit at the edge of a window', async () => {
    const limiter = make(5, 1000);
    await pass(990);
    const at = [];
    const all = Promise.all(Array.from({ length: 20 }, () => limiter.acquire().then(() => at.push(Date.now()))));
    await pass(10_000);
    await all;
    for (const first of at) expect(at.filter((time) => time >= first && time < first + 1000).length).toBeLessThanOrEqual(5);
    expect(at.at(-1) - at[0]).toBe(3000);
  });

  test('those who wait get more permits than there are, in any order', async () => {
    const limiter = make(1, 1000);
    await limiter.acquire();
    const order = [];
    for (let at = 0; at < 4; at += 1) void limiter.acquire().then(() => order.push([at, Date.now()]));
    const began = Date.now();
    await pass(4000);
    expect(order).toEqual([0, 1, 2, 3].map((at) => [at, began + 1000 * (at + 1)]));
  });

  test('an idle limiter grows to its maximum', async () => {
    const limiter = make(10, 1000, { adaptive: true, adjustmentInterval: 1000 });
    for (let round = 0; round < 5; round += 1) {
      await limiter.execute(() => 1);
      await pass(1000);
    }
    expect(limiter.maxRequests).toBe(10);
  });

  test('"later", says the upstream, and is asked again at once', async () => {
    const limiter = make(10, 60_000);
    await limiter.execute(() => ({ status: 429, headers: { 'retry-after': '2' } }));
    let isServed = false;
    void limiter.acquire().then(() => (isServed = true));
    await pass(1999);
    expect(isServed).toBe(false);
    await pass(1);
    expect(isServed).toBe(true);
  });

  test('a clock that is set back stops adjusting', async () => {
    const limiter = make(10, 1000, { adaptive: true, adjustmentInterval: 1000 });
    jest.setSystemTime(Date.now() - 3_600_000);
    limiter.failureCount = 5;
    limiter._adjustIfNeeded();
    await pass(1000);
    limiter._adjustIfNeeded();
    expect(limiter.maxRequests).toBe(9);
    await limiter.execute(() => jest.setSystemTime(Date.now() - 5000));
    expect(limiter.stats.averageLatency).toBe(0);
    let now = 5000;
    const own = make(10, 1000, { now: () => now });
    await own.execute(() => (now -= 3000));
    expect(own.stats.averageLatency).toBe(0);
  });

  test('whoever waits can grow without a bound', async () => {
    const limiter = make(1, 60_000, { maxQueue: 2 });
    await limiter.acquire();
    const waiting = [limiter.acquire(), limiter.acquire()].map((turn) => turn.catch((error) => error.code));
    await expect(limiter.acquire()).rejects.toMatchObject({ code: 'ERR_LIMIT_EXCEEDED' });
    await limiter.close();
    expect(await Promise.all(waiting)).toEqual(['ERR_CLOSED', 'ERR_CLOSED']);
  });
});
