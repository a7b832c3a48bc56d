'use strict';
// Live values in front of the disk: kept by reference here, as bytes elsewhere, and never older than what others wrote.
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { TieredCache } = require('sluice');

let folder;
let caches;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-reference-'));
  caches = [];
});
afterEach(async () => {
  await Promise.all(caches.map((cache) => cache.close()));
  rmSync(folder, { recursive: true, force: true });
});
const make = (options = {}) => {
  const cache = new TieredCache({ disk: folder, jitter: 0, ...options, memory: { store: 'reference', ...options.memory } });
  caches.push(cache);
  return cache;
};
const failure = (promise) => promise.then(() => undefined, (error) => error);
/** Waits until a condition holds; ten times what is promised. */
async function until(condition) {
  const begun = Date.now();
  while (!(await condition())) {
    if (Date.now() - begun > 60_000) throw new Error('it did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('what was set or loaded is served by reference, and found on disk by another cache', async () => {
  const [cache, other] = [make(), make()];
  const value = { at: new Date(5) };
  expect(await cache.set('set', value, 60)).toBe(true);
  expect(await cache.get('set')).toBe(value);
  expect(cache.getSync('set')).toBe(value);
  expect(await cache.getOrSet('loaded', () => value, 60)).toBe(value);
  expect(await cache.get('loaded')).toBe(value);
  expect(await cache.getEntry('set')).toMatchObject({ value, tier: 'l1', stale: false });
  expect(await other.get('set')).toStrictEqual({ at: '1970-01-01T00:00:00.005Z' });
  expect(await other.getEntry('loaded')).toMatchObject({ tier: 'l3' });
  expect(await other.get('set')).toBe(await other.get('set'));
});

test('without a ttl it lives as long as on disk', async () => {
  const cache = make({ disk: { path: folder, ttl: 100 }, now: () => 1_000_000 });
  await cache.set('k', 1);
  await cache.set('short', 1, 10);
  expect([await cache.ttl('k'), await cache.ttl('short')]).toEqual([100, 10]);
});

test('what another cache writes or deletes replaces the live value', async () => {
  const [cache, other] = [make(), make()];
  const value = { a: 1 };
  for (const [change, after] of [
    [() => other.set('k', { a: 2 }, 60), { a: 2 }],
    [() => other.delete('k'), null],
    [() => other.deletePattern('k*'), null],
    [() => other.deleteByTag('t'), null],
    [() => other.clear(), null],
  ]) {
    await cache.set('k', value, 60, { tags: ['t'] });
    expect(await cache.get('k')).toBe(value);
    await change();
    await until(async () => (await cache.get('k')) !== value);
    expect(await cache.get('k')).toStrictEqual(after);
  }
});

test('what cannot be written is refused, but may stay in memory', async () => {
  const [cache, other] = [make(), make()];
  const live = () => 5;
  expect(await failure(cache.set('f', live))).toMatchObject({ code: 'ERR_VALUE', key: 'f' });
  expect(cache.getSync('f')).toBe(null);
  cache.setSync('f', live, 60);
  expect([cache.getSync('f'), await cache.get('f'), await other.get('f')]).toEqual([live, live, null]);
  expect(cache.deleteSync('f')).toBe(true);
  expect(await cache.get('f')).toBe(null);
});

test('skipL1 asks the disk, and memory keeps what it has', async () => {
  const cache = make();
  const value = { a: 1 };
  await cache.set('k', value, 60);
  const below = await cache.get('k', { skipL1: true });
  expect(below).toStrictEqual(value);
  expect(below).not.toBe(value);
  expect(await cache.get('k')).toBe(value);
  await cache.set('k', { a: 2 }, 60, { skipL1: true });
  expect(await cache.get('k')).toStrictEqual({ a: 2 });
});

test('views share the live values; a delete in one is a delete in all', async () => {
  const cache = make();
  const value = {};
  await cache.namespace('n').set('k', value, 60);
  expect(await cache.get('n:k')).toBe(value);
  expect(await cache.namespace('n').get('k')).toBe(value);
  expect(await cache.delete('n:*')).toBe(true);
  expect(await cache.namespace('n').get('k')).toBe(null);
});

/** A client whose server is a Map with deadlines, of the same clock. */
function mapped(clock) {
  const held = new Map();
  const live = (key) => (clock.now <= held.get(key)?.until ? held.get(key) : undefined);
  const client = {
    isAway: false,
    async get(key) {
      if (client.isAway) throw new Error('Connection is closed.');
      return live(key)?.text ?? null;
    },
    pttl: async (key) => (live(key) ? live(key).until - clock.now : -2),
    set: async (key, text, unit, time) => Boolean(held.set(key, { text, until: clock.now + time * (unit === 'EX' ? 1000 : 1) })),
    del: async (...keys) => keys.filter((key) => held.delete(key)).length,
  };
  return client;
}
describe('in front of Redis, where memory.ttl is the time without asking', () => {
  const clock = { now: 1_000_000 };
  let client;
  const inFront = () => make({ disk: false, redis: (client = mapped(clock)), now: () => clock.now });
  const options = { ttl: 100, staleWhileRevalidate: 60, staleIfError: 60 };

  test('the time left is the value\'s own, set or read', async () => {
    const cache = inFront();
    await cache.set('k', 'v', 100);
    expect([await cache.ttl('k'), await cache.getEntry('k')]).toEqual([100, { value: 'v', tier: 'l1', ttl: 100, stale: false }]);
    clock.now += 10_001;
    expect(await cache.getEntry('k')).toEqual({ value: 'v', tier: 'l2', ttl: 89.999, stale: false });
    expect(await cache.getEntry('k')).toEqual({ value: 'v', tier: 'l1', ttl: 89.999, stale: false });
  });

  test('what another host has deleted is not served stale', async () => {
    const cache = inFront();
    await cache.getOrSet('k', () => 'old', options);
    await client.del('k');
    clock.now += 30_000;
    expect([await cache.get('k'), await cache.getEntry('k')]).toEqual([null, null]);
    expect(await cache.getOrSet('k', () => 'new', options)).toBe('new');
  });

  test('past its own deadline it is served stale, and in place of an error while Redis is away', async () => {
    const cache = inFront();
    await cache.getOrSet('k', () => 'old', options);
    clock.now += 100_001;
    expect(await cache.getEntry('k')).toEqual({ value: 'old', tier: 'l1', ttl: 0, stale: true });
    expect(await cache.getOrSet('k', () => 'new', options)).toBe('old');
    await until(async () => (await cache.get('k')) === 'new');
    client.isAway = true;
    for (let at = 0; at < 5; at += 1) await cache.get(`none${at}`);
    await cache.getOrSet('late', () => 'loaded meanwhile', options);
    clock.now += 30_000;
    expect([cache.health().redis, await cache.get('late')]).toEqual(['down', null]);
    expect(await cache.getOrSet('late', () => Promise.reject(new Error('no')), options)).toBe('loaded meanwhile');
  });
});
