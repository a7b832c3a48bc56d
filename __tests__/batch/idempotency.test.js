'use strict';
// Idempotency of one process, as the buffer asks for it: keys, what repeats get, what is remembered and for how long.
const { Idempotency, resultJson } = require('../../lib/batch/idempotency');
const { checkKey } = require('../../lib/batch/key');

/** The part of a buffer that idempotency sees, and what it was told. */
function open({ ttl = 86_400, localLimit = 1000, key } = {}) {
  const log = { proceeded: [], settled: [] };
  const host = {
    now: () => log.now,
    proceed: (entry) => log.proceeded.push(entry.item),
    later: (run) => run(),
    settled: (entry, value) => log.settled.push([entry.item, value]),
    degraded() {},
  };
  log.now = 0;
  const idempotency = new Idempotency({ key, ttl, localLimit, redis: undefined }, host);
  const entry = (item, given = item) => ({ item, key: given, claim: undefined, place: undefined });
  /** An item with that key: its entry when it is the first, else what it gets is logged. */
  const add = (item, given) => {
    const made = entry(item, given);
    const first = idempotency.claim(made);
    if (first === undefined) {
      idempotency.enter(made);
      return made;
    }
    const got = { item, firstId: undefined, result: undefined, error: undefined };
    first.followId((id) => (got.firstId = id), (error) => (got.error = error));
    first.follow((value) => (got.result = [value]), (error) => (got.error = error));
    return { got };
  };
  return { idempotency, log, entry, add };
}

describe('a repeat', () => {
  test('of a pending key gets the id and the result of the first, whenever it asks', () => {
    const { idempotency, log, add } = open();
    const first = add('a', 'k');
    const early = add('b', 'k').got;
    expect(early).toMatchObject({ firstId: undefined, result: undefined });
    idempotency.accepted(first, '7');
    expect(early).toMatchObject({ firstId: '7', result: undefined });
    const late = add('c', 'k').got;
    expect(late.firstId).toBe('7');
    const value = { by: 'reference' };
    idempotency.done(first, value);
    expect(early.result[0]).toBe(value);
    expect(late.result[0]).toBe(value);
    const after = add('d', 'k').got;
    expect(after).toMatchObject({ firstId: '7', result: [value] });
    expect(log.proceeded).toEqual(['a']);
    expect(idempotency.duplicates).toBe(3);
  });

  test('of a first that fails for good fails as it does, and the key is free', () => {
    const { idempotency, log, add } = open();
    const first = add('a', 'k');
    const repeat = add('b', 'k').got;
    const error = new Error('no');
    idempotency.failed(first, error);
    expect(repeat.error).toBe(error);
    expect(add('c', 'k').got).toBeUndefined();
    expect(log.proceeded).toEqual(['a', 'c']);
  });

  test('is one of its key only: keys that look alike are others', () => {
    const { log, add } = open();
    const keys = ['k', 'K', 'k ', 'k\u0000', 'k\u00e9', 'ke\u0301', '\u{1f600}', '__proto__', 'constructor', '0', '1'];
    for (const key of keys) add(key, key);
    expect(log.proceeded).toEqual(keys);
  });
});

