'use strict';
// A cache whose only tier is memory: what live values keep that bytes do not, and the other way round.
const { cacheOf, closeAll, failure } = require('../support/caches');

afterEach(closeAll);

describe('live values', () => {
  test('are kept as they are: cycles, functions, instances, dates', async () => {
    const cache = cacheOf();
    const cyclic = {};
    cyclic.self = cyclic;
    const values = [cyclic, () => 5, new Date(5), new Map([[1, 2]]), Symbol('s'), 10n, new (class Thing {})()];
    for (const [at, value] of values.entries()) {
      await cache.set(`k${at}`, value);
      expect(await cache.get(`k${at}`)).toBe(value);
      expect(cache.getSync(`k${at}`)).toBe(value);
    }
  });

  test('weigh what sizeOf says', async () => {
    const cache = cacheOf({ memory: { maxBytes: 100, sizeOf: (value, key) => value.length + key.length } });
    for (let at = 0; at < 100; at += 1) await cache.set(`${at % 10}`, 'x'.repeat(29));
    expect(cache.getStats().memory).toMatchObject({ bytes: 90, entries: 3 });
    expect(await cache.set('large', 'x'.repeat(200))).toBe(false);
    expect(await cache.get('large')).toBe(null);
  });
});

describe('bytes', () => {
  test('what JSON cannot say is refused, with the key', async () => {
    const cache = cacheOf({ memory: { store: 'bytes' } });
    const cyclic = {};
    cyclic.self = cyclic;
    for (const value of [cyclic, 10n, { a: 10n }, () => 5, Symbol('s')]) {
      const error = await failure(cache.set('the key', value));
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: 'ERR_VALUE', key: 'the key', message: expect.stringContaining('"the key"') });
    }
    expect(cache.hasSync('the key')).toBe(false);
  });

  test('a set Date is a string from the first get on, here as elsewhere', async () => {
    const cache = cacheOf({ memory: { store: 'bytes' } });
    const date = new Date(5);
    await cache.set('date', { date });
    expect(await cache.get('date')).toStrictEqual({ date: date.toISOString() });
    expect(await cache.get('date')).toStrictEqual({ date: date.toISOString() });
  });

  test('what was decoded is served again by reference, until it is set again', async () => {
    const cache = cacheOf({ memory: { store: 'bytes' } });
    const given = { a: 1 };
    await cache.set('a', given);
    const first = await cache.get('a');
    expect(first).not.toBe(given);
    expect([await cache.get('a') === first, cache.getSync('a') === first, await cache.getOrSet('a', () => 2) === first]).toEqual([true, true, true]);
    await cache.set('a', given);
    expect(await cache.get('a')).not.toBe(first);
    const decoding = cacheOf({ memory: { store: 'bytes', near: false } });
    await decoding.set('a', given);
    expect(await decoding.get('a')).not.toBe(await decoding.get('a'));
  });

  test('a Uint8Array comes back as a Buffer', async () => {
    const cache = cacheOf({ memory: { store: 'bytes' } });
    await cache.set('a', Uint8Array.from([0, 1, 2, 3]).subarray(1, 3));
    expect(await cache.get('a')).toStrictEqual(Buffer.from([1, 2]));
  });

  test("codec 'v8' keeps what JSON loses, in this realm", async () => {
    const cache = cacheOf({ codec: 'v8', memory: { store: 'bytes' } });
    const value = { date: new Date(5), map: new Map([['a', new Set([1n])]]), list: [undefined, -0, NaN], bytes: Uint16Array.from([1, 2]), error: new RangeError('r'), pattern: /a/gu };
    value.self = value;
    await cache.set('a', value);
    const read = await cache.get('a');
    expect(read.self).toBe(read);
    delete read.self;
    delete value.self;
    expect(read).toStrictEqual(value);
    expect([read.date instanceof Date, read.map instanceof Map, read.map.get('a') instanceof Set, read.list instanceof Array, read.error instanceof RangeError, read.pattern instanceof RegExp, read instanceof Object]).toEqual(Array(7).fill(true));
    expect(await cache.set('text', '123') && await cache.get('text')).toBe('123');
    expect(await failure(cache.set('f', { f() {} }))).toMatchObject({ code: 'ERR_VALUE', key: 'f', cause: expect.anything() });
  });
});
