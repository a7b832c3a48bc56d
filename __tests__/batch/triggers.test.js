'use strict';
// When batches leave, of what items, and why.
const { BatchBuffer } = require('sluice');
const { heldHandler, notingHandler, microtasks } = require('../support/batch');

const open = [];
const make = (handler, options) => {
  const buffer = new BatchBuffer(handler, options);
  open.push(buffer);
  return buffer;
};
beforeEach(() => jest.useFakeTimers());
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(open.splice(0).map((buffer) => buffer.close({ timeoutMs: 1 })));
});
const range = (count, from = 0) => Array.from({ length: count }, (_, at) => from + at);
const shapes = (calls) => calls.map(({ items, reason }) => [items.length, reason]);

test('1000 adds with batchSize 10 are 100 calls, each item once and in order, before any timer', async () => {
  const { handler, calls } = notingHandler((item) => item * 2);
  const buffer = make(handler, { batchSize: 10, concurrency: 100 });
  const results = await Promise.all(range(1000).map((item) => buffer.add(item)));
  expect(calls.length).toBe(100);
  expect(calls.every(({ items, reason, attempt }) => items.length === 10 && reason === 'size' && attempt === 1)).toBe(true);
  expect(calls.flatMap(({ items }) => items)).toEqual(range(1000));
  expect(results).toEqual(range(1000).map((item) => item * 2));
  expect(buffer.getStats()).toEqual({ accepted: 1000, delivered: 1000, failed: 0, retried: 0, duplicates: 0, batches: 100, calls: 100, savedCalls: 900 });
});

test('the handler is called before the add that fills a batch returns', () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 3 });
  for (const item of [1, 2]) void buffer.add(item).catch(() => {});
  expect(calls.length).toBe(0);
  void buffer.add(3).catch(() => {});
  expect(calls.map(({ items }) => items)).toEqual([[1, 2, 3]]);
});

test('a batch leaves batchTimeout after its oldest item, synchronously with the timer', async () => {
  const { handler, calls } = notingHandler();
  const buffer = make(handler, { batchSize: 10, batchTimeout: 100 });
  const first = buffer.add('a');
  jest.advanceTimersByTime(60);
  const second = buffer.add('b');
  jest.advanceTimersByTime(39);
  expect(calls.length).toBe(0);
  jest.advanceTimersByTime(1);
  expect(calls).toEqual([expect.objectContaining({ items: ['a', 'b'], reason: 'timeout' })]);
  expect(await Promise.all([first, second])).toEqual(['a', 'b']);
  expect(jest.getTimerCount()).toBe(0);
});

test('what is left of a full batch waits from its own arrival', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 3, batchTimeout: 100 });
  for (const item of [1, 2, 3]) void buffer.add(item).catch(() => {});
  jest.advanceTimersByTime(50);
  void buffer.add(4).catch(() => {});
  calls[0].resolve();
  await microtasks();
  jest.advanceTimersByTime(99);
  expect(calls.length).toBe(1);
  jest.advanceTimersByTime(1);
  expect(shapes(calls)).toEqual([[3, 'size'], [1, 'timeout']]);
});

test('batchBytes: a batch leaves when it has them, never with more, and an item above them goes alone', async () => {
  const { handler, calls } = notingHandler();
  const buffer = make(handler, { batchSize: 100, batchBytes: 10, concurrency: 100 });
  const adds = [Buffer.alloc(4), new Uint16Array(2), 'äb', 'x'.repeat(25), { a: 1 }, 'xyz', 'tail'].map((item) => buffer.add(item));
  await buffer.flush();
  await Promise.all(adds);
  const sizes = calls.map(({ items }) => items.map((item) => (typeof item === 'string' ? Buffer.byteLength(item) : (item.byteLength ?? JSON.stringify(item).length))));
  expect(sizes.flat()).toEqual([4, 4, 3, 25, 7, 3, 4]);
  for (const batch of sizes) expect(batch.length === 1 || batch.reduce((sum, size) => sum + size, 0) <= 10).toBe(true);
  expect(sizes).toContainEqual([25]);
  expect(calls.map(({ reason }) => reason)).toContain('bytes');
});

