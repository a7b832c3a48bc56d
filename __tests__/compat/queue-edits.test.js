'use strict';
// What owners and suites do to queues besides calling them: lists edited in place, tasks put back, objects wrapped.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { BatchProcessor, LocalBufferQueue, QstashQueue } = require('sluice/compat');
const { Shelf } = require('../../compat/shelf');
const { qstashClient } = require('../support/qstash');

const hook = 'https://example.org/hook';
const made = [];
const folders = [];
/** A queue that closes after the test, and the bodies that its client was given. */
function make(options, refuse) {
  const { batches, client } = qstashClient({ has: ['batchJSON'], refuse });
  const queue = new QstashQueue({ client, backoff: { minMs: 1 }, batchTimeout: 60_000, ...options });
  made.push(queue);
  return { queue, sent: () => batches.flat().map(({ body }) => body) };
}
function place() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-edits-'));
  folders.push(folder);
  return path.join(folder, 'queue.json');
}
function local(persistencePath, options) {
  const queue = new LocalBufferQueue({ persistencePath, ...options });
  made.push(queue);
  return queue;
}
const dataOf = (messages) => messages.map(({ data }) => data);
/** What the next process finds there. */
async function left(where) {
  const queue = local(where);
  await queue.init();
  const found = dataOf(queue.buffer);
  await queue.close();
  return found;
}
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(made.splice(0).map((queue) => queue.close({ timeoutMs: 1 }).catch(() => {})));
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});

