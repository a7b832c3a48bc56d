'use strict';
// The services' rule at its edges, what moves, that a limit which moves fails nobody, and that permits which are there cost no crossing.
const { AdaptiveLimiter, KeyedLimiter } = require('sluice');
const native = require('../../lib/native');

const open = [];
const make = (options) => {
  const limiter = new AdaptiveLimiter(options);
  open.push(limiter);
  return limiter;
};
const timed = (options) => {
  const clock = { ms: 1_000_000 };
  return { clock, limiter: make({ ...options, now: () => clock.ms }) };
};
async function microtasks(count = 30) {
  for (let at = 0; at < count; at += 1) await null;
}
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
  open.splice(0).forEach((limiter) => void limiter.close());
});

/** An interval in which a window of 20 was used up, with so many failures among its 20 results. */
function interval({ clock, limiter }, failures, latencyMs) {
  for (let at = 0; at < 20; at += 1) {
    expect(limiter.tryAcquire()).toBe(true);
    limiter.release(at < failures ? 'failure' : 'success', { latencyMs });
  }
  clock.ms += 60_000;
  return limiter.getStatus().maxRequests;
}

// 0.9 and 0.7 of 20 are 18 and 14 successes
test.each([
  ['fast and successful', 0, 20, 21], ['19 of 20', 1, 20, 21], ['18 of 20, which is not above 0.9', 2, 20, 20], ['14 of 20, which is not below 0.7', 6, 20, 20],
  ['13 of 20', 7, 20, 19], ['none of 20', 20, 20, 19],
  ['99 ms', 0, 99, 21], ['100 ms, which is not below 100', 0, 100, 20], ['500 ms, which is not above 500', 0, 500, 20], ['501 ms', 0, 501, 19],
  ['slow, and not all successful', 1, 300, 20], ['slow and failing', 10, 900, 19],
])('by the documented rule: %s', (_, failures, latencyMs, expected) => {
  const rules = { minLimit: 3, maxLimit: 30, algorithm: 'step' };
  expect(interval(timed({ limit: 20, adaptive: rules }), failures, latencyMs)).toBe(expected);
  // never outside of its bounds
  expect(interval(timed({ limit: 20, adaptive: { ...rules, minLimit: 20, maxLimit: 20 } }), failures, latencyMs)).toBe(20);
});

test.each([[140, 200], [139, 199]])('%i successes of 200: below 0.7 lowers', (successes, expected) => {
  const { clock, limiter } = timed({ limit: 200, adaptive: { algorithm: 'step' } });
  for (let at = 0; at < 200; at += 1) {
    limiter.tryAcquire();
    limiter.release(at < successes ? 'success' : 'failure', { latencyMs: 1 });
  }
  clock.ms += 60_000;
  expect(limiter.getStatus().maxRequests).toBe(expected);
});

describe('what is not said', () => {
  test('of an adaptive limiter', () => {
    expect(make().getStatus()).toMatchObject({ maxRequests: 10, windowMs: 60_000, concurrency: 0, isAdaptive: false });
    expect(make({ adaptive: true }).getStatus()).toMatchObject({ isAdaptive: true, minLimit: 1, maxLimit: 20 });
    expect(make({ limit: 3, adaptive: { minLimit: 9 } }).getStatus()).toMatchObject({ maxRequests: 9, minLimit: 9, maxLimit: 9 });
  });
  test('of how many may wait', async () => {
    const limiter = make({ limit: 0, concurrency: 1 });
    await limiter.take();
    for (let at = 0; at < 10_000; at += 1) limiter.acquire().catch(() => {});
    expect(limiter.getStatus().queued).toBe(10_000);
    await expect(limiter.acquire()).rejects.toMatchObject({ code: 'ERR_LIMIT_EXCEEDED' });
    expect(limiter.getStatus().queued).toBe(10_000);
  });
  test('of how many keys are held', async () => {
    const keyed = new KeyedLimiter({ windowMs: 3_600_000, maxRequests: 2 });
    for (let at = 0; at < 100_001; at += 1) keyed.checkLimit(`key ${at}`);
    expect([keyed.size, keyed.getStats().evicted]).toEqual([100_000, 1]);
    await keyed.close();
  });
});

