'use strict';
// At maxSize: who waits, who is refused, who is dropped, and what events tell.
const { BatchBuffer } = require('sluice');
const { heldHandler, microtasks, stateOf } = require('../support/batch');

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
const standing = (buffer) => {
  const { size, waiting } = buffer.getBufferStatus();
  return [size, waiting];
};

test('size and waiting have grown when add returns', () => {
  const { handler } = heldHandler();
  const buffer = make(handler, { batchSize: 2, maxSize: 3 });
  const seen = [];
  for (let item = 0; item < 5; item += 1) {
    void buffer.add(item).catch(() => {});
    seen.push(standing(buffer));
  }
  expect(seen).toEqual([[1, 0], [2, 0], [3, 0], [3, 1], [3, 2]]);
  expect(buffer.getBufferStatus()).toMatchObject({ maxSize: 3, usage: 1, inFlight: 1 });
});

test("'wait': first come first served, enqueue resolves when there is room", async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2, maxSize: 2, overflow: 'wait' });
  const enqueued = [1, 2, 3, 4, 5].map((item) => buffer.enqueue(item));
  expect(await Promise.all(enqueued.map(stateOf))).toEqual(['resolved', 'resolved', 'pending', 'pending', 'pending']);
  calls[0].resolve();
  await microtasks();
  expect(calls.map(({ items }) => items)).toEqual([[1, 2], [3, 4]]);
  expect(await Promise.all(enqueued.map(stateOf))).toEqual(['resolved', 'resolved', 'resolved', 'resolved', 'pending']);
  calls[1].resolve();
  expect(await Promise.all(enqueued)).toEqual(['1', '2', '3', '4', '5']);
});

test("'reject': ERR_BUFFER_FULL at once, for add and enqueue, and nothing is accepted", async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { name: 'orders', batchSize: 2, maxSize: 2, overflow: 'reject' });
  const accepted = [buffer.add(1), buffer.add(2)];
  const full = { code: 'ERR_BUFFER_FULL', message: 'the batch buffer "orders" is full: it holds 2 items' };
  expect(await rejection(buffer.add(3))).toMatchObject(full);
  expect(await rejection(buffer.enqueue(4))).toMatchObject(full);
  expect(standing(buffer)).toEqual([2, 0]);
  calls[0].resolve();
  await Promise.all(accepted);
  expect(await buffer.enqueue(5)).toEqual(expect.any(String));
  expect(buffer.getStats().accepted).toBe(3);
});

test("'drop-oldest': the oldest that has not left goes, with an event; its add rejects, its enqueue had resolved", async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2, maxSize: 4, overflow: 'drop-oldest' });
  const dropped = [];
  buffer.on('dropped', (item, reason) => dropped.push([item, reason]));
  const away = [buffer.add('a'), buffer.add('b')];
  const oldest = rejection(buffer.add('c'));
  const enqueued = buffer.enqueue('d');
  const newer = [buffer.add('e'), buffer.add('f')];
  expect(await oldest).toMatchObject({ code: 'ERR_BUFFER_FULL', message: expect.stringMatching(/dropped for a newer/) });
  expect(await enqueued).toEqual(expect.any(String));
  expect(dropped).toEqual([['c', 'overflow'], ['d', 'overflow']]);
  expect(standing(buffer)).toEqual([4, 0]);
  calls[0].resolve();
  await Promise.all(away);
  calls[1].resolve();
  await Promise.all(newer);
  expect(calls.map(({ items }) => items)).toEqual([['a', 'b'], ['e', 'f']]);
  expect(await buffer.close()).toEqual({ delivered: 4, deadLettered: 0, dropped: 2, aborted: 0, kept: 0 });
});

test("'drop-oldest' when all has left: the new one waits", async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 2, maxSize: 2, overflow: 'drop-oldest' });
  const adds = ['a', 'b', 'c'].map((item) => buffer.add(item));
  const settled = adds[2].then(() => 'delivered', (error) => error.code);
  expect(standing(buffer)[0]).toBeLessThanOrEqual(3);
  calls[0].resolve();
  await Promise.all(adds.slice(0, 2));
  jest.advanceTimersByTime(100);
  calls[1]?.resolve();
  expect(['delivered', 'ERR_BUFFER_FULL']).toContain(await settled);
});

test("'drop-oldest' over groups drops the oldest of all, and counts what waits for another try as not left", async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 10, batchTimeout: 1000, maxSize: 3, overflow: 'drop-oldest', groupBy: (item) => item[0], backoff: { minMs: 5000, jitter: 0 } });
  const dropped = [];
  buffer.on('dropped', (item) => dropped.push(item));
  const first = rejection(buffer.add('a1'));
  jest.advanceTimersByTime(1000);
  calls[0].reject(new Error('again'));
  await microtasks();
  const others = ['b1', 'c1', 'b2', 'd1'].map((item) => buffer.add(item));
  others.forEach((promise) => promise.catch(() => {}));
  expect(dropped).toEqual(['a1', 'b1']);
  expect((await first).code).toBe('ERR_BUFFER_FULL');
});

