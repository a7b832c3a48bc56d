'use strict';
// What goes in comes out, by type, from every tier.
const values = [
  ['a string of digits', '123'], ['an empty string', ''], ['text beyond ASCII', 'grüße 😀 \u0000 \u2028'], ['text that looks like JSON', '{"a":1}'],
  ['text in quotes', '"quoted"'], ['text that begins as our own formats do', '\u00021j0'], ['text that begins as encoded bytes do', '\u0001AAAA'],
  ['zero', 0], ['a fraction', -1.5e-7], ['true', true], ['false', false], ['null', null],
  ['an array', [1, [2, null], 'x']], ['an object', { a: { b: [{}] }, 'ü': 'é', __proto: 1 }], ['an empty object', {}],
  ['a large object', { rows: Array.from({ length: 3000 }, (_, at) => ({ at, text: 'x'.repeat(20) })) }],
  ['bytes', Buffer.from([0, 255, 128, 10])], ['no bytes', Buffer.alloc(0)], ['many bytes', Buffer.alloc(100_000, 0xab)],
];

module.exports = (combination, at) => {
  test.each(values)('%s comes out as it went in', async (_, value) => {
    const cache = await at.open();
    expect(await cache.set('key', value, 60)).toBe(true);
    expect(await cache.get('key')).toStrictEqual(value);
    expect(await cache.get('key')).toStrictEqual(value);
    if (!combination.wide) return;
    const other = await at.open();
    expect(await other.get('key')).toStrictEqual(value);
    expect(await other.get('key')).toStrictEqual(value);
    for (const tier of combination.tiers) {
      const only = { skipL1: tier !== 1, skipL2: tier !== 2, skipL3: tier !== 3 };
      expect(await cache.get('key', only)).toStrictEqual(value);
    }
  });

  test('null is told from a miss', async () => {
    const cache = await at.open();
    await cache.set('null', null, 60);
    expect([await cache.get('null'), await cache.get('none')]).toEqual([null, null]);
    expect([await cache.has('null'), await cache.has('none')]).toEqual([true, false]);
    expect([(await cache.getEntry('null')).value, await cache.getEntry('none')]).toEqual([null, null]);
  });

  test('undefined is refused, and so are keys that would merge or are ours', async () => {
    const cache = await at.open();
    await expect(cache.set('key', undefined, 60)).rejects.toMatchObject({ code: 'ERR_VALUE' });
    await expect(cache.set('\ud800', 1, 60)).rejects.toMatchObject({ code: 'ERR_VALUE' });
    await expect(cache.set('\u0001key', 1, 60)).rejects.toMatchObject({ code: 'ERR_VALUE' });
  });

  test('v8 keeps dates, maps, sets and big numbers', async () => {
    const cache = await at.open({ codec: 'v8' });
    const value = { at: new Date(5), map: new Map([[1, new Set(['x'])]]), big: 2n ** 70n, bytes: new Uint8Array([1, 2]) };
    await cache.set('key', value, 60);
    expect(await cache.get('key')).toEqual(value);
    if (combination.wide) expect(await (await at.open({ codec: 'v8' })).get('key')).toEqual(value);
  });

  test('getBytes gives bytes to send on', async () => {
    const cache = await at.open();
    await cache.setMany([['text', 'ü'], ['json', { a: 1 }], ['bytes', Buffer.from([0, 1])]]);
    const bytes = await Promise.all(['text', 'json', 'bytes', 'none'].map((key) => cache.getBytes(key)));
    expect(bytes.map((one) => one && one.toString('hex'))).toEqual([Buffer.from('ü').toString('hex'), Buffer.from('{"a":1}').toString('hex'), '0001', null]);
  });

  test('many at once, in their order', async () => {
    const cache = await at.open();
    const entries = Array.from({ length: 600 }, (_, n) => [`many:${n}`, { n }, 60]);
    expect(await cache.setMany(entries)).toBe(true);
    const keys = ['many:5', 'none', 'many:0', 'many:5', ...entries.map(([key]) => key)];
    const expected = [{ n: 5 }, null, { n: 0 }, { n: 5 }, ...entries.map(([, value]) => value)];
    expect(await cache.getMany(keys)).toStrictEqual(expected);
    if (combination.wide) expect(await (await at.open()).getMany(keys)).toStrictEqual(expected);
  });

  test('keys of all kinds are different keys', async () => {
    const cache = await at.open();
    const keys = ['', 'a', 'A', 'ä', 'a\u0308', 'a b', 'a*', 'a?[x]', 'a\\', '{a}', 'a}{b', 'x'.repeat(600), `${'x'.repeat(600)}y`, '\n', '😀'];
    await cache.setMany(keys.map((key) => [key, `value of ${key}`, 60]));
    expect(await cache.getMany(keys)).toEqual(keys.map((key) => `value of ${key}`));
    if (combination.wide) expect(await (await at.open()).getMany(keys)).toEqual(keys.map((key) => `value of ${key}`));
    expect(await cache.deleteMany(keys.slice(0, 8))).toBe(8);
    expect(await cache.getMany(keys)).toEqual(keys.map((key, n) => (n < 8 ? null : `value of ${key}`)));
  });

  test('a namespace is a view of its own', async () => {
    const cache = await at.open();
    const one = cache.namespace('one');
    await one.set('key', 1, 60);
    await cache.namespace('two').set('key', 2, 60);
    expect([await one.get('key'), await cache.namespace('two').get('key'), await cache.get('key'), await cache.get('one:key')]).toEqual([1, 2, null, 1]);
    expect(await one.keys()).toEqual(['key']);
    await one.clear();
    expect([await one.get('key'), await cache.namespace('two').get('key')]).toEqual([null, 2]);
  });
};