describe('what is remembered', () => {
  test('lives for ttl after the end, to the millisecond', () => {
    const { idempotency, log, add } = open({ ttl: 2.5 });
    const first = add('a', 'k');
    log.now = 10_000;
    expect(add('b', 'k').got).toBeDefined();
    idempotency.done(first, 1);
    log.now = 12_499;
    expect(add('c', 'k').got.result).toEqual([1]);
    log.now = 12_500;
    const again = add('d', 'k');
    expect(again.got).toBeUndefined();
    idempotency.done(again, 2);
    expect(add('e', 'k').got.result).toEqual([2]);
  });

  test('is at most localLimit keys, the oldest end out first; those that are pending stay', () => {
    const { idempotency, log, add } = open({ localLimit: 2 });
    const entries = ['a', 'b', 'c', 'd'].map((key) => add(key, key));
    idempotency.done(entries[3], 'D');
    idempotency.done(entries[1], 'B');
    idempotency.done(entries[0], 'A');
    expect(['b', 'a'].map((key) => add(`${key}2`, key).got.result)).toEqual([['B'], ['A']]);
    expect(add('c2', 'c').got).toBeDefined();
    expect(add('d2', 'd').got).toBeUndefined();
    expect(log.proceeded).toEqual(['a', 'b', 'c', 'd', 'd2']);
  });

  test('is still that many after thousands of keys', () => {
    const { idempotency, add } = open({ localLimit: 10 });
    for (let n = 0; n < 5000; n++) idempotency.done(add(n, `k${n}`), n);
    const known = (n) => add('x', `k${n}`).got !== undefined;
    expect(known(4999)).toBe(true);
    expect(known(4990)).toBe(true);
    expect(known(4989)).toBe(false);
  });

  test('of an earlier process is known with its result, for the time that it has left', () => {
    const { idempotency, log, add } = open();
    idempotency.restore('k', '3', 500, '{"a":[1]}');
    idempotency.restore('gone', '4', 0, '1');
    idempotency.restore('void', '5', 500, undefined);
    expect(add('a', 'k').got).toMatchObject({ firstId: '3', result: [{ a: [1] }] });
    expect(add('b', 'void').got).toMatchObject({ firstId: '5', result: [undefined] });
    expect(add('c', 'gone').got).toBeUndefined();
    log.now = 500;
    expect(add('d', 'k').got).toBeUndefined();
  });
});

describe('an item that an earlier process had accepted', () => {
  test('goes on when its key is free, and is settled by the result that its key has', () => {
    const { idempotency, log, entry } = open();
    idempotency.restore('k', '3', 500, '"done"');
    idempotency.recover(entry('a', 'k'));
    idempotency.recover(entry('b', 'l'));
    idempotency.recover({ ...entry('c'), key: null });
    expect(log.proceeded).toEqual(['b', 'c']);
    expect(log.settled).toEqual([['a', 'done']]);
  });

  test('follows one that is pending, and takes its place when that fails', () => {
    const { idempotency, log, entry, add } = open();
    const first = add('a', 'k');
    idempotency.recover(entry('b', 'k'));
    expect(log.proceeded).toEqual(['a']);
    idempotency.failed(first, new Error('no'));
    expect(log.proceeded).toEqual(['a', 'b']);
    expect(log.settled).toEqual([]);
  });

  test('claims nothing any more when it was removed while it followed', () => {
    const { idempotency, log, entry, add } = open();
    const first = add('a', 'k');
    const follower = entry('b', 'k');
    idempotency.recover(follower);
    follower.isGone = true;
    idempotency.failed(first, new Error('no'));
    expect(log.proceeded).toEqual(['a']);
    expect(add('c', 'k').got).toBeUndefined();
  });
});

describe('keys', () => {
  test.each([[''], [5], [null], [undefined], [{}], [Symbol('k')], ['\ud800']])('%p is none', (value) => {
    const { idempotency } = open({ key: () => value });
    expect(() => idempotency.keyOf({}, null)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(() => checkKey(value, 'key')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });
  test('the one of the call comes first; without the option there may be none', () => {
    const { idempotency } = open({ key: (item) => `of ${item}` });
    expect(idempotency.keyOf('a', 'given')).toBe('given');
    expect(idempotency.keyOf('a', null)).toBe('of a');
    expect(open().idempotency.keyOf('a', null)).toBeNull();
  });
});

test('a result is kept for other processes as JSON of at most 4096 bytes', () => {
  expect(resultJson({ a: 1 })).toBe('{"a":1}');
  expect(resultJson('x'.repeat(4094))).toHaveLength(4096);
  expect(resultJson('x'.repeat(4095))).toBeUndefined();
  expect(resultJson('é'.repeat(2047))).toHaveLength(2049);
  expect(resultJson('é'.repeat(2048))).toBeUndefined();
  const cycle = {};
  cycle.self = cycle;
  for (const value of [undefined, cycle, 1n, () => {}]) expect(resultJson(value)).toBeUndefined();
});