test('highWater once at 80 %, drained once below it, again and again', async () => {
  const { handler, calls } = heldHandler();
  const buffer = make(handler, { batchSize: 1, maxSize: 10, concurrency: 10 });
  const events = [];
  buffer.on('highWater', (status) => events.push(['highWater', status.size]));
  buffer.on('drained', (status) => events.push(['drained', status.size]));
  for (let item = 0; item < 10; item += 1) void buffer.add(item).catch(() => {});
  expect(events).toEqual([['highWater', 8]]);
  for (let call = 0; call < 10; call += 1) {
    calls[call].resolve();
    await microtasks();
  }
  expect(events.length).toBe(2);
  expect(events[1][0]).toBe('drained');
  expect(events[1][1]).toBeLessThan(8);
  for (let item = 0; item < 9; item += 1) void buffer.add(item).catch(() => {});
  expect(events.map(([name]) => name)).toEqual(['highWater', 'drained', 'highWater']);
});

test('an event carries the whole status', () => {
  const { handler } = heldHandler();
  const buffer = make(handler, { batchSize: 5, maxSize: 2, highWater: 0.5 });
  let told;
  buffer.on('highWater', (status) => (told = status));
  void buffer.add(1).catch(() => {});
  expect(told).toEqual({ size: 1, waiting: 0, batchSize: 5, batchTimeout: 100, hasActiveTimer: true, inFlight: 0, maxSize: 2, usage: 0.5, deadLetters: 0, oldestAgeMs: 0 });
});

describe('clear, remove, pending', () => {
  test('pending lists what has not left, oldest first, waiting for room or another try too', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { batchSize: 2, maxSize: 4, backoff: { minMs: 1000, jitter: 0 } });
    for (const item of ['a', 'b', 'c']) void buffer.add(item, { key: `k${item}` }).catch(() => {});
    calls[0].reject(new Error('again'));
    await microtasks();
    jest.advanceTimersByTime(30);
    for (const item of ['d', 'e', 'f']) void buffer.add(item).catch(() => {});
    expect(buffer.pending().map(({ id, item, key, attempts, ageMs }) => [id, item, key, attempts, ageMs])).toEqual([
      ['1', 'a', 'ka', 1, 30], ['2', 'b', 'kb', 1, 30], ['5', 'e', null, 0, 0], ['6', 'f', null, 0, 0],
    ]);
  });

  test('remove drops one that has not left, and nothing else', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { batchSize: 2, maxSize: 3 });
    const adds = ['a', 'b', 'c', 'd'].map((item) => buffer.add(item));
    const states = [rejection(adds[2]), rejection(adds[3])];
    expect([buffer.remove('1'), buffer.remove('3'), buffer.remove('3'), buffer.remove('99'), buffer.remove('x'), buffer.remove('03')]).toEqual([false, true, false, false, false, false]);
    expect(buffer.remove('4')).toBe(true);
    expect(await states[0]).toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError' });
    expect(await states[1]).toMatchObject({ code: 'ERR_ABORTED' });
    calls[0].resolve();
    await Promise.all(adds.slice(0, 2));
    expect(await buffer.close()).toMatchObject({ delivered: 2 });
    expect(calls.length).toBe(1);
  });

  test('clear drops all that has not left, and rejects it with its reason', async () => {
    for (const reason of [undefined, new RangeError('because')]) {
      const { handler, calls } = heldHandler();
      const buffer = make(handler, { batchSize: 2, maxSize: 4, groupBy: (item) => item[0], backoff: { minMs: 1000 } });
      const adds = ['a1', 'b1', 'a2', 'c1', 'c2', 'd1'].map((item) => buffer.add(item));
      const enqueued = rejection(buffer.enqueue('e1'));
      const rest = adds.filter((_, at) => at !== 0 && at !== 2).map(rejection);
      expect(buffer.clear(reason)).toBe(5);
      for (const error of await Promise.all([...rest, enqueued])) {
        if (reason) expect(error).toBe(reason);
        else expect(error).toMatchObject({ code: 'ERR_ABORTED' });
      }
      expect([buffer.clear(), buffer.pending(), standing(buffer)]).toEqual([0, [], [2, 0]]);
      calls[0].resolve();
      await Promise.all([adds[0], adds[2]]);
      jest.runOnlyPendingTimers();
      expect(calls.length).toBe(1);
      const again = buffer.add('b2');
      const flush = buffer.flush();
      calls[1].resolve(['well']);
      expect(await again).toBe('well');
      await flush;
    }
  });
});
