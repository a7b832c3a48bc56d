'use strict';
// What becomes of items: results, failures, keys, statistics. Further tries and dead letters: retries.test.js.
const { runInNewContext } = require('node:vm');
const { heldHandler, notingHandler, microtasks, stateOf, withStatus } = require('../support/batch');
const { make, useBuffers, rejection, allTries } = require('../support/settling');

useBuffers();

test('enqueue resolves on acceptance, add on delivery', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2 });
  expect([await buffer.enqueue('a'), await buffer.enqueue('b')]).toEqual(['1', '2']);
  const add = buffer.add('c');
  const flush = buffer.flush();
  expect(await stateOf(add)).toBe('pending');
  calls[0].resolve();
  await microtasks();
  expect(await stateOf(add)).toBe('pending');
  calls[1].resolve(['result']);
  expect(await add).toBe('result');
  await flush;
});

test('five awaited enqueues with batchSize 5 are one call', async () => {
  const { handler, calls } = notingHandler();
  const buffer = make(handler, { batchSize: 5 });
  for (let item = 0; item < 5; item += 1) await buffer.enqueue(item);
  await buffer.flush();
  expect(calls.map(({ items }) => items)).toEqual([[0, 1, 2, 3, 4]]);
});

test('an enqueue does not reject when its delivery fails', async () => {
  const buffer = make(async () => { throw withStatus(400); }, { batchSize: 1 });
  expect(await buffer.enqueue('a')).toBe('1');
  await buffer.flush();
  expect(await buffer.deadLetters()).toEqual([{ id: '1', item: 'a', key: null, error: 'HTTP 400', attempts: 1, at: expect.any(Date) }]);
});

test.each([['nothing', undefined], ['null', null]])('a handler that returns %s delivers all with undefined', async (_, nothing) => {
  const buffer = make(() => nothing, { batchSize: 2 });
  expect(await Promise.all([buffer.add(1), buffer.add(2)])).toEqual([undefined, undefined]);
  expect(buffer.getStats()).toMatchObject({ delivered: 2, failed: 0 });
});

test('results go to their items, whatever they are, synchronously returned too', async () => {
  const promise = Promise.resolve('nested');
  const results = [0, '', null, undefined, { message: 'no error' }, [1], promise];
  const buffer = make(() => results, { batchSize: results.length });
  expect(await Promise.all(results.map((_, at) => buffer.add(at)))).toEqual([0, '', null, undefined, { message: 'no error' }, [1], 'nested']);
});

test('items reach the handler by reference, in an array of its own', async () => {
  const item = { self: null };
  item.self = item;
  let seen;
  const buffer = make((items) => {
    seen = items[0];
    items.length = 0;
  }, { batchSize: 1 });
  await buffer.add(item);
  expect(seen).toBe(item);
});

test('an Error in a slot fails that item only, of whatever realm', async () => {
  const own = withStatus(400, 'own');
  const foreign = runInNewContext("Object.assign(new Error('foreign'), { status: 422 })");
  const dom = new DOMException('dom', 'DataError');
  const calls = [];
  const buffer = make((items, { attempt }) => {
    calls.push([items, attempt]);
    return items.map((item) => ({ a: own, b: foreign, c: dom })[item] ?? item);
  }, { batchSize: 4, retries: 0 });
  const settled = await buffer.addMany(['a', 'b', 'c', 'd']);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled']);
  expect([settled[0].reason === own, settled[1].reason === foreign, settled[2].reason === dom, settled[3].value]).toEqual([true, true, true, 'd']);
});

test.each([
  ['a tag that throws', () => new (class { get [Symbol.toStringTag]() { throw new Error('no tag'); } })(), 'no tag'],
  ['a prototype that throws', () => new Proxy({}, { getPrototypeOf() { throw new Error('no prototype'); } }), 'no prototype'],
])('a result that cannot be looked at (%s) fails its batch, promised or not', async (_, result, text) => {
  for (const results of [() => [result(), 2], () => [Promise.resolve(1), Promise.resolve().then(result)]]) {
    const buffer = make(results, { batchSize: 2 });
    const ended = await Promise.allSettled([buffer.add(1), buffer.add(2)]);
    expect(ended.map(({ reason }) => reason?.message)).toEqual([text, text]);
    expect(await buffer.close()).toMatchObject({ deadLettered: 2 });
  }
});

test('only what failed is tried again, and the rest is delivered at once', async () => {
  const calls = [];
  const buffer = make((items, { attempt, reason }) => {
    calls.push([items, attempt, reason]);
    return items.map((item) => (item === 'bad' && attempt < 3 ? new Error('not yet') : `${item}!`));
  }, { batchSize: 3 });
  const adds = ['a', 'bad', 'b'].map((item) => buffer.add(item));
  expect(await Promise.all([adds[0], adds[2]])).toEqual(['a!', 'b!']);
  expect(await stateOf(adds[1])).toBe('pending');
  jest.advanceTimersByTime(99);
  expect(calls.length).toBe(1);
  jest.advanceTimersByTime(1);
  expect(calls.length).toBe(2);
  await microtasks();
  jest.advanceTimersByTime(199);
  expect(calls.length).toBe(2);
  jest.advanceTimersByTime(1);
  expect(await adds[1]).toBe('bad!');
  expect(calls).toEqual([[['a', 'bad', 'b'], 1, 'size'], [['bad'], 2, 'retry'], [['bad'], 3, 'retry']]);
  expect(buffer.getStats()).toMatchObject({ accepted: 3, delivered: 3, failed: 0, retried: 2, batches: 1, calls: 3, savedCalls: 2 });
});

