'use strict';
// Limits in Redis while Redis is away, frozen, killed or slow: what each mode admits, how fast, and what is told.
const { AdaptiveLimiter, KeyedLimiter } = require('sluice');
const { freePort, startRedis, stopAll } = require('../redis');
const { runChild } = require('../child');
const { booked, eventually, listen, pause } = require('../support/limits-in-redis');

const TIMEOUT_MS = 100;
let server;
const open = [];
let names = 0;
beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  try {
    server.resume();
  } catch {
    // it was killed
  }
  await Promise.all(open.splice(0).map((limiter) => limiter.close()));
});
afterAll(stopAll);

const own = (options) => ({ url: server.url, commandTimeoutMs: TIMEOUT_MS, breaker: { failures: 2, probeMs: 50 }, ...options });
function make(options, Limiter = KeyedLimiter) {
  const settings = Limiter === KeyedLimiter ? { maxRequests: 40 } : { limit: 40 };
  const limiter = new Limiter({ windowMs: 60_000, redis: own(), ...settings, ...options });
  open.push(limiter);
  return limiter;
}
const times = (count, run) => Array.from({ length: count }, run);
const passed = (limiter, key, count = 200) => times(count, () => limiter.checkLimit(key)).filter(Boolean).length;
/** The longest of these calls. */
function longest(count, run) {
  let most = 0;
  for (let at = 0; at < count; at += 1) {
    const began = performance.now();
    run(at);
    most = Math.max(most, performance.now() - began);
  }
  return most;
}

test.each([['degrade', 40], ['open', 200], ['closed', 0]])('no Redis at all, %s', async (whenRedisDown, admits) => {
  const redis = own({ url: `redis://127.0.0.1:${await freePort()}` });
  const limiter = make({ redis, whenRedisDown });
  const told = listen(limiter);
  // on credit, while nobody knows
  expect(limiter.checkLimit('k')).toBe(true);
  await eventually('it is told', () => told.degraded.length === 1);
  expect(passed(limiter, 'another')).toBe(admits);
  const began = performance.now();
  expect((await limiter.consume('a third')).allowed).toBe(admits > 0);
  expect(performance.now() - began).toBeLessThan(10 * TIMEOUT_MS);
  await pause(300);
  expect(told).toEqual({ degraded: ['ERR_REDIS'], recovered: 0 });
  await limiter.close();
});

test('frozen: half of the limit for each of two, told once each way, and what was admitted is told after', async () => {
  const name = `frozen ${(names += 1)}`;
  const [a, b] = [make({ name }), make({ name })];
  const told = [listen(a), listen(b)];
  await a.consume('k');
  await b.consume('k');
  await a.consume('k');
  server.pause();
  const slowest = longest(2_000, (at) => (at % 2 ? a : b).checkLimit('k'));
  expect(slowest).toBeLessThan(10 * TIMEOUT_MS);
  const began = performance.now();
  await Promise.all([a.consume('fresh'), b.consume('fresh')]);
  expect(performance.now() - began).toBeLessThan(10 * TIMEOUT_MS);
  await eventually('both are told', () => told.every(({ degraded }) => degraded.length > 0));
  await eventually('both know', () => passed(a, 'fresh', 1) === 0);
  const admitted = passed(b, 'other');
  expect(admitted).toBe(20);
  server.resume();
  await eventually('both are told', () => told.every(({ recovered }) => recovered > 0));
  const look = server.client();
  await eventually('what was admitted', async () => (await booked(look, `sluice:{${name}:60000:other}`)) >= admitted);
  await pause(200);
  expect(told).toEqual([{ degraded: ['ERR_REDIS'], recovered: 1 }, { degraded: ['ERR_REDIS'], recovered: 1 }]);
});

