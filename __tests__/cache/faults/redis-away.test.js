'use strict';
// Redis that freezes, dies, comes back, is emptied or was never there, seen by callers who never rest.
const { startRedis, stopAll, startSentinel } = require('../../redis');
const { cleanUp, eventually, sleep, startInstance } = require('./support');

afterEach(cleanUp);
afterAll(stopAll);

// Bounds in time that are promised are tested at ten times the figure.
const SLOWEST_AT_FIRST_MS = 10 * 300;
const SLOWEST_AFTER_MS = 10 * 5;

/** A child under load of 64 that has filled its cache; `measure(work)` tells how the calls were that began meanwhile. */
async function underLoad(redis) {
  const child = await startInstance({ redis });
  expect(child.health.redis).toBe('up');
  await child.tell('startLoad', { width: 64, keys: 500 });
  await sleep(500);
  const measure = async (ms) => {
    const from = await child.tell('mark');
    await sleep(ms);
    return child.tell('measured', { from, to: await child.tell('mark') });
  };
  return { child, measure };
}
async function expectNothingWrong(child) {
  const load = await child.tell('stopLoad');
  expect({ errors: load.errors, wrong: load.wrong }).toEqual({ errors: [], wrong: 0 });
  expect(load.found).toBeGreaterThan(100);
}
const isUp = (child) => async () => (await child.call('health')).redis === 'up';
const redisEvents = async (child) => (await child.events()).filter(({ tier }) => tier === 'redis').map(({ event }) => event);

test.each(['frozen', 'killed'])('a server that is %s makes calls slow for a moment, then never, and no call fails', async (how) => {
  const server = await startRedis();
  const { child, measure } = await underLoad(server.url);
  if (how === 'frozen') server.pause();
  else await server.kill();
  const first = await measure(1000);
  const after = await measure(1500);
  expect((await child.call('health')).redis).toBe('down');
  if (how === 'frozen') server.resume();
  else await server.start();
  await eventually(isUp(child), 'Redis is used again');
  await sleep(300);
  await expectNothingWrong(child);
  expect(first.slowestMs).toBeLessThan(SLOWEST_AT_FIRST_MS);
  // a single call may wait for the processor
  expect(after.p99Ms).toBeLessThan(SLOWEST_AFTER_MS);
  expect(after.calls).toBeGreaterThan(100);
  expect(await redisEvents(child)).toEqual(['degraded', 'recovered']);
  await child.call('set', 'back', 1, 60);
  expect(await server.command('EXISTS', 'sluice:back')).toBe(1);
});

test('what was written or deleted while the server was frozen is not served from it afterwards', async () => {
  const server = await startRedis();
  const [here, there] = await Promise.all([startInstance({ redis: server.url }), startInstance({ redis: server.url })]);
  for (const key of ['written', 'deleted', 'untouched', 'by:pattern']) await here.call('set', key, 'old', 600);
  for (const key of ['written', 'deleted', 'untouched', 'by:pattern']) expect(await there.call('get', key)).toBe('old');
  server.pause();
  await eventually(async () => (await here.call('set', 'written', 'new', 600)) === false, 'a set that Redis did not take');
  await eventually(async () => !(await isUp(here)()), 'the breaker');
  await here.call('set', 'written', 'new', 600);
  await here.call('delete', 'deleted');
  await here.call('deletePattern', 'by:*');
  server.resume();
  await eventually(isUp(here), 'Redis is used again');
  await eventually(isUp(there), 'Redis is used again');
  await eventually(async () => (await server.command('EXISTS', 'sluice:deleted', 'sluice:by:pattern')) === 0, 'the keys are gone from Redis');
  for (const child of [here, there]) {
    expect([null, 'new']).toContain(await child.call('get', 'written'));
    expect(await child.call('get', 'deleted')).toBeNull();
    expect(await child.call('get', 'by:pattern')).toBeNull();
    expect(await child.call('get', 'untouched')).toBe('old');
  }
});

test('a server that was restarted empty leaves no copies in memory', async () => {
  const server = await startRedis();
  const [one, other] = await Promise.all([startInstance({ redis: server.url }), startInstance({ redis: server.url })]);
  await one.call('set', 'key', 'old', 600);
  expect(await other.call('get', 'key')).toBe('old');
  await server.restart();
  await eventually(async () => (await redisEvents(other)).at(-1) === 'recovered' || (await other.call('get', 'key')) === null, 'it has noticed');
  await eventually(isUp(other), 'Redis is used again');
  await eventually(isUp(one), 'Redis is used again');
  expect(await other.call('get', 'key')).toBeNull();
  await one.call('set', 'key', 'new', 600);
  expect(await other.call('get', 'key')).toBe('new');
});

test.each(['FLUSHALL', 'FLUSHDB'])('%s empties memory too', async (command) => {
  const server = await startRedis();
  const child = await startInstance({ redis: server.url });
  await child.call('set', 'key', 'old', 600);
  expect(await child.call('get', 'key')).toBe('old');
  await server.command(command);
  await eventually(async () => (await child.call('get', 'key')) === null, 'the copy is gone');
});

test('a failover by sentinels costs no error, and the new master is used', async () => {
  const sentinel = await startSentinel();
  const redis = { sentinel: { masterName: sentinel.name, nodes: sentinel.nodes } };
  const { child, measure } = await underLoad(redis);
  await sentinel.master.kill();
  const first = await measure(1000);
  await sentinel.failedOver();
  await eventually(isUp(child), 'the new master is used');
  await eventually(() => child.call('set', 'after', 'failover', 60), 'a set that the new master took');
  expect(await sentinel.replica.command('EXISTS', 'sluice:after')).toBe(1);
  await expectNothingWrong(child);
  expect(first.slowestMs).toBeLessThan(SLOWEST_AT_FIRST_MS);
});

test('where no server ever was, gets are null at once and the process ends by itself', async () => {
  const { execFile } = require('node:child_process');
  const path = require('node:path');
  const program = `
    const { TieredCache } = require(${JSON.stringify(path.join(__dirname, '../../..'))});
    const cache = new TieredCache({ redis: 'redis://127.0.0.1:9' });
    (async () => {
      const each = [];
      const first = performance.now();
      const values = await Promise.all(Array.from({ length: 64 }, (_, at) => cache.get('k' + at)));
      const second = performance.now();
      for (let at = 0; at < 20; at++) {
        const began = performance.now();
        values.push(await cache.get('again'), await cache.get('again', { skipL1: true }));
        each.push(performance.now() - began);
      }
      // a single one may wait for the processor
      const thenMs = each.sort((a, b) => a - b)[10];
      console.log(JSON.stringify({ nulls: values.every((value) => value === null), firstMs: second - first, thenMs, health: cache.health().redis }));
    })();`;
  const out = await new Promise((resolve, reject) => {
    execFile(process.execPath, ['-e', program], { timeout: 240_000 }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  const { nulls, firstMs, thenMs, health } = JSON.parse(out);
  expect({ nulls, health }).toEqual({ nulls: true, health: 'down' });
  expect(firstMs).toBeLessThan(10 * 250);
  expect(thenMs).toBeLessThan(10 * 2);
});