describe('QstashQueue', () => {
  test('a list that is edited but keeps its length: what is in it is sent', async () => {
    const { queue, sent } = make();
    for (const body of ['a', 'b', 'c']) await queue.publish(hook, body);
    queue.buffer.shift();
    queue.buffer.push({ topic: hook, message: 'd' });
    expect(queue.getBufferStatus().size).toBe(3);
    queue.buffer[0] = { topic: hook, message: 'e' };
    await queue.flush();
    expect([sent().sort(), queue.buffer]).toEqual([['c', 'd', 'e'], []]);
  });
  test('a task in the place of another is sent, also when nobody flushes', async () => {
    jest.useFakeTimers();
    const { queue, sent } = make({ batchTimeout: 50 });
    const told = queue.publish(hook, 'a', { wait: true }).catch(({ code }) => code);
    await queue.publish(hook, 'b');
    queue.buffer[0] = { topic: hook, message: 'corrected' };
    await jest.advanceTimersByTimeAsync(100);
    expect([sent(), queue.buffer, queue.flushTimer, await told]).toEqual([['b', 'corrected'], [], null, 'ERR_ABORTED']);
    expect(queue.deadLetterQueue).toEqual([]);
  });
  test('a task in the place of one of a later batch is sent', async () => {
    jest.useFakeTimers();
    const { queue, sent } = make({ batchTimeout: 50, batchSize: 10 });
    for (const body of ['a', 'b', 'c', 'd']) void queue.publish(hook, body);
    queue.buffer[2] = { topic: hook, message: 'corrected' };
    queue.batchSize = 2;
    await jest.advanceTimersByTimeAsync(100);
    expect([sent(), queue.buffer]).toEqual([['a', 'b', 'd', 'corrected'], []]);
  });
  test('tasks that were taken out, or had left, are sent when they are put back', async () => {
    const { queue, sent } = make();
    const told = queue.publish(hook, 'a', { wait: true }).catch((error) => error.code);
    const [task] = queue.buffer.splice(0);
    expect([queue.getBufferStatus().size, await told]).toEqual([0, 'ERR_ABORTED']);
    queue.buffer.push(task);
    await queue.flush();
    expect(sent()).toEqual(['a']);
    queue.buffer.push(task);
    await queue.flush();
    expect(sent()).toEqual(['a', 'a']);
  });
  test('letters of before and after another batch size are told apart, and named as publish said', async () => {
    const { queue } = make({ batchSize: 1, retries: 0 }, () => new Error('down'));
    const { id: first } = await queue.publish(hook, 'a');
    await queue.flush();
    queue.batchSize = 2;
    const [second, third] = await Promise.all([queue.publish(hook, 'b'), queue.publish(hook, 'c')]);
    await queue.flush();
    expect(queue.getDeadLetterQueue().map(({ id, message }) => [id, message.message])).toEqual([[`dlq_${first}`, 'a'], [`dlq_${second.id}`, 'b'], [`dlq_${third.id}`, 'c']]);
  });
  test('a letter that is retried twice at once is sent once', async () => {
    const errors = [new Error('down')];
    const { queue, sent } = make({ batchSize: 1, retries: 0 }, () => errors.shift());
    await queue.publish(hook, 'a');
    await queue.flush();
    const [{ id }] = queue.getDeadLetterQueue();
    expect(await Promise.all([queue.retryDeadLetterMessage(id), queue.retryDeadLetterMessage(id)])).toEqual([{ messageId: 'for "a"' }, { messageId: 'for "a"' }]);
    expect([sent(), queue.getDeadLetterQueue()]).toEqual([['a', 'a'], []]);
    await expect(queue.retryDeadLetterMessage(id)).rejects.toThrow(id);
  });
  test('the list of letters is of its moment: each may be retried while it is gone through', async () => {
    let isDown = true;
    const { queue } = make({ retries: 0 }, () => (isDown ? new Error('down') : undefined));
    const retryAll = async () => {
      let count = 0;
      for (const { id } of await queue.getDeadLetterQueue()) {
        await queue.retryDeadLetterMessage(id);
        count += 1;
      }
      return count;
    };
    const fail = async () => {
      isDown = true;
      for (const body of ['a', 'b', 'c', 'd']) await queue.publish(hook, body);
      await queue.flush();
      isDown = false;
    };
    await fail();
    expect([queue.deadLetterQueue.length, await retryAll(), queue.deadLetterQueue]).toEqual([4, 4, []]);
    // a store of one's own may show what it keeps, at once or later
    for (const isLater of [false, true]) {
      const letters = [];
      const remove = (id) => letters.splice(letters.findIndex((one) => one.id === id), 1);
      queue.deadLetterStore = { add: (letter) => letters.push(letter), list: () => (isLater ? Promise.resolve(letters) : letters), remove, clear: () => letters.splice(0) };
      await fail();
      expect([letters.length, await retryAll(), letters]).toEqual([4, 4, []]);
    }
  });
  test('a store whose promises reject: who asked for them is told, and nobody else', async () => {
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    const away = async () => { throw new Error('away'); };
    const { queue } = make({ deadLetterStore: { add: away, list: away, remove: away, clear: async () => 3 } });
    try {
      expect(queue.getMetrics().deadLetter).toEqual({ count: undefined, max: 100, messages: [] });
      expect(await queue.clearDeadLetterQueue()).toBe(3);
      await expect(queue.getDeadLetterQueue()).rejects.toThrow('away');
      await expect(queue.retryDeadLetterMessage('dlq_1')).rejects.toThrow('away');
      queue.deadLetterStore.clear = away;
      await expect(queue.clearDeadLetterQueue()).rejects.toThrow('away');
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });
  test('a logger or a store that throws loses no letter and stops nothing', async () => {
    const boom = () => {
      throw new Error('boom');
    };
    const down = () => new Error('down');
    const logged = make({ batchSize: 1, retries: 0, logger: { error: boom, warn: boom } }, down).queue;
    await expect(logged.publish(hook, 'a', { wait: true })).rejects.toThrow('down');
    expect(logged.getDeadLetterQueue().map(({ message }) => message.message)).toEqual(['a']);
    const heard = jest.fn();
    const stored = make({ batchSize: 1, retries: 0, logger: { error: heard }, deadLetterStore: { add: boom, list: () => [], remove: boom, clear: boom } }, down).queue;
    await expect(stored.publish(hook, 'a', { wait: true })).rejects.toThrow('down');
    expect(heard.mock.calls.map(([, failure]) => failure.message ?? failure.error)).toEqual(['boom', 'down']);
  });
  test('one of batchPublish that is none fails alone; options may be null', async () => {
    const { queue, sent } = make();
    const ended = await queue.batchPublish([{ topic: hook, message: 'a' }, null, { topic: hook, message: 'b' }]);
    expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await queue.publish(hook, 'c', null)).toEqual({ id: expect.any(String), queued: true });
    await queue.flush();
    expect(sent()).toEqual(['a', 'b', 'c']);
  });
  test('no letters are kept with maxDeadLetterQueueSize 0', async () => {
    const { queue } = make({ batchSize: 1, retries: 0, maxDeadLetterQueueSize: 0 }, () => new Error('down'));
    await expect(queue.publish(hook, 'a', { wait: true })).rejects.toThrow('down');
    expect([queue.getDeadLetterQueue(), queue.getMetrics().deadLetterCount]).toEqual([[], 1]);
  });
  test('a rejection of publishJSON that is no error keeps its status: it is final', async () => {
    const said = { status: 400, message: 'bad topic' };
    const client = { publishJSON: jest.fn(() => Promise.reject(said)) };
    const { queue } = make({ client, batchSize: 1 });
    await expect(queue.publish(hook, 'a', { wait: true })).rejects.toMatchObject({ message: 'bad topic', status: 400, cause: said });
    expect(client.publishJSON).toHaveBeenCalledTimes(1);
  });
});

