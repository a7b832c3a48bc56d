'use strict';
// TieredCache on a client that the application has: exact commands, fake timers, clients that fail or cannot.
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { TieredCache } = require('sluice');
const { startRedis, stopAll } = require('../redis');
const clients = require('./clients');
const { until } = require('../support/loopback');

const open = [];
const cacheOf = (redis, options) => {
  const cache = new TieredCache({ jitter: 0, redis, ...options });
  open.push(cache);
  return cache;
};
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(open.splice(0).map((cache) => cache.close()));
});
afterAll(stopAll);
const failing = () => Object.fromEntries(['get', 'set', 'del', 'ping'].map((name) => [name, jest.fn(async () => { throw new Error('Connection is closed.'); })]));

test('everything settles under fake timers', async () => {
  jest.useFakeTimers();
  const { client, close } = clients.mock();
  const cache = cacheOf(client);
  expect(await cache.set('key', { a: 1 }, 60)).toBe(true);
  expect(await cache.get('key', { skipL1: true })).toStrictEqual({ a: 1 });
  expect(await cache.getOrSet('other', async () => 5, 60)).toBe(5);
  expect([await cache.delete('key'), await cache.delete('oth*'), await cache.get('key')]).toEqual([true, true, null]);
  close();
});

test('no timer of JavaScript is armed for a client', async () => {
  jest.useFakeTimers();
  const held = new Map();
  const client = { get: async (key) => held.get(key) ?? null, set: async (key, text) => void held.set(key, text), del: async (key) => Number(held.delete(key)) };
  const cache = cacheOf({ client });
  await cache.set('key', 1, 60);
  expect([await cache.get('key', { skipL1: true }), await cache.getOrSet('other', () => 2, 60), await cache.delete('key')]).toEqual([1, 2, true]);
  expect(jest.getTimerCount()).toBe(0);
});

test('exact commands of set, get and delete', async () => {
  const { client, close } = clients.mock();
  const [set, del] = [jest.spyOn(client, 'set'), jest.spyOn(client, 'del')];
  const cache = cacheOf({ client }, { memory: false });
  await cache.set('user:1', { a: 1 }, 60);
  await cache.set('text', '123', 1.5);
  await cache.delete('user:1');
  expect(set.mock.calls).toEqual([['user:1', '{"a":1}', 'EX', 60], ['text', '"123"', 'PX', 1500]]);
  expect(del.mock.calls).toEqual([['user:1']]);
  close();
});

test('a clock with fractions of milliseconds: a server gets whole ones, at most what was asked', async () => {
  const set = jest.fn(async () => 'OK');
  const cache = cacheOf({ client: { get: async () => null, set, del: async () => 0 } }, { memory: false, now: () => 1_000_000.892 });
  await cache.set('key', 1, 60);
  await cache.set('short', 1, 0.001);
  for (const [, , unit, time] of set.mock.calls) {
    const ms = unit === 'EX' ? time * 1000 : time;
    expect([unit, Number.isInteger(time), ms >= 1, ms <= 60_000]).toEqual([unit, true, true, true]);
  }
  expect(set.mock.calls.map((args) => args.slice(2))).toEqual([['PX', 59_999], ['PX', 1]]);
});

test('close waits for a removal of many steps', async () => {
  const held = new Map(Array.from({ length: 1000 }, (_, at) => [`p:${at}`, '1']));
  const client = {
    get: async (key) => held.get(key) ?? null, set: async () => 'OK', del: async (...keys) => keys.filter((key) => held.delete(key)).length,
    // the keys of each page go only after the last one
    scan: (cursor) => new Promise((resolve) => setImmediate(() => resolve([cursor === '9' ? '0' : `${Number(cursor) + 1}`, [...held.keys()].slice(cursor * 100, cursor * 100 + 100)]))),
  };
  const cache = cacheOf({ client, keyPrefix: 'p:' });
  const order = [];
  const removing = cache.deletePattern('*').then((count) => order.push(`deleted ${count}`));
  await new Promise((resolve) => setImmediate(resolve));
  await cache.close().then(() => order.push('closed'));
  await removing;
  expect([order, held.size]).toEqual([['deleted 1000', 'closed'], 0]);
});

test('without pttl, memory.ttl caps the copy', async () => {
  const { client, close } = clients.least(clients.mock());
  const now = { ms: 1_000_000 };
  const cache = cacheOf({ client }, { memory: { ttl: 5 }, now: () => now.ms });
  await client.set('key', '1');
  expect([await cache.get('key'), (await cache.getEntry('key')).tier]).toEqual([1, 'l1']);
  now.ms += 5000;
  expect(cache.getSync('key')).toBe(1);
  now.ms += 1;
  expect([cache.getSync('key'), (await cache.getEntry('key')).tier]).toEqual([null, 'l2']);
  close();
});

test('a method that the client has not is told once, and is false or 0', async () => {
  const { client, close } = clients.least(clients.mock());
  const cache = cacheOf({ client });
  const told = [];
  cache.on('degraded', (tier, error) => told.push([tier, error.code]));
  await cache.set('a:1', 1, 60);
  expect([await cache.deletePattern('b*'), await cache.deletePattern('b*'), await cache.deleteByTag('t')]).toEqual([0, 0, 0]);
  expect(await cache.getOrSet('x', () => 1, 60)).toBe(1);
  expect(told).toEqual([['redis', 'ERR_REDIS'], ['redis', 'ERR_REDIS']]);
  close();
});

