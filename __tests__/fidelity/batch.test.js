'use strict';
// The batch buffer inside the suites of existing services, under jest (node and jsdom) and vitest: see docs/batch.md.
const isJest = typeof jest !== 'undefined';
const fake = isJest ? jest : globalThis.vi;
const { BatchBuffer, metrics } = require('sluice');

const open = [];
const make = (handler, options) => {
  const buffer = new BatchBuffer(handler, options);
  open.push(buffer);
  return buffer;
};
const ways = [['modern', () => fake.useFakeTimers()], ...(isJest ? [['legacy', () => jest.useFakeTimers({ legacyFakeTimers: true })]] : [])];
afterEach(async () => {
  fake.useRealTimers();
  fake.restoreAllMocks();
  await Promise.all(open.splice(0).map((buffer) => buffer.close({ timeoutMs: 1 })));
});
async function microtasks(count = 30) {
  for (let at = 0; at < count; at += 1) await null;
}
/** Whether a promise settles by microtasks alone: no turn of the event loop is taken. */
async function inMicrotasks(promise) {
  let settled = false;
  promise.then(() => (settled = true), () => (settled = true));
  for (let at = 0; at < 50 && !settled; at += 1) await null;
  return settled;
}
const noting = () => {
  const calls = [];
  return { calls, handler: (items) => { calls.push(items); return items; } };
};

describe.each(ways)('fake timers, %s', (_, useFakes) => {
  test('advancing them flushes a batch, synchronously', async () => {
    useFakes();
    const { calls, handler } = noting();
    const buffer = make(handler, { batchTimeout: 100 });
    const adds = [buffer.add('a'), buffer.add('b')];
    fake.advanceTimersByTime(99);
    expect(calls).toStrictEqual([]);
    fake.advanceTimersByTime(1);
    expect(calls).toStrictEqual([['a', 'b']]);
    expect(await Promise.all(adds)).toStrictEqual(['a', 'b']);
  });

  test('what a fake timer was to ring for does not wait for it once they are gone', async () => {
    useFakes();
    const { calls, handler } = noting();
    const buffer = make(handler, { batchTimeout: 20 });
    await buffer.enqueue('fake');
    fake.useRealTimers();
    expect(await buffer.add('real')).toBe('real');
    expect(calls).toStrictEqual([['fake', 'real']]);
  });

  test('a buffer closes in time though what it had set was a fake timer', async () => {
    useFakes();
    const buffer = make(() => new Promise(() => {}), { batchTimeout: 20, batchSize: 2 });
    for (const item of [1, 2, 3]) void buffer.add(item).catch(() => {});
    await microtasks();
    fake.useRealTimers();
    // longer than the fake timer had to go
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await buffer.close({ timeoutMs: 1 })).toMatchObject({ delivered: 0, aborted: 3 });
  });

  test('buffers from before they were installed hear of them', async () => {
    const { calls, handler } = noting();
    const buffer = make(handler, { batchTimeout: 100 });
    await buffer.enqueue('real');
    await buffer.flush();
    useFakes();
    void buffer.add('a');
    fake.advanceTimersByTime(100);
    expect(calls).toStrictEqual([['real'], ['a']]);
  });

  test('further tries and handler timeouts are timers of the suite', async () => {
    useFakes();
    let tries = 0;
    const buffer = make(() => {
      tries += 1;
      if (tries === 1) return new Promise(() => {});
      if (tries === 2) throw new Error('again');
      return ['at last'];
    }, { batchSize: 1, handlerTimeoutMs: 1000, backoff: { minMs: 100, factor: 2, jitter: 0 } });
    const add = buffer.add(1);
    await microtasks();
    fake.advanceTimersByTime(1000);
    await microtasks();
    fake.advanceTimersByTime(100);
    expect(tries).toBe(2);
    await microtasks();
    fake.advanceTimersByTime(200);
    expect(tries).toBe(3);
    expect(await add).toBe('at last');
  });

  test('running all timers ends, and none is left', async () => {
    useFakes();
    const { calls, handler } = noting();
    // what it awaits cannot settle while timers are run: the timer that watches it must not be among them
    const buffer = make(async (items) => { await null; await null; return handler(items); }, { batchSize: 3 });
    for (let item = 0; item < 5; item += 1) void buffer.add(item);
    for (let round = 0; round < 3; round += 1) {
      fake.runAllTimers();
      await microtasks();
    }
    expect(calls.flat()).toStrictEqual([0, 1, 2, 3, 4]);
    expect(buffer.getBufferStatus()).toMatchObject({ size: 0, hasActiveTimer: false });
    if (fake.getTimerCount !== undefined) expect(fake.getTimerCount()).toBe(0);
  });
});

