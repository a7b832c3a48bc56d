'use strict';
// KeyedLimiter over our own connection to Redis: limits that instances share, what they leave in Redis, what comes back.
const { KeyedLimiter, metrics } = require('sluice');
const { startRedis, startCluster, stopAll } = require('../redis');
const { booked, eventually, fullest, listen, micros, pause } = require('../support/limits-in-redis');

let server;
let cluster;
let look;
const open = [];
let names = 0;
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startCluster()]);
  look = server.client();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((limiter) => limiter.close()));
});
afterAll(async () => {
  await cluster.stop();
  await stopAll();
});

// so slow a machine is none that is down
const own = (options) => ({ url: server.url, commandTimeoutMs: 5000, ...options });
function make(options) {
  const limiter = new KeyedLimiter({ windowMs: 10_000, maxRequests: 20, redis: own(), ...options });
  open.push(limiter);
  return limiter;
}
/** Two instances of one limit. */
function pair(options) {
  const name = `limit ${(names += 1)}`;
  return [make({ name, ...options }), make({ name, ...options })];
}
const times = (count, run) => Array.from({ length: count }, run);
const allowedOf = (results) => results.filter(({ allowed }) => allowed).length;
/** They admit so many, sooner or later: what one of them holds and does not spend comes back. And never more. */
async function admit(limiters, key, limit) {
  let sum = 0;
  await eventually(`${limit} of ${key}`, async () => {
    const results = await Promise.all(times(limit + 5, (_, at) => limiters[at % limiters.length].consume(key)));
    sum += allowedOf(results);
    return sum >= limit;
  });
  expect(sum).toBe(limit);
}

test('what instances ask for together is exactly the limit', async () => {
  const [a, b] = pair();
  await admit([a, b], 'k', 20);
  const refused = await a.consume('k');
  expect(refused).toEqual({ allowed: false, remaining: 0, limit: 20, windowMs: 10_000, retryAfterMs: expect.any(Number), resetMs: expect.any(Number) });
  expect(refused.retryAfterMs).toBeGreaterThan(0);
  // a slice for the lease, and one that leaves as a whole
  expect(refused.retryAfterMs).toBeLessThanOrEqual(10_000 + 2 * 100);
  expect(a.check('k').allowed).toBe(false);
  expect(a.getRetryAfter('k')).toBeGreaterThan(0);
  expect(allowedOf([await b.consume('another key')])).toBe(1);
});

test('checks of two instances stay within the limit and a share each, over many windows', async () => {
  const [a, b] = pair({ windowMs: 300 });
  const admitted = [];
  const end = performance.now() + 2_000;
  while (performance.now() < end) {
    for (const limiter of [a, b]) {
      const from = micros();
      if (limiter.checkLimit('k')) admitted.push({ from, to: micros(), weight: 1 });
    }
    await pause(1);
  }
  // the answer to the first is awaited: a machine that does nothing for long admits less, not more
  expect(fullest(admitted, 300)).toBeLessThanOrEqual(20 + 2 * 2);
  expect(admitted.length).toBeGreaterThan(20);
});

test('what is booked in Redis is what was admitted, once leases have ended', async () => {
  const [a] = pair();
  let allowed = 0;
  for (let round = 0; round < 8; round += 1) {
    if (a.checkLimit('k')) allowed += 1;
    await pause(3);
  }
  expect(allowed).toBeGreaterThan(0);
  await eventually('unspent permits are back', async () => (await booked(look, `sluice:{limit ${names}:10000:k}`)) === allowed);
});

