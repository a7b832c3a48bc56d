'use strict';
// What becomes of items: results, failures, further tries, dead letters.
const { BatchBuffer } = require('sluice');
const { runInNewContext } = require('node:vm');
const { heldHandler, notingHandler, microtasks, stateOf, withStatus } = require('../support/batch');

const open = [];
const make = (handler, options) => {
  const buffer = new BatchBuffer(handler, { batchSize: 10, backoff: { minMs: 100, jitter: 0 }, ...options });
  open.push(buffer);
  return buffer;
};
const unhandled = [];
const onUnhandled = (error) => unhandled.push(error);
beforeAll(() => process.on('unhandledRejection', onUnhandled));
afterAll(() => process.off('unhandledRejection', onUnhandled));
beforeEach(() => jest.useFakeTimers());
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(open.splice(0).map((buffer) => buffer.close({ timeoutMs: 1 })));
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(unhandled.splice(0)).toEqual([]);
});
const rejection = (promise) => promise.then(() => { throw new Error('it did not reject'); }, (error) => error);
/** Lets all tries come, by their timers. */
async function allTries(rounds = 10) {
  for (let round = 0; round < rounds; round += 1) {
    await microtasks();
    jest.runOnlyPendingTimers();
  }
  await microtasks();
}

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

test('a poison item does not block the rest, and holds no place in flight while it waits', async () => {
  const delivered = [];
  const buffer = make((items) => items.map((item) => {
    if (item === 'poison') return new Error('always');
    delivered.push(item);
    return item;
  }), { batchSize: 2, retries: 2 });
  const poison = rejection(buffer.add('poison'));
  const good = Array.from({ length: 9 }, (_, at) => buffer.add(at));
  await Promise.all(good);
  expect(delivered).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(buffer.getBufferStatus()).toMatchObject({ size: 1, inFlight: 0, hasActiveTimer: true });
  await allTries(5);
  expect((await poison).message).toBe('always');
});

describe('retryable', () => {
  const tries = async (error, options) => {
    let calls = 0;
    const buffer = make(() => {
      calls += 1;
      throw error;
    }, { batchSize: 1, retries: 2, ...options });
    const rejected = rejection(buffer.add(1));
    await allTries(5);
    expect(await rejected).toBe(error);
    return calls;
  };
  test('by default by status, never by what a text says', async () => {
    expect(await tries(withStatus(404))).toBe(1);
    expect(await tries(withStatus(500))).toBe(3);
    expect(await tries(withStatus(429))).toBe(3);
    expect(await tries(new Error('HTTP 404 Not Found'))).toBe(3);
    expect(await tries(Object.assign(new Error('x'), { response: { status: 403 } }))).toBe(1);
  });
  test('the option decides, once per error; what it throws leaves it to the default', async () => {
    const asked = [];
    expect(await tries(withStatus(404), { retryable: (error) => { asked.push(error.status); return true; } })).toBe(3);
    expect(asked).toEqual([404, 404, 404]);
    expect(await tries(new Error('x'), { retryable: () => false })).toBe(1);
    expect(await tries(withStatus(404), { retryable: () => { throw new Error('broken'); } })).toBe(1);
    expect(await tries(withStatus(500), { retryable: () => { throw new Error('broken'); } })).toBe(3);
  });
  test('retries: 0 tries once', async () => {
    expect(await tries(new Error('x'), { retries: 0 })).toBe(1);
  });
});

test('backoff grows by its factor up to its ceiling, less a random share of jitter', async () => {
  const at = [];
  let chance = 0;
  const start = Date.now();
  const buffer = make(() => {
    at.push(Date.now() - start);
    throw new Error('x');
  }, { batchSize: 1, retries: 4, backoff: { minMs: 100, maxMs: 500, factor: 3, jitter: 0.5 }, random: () => chance });
  const rejected = rejection(buffer.add(1));
  for (const random of [0, 0.5, 0, 0.999]) {
    await microtasks();
    jest.runOnlyPendingTimers();
    chance = random;
  }
  await microtasks();
  await allTries(6);
  await rejected;
  const waits = at.slice(1).map((time, index) => time - at[index]);
  // 100, 300, 500, 500 at most; at least half of it
  waits.forEach((wait, index) => {
    const most = [100, 300, 500, 500][index];
    expect(wait).toBeGreaterThanOrEqual(most / 2 - 1);
    expect(wait).toBeLessThanOrEqual(most);
  });
  expect(waits.length).toBe(4);
  expect(waits[0]).toBe(100);
});

test('Retry-After holds an item back longer than its backoff', async () => {
  const at = [];
  const start = Date.now();
  const buffer = make(() => {
    at.push(Date.now() - start);
    throw Object.assign(withStatus(429), { response: { status: 429, headers: { 'Retry-After': '5' } } });
  }, { batchSize: 1, retries: 1 });
  const rejected = rejection(buffer.add(1));
  await microtasks();
  jest.advanceTimersByTime(4_999);
  expect(at).toEqual([0]);
  jest.advanceTimersByTime(1);
  expect(at).toEqual([0, 5_000]);
  await rejected;
});