test('an item that cannot be measured is refused; without batchBytes nothing is measured', async () => {
  const cyclic = {};
  cyclic.self = cyclic;
  const { handler } = notingHandler();
  await expect(make(handler, { batchBytes: 10 }).add(cyclic)).rejects.toMatchObject({ code: 'ERR_VALUE', cause: expect.any(TypeError) });
  expect(await make(handler, { batchSize: 1 }).add(cyclic)).toBe(cyclic);
});

test('flush hands over what there is and waits for all of it; of nothing it is done at once', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2 });
  await buffer.flush();
  const adds = [1, 2, 3, 4, 5].map((item) => buffer.add(item));
  let flushed = false;
  const flush = buffer.flush().then(() => (flushed = true));
  for (let call = 0; call < 3; call += 1) {
    await microtasks();
    expect({ call, flushed, calls: calls.length }).toEqual({ call, flushed: false, calls: call + 1 });
    calls[call].resolve();
  }
  await flush;
  await Promise.all(adds);
  expect(shapes(calls)).toEqual([[2, 'size'], [2, 'size'], [1, 'flush']]);
});

test('flush during a flush, and while adds wait for room, waits for its own', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2, maxSize: 2 });
  const ended = [];
  const note = (name) => () => ended.push(name);
  void buffer.add(1).then(note(1));
  const first = buffer.flush().then(note('flush 1'));
  for (const item of [2, 3]) void buffer.add(item).then(note(item));
  const second = buffer.flush().then(note('flush 2'));
  const third = buffer.flush().then(note('flush 3'));
  expect(buffer.getBufferStatus()).toMatchObject({ size: 2, waiting: 1 });
  calls[0].resolve();
  await first;
  expect(ended).toEqual([1, 'flush 1']);
  for (let call = 1; call < 4; call += 1) {
    calls[call]?.resolve();
    await microtasks();
  }
  await Promise.all([second, third]);
  expect(ended.slice(0, 4)).toEqual([1, 'flush 1', 2, 3]);
  expect(calls.flatMap(({ items }) => items)).toEqual([1, 2, 3]);
});

test('a flush does not wait for what comes after it', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 10, concurrency: 2 });
  void buffer.add(1);
  const flush = buffer.flush();
  void buffer.add(2).catch(() => {});
  calls[0].resolve();
  await flush;
  expect(calls.length).toBe(1);
  expect(buffer.getBufferStatus().size).toBe(1);
});

test('a flush waits for later tries too, and never rejects for items', async () => {
  let tries = 0;
  const buffer = make(async () => {
    tries += 1;
    throw new Error('no');
  }, { retries: 2, backoff: { minMs: 1000, jitter: 0 } });
  void buffer.enqueue(1);
  let flushed = false;
  const flush = buffer.flush().then(() => (flushed = true));
  for (const ms of [1000, 2000]) {
    await microtasks();
    expect(flushed).toBe(false);
    jest.advanceTimersByTime(ms);
  }
  await flush;
  expect(tries).toBe(3);
});

test('batches hold items of one group, which fills and times out by itself', async () => {
  const { handler, calls } = notingHandler();
  const buffer = make(handler, { batchSize: 3, batchTimeout: 100, concurrency: 10, groupBy: (item) => item[0] });
  const items = ['a1', 'b1', 'a2', 'c1', 'b2', 'a3', 'b3', 'a4', ''];
  const adds = items.map((item) => buffer.add(item === '' ? ['', 1] : item));
  expect(calls.map(({ group, items: batch, reason }) => [group, batch, reason])).toEqual([['a', ['a1', 'a2', 'a3'], 'size'], ['b', ['b1', 'b2', 'b3'], 'size']]);
  jest.advanceTimersByTime(100);
  expect(calls.slice(2).map(({ group, items: batch, reason }) => [group, batch, reason])).toEqual([['c', ['c1'], 'timeout'], ['a', ['a4'], 'timeout'], ['', [['', 1]], 'timeout']]);
  await Promise.all(adds);
});

