'use strict';
// Limiters that share through a client that the application has: under fake timers, on mocks, on clients that fail or cannot.
const { AdaptiveLimiter, KeyedLimiter } = require('sluice');
const native = require('../../lib/native');
const clients = require('../cache/clients');
const { startRedis, stopAll } = require('../redis');
const { until } = require('../support/loopback');

const open = [];
afterEach(async () => {
  jest.useRealTimers();
  for (const one of open.splice(0)) await one();
});
afterAll(stopAll);
let names = 0;
const keyed = (client, options) => {
  const limiter = new KeyedLimiter({ name: `k${(names += 1)}`, windowMs: 60_000, maxRequests: 10, redis: client, ...options });
  open.push(() => limiter.close());
  return limiter;
};
const adaptive = (client, options) => {
  const limiter = new AdaptiveLimiter({ name: `a${(names += 1)}`, windowMs: 60_000, limit: 10, redis: client, ...options });
  open.push(() => limiter.close());
  return limiter;
};
const mock = () => {
  const { client, close } = clients.mock();
  open.push(async () => close());
  return client;
};
/** Microtasks only. */
const settle = async () => {
  for (let at = 0; at < 100; at += 1) await null;
};

test('under fake timers on ioredis-mock: decisions are at once, what is asked settles in microtasks, and no timer is armed', async () => {
  jest.useFakeTimers({ now: 1_700_000_000_000 });
  const limiter = keyed(mock());
  const timers = jest.getTimerCount();
  let allowed = 0;
  for (let count = 0; count < 30; count += 1) {
    if (limiter.checkLimit('a')) allowed += 1;
    await settle();
  }
  // one of debt may come on top
  expect(allowed).toBeGreaterThanOrEqual(10);
  expect(allowed).toBeLessThanOrEqual(11);
  expect(await limiter.consume('b')).toMatchObject({ allowed: true, limit: 10 });
  const denied = await limiter.consume('a');
  expect(denied).toMatchObject({ allowed: false, remaining: 0 });
  expect(denied.retryAfterMs).toBeGreaterThan(58_000);
  jest.setSystemTime(1_700_000_063_000);
  expect(await limiter.consume('a')).toMatchObject({ allowed: true });
  expect(jest.getTimerCount()).toBe(timers);
});

test.each([
  ['without room in the table', ['a', 'b', 'c'], { maxKeys: 2, maxRequests: 1 }],
  ['with a lone surrogate', ['\ud800'], {}],
  ['with a lone surrogate before it', ['key'], { keyPrefix: 'p\udfff', name: 'n\ud800' }],
])('a key %s is asked for once, and that is waited for', async (_, keys, options) => {
  const limiter = keyed(mock(), options);
  const looks = jest.spyOn(native, 'nodesLook');
  try {
    for (const key of keys) {
      looks.mockClear();
      expect(await limiter.consume(key)).toMatchObject({ allowed: true });
      // the question, and the answer
      expect(looks).toHaveBeenCalledTimes(2);
      await limiter.consume(key);
    }
  } finally {
    looks.mockRestore();
  }
});

test('a consume that finds nothing to wait for decides as check does', async () => {
  const limiter = keyed(mock());
  const asked = jest.spyOn(native, 'nodesAsked').mockReturnValue('another key');
  const looks = jest.spyOn(native, 'nodesLook');
  try {
    expect(await limiter.consume('a')).toMatchObject({ allowed: true });
    expect(looks).toHaveBeenCalledTimes(2);
  } finally {
    looks.mockRestore();
    asked.mockRestore();
  }
});

test('a name with a lone surrogate is as one with U+FFFD', async () => {
  const { client, close } = clients.mock();
  open.push(async () => close());
  const [one, other] = ['\ud800', '\ufffd'].map((text) => keyed(client, { name: `named ${text}`, maxRequests: 1 }));
  expect(await one.consume('a')).toMatchObject({ allowed: true });
  expect(await other.consume('a')).toMatchObject({ allowed: false });
  expect(await adaptive(client, { name: '\udfff' }).acquire()).toBe(true);
});

test('those who wait behind a request that is out are asked for once', async () => {
  const wants = [];
  const replies = [];
  const client = {
    get: async () => null, set: async () => 'OK', del: async () => 1,
    eval: (...args) => new Promise((resolve) => {
      const want = Number(args[5]);
      wants.push(want);
      replies.push(() => resolve([want, 1_700_000_000_600, 600, 0, want, 1]));
    }),
  };
  const limiter = keyed(client, { maxRequests: 100 });
  const first = limiter.consume('a');
  await settle();
  const behind = Array.from({ length: 20 }, () => limiter.consume('a'));
  await settle();
  expect(wants).toEqual([1]);
  replies.shift()();
  expect(await first).toMatchObject({ allowed: true });
  await settle();
  expect(wants).toEqual([1, 20]);
  replies.shift()();
  for (const result of await Promise.all(behind)) expect(result).toMatchObject({ allowed: true });
  await settle();
  // ahead of who may come next, a tenth of the limit at most
  expect(wants[2] ?? 0).toBeLessThanOrEqual(10);
  // what close has to tell is answered, too
  let isClosed = false;
  void limiter.close().then(() => { isClosed = true; });
  await until(() => {
    replies.splice(0).forEach((reply) => reply());
    return isClosed;
  });
});

