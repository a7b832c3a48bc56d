'use strict';
// Namespaces: views whose keys carry a prefix.
const { TieredCache } = require('sluice');

const failure = (promise) => promise.then(() => undefined, (error) => error);

describe.each([['reference'], ['bytes']])('store: %s', (store) => {
  let cache;
  beforeEach(() => (cache = new TieredCache({ memory: { store, maxEntries: 1000 } })));
  afterEach(() => cache.close());

  test('a view has the keys with its prefix, by their short names', async () => {
    const view = cache.namespace('app');
    expect(view).toBeInstanceOf(TieredCache);
    await view.set('a', 1);
    await cache.set('a', 2);
    expect([await view.get('a'), await cache.get('a'), await cache.get('app:a'), view.getSync('a')]).toEqual([1, 2, 1, 1]);
    expect([await view.keys(), (await cache.keys()).sort(), await cache.keys('app:')]).toEqual([['a'], ['a', 'app:a'], ['app:a']]);
    expect([await view.has('app:a'), await view.getMany(['a', 'b']), (await view.getEntry('a')).value]).toEqual([false, [1, null], 1]);
    await cache.set('app:a', 3);
    expect(await view.get('a')).toBe(3);
    await view.delete('a');
    expect([await cache.get('app:a'), await cache.get('a')]).toEqual([null, 2]);
  });

  test('views nest', async () => {
    const inner = cache.namespace('a').namespace('b');
    await inner.set('k', 1);
    expect([await cache.keys(), await cache.namespace('a').keys(), await inner.keys()]).toEqual([['a:b:k'], ['b:k'], ['k']]);
    expect(await cache.namespace('a:b').get('k')).toBe(1);
  });

  test('patterns, tags, clear concern the view only, also when its name reads as a glob', async () => {
    const star = cache.namespace('*');
    const other = cache.namespace('x');
    for (const view of [star, other, cache]) await view.setMany([['k1', 1], ['k2', 1]], { tags: ['t'] });
    expect(await star.deletePattern('k?')).toBe(2);
    expect([await star.keys(), (await other.keys()).sort(), (await cache.keys()).sort()]).toEqual([[], ['k1', 'k2'], ['k1', 'k2', 'x:k1', 'x:k2']]);
    expect([await other.delete('k*'), await cache.get('k1')]).toEqual([true, 1]);
    await other.set('k', 1);
    await star.set('k', 1);
    await other.clear();
    expect([await other.get('k'), await star.get('k'), await cache.get('k1')]).toEqual([null, 1, 1]);
    star.clearSync();
    expect([await star.get('k'), await cache.get('k1')]).toEqual([null, 1]);
    await star.set('k', 1);
    await cache.clear();
    expect(await star.get('k')).toBe(null);
  });

  test('closing a view closes nothing else', async () => {
    const view = cache.namespace('v');
    const same = cache.namespace('v');
    await view.set('a', 1);
    await view.get('a');
    await view.close();
    await view.close();
    expect(await failure(view.get('a'))).toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => view.getSync('a')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect([await same.get('a'), await cache.get('v:a')]).toEqual([1, 1]);
    await cache.close();
    expect(await failure(same.get('a'))).toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => same.getSync('a')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    await same.close();
  });

  test('a load is shared with the cache, and statistics too', async () => {
    const view = cache.namespace('v');
    const loader = jest.fn(async () => 1);
    expect(await Promise.all([view.getOrSet('a', loader), cache.getOrSet('v:a', loader)])).toEqual([1, 1]);
    expect(loader).toHaveBeenCalledTimes(1);
    expect(view.getStats().totalRequests).toBe(2);
    expect(await view.warmup([{ key: 'b', loader: () => 1 }])).toMatchObject({ success: 1 });
    expect(await cache.get('v:b')).toBe(1);
  });

  test('events come to a view with its own names for keys', async () => {
    const small = new TieredCache({ memory: { store, maxEntries: 20, policy: 'lru' } });
    const view = small.namespace('v');
    const [all, own] = [[], []];
    small.on('evicted', (key) => all.push(key));
    view.once('evicted', (key) => own.push(key));
    for (let at = 0; at < 200; at += 1) {
      await view.set(`k${at}`, at);
      await small.set(`other${at}`, at);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(own).toEqual([expect.stringMatching(/^k\d+$/)]);
    expect(all.length).toBeGreaterThan(300);
    expect(all.every((key) => /^(v:k|other)\d+$/.test(key))).toBe(true);
    await small.close();
  });

  test('a name that is none is refused', () => {
    for (const [name, code] of [['', 'ERR_INVALID_OPTION'], [undefined, 'ERR_INVALID_OPTION'], [5, 'ERR_INVALID_OPTION'], ['\ud800', 'ERR_VALUE'], ['\u0001', 'ERR_VALUE']]) {
      expect(() => cache.namespace(name)).toThrow(expect.objectContaining({ code }));
    }
  });
});