test.each([['at once', false], ['in turn', true]])('work that fails is timed as long as it took: %s', async (_, waits) => {
  const { clock, limiter } = timed({ limit: 0, concurrency: 1 });
  const first = waits ? await limiter.take() : undefined;
  const failing = limiter.execute(async () => {
    await null;
    clock.ms += 600;
    throw new Error('no');
  });
  first?.release('ignored');
  await expect(failing).rejects.toThrow('no');
  expect(limiter.getStatus().stats).toMatchObject({ averageLatency: 600, successRate: 0 });
});

test('a permit that was handed out is no success, and no failure', () => {
  const one = timed({ limit: 20, adaptive: { algorithm: 'step' } });
  for (let minute = 0; minute < 5; minute += 1) {
    for (let at = 0; at < 25; at += 1) one.limiter.tryAcquire();
    one.clock.ms += 60_000;
  }
  expect(one.limiter.getStatus()).toMatchObject({ maxRequests: 20, stats: { raised: 0, lowered: 0, averageLatency: 0 } });
  // what was not timed is counted all the same
  for (let at = 0; at < 20; at += 1) {
    one.limiter.tryAcquire();
    one.limiter.release('failure');
  }
  one.clock.ms += 60_000;
  // down twice: the interval of the silence ends with the first result
  expect(one.limiter.getStatus()).toMatchObject({ maxRequests: 18, stats: { successRate: 0, averageLatency: 0 } });
});

test.each([
  ['limit', { limit: 20, concurrency: 20 }, { maxRequests: 21, concurrency: 20 }],
  ['limit', { limit: 20, concurrency: 20, target: 'limit' }, { maxRequests: 21, concurrency: 20 }],
  ['concurrency', { limit: 1000, concurrency: 20, target: 'concurrency' }, { maxRequests: 1000, concurrency: 21 }],
  ['concurrency', { limit: 0, concurrency: 20 }, { maxRequests: 0, concurrency: 21 }],
])('what moves is the %s: %j', (_, { target, ...limits }, expected) => {
  const { clock, limiter } = timed({ ...limits, adaptive: { target } });
  let taken = 0;
  while (limiter.tryAcquire()) taken += 1;
  expect(taken).toBe(20);
  for (let at = 0; at < taken; at += 1) limiter.release('success', { latencyMs: 20 });
  clock.ms += 60_000;
  expect(limiter.getStatus()).toMatchObject(expected);
});

test.each([['taken', (limiter) => limiter.tryAcquire()], ['given back', (limiter) => limiter.release('ignored')]])('an interval ends when the next permit is %s, refused or not', (_, look) => {
  const { clock, limiter } = timed({ limit: 0, concurrency: 4, adaptive: true });
  const told = [];
  limiter.on('adjusted', (...args) => told.push(args));
  limiter.tryAcquire();
  limiter.release('ignored');
  // all that there was, without a crossing, and nobody was refused: that is in use too
  limiter.tryAcquire(4);
  limiter.release('success', { weight: 2, latencyMs: 20 });
  clock.ms += 59_999;
  look(limiter);
  expect(told).toEqual([]);
  clock.ms += 1;
  look(limiter);
  expect(told).toEqual([[4, 5, 'healthy']]);
});

test('a limit that falls fails nobody who waits, whatever weight they wait for', async () => {
  jest.useFakeTimers();
  const limiter = make({ limit: 0, concurrency: 10, adaptive: { intervalMs: 1000, maxLimit: 10 } });
  const held = await Promise.all(Array.from({ length: 10 }, () => limiter.take()));
  const waiting = [9, 1, 6, 2].map((weight) => limiter.execute(async () => weight, { weight }));
  for (const permit of held) {
    permit.release('failure');
    jest.advanceTimersByTime(1000);
  }
  expect(await Promise.all(waiting)).toEqual([9, 1, 6, 2]);
  expect(limiter.getStatus()).toMatchObject({ inFlight: 0, queued: 0, stats: { rejectedRequests: 0 } });
  expect(limiter.getStatus().concurrency).toBeLessThan(6);

  const window = make({ limit: 10, windowMs: 1000 });
  expect(window.tryAcquire(10)).toBe(true);
  const turns = [window.acquire({ weight: 8 }), window.acquire({ weight: 2 })];
  window.updateConfig(3);
  const order = [];
  turns.forEach((turn, at) => void turn.then(() => order.push(at)));
  jest.advanceTimersByTime(1000);
  await microtasks();
  expect(order).toEqual([0]);
  jest.advanceTimersByTime(1000);
  await microtasks();
  expect(order).toEqual([0, 1]);
});

