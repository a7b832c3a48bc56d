'use strict';
// Handlers, listeners and callers' functions that use the buffer while it is at work.
const { BatchBuffer } = require('sluice');
const { heldHandler, microtasks } = require('../support/batch');

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

test('a handler that adds: its items come later, in order, each batch before its add returns', async () => {
  const calls = [];
  const added = [];
  const buffer = make((items) => {
    calls.push(items);
    if (items[0] < 3) {
      const before = calls.length;
      added.push(buffer.add(items[0] + 1), buffer.add(items[0] + 1.5));
      expect(calls.length).toBeGreaterThan(before);
    }
    return items;
  }, { batchSize: 2, concurrency: 10 });
  added.push(buffer.add(0), buffer.add(0.5));
  expect(calls).toEqual([[0, 0.5], [1, 1.5], [2, 2.5], [3, 3.5]]);
  expect((await Promise.all(added)).sort()).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]);
});

test('the first hand-over stays in order when a handler adds while another batch is about to leave', async () => {
  const seen = [];
  let late;
  const buffer = make((items) => {
    seen.push(...items);
    if (items[0] === 'x') late = buffer.add('lll');
  }, { batchBytes: 3, concurrency: 10 });
  // the second fills the batch of the first and one of its own
  const adds = ['x', 'yyyy'].map((item) => buffer.add(item));
  expect(seen).toEqual(['x', 'yyyy', 'lll']);
  await Promise.all([...adds, late]);
});

test('a handler that adds, looks, removes, clears, flushes and closes', async () => {
  const seen = [];
  const inner = [];
  let closing;
  const buffer = make((items) => {
    seen.push(items);
    for (const item of ['r', 'c']) inner.push(buffer.add(item).catch((error) => error.code));
    expect(buffer.getBufferStatus()).toMatchObject({ size: 4, inFlight: 1 });
    expect(buffer.pending().map(({ id, item }) => [id, item])).toEqual([['3', 'r'], ['4', 'c']]);
    expect([buffer.remove('3'), buffer.clear(), buffer.clear()]).toEqual([true, 1, 0]);
    inner.push(buffer.flush());
    closing = buffer.close();
    return items;
  }, { batchSize: 2 });
  const adds = [buffer.add('a'), buffer.add('b')];
  expect(await Promise.all(adds)).toEqual(['a', 'b']);
  expect(await Promise.all(inner)).toEqual(['ERR_ABORTED', 'ERR_ABORTED', undefined]);
  expect(await closing).toEqual({ delivered: 2, deadLettered: 0, dropped: 2, aborted: 0, kept: 0 });
  expect(seen).toEqual([['a', 'b']]);
});

test('listeners that add, flush and close inside an event', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2, maxSize: 4, highWater: 0.5 });
  const added = [];
  buffer.once('highWater', () => {
    added.push(buffer.add('from the listener'));
    void buffer.flush();
  });
  added.push(buffer.add('a'), buffer.add('b'));
  for (let call = 0; call < 2; call += 1) {
    calls[call].resolve(calls[call].items);
    await microtasks();
  }
  expect(await Promise.all(added)).toEqual(expect.arrayContaining(['a', 'b', 'from the listener']));
  buffer.once('drained', () => void buffer.close());
  added.push(buffer.add('c'), buffer.add('d'));
  calls[2].resolve(['C', 'D']);
  expect(await Promise.all(added.slice(-2))).toEqual(['C', 'D']);
  await expect(buffer.add('late')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('a listener that throws breaks nothing', async () => {
  const buffer = make((items) => items.map((item) => (item === 'bad' ? Object.assign(new Error('no'), { status: 400 }) : item)), { batchSize: 1, maxSize: 2, highWater: 0.5, maxDeadLetters: 1 });
  for (const event of ['highWater', 'drained', 'deadLetter', 'dropped']) buffer.on(event, () => { throw new Error(`listener of ${event}`); });
  const settled = await Promise.allSettled(['a', 'bad', 'b', 'bad', 'c'].map((item) => buffer.add(item)));
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
  expect(await buffer.close()).toEqual({ delivered: 3, deadLettered: 2, dropped: 0, aborted: 0, kept: 0 });
});

test('groupBy, retryable and random that use the buffer', async () => {
  const inner = [];
  let once = true;
  const buffer = make((items, { attempt }) => {
    if (attempt === 1 && items.includes('a')) throw new Error('again');
    return items;
  }, {
    batchSize: 1, concurrency: 5, backoff: { minMs: 10 },
    groupBy: (item) => {
      if (item === 'a' && once) {
        once = false;
        inner.push(buffer.add('from groupBy'));
      }
      return 'g';
    },
    retryable: () => {
      inner.push(buffer.add('from retryable'));
      return true;
    },
    random: () => {
      inner.push(buffer.add('from random'));
      return 0.5;
    },
  });
  const add = buffer.add('a');
  await microtasks();
  jest.advanceTimersByTime(10);
  expect(await add).toBe('a');
  expect(await Promise.all(inner)).toEqual(['from groupBy', 'from retryable', 'from random']);
});

test('closing inside groupBy: the item is refused', async () => {
  const buffer = make(() => {}, { groupBy: () => { void buffer.close(); return 'g'; } });
  await expect(buffer.add(1)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});
