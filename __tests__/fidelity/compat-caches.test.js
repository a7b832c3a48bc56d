'use strict';
// The caches' drop-ins inside the suites of services, under jest (node and jsdom) and vitest: memory, and clients that are mocks.
const isJest = typeof jest !== 'undefined';
const fake = isJest ? jest : globalThis.vi;
const { CacheManager, CacheService, FileCache, LocalCache, RedisClient } = require('sluice/compat');

const open = [];
const keep = (one) => {
  open.push(one);
  return one;
};
const service = (options) => keep(new CacheService({ disk: false, ...options }));
const ways = [['modern', () => fake.useFakeTimers()], ...(isJest ? [['legacy', () => jest.useFakeTimers({ legacyFakeTimers: true })]] : [])];
afterEach(async () => {
  fake.useRealTimers();
  fake.restoreAllMocks();
  await Promise.all(open.splice(0).map((one) => (one.destroy ?? one.disconnect).call(one)));
});
async function inMicrotasks(promise) {
  let settled = false;
  promise.then(() => (settled = true), () => (settled = true));
  for (let at = 0; at < 100 && !settled; at += 1) await null;
  return settled;
}
/** The least client that answers in microtasks, as mocks do. */
function mock() {
  const held = new Map();
  const calls = [];
  return {
    calls,
    async get(key) {
      calls.push(['get', key]);
      return held.get(key) ?? null;
    },
    async set(key, value, ...rest) {
      calls.push(['set', key, value, ...rest]);
      held.set(key, value);
      return 'OK';
    },
    async del(...keys) {
      calls.push(['del', ...keys]);
      return keys.filter((key) => held.delete(key)).length;
    },
    async pttl(key) {
      return held.has(key) ? -1 : -2;
    },
  };
}

describe.each(ways)('fake timers, %s', (kind, useFakes) => {
  test('all of LocalCache and of a CacheService in memory settles in microtasks, and no timer is left', async () => {
    useFakes();
    const local = new LocalCache();
    const cache = service();
    const calls = {
      getOrSet: () => local.getOrSet('k', async () => 1), 'getOrSet again': () => local.getOrSet('k', () => 2),
      initialize: () => cache.initialize(), set: () => cache.set('k', { a: 1 }, 10), get: () => cache.get('k'), text: () => cache.get('k', 'text'), miss: () => cache.get('none'),
      delete: () => cache.delete('k'), pattern: () => cache.delete('k*', { pattern: true }), preheat: () => cache.preheat([{ key: 'p', loader: () => 1 }]),
      batch: () => cache.batchOperation([{ type: 'set', key: 'b', value: 1 }, { type: 'get', key: 'b' }]), keys: () => cache.listKeys(), destroy: () => cache.destroy(),
    };
    for (const [name, call] of Object.entries(calls)) expect({ name, settles: await inMicrotasks(call()) }).toStrictEqual({ name, settles: true });
    fake.runAllTimers();
    if (fake.getTimerCount !== undefined) expect(fake.getTimerCount()).toBe(0);
  });

  test('on a client that answers in microtasks so do RedisClient, CacheManager and CacheService', async () => {
    useFakes();
    const redis = mock();
    const client = keep(new RedisClient(redis));
    const manager = keep(new CacheManager(client));
    const cache = service({ redis });
    const calls = {
      set: () => client.set('k', { a: 1 }, 60), get: () => client.get('k'), ttl: () => client.getTTL('k'), delete: () => client.delete('k'),
      'manager set': () => manager.set('m', 1), 'manager get': () => manager.get('m'), 'service set': () => cache.set('s', 1, 60, { skipTtlRandomization: true }), 'service get': () => cache.get('s'),
    };
    for (const [name, call] of Object.entries(calls)) expect({ name, settles: await inMicrotasks(call()) }).toStrictEqual({ name, settles: true });
    expect(redis.calls.filter(([name]) => name === 'set')).toStrictEqual([['set', 'k', '{"a":1}', 'EX', 60], ['set', 'm', '1', 'EX', 60], ['set', 's', '1', 'EX', 60]]);
  });
});

test('advancing the fake clock expires, to the millisecond', async () => {
  fake.useFakeTimers();
  const local = new LocalCache();
  const cache = service();
  local.set('k', 'v', 10_000);
  await cache.set('k', 'v', 10);
  fake.advanceTimersByTime(10_000);
  expect([local.get('k'), await cache.get('k')]).toStrictEqual(['v', 'v']);
  fake.advanceTimersByTime(1);
  expect([local.get('k'), await cache.get('k')]).toStrictEqual([null, null]);
});