test('killed and started again, empty and without the script', async () => {
  const limiter = make({ name: `killed ${(names += 1)}` });
  const told = listen(limiter);
  expect(await limiter.consume('k')).toMatchObject({ allowed: true });
  await server.kill();
  await eventually('it is told', () => told.degraded.length === 1);
  expect(passed(limiter, 'other')).toBe(40);
  await server.restart();
  await eventually('it is told', () => told.recovered === 1);
  const look = server.client();
  await eventually('what was admitted', async () => (await booked(look, `sluice:{killed ${names}:60000:other}`)) === 40);
  await eventually('it is refused', async () => !(await limiter.consume('other')).allowed);
  expect(await limiter.consume('fresh')).toMatchObject({ allowed: true });
  expect(told).toEqual({ degraded: ['ERR_REDIS'], recovered: 1 });
});

test('a key that is no limit harms no other, and is asked for no more often than that', async () => {
  const name = `wrong ${(names += 1)}`;
  const look = server.client();
  await look.set(`sluice:{${name}:60000:k}`, 'text');
  const limiter = make({ name });
  expect(limiter.checkLimit('k')).toBe(true);
  await pause(50);
  const before = Number(/total_commands_processed:(\d+)/.exec(await look.info('stats'))[1]);
  const end = performance.now() + 500;
  while (performance.now() < end) {
    limiter.checkLimit('k');
    await pause(1);
  }
  const after = Number(/total_commands_processed:(\d+)/.exec(await look.info('stats'))[1]);
  expect(after - before).toBeLessThan(60);
  await eventually('another', async () => (await limiter.consume('other')).allowed);
});

test.each([['degrade', 40], ['open', 100], ['closed', 0]])('an adaptive limiter without Redis, %s', async (whenRedisDown, admits) => {
  const redis = own({ url: `redis://127.0.0.1:${await freePort()}` });
  const limiter = make({ redis, whenRedisDown }, AdaptiveLimiter);
  const told = listen(limiter);
  const turns = times(100, () => limiter.acquire().then(() => true, (error) => error.code));
  let granted = 0;
  turns.forEach((turn) => turn.then((said) => (granted += said === true ? 1 : 0)));
  await eventually('it is told', () => told.degraded.length === 1);
  await eventually('they go', () => granted >= admits);
  await pause(200);
  // some went on credit before anybody knew
  expect(granted).toBeGreaterThanOrEqual(admits);
  expect(granted).toBeLessThanOrEqual(Math.max(admits, 4));
  await limiter.close();
  expect((await Promise.all(turns)).filter((said) => said === 'ERR_CLOSED')).toHaveLength(100 - granted);
  expect(told.degraded).toEqual(['ERR_REDIS']);
});

test('waiters of an adaptive limiter go on when Redis is back', async () => {
  const limiter = make({ name: `waits ${(names += 1)}`, whenRedisDown: 'closed' }, AdaptiveLimiter);
  const told = listen(limiter);
  await limiter.acquire();
  server.pause();
  // what was granted before may still be spent; then everybody waits
  const turns = times(30, () => limiter.acquire());
  await eventually('it is told', () => told.degraded.length === 1);
  expect(limiter.getStatus().queued).toBeGreaterThan(0);
  server.resume();
  await Promise.all(turns);
  await eventually('it is told', () => told.recovered === 1);
  expect(told.degraded).toEqual(['ERR_REDIS']);
});

test('neither an idle limiter nor one without Redis keeps a process', async () => {
  const port = await freePort();
  for (const url of [server.url, `redis://127.0.0.1:${port}`]) {
    const { code, signal, err, out } = await runChild(`
      const redis = { url: ${JSON.stringify(url)}, commandTimeoutMs: 100 };
      const keyed = new sluice.KeyedLimiter({ windowMs: 60_000, maxRequests: 10, redis });
      const adaptive = new sluice.AdaptiveLimiter({ redis });
      keyed.checkLimit('k');
      adaptive.tryAcquire();
      keyed.consume('k').then(({ allowed }) => console.log(allowed));
    `);
    expect({ code, signal, err, out }).toEqual({ code: 0, signal: null, err: '', out: 'true\n' });
  }
});
