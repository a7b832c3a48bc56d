'use strict';
const { EventEmitter } = require('node:events');
const { Readable } = require('node:stream');
const { readJson, readDocument, JsonDocument } = require('sluice');

const stream = (text) => Readable.from([typeof text === 'string' ? Buffer.from(text) : text], { objectMode: false });
const failure = (promise) => promise.then((value) => { throw new Error(`resolved with ${JSON.stringify(value)}`); }, (error) => error);
/** White space that pushes a text beyond what is read inline. */
const PAD = ' '.repeat(300_000);
const sizes = [['small', ''], ['large', PAD]];

describe.each(sizes)('values of %s bodies', (_, pad) => {
  test.each([
    '-0', '0', '1e400', '-1e400', '123456789012345678901234567890', '0.1', '5e-324', '"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', 'null', 'true', '[]', '{}',
    '{"b":1,"a":2,"10":3,"9":4}', '{"a":1,"b":2,"a":3}', '{"":{"":[]}}', '["\u2028\u2029\u007f"]', '[1,[2,[3,[4]]]]', '"é漢😀"', ' \t\r\n[ 1 , 2 ] \n',
  ])('%s is what JSON.parse makes of it', async (text) => {
    const [expected, value] = [JSON.parse(text), await readJson(stream(text + pad))];
    expect(Object.is(value, expected) || typeof value === 'object').toBe(true);
    expect(value).toStrictEqual(expected);
    if (value !== null && typeof value === 'object') expect(Object.keys(value)).toEqual(Object.keys(expected));
  });

  test.each(['', ' ', '\r\n\t', '\ufeff', '\ufeff \n'])('blank %j is {}', async (text) => {
    expect(await readJson(stream(text + pad))).toStrictEqual({});
    const document = await readDocument(stream(text + pad));
    expect(document.get('')).toStrictEqual({});
  });

  test('a byte order mark is dropped', async () => {
    expect(await readJson(stream(`\ufeff{"a":1}${pad}`))).toEqual({ a: 1 });
  });

  test('broken UTF-8 is 415, or replaced when asked for', async () => {
    const bytes = Buffer.concat([Buffer.from('["a'), Buffer.from([0xf0, 0x9f, 0x98]), Buffer.from(`"]${pad}`)]);
    expect(await failure(readJson(stream(bytes)))).toMatchObject({ code: 'ERR_BODY_CHARSET', status: 415 });
    expect(await readJson(stream(bytes), { utf8: 'replace' })).toEqual(['a\ufffd']);
  });

  test('bad JSON says where, as a SyntaxError without a status', async () => {
    const error = await failure(readJson(stream(`{"a": 1,\n "é": tru}${pad}`)));
    expect(error).toMatchObject({ code: 'ERR_BODY_JSON', name: 'SyntaxError', offset: 19, line: 2, column: 10 });
    expect(error).toBeInstanceOf(SyntaxError);
    expect(error).not.toHaveProperty('status');
    expect(await failure(readDocument(stream(`[1,]${pad}`)))).toMatchObject({ code: 'ERR_BODY_JSON', offset: 3 });
  });

  test('maxDepth', async () => {
    expect(await readJson(stream(`[[1]]${pad}`), { maxDepth: 2 })).toEqual([[1]]);
    expect(await failure(readJson(stream(`[[[1]]]${pad}`), { maxDepth: 2 }))).toMatchObject({ code: 'ERR_BODY_JSON', offset: 2 });
    const at = (depth) => stream('['.repeat(depth) + ']'.repeat(depth) + pad);
    expect(Array.isArray(await readJson(at(200)))).toBe(true);
    expect(await failure(readJson(at(201)))).toMatchObject({ code: 'ERR_BODY_JSON', offset: 200 });
    expect(Array.isArray(await readJson(at(10000), { maxDepth: 10000 }))).toBe(true);
  });

  test('proto: error, remove, ignore', async () => {
    const polluted = [
      ['{"a":1,"__proto__":{"x":1}}', 7],
      ['{"a":1,"\\u005f_proto__":{"x":1}}', 7],
      ['{"a":1,"constructor":{"prototype":{"x":1}}}', 22],
      ['{"a":1,"c\\u006fnstructor":{"y":2,"prot\\u006ftype":{}}}', 33],
    ];
    for (const [text, offset] of polluted) {
      expect(await failure(readJson(stream(text + pad)))).toMatchObject({ code: 'ERR_BODY_JSON', offset });
      expect(await readJson(stream(text + pad), { proto: 'remove' })).toStrictEqual({ a: 1 });
      const kept = await readJson(stream(text + pad), { proto: 'ignore' });
      expect(Object.getPrototypeOf(kept)).toBe(Object.prototype);
      expect(JSON.stringify(kept)).toBe(JSON.stringify(JSON.parse(text)));
    }
    const harmless = '{"prototype":1,"constructor":"x","v":"__proto__"}';
    expect(await readJson(stream(harmless + pad))).toEqual(JSON.parse(harmless));
  });

  test('duplicateKeys', async () => {
    const text = '{"a":1,"b":{"a":1},"\\u0061":2}';
    expect(await readJson(stream(text + pad))).toEqual({ a: 2, b: { a: 1 } });
    expect(await failure(readJson(stream(text + pad), { duplicateKeys: 'error' }))).toMatchObject({ code: 'ERR_BODY_JSON', offset: 19 });
    expect(await readJson(stream(`{"a":{"a":1}}${pad}`), { duplicateKeys: 'error' })).toEqual({ a: { a: 1 } });
  });
});

