'use strict';
// getOrSet: values that have outlived their ttl, while they are refreshed, when the loader fails, and when it takes too long.
const { STORES, clocked, closeAll, failure, byHand, turns } = require('../support/caches');

afterEach(closeAll);

describe.each(STORES)('store: %s', (store) => {
  const { clock, make } = clocked(store);

  test('stale while it is refreshed: served at once, one refresh behind, which is nobody\'s failure', async () => {
    const cache = make();
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const options = { ttl: 10, staleWhileRevalidate: 5 };
      await cache.getOrSet('k', () => 'one', options);
      clock.now += 10_001;
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

  test.each([
    ['deletePattern', (cache) => cache.deletePattern('n:*')],
    ['clear of a namespace', (cache) => cache.namespace('n').clear()],
    ['clearSync of a namespace', async (cache) => cache.namespace('n').clearSync()],
    ['deleteByTag', (cache) => cache.namespace('n').deleteByTag('t')],
  ])('what is past its ttl goes with %s, and is not counted', async (_how, remove) => {
    const cache = make();
    const options = { ttl: 10, staleIfError: 60, tags: ['t'] };
    await cache.namespace('n').getOrSet('k', () => 'old', options);
    clock.now += 10_001;
    expect((await remove(cache)) ?? 0).toBe(0);
    expect(await cache.namespace('n').getEntry('k')).toBe(null);
    await expect(cache.namespace('n').getOrSet('k', () => Promise.reject(new Error('down')), options)).rejects.toThrow('down');
  });

  test('past the window nothing stale is served', async () => {
    const cache = make();
    await cache.getOrSet('k', () => 'one', { ttl: 10, staleWhileRevalidate: 5 });
    clock.now += 15_000;
    expect(await cache.getOrSet('k', () => 'behind', { ttl: 10, staleWhileRevalidate: 5 })).toBe('one');
    await turns();
    await cache.getOrSet('j', () => 'one', { ttl: 10, staleWhileRevalidate: 5 });
    clock.now += 15_001;
    expect(await cache.getOrSet('j', ({ previous }) => ['new', previous], { ttl: 10, staleWhileRevalidate: 5 })).toEqual(['new', null]);
    // a caller who did not ask for it gets none
    await cache.getOrSet('i', () => 'one', { ttl: 10, staleWhileRevalidate: 5 });
    clock.now += 10_001;
    expect(await cache.getOrSet('i', () => 'fresh', 10)).toBe('fresh');
  });

  test('stale when the loader fails', async () => {
    const cache = make();
    const options = { ttl: 10, staleIfError: 60 };
    await cache.getOrSet('k', () => 'one', options);
    clock.now += 10_001;
    const loader = jest.fn(({ previous }) => { throw new Error(previous); });
    expect(await cache.getOrSet('k', loader, options)).toBe('one');
    expect(loader).toHaveBeenCalledTimes(1);
    expect(await failure(cache.getOrSet('k', loader, 10))).toMatchObject({ message: 'one' });
    expect(await cache.getEntry('k')).toStrictEqual({ value: 'one', tier: 'l1', ttl: 0, stale: true });
    expect(cache.getStats().staleServed).toBe(1);
    clock.now += 60_000;
    expect(await failure(cache.getOrSet('k', loader, options))).toBeInstanceOf(Error);
    expect(await cache.getEntry('k')).toBe(null);
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
      clock.now += 10_001;
      const stale = cache.getOrSet('j', loader, { timeoutMs: 50, ttl: 10, staleIfError: 60 });
      await turns();
      jest.advanceTimersByTime(50);
      expect(await stale).toBe('one');
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});
