'use strict';
// getOrSet: one load per key, what becomes of failures, signals, and writes that come between. Stale values: load-stale.test.js.
const { AsyncLocalStorage } = require('node:async_hooks');
const { runInNewContext } = require('node:vm');
const { STORES, cacheOf, clocked, closeAll, failure, byHand, turns } = require('../support/caches');

afterEach(closeAll);

describe.each(STORES)('store: %s', (store) => {
  const { clock, make } = clocked(store);

  test('loads what is not there, once, and keeps it for its ttl', async () => {
    const cache = make();
    const loader = jest.fn(() => ({ a: 1 }));
    expect(await cache.getOrSet('k', loader, 10)).toEqual({ a: 1 });
    expect(await cache.getOrSet('k', loader, { ttl: 10 })).toEqual({ a: 1 });
    expect(loader).toHaveBeenCalledTimes(1);
    expect(await cache.ttl('k')).toBe(10);
    clock.now += 10_001;
    await cache.getOrSet('k', loader);
    expect(loader).toHaveBeenCalledTimes(2);
    expect(await cache.ttl('k')).toBe(-1);
    expect(cache.getStats()).toMatchObject({ totalRequests: 3, hits: { l1: 1 }, misses: 2, hitRate: '33.33%' });
  });

  test('a thousand callers share one load, its value and its failure', async () => {
    const cache = make();
    const { calls, loader } = byHand();
    const callers = Array.from({ length: 1000 }, () => cache.getOrSet('k', loader));
    await turns();
    expect(calls).toHaveLength(1);
    const value = { a: 1 };
    calls[0].resolve(value);
    expect((await Promise.all(callers)).every((one) => one === value)).toBe(true);
    expect(cache.getStats()).toMatchObject({ coalesced: 999, misses: 1000, totalRequests: 1000 });

    await cache.delete('k');
    const losers = Array.from({ length: 10 }, () => failure(cache.getOrSet('k', loader)));
    await turns();
    const error = new Error('no');
    calls[1].reject(error);
    expect((await Promise.all(losers)).every((one) => one === error)).toBe(true);
    expect(calls).toHaveLength(2);
    expect(cache.hasSync('k')).toBe(false);
    // a failure is not kept
    expect(await cache.getOrSet('k', () => 'again')).toBe('again');
  });

  test('different keys load side by side', async () => {
    const cache = make();
    const { calls, loader } = byHand();
    const both = Promise.all([cache.getOrSet('a', loader), cache.getOrSet('b', loader)]);
    await turns();
    expect(calls).toHaveLength(2);
    calls[1].resolve('b');
    calls[0].resolve('a');
    expect(await both).toEqual(['a', 'b']);
  });

  test('a loader may throw, return, or be no async function', async () => {
    const cache = make();
    const error = runInNewContext('new TypeError("of another realm")');
    expect(await failure(cache.getOrSet('k', () => { throw error; }))).toBe(error);
    expect(await failure(cache.getOrSet('k', () => Promise.reject('a string')))).toBe('a string');
    expect(await cache.getOrSet('k', () => 5)).toBe(5);
    for (const loader of [undefined, null, 5, 'x', {}]) {
      const refused = await failure(cache.getOrSet('k', loader));
      expect(refused).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'loader' });
      expect(refused).toBeInstanceOf(TypeError);
    }
  });

  test('undefined is given and not kept; null is kept', async () => {
    const cache = make();
    const loader = jest.fn(() => undefined);
    expect([await cache.getOrSet('k', loader), await cache.getOrSet('k', loader)]).toEqual([undefined, undefined]);
    expect(loader).toHaveBeenCalledTimes(2);
    const nothing = jest.fn(() => null);
    expect([await cache.getOrSet('n', nothing), await cache.getOrSet('n', nothing)]).toEqual([null, null]);
    expect(nothing).toHaveBeenCalledTimes(1);
  });

  test('the loader can change the ttl, and keep its value from being stored', async () => {
    const cache = make();
    await cache.getOrSet('k', ({ setTtl }) => { setTtl(5); return 1; }, 100);
    expect(await cache.ttl('k')).toBe(5);
    const once = jest.fn(({ setTtl }) => { setTtl(0); return 1; });
    expect([await cache.getOrSet('z', once), await cache.getOrSet('z', once, 10)]).toEqual([1, 1]);
    expect(once).toHaveBeenCalledTimes(2);
    expect(await failure(cache.getOrSet('y', ({ setTtl }) => setTtl(-1)))).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'ttl' });
  });

  test('a set during the load wins, and so does a delete', async () => {
    const cache = make();
    const changes = {
      set: () => cache.set('k', 'newer'),
      setSync: async () => cache.setSync('k', 'newer'),
      setMany: () => cache.setMany([['k', 'newer']]),
      delete: () => cache.delete('k'),
      deleteSync: async () => cache.deleteSync('k'),
      deleteMany: () => cache.deleteMany(['k']),
      deletePattern: () => cache.deletePattern('k*'),
      clear: () => cache.clear(),
      clearSync: async () => cache.clearSync(),
      'delete in a namespace': () => cache.namespace('n').delete('k'),
    };
    for (const [name, change] of Object.entries(changes)) {
      const view = name.endsWith('namespace') ? cache.namespace('n') : cache;
      const { calls, loader } = byHand();
      const loading = view.getOrSet('k', loader);
      await turns();
      await change();
      calls[0].resolve('older');
      expect({ name, value: await loading }).toEqual({ name, value: 'older' });
      expect({ name, kept: await view.get('k') }).toEqual({ name, kept: name.startsWith('set') ? 'newer' : null });
      await cache.clear();
    }
  });

  test('who comes after a delete gets no value from before it', async () => {
    const cache = make();
    const { calls, loader } = byHand();
    const before = cache.getOrSet('k', loader);
    await turns();
    await cache.delete('k');
    const after = cache.getOrSet('k', loader);
    await turns();
    expect(calls).toHaveLength(2);
    calls[1].resolve('new');
    expect(await after).toBe('new');
    calls[0].resolve('old');
    expect(await before).toBe('old');
    expect(await cache.get('k')).toBe('new');
  });

  test("one caller's signal ends its wait, and nobody else's", async () => {
    const cache = make();
    const { calls, loader } = byHand();
    const abort = new AbortController();
    const leaving = failure(cache.getOrSet('k', loader, { signal: abort.signal }));
    const staying = cache.getOrSet('k', loader);
    await turns();
    abort.abort(new Error('enough'));
    const error = await leaving;
    expect(error).toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError', cause: { message: 'enough' } });
    expect(error).toBeInstanceOf(Error);
    expect(calls[0].context.signal.aborted).toBe(false);
    calls[0].resolve('value');
    expect(await staying).toBe('value');
    const none = jest.fn();
    expect(await failure(cache.getOrSet('other', none, { signal: abort.signal }))).toMatchObject({ code: 'ERR_ABORTED' });
    expect(none).not.toHaveBeenCalled();
  });

  test('the loader is told when no caller waits any more; who comes then does not fail with it', async () => {
    const cache = make();
    const signals = [];
    const loader = ({ signal }) => new Promise((resolve, reject) => {
      signals.push(signal);
      signal.addEventListener('abort', () => setTimeout(() => reject(signal.reason), 5));
      if (signals.length === 2) resolve('second');
    });
    const aborts = [new AbortController(), new AbortController()];
    const leaving = aborts.map(({ signal }) => failure(cache.getOrSet('k', loader, { signal })));
    await turns();
    aborts[0].abort();
    await turns();
    expect(signals[0].aborted).toBe(false);
    aborts[1].abort();
    await Promise.all(leaving);
    await turns();
    expect(signals[0].aborted).toBe(true);
    expect(await cache.getOrSet('k', loader)).toBe('second');
  });

  test('close tells loaders, and keeps nothing that they give', async () => {
    const cache = make();
    const { calls, loader } = byHand();
    const loading = cache.getOrSet('k', loader);
    await turns();
    const { signal } = calls[0].context;
    await cache.close();
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'ERR_CLOSED' });
    calls[0].resolve('too late to be kept');
    expect(await loading).toBe('too late to be kept');
  });

  test("the loader runs in its caller's asynchronous context", async () => {
    const cache = make();
    const storage = new AsyncLocalStorage();
    const seen = await Promise.all(['a', 'b'].map((name) => storage.run(name, () => cache.getOrSet(name, async () => {
      await null;
      return storage.getStore();
    }))));
    expect(seen).toEqual(['a', 'b']);
    const after = await storage.run('c', async () => {
      await cache.getOrSet('a', () => 1);
      return storage.getStore();
    });
    expect(after).toBe('c');
  });

  test('a loaded value with tags is deleted by them', async () => {
    const cache = make();
    await cache.getOrSet('k', () => 1, { tags: ['t'] });
    expect([await cache.deleteByTag('t'), await cache.get('k')]).toEqual([1, null]);
  });

  test('warm-up loads what is missing, so many at a time, and counts', async () => {
    const cache = make();
    let [running, most] = [0, 0];
    const loader = async () => {
      running += 1;
      most = Math.max(most, running);
      await turns(3);
      running -= 1;
      return 'warm';
    };
    await cache.set('k0', 'there');
    const progress = [];
    const keys = Array.from({ length: 20 }, (_, at) => ({ key: `k${at}`, loader, ttl: 10 }));
    keys.push({ key: 'bad', loader: () => { throw new Error('no'); } }, { key: 'none', loader: () => undefined });
    const result = await cache.warmup(keys, { concurrency: 3, onProgress: (done, total) => progress.push([done, total]) });
    expect(result).toStrictEqual({ success: 20, failed: 2, totalTime: expect.any(Number) });
    expect(most).toBe(3);
    expect(progress).toEqual(Array.from({ length: 22 }, (_, at) => [at + 1, 22]));
    expect([await cache.get('k0'), await cache.get('k19'), await cache.get('none'), await cache.ttl('k19')]).toEqual(['there', 'warm', null, 10]);
    expect(await cache.warmup([])).toStrictEqual({ success: 0, failed: 0, totalTime: expect.any(Number) });
    for (const wrong of [undefined, {}, [null], [{ key: 'a' }], [{ key: 'a', loader, ttl: -1 }]]) expect(await failure(cache.warmup(wrong))).toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

test('what the codec cannot say fails the load', async () => {
  const cache = cacheOf({ memory: { store: 'bytes' } });
  expect(await failure(cache.getOrSet('k', () => 10n))).toMatchObject({ code: 'ERR_VALUE', key: 'k' });
});
