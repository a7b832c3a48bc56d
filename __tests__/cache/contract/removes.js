'use strict';
// Deletes reach every tier, beyond the first thousand.
const { until } = require('../../support/loopback');

module.exports = (combination, at) => {
  /** What is left of keys, asked of the cache and of a new one on the same tiers. */
  async function left(cache, keys) {
    const here = (await cache.getMany(keys)).filter((value) => value !== null).length;
    return combination.wide ? [here, (await (await at.open()).getMany(keys)).filter((value) => value !== null).length] : [here, here];
  }
  const named = (start, count) => Array.from({ length: count }, (_, n) => `${start}${n}`);
  const fill = (cache, keys, options) => cache.setMany(keys.map((key) => [key, key, 60]), options);

  test('a key is gone from every tier, and true says that it was there', async () => {
    const cache = await at.open();
    await cache.set('key', 1, 60);
    expect([await cache.delete('key'), await cache.delete('key')]).toEqual([true, false]);
    expect(await left(cache, ['key'])).toEqual([0, 0]);
    expect([cache.getSync('key'), await cache.has('key')]).toEqual([null, false]);
  });

  test('keys, counted once each', async () => {
    const cache = await at.open();
    await fill(cache, named('k', 20));
    expect(await cache.deleteMany([...named('k', 10), 'k1', 'none'])).toBe(10);
    expect(await left(cache, named('k', 20))).toEqual([10, 10]);
  });

  test('a pattern removes what matches it, and no more, beyond a thousand keys', async () => {
    const cache = await at.open();
    const [gone, stay] = [named('user:1:', 1200), [...named('user:2:', 30), 'user:1', 'xuser:1:5']];
    await fill(cache, [...gone, ...stay]);
    expect(await cache.deletePattern('user:1:*')).toBe(1200);
    expect(await left(cache, gone)).toEqual([0, 0]);
    expect(await left(cache, stay)).toEqual([32, 32]);
  });

  test('globs are those of Redis', async () => {
    const keys = ['a1', 'a2', 'a11', 'b1', 'a*', 'a[1]', 'a?'];
    const cases = [
      ['a?', ['a1', 'a2', 'a*', 'a?']], ['a\\*', ['a*']], ['a[12]', ['a1', 'a2']], ['a[^1]', ['a2', 'a*', 'a?']], ['a\\[1\\]', ['a[1]']], ['[ab]1*', ['a1', 'a11', 'b1']],
    ];
    const cache = await at.open();
    for (const [glob, gone] of cases) {
      await fill(cache, keys);
      expect([glob, await cache.deletePattern(glob)]).toEqual([glob, gone.length]);
      expect([glob, ...(await cache.getMany(keys))]).toEqual([glob, ...keys.map((key) => (gone.includes(key) ? null : key))]);
    }
  });

  test('delete takes a glob only where it is one', async () => {
    const cache = await at.open();
    await fill(cache, ['p:1', 'p:2', 'q\\']);
    expect([await cache.delete('p:*'), await cache.delete('p:*'), await cache.delete('q\\')]).toEqual([true, false, true]);
    expect(await left(cache, ['p:1', 'p:2', 'q\\'])).toEqual([0, 0]);
  });

  test('a tag removes what carries it, beyond a thousand keys', async () => {
    const cache = await at.open();
    const [gone, stay] = [named('t', combination.tagged), named('u', 10)];
    await fill(cache, gone, { tags: ['red', 'round'] });
    await fill(cache, stay, { tags: ['round'] });
    expect(await cache.deleteByTag('red')).toBe(combination.tagged);
    expect([await cache.deleteByTag('red'), await cache.deleteByTag('none')]).toEqual([0, 0]);
    expect(await left(cache, gone)).toEqual([0, 0]);
    expect(await left(cache, stay)).toEqual([10, 10]);
    expect(await cache.deleteByTag('round')).toBe(10);
  });

  test('deleteTwice deletes now and again later, or at close', async () => {
    const cache = await at.open();
    for (let delayMs = 30; ; delayMs *= 4) {
      await cache.set('key', 1, 60);
      const began = performance.now();
      expect(await cache.deleteTwice('key', delayMs)).toBe(true);
      await cache.set('key', 'by a racing reader', 60);
      // so slow a machine that the reader may have come behind both
      if (performance.now() - began > 0.8 * delayMs && delayMs < 10_000) continue;
      await until(async () => (await cache.get('key')) === null);
      break;
    }
  });

  test('sets in parallel leave one value in all tiers, that of the last call', async () => {
    const cache = await at.open();
    await Promise.all(Array.from({ length: 50 }, (_, n) => cache.set('key', n, 60)));
    const seen = new Set();
    for (const tier of combination.tiers) seen.add(await cache.get('key', { skipL1: tier !== 1, skipL2: tier !== 2, skipL3: tier !== 3 }));
    expect([...seen]).toEqual([49]);
  });

  test('a set or delete while reads are on their way is not undone by what they fill', async () => {
    const cache = await at.open();
    for (let round = 0; round < 10; round += 1) {
      await cache.set('key', 'old', 60);
      const reader = combination.wide ? await at.open() : cache;
      const reads = Array.from({ length: 5 }, () => reader.get('key'));
      const change = round % 2 ? reader.delete('key') : reader.set('key', 'new', 60);
      reads.push(...Array.from({ length: 5 }, () => reader.get('key')));
      await Promise.all([...reads, change]);
      const expected = round % 2 ? null : 'new';
      expect([round, await reader.get('key'), await reader.get('key', { skipL1: combination.wide })]).toEqual([round, expected, expected]);
      if (combination.wide) await reader.close();
    }
  });

  test('clear empties all tiers of this cache, and of no other', async () => {
    const cache = await at.open();
    const space = cache.namespace('space');
    await fill(cache, ['a', 'b']);
    await fill(space, ['a', 'b']);
    await space.clear();
    expect([await left(space, ['a', 'b']).then(([here]) => here), await left(cache, ['a', 'b'])]).toEqual([0, [2, 2]]);
    await cache.clear();
    expect(await left(cache, ['a', 'b'])).toEqual([0, 0]);
    expect(await cache.keys()).toEqual([]);
  });

  test('keys lists live keys that begin so', async () => {
    const cache = await at.open();
    const [mine, others] = [named('list:', 1500), named('other[', 5)];
    await fill(cache, [...mine, ...others]);
    await cache.delete('list:7');
    expect((await cache.keys('list:', Infinity)).sort()).toEqual(mine.filter((key) => key !== 'list:7').sort());
    expect((await cache.keys('other[')).sort()).toEqual(others);
    expect(await cache.keys('list:', 10)).toHaveLength(10);
    expect(await cache.keys('list:')).toHaveLength(1000);
    expect(await cache.keys('none')).toEqual([]);
    const now = cache.set('list:now', 1, 60);
    expect(await cache.keys('list:now')).toEqual(['list:now']);
    await now;
  });
};