test('who waits behind a request that is out waits no longer than a command may take', async () => {
  const client = { get: async () => null, set: async () => 'OK', del: async () => 1 };
  const replies = [];
  client.eval = () => new Promise((resolve) => replies.push(() => resolve([1, 1_700_000_000_600, 600, 0, 1, 1])));
  const limiter = keyed(client, { maxRequests: 1000, redis: { client, commandTimeoutMs: 2_000, breaker: false } });
  const told = [];
  limiter.on('degraded', () => told.push('the second request has failed'));
  const first = limiter.consume('a');
  await settle();
  const behind = limiter.consume('a').then(({ allowed }) => told.push(`decided: ${allowed}`));
  setTimeout(() => replies[0](), 1_000);
  await first;
  // the request behind it is never answered
  await behind;
  expect(told).toEqual(['decided: true']);
  replies.forEach((reply) => reply());
});

test('an adaptive limiter on ioredis-mock under fake timers: waiters go when the fake clock has let permits go', async () => {
  jest.useFakeTimers({ now: 1_700_000_000_000 });
  const limiter = adaptive(mock(), { limit: 2 });
  let done = 0;
  for (let count = 0; count < 4; count += 1) void limiter.acquire().then(() => (done += 1));
  await settle();
  expect(done).toBeGreaterThanOrEqual(2);
  expect(done).toBeLessThanOrEqual(3);
  expect(limiter.getStatus().queued).toBe(4 - done);
  await jest.advanceTimersByTimeAsync(30_000);
  expect(done).toBeLessThanOrEqual(3);
  await jest.advanceTimersByTimeAsync(35_000);
  await settle();
  expect(done).toBe(4);
});

test('two limiters on two mocks of one server are one limit', async () => {
  const RedisMock = require('ioredis-mock');
  const both = [0, 1].map(() => keyed(new RedisMock({ host: 'shared limits' }), { name: 'both' }));
  let allowed = 0;
  for (let count = 0; count < 20; count += 1) for (const limiter of both) if ((await limiter.consume('a')).allowed) allowed += 1;
  expect(allowed).toBeGreaterThanOrEqual(10);
  expect(allowed).toBeLessThanOrEqual(12);
});

test.each([['keyed', keyed], ['adaptive', adaptive]])('%s: a client without eval is refused by name', (_, make) => {
  const { client, close } = clients.least(clients.mock());
  expect(() => make(client)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringMatching(/redis.*eval/) }));
  close();
});

test('a client whose answers never come: no check waits, no consume longer than commandTimeoutMs, degraded is told once', async () => {
  const never = () => new Promise(() => {});
  const client = { get: never, set: never, del: never, eval: never, ping: never };
  const limiter = keyed({ client, commandTimeoutMs: 100 }, { whenRedisDown: 'closed' });
  const told = [];
  limiter.on('degraded', (error) => told.push(error.code));
  expect(limiter.checkLimit('a')).toBe(true);
  const began = performance.now();
  const [one, two] = await Promise.all([limiter.consume('b'), limiter.consume('b')]);
  expect(performance.now() - began).toBeLessThan(1_000);
  expect([one.allowed, two.allowed]).toEqual([false, false]);
  expect(limiter.checkLimit('a')).toBe(false);
  expect(told).toEqual(['ERR_REDIS']);
});

test('a server that comes back: recovered once, and the limit counts what was admitted meanwhile', async () => {
  const server = await startRedis();
  const { client, close } = clients.ioredis(server);
  open.push(async () => close());
  const redis = { client, commandTimeoutMs: 100, breaker: { failures: 2, probeMs: 30 } };
  const limiter = keyed(redis, { maxRequests: 20, windowMs: 600_000 });
  const told = [];
  limiter.on('degraded', () => told.push('degraded')).on('recovered', () => told.push('recovered'));
  const first = (await limiter.consume('a')).allowed;
  server.pause();
  await until(async () => {
    await limiter.consume('other');
    return told.length === 1;
  });
  await until(async () => {
    await limiter.consume('a');
    await limiter.consume('b');
    return limiter.getStats().denied > 0;
  });
  const away = limiter.getStats().allowed;
  server.resume();
  await until(() => told.length === 2);
  expect(told).toEqual(['degraded', 'recovered']);
  expect(first).toBe(true);
  expect(away).toBeGreaterThan(1);
  // one node of one: all 20 of 'a' are spent or owed before long
  let later = 0;
  for (let count = 0; count < 40; count += 1) if ((await limiter.consume('a')).allowed) later += 1;
  expect(later).toBeLessThanOrEqual(20);
});

test('closing tells what is owed and gives back what is unspent', async () => {
  const server = await startRedis();
  const { client, close } = clients.ioredis(server);
  open.push(async () => close());
  const name = `closing ${(names += 1)}`;
  const one = new KeyedLimiter({ name, windowMs: 600_000, maxRequests: 100, redis: client });
  for (let count = 0; count < 7; count += 1) expect(one.checkLimit('a')).toBe(true);
  await one.close();
  const held = await client.hgetall(`{${name}:600000:a}`);
  const booked = Object.entries(held).filter(([field]) => !field.startsWith('n:')).reduce((sum, [, permits]) => sum + Number(permits), 0);
  expect(booked).toBe(7);
});

test('reset deletes the key of the server', async () => {
  const server = await startRedis();
  const { client, close } = clients.ioredis(server);
  open.push(async () => close());
  const limiter = keyed({ client, keyPrefix: 'p:' }, { name: 'reset', windowMs: 600_000, maxRequests: 1 });
  expect((await limiter.consume('a')).allowed).toBe(true);
  expect((await limiter.consume('b')).allowed).toBe(true);
  expect(await client.keys('*')).toHaveLength(2);
  limiter.reset('a');
  await until(async () => (await client.keys('*')).length === 1);
  limiter.resetAll();
  await until(async () => (await client.keys('*')).length === 0);
});
