'use strict';
// A cache whose only tier is memory: what is deleted, by key, pattern, tag, and later; and what is listed.
const { STORES, cacheOf, closeAll, failure } = require('../support/caches');

afterEach(closeAll);

describe.each(STORES)('store: %s', (store) => {
  const make = (options = {}) => cacheOf({ ...options, memory: { store, ...options.memory } });

  test('patterns match as Redis matches', async () => {
    const cache = make();
    const keys = ['user:1', 'user:2', 'user:10', 'user:x', 'User:1', 'a*b', 'a?b', 'a[b', 'aXb', 'ab', 'a\\b', 'ü1', 'a\nb'];
    const matching = {
      'user:*': ['user:1', 'user:2', 'user:10', 'user:x'],
      'user:?': ['user:1', 'user:2', 'user:x'],
      'user:[0-9]': ['user:1', 'user:2'],
      'user:[^0-9]': ['user:x'],
      '[uU]ser:1': ['user:1', 'User:1'],
      'a\\*b': ['a*b'],
      'a\\?b': ['a?b'],
      'a\\[b': ['a[b'],
      'a?b': ['a*b', 'a?b', 'a[b', 'aXb', 'a\\b', 'a\nb'],
      'a\\\\b*': ['a\\b'],
      'ü*': ['ü1'],
      'no*': [],
      '*': keys,
    };
    for (const [pattern, expected] of Object.entries(matching)) {
      await cache.setMany(keys.map((key) => [key, 1]));
      expect({ pattern, count: await cache.deletePattern(pattern) }).toEqual({ pattern, count: expected.length });
      const left = await cache.keys();
      expect({ pattern, gone: keys.filter((key) => !left.includes(key)) }).toEqual({ pattern, gone: expected });
    }
  });

  test('delete takes a key literally unless it is a glob', async () => {
    const cache = make();
    await cache.setMany([['a\\b', 1], ['ab', 1], ['c]', 1], ['x1', 1], ['x2', 1]]);
    expect([await cache.delete('a\\b'), await cache.delete('c]'), await cache.delete('x*'), await cache.delete('x*')]).toEqual([true, true, true, false]);
    expect(await cache.keys()).toEqual(['ab']);
  });

  test('a pattern against a long key takes no exponential time', async () => {
    const cache = make();
    await cache.set('a'.repeat(10_000), 1);
    const begun = Date.now();
    expect(await cache.deletePattern(`${'a*'.repeat(50)}b`)).toBe(0);
    expect(Date.now() - begun).toBeLessThan(5000);
  });

  test('tags delete what carries them', async () => {
    const cache = make();
    await cache.set('a', 1, undefined, { tags: ['x', 'y'] });
    await cache.set('b', 1, undefined, { tags: ['x'] });
    await cache.set('c', 1, undefined, { tags: ['y'] });
    await cache.set('b', 2, undefined, { tags: ['z'] });
    expect([await cache.deleteByTag('x'), await cache.deleteByTag('x'), await cache.deleteByTag('none')]).toEqual([1, 0, 0]);
    expect((await cache.keys()).sort()).toEqual(['b', 'c']);
    const namespace = cache.namespace('n');
    await namespace.set('d', 1, undefined, { tags: ['y'] });
    expect([await cache.deleteByTag('y'), await namespace.deleteByTag('y')]).toEqual([1, 1]);
  });

  test('keys are listed by prefix, up to a limit', async () => {
    const cache = make();
    await cache.setMany(Array.from({ length: 1500 }, (_, at) => [`k${at}`, at]));
    await cache.set('other', 1);
    expect(await cache.keys('o')).toEqual(['other']);
    expect(await cache.keys()).toHaveLength(1000);
    expect(await cache.keys('k', 7)).toHaveLength(7);
    expect(await cache.keys('k', 0)).toEqual([]);
    expect(new Set(await cache.keys('', Infinity)).size).toBe(1501);
    for (const limit of [-1, 1.5, NaN, '5']) expect(await failure(cache.keys('', limit))).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'limit' });
    expect(await failure(cache.keys(5))).toMatchObject({ option: 'prefix' });
  });

  test('a second delete comes when its time has come, or at close', async () => {
    jest.useFakeTimers();
    try {
      const cache = make();
      await cache.set('a', 1);
      expect(await cache.deleteTwice('a', 1000)).toBe(true);
      await cache.set('a', 'filled back');
      jest.advanceTimersByTime(999);
      expect(await cache.get('a')).toBe('filled back');
      jest.advanceTimersByTime(1);
      expect(await cache.get('a')).toBe(null);
      expect(await cache.deleteTwice('a', 1000)).toBe(false);
      expect(jest.getTimerCount()).toBe(1);
      await cache.close();
      expect(jest.getTimerCount()).toBe(0);
      for (const delay of [-1, 1.5, undefined, '5']) expect(await failure(make().deleteTwice('a', delay))).toMatchObject({ option: 'delayMs' });
    } finally {
      jest.useRealTimers();
    }
  });
});