describe('without a crossing', () => {
  /** Counts what JavaScript asks of native code about limiters. */
  function counted() {
    const calls = [];
    for (const name of Object.keys(native).filter((one) => one.startsWith('limiter'))) {
      const original = native[name];
      jest.spyOn(native, name).mockImplementation((...args) => {
        calls.push(name);
        return original(...args);
      });
    }
    return calls;
  }

  test('permits of a window are taken, but for one in a lease of 256', async () => {
    const { clock, limiter } = timed({ limit: 100_000 });
    limiter.tryAcquire();
    const calls = counted();
    for (let at = 0; at < 1000; at += 1) {
      expect(limiter.tryAcquire()).toBe(true);
      expect(await limiter.acquire()).toBe(true);
    }
    expect(calls.length).toBeGreaterThanOrEqual(7);
    expect(calls.length).toBeLessThanOrEqual(8);
    // a lease of a hundredth of the window is over then
    clock.ms += 601;
    calls.length = 0;
    expect(limiter.tryAcquire()).toBe(true);
    expect(calls).toEqual(['limiterTry']);
  });

  test('work runs under a limit of concurrency', async () => {
    const { limiter } = timed({ limit: 0, concurrency: 4, adaptive: { intervalMs: 1000 } });
    await limiter.execute(() => 1);
    const calls = counted();
    for (let at = 0; at < 100; at += 1) {
      await limiter.execute(() => 1);
      (await limiter.take()).release();
      limiter.tryAcquire();
      limiter.release('success', { latencyMs: 5 });
    }
    expect(calls).toEqual([]);
    expect(limiter.getStatus().stats).toMatchObject({ totalRequests: 301, successRate: 1 });
  });

  test('nobody is let past who waits, and no timer adapts', async () => {
    jest.useFakeTimers();
    const limiter = make({ limit: 5, windowMs: 1000, adaptive: { intervalMs: 100 } });
    for (let at = 0; at < 5; at += 1) {
      limiter.tryAcquire();
      limiter.release('failure', { latencyMs: 10 });
    }
    expect(jest.getTimerCount()).toBe(0);
    const turn = limiter.acquire();
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(1000);
    expect(limiter.tryAcquire()).toBe(true);
    await turn;
    expect(jest.getTimerCount()).toBe(0);
  });
});

test("'gcra' at its worst: a burst and all that drips, less than twice the limit in any window", () => {
  const clock = { ms: 0 };
  const limiter = new KeyedLimiter({ algorithm: 'gcra', windowMs: 1000, maxRequests: 10, now: () => clock.ms });
  open.push(limiter);
  const admitted = [];
  for (; clock.ms < 5000; clock.ms += 1) while (limiter.checkLimit('a')) admitted.push(clock.ms);
  const most = Math.max(...admitted.map((at) => admitted.filter((one) => one >= at && one < at + 1000).length));
  expect(most).toBe(19);
});

test('a key that was evicted starts afresh, and is counted', () => {
  const limiter = new KeyedLimiter({ windowMs: 1000, maxRequests: 3, maxKeys: 2, now: () => 0 });
  open.push(limiter);
  limiter.checkLimit('old', 2);
  limiter.checkLimit('full', 3);
  limiter.checkLimit('new');
  expect(limiter.getStats().evicted).toBe(1);
  expect(limiter.checkLimit('full')).toBe(false);
  expect(limiter.check('old', { weight: 0 }).remaining).toBe(3);
});