test('depth bombs are errors', async () => {
  for (const part of ['[', '{"a":', '[{"a":']) {
    const options = { maxDepth: 10000, maxBytes: 20e6 };
    expect(await failure(readJson(stream(part.repeat(1e6)), options))).toMatchObject({ code: 'ERR_BODY_JSON' });
    expect(await failure(readDocument(stream(part.repeat(1e6)), options))).toMatchObject({ code: 'ERR_BODY_JSON' });
  }
});

describe('trees in slices', () => {
  const row = (id) => ({ id, name: `row ${id} é`, tags: ['a', { b: null }], '__proto__x': id });
  const trees = {
    'a nested array': { data: { rows: Array.from({ length: 20_000 }, (_, id) => row(id)) }, after: -0 },
    'a long array': Array.from({ length: 300_000 }, (_, at) => at / 3),
    'an object of many members': Object.fromEntries(Array.from({ length: 30_000 }, (_, at) => [`key ${at % 2 ? at : -at} 漢`, row(at)])),
    'long strings': { a: 'x"\n'.repeat(200_000), b: ['\ud800é'.repeat(200_000), { [`k${'y'.repeat(300_000)}`]: 1 }] },
    'one long string': 'é\n'.repeat(300_000),
  };
  test.each(Object.keys(trees))('%s', async (name) => {
    const text = JSON.stringify(trees[name], null, 1);
    const expected = JSON.parse(text);
    const value = await readJson(stream(text), { maxBytes: 64e6 });
    expect(JSON.stringify(value) === JSON.stringify(expected)).toBe(true);
    expect(value).toEqual(expected);
  });

  test('a __proto__ member is data, and duplicates keep the place of the first and the value of the last', async () => {
    const long = 'x'.repeat(300_000);
    const text = `{"a":1,"__proto__":{"p":"${long}"},"b":"${long}","a":2,"__proto__":3}`;
    const value = await readJson(stream(text), { proto: 'ignore', maxBytes: 64e6 });
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(JSON.stringify(value) === JSON.stringify(JSON.parse(text))).toBe(true);
    expect(Object.keys(value)).toEqual(['a', '__proto__', 'b']);
  });

  test('the event loop turns between the slices', async () => {
    const text = JSON.stringify(trees['a nested array']);
    let turns = 0;
    let running = true;
    const turn = () => running && (turns += 1, setImmediate(turn));
    const document = await JsonDocument.parse(text);
    setImmediate(turn);
    await document.toObject();
    running = false;
    // about 1.5 MB in slices of 256 KB, at most two of them per turn
    expect(turns).toBeGreaterThanOrEqual(2);
  });

  test('fake timers hang nothing', async () => {
    jest.useFakeTimers();
    try {
      const text = JSON.stringify(trees['a nested array']);
      const source = new EventEmitter();
      const promise = readJson(source);
      source.emit('data', text);
      source.emit('end');
      expect((await promise).data.rows.length).toBe(20_000);
    } finally {
      jest.useRealTimers();
    }
  });
});

test('200,000 mutations are accepted and read as by JSON.parse', async () => {
  let state = 20251121;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const seeds = [
    '{"a":[1,-0,2.5e-3,{"b":null}],"\\u0061\\n":"x\\ud83d","t":true}', '[[],{},"",0,1E+2,"\\/\\b"]', ' {"k" : "v" , "k":[ false ]}\n', '-1.0e5',
    '"plain text with \\"quotes\\" and é漢"', '{"__proto__":{"constructor":{"prototype":1}}}', '[1,2,3,4,5,6,7,8,9,10,"eleven"]',
  ].map((text) => Buffer.from(text));
  const alphabet = Buffer.from('{}[]",:\\u0123456789eE+-. \n\t\r/btfnrals\0\x1f\x7f\xef\xbb');
  const native = require('../../lib/native');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let accepted = 0;
  const wrong = [];
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // most of the time would go into stacks that nobody reads
  const options = { proto: 'ignore', maxDepth: 10000 };
  for (let round = 0; round < 200_000; round += 1) {
    let bytes = Buffer.from(seeds[random(seeds.length)]);
    for (let change = random(3); change >= 0; change -= 1) {
      const at = random(bytes.length + 1);
      const byte = alphabet.subarray(random(alphabet.length)).subarray(0, 1);
      const kind = random(3);
      bytes = Buffer.concat([bytes.subarray(0, at), kind === 0 ? Buffer.alloc(0) : byte, bytes.subarray(kind === 1 ? at : at + 1)]);
    }
    let expected;
    try {
      expected = JSON.parse(decoder.decode(bytes));
    } catch {
      expected = undefined;
    }
    // the public way for a part of them: each takes a promise
    let value;
    try {
      if (round % 20 === 0) {
        value = await readJson(stream(bytes), options);
        if (bytes.toString().replace(/^\ufeff/, '').trim() === '') value = expected;
      } else {
        const held = native.documentParse(bytes, 10000, 2);
        value = JSON.parse(native.documentGet(held, ''));
        native.documentClose(held);
        if (bytes.toString().replace(/^\ufeff/, '').trim() === '') value = expected;
      }
    } catch {
      value = undefined;
    }
    if (value !== undefined) accepted += 1;
    if (value === undefined ? expected !== undefined : JSON.stringify(value) !== JSON.stringify(expected) || Object.is(value, -0) !== Object.is(expected, -0)) {
      wrong.push(bytes.toString('latin1'));
    }
  }
  Error.stackTraceLimit = stackTraceLimit;
  expect(wrong).toEqual([]);
  expect(accepted).toBeGreaterThan(20_000);
});