test('what groupBy throws rejects that item and nothing else', async () => {
  const { handler, calls } = notingHandler();
  const failure = new Error('no group');
  const buffer = make(handler, { batchSize: 2, groupBy: (item) => { if (item === 0) throw failure; return 'g'; } });
  const adds = [1, 0, 2].map((item) => buffer.add(item));
  expect(await Promise.allSettled(adds)).toEqual([{ status: 'fulfilled', value: 1 }, { status: 'rejected', reason: failure }, { status: 'fulfilled', value: 2 }]);
  expect(calls.length).toBe(1);
  expect(buffer.getStats().accepted).toBe(2);
});

test('concurrency bounds what is in flight; of the groups that are due the one with the oldest item leaves first', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2, concurrency: 2, groupBy: (item) => item[0] });
  for (const item of ['a1', 'a2', 'b1', 'b2', 'd1', 'c1', 'c2', 'd2']) void buffer.add(item).catch(() => {});
  expect(calls.map(({ group }) => group)).toEqual(['a', 'b']);
  expect(buffer.getBufferStatus().inFlight).toBe(2);
  calls[1].resolve();
  await microtasks();
  expect(calls.map(({ group }) => group)).toEqual(['a', 'b', 'd']);
  calls[0].resolve();
  await microtasks();
  expect(calls.map(({ items }) => items)).toEqual([['a1', 'a2'], ['b1', 'b2'], ['d1', 'd2'], ['c1', 'c2']]);
});

describe('adaptive', () => {
  test('an idle buffer sends its first item at once and collects while it is away', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { adaptive: true });
    expect(buffer.getBufferStatus()).toMatchObject({ batchSize: 100 });
    for (const item of [1, 2, 3]) void buffer.add(item).catch(() => {});
    expect(calls.map(({ items, reason }) => [items, reason])).toEqual([[[1], 'idle']]);
    calls[0].resolve();
    await microtasks();
    expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3]]);
  });

  test('a full batch does not wait for the one that is away, and nothing waits longer than batchTimeout', () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { adaptive: true, batchTimeout: 50 });
    for (const item of range(102)) void buffer.add(item).catch(() => {});
    expect(shapes(calls)).toEqual([[1, 'idle'], [100, 'size']]);
    jest.advanceTimersByTime(50);
    expect(shapes(calls)).toEqual([[1, 'idle'], [100, 'size'], [1, 'timeout']]);
  });

  test('1000 publishes at once are at most 20 calls', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { adaptive: true });
    const adds = range(1000).map((item) => buffer.add(item));
    for (let call = 0; call < calls.length; call += 1) {
      calls[call].resolve();
      await microtasks();
    }
    await Promise.all(adds);
    expect(calls.length).toBeLessThanOrEqual(20);
  });
});

describe('batchTimeout 0', () => {
  test('a batch leaves in the next turn of the event loop, without a timer', async () => {
    const { handler, calls } = notingHandler();
    const buffer = make(handler, { batchTimeout: 0 });
    const adds = [1, 2, 3].map((item) => buffer.add(item));
    await microtasks();
    expect(calls.length).toBe(0);
    expect(buffer.getBufferStatus()).toMatchObject({ size: 3, hasActiveTimer: true });
    expect(await Promise.all(adds)).toEqual([1, 2, 3]);
    expect(shapes(calls)).toEqual([[3, 'timeout']]);
    expect(await buffer.add(4)).toBe(4);
  });
});

