'use strict';
// The cache inside the suites of existing services, under jest (node and jsdom) and vitest: see docs/cache.md.
const isJest = typeof jest !== 'undefined';
const fake = isJest ? jest : globalThis.vi;
const { TieredCache, cacheKey, hashKey } = require('sluice');

const open = [];
const make = (options) => {
  const cache = new TieredCache(options);
  open.push(cache);
  return cache;
};
afterEach(async () => {
  fake.useRealTimers();
  await Promise.all(open.splice(0).map((cache) => cache.close()));
});
const thrown = (run) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('it did not throw');
};
/** Whether a promise settles by microtasks alone: no turn of the event loop is taken. */
async function inMicrotasks(promise) {
  let settled = false;
  promise.then(() => (settled = true), () => (settled = true));
  for (let at = 0; at < 50 && !settled; at += 1) await null;
  return settled;
}
const stores = [['reference'], ['bytes']];

describe.each(stores)('time, store: %s', (store) => {
  const memory = { store };

  test('fake timers rule: advancing them makes values expire, to the millisecond', async () => {
    fake.useFakeTimers();
    const cache = make({ memory });
    await cache.set('k', 'v', 10);
    fake.advanceTimersByTime(10_000);
    expect([await cache.get('k'), cache.getSync('k'), await cache.ttl('k')]).toStrictEqual(['v', 'v', 0]);
    fake.advanceTimersByTime(1);
    expect([await cache.get('k'), cache.getSync('k'), await cache.ttl('k')]).toStrictEqual([null, null, -2]);
    fake.setSystemTime(Date.now() - 5);
    await cache.set('k', 'v', 1);
    expect(await cache.get('k')).toBe('v');
  });

  test('a spied Date.now alone rules, whenever it was spied', async () => {
    const cache = make({ memory });
    await cache.set('k', 'v', 10);
    for (let at = 0; at < 200; at += 1) await cache.get('k');
    const real = Date.now();
    const spy = fake.spyOn(Date, 'now').mockImplementation(() => real + 11_000);
    expect([await cache.get('k'), cache.getSync('k')]).toStrictEqual([null, null]);
    await cache.set('k', 'w', 10);
    spy.mockImplementation(() => real + 20_999);
    expect(await cache.get('k')).toBe('w');
    spy.mockImplementation(() => real + 21_001);
    expect(await cache.get('k')).toBe(null);
    spy.mockRestore();
  });

  test('everything settles in microtasks, under fake timers too', async () => {
    for (const faked of [false, true]) {
      if (faked) fake.useFakeTimers();
      const cache = make({ memory });
      const calls = {
        initialize: () => cache.initialize(), set: () => cache.set('k', { a: 1 }, 10, { tags: ['t'] }), get: () => cache.get('k'), 'get again': () => cache.get('k'), miss: () => cache.get('none'),
        getEntry: () => cache.getEntry('k'), getBytes: () => cache.getBytes('k'), getMany: () => cache.getMany(['k', 'none']), setMany: () => cache.setMany([['a', 1], ['b', 2]]),
        getOrSet: () => cache.getOrSet('l', () => 1), 'getOrSet, slow': () => cache.getOrSet('m', async () => { await null; return 1; }), has: () => cache.has('k'), ttl: () => cache.ttl('k'),
        keys: () => cache.keys(), warmup: () => cache.warmup([{ key: 'w', loader: () => 1 }]), delete: () => cache.delete('k'), 'delete, glob': () => cache.delete('k*'),
        deleteMany: () => cache.deleteMany(['a']), deletePattern: () => cache.deletePattern('b*'), deleteByTag: () => cache.deleteByTag('t'), clear: () => cache.clear(),
      };
      for (const [name, call] of Object.entries(calls)) expect({ name, settles: await inMicrotasks(call()) }).toStrictEqual({ name, settles: true });
      expect(await inMicrotasks(cache.close())).toBe(true);
    }
  });

  test('no timer is left: runAllTimers ends', async () => {
    fake.useFakeTimers();
    const cache = make({ memory });
    await cache.set('k', 'v', 10);
    await cache.get('k');
    await cache.getOrSet('l', () => 1, { timeoutMs: 1000, staleWhileRevalidate: 5 });
    expect(fake.getTimerCount()).toBe(0);
    await cache.deleteTwice('k', 1000);
    expect(fake.getTimerCount()).toBe(1);
    fake.runAllTimers();
    expect(fake.getTimerCount()).toBe(0);
  });

  test('a timer of the suite has its effect when it is advanced, before anything is awaited', async () => {
    fake.useFakeTimers();
    const cache = make({ memory });
    await cache.deleteTwice('k', 1000);
    cache.setSync('k', 'filled back');
    fake.advanceTimersByTime(1000);
    expect(cache.getSync('k')).toBe(null);
  });
});

