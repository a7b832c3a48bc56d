'use strict';
// getOrSet where caches share a folder: stale values, one load among them, and writes that come between.
const { AsyncLocalStorage } = require('node:async_hooks');
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { cacheOf, closeAll, failure, byHand } = require('../support/caches');

afterEach(closeAll);

describe('on disk', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-load-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let now = 1_700_000_000_000;
  const make = (memory) => cacheOf({ memory, disk: folder, jitter: 0, now: () => now });

  test.each([[false], [{}], [{ store: 'reference' }]])('stale values are served while they are refreshed, and when the loader fails; memory: %j', async (memory) => {
    const cache = make(memory);
    const options = { ttl: 10, staleWhileRevalidate: 5, staleIfError: 60 };
    await cache.clear();
    expect(await cache.getOrSet('k', () => 'one', options)).toBe('one');
    now += 10_001;
    expect(await cache.get('k')).toBe(null);
    expect(await cache.getEntry('k')).toMatchObject({ value: 'one', stale: true, ttl: 0 });
    const seen = [];
    const refreshed = new Promise((resolve) => {
      cache.getOrSet('k', ({ previous }) => { resolve(); return `after ${previous}`; }, options).then((value) => seen.push(value));
    });
    await refreshed;
    for (let tries = 0; (await cache.get('k')) === null && tries < 500; tries += 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect([seen, await cache.get('k')]).toEqual([['one'], 'after one']);
    now += 20_000;
    expect(await cache.getOrSet('k', () => { throw new Error('no'); }, options)).toBe('after one');
    expect(await failure(cache.getOrSet('k', () => { throw new Error('no'); }, 10))).toMatchObject({ message: 'no' });
    now += 60_000;
    expect(await failure(cache.getOrSet('k', () => { throw new Error('no'); }, options))).toMatchObject({ message: 'no' });
  });

  test("two caches of one folder share a load; the loader runs in its caller's context", async () => {
    const storage = new AsyncLocalStorage();
    const loader = jest.fn(async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return storage.getStore();
    });
    const caches = [make({}), make({ store: 'reference' }), make(false)];
    await caches[0].clear();
    const values = await Promise.all(caches.flatMap((cache, at) => Array.from({ length: 20 }, () => storage.run(`caller of ${at}`, async () => {
      const value = await cache.getOrSet('shared', loader, 60);
      return [value, storage.getStore()];
    }))));
    expect(loader).toHaveBeenCalledTimes(1);
    expect(new Set(values.map(([value]) => value)).size).toBe(1);
    expect(values[0][0]).toMatch(/^caller of \d$/);
    expect(values.map(([, context]) => context)).toEqual(caches.flatMap((_, at) => Array(20).fill(`caller of ${at}`)));
  });

  test('a set and a delete in another cache win over a load', async () => {
    const [cache, other] = [make({}), make({})];
    await cache.clear();
    for (const [change, kept] of [[() => other.set('w', 'newer', 60), 'newer'], [() => other.delete('w'), null]]) {
      const { calls, loader } = byHand();
      const loading = cache.getOrSet('w', loader, 60);
      for (let tries = 0; calls.length === 0 && tries < 500; tries += 1) await new Promise((resolve) => setTimeout(resolve, 2));
      await change();
      await new Promise((resolve) => setTimeout(resolve, 100));
      calls[0].resolve('older');
      expect(await loading).toBe('older');
      expect([await other.get('w'), await make(false).get('w')]).toEqual([kept, kept]);
      await cache.delete('w');
    }
  });
});
