'use strict';
// Batches that end together: the machine hears of them in few crossings, and nobody can tell from outside.
const { BatchBuffer } = require('sluice');
const native = require('../../lib/native');
const { heldHandler, microtasks, notingHandler } = require('../support/batch');

const open = [];
const make = (handler, options) => {
  const buffer = new BatchBuffer(handler, options);
  open.push(buffer);
  return buffer;
};
beforeEach(() => jest.useFakeTimers());
afterEach(async () => {
  jest.restoreAllMocks();
  jest.useRealTimers();
  await Promise.all(open.splice(0).map((buffer) => buffer.close({ timeoutMs: 1 })));
});
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const standing = (buffer) => {
  const { size, waiting, inFlight } = buffer.getBufferStatus();
  return [size, waiting, inFlight];
};

test('a burst of batches that end in one go costs a crossing each when they leave, and few when they end', async () => {
  const { handler, calls } = notingHandler();
  const buffer = make(handler, { batchSize: 10, concurrency: 200, maxSize: 2000 });
  const steps = jest.spyOn(native, 'batchStep');
  const added = range(1, 2000).map((item) => buffer.add(item));
  const left = steps.mock.calls.length;
  expect(left).toBeLessThan(210);
  expect(await Promise.all(added)).toEqual(range(1, 2000));
  expect(steps.mock.calls.length - left).toBeLessThan(60);
  expect(calls).toHaveLength(200);
  expect(standing(buffer)).toEqual([0, 0, 0]);
  expect(buffer.getStats()).toMatchObject({ accepted: 2000, delivered: 2000, calls: 200 });
  expect(jest.getTimerCount()).toBe(0);
});

test('whoever looks sees each batch ended as soon as its items are delivered', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2, concurrency: 10 });
  const added = range(1, 8).map((item) => buffer.add(item));
  const seen = [];
  added.forEach((promise) => promise.then(() => seen.push(standing(buffer))));
  for (const { resolve } of calls) resolve();
  await Promise.all(added);
  // all ends come before the first of these looks
  expect(seen.at(-1)).toEqual([0, 0, 0]);
  const [first] = seen;
  expect(first[0]).toBe(2 * first[2]);
});

test('a batch that ended is told in the same turn, though nothing else is, and its timer goes', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 1, concurrency: 10, handlerTimeoutMs: 1000 });
  const first = buffer.add('first');
  await microtasks();
  jest.advanceTimersByTime(600);
  const second = buffer.add('second');
  calls[0].resolve(['ended']);
  expect(await first).toBe('ended');
  await microtasks();
  const steps = jest.spyOn(native, 'batchStep');
  jest.advanceTimersByTime(600);
  await microtasks();
  // the first one's time is over, and nobody is tried again or aborted for it
  expect(calls).toHaveLength(2);
  expect(calls.map(({ context }) => context.signal.aborted)).toEqual([false, false]);
  expect(steps.mock.calls.length).toBeLessThan(3);
  calls[1].resolve(['ended too']);
  expect(await second).toBe('ended too');
  expect(jest.getTimerCount()).toBe(0);
});

test.each(['reject', 'drop-oldest', 'wait'])("what ended has made room for whoever comes next: '%s'", async (overflow) => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2, concurrency: 10, maxSize: 6, overflow });
  const dropped = [];
  buffer.on('dropped', (item) => dropped.push(item));
  const added = range(1, 6).map((item) => buffer.add(item));
  calls[1].resolve();
  // in the first moment in which its caller can know
  await added[2];
  const more = [buffer.enqueue(7), buffer.enqueue(8)];
  expect(standing(buffer)).toEqual([6, 0, 3]);
  expect(await Promise.all(more)).toEqual(['7', '8']);
  expect(dropped).toEqual([]);
  expect(calls.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5, 6], [7, 8]]);
  for (const { resolve } of calls) resolve();
  await Promise.all(added);
});

test("'drained' is told with the batch that brings the buffer below the mark, once", async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 1, concurrency: 20, maxSize: 10, highWater: 0.5 });
  const told = [];
  buffer.on('highWater', ({ size }) => told.push(['highWater', size]));
  buffer.on('drained', ({ size }) => told.push(['drained', size]));
  const added = range(1, 8).map((item) => buffer.add(item));
  expect(told).toEqual([['highWater', 5]]);
  for (const { resolve } of calls.slice(0, 3)) resolve();
  await Promise.all(added.slice(0, 3));
  expect(told).toHaveLength(1);
  calls[3].resolve();
  await added[3];
  expect(told).toEqual([['highWater', 5], ['drained', 4]]);
  for (const { resolve } of calls) resolve();
  await Promise.all(added);
  expect(told).toHaveLength(2);
});

test('flush and close wait for what has ended and for what has not', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 1, concurrency: 10 });
  const added = range(1, 3).map((item) => buffer.add(item));
  calls[0].resolve();
  await added[0];
  let isFlushed = false;
  const flushed = buffer.flush().then(() => (isFlushed = true));
  calls[1].resolve();
  await added[1];
  await microtasks();
  expect(isFlushed).toBe(false);
  calls[2].resolve();
  await flushed;
  const more = buffer.add(4);
  const closed = buffer.close();
  calls[3].resolve();
  await more;
  expect(await closed).toEqual({ delivered: 4, deadLettered: 0, dropped: 0, aborted: 0, kept: 0 });
});
