'use strict';
// LocalCache. The clock is a number that the test moves.
const { LocalCache } = require('sluice/compat');
const { LocalCache: bySubpath } = require('sluice/compat/local-cache');

let now;
const make = (options) => new LocalCache({ now: () => now, ...options });
beforeEach(() => {
  now = 1_700_000_000_000;
});
/** A promise with its handles. */
function later() {
  const out = {};
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  return out;
}

test('the subpath has the same class', () => expect(bySubpath).toBe(LocalCache));

test('a value lives through the last millisecond of its TTL, ten minutes when none is given', () => {
  const cache = make();
  cache.set('own', 'a', 1500);
  cache.set('default', 'b');
  cache.set('null', 'c', null);
  now += 1500;
  expect(cache.get('own')).toBe('a');
  now += 1;
  expect(cache.get('own')).toBe(null);
  now += 600_000 - 1501;
  expect([cache.get('default'), cache.get('null')]).toEqual(['b', 'c']);
  now += 1;
  expect([cache.get('default'), cache.get('null')]).toEqual([null, null]);
});

test('without a clock of its own it reads Date.now at each call', () => {
  const spy = jest.spyOn(Date, 'now').mockImplementation(() => now);
  try {
    const cache = new LocalCache();
    cache.set('k', 1, 10);
    now += 10;
    expect(cache.get('k')).toBe(1);
    now += 1;
    expect(cache.get('k')).toBe(null);
  } finally {
    spy.mockRestore();
  }
});

test('values by reference, cyclic ones, functions and falsy ones too', () => {
  const cache = make();
  const value = { list: [] };
  value.self = value;
  cache.set('object', value);
  value.list.push(1);
  expect(cache.get('object')).toBe(value);
  for (const one of [0, '', false, NaN, () => 1, Symbol.iterator, 5n]) {
    cache.set('k', one);
    expect(cache.get('k')).toBe(one);
  }
  cache.set('null', null);
  expect(cache.get('null')).toBe(null);
});

test('set, del and clear; numbers are keys too', () => {
  const cache = make();
  expect(cache.set('a', 1)).toBe(undefined);
  cache.set(7, 'seven');
  expect([cache.get(7), cache.get('7'), cache.size]).toEqual(['seven', 'seven', 2]);
  expect([cache.del('a'), cache.del('a'), cache.get('a')]).toEqual([true, false, null]);
  cache.clear();
  expect([cache.get(7), cache.size]).toEqual([null, 0]);
});

test('a TTL of 0 or less, or a value of undefined, stores nothing and takes away what was there', () => {
  const cache = make();
  for (const [value, ttl] of [['b', 0], ['b', -5], [undefined, 10]]) {
    cache.set('k', 'a');
    cache.set('k', value, ttl);
    expect(cache.get('k')).toBe(null);
  }
  cache.set('k', 'for ever', Infinity);
  cache.set('l', 'nearly', Number.MAX_VALUE);
  now += 1e14;
  expect([cache.get('k'), cache.get('l')]).toEqual(['for ever', 'nearly']);
});

test('defect: a TTL of NaN that never ends', async () => {
  const cache = make();
  for (const ttl of [NaN, '5', {}]) {
    expect(() => cache.set('k', 1, ttl)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'ttlMs' }));
    await expect(cache.getOrSet('k', () => 1, ttl)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  }
  expect(cache.get('k')).toBe(null);
});

describe('isUnchanged', () => {
  test.each([
    ['equal objects', { a: 1, b: [2] }, { a: 1, b: [2] }, true],
    ['other objects', { a: 1 }, { a: 2 }, false],
    ['the order of members counts, as in JSON text', { a: 1, b: 2 }, { b: 2, a: 1 }, false],
    ['equal texts', 'x', 'x', true],
    ['a number and its text', 1, '1', false],
    ['null', null, null, true],
    ['undefined members are not in JSON', { a: 1, b: undefined }, { a: 1 }, true],
  ])('%s', (_, held, given, unchanged) => {
    const cache = make();
    cache.set('k', held);
    expect(cache.isUnchanged('k', given)).toBe(unchanged);
  });
  test('what JSON cannot say is compared by ===', () => {
    const cache = make();
    const cyclic = {};
    cyclic.self = cyclic;
    for (const value of [cyclic, () => 1, { big: 5n }]) {
      cache.set('k', value);
      expect([cache.isUnchanged('k', value), cache.isUnchanged('k', { ...cyclic }), cache.isUnchanged('k', () => 1)]).toEqual([true, false, false]);
    }
  });
  test('what is missing or expired is never unchanged', () => {
    const cache = make();
    cache.set('k', 'v', 10);
    now += 11;
    expect([cache.isUnchanged('k', 'v'), cache.isUnchanged('none', null), cache.isUnchanged('none', undefined)]).toEqual([false, false, false]);
  });
});

