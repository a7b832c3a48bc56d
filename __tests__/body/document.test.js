'use strict';
const { Readable } = require('node:stream');
const { JsonDocument, readDocument } = require('sluice');

const stream = (text) => Readable.from([Buffer.from(text)], { objectMode: false });
const TEXT = '{ "model" : "a", "messages":[{"role":"user","content":"h\\u00e9 😀"},{"role":"x"}],\n "n":-0, "big":12345678901234567890, "a/b":{"~":1}, "":0, "e":[], "d":1, "d":2 }';
const PAD = ' '.repeat(300_000);

describe.each([['small', ''], ['large', PAD]])('a %s document', (_, pad) => {
  const tree = JSON.parse(TEXT);
  let document;
  beforeEach(async () => {
    document = await readDocument(stream(TEXT + pad));
  });
  afterEach(() => document.close());

  test('get reads by pointer what JSON.parse reads', () => {
    expect(document.get('')).toStrictEqual(tree);
    expect(document.get('/messages/0/content')).toBe('hé 😀');
    expect(Object.is(document.get('/n'), -0)).toBe(true);
    expect(document.get('/big')).toBe(tree.big);
    expect(document.get('/a~1b/~0')).toBe(1);
    expect(document.get('/')).toBe(0);
    expect(document.get('/d')).toBe(2);
    for (const pointer of ['/x', '/messages/2', '/messages/-', '/messages/00', '/model/0', '/messages/0/content/x']) {
      expect(document.get(pointer)).toBeUndefined();
      expect(document.has(pointer)).toBe(false);
    }
    expect(document.has('/messages/1')).toBe(true);
    expect(document.getMany(['/model', '/x', '/messages/1/role'])).toEqual(['a', undefined, 'x']);
  });

  test('length counts elements and members', () => {
    expect(['', '/messages', '/e', '/a~1b', '/model', '/x'].map((pointer) => document.length(pointer))).toEqual([Object.keys(tree).length, 2, 0, 1, -1, -1]);
  });

  test('raw returns original bytes, a copy of them', () => {
    expect(document.raw().toString()).toBe(TEXT + pad);
    expect(document.byteLength).toBe(Buffer.byteLength(TEXT + pad));
    expect(document.raw('/messages/0/content').toString()).toBe('"h\\u00e9 😀"');
    document.raw('/messages').fill(0);
    expect(document.raw('/big').toString()).toBe('12345678901234567890');
    expect(() => document.raw('/x')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });

  test('with replaces, adds, removes and appends, and leaves all else as it is', () => {
    const changed = document.with({ '/model': 'x"é', '/messages/0': undefined, '/messages/-': { a: [1] }, '/new': null, '/d': undefined, '/gone': undefined });
    expect(changed.toString()).toBe(
      '{ "model" : "x\\"é", "messages":[{"role":"x"},{"a":[1]}],\n "n":-0, "big":12345678901234567890, "a/b":{"~":1}, "":0, "e":[],"new":null }' + pad,
    );
    expect(document.with({}).equals(document.raw())).toBe(true);
    expect(document.with({ '': [1] }).toString().trim()).toBe('[1]');
    expect(document.with({ '/e/-': '\ud800' }).toString()).toContain('"e":["\\ud800"]');
  });

  test('changes that lead nowhere, overlap or cannot be said are errors', () => {
    const cyclic = {};
    cyclic.self = cyclic;
    for (const changes of [{ '/x/y': 1 }, { '/model/y': 1 }, { '/messages/2': 1 }, { '': undefined }, { '/messages': 1, '/messages/0': 2 }, { model: 1 }, { '/~2': 1 }, { '/model': () => 1 }, { '/model': 1n }, { '/model': cyclic }]) {
      expect(() => document.with(changes)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    }
    for (const changes of [null, 5, undefined]) expect(() => document.with(changes)).toThrow(TypeError);
  });

  test('pointers are checked', () => {
    for (const pointer of ['x', '/~', '/~2', '#/a']) expect(() => document.get(pointer)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', name: 'RangeError' }));
    for (const pointer of [undefined, 5, null, ['/a']]) expect(() => document.get(pointer)).toThrow(TypeError);
    expect(() => document.getMany('/a')).toThrow(TypeError);
  });

  test('toObject builds the whole tree', async () => {
    expect(await document.toObject()).toStrictEqual(tree);
  });

  test('after close everything but close is ERR_CLOSED', async () => {
    document.close();
    document.close();
    for (const use of [() => document.get(''), () => document.getMany(['']), () => document.has(''), () => document.length(''), () => document.raw(), () => document.with({}), () => document.byteLength]) {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    }
    await expect(document.toObject()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

test('parse copies its input, takes strings and views, and keeps to the limits', async () => {
  const bytes = Buffer.from('{"a":1}');
  const document = await JsonDocument.parse(bytes);
  bytes.fill(0);
  expect(document.get('/a')).toBe(1);
  expect((await JsonDocument.parse('{"é":"漢"}')).get('/é')).toBe('漢');
  expect((await JsonDocument.parse(new DataView(Uint8Array.from([91, 49, 93]).buffer))).get('/0')).toBe(1);
  expect((await JsonDocument.parse(' ')).get('')).toEqual({});
  const bad = [['[[1]]', { maxDepth: 1 }, 'ERR_BODY_JSON'], ['[1', {}, 'ERR_BODY_JSON'], ['"\ud800"', {}, 'ERR_BODY_CHARSET'], ['[1,2]', { maxBytes: 4 }, 'BODY_TOO_LARGE'], [5, {}, 'ERR_INVALID_OPTION'], ['1', { proto: 'x' }, 'ERR_INVALID_OPTION'], ['1', { signal: AbortSignal.abort() }, 'ERR_ABORTED']];
  for (const [input, options, code] of bad) await expect(JsonDocument.parse(input, options)).rejects.toMatchObject({ code });
  expect(() => new JsonDocument()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
});

test('keys that JavaScript tells apart stay apart', async () => {
  const document = await JsonDocument.parse('{"\\ud800":1,"\\ud801":2,"\\ud83d\\ude00":3,"a\\u0000b":4}');
  expect(['/\ud800', '/\ud801', '/😀', '/a\0b', '/\ufffd'].map((pointer) => document.get(pointer))).toEqual([1, 2, 3, 4, undefined]);
});

test('a step costs the same near and far', async () => {
  const text = `[${'0,'.repeat(1_000_000)}{${Array.from({ length: 100_000 }, (_, at) => `"k${at}":${at}`).join()}}]`;
  const document = await JsonDocument.parse(text);
  const time = (pointer) => {
    let best = Infinity;
    for (let round = 0; round < 30; round += 1) {
      const start = process.hrtime.bigint();
      for (let at = 0; at < 100; at += 1) document.get(pointer);
      best = Math.min(best, Number(process.hrtime.bigint() - start));
    }
    return best;
  };
  expect(document.get('/1000000/k99999')).toBe(99999);
  expect(time('/999999')).toBeLessThan(10 * time('/0'));
  expect(time('/1000000/k99999')).toBeLessThan(10 * time('/0'));
});

(Symbol.dispose ? test : test.failing)('Symbol.dispose closes where the symbol exists', async () => {
  const document = await JsonDocument.parse('1');
  document[Symbol.dispose]();
  expect(() => document.get('')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
});
