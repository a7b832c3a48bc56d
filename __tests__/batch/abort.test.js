'use strict';
// A caller's AbortSignal: before, while its item waits, is with the handler, or backs off.
const { getEventListeners } = require('node:events');
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
const rejection = (promise) => promise.then(() => { throw new Error('it did not reject'); }, (error) => error);
const why = new Error('why');
const aborted = expect.objectContaining({ code: 'ERR_ABORTED', name: 'AbortError', cause: why });

test('one that has fired already: nothing is accepted', async () => {
  const { handler } = notingHandler();
  const buffer = make(handler);
  expect(await rejection(buffer.add(1, { signal: AbortSignal.abort(why) }))).toEqual(aborted);
  expect(buffer.getStats().accepted).toBe(0);
});

test('while queued, and while waiting for room: it is gone', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 10, maxSize: 2 });
  const controllers = Array.from({ length: 4 }, () => new AbortController());
  const adds = controllers.map(({ signal }, at) => buffer.add(at, { signal }));
  const rejections = [rejection(adds[1]), rejection(adds[2])];
  // the one without room first, so that it never finds any
  controllers[2].abort(why);
  controllers[1].abort(why);
  expect(await Promise.all(rejections)).toEqual([aborted, aborted]);
  expect(buffer.getBufferStatus()).toMatchObject({ size: 2, waiting: 0 });
  void buffer.flush();
  calls[0].resolve(['zero', 'three']);
  expect(await Promise.all([adds[0], adds[3]])).toEqual(['zero', 'three']);
  expect(calls[0].items).toEqual([0, 3]);
  expect(await buffer.close()).toEqual({ delivered: 2, deadLettered: 0, dropped: 0, aborted: 1, kept: 0 });
});

test.each([
  ['given up', (buffer, controller) => controller.abort(why), ['b', 'c']],
  ['removed', (buffer) => expect(buffer.remove('1')).toBe(true), ['b', 'c']],
  ['cleared', (buffer) => expect(buffer.clear()).toBe(3), undefined],
])('one that is %s when its batch is due already does not leave with it', async (_, out, left) => {
  let now = 0;
  const { handler, calls } = notingHandler();
  const buffer = make(handler, { batchTimeout: 10, now: () => now });
  const controller = new AbortController();
  const adds = ['a', 'b', 'c'].map((item) => buffer.add(item, item === 'a' ? { signal: controller.signal } : undefined));
  const settled = Promise.allSettled(adds);
  // the timer is late
  now = 20;
  out(buffer, controller);
  await buffer.flush();
  expect(calls.map(({ items }) => items)).toEqual(left === undefined ? [] : [left]);
  expect((await settled).map(({ value, reason }) => value ?? reason.code)).toEqual(left === undefined ? Array(3).fill('ERR_ABORTED') : ['ERR_ABORTED', 'b', 'c']);
});

test('while it is with the handler: the promise rejects, the item stays, and is not tried again', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2, concurrency: 2, backoff: { minMs: 10 } });
  const [delivered, failing] = [new AbortController(), new AbortController()];
  const first = [rejection(buffer.add('a', { signal: delivered.signal })), buffer.add('b')];
  const second = [rejection(buffer.add('c', { signal: failing.signal })), buffer.add('d')];
  delivered.abort(why);
  failing.abort(why);
  expect(await Promise.all([first[0], second[0]])).toEqual([aborted, aborted]);
  expect(buffer.getBufferStatus()).toMatchObject({ size: 4, inFlight: 2 });
  calls[0].resolve(['A', 'B']);
  calls[1].reject(new Error('again'));
  expect(await first[1]).toBe('B');
  await microtasks();
  jest.advanceTimersByTime(20);
  expect(calls.map(({ items }) => items)).toEqual([['a', 'b'], ['c', 'd'], ['d']]);
  calls[2].resolve(['D']);
  expect(await second[1]).toBe('D');
  expect(await buffer.close()).toEqual({ delivered: 3, deadLettered: 0, dropped: 0, aborted: 1, kept: 0 });
});

test('while it is with the handler and another try would be at once: there is none', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 1, backoff: { minMs: 0, maxMs: 0 } });
  const controller = new AbortController();
  const rejected = rejection(buffer.add(1, { signal: controller.signal }));
  controller.abort(why);
  expect(await rejected).toEqual(aborted);
  calls[0].reject(new Error('no'));
  await microtasks();
  jest.advanceTimersByTime(1000);
  expect(calls.length).toBe(1);
  expect(await buffer.close()).toMatchObject({ aborted: 1, deadLettered: 0 });
});

test('while it waits for another try: it is gone', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 1, backoff: { minMs: 100 } });
  const controller = new AbortController();
  const rejected = rejection(buffer.add('a', { signal: controller.signal }));
  calls[0].reject(new Error('again'));
  await microtasks();
  controller.abort(why);
  expect(await rejected).toEqual(aborted);
  expect(buffer.getBufferStatus()).toMatchObject({ size: 0, hasActiveTimer: false });
  jest.runOnlyPendingTimers();
  expect(calls.length).toBe(1);
  expect(jest.getTimerCount()).toBe(0);
});

test('after it has settled: nothing', async () => {
  const { handler } = notingHandler();
  const buffer = make(handler, { batchSize: 1 });
  const controller = new AbortController();
  expect(await buffer.add('a', { signal: controller.signal })).toBe('a');
  controller.abort(why);
  expect(await buffer.close()).toMatchObject({ delivered: 1, aborted: 0 });
});

test('one signal for many items has one listener, and ends them all', async () => {
  const { handler } = heldHandler();
  const buffer = make(handler, { batchSize: 100 });
  const controller = new AbortController();
  const rejections = Array.from({ length: 50 }, (_, at) => rejection(buffer.add(at, { signal: controller.signal })));
  expect(getEventListeners(controller.signal, 'abort').length).toBe(1);
  controller.abort(why);
  expect(await Promise.all(rejections)).toEqual(rejections.map(() => aborted));
  expect(getEventListeners(controller.signal, 'abort').length).toBe(0);
});

test('a signal that lives long is left by each item: 100,000 leave no listener', async () => {
  const { handler } = notingHandler();
  const buffer = make(handler, { batchSize: 1000, maxSize: 10_000, concurrency: 100, batchTimeout: 0 });
  const { signal } = new AbortController();
  for (let round = 0; round < 100; round += 1) {
    await Promise.all(Array.from({ length: 1000 }, (_, at) => buffer.add(at, { signal })));
  }
  expect(getEventListeners(signal, 'abort').length).toBe(0);
});

test('aborting one after the other behind a head that stays keeps no memory of them', async () => {
  const { handler } = heldHandler();
  const buffer = make(handler, { batchSize: 1000, maxSize: 10, batchTimeout: 1e6 });
  const head = buffer.add('head');
  head.catch(() => {});
  for (let round = 0; round < 20_000; round += 1) {
    const controller = new AbortController();
    void buffer.add(round, { signal: controller.signal }).catch(() => {});
    controller.abort();
  }
  expect(buffer.pending().map(({ item }) => item)).toEqual(['head']);
  expect(buffer.getBufferStatus()).toMatchObject({ size: 1, waiting: 0 });
});
