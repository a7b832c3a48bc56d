'use strict';
// The queues' drop-ins inside the suites of services, under jest (node and jsdom) and vitest.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const isJest = typeof jest !== 'undefined';
const fake = isJest ? jest : globalThis.vi;
const { BatchProcessor, LocalBufferQueue, QstashQueue } = require('sluice/compat');

const open = [];
const folders = [];
const make = (Queue, ...given) => {
  const queue = new Queue(...given);
  open.push(queue);
  return queue;
};
const ways = [['modern', () => fake.useFakeTimers()], ...(isJest ? [['legacy', () => jest.useFakeTimers({ legacyFakeTimers: true })]] : [])];
afterEach(async () => {
  fake.useRealTimers();
  fake.restoreAllMocks();
  await Promise.all(open.splice(0).map((queue) => queue.close({ timeoutMs: 1 })));
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});
async function microtasks(count = 60) {
  for (let at = 0; at < count; at += 1) await null;
}
async function inMicrotasks(promise) {
  let settled = false;
  promise.then(() => (settled = true), () => (settled = true));
  for (let at = 0; at < 60 && !settled; at += 1) await null;
  return settled;
}
const noting = () => {
  const calls = [];
  return { calls, client: { batchJSON: async (messages) => { calls.push(messages.map(({ body }) => body)); return messages.map(({ body }) => ({ messageId: `m${body}` })); } } };
};
/** Settles it with a verdict on time, since an environment without timers cannot wait. */
const state = async (promise) => ((await inMicrotasks(promise)) ? promise : 'pending');

describe.each(ways)('fake timers, %s', (_, useFakes) => {
  test('advancing them publishes a batch, synchronously, and who waits is told in microtasks', async () => {
    useFakes();
    const { calls, client } = noting();
    const queue = make(QstashQueue, { client, batchTimeout: 100 });
    const waits = queue.publish('t', 1, { wait: true });
    void queue.publish('t', 2);
    expect([queue.buffer.length, queue.getBufferStatus().size]).toStrictEqual([2, 2]);
    fake.advanceTimersByTime(99);
    expect(calls).toStrictEqual([]);
    fake.advanceTimersByTime(1);
    expect([calls, queue.buffer.length]).toStrictEqual([[[1, 2]], 0]);
    expect(await state(waits)).toStrictEqual({ messageId: 'm1' });
  });

  test('a batch that is full is published before publish returns', async () => {
    useFakes();
    const { calls, client } = noting();
    const queue = make(QstashQueue, { client, batchSize: 2 });
    const both = [1, 2].map((body) => queue.publish('t', body));
    expect(calls).toStrictEqual([[1, 2]]);
    expect((await state(Promise.all(both))).map(({ queued }) => queued)).toStrictEqual([true, true]);
  });

  test('the same of publishJSON', () => {
    useFakes();
    const calls = [];
    const queue = make(QstashQueue, { client: { publishJSON: async ({ body }) => calls.push(body) }, batchTimeout: 10 });
    void queue.publish('t', 1);
    void queue.publish('t', 2);
    fake.advanceTimersByTime(10);
    expect(calls).toStrictEqual([1, 2]);
  });

  test('running all timers ends, and none is left', async () => {
    useFakes();
    let isDown = true;
    const queue = make(QstashQueue, { client: { batchJSON: async (messages) => { if (isDown) throw new Error('down'); return messages.map(() => ({ messageId: 'm' })); } }, batchSize: 3, backoff: { minMs: 100 } });
    const all = [1, 2, 3, 4].map((body) => queue.publish('t', body, { wait: true }));
    const processor = make(BatchProcessor, { maxWaitTime: 50 }, async (items) => items);
    const added = processor.add('a');
    for (let round = 0; round < 4; round += 1) {
      fake.runAllTimers();
      await microtasks();
      isDown = false;
    }
    expect((await Promise.all(all)).map(({ messageId }) => messageId)).toStrictEqual(['m', 'm', 'm', 'm']);
    expect(await added).toBe('a');
    if (fake.getTimerCount !== undefined) expect(fake.getTimerCount()).toBe(0);
    expect(queue.flushTimer).toBe(null);
  });

  test('queues from before they were installed hear of them', async () => {
    const { calls, client } = noting();
    const queue = make(QstashQueue, { client, batchTimeout: 100 });
    await queue.publish('t', 'real');
    await queue.flush();
    useFakes();
    void queue.publish('t', 'fake');
    fake.advanceTimersByTime(100);
    expect(calls).toStrictEqual([['real'], ['fake']]);
  });

  test('a processor starts a batch when its time is up, within the call that moves the clock', () => {
    useFakes();
    const batches = [];
    const processor = make(BatchProcessor, { maxWaitTime: 50, maxBatchSize: 3 }, (items) => batches.push(items) && undefined);
    for (const item of [1, 2, 3, 4]) void processor.add(item);
    expect(batches).toStrictEqual([[1, 2, 3]]);
    return microtasks().then(() => {
      fake.advanceTimersByTime(50);
      expect(batches).toStrictEqual([[1, 2, 3], [4]]);
    });
  });
});

