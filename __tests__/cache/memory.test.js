'use strict';
// A cache whose only tier is memory, with live values and with bytes: what goes in comes out, when, and in what realm.
const { EventEmitter } = require('node:events');
const { TieredCache } = require('sluice');
const { STORES, cacheOf, closeAll, failure, thrown } = require('../support/caches');

afterEach(closeAll);

describe.each(STORES)('store: %s', (store) => {
  const make = (options = {}) => cacheOf({ ...options, memory: { store, ...options.memory } });

  test('values come out as they went in', async () => {
    const values = ['123', '', 'ü\u{1f600}', '\ud800 alone', 0, -1.5, true, false, null, [1, [2]], { a: { b: null } }, Buffer.from([0, 255]), Buffer.alloc(0), 'x'.repeat(100_000)];
    const cache = make();
    for (const [at, value] of values.entries()) {
      expect(await cache.set(`k${at}`, value)).toBe(true);
      expect(await cache.get(`k${at}`)).toStrictEqual(value);
      expect(cache.getSync(`k${at}`)).toStrictEqual(value);
    }
    expect(await cache.getMany(values.map((_, at) => `k${at}`))).toStrictEqual(values);
  });

  test('null is a value, and no miss', async () => {
    const cache = make();
    await cache.set('n', null);
    expect(await cache.get('n')).toBe(null);
    expect(await cache.getEntry('n')).toStrictEqual({ value: null, tier: 'l1', ttl: Infinity, stale: false });
    expect(await cache.getEntry('m')).toBe(null);
    expect([await cache.has('n'), await cache.has('m'), cache.hasSync('n'), cache.hasSync('m')]).toEqual([true, false, true, false]);
    expect(cache.getStats()).toMatchObject({ hits: { l1: 2 }, misses: 1 });
    expect(await cache.getOrSet('n', () => 'loaded')).toBe(null);
  });

  test('undefined is no value', async () => {
    const cache = make();
    const error = await failure(cache.set('the key', undefined));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ code: 'ERR_VALUE', key: 'the key', message: expect.stringContaining('"the key"') });
    expect(thrown(() => cache.setSync('k', undefined))).toMatchObject({ code: 'ERR_VALUE' });
    expect(await failure(cache.setMany([['a', 1], ['b', undefined]]))).toMatchObject({ code: 'ERR_VALUE' });
    expect(cache.hasSync('a')).toBe(false);
  });

  test('a set replaces, a delete removes', async () => {
    const cache = make();
    await cache.set('a', 1);
    await cache.set('a', 2);
    expect(await cache.get('a')).toBe(2);
    expect([await cache.delete('a'), await cache.delete('a'), await cache.get('a')]).toEqual([true, false, null]);
    cache.setSync('a', 3);
    expect([cache.deleteSync('a'), cache.deleteSync('a'), cache.getSync('a')]).toEqual([true, false, null]);
    await cache.setMany(new Map([['a', 1], ['b', 2], ['c', 3]]));
    expect(await cache.deleteMany(['a', 'a', 'c', 'x'])).toBe(2);
    expect(await cache.keys()).toEqual(['b']);
    cache.clearSync();
    expect(cache.getSync('b')).toBe(null);
    await cache.set('b', 1);
    await cache.clear();
    expect(await cache.get('b')).toBe(null);
  });

  test('a value lives to the last millisecond of its ttl', async () => {
    let now = 1_000_000;
    const cache = make({ now: () => now });
    await cache.set('a', 1, 1.5);
    await cache.set('b', 1, 0.0001);
    await cache.set('c', 1, Infinity);
    await cache.set('d', 1);
    expect([await cache.ttl('a'), await cache.ttl('b'), await cache.ttl('c'), await cache.ttl('d'), await cache.ttl('e')]).toEqual([1.5, 0.001, -1, -1, -2]);
    now += 1;
    expect([cache.getSync('b'), await cache.ttl('a')]).toEqual([1, 1.499]);
    now += 1;
    expect(cache.getSync('b')).toBe(null);
    now = 1_001_500;
    expect([cache.getSync('a'), await cache.get('a'), await cache.ttl('a'), (await cache.getEntry('a')).ttl]).toEqual([1, 1, 0, 0]);
    now += 1;
    expect([cache.getSync('a'), await cache.get('a'), await cache.ttl('a'), await cache.getEntry('a'), await cache.has('a'), cache.hasSync('a')]).toEqual([null, null, -2, null, false, false]);
    expect((await cache.keys()).sort()).toEqual(['c', 'd']);
    now = 8e15;
    expect(await cache.getMany(['c', 'd'])).toEqual([1, 1]);
  });

  test('a ttl that is none is refused', async () => {
    const cache = make();
    for (const ttl of [0, -1, NaN, -Infinity, 1e300, '10', null, {}]) {
      for (const error of [await failure(cache.set('a', 1, ttl)), thrown(() => cache.setSync('a', 1, ttl)), await failure(cache.setMany([['a', 1, ttl]]))]) {
        expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', option: expect.stringMatching(/ttl$/) });
        expect(error).toBeInstanceOf(Error);
      }
    }
    expect(await cache.get('a')).toBe(null);
  });

  test('jitter moves a deadline either way, by its share at most, drawn once per set', async () => {
    const draws = [0, 0.5, 1 - 2 ** -53];
    const cache = make({ jitter: 0.2, now: () => 5000, random: () => draws.shift() });
    for (const key of ['low', 'middle', 'high']) await cache.set(key, 1, 10);
    expect([await cache.ttl('low'), await cache.ttl('middle'), await cache.ttl('high')]).toEqual([8, 10, 12]);
    await cache.set('exact', 1, 10, { skipTtlRandomization: true });
    expect(await cache.ttl('exact')).toBe(10);
    expect(draws).toEqual([]);
    // memory alone: no jitter unless it is asked for
    const plain = make({ now: () => 5000, random: () => 0 });
    await plain.set('a', 1, 10);
    expect(await plain.ttl('a')).toBe(10);
  });

  test('caps of one entry', async () => {
    const cache = make({ now: () => 5000 });
    await cache.set('a', 1, 10, { l1Ttl: 2 });
    await cache.set('b', 1, 2, { l1Ttl: 10 });
    await cache.set('c', 1, undefined, { l1Ttl: 3 });
    expect([await cache.ttl('a'), await cache.ttl('b'), await cache.ttl('c')]).toEqual([2, 2, 3]);
  });

  test('skipL1 leaves memory out', async () => {
    const cache = make();
    await cache.set('a', 1);
    expect([await cache.get('a', { skipL1: true }), await cache.get('a', { skipL2: true, skipL3: true })]).toEqual([null, 1]);
    await cache.set('a', 2, undefined, { skipL1: true });
    expect(await cache.get('a')).toBe(null);
  });

  test('bounded: what is over maxEntries leaves, and is told of', async () => {
    const cache = make({ memory: { maxEntries: 50, policy: 'lru' } });
    const gone = [];
    cache.on('evicted', (key, reason) => gone.push([key, reason]));
    for (let at = 0; at < 500; at += 1) await cache.set(`k${at}`, at);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const left = (await cache.keys('', Infinity)).length;
    expect(left).toBeLessThanOrEqual(60);
    expect(left).toBeGreaterThan(20);
    expect(cache.getStats().memory.evictions).toBe(500 - left);
    expect(gone).toHaveLength(500 - left);
    expect(gone[0]).toEqual([expect.stringMatching(/^k\d+$/), 'size']);
  });

  test('many keys are read as they were when they were asked for, from anything that is like an array', async () => {
    const cache = make();
    await cache.setMany([['a', 1], ['b', 2]]);
    const keys = ['a', 'b', 'a', 'c'];
    const reading = cache.getMany(keys);
    keys.fill('c');
    const read = await reading;
    expect(read).toStrictEqual([1, 2, 1, null]);
    expect(await cache.getMany({ length: 1, 0: 'b' })).toStrictEqual([2]);
    expect(await cache.getMany([])).toStrictEqual([]);
    for (const wrong of [undefined, null, 'ab', 5, {}, new Set(['a'])]) expect(await failure(cache.getMany(wrong))).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'keys' });
    for (const wrong of [undefined, null, 5, {}, [5]]) expect(await failure(cache.setMany(wrong))).toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  test('bytes to send on', async () => {
    const cache = make();
    await cache.setMany([['buffer', Buffer.from([0, 255])], ['text', 'grün'], ['json', { a: [1] }], ['surrogate', 'a\ud800']]);
    expect(await cache.getBytes('buffer')).toStrictEqual(Buffer.from([0, 255]));
    expect(await cache.getBytes('text')).toStrictEqual(Buffer.from('grün'));
    expect(await cache.getBytes('json')).toStrictEqual(Buffer.from('{"a":[1]}'));
    expect(await cache.getBytes('surrogate')).toStrictEqual(Buffer.from('a\ufffd'));
    expect(await cache.getBytes('nothing')).toBe(null);
  });

  test('listeners that throw break nothing', async () => {
    const cache = make({ memory: { maxEntries: 10 } });
    cache.on('evicted', () => {
      throw new Error('from a listener');
    });
    for (let at = 0; at < 100; at += 1) expect(await cache.set(`k${at}`, at)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await cache.get('k99')).toBe(99);
  });

  test('after close everything is ERR_CLOSED, and closing again is nothing', async () => {
    const cache = make();
    await cache.set('a', 1);
    await cache.get('a');
    await Promise.all([cache.close(), cache.close()]);
    await cache.close();
    const calls = {
      initialize: () => cache.initialize(), get: () => cache.get('a'), getEntry: () => cache.getEntry('a'), getBytes: () => cache.getBytes('a'), getMany: () => cache.getMany(['a']),
      set: () => cache.set('a', 1), setMany: () => cache.setMany([['a', 1]]), delete: () => cache.delete('a'), deleteMany: () => cache.deleteMany(['a']),
      deletePattern: () => cache.deletePattern('*'), deleteByTag: () => cache.deleteByTag('t'), deleteTwice: () => cache.deleteTwice('a', 1),
      getOrSet: () => cache.getOrSet('a', () => 1), has: () => cache.has('a'), ttl: () => cache.ttl('a'), keys: () => cache.keys(), clear: () => cache.clear(), warmup: () => cache.warmup([]),
    };
    for (const [name, call] of Object.entries(calls)) {
      let promise;
      expect(() => (promise = call())).not.toThrow();
      expect({ name, code: (await failure(promise))?.code }).toEqual({ name, code: 'ERR_CLOSED' });
    }
    for (const call of [() => cache.getSync('a'), () => cache.hasSync('a'), () => cache.setSync('a', 1), () => cache.deleteSync('a'), () => cache.clearSync(), () => cache.namespace('n')]) {
      expect(thrown(call)).toMatchObject({ code: 'ERR_CLOSED' });
    }
    expect(cache.getStats().totalRequests).toBe(1);
    expect(cache.health()).toEqual({ redis: 'off', disk: 'off' });
  });

  test('it is an EventEmitter, and disposable where the realm knows the symbol', async () => {
    const cache = make();
    expect(cache).toBeInstanceOf(EventEmitter);
    expect(cache).toBeInstanceOf(TieredCache);
    expect(typeof cache[Symbol.asyncDispose ?? 'none']).toBe(Symbol.asyncDispose ? 'function' : 'undefined');
    if (Symbol.asyncDispose) await cache[Symbol.asyncDispose]();
    else await cache.close();
    expect(await failure(cache.get('a'))).toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('a signal ends one get', async () => {
    const reason = new Error('enough');
    const error = await failure(make().get('a', { signal: AbortSignal.abort(reason) }));
    expect(error).toMatchObject({ code: 'ERR_ABORTED', cause: reason });
  });
});