describe('getOrSet', () => {
  test('loads once, without an argument, for the TTL that is given or ten minutes', async () => {
    const cache = make();
    const loader = jest.fn(async () => 'loaded');
    expect([await cache.getOrSet('k', loader, 1000), await cache.getOrSet('k', loader, 1000)]).toEqual(['loaded', 'loaded']);
    expect(loader.mock.calls).toEqual([[]]);
    await cache.getOrSet('default', loader);
    now += 1001;
    expect([cache.get('k'), cache.get('default')]).toEqual([null, 'loaded']);
    now += 600_000;
    expect(cache.get('default')).toBe(null);
  });
  test('a plain value is a loader’s answer too, undefined is given and not stored', async () => {
    const cache = make();
    expect(await cache.getOrSet('k', () => 5)).toBe(5);
    const loader = jest.fn(() => undefined);
    expect([await cache.getOrSet('u', loader), await cache.getOrSet('u', loader)]).toEqual([undefined, undefined]);
    expect([loader.mock.calls.length, cache.get('u')]).toEqual([2, null]);
  });
  test('what a loader throws, at once or later, rejects its callers and is not remembered', async () => {
    const cache = make();
    const error = new Error('down');
    await expect(cache.getOrSet('k', () => { throw error; })).rejects.toBe(error);
    const both = [1, 2].map(() => cache.getOrSet('k', async () => { throw error; }));
    for (const one of both) await expect(one).rejects.toBe(error);
    expect(await cache.getOrSet('k', () => 'up')).toBe('up');
  });
  test('defect: one load per caller', async () => {
    const cache = make();
    const gate = later();
    const loader = jest.fn(() => gate.promise);
    const all = Array.from({ length: 10 }, () => cache.getOrSet('k', loader));
    gate.resolve('v');
    expect(await Promise.all(all)).toEqual(Array(10).fill('v'));
    expect(loader).toHaveBeenCalledTimes(1);
  });
  test('defect: a null that is loaded each time', async () => {
    const cache = make();
    const loader = jest.fn(async () => null);
    expect([await cache.getOrSet('k', loader, 10), await cache.getOrSet('k', loader, 10), cache.get('k')]).toEqual([null, null, null]);
    expect(loader).toHaveBeenCalledTimes(1);
    now += 11;
    await cache.getOrSet('k', loader, 10);
    expect(loader).toHaveBeenCalledTimes(2);
  });
  test.each([
    ['set', (cache) => cache.set('k', 'newer'), 'newer'],
    ['del', (cache) => cache.del('k'), null],
    ['clear', (cache) => cache.clear(), null],
  ])('defect: a load that undoes a %s', async (_, change, after) => {
    const cache = make();
    const gate = later();
    const loading = cache.getOrSet('k', () => gate.promise);
    change(cache);
    gate.resolve('older');
    expect(await loading).toBe('older');
    expect(cache.get('k')).toBe(after);
  });
  test('a load behind a del is one of its own', async () => {
    const cache = make();
    const [first, second] = [later(), later()];
    const old = cache.getOrSet('k', () => first.promise);
    cache.del('k');
    const fresh = cache.getOrSet('k', () => second.promise);
    second.resolve('fresh');
    expect(await fresh).toBe('fresh');
    first.resolve('old');
    expect([await old, cache.get('k')]).toEqual(['old', 'fresh']);
  });
  test('it goes through get and set, for spies and subclasses', async () => {
    const cache = make();
    const [get, set] = [jest.spyOn(cache, 'get'), jest.spyOn(cache, 'set')];
    await cache.getOrSet('k', () => 1, 5);
    expect([get.mock.calls, set.mock.calls]).toEqual([[['k']], [['k', 1, 5]]]);
  });
});

test('getOrSet loads what a get() of the suite’s says is not there', async () => {
  const cache = make();
  cache.set('k', 'held');
  for (const said of [null, undefined]) {
    const get = jest.spyOn(cache, 'get').mockReturnValue(said);
    const loader = jest.fn(() => 'loaded');
    expect([await cache.getOrSet('k', loader), loader.mock.calls.length]).toEqual(['loaded', 1]);
    get.mockRestore();
  }
});

test('defect: L1 without a bound', () => {
  const cache = make({ maxEntries: 100 });
  for (let at = 0; at < 1000; at += 1) cache.set(`k${at}`, at);
  expect(cache.size).toBe(100);
  expect(cache.get('k999')).toBe(999);
  const wide = make();
  for (let at = 0; at < 10_500; at += 1) wide.set(`k${at}`, at);
  expect(wide.size).toBe(10_000);
});

test('options are checked by name, and what concerns others is ignored', () => {
  expect(() => new LocalCache({ maxEntries: 0 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  expect(() => new LocalCache({ logger: console, level: 'debug' })).not.toThrow();
  expect(() => new LocalCache(null)).not.toThrow();
});