test('in memory everything settles in microtasks', async () => {
  const queue = make(QstashQueue, { client: noting().client, batchSize: 1 });
  for (const promise of [queue.initialize(), queue.publish('t', 1), queue.publish('t', 2, { wait: true }), queue.batchPublish([{ topic: 't', message: 3 }], { wait: true }), queue.flush()]) {
    expect(await inMicrotasks(promise)).toBe(true);
  }
  expect(await inMicrotasks(make(BatchProcessor, { maxBatchSize: 1 }, async (items) => items).add(1))).toBe(true);
});

test('a spied Date.now alone dates letters, and a frozen one stops nothing', async () => {
  const queue = make(QstashQueue, { client: { batchJSON: async () => { throw Object.assign(new Error('no'), { status: 404 }); } }, batchTimeout: 5 });
  fake.spyOn(Date, 'now').mockImplementation(() => 1_700_000_000_000);
  await expect(queue.publish('t', 1, { wait: true })).rejects.toThrow('no');
  expect(queue.deadLetterQueue[0].timestamp).toBe(1_700_000_000_000);
});

test('results and errors are of the suite\'s realm', async () => {
  const queue = make(QstashQueue, { client: noting().client, batchSize: 1 });
  const published = queue.publish('t', 1);
  expect(published).toBeInstanceOf(Promise);
  expect(await published).toStrictEqual({ id: expect.any(String), queued: true });
  expect(await queue.batchPublish([{ topic: 't', message: 2 }], { wait: true })).toStrictEqual([{ status: 'fulfilled', value: { messageId: 'm2' } }]);
  expect(queue.buffer).toStrictEqual([]);
  expect(queue.getDeadLetterQueue()).toBeInstanceOf(Array);
  expect(() => new QstashQueue({ batchSize: 0 })).toThrow(RangeError);
  expect(() => new BatchProcessor({ maxBatchSize: 'x' })).toThrow(TypeError);
  await queue.close();
  await expect(queue.publish('t', 1)).rejects.toBeInstanceOf(Error);
});

test('spies on methods and members see what happens', async () => {
  const { client } = noting();
  const queue = make(QstashQueue, { client, batchSize: 1 });
  const publish = fake.spyOn(queue, '_publish');
  const batch = fake.spyOn(client, 'batchJSON');
  await queue.publish('t', { id: 1 }, { delay: 3, wait: true });
  expect(publish).toHaveBeenCalledWith('t', { id: 1 }, { delay: 3, wait: true });
  expect(batch).toHaveBeenCalledWith([{ url: 't', body: { id: 1 }, delay: 3 }]);
});

test('the modules load again, and both copies work', async () => {
  const first = make(QstashQueue, { client: noting().client, batchSize: 1 });
  fake.resetModules();
  const again = require('sluice/compat');
  if (isJest) expect(again.QstashQueue).not.toBe(QstashQueue);
  const second = make(again.QstashQueue, { client: noting().client, batchSize: 1 });
  for (const queue of [first, second]) expect(await queue.publish('t', 1, { wait: true })).toStrictEqual({ messageId: 'm1' });
});

test('a queue on disk: the buffer is there at once, results are of the realm, a folder may go after close', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-fidelity-'));
  folders.push(folder);
  const queue = make(LocalBufferQueue, { persistencePath: path.join(folder, 'queue.json') });
  expect(fs.readdirSync(folder)).toStrictEqual([]);
  const entering = queue.enqueue({ a: [1] });
  expect([queue.buffer.length, entering instanceof Promise]).toStrictEqual([1, true]);
  expect(await entering).toBe(true);
  expect(await queue.dequeueBatch()).toStrictEqual([{ id: expect.any(String), data: { a: [1] }, timestamp: expect.any(Number), retryCount: 0 }]);
  await queue.close();
  fs.rmSync(folder, { recursive: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(fs.existsSync(folder)).toBe(false);
});

test('a queue on disk works under fake timers: it has none', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-fidelity-'));
  folders.push(folder);
  fake.useFakeTimers();
  const queue = make(LocalBufferQueue, { persistencePath: path.join(folder, 'queue.json') });
  await queue.init();
  await queue.enqueue('a');
  expect(queue.buffer[0].timestamp).toBe(Date.now());
  fake.advanceTimersByTime(60_000);
  const [{ id }] = await queue.dequeueBatch();
  await queue.retryFailed(id);
  expect(queue.buffer.map(({ data, retryCount, timestamp }) => [data, retryCount, timestamp])).toStrictEqual([['a', 1, Date.now()]]);
  expect((await queue.dequeueBatch()).map(({ data }) => data)).toStrictEqual(['a']);
  fake.runAllTimers();
  if (fake.getTimerCount !== undefined) expect(fake.getTimerCount()).toBe(0);
});
