'use strict';
// Keys: which strings are keys everywhere, and keys built from parts.
const { TieredCache, cacheKey } = require('sluice');

const refusal = (run) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('cacheKey', () => {
  test('joins its parts', () => {
    expect(cacheKey('app', 'user')).toBe('app:user');
    expect(cacheKey('app', 'user', '7')).toBe('app:user:7');
    expect(cacheKey('app', 'user', '7', 'profile')).toBe('app:user:7:profile');
  });

  test('a part left out between others is empty, one at the end is not there', () => {
    expect(cacheKey('a', 'b', undefined, 'c')).toBe('a:b::c');
    expect(cacheKey('a', 'b', '', 'c')).toBe('a:b::c');
    expect(cacheKey('a', 'b', 'i', undefined)).toBe('a:b:i');
    expect(cacheKey('a', 'b', undefined, undefined)).toBe('a:b');
  });

  test('what would read as a glob, a separator or a control character is percent-encoded', () => {
    expect(cacheKey('a', '%:*?[]\\')).toBe('a:%25%3A%2A%3F%5B%5D%5C');
    expect(cacheKey('a', '\u0000\u0001\n\u001f\u007f')).toBe('a:%00%01%0A%1F%7F');
    expect(cacheKey('a', '\u0080\u009f')).toBe('a:%C2%80%C2%9F');
    expect(cacheKey('a', 'grüße ☃ \u{1f600} /-_.~')).toBe('a:grüße ☃ \u{1f600} /-_.~');
    expect(decodeURIComponent(cacheKey('a', 'x:*\u0085%').slice(2))).toBe('x:*\u0085%');
  });

  test('different parts never make one key', () => {
    const parts = ['', 'a', 'b', 'a:b', ':', '%', '%3A', '*', 'b:'];
    const keys = parts.flatMap((one) => parts.flatMap((two) => parts.map((three) => cacheKey(one, two, three))));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('parts that are no strings, and lone surrogates, are refused', () => {
    expect(refusal(() => cacheKey('a'))).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'entity' });
    expect(refusal(() => cacheKey(1, 'b'))).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'namespace' });
    expect(refusal(() => cacheKey('a', 'b', 7))).toBeInstanceOf(TypeError);
    expect(refusal(() => cacheKey('a', 'b', '7', {}))).toMatchObject({ option: 'extra' });
    expect(refusal(() => cacheKey('a', '\ud800'))).toMatchObject({ code: 'ERR_VALUE' });
  });

  test('such a key is deleted as itself, never as a glob', async () => {
    const cache = new TieredCache();
    const starred = cacheKey('app', 'user', '*');
    await cache.set(starred, 1);
    await cache.set(cacheKey('app', 'user', '7'), 2);
    expect(await cache.delete(starred)).toBe(true);
    expect(await cache.get(cacheKey('app', 'user', '7'))).toBe(2);
    await cache.close();
  });
});

describe.each([['reference'], ['bytes']])('keys of a cache, store: %s', (store) => {
  let cache;
  beforeEach(() => (cache = new TieredCache({ memory: { store } })));
  afterEach(() => cache.close());

  const bad = [[undefined], [null], [5], [{}], [['a']], [Symbol('a')], ['a\ud800b'], ['\udc00'], ['\u0001l:x']];
  const calls = {
    get: (key) => cache.get(key),
    'get with options': (key) => cache.get(key, {}),
    getEntry: (key) => cache.getEntry(key),
    getBytes: (key) => cache.getBytes(key),
    getMany: (key) => cache.getMany(['good', key]),
    set: (key) => cache.set(key, 1),
    setMany: (key) => cache.setMany([['good', 1], [key, 1]]),
    getOrSet: (key) => cache.getOrSet(key, () => 1),
    delete: (key) => cache.delete(key),
    deleteMany: (key) => cache.deleteMany([key]),
    deleteTwice: (key) => cache.deleteTwice(key, 1),
    has: (key) => cache.has(key),
    ttl: (key) => cache.ttl(key),
    warmup: (key) => cache.warmup([{ key, loader: () => 1 }]),
  };
  test.each(Object.keys(calls))('%s rejects what is no key, with ERR_VALUE that says why', async (name) => {
    for (const [key] of bad) {
      let promise;
      expect(() => (promise = calls[name](key))).not.toThrow();
      const error = await promise.then(() => undefined, (reason) => reason);
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: 'ERR_VALUE', message: expect.stringMatching(/^the key cannot be stored: it (must be a string; got|holds a lone surrogate|starts with U\+0001)/) });
    }
    expect(cache.getSync('good')).toBe(null);
  });

  test.each([['getSync'], ['hasSync'], ['deleteSync'], ['setSync']])('%s throws the same', (name) => {
    for (const [key] of bad) expect(refusal(() => cache[name](key, 1))).toMatchObject({ code: 'ERR_VALUE' });
  });

  test('any other string is a key, the empty one too, and none is taken for another', async () => {
    const keys = ['', ' ', 'a', 'A', 'ä', 'a\u0308', '\u{1f600}', 'x'.repeat(10_000), '\n', '\u0000', 'a\u0001', '\ufeff', '__proto__', 'constructor', 'toString'];
    for (const [at, key] of keys.entries()) expect(await cache.set(key, at)).toBe(true);
    for (const [at, key] of keys.entries()) expect({ key, value: await cache.get(key) }).toEqual({ key, value: at });
    expect(await cache.getMany(keys)).toEqual(keys.map((_, at) => at));
    expect((await cache.keys()).sort()).toEqual([...keys].sort());
    expect(await cache.deleteMany(keys)).toBe(keys.length);
    expect(await cache.getMany(keys)).toEqual(keys.map(() => null));
  });
});