test('a spied Date.now rules, whenever it was spied', async () => {
  const local = new LocalCache();
  const cache = service();
  local.set('k', 'v', 10_000);
  await cache.set('k', 'v', 10);
  for (let at = 0; at < 200; at += 1) local.get('k');
  const real = Date.now();
  const spy = fake.spyOn(Date, 'now').mockImplementation(() => real + 11_000);
  expect([local.get('k'), await cache.get('k')]).toStrictEqual([null, null]);
  local.set('k', 'w', 5);
  spy.mockImplementation(() => real + 11_005);
  expect(local.get('k')).toBe('w');
  spy.mockImplementation(() => real + 11_006);
  expect(local.get('k')).toBe(null);
});

test('what is set is there without an await, by reference, cyclic too', async () => {
  const local = new LocalCache();
  const value = { list: [] };
  value.self = value;
  local.set('k', value);
  expect(local.get('k')).toBe(value);
  const cache = service();
  void cache.set('k', value);
  expect(await cache.get('k')).toBe(value);
});

test('promises, errors, objects and arrays are of this realm', async () => {
  const local = new LocalCache();
  const cache = service();
  const files = new FileCache({ basePath: 'nowhere' });
  const promises = [local.getOrSet('k', () => 1), cache.initialize(), cache.get('k'), cache.set('k', 1), cache.delete('k'), cache.listKeys(), cache.preheat(), cache.batchOperation([])];
  for (const promise of promises) expect(promise).toBeInstanceOf(Promise);
  await Promise.all(promises);
  expect(() => local.set('k', 1, NaN)).toThrow(TypeError);
  expect(() => new LocalCache({ maxEntries: 0 })).toThrow(RangeError);
  await expect(files.get('k')).rejects.toBeInstanceOf(Error);
  await expect(files.get('k')).rejects.toThrow(new Error('Not connected'));
  await expect(cache.set('k', undefined)).rejects.toThrow(TypeError);
  expect(await cache.listKeys()).toStrictEqual([]);
  expect(await cache.preheat()).toStrictEqual({ success: 0, failed: 0, totalTime: expect.any(Number) });
  expect(cache.getStats()).toMatchObject({ hits: { l1: 0, l2: 0, l3: 0 }, hitRate: '0.00%', since: expect.any(Date) });
  expect(new CacheManager(mock()).getStats()).toStrictEqual({ hits: 0, misses: 0, hitRate: '0.00%' });
});

test('spies see one method call another, and a subclass is asked', async () => {
  const cache = service();
  const [get, set, del] = ['get', 'set', 'delete'].map((name) => fake.spyOn(cache, name));
  await cache.batchOperation([{ type: 'set', key: 'k', value: 1, ttl: 5 }, { type: 'get', key: 'k' }, { type: 'delete', key: 'k' }]);
  expect([set.mock.calls, get.mock.calls, del.mock.calls]).toStrictEqual([[['k', 1, 5, undefined]], [['k', undefined, undefined]], [['k', undefined]]]);
  class Prefixed extends LocalCache {
    get(key) {
      return super.get(`p:${key}`);
    }
    set(key, value, ttlMs) {
      super.set(`p:${key}`, value, ttlMs);
    }
  }
  const local = new Prefixed();
  expect([await local.getOrSet('k', () => 'loaded'), local.get('k')]).toStrictEqual(['loaded', 'loaded']);
});

test('modules can be reset: old and new copies have caches side by side', async () => {
  const [local, cache] = [new LocalCache(), service()];
  local.set('k', 'old');
  await cache.set('k', 'old');
  fake.resetModules();
  const again = require('sluice/compat');
  const [newLocal, newCache] = [new again.LocalCache(), keep(new again.CacheService({ disk: false }))];
  expect([newLocal.get('k'), await newCache.get('k')]).toStrictEqual([null, null]);
  newLocal.set('k', 'new');
  await newCache.set('k', 'new');
  expect([local.get('k'), newLocal.get('k'), await cache.get('k'), await newCache.get('k')]).toStrictEqual(['old', 'new', 'old', 'new']);
});

test('objects that a suite wraps in a Proxy go on', async () => {
  const wrap = (one) => new Proxy(one, {});
  const local = wrap(new LocalCache());
  local.set('k', 1);
  expect([local.get('k'), local.del('k'), await local.getOrSet('k', () => 2), local.size]).toStrictEqual([1, true, 2, 1]);
  const cache = wrap(service());
  expect([await cache.set('k', 1, 60), await cache.get('k'), await cache.delete('k')]).toStrictEqual([true, 1, true]);
  const manager = wrap(new CacheManager(wrap(keep(new RedisClient(mock())))));
  expect([await manager.set('k', 1), await manager.get('k'), manager.isConnected()]).toStrictEqual([true, 1, true]);
  await expect(wrap(new FileCache({ basePath: 'nowhere' })).get('k')).rejects.toThrow('Not connected');
});
