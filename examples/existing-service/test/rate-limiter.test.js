'use strict';
const { RateLimiter, createRateLimiter } = require('../src/classes');

describe('RateLimiter', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('lets so many through at once', async () => {
    const limiter = new RateLimiter(3, 60_000);
    for (let at = 0; at < 3; at += 1) await expect(limiter.acquire()).resolves.toBe(true);
    expect(limiter.getStatus()).toMatchObject({ maxRequests: 3, currentTokens: 0, windowMs: 60_000, isAdaptive: false });
  });

  test('the next one waits until the window is over', async () => {
    const limiter = new RateLimiter(2, 1000);
    await limiter.acquire();
    await limiter.acquire();
    const done = jest.fn();
    limiter.acquire().then(done);
    await jest.advanceTimersByTimeAsync(990);
    expect(done).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(20);
    expect(done).toHaveBeenCalledTimes(1);
    expect(done).toHaveBeenCalledWith(true);
  });

  test('those who wait go in the order they came', async () => {
    const limiter = new RateLimiter(1, 1000);
    const order = [];
    await limiter.acquire();
    for (const name of ['a', 'b', 'c']) limiter.acquire().then(() => order.push(name));
    await jest.advanceTimersByTimeAsync(3030);
    expect(order).toStrictEqual(['a', 'b', 'c']);
  });

  test('counts who came and who had to wait', async () => {
    const limiter = new RateLimiter(1, 1000);
    await limiter.acquire();
    limiter.acquire();
    await jest.advanceTimersByTimeAsync(1010);
    expect(limiter.getStatus().stats).toMatchObject({ totalRequests: 2, throttledRequests: 1 });
  });

  test('execute returns what the work returns', async () => {
    const limiter = new RateLimiter(3, 1000);
    const value = { ok: true };
    await expect(limiter.execute(async () => value)).resolves.toBe(value);
    await expect(limiter.execute(() => 7)).resolves.toBe(7);
  });

  test('execute rejects with the work\'s own error', async () => {
    const limiter = new RateLimiter(3, 1000);
    const error = new Error('upstream said no');
    await expect(limiter.execute(() => Promise.reject(error))).rejects.toBe(error);
    await expect(limiter.execute(() => { throw error; })).rejects.toBe(error);
  });

  test('updateConfig counts at once', async () => {
    const limiter = new RateLimiter(1, 1000);
    await limiter.acquire();
    limiter.updateConfig(5, 2000);
    expect(limiter.getStatus()).toMatchObject({ maxRequests: 5, windowMs: 2000 });
  });

  test('resetStats starts the counts afresh', async () => {
    const limiter = new RateLimiter(5, 1000);
    await limiter.execute(async () => 1);
    limiter.resetStats();
    expect(limiter.getStatus().stats).toMatchObject({ totalRequests: 0, throttledRequests: 0, averageLatency: 0, lastAdjustment: Date.now() });
  });

  describe('follows the upstream', () => {
    let limiter;
    beforeEach(() => {
      limiter = new RateLimiter(5, 60_000, { minRequests: 3, maxRequests: 10, adaptive: true, adjustmentInterval: 60_000 });
    });
    const judge = async (successes, failures, latency) => {
      limiter.successCount = successes;
      limiter.failureCount = failures;
      limiter.stats.averageLatency = latency;
      await jest.advanceTimersByTimeAsync(60_000);
      limiter._adjustIfNeeded();
      return limiter.maxRequests;
    };

    test('up by one when it does well', async () => {
      await expect(judge(20, 1, 50)).resolves.toBe(6);
    });
    test('down by one when it fails', async () => {
      await expect(judge(6, 4, 50)).resolves.toBe(4);
    });
    test('down by one when it is slow', async () => {
      await expect(judge(10, 0, 501)).resolves.toBe(4);
    });
    test('not at all in between', async () => {
      await expect(judge(10, 0, 100)).resolves.toBe(5);
      await expect(judge(9, 1, 50)).resolves.toBe(5);
      await expect(judge(7, 3, 500)).resolves.toBe(5);
    });
    test('never above its maximum, never below its minimum', async () => {
      for (let at = 0; at < 8; at += 1) await judge(10, 0, 10);
      expect(limiter.maxRequests).toBe(10);
      for (let at = 0; at < 12; at += 1) await judge(0, 10, 10);
      expect(limiter.maxRequests).toBe(3);
    });
    test('once an interval', async () => {
      await judge(10, 0, 10);
      limiter.successCount = 10;
      limiter._adjustIfNeeded();
      expect(limiter.maxRequests).toBe(6);
    });
    test('not before it knows anything', async () => {
      await expect(judge(0, 0, 0)).resolves.toBe(5);
    });
  });

  test('createRateLimiter takes names, and has ten a minute when nothing is said', () => {
    expect(createRateLimiter({ maxRequests: 7, windowMs: 500 }).getStatus()).toMatchObject({ maxRequests: 7, windowMs: 500 });
    expect(createRateLimiter({}).getStatus()).toMatchObject({ maxRequests: 10, windowMs: 60_000, isAdaptive: false });
  });
});

describe('upstashRateLimiter', () => {
  const names = ['QSTASH_RATE_LIMIT', 'QSTASH_RATE_WINDOW', 'QSTASH_ADAPTIVE_RATE'];
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  beforeEach(() => jest.resetModules());
  afterEach(() => {
    for (const name of names) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  test('five a minute', () => {
    const { upstashRateLimiter } = require('../src/classes');
    expect(upstashRateLimiter.getStatus()).toMatchObject({ maxRequests: 5, windowMs: 60_000 });
  });

  test('or what the environment says', () => {
    Object.assign(process.env, { QSTASH_RATE_LIMIT: '8', QSTASH_RATE_WINDOW: '1000', QSTASH_ADAPTIVE_RATE: 'true' });
    const { upstashRateLimiter } = require('../src/classes');
    expect(upstashRateLimiter.getStatus()).toMatchObject({ maxRequests: 8, windowMs: 1000, isAdaptive: true });
  });
});