test('a set that resolves false has failed', async () => {
  const client = { get: async () => null, set: async () => false, del: async () => 0 };
  expect(await cacheOf({ client }).set('key', 1, 60)).toBe(false);
});

test('a client that fails is a slower cache: no error, told once', async () => {
  const cache = cacheOf({ client: failing() });
  const told = [];
  cache.on('degraded', (tier, error) => told.push(['degraded', tier, error.code]));
  for (let at = 0; at < 10; at += 1) expect([await cache.set(`k${at}`, at, 60), await cache.get(`k${at}`), await cache.get('none')]).toEqual([false, at, null]);
  expect([await cache.delete('k1'), await cache.get('k1'), cache.health().redis]).toEqual([true, null, 'down']);
  expect(told).toEqual([['degraded', 'redis', 'ERR_REDIS']]);
});

test("whenDown 'miss' serves nothing while it is away", async () => {
  const cache = cacheOf({ client: failing(), whenDown: 'miss' });
  await cache.set('key', 1, 60);
  for (let at = 0; at < 5; at += 1) await cache.get(`none${at}`);
  expect([cache.health().redis, await cache.get('key'), cache.getSync('key')]).toEqual(['down', null, null]);
});

test('what was written and deleted while a real server was away is invalidated when it is back', async () => {
  const server = await startRedis();
  const { client, close } = clients.ioredis(server);
  const cache = cacheOf({ client, keyPrefix: 'p:', commandTimeoutMs: 400, breaker: { failures: 5, probeMs: 50 } });
  const told = [];
  cache.on('degraded', () => told.push('degraded'));
  cache.on('recovered', () => told.push('recovered'));
  for (const key of ['kept', 'set', 'deleted', 'user:1']) await cache.set(key, 'old', 60);
  server.pause();
  await Promise.all(Array.from({ length: 10 }, (_, at) => cache.get(`none${at}`)));
  // the breaker is open: none of them waits for an answer
  const asked = ['set', 'del', 'eval', 'evalsha', 'scan'].map((command) => jest.spyOn(client, command));
  expect(await cache.set('set', 'new', 60)).toBe(false);
  await cache.delete('deleted');
  await cache.deletePattern('user:*');
  for (const command of asked) expect(command).not.toHaveBeenCalled();
  server.resume();
  await until(() => cache.health().redis === 'up');
  const plain = server.client();
  expect(await Promise.all(['kept', 'set', 'deleted', 'user:1'].map((key) => plain.get(`p:${key}`)))).toEqual(['"old"', null, null, null]);
  expect([await cache.get('deleted'), told]).toEqual([null, ['degraded', 'recovered']]);
  close();
});

test('a value that was read before this instance could hear of its delete is not filled into the disk', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-injected-'));
  const held = new Map();
  const client = {
    get: async (key) => held.get(key) ?? null, pttl: async (key) => (held.has(key) ? 60_000 : -2),
    set: async (key, text) => Boolean(held.set(key, text)), del: async (...keys) => keys.filter((key) => held.delete(key)).length,
  };
  let answer;
  const slow = { ...client, get: (key) => new Promise((resolve) => (answer = resolve.bind(null, held.get(key)))), pttl: async () => 60_000 };
  const tiers = { memory: false, disk: { path: join(folder, 'disk') } };
  const [one, other] = [cacheOf({ client }, tiers), cacheOf({ client: slow }, tiers)];
  await one.set('key', 'old', 60);
  const reading = other.getMany(['key']);
  await until(() => answer !== undefined);
  expect(await one.delete('key')).toBe(true);
  // only now its disk is opened, and hears
  await other.get('another', { skipL2: true });
  answer();
  expect(await reading).toEqual(['old']);
  // close waits for fills
  await other.close();
  expect([await one.get('key'), await one.get('key', { skipL2: true })]).toEqual([null, null]);
  await one.close();
  rmSync(folder, { recursive: true });
});

test('values, leases and tags are shared with an instance that has its own connection', async () => {
  const server = await startRedis();
  const { client, close } = clients.ioredis(server);
  const own = cacheOf({ url: server.url, keyPrefix: 'p:' }, { memory: false });
  const injected = cacheOf({ client, keyPrefix: 'p:', format: 'tagged' }, { memory: false });
  const bytes = Buffer.from([0, 255, 7]);
  await own.set('own', bytes, 60, { tags: ['red'] });
  await injected.set('injected', bytes, 60, { tags: ['red'] });
  expect([await injected.get('own'), await own.get('injected')]).toStrictEqual([bytes, bytes]);
  let loads = 0;
  const load = (cache) => cache.getOrSet('load', async () => {
    loads += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return loads;
  }, 60);
  expect(await Promise.all([load(own), load(injected), load(own)])).toEqual([1, 1, 1]);
  expect(await own.deleteByTag('red')).toBe(2);
  expect(await injected.get('injected')).toBeNull();
  close();
});