test('a spied Date.now alone is heard, and a frozen one does not stop the buffer', async () => {
  const buffer = make(noting().handler, { batchTimeout: 20 });
  const real = Date.now();
  fake.spyOn(Date, 'now').mockImplementation(() => real);
  const frozen = buffer.add(1);
  expect(await frozen).toBe(1);
  const late = make(noting().handler, { batchTimeout: 60_000 });
  void late.add(1);
  Date.now.mockImplementation(() => real + 50_000);
  expect(late.getBufferStatus().oldestAgeMs).toBe(50_000);
});

test('everything in memory settles in microtasks, under fake timers too', async () => {
  for (const faked of [false, true]) {
    if (faked) fake.useFakeTimers();
    const buffer = make((items) => items, { batchSize: 1 });
    const failing = make(async () => { throw new Error('no'); }, { batchSize: 1, retries: 0 });
    const pulled = make(null);
    void pulled.add(1).catch(() => {});
    pulled.take();
    const calls = {
      add: () => buffer.add(1), enqueue: () => buffer.enqueue(1), addMany: () => buffer.addMany([1, 2]), flush: () => buffer.flush(), recovered: () => buffer.recovered,
      'add, failing': () => failing.add(1), deadLetters: () => failing.deadLetters(), retryDeadLetter: () => failing.retryDeadLetter('1'), clearDeadLetters: () => failing.clearDeadLetters(),
      'pulled flush': () => { const flush = pulled.flush(); pulled.settle('1'); return flush; }, close: () => buffer.close(), 'close, failing': () => failing.close(), 'close, pulled': () => pulled.close(),
    };
    for (const [name, call] of Object.entries(calls)) expect({ name, settles: await inMicrotasks(call()) }).toStrictEqual({ name, settles: true });
  }
});

test('promises, arrays, objects, dates and errors are of this realm', async () => {
  let context;
  let batch;
  const buffer = make((items, told) => {
    [batch, context] = [items, told];
    return items.map((item) => (item === 'bad' ? Object.assign(new Error('no'), { status: 400 }) : item));
  }, { batchSize: 2 });
  const promises = [buffer.add('a'), buffer.add('bad'), buffer.enqueue('b'), buffer.addMany(['c']), buffer.flush(), buffer.deadLetters(), buffer.recovered];
  for (const promise of promises) expect(promise).toBeInstanceOf(Promise);
  await Promise.allSettled(promises);
  const clearing = buffer.clearDeadLetters();
  expect(clearing).toBeInstanceOf(Promise);
  expect(await clearing).toBe(1);
  expect(batch).toBeInstanceOf(Array);
  expect(context.keys).toBeInstanceOf(Array);
  expect(context.signal.aborted).toBe(false);
  expect(typeof context.signal.addEventListener).toBe('function');
  expect(await buffer.addMany(['c', 'bad'])).toStrictEqual([{ status: 'fulfilled', value: 'c' }, { status: 'rejected', reason: expect.any(Error) }]);
  const [letter] = await buffer.deadLetters();
  expect(letter).toStrictEqual({ id: expect.any(String), item: 'bad', key: null, error: 'no', attempts: 1, at: expect.any(Date) });
  expect(letter.at).toBeInstanceOf(Date);
  expect(buffer.getBufferStatus()).toStrictEqual({
    size: 0, waiting: 0, batchSize: 2, batchTimeout: 100, hasActiveTimer: false, inFlight: 0, maxSize: 1000, usage: 0, deadLetters: 1, oldestAgeMs: 0,
  });
  expect(buffer.getStats()).toStrictEqual({ accepted: 6, delivered: 4, failed: 2, retried: 0, duplicates: 0, batches: 3, calls: 3, savedCalls: 3 });
  expect(() => new BatchBuffer(() => {}, { batchSize: 0 })).toThrow(RangeError);
  expect(() => new BatchBuffer(() => {}, { batchsize: 1 })).toThrow(TypeError);
  expect(() => new BatchBuffer('handler')).toThrow(Error);
  expect(() => buffer.take()).toThrow(TypeError);
  await expect(buffer.add(1, { signal: 5 })).rejects.toBeInstanceOf(TypeError);
  await expect(make(() => 5, { batchSize: 1 }).add(1)).rejects.toThrow(TypeError);
  const closing = buffer.close();
  expect(closing).toBeInstanceOf(Promise);
  expect(await closing).toStrictEqual({ delivered: 4, deadLettered: 2, dropped: 0, aborted: 0, kept: 0 });
  await expect(buffer.add(1)).rejects.toBeInstanceOf(Error);
});

