'use strict';
// getOrSet: one load per key, what becomes of failures, stale values, timeouts, signals, and writes that come between.
const { AsyncLocalStorage } = require('node:async_hooks');
const { runInNewContext } = require('node:vm');
const { TieredCache } = require('sluice');

const open = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((cache) => cache.close()));
});
const failure = (promise) => promise.then(() => undefined, (error) => error);
/** A loader that is settled by hand. */
function byHand() {
  const calls = [];
  const loader = (context) => new Promise((resolve, reject) => calls.push({ context, resolve, reject }));
  return { calls, loader };
}
const turns = async (count = 10) => {
  for (let at = 0; at < count; at += 1) await null;
};

describe.each([['reference'], ['bytes']])('store: %s', (store) => {
  let now;
  const make = (options = {}) => {
    now = 1_000_000;
    const cache = new TieredCache({ now: () => now, ...options, memory: { store, ...options.memory } });
    open.push(cache);
    return cache;
  };

  test('loads what is not there, once, and keeps it for its ttl', async () => {
    const cache = make();
    const loader = jest.fn(() => ({ a: 1 }));
    expect(await cache.getOrSet('k', loader, 10)).toEqual({ a: 1 });
    expect(await cache.getOrSet('k', loader, { ttl: 10 })).toEqual({ a: 1 });
    expect(loader).toHaveBeenCalledTimes(1);
    expect(await cache.ttl('k')).toBe(10);
    now += 10_001;
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

  test('stale while it is refreshed: served at once, one refresh behind, which is nobody\'s failure', async () => {
    const cache = make();
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const options = { ttl: 10, staleWhileRevalidate: 5 };
      await cache.getOrSet('k', () => 'one', options);
      now += 10_001;
      expect(await cache.get('k')).toBe(null);
      const { calls, loader } = byHand();
      expect(await Promise.all([cache.getOrSet('k', loader, options), cache.getOrSet('k', loader, options)])).toEqual(['one', 'one']);
      await turns();
      expect(calls).toHaveLength(1);
      expect(calls[0].context.previous).toBe('one');
      calls[0].reject(new Error('nobody hears'));
      await turns();
      expect(await cache.getOrSet('k', loader, options)).toBe('one');
      await turns();
      expect(calls).toHaveLength(2);
      calls[1].resolve('two');
      await turns();
      expect(await cache.get('k')).toBe('two');
      expect(cache.getStats().staleServed).toBe(3);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });

  test('past the window nothing stale is served', async () => {
    const cache = make();
    await cache.getOrSet('k', () => 'one', { ttl: 10, staleWhileRevalidate: 5 });
    now += 15_000;
    expect(await cache.getOrSet('k', () => 'behind', { ttl: 10, staleWhileRevalidate: 5 })).toBe('one');
    await turns();
    await cache.getOrSet('j', () => 'one', { ttl: 10, staleWhileRevalidate: 5 });
    now += 15_001;
    expect(await cache.getOrSet('j', ({ previous }) => ['new', previous], { ttl: 10, staleWhileRevalidate: 5 })).toEqual(['new', null]);
    // a caller who did not ask for it gets none
    await cache.getOrSet('i', () => 'one', { ttl: 10, staleWhileRevalidate: 5 });
    now += 10_001;
    expect(await cache.getOrSet('i', () => 'fresh', 10)).toBe('fresh');
  });

  test('stale when the loader fails', async () => {
    const cache = make();
    const options = { ttl: 10, staleIfError: 60 };
    await cache.getOrSet('k', () => 'one', options);
    now += 10_001;
    const loader = jest.fn(({ previous }) => { throw new Error(previous); });
    expect(await cache.getOrSet('k', loader, options)).toBe('one');
    expect(loader).toHaveBeenCalledTimes(1);
    expect(await failure(cache.getOrSet('k', loader, 10))).toMatchObject({ message: 'one' });
    expect(await cache.getEntry('k')).toStrictEqual({ value: 'one', tier: 'l1', ttl: 0, stale: true });
    expect(cache.getStats().staleServed).toBe(1);
    now += 60_000;
    expect(await failure(cache.getOrSet('k', loader, options))).toBeInstanceOf(Error);
    expect(await cache.getEntry('k')).toBe(null);
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

  test('a timeout gives the stale value, else ERR_TIMEOUT, and the load goes on', async () => {
    jest.useFakeTimers();
    try {
      const cache = make();
      const { calls, loader } = byHand();
      const timedOut = failure(cache.getOrSet('k', loader, { timeoutMs: 50, ttl: 10, staleIfError: 60 }));
      expect(jest.getTimerCount()).toBe(1);
      await turns();
      jest.advanceTimersByTime(49);
      await turns();
      jest.advanceTimersByTime(1);
      const error = await timedOut;
      expect(error).toMatchObject({ code: 'ERR_TIMEOUT', name: 'TimeoutError', timeoutMs: 50 });
      expect([error instanceof Error, error.status]).toEqual([true, undefined]);
      calls[0].resolve('late');
      await turns();
      expect(await cache.get('k')).toBe('late');
      await cache.set('k', 'late', 10);
      expect(await cache.getOrSet('j', () => 'one', { timeoutMs: 50, ttl: 10, staleIfError: 60 })).toBe('one');
      expect(jest.getTimerCount()).toBe(0);
      now += 10_001;
      const stale = cache.getOrSet('j', loader, { timeoutMs: 50, ttl: 10, staleIfError: 60 });
      await turns();
      jest.advanceTimersByTime(50);
      expect(await stale).toBe('one');
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
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

describe('on disk', () => {
  const { mkdtempSync, rmSync } = require('node:fs');
  const folder = mkdtempSync(require('node:path').join(require('node:os').tmpdir(), 'sluice-load-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let now = 1_700_000_000_000;
  const make = (memory) => {
    const cache = new TieredCache({ memory, disk: folder, jitter: 0, now: () => now });
    open.push(cache);
    return cache;
  };

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

test('what the codec cannot say fails the load', async () => {
  const cache = new TieredCache({ memory: { store: 'bytes' } });
  open.push(cache);
  expect(await failure(cache.getOrSet('k', () => 10n))).toMatchObject({ code: 'ERR_VALUE', key: 'k' });
});