test('close() gives back what is unspent, and tells what is owed', async () => {
  const [a] = pair({ windowMs: 600_000 });
  let allowed = allowedOf([await a.consume('k')]);
  for (let round = 0; round < 5; round += 1) {
    if (a.checkLimit('k')) allowed += 1;
    await pause(3);
  }
  a.checkLimit('owed');
  await a.close();
  expect(await booked(look, `sluice:{limit ${names}:600000:k}`)).toBe(allowed);
  expect(await booked(look, `sluice:{limit ${names}:600000:owed}`)).toBe(1);
  expect(() => a.checkLimit('k')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  await expect(a.consume('k')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  expect(a.getStats().allowed).toBe(allowed + 1);
  await a.close();
});

test('weights and limits of single keys', async () => {
  const [a, b] = pair();
  expect(await a.consume('k', { weight: 15 })).toMatchObject({ allowed: true });
  expect(await b.consume('k', { weight: 6 })).toMatchObject({ allowed: false });
  await eventually('what is left', async () => (await b.consume('k', { weight: 5 })).allowed);
  expect(await b.consume('plan', { limit: 100, weight: 100 })).toMatchObject({ allowed: true, limit: 100, remaining: 0 });
  expect(await a.consume('plan', { limit: 100 })).toMatchObject({ allowed: false });
  expect(await a.consume('none', { limit: 0 })).toMatchObject({ allowed: false, retryAfterMs: 10_000 });
  expect(a.check('none', { limit: 0 }).allowed).toBe(false);
  expect(() => a.check('k', { weight: 21 })).toThrow(expect.objectContaining({ option: 'weight' }));
});

test('looking takes nothing', async () => {
  const [a, b] = pair({ maxRequests: 5 });
  for (let round = 0; round < 20; round += 1) expect(await a.consume('k', { weight: 0 })).toMatchObject({ allowed: true });
  await admit([b], 'k', 5);
  await eventually('it is seen', async () => !(await a.consume('k', { weight: 0 })).allowed);
});

test('reset() and resetAll() let keys start afresh, for all', async () => {
  const [a, b] = pair({ maxRequests: 5 });
  await admit([a], 'k', 5);
  a.reset('k');
  const key = (name) => `sluice:{limit ${names}:10000:${name}}`;
  await eventually('it is deleted', async () => (await look.exists(key('k'))) === 0);
  await admit([b], 'k', 5);
  await admit([a], 'other', 5);
  a.resetAll();
  await eventually('it is deleted', async () => (await look.exists(key('other'))) === 0);
  expect(await a.consume('other')).toMatchObject({ allowed: true });
});

test('many keys at once', async () => {
  const [a] = pair({ maxRequests: 10 });
  // one is on credit; a second one is not, unless Redis answers meanwhile
  server.pause();
  try {
    expect([...a.checkMany(['x', 'x', 'y'])]).toEqual([1, 0, 1]);
  } finally {
    server.resume();
  }
  expect(a.size).toBe(2);
  expect(a.bytes).toBeGreaterThan(0);
  expect(a.getStats()).toEqual({ allowed: 2, denied: 1, evicted: 0 });
  a.resetStats();
  expect(a.getStats()).toEqual({ allowed: 0, denied: 0, evicted: 0 });
});

test('another limit and window; what was admitted still counts', async () => {
  const [a] = pair({ maxRequests: 5 });
  await admit([a], 'k', 5);
  a.updateConfig(8, 20_000);
  expect(await a.consume('fresh')).toMatchObject({ allowed: true, limit: 8, windowMs: 20_000 });
  await admit([a], 'fresh', 7);
});

test('prefixes keep limiters apart, names and windows too', async () => {
  const name = `apart ${(names += 1)}`;
  const limiters = [
    make({ name }), make({ name, keyPrefix: 'tenant:' }), make({ name: `${name}b` }), make({ name, windowMs: 5_000 }),
    make({ name, redis: own({ keyPrefix: 'app:' }) }),
  ];
  for (const limiter of limiters) await admit([limiter], 'k', 20);
  const keys = [`sluice:{${name}:10000:k}`, `sluice:{${name}:10000:tenant:k}`, `sluice:{${name}b:10000:k}`, `sluice:{${name}:5000:k}`, `app:{${name}:10000:k}`];
  for (const key of keys) {
    const left = await look.pttl(key);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(10_000 + 2 * 100);
  }
});

test('a cluster, where keys lie on several masters', async () => {
  const [a, b] = pair({ redis: own({ url: cluster.urls }) });
  const keys = times(12, (_, at) => `key ${at}`);
  await Promise.all(keys.map((key) => admit([a, b], key, 20)));
});

test('a server that forgets the script, and one that forgets everything', async () => {
  const [a] = pair({ windowMs: 60_000 });
  const told = listen(a);
  expect(allowedOf([await a.consume('k')])).toBe(1);
  await look.script('FLUSH');
  expect(await a.consume('other')).toMatchObject({ allowed: true });
  await look.flushall();
  await admit([a], 'third', 20);
  expect(told).toEqual({ degraded: [], recovered: 0 });
});

test('no more keys than there is room for', async () => {
  const [a] = pair({ maxKeys: 50 });
  for (let number = 0; number < 2_000; number += 1) {
    a.checkLimit(`key ${number}`);
    if (number % 20 === 0) await pause(1);
    expect(a.size).toBeLessThanOrEqual(51);
  }
  expect(a.getStats().evicted).toBeGreaterThan(0);
});

test('metrics count', async () => {
  const name = `counted ${(names += 1)}`;
  const a = make({ name, maxRequests: 5 });
  await Promise.all(times(7, () => a.consume('k')));
  expect(metrics()).toContain(`sluice_keyed_limiter_allowed_total{name="${name}"} 5`);
  expect(metrics()).toContain(`sluice_keyed_limiter_denied_total{name="${name}"} 2`);
});

test('decisions are synchronous under fake timers, and a fake clock that leaps opens nothing in Redis', async () => {
  const [a] = pair({ maxRequests: 5 });
  jest.useFakeTimers();
  try {
    expect(allowedOf(await Promise.all(times(6, () => a.consume('k'))))).toBe(5);
    expect(a.check('k').allowed).toBe(false);
    jest.advanceTimersByTime(3_600_000);
    // Redis says what time it is
    expect(await a.consume('k')).toMatchObject({ allowed: false });
  } finally {
    jest.useRealTimers();
  }
});