test('errors of another realm are errors, and rejected as they are', async () => {
  const foreign = require('node:vm').runInNewContext('new TypeError("foreign")');
  await expect(make(() => { throw foreign; }, { batchSize: 1, retries: 0 }).add(1)).rejects.toBe(foreign);
  await expect(make(() => [foreign], { batchSize: 1, retries: 0 }).add(1)).rejects.toBe(foreign);
});

test('a listener that throws, an unhandled event named like an error: nothing escapes', async () => {
  const buffer = make(() => { throw Object.assign(new Error('no'), { status: 400 }); }, { batchSize: 1 });
  buffer.on('deadLetter', () => { throw new Error('listener'); });
  expect(() => void buffer.add(1).catch(() => {})).not.toThrow();
  await buffer.flush();
  expect((await buffer.deadLetters()).length).toBe(1);
});

test('sizes are there right after the call', () => {
  const buffer = make(() => new Promise(() => {}), { batchSize: 2, maxSize: 2 });
  const seen = [1, 2, 3].map((item) => {
    void buffer.add(item).catch(() => {});
    const { size, waiting } = buffer.getBufferStatus();
    return size + waiting;
  });
  expect(seen).toStrictEqual([1, 2, 3]);
});

test('bytes count whatever realm made them', async () => {
  const { runInNewContext } = require('node:vm');
  const { calls, handler } = noting();
  const buffer = make(handler, { batchBytes: 4, concurrency: 10 });
  await Promise.all([runInNewContext('new Uint8Array(4)'), Buffer.alloc(4), 'four'].map((item) => buffer.add(item)));
  expect(calls.length).toBe(3);
});

test('modules can be reset: old and new copies work side by side', async () => {
  const before = make((items) => items, { batchSize: 1, batchTimeout: 0 });
  fake.resetModules();
  const again = require('sluice');
  const after = new again.BatchBuffer((items) => items, { batchTimeout: 0 });
  expect(await Promise.all([before.add('old'), after.add('new')])).toStrictEqual(['old', 'new']);
  await after.close();
  expect(await before.add('old')).toBe('old');
});

test('metrics() counts buffers by their name, as Prometheus text', async () => {
  const name = `fidelity ${isJest ? 'jest' : 'vitest'} ${typeof document}`;
  const buffer = make((items) => items.map((item) => (item === 'bad' ? Object.assign(new Error('no'), { status: 400 }) : item)), { name, batchSize: 3 });
  await Promise.allSettled(['a', 'b', 'bad'].map((item) => buffer.add(item)));
  void buffer.add('waits').catch(() => {});
  buffer.resetStats();
  const line = (what) => Number(new RegExp(`^sluice_batch_${what}\\{name="${name}"\\} (\\d+)$`, 'm').exec(metrics())?.[1]);
  expect(['accepted_total', 'delivered_total', 'failed_total', 'calls_total', 'saved_calls_total', 'size', 'dead_letters'].map(line)).toStrictEqual([4, 2, 1, 1, 2, 1, 1]);
  await buffer.close({ timeoutMs: 0 });
  expect([line('accepted_total'), metrics().includes(`sluice_batch_size{name="${name}"} 0`)]).toStrictEqual([4, true]);
});
