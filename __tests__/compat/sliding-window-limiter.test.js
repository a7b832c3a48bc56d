'use strict';
// SlidingWindowLimiter: a key's requests in any window; and what was wrong with the arrays of times before it.
const { SlidingWindowLimiter } = require('sluice/compat/sliding-window-limiter');
const { Redis } = require('ioredis');
const { startRedis, stopAll } = require('../redis');
const { seeded } = require('../support/random');

const own = { ...process.env };
const open = [];
const make = (options) => {
  const limiter = new SlidingWindowLimiter(options);
  open.push(limiter);
  return limiter;
};
beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => {
  process.env = { ...own };
  open.splice(0).forEach((limiter) => void limiter.close());
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe.each([['with everything on', undefined], ['plain', 'false']])('%s', (mode, switched) => {
  beforeEach(() => {
    delete process.env.ENABLE_PERFORMANCE_OPTIMIZATION;
    if (switched !== undefined) process.env.ENABLE_PERFORMANCE_OPTIMIZATION = switched;
  });

  test('so many for each key, then none until the oldest has left', async () => {
    const limiter = make({ windowMs: 1000, maxRequests: 2, keyPrefix: 'api:' });
    expect(await limiter.checkLimit('a')).toBe(true);
    jest.advanceTimersByTime(400);
    expect([await limiter.checkLimit('a'), await limiter.checkLimit('a'), await limiter.checkLimit('b')]).toEqual([true, false, true]);
    expect([limiter.getRetryAfter('a'), limiter.getRetryAfter('b'), limiter.getRetryAfter('never seen')]).toEqual([600, 0, 0]);
    jest.advanceTimersByTime(599);
    expect([limiter.getRetryAfter('a'), await limiter.checkLimit('a')]).toEqual([1, false]);
    jest.advanceTimersByTime(1);
    expect([limiter.getRetryAfter('a'), await limiter.checkLimit('a'), await limiter.checkLimit('a')]).toEqual([0, true, false]);
  });

  test('the decision is made before the call returns', async () => {
    const limiter = make({ windowMs: 1000, maxRequests: 1 });
    const first = limiter.checkLimit('a');
    expect(limiter.getRetryAfter('a')).toBe(1000);
    const second = limiter.checkLimit('a');
    expect(await Promise.all([first, second])).toEqual([true, false]);
  });

  test('what it allows is what an array of admitted times allows', async () => {
    const next = seeded(7);
    const limiter = make({ windowMs: 100, maxRequests: 3 });
    const admitted = new Map();
    let denied = 0;
    for (let at = 0; at < 5000; at += 1) {
      jest.advanceTimersByTime(Math.floor(next() * 25));
      const key = `k${Math.floor(next() * 4)}`;
      const times = (admitted.get(key) ?? []).filter((time) => time > Date.now() - 100);
      const isAllowed = times.length < 3;
      if (isAllowed) times.push(Date.now());
      else denied += 1;
      admitted.set(key, times);
      if ((await limiter.checkLimit(key)) !== isAllowed) throw new Error(`call ${at} of ${key}`);
      const wait = times.length < 3 ? 0 : times[0] + 100 - Date.now();
      if (limiter.getRetryAfter(key) !== wait) throw new Error(`wait after call ${at} of ${key}`);
    }
    expect(denied).toBeGreaterThan(300);
  });

  test('fields, and their defaults', async () => {
    expect(make()).toMatchObject({ windowMs: 60_000, maxRequests: 100, keyPrefix: '' });
    const limiter = make({ windowMs: 1000, maxRequests: 1, keyPrefix: 'x:', level: 'debug' });
    await limiter.checkLimit('a');
    limiter.maxRequests = 2;
    expect([limiter.maxRequests, await limiter.checkLimit('a'), await limiter.checkLimit('a')]).toEqual([2, true, false]);
    limiter.windowMs = 10;
    jest.advanceTimersByTime(10);
    expect(await limiter.checkLimit('a')).toBe(true);
    limiter.keyPrefix = 'y:';
    expect([await limiter.checkLimit('a'), await limiter.checkLimit('a'), await limiter.checkLimit('a')]).toEqual([true, true, false]);
    limiter.reset('a');
    expect(await limiter.checkLimit('a')).toBe(true);
    limiter.maxRequests = 0;
    expect([await limiter.checkLimit('b'), limiter.maxRequests, limiter.getRetryAfter('b') > 0]).toEqual([false, 0, true]);
    limiter.windowMs = 20;
    limiter.maxRequests = 1;
    expect([await limiter.checkLimit('b'), await limiter.checkLimit('b')]).toEqual([true, false]);
    expect(await make({ maxRequests: 0, redis: null, shared: undefined }).checkLimit('a')).toBe(false);
    expect(() => { limiter.maxRequests = -1; }).toThrow(RangeError);
    expect(() => make({ windowMs: 'soon' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'windowMs' }));
  });

  test('a clock of its own, also one that comes later', async () => {
    let now = 5;
    const limiter = make({ windowMs: 1000, maxRequests: 1, now: () => now });
    await limiter.checkLimit('a');
    now += 999;
    expect(limiter.getRetryAfter('a')).toBe(1);
    limiter.now = undefined;
    expect(await limiter.checkLimit('a')).toBe(false);
    jest.advanceTimersByTime(1);
    expect(await limiter.checkLimit('a')).toBe(true);
    limiter.now = () => 1e12;
    expect(await limiter.checkLimit('a')).toBe(false);
  });
});

describe('shared through Redis', () => {
  let server;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(stopAll);
  const url = () => `redis://127.0.0.1:${server.port}`;

  test.each([['by a URL', () => url()], ["by the application's client", () => new Redis(server.port)]])('two instances have one limit, %s', async (name, connect) => {
    jest.useRealTimers();
    const redis = connect();
    try {
      // on a busy machine an answer may be late: then each decides alone
      const patient = { ...(typeof redis === 'string' ? { url: redis } : { client: redis }), commandTimeoutMs: 10_000 };
      const [one, other] = [1, 2].map(() => make({ windowMs: 60_000, maxRequests: 5, keyPrefix: `${name}:`, redis: patient }));
      const seen = [];
      for (let at = 0; at < 8; at += 1) seen.push(await (at % 2 ? other : one).checkLimit('a'));
      expect(seen).toEqual([true, true, true, true, true, false, false, false]);
      expect(await one.checkLimit('b')).toBe(true);
      expect(one.getRetryAfter('a')).toBeGreaterThan(30_000);
    } finally {
      await Promise.all(open.splice(0).map((limiter) => limiter.close()));
      redis.disconnect?.();
    }
  });
});

describe('defects of the originals', () => {
  test('a denied request counts', async () => {
    const limiter = make({ windowMs: 1000, maxRequests: 1 });
    const admitted = [];
    for (let at = 0; at < 50; at += 1) {
      if (await limiter.checkLimit('eager')) admitted.push(at * 100);
      jest.advanceTimersByTime(100);
    }
    expect(admitted).toEqual([0, 1000, 2000, 3000, 4000]);
  });

  test('a clock that steps back locks out', async () => {
    const limiter = make({ windowMs: 1000, maxRequests: 1 });
    await limiter.checkLimit('a');
    jest.setSystemTime(Date.now() - 3_600_000);
    expect([await limiter.checkLimit('a'), limiter.getRetryAfter('a')]).toEqual([false, 1000]);
    jest.advanceTimersByTime(1000);
    expect(await limiter.checkLimit('a')).toBe(true);
  });

  test('keys that never leave', async () => {
    const limiter = make({ windowMs: 1000, maxRequests: 1, maxKeys: 100 });
    await limiter.checkLimit('at its limit');
    for (let at = 0; at < 2000; at += 1) await limiter.checkLimit(`fresh ${at}`);
    // they share what room there is, and none that is at its limit is forgotten
    expect(await limiter.checkLimit('at its limit')).toBe(false);
    jest.advanceTimersByTime(1000);
    expect(await limiter.checkLimit('at its limit')).toBe(true);
  });

  test('Retry-After is rounded, or of the newest request', async () => {
    const limiter = make({ windowMs: 10_000, maxRequests: 2 });
    await limiter.checkLimit('a');
    jest.advanceTimersByTime(7777);
    await limiter.checkLimit('a');
    expect(limiter.getRetryAfter('a')).toBe(2223);
    jest.advanceTimersByTime(2222);
    expect(await limiter.checkLimit('a')).toBe(false);
    jest.advanceTimersByTime(1);
    expect(await limiter.checkLimit('a')).toBe(true);
  });
});