describe('a handler that hangs', () => {
  test('is aborted after handlerTimeoutMs, counts as a failed try, and is not heard any more', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { batchSize: 1, handlerTimeoutMs: 1000, retries: 1 });
    const add = buffer.add('a');
    const { signal } = calls[0].context;
    await microtasks();
    jest.advanceTimersByTime(999);
    expect(signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 1000 });
    calls[0].resolve(['too late']);
    await microtasks();
    expect(buffer.getBufferStatus()).toMatchObject({ size: 1, inFlight: 0 });
    jest.advanceTimersByTime(100);
    expect(calls.length).toBe(2);
    calls[0].reject(new Error('later still'));
    calls[1].resolve(['in time']);
    expect(await add).toBe('in time');
  });

  test('rejects with ERR_TIMEOUT when there is no other try; the signal may be looked at late', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { batchSize: 1, handlerTimeoutMs: 50, retries: 0 });
    const rejected = rejection(buffer.add('a'));
    jest.advanceTimersByTime(50);
    expect(await rejected).toMatchObject({ code: 'ERR_TIMEOUT', name: 'TimeoutError', message: 'the handler did not end within 50 ms' });
    expect(calls[0].context.signal.aborted).toBe(true);
  });

  test('0 waits for ever', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { batchSize: 1, handlerTimeoutMs: 0 });
    const add = buffer.add('a');
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(1e9);
    calls[0].resolve(['well']);
    expect(await add).toBe('well');
  });
});

describe('dead letters', () => {
  const failing = (options) => make((items) => items.map((item) => (String(item).startsWith('bad') ? withStatus(400, `no ${item}`) : item)), { batchSize: 1, ...options });

  test('are listed with key, error, attempts and date, oldest first, and told by an event', async () => {
    jest.setSystemTime(1_700_000_000_000);
    const buffer = failing();
    const events = [];
    buffer.on('deadLetter', (letter) => events.push(letter));
    await Promise.all([rejection(buffer.add('bad 1', { key: 'k' })), buffer.add('good'), rejection(buffer.add('bad 2'))]);
    const expected = [
      { id: '1', item: 'bad 1', key: 'k', error: 'no bad 1', attempts: 1, at: new Date(1_700_000_000_000) },
      { id: '3', item: 'bad 2', key: null, error: 'no bad 2', attempts: 1, at: new Date(1_700_000_000_000) },
    ];
    expect(await buffer.deadLetters()).toEqual(expected);
    expect(events).toEqual(expected);
    expect(buffer.getBufferStatus()).toMatchObject({ deadLetters: 2, size: 0 });
  });

  test('are tried again with a fresh set of tries, and purged', async () => {
    let healthy = false;
    const attempts = [];
    const buffer = make((items, { attempt }) => {
      attempts.push(attempt);
      if (!healthy) throw new Error('down');
    }, { batchSize: 1, retries: 1 });
    const rejected = rejection(buffer.add('a'));
    await allTries(3);
    await rejected;
    await buffer.retryDeadLetter('1');
    expect(await buffer.deadLetters()).toEqual([]);
    expect(buffer.getBufferStatus()).toMatchObject({ size: 1, deadLetters: 0 });
    await allTries(3);
    expect((await buffer.deadLetters()).map(({ id, attempts: tries }) => [id, tries])).toEqual([['1', 2]]);
    healthy = true;
    await buffer.retryDeadLetter('1');
    await buffer.flush();
    expect(attempts).toEqual([1, 2, 1, 2, 1]);
    expect(await buffer.deadLetters()).toEqual([]);
    await expect(buffer.retryDeadLetter('1')).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'id' });
    healthy = false;
    const again = [buffer.add('b'), buffer.add('c')].map(rejection);
    await allTries(3);
    await Promise.all(again);
    expect(await buffer.clearDeadLetters()).toBe(2);
    expect([await buffer.clearDeadLetters(), await buffer.deadLetters(), buffer.getBufferStatus().deadLetters]).toEqual([0, [], 0]);
  });

  test('are bounded, the oldest out with an event; 0 keeps none and tells of each', async () => {
    const buffer = failing({ maxDeadLetters: 2 });
    const dropped = [];
    buffer.on('dropped', (item, reason) => dropped.push([item, reason]));
    for (let at = 1; at <= 4; at += 1) await rejection(buffer.add(`bad ${at}`));
    expect((await buffer.deadLetters()).map(({ item }) => item)).toEqual(['bad 3', 'bad 4']);
    expect(dropped).toEqual([['bad 1', 'dead-letters'], ['bad 2', 'dead-letters']]);

    const none = failing({ maxDeadLetters: 0 });
    const told = [];
    none.on('deadLetter', ({ item }) => told.push(item));
    await rejection(none.add('bad 1'));
    expect([await none.deadLetters(), told, none.getBufferStatus().deadLetters]).toEqual([[], ['bad 1'], 0]);
  });
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
