'use strict';
// AdaptiveLimiter over our own connection to Redis: the window that instances share, and those who wait for it.
const v8 = require('node:v8');
const vm = require('node:vm');
const { AdaptiveLimiter } = require('sluice');
const { startRedis, stopAll } = require('../redis');
const { booked, eventually, fullest, micros, pause } = require('../support/limits-in-redis');
const { until } = require('../support/loopback');

let server;
let look;
const open = [];
let names = 0;
beforeAll(async () => {
  server = await startRedis();
  look = server.client();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((limiter) => limiter.close()));
});
afterAll(stopAll);

function make(options) {
  const limiter = new AdaptiveLimiter({ limit: 20, windowMs: 10_000, redis: { url: server.url, commandTimeoutMs: 5000 }, ...options });
  open.push(limiter);
  return limiter;
}
function pair(options) {
  const name = `upstream ${(names += 1)}`;
  return [make({ name, ...options }), make({ name, ...options })];
}
const times = (count, run) => Array.from({ length: count }, run);

test('waiters of two instances get the window that they share, first come, first served', async () => {
  const windowMs = 1_000;
  const pairOf = pair({ windowMs });
  const admitted = [];
  const orders = [[], []];
  await Promise.all(times(60, (_, at) => pairOf[at % 2].acquire().then(() => {
    const to = micros();
    // granted in the turn of the loop in which it is heard of, which may be a long one
    admitted.push({ from: to - 100_000, to, weight: 1 });
    orders[at % 2].push(at);
  })));
  expect(fullest(admitted, windowMs)).toBeLessThanOrEqual(20 + 2 * 2);
  for (const order of orders) expect(order).toEqual([...order].sort((a, b) => a - b));
  // three windows, of which the first needs no wait
  expect(admitted.at(-1).to - admitted[0].to).toBeGreaterThan(windowMs * 1000);
});

test('who waits goes, though nobody has its limiter', async () => {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc');
  const gone = [];
  for (const at of times(5, (_, at) => at)) {
    const options = { name: `nobody's ${at}`, limit: 10, windowMs: 10_000, redis: { url: server.url, commandTimeoutMs: 5000 } };
    void new AdaptiveLimiter(options).acquire({ weight: 8 }).then(() => gone.push(at));
    // collected, if it could be, before Redis is heard of
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  await until(() => gone.length === 5);
});

test('tryAcquire of two instances stays within the limit and a share each', async () => {
  const [a, b] = pair({ windowMs: 400 });
  const admitted = [];
  const end = performance.now() + 2_000;
  while (performance.now() < end) {
    for (const limiter of [a, b]) {
      const from = micros();
      if (limiter.tryAcquire()) admitted.push({ from, to: micros(), weight: 1 });
    }
    await pause(1);
  }
  expect(fullest(admitted, 400)).toBeLessThanOrEqual(20 + 2 * 2);
  expect(admitted.length).toBeGreaterThan(20);
});

test('one that waits for a weight above a share gets it', async () => {
  const [a, b] = pair();
  await a.acquire({ weight: 12 });
  await eventually('the rest', async () => {
    const rest = b.acquire({ weight: 8, timeoutMs: 200 });
    return rest.then(() => true, () => false);
  });
  await eventually('nothing is left', () => !a.tryAcquire() && a.getStatus().currentTokens === 0);
  expect(a.getStatus().maxRequests).toBe(20);
});

test('whom a full queue refuses is told when Redis has permits again', async () => {
  const [a, b] = pair({ maxQueue: 0, windowMs: 60_000 });
  await eventually('nothing is left', async () => {
    const took = await a.acquire().catch(() => false);
    if (!took) await pause(1);
    return !took && (await booked(look, `sluice:{upstream ${names}:60000}`)) >= 20;
  });
  // its own window is empty
  const refusal = await eventually('a refusal', async () => {
    const error = await b.acquire().then(() => undefined, (reason) => reason);
    if (error === undefined) await pause(1);
    return error?.retryAfterMs > 1 && error;
  });
  expect(refusal.code).toBe('ERR_LIMIT_EXCEEDED');
  expect(refusal.retryAfterMs).toBeGreaterThan(30_000);
  expect(refusal.retryAfterMs).toBeLessThanOrEqual(61_200);
});

test('what is unspent comes back, by itself and with close()', async () => {
  const [a, b] = pair();
  const key = `sluice:{upstream ${names}:10000}`;
  for (let taken = 0; taken < 6; taken += 1) {
    await a.acquire();
    await pause(2);
  }
  await eventually('only what was taken', async () => (await booked(look, key)) === 6);
  for (let taken = 0; taken < 3; taken += 1) await b.acquire();
  await b.close();
  expect(await booked(look, key)).toBe(9);
  expect(b.getStatus().stats.totalRequests).toBe(3);
});

test('one waits until another gives back what it did not spend', async () => {
  const [a, b] = pair({ windowMs: 60_000 });
  // permits of the lease behind it are held for 600 ms
  await a.acquire({ weight: 18 });
  const began = performance.now();
  const turn = b.acquire({ weight: 2 });
  await a.close();
  await turn;
  // and not for the window
  expect(performance.now() - began).toBeLessThan(30_000);
});

test('a wait can be given up, and execute() works as without Redis', async () => {
  const [a] = pair({ limit: 2 });
  expect(await a.execute(() => 5)).toBe(5);
  await expect(a.execute(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  const gone = new AbortController();
  const waits = a.acquire({ signal: gone.signal });
  gone.abort();
  await expect(waits).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  await eventually('it is full', () => !a.tryAcquire());
  const closed = expect(a.acquire()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await a.close();
  await closed;
});

test('another limit', async () => {
  const [a, b] = pair({ limit: 4 });
  a.updateConfig(8);
  let taken = 0;
  await eventually('eight', async () => {
    if (a.tryAcquire()) taken += 1;
    return taken >= 8;
  });
  await eventually('no more', () => !a.tryAcquire());
  await expect(b.acquire({ weight: 2, timeoutMs: 100 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
});

test('one that learns does so with Redis, too', async () => {
  const limiter = make({ name: `learns ${(names += 1)}`, limit: 4, windowMs: 100, adaptive: { maxLimit: 8, intervalMs: 50 } });
  const told = [];
  limiter.on('adjusted', (from, to) => told.push([from, to]));
  const end = performance.now() + 20_000;
  while (told.length === 0 && performance.now() < end) await Promise.all(times(8, () => limiter.execute(() => pause(1))));
  expect(told[0]).toEqual([4, 5]);
});
