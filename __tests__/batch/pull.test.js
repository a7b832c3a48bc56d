'use strict';
// Without a handler: the owner takes and settles by itself.
const { BatchBuffer } = require('sluice');
const { stateOf } = require('../support/batch');

const open = [];
const make = (options) => {
  const buffer = new BatchBuffer(null, { backoff: { minMs: 100, jitter: 0 }, ...options });
  open.push(buffer);
  return buffer;
};
beforeEach(() => jest.useFakeTimers());
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(open.splice(0).map((buffer) => buffer.close()));
});
const rejection = (promise) => promise.then(() => { throw new Error('it did not reject'); }, (error) => error);
const ids = (taken) => taken.map(({ id }) => id);

test('nothing is handed over by itself; take gives the oldest, settle ends them', async () => {
  const buffer = make({ batchSize: 2 });
  const adds = ['a', 'b', 'c', 'd'].map((item) => buffer.add(item, { key: `k${item}` }));
  jest.advanceTimersByTime(10_000);
  expect(buffer.getBufferStatus()).toMatchObject({ size: 4, inFlight: 0, hasActiveTimer: false });
  expect(buffer.take(2)).toEqual([{ id: '1', item: 'a', key: 'ka', attempts: 0, ageMs: 10_000 }, { id: '2', item: 'b', key: 'kb', attempts: 0, ageMs: 10_000 }]);
  expect(buffer.getBufferStatus()).toMatchObject({ size: 4, inFlight: 2 });
  expect(ids(buffer.pending())).toEqual(['3', '4']);
  expect([buffer.settle('2', 'B'), buffer.settle('2', 'again'), buffer.settle('3'), buffer.settle('99'), buffer.settle('1')]).toEqual([true, false, false, false, true]);
  expect(await Promise.all(adds.slice(0, 2))).toEqual([undefined, 'B']);
  expect(ids(buffer.take())).toEqual(['3', '4']);
  expect(buffer.take()).toEqual([]);
  for (const id of ['3', '4']) buffer.settle(id, id);
  expect(await Promise.all(adds.slice(2))).toEqual(['3', '4']);
  expect(buffer.getStats()).toMatchObject({ accepted: 4, delivered: 4, failed: 0 });
});

test('an Error is a failed try: backed off, then there to be taken again, then a dead letter', async () => {
  const buffer = make({ retries: 1 });
  const failure = new Error('down');
  const rejected = rejection(buffer.add('a'));
  buffer.take();
  expect(buffer.settle('1', failure)).toBe(true);
  expect(buffer.take()).toEqual([]);
  expect(buffer.pending()).toEqual([expect.objectContaining({ id: '1', attempts: 1 })]);
  jest.advanceTimersByTime(100);
  expect(buffer.take()).toEqual([{ id: '1', item: 'a', key: null, attempts: 1, ageMs: 100 }]);
  expect(buffer.settle('1', failure)).toBe(true);
  expect(await rejected).toBe(failure);
  expect(await buffer.deadLetters()).toEqual([{ id: '1', item: 'a', key: null, error: 'down', attempts: 2, at: expect.any(Date) }]);
  await buffer.retryDeadLetter('1');
  expect(buffer.take()).toEqual([expect.objectContaining({ id: '1', attempts: 0 })]);
  expect(buffer.settle('1', 'well')).toBe(true);
});

test('a failure that makes no sense to try again is dead at once', async () => {
  const buffer = make();
  const rejected = rejection(buffer.add('a'));
  buffer.take();
  buffer.settle('1', Object.assign(new Error('no'), { status: 404 }));
  expect((await rejected).status).toBe(404);
});

test('flush resolves when all that was accepted before it is settled', async () => {
  const buffer = make();
  await buffer.enqueue('a');
  await buffer.enqueue('b');
  const flush = buffer.flush();
  await buffer.enqueue('c');
  buffer.take();
  buffer.settle('1');
  expect(await stateOf(flush)).toBe('pending');
  buffer.settle('2');
  await flush;
  expect(buffer.getBufferStatus().size).toBe(1);
});

test('close keeps what is not settled from being lost silently, and does not wait for what was taken', async () => {
  const buffer = make();
  const adds = ['a', 'b', 'c'].map((item) => buffer.add(item));
  const [first, ...rest] = adds;
  const rejections = rest.map(rejection);
  buffer.take(2);
  buffer.settle('1', 'A');
  expect(await buffer.close()).toEqual({ delivered: 1, deadLettered: 0, dropped: 0, aborted: 2, kept: 0 });
  expect(await first).toBe('A');
  for (const error of await Promise.all(rejections)) expect(error).toMatchObject({ code: 'ERR_CLOSED', kept: false });
});

test('removed, cleared and given up items are not taken; groups are taken oldest first', async () => {
  const buffer = make({ groupBy: (item) => item[0] });
  const controller = new AbortController();
  const adds = ['a1', 'b1', 'a2', 'c1', 'b2'].map((item) => buffer.add(item, item === 'a2' ? { signal: controller.signal } : undefined));
  adds.forEach((promise) => promise.catch(() => {}));
  controller.abort();
  buffer.remove('2');
  expect(buffer.take(2).map(({ item }) => item)).toEqual(['a1', 'c1']);
  expect(buffer.clear()).toBe(1);
  expect(buffer.take()).toEqual([]);
});

test('maxSize holds for what is taken and not settled', async () => {
  const buffer = make({ maxSize: 2, overflow: 'reject' });
  await buffer.enqueue('a');
  await buffer.enqueue('b');
  buffer.take();
  expect((await rejection(buffer.enqueue('c'))).code).toBe('ERR_BUFFER_FULL');
  buffer.settle('1');
  expect(await buffer.enqueue('d')).toEqual(expect.any(String));
});