describe('LocalBufferQueue', () => {
  test('a list that is edited but keeps its length is followed', async () => {
    const where = place();
    const queue = local(where);
    await queue.enqueueBatch(['a', 'b', 'c']);
    queue.buffer[0] = { data: 'new' };
    expect(dataOf(await queue.dequeueBatch(1))).toEqual(['new']);
    queue.buffer.shift();
    queue.buffer.push({ data: 'd' });
    expect(queue.getStatus().bufferSize).toBe(2);
    queue.buffer[0] = { id: 'mine', data: 'e' };
    await queue.flush();
    await queue.close();
    expect((await left(where)).sort()).toEqual(['d', 'e']);
  });
  test('messages that were handed out and are put back stay', async () => {
    const where = place();
    const queue = local(where);
    await queue.enqueueBatch(['a', 'b', 'c']);
    const [a, b] = await queue.dequeueBatch(2);
    queue.buffer.unshift(a, { ...b, retryCount: 1 });
    await queue.flush();
    expect(dataOf(await queue.dequeueBatch(1))).toEqual(['a']);
    await queue.close();
    expect((await left(where)).sort()).toEqual(['b', 'c']);
  });
  test('two messages of one id are two', async () => {
    const queue = local(place());
    queue.buffer.push({ id: 'x', data: 1 }, { id: 'x', data: 2 });
    await queue.flush();
    await queue.flush();
    const batch = await queue.dequeueBatch();
    expect([dataOf(batch), batch[0].id === batch[1].id, queue.metrics.totalEnqueued]).toEqual([[1, 2], false, 2]);
  });
  test('full: the list is as it was when enqueue returns', async () => {
    const queue = local(place(), { maxSize: 1 });
    await queue.enqueue('a');
    const refused = queue.enqueue('b');
    expect(queue.buffer.length).toBe(1);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_BUFFER_FULL' });
  });
  test('closed: nothing is taken any more, never opened or while it closes, and no file is made', async () => {
    const where = place();
    const never = local(where);
    await never.close();
    await expect(never.enqueue('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(never.init()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(fs.readdirSync(path.dirname(where))).toEqual([]);
    const queue = local(where);
    await queue.enqueue('a');
    const closing = queue.close();
    await expect(queue.enqueue('b')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await closing;
    queue.buffer = [];
    expect(await left(where)).toEqual(['a']);
  });
  test.each([['2'], [-1], [NaN], [1.5]])('so many as %j are no batch', async (max) => {
    const queue = local(place());
    await queue.enqueue('a');
    await expect(queue.dequeueBatch(max)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'max' });
    expect(dataOf(queue.buffer)).toEqual(['a']);
  });
  test('the time of a message is the same after a restart', async () => {
    const where = place();
    const queue = local(where);
    for (let item = 0; item < 20; item += 1) await queue.enqueue(item);
    const times = queue.buffer.map(({ timestamp }) => timestamp);
    await queue.close();
    const next = local(where);
    await next.init();
    expect(next.buffer.map(({ timestamp }) => timestamp)).toEqual(times);
  });
  test('more messages than a call has arguments: one that stays among those that are handed out', async () => {
    let rows = 0;
    const store = { recovered: Promise.resolve(0), on() {}, take: () => [], settle: () => true, enqueue: () => Promise.resolve(String((rows += 1))) };
    const queue = { options: { maxSize: 200_000 }, metrics: {} };
    const shelf = new Shelf(queue, Date.now, () => store);
    for (let data = 0; data < 150_000; data += 1) void shelf.put({ id: String(data), data });
    await shelf.ready();
    expect(dataOf(shelf.take(2, ({ data }) => data > 0))).toEqual([1, 2]);
    expect([shelf.remove('3'), shelf.list.length, dataOf(shelf.list.slice(0, 2))]).toEqual([true, 149_997, [0, 4]]);
  });
});

test('a queue in a Proxy, or that another object is made from, works as it does itself', async () => {
  const { queue, sent } = make({ batchSize: 2 });
  const wrapped = new Proxy(queue, {});
  await wrapped.publish(hook, 'a');
  expect([wrapped.buffer.length, wrapped.getBufferStatus().size, wrapped.flushTimer === null]).toEqual([1, 1, false]);
  await Object.create(queue).publish(hook, 'b');
  wrapped.batchSize = 3;
  expect([sent(), queue.batchSize, await wrapped.flush()]).toEqual([['a', 'b'], 3, undefined]);
  const stored = new Proxy(local(place()), {});
  await stored.enqueue('a');
  expect([dataOf(stored.buffer), dataOf(await stored.dequeueBatch()), stored.getStatus().bufferSize]).toEqual([['a'], ['a'], 0]);
  const processor = new Proxy(new BatchProcessor({ maxBatchSize: 1 }, (items) => items), {});
  expect(await processor.add('a')).toBe('a');
  await processor.close();
});