describe.each(stores)('realm, store: %s', (store) => {
  const memory = { store };

  test('promises, arrays, objects, dates and errors are of this realm', async () => {
    const cache = make({ memory });
    const promises = [
      cache.initialize(), cache.set('k', { list: [1] }), cache.get('k'), cache.get('k'), cache.get('none'), cache.getEntry('k'), cache.getMany(['k']), cache.getOrSet('k', () => 1), cache.getOrSet('l', () => 1),
      cache.has('k'), cache.ttl('k'), cache.keys(), cache.warmup([]), cache.delete('x'), cache.deleteMany([]), cache.deletePattern('x*'), cache.deleteByTag('t'), cache.deleteTwice('x', 0), cache.clear(),
      cache.set('k', { list: [1] }),
    ];
    for (const promise of promises) expect(promise).toBeInstanceOf(Promise);
    await Promise.all(promises);
    const value = await cache.get('k');
    expect(value).toStrictEqual({ list: [1] });
    expect([value instanceof Object, value.list instanceof Array]).toStrictEqual([true, true]);
    expect(await cache.keys()).toEqual(expect.any(Array));
    expect(await cache.keys()).toBeInstanceOf(Array);
    expect(await cache.getMany(['k'])).toBeInstanceOf(Array);
    expect(await cache.getEntry('k')).toStrictEqual({ value: { list: [1] }, tier: 'l1', ttl: Infinity, stale: false });
    expect(cache.getStats().since).toBeInstanceOf(Date);
    expect(cache.health()).toStrictEqual({ redis: 'off', disk: 'off' });
    expect(await cache.warmup([])).toStrictEqual({ success: 0, failed: 0, totalTime: expect.any(Number) });
    expect(() => cache.getSync(5)).toThrow(TypeError);
    expect(() => cache.getSync(5)).toThrow(Error);
    await expect(cache.set('k', undefined)).rejects.toThrow(TypeError);
    await expect(cache.set('k', 1, -1)).rejects.toBeInstanceOf(RangeError);
    expect(() => new TieredCache({ memory: { maxEntrees: 5 } })).toThrow(TypeError);
    const closing = cache.close();
    expect(closing).toBeInstanceOf(Promise);
    await closing;
    await expect(cache.get('k')).rejects.toBeInstanceOf(Error);
    expect(thrown(() => cache.getSync('k'))).toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('Buffers are Buffers, typed arrays whatever realm made them', async () => {
    const { runInNewContext } = require('node:vm');
    const cache = make({ memory: { store: 'bytes' } });
    await cache.set('buffer', Buffer.from([1, 2]));
    for (let at = 0; at < 2; at += 1) {
      const read = await cache.get('buffer');
      expect([Buffer.isBuffer(read), ArrayBuffer.isView(read), read.equals(Buffer.from([1, 2]))]).toStrictEqual([true, true, true]);
    }
    await cache.set('foreign', runInNewContext('Uint8Array.from([3, 4])'));
    expect((await cache.get('foreign')).equals(Buffer.from([3, 4]))).toBe(true);
    expect(Buffer.isBuffer(await cache.getBytes('foreign'))).toBe(true);
    const own = make({ memory });
    await own.set('text', 'grün');
    expect((await own.getBytes('text')).toString()).toBe('grün');
  });

  test('errors of another realm are errors, and come through as they are', async () => {
    const cache = make({ memory });
    const foreign = require('node:vm').runInNewContext('new TypeError("foreign")');
    await expect(cache.getOrSet('k', () => { throw foreign; })).rejects.toBe(foreign);
    const options = { ttl: 0.001, staleIfError: 60 };
    await cache.getOrSet('k', () => 'old', options);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await cache.getOrSet('k', () => { throw foreign; }, options)).toBe('old');
  });
});

test("codec 'v8' makes objects of this realm", async () => {
  const cache = make({ codec: 'v8', memory: { store: 'bytes' } });
  await cache.set('k', { date: new Date(5), map: new Map([[1, [2]]]), set: new Set([3n]) });
  const value = await cache.get('k');
  expect(value).toStrictEqual({ date: new Date(5), map: new Map([[1, [2]]]), set: new Set([3n]) });
  expect([value.date instanceof Date, value.map instanceof Map, value.set instanceof Set, value.map.get(1) instanceof Array]).toStrictEqual([true, true, true, true]);
});

test('values are kept by reference where memory is the only tier, cyclic ones too', async () => {
  const cache = make();
  const value = { list: [] };
  value.self = value;
  await cache.set('k', value);
  value.list.push(1);
  expect(await cache.get('k')).toBe(value);
  expect(cache.getSync('k').list).toStrictEqual([1]);
});

test('modules can be reset: old and new copies have caches side by side', async () => {
  const before = make();
  await before.set('k', 'old');
  fake.resetModules();
  const again = require('sluice');
  const after = new again.TieredCache();
  expect(await after.get('k')).toBe(null);
  await after.set('k', 'new');
  expect([await before.get('k'), await after.get('k')]).toStrictEqual(['old', 'new']);
  await after.close();
  expect(await before.get('k')).toBe('old');
});

test('keys and hashes are strings that anybody can make again', () => {
  expect(cacheKey('app', 'user', '*')).toBe('app:user:%2A');
  expect(hashKey({ b: 1, a: 2 })).toBe(hashKey({ a: 2, b: 1 }));
  expect(hashKey(new Date(5))).not.toBe(hashKey(new Date(5).toISOString()));
  expect(() => hashKey(() => {})).toThrow(TypeError);
});

describe('an idle cache keeps no process alive', () => {
  const { spawnSync } = require('node:child_process');
  const path = require('node:path');
  const root = path.join(__dirname, '..', '..');
  test.each([
    ['in memory', '{}'],
    ['of bytes', '{ memory: { store: "bytes" } }'],
    ['on disk', '{ disk: folder }'],
    ['with Redis that is not there', '{ redis: "redis://127.0.0.1:1" }'],
  ])('%s', (_, options) => {
    const source = `
      const fs = require('node:fs');
      const folder = fs.mkdtempSync(require('node:path').join(require('node:os').tmpdir(), 'sluice-idle-'));
      process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
      const { TieredCache } = require(${JSON.stringify(root)});
      const cache = new TieredCache(${options});
      cache.on('degraded', () => {});
      cache.set('k', 1, 10).then(() => cache.getOrSet('l', () => 2, { timeoutMs: 60000 })).then(() => cache.deleteTwice('k', 60000)).then(() => cache.get('l')).then((value) => console.log('ends', value));`;
    const { stdout, stderr, signal, status } = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8', timeout: 240_000 });
    expect({ stdout, stderr, signal, status }).toStrictEqual({ stdout: expect.stringMatching(/^ends (2|null)\n$/), stderr: '', signal: null, status: 0 });
  });
});