test('a throw, synchronous or not, fails the batch with the very error, and never escapes add', async () => {
  for (const asynchronous of [false, true]) {
    const failure = new TypeError('mine');
    const buffer = make(asynchronous ? async () => { throw failure; } : () => { throw failure; }, { batchSize: 2, retries: 1 });
    let adds;
    expect(() => (adds = [buffer.add(1), buffer.add(2)])).not.toThrow();
    const rejections = adds.map(rejection);
    await allTries(3);
    expect(await Promise.all(rejections)).toEqual([failure, failure]);
    expect((await rejections[0]) === failure).toBe(true);
    expect(buffer.getStats()).toMatchObject({ failed: 2, retried: 2, calls: 2 });
  }
});

test.each([['a string', 'oops'], ['undefined', undefined], ['null', null], ['an object', { code: 5 }]])('what is thrown and is no error is what is rejected: %s', async (_, thrown) => {
  const buffer = make(() => { throw thrown; }, { batchSize: 1, retries: 0 });
  expect(await rejection(buffer.add(1))).toBe(thrown);
  const [letter] = await buffer.deadLetters();
  expect(letter.error).toEqual(expect.any(String));
});

test.each([['too few', [1]], ['too many', [1, 2, 3]], ['a number', 5], ['a text', 'ab'], ['an object', { 0: 1, length: 2 }]])('results that cannot be told apart are a TypeError that is not tried again: %s', async (_, results) => {
  let calls = 0;
  const buffer = make(() => {
    calls += 1;
    return results;
  }, { batchSize: 2 });
  const [first, second] = await Promise.all([buffer.add(1), buffer.add(2)].map(rejection));
  expect(first).toBeInstanceOf(TypeError);
  expect(first).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringMatching(/^what the handler returns must be an array with one result for each of the 2 items, or nothing; got /) });
  expect(second).toBe(first);
  await allTries(2);
  expect(calls).toBe(1);
  expect(buffer.getStats()).toMatchObject({ failed: 2, retried: 0 });
});

test('addMany is the list of what became of each, in order', async () => {
  const failure = withStatus(400);
  const buffer = make((items) => items.map((item) => (item === 2 ? failure : item * 10)), { batchSize: 2 });
  const many = buffer.addMany([1, 2, 3, 4]);
  expect(buffer.getBufferStatus().size).toBe(4);
  expect(await many).toEqual([{ status: 'fulfilled', value: 10 }, { status: 'rejected', reason: failure }, { status: 'fulfilled', value: 30 }, { status: 'fulfilled', value: 40 }]);
  expect(await buffer.addMany([])).toEqual([]);
});

test('keys go to the handler on every try, with the empty text for an item without one', async () => {
  const seen = [];
  const buffer = make((items, { keys, attempt }) => {
    seen.push(keys);
    if (attempt === 1) throw new Error('again');
  }, { batchSize: 2 });
  const adds = [buffer.add('a', { key: 'ka' }), buffer.add('b')];
  await allTries(3);
  await Promise.all(adds);
  expect(seen).toEqual([['ka', ''], ['ka', '']]);
});

test('two equal items are two items', async () => {
  const { handler, calls } = notingHandler();
  const buffer = make(handler, { batchSize: 2 });
  await Promise.all([buffer.add({ a: 1 }), buffer.add({ a: 1 })]);
  expect(calls[0].items.length).toBe(2);
});

test('statistics are those of the moment', async () => {
  const { handler } = notingHandler();
  const buffer = make(handler, { batchSize: 10 });
  const seen = [];
  for (let item = 0; item < 4; item += 1) {
    void buffer.enqueue(item);
    seen.push(buffer.getStats().accepted);
  }
  void buffer.enqueue(4);
  void buffer.enqueue(5);
  expect([...seen, buffer.getStats().accepted]).toEqual([1, 2, 3, 4, 6]);
});

test('statistics start anew with resetStats, the items do not', async () => {
  const { handler } = notingHandler();
  const buffer = make(handler, { batchSize: 2 });
  await Promise.all([1, 2, 3, 4].map((item) => { const add = buffer.add(item); return add; }));
  void buffer.add(5);
  buffer.resetStats();
  expect(buffer.getStats()).toEqual({ accepted: 0, delivered: 0, failed: 0, retried: 0, duplicates: 0, batches: 0, calls: 0, savedCalls: 0 });
  expect(buffer.getBufferStatus().size).toBe(1);
  await buffer.flush();
  expect(buffer.getStats()).toMatchObject({ delivered: 1, batches: 1, calls: 1 });
  expect(await buffer.close()).toEqual({ delivered: 5, deadLettered: 0, dropped: 0, aborted: 0, kept: 0 });
});
