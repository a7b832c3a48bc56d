'use strict';
// hashKey: expected values are SHA-256 of texts that are written out here, RFC 8785's own examples among them.
const { createHash } = require('node:crypto');
const { runInNewContext } = require('node:vm');
const { hashKey } = require('sluice');

const sha256 = (text) => createHash('sha256').update(text, 'utf8').digest('hex');
const refusal = (input) => {
  try {
    hashKey(input);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('RFC 8785', () => {
  test('its example', () => {
    const input = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`);
    const canonical = String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`;
    expect(hashKey(input)).toBe(sha256(canonical));
  });

  test('members stand in the order of UTF-16 code units', () => {
    const input = { '€': 1, '\r': 2, '\ufb33': 3, 1: 4, '\u{1f600}': 5, '\u0080': 6, 'ö': 7 };
    expect(hashKey(input)).toBe(sha256('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"\u{1f600}":5,"\ufb33":3}'));
  });

  // appendix B: the bits of a double and its text
  test.each([
    ['0000000000000000', '0'], ['8000000000000000', '0'], ['0000000000000001', '5e-324'], ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'], ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'], ['c340000000000000', '-9007199254740992'], ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'], ['44b52d02c7e14af6', '1e+23'], ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'], ['444b1ae4d6e2ef4f', '999999999999999900000'], ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'], ['3eb0c6f7a0b5ed8d', '0.000001'], ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'], ['41b3de4355555555', '333333333.3333333'], ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'], ['becbf647612f3696', '-0.0000033333333333333333'], ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('the double %s is %s', (bits, text) => {
    expect(hashKey(Buffer.from(bits, 'hex').readDoubleBE(0))).toBe(sha256(text));
  });
});

test('it is of what JSON.stringify would write', () => {
  class Point {
    constructor() {
      this.y = 2;
      this.x = 1;
    }
    get length() {
      return 5;
    }
  }
  expect(hashKey(new Point())).toBe(sha256('{"x":1,"y":2}'));
  expect(hashKey({ toJSON: (name) => ({ named: name }) })).toBe(sha256('{"named":""}'));
  expect(hashKey({ a: { toJSON: (name) => name } })).toBe(sha256('{"a":"a"}'));
  expect(hashKey([NaN, Infinity, -0])).toBe(sha256('[null,null,0]'));
  expect(hashKey([Object(1), Object('x'), Object(true)])).toBe(sha256('[1,"x",true]'));
  expect(hashKey('\ud800')).toBe(sha256('"\\ud800"'));
  expect(hashKey({ b: [], a: {} })).toBe(sha256('{"a":{},"b":[]}'));
});

test('the order of members, of a Map and of a Set does not count; that of an array does', () => {
  expect(hashKey({ a: 1, b: { c: 2, d: 3 } })).toBe(hashKey({ b: { d: 3, c: 2 }, a: 1 }));
  expect(hashKey(new Map([['a', 1], ['b', 2]]))).toBe(hashKey(new Map([['b', 2], ['a', 1]])));
  expect(hashKey(new Set([1, 2, 3]))).toBe(hashKey(new Set([3, 1, 2])));
  expect(hashKey([1, 2])).not.toBe(hashKey([2, 1]));
});

test('what JSON has no word for is told apart, from each other and from any JSON', () => {
  const date = new Date(1_700_000_000_000);
  const inputs = [
    null, undefined, 'undefined', 0, '0', 0n, 1n, '1n', 'BigInt(0)', true, 'true', '', [], {}, [undefined], [null], { a: undefined }, { a: null },
    new Map(), new Set(), new Map([[1, 2]]), new Map([['1', 2]]), new Set([1]), new Set(['1']), { 1: 2 }, [[1, 2]], [1],
    date, date.toISOString(), date.getTime(), new Date(NaN), { date }, new Date(date.getTime() + 1),
    Buffer.from('a'), 'a', { type: 'Buffer', data: [97] }, Buffer.from('ab'), new Uint16Array([97]), new Float64Array([97]), new DataView(new ArrayBuffer(1)), [97],
  ];
  const hashes = inputs.map(hashKey);
  expect(new Set(hashes).size).toBe(inputs.length);
  for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
});

test('bytes are the same bytes in whatever holds them, whichever realm made it', () => {
  const bytes = [1, 2, 255];
  const foreign = runInNewContext('({ bytes: Uint8Array.from([1, 2, 255]), map: new Map([["a", 1]]), date: new Date(5), object: { a: 1 } })');
  const expected = hashKey(Buffer.from(bytes));
  expect(hashKey(Uint8Array.from(bytes))).toBe(expected);
  expect(hashKey(Uint8Array.from(bytes).buffer)).toBe(expected);
  expect(hashKey(Uint8Array.from([0, ...bytes, 0]).subarray(1, 4))).toBe(expected);
  expect(hashKey(foreign.bytes)).toBe(expected);
  expect(hashKey(foreign.map)).toBe(hashKey(new Map([['a', 1]])));
  expect(hashKey(foreign.date)).toBe(hashKey(new Date(5)));
  expect(hashKey(foreign.object)).toBe(hashKey({ a: 1 }));
});

test('an object that is there twice is no cycle', () => {
  const shared = { a: 1 };
  expect(hashKey([shared, shared])).toBe(sha256('[{"a":1},{"a":1}]'));
});

test.each([
  ['a cycle', () => ((self) => Object.assign(self, { self }))({}), /cycle/],
  ['a cycle through a Map', () => ((map) => map.set('self', map))(new Map()), /cycle/],
  ['a function', () => ({ a: () => {} }), /function/],
  ['a symbol', () => [Symbol('x')], /symbol/],
  ['what is nested too deeply', () => Array.from({ length: 1e5 }).reduce((inner) => [inner], []), /deep/],
])('%s is ERR_VALUE', (_, make, message) => {
  const error = refusal(make());
  expect(error).toBeInstanceOf(TypeError);
  expect(error).toMatchObject({ code: 'ERR_VALUE', message: expect.stringMatching(message) });
});