describe('updateConfig', () => {
  test('a batch size counts for what waits: a larger one keeps it waiting, a smaller one lets it go', async () => {
    const { handler, calls } = notingHandler();
    const buffer = make(handler, { batchSize: 3, concurrency: 9 });
    const adds = range(2).map((item) => buffer.add(item));
    buffer.updateConfig({ batchSize: 5 });
    expect(calls).toEqual([]);
    adds.push(...range(2, 2).map((item) => buffer.add(item)));
    expect([calls.length, buffer.getBufferStatus()]).toEqual([0, expect.objectContaining({ size: 4, batchSize: 5, batchTimeout: 100 })]);
    buffer.updateConfig({ batchSize: 2 });
    expect(shapes(calls)).toEqual([[2, 'size'], [2, 'size']]);
    adds.push(buffer.add(4), buffer.add(5));
    expect(shapes(calls).slice(2)).toEqual([[2, 'size']]);
    expect(await Promise.all(adds)).toEqual(range(6));
  });
  test('a timeout counts from the arrival of what waits', async () => {
    const { handler, calls } = notingHandler();
    const buffer = make(handler, {});
    void buffer.add(1);
    jest.advanceTimersByTime(50);
    buffer.updateConfig({ batchTimeout: 80 });
    jest.advanceTimersByTime(29);
    expect(calls).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(shapes(calls)).toEqual([[1, 'timeout']]);
    await microtasks();
    buffer.updateConfig({ batchTimeout: 500 });
    void buffer.add(2);
    jest.advanceTimersByTime(499);
    expect(calls.length).toBe(1);
    jest.advanceTimersByTime(1);
    expect(calls.length).toBe(2);
  });
  test('room and concurrency: who waits comes in, and goes', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { batchSize: 1, maxSize: 2 });
    const ids = [];
    for (const item of range(4)) void buffer.enqueue(item).then((id) => ids.push(id));
    await microtasks();
    expect([calls.length, ids, buffer.getBufferStatus().waiting]).toEqual([1, ['1', '2'], 2]);
    buffer.updateConfig({ maxSize: 10, concurrency: 3 });
    await microtasks();
    expect([calls.length, ids, buffer.getBufferStatus()]).toEqual([3, ['1', '2', '3', '4'], expect.objectContaining({ waiting: 0, maxSize: 10 })]);
    buffer.updateConfig({ maxSize: 1 });
    void buffer.enqueue(4).catch(() => {});
    expect(buffer.getBufferStatus()).toMatchObject({ size: 4, waiting: 1, usage: 4 });
    for (const call of calls) call.resolve();
  });
  test('keys that were seen stay seen', async () => {
    const { handler, calls } = notingHandler();
    const buffer = make(handler, { batchSize: 1, idempotency: {} });
    expect(await buffer.add('a', { key: 'k' })).toBe('a');
    buffer.updateConfig({ batchSize: 2, maxSize: 5 });
    expect([await buffer.add('b', { key: 'k' }), calls.length]).toEqual(['a', 1]);
  });
  test('what is no limit is refused by name, and changes nothing', async () => {
    const buffer = make(() => {}, {});
    for (const [limits, option] of [[{ batchSize: 0 }, 'batchSize'], [{ batchSize: 5, maxSize: '9' }, 'maxSize'], [{ batchTimeout: -1 }, 'batchTimeout'], [{ retries: 1 }, 'retries'], [null, 'limits']]) {
      expect(() => buffer.updateConfig(limits)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
    }
    buffer.updateConfig({ batchSize: undefined });
    expect(buffer.getBufferStatus()).toMatchObject({ batchSize: 10, batchTimeout: 100, maxSize: 1000 });
    await buffer.close();
    expect(() => buffer.updateConfig({ batchSize: 2 })).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });
});

test('hasActiveTimer says whether items wait for time', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2 });
  const active = () => buffer.getBufferStatus().hasActiveTimer;
  expect(active()).toBe(false);
  void buffer.add(1).catch(() => {});
  expect(active()).toBe(true);
  void buffer.add(2).catch(() => {});
  expect(active()).toBe(false);
  calls[0].reject(new Error('again'));
  await microtasks();
  expect(active()).toBe(true);
});

test('a clock that is given rules, and a frozen one with running timers does not stop the buffer', async () => {
  const { handler, calls } = notingHandler();
  let now = 0;
  const buffer = make(handler, { batchTimeout: 100, now: () => now });
  void buffer.add(1);
  expect(buffer.getBufferStatus().oldestAgeMs).toBe(0);
  now = 40;
  expect(buffer.getBufferStatus().oldestAgeMs).toBe(40);
  jest.advanceTimersByTime(100);
  expect(calls.length).toBe(1);
  await buffer.flush();
  void buffer.add(2);
  jest.advanceTimersByTime(100);
  expect(calls.length).toBe(2);
});
