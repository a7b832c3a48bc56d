'use strict';
// QstashQueue: fields that suites look at and write to, collaborators that they replace.
const { QstashQueue } = require('sluice/compat/qstash-queue');
const { qstashClient } = require('../support/qstash');

const made = [];
const make = (options) => {
  const queue = new QstashQueue({ token: 'secret', backoff: { minMs: 1 }, batchTimeout: 60_000, ...options });
  made.push(queue);
  return queue;
};
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(made.splice(0).map((queue) => queue.close({ timeoutMs: 0 })));
});
const hook = 'https://example.org/hook';
const bodies = (batches) => batches.map((batch) => batch.map(({ body }) => body));

describe('buffer', () => {
  test('has grown when publish returns, and is the same array', async () => {
    const queue = make({ client: qstashClient().client });
    const { buffer } = queue;
    void queue.publish('t', { id: 1 }, { delay: 5 });
    void queue.publish('t', 'two');
    expect(buffer).toBe(queue.buffer);
    expect(buffer.map(({ topic, message, options }) => [topic, message, options])).toEqual([['t', { id: 1 }, { delay: 5 }], ['t', 'two', {}]]);
    expect([queue.getBufferStatus().size, queue.getMetrics().queue.bufferSize, queue.flushTimer === null]).toEqual([2, 2, false]);
    await queue.flush();
    expect([buffer, queue.buffer === buffer, queue.flushTimer]).toEqual([[], true, null]);
  });
  test('tasks pushed by hand are sent, by flush and with the next publish', async () => {
    const { client, batches } = qstashClient();
    const queue = make({ client, batchSize: 3 });
    queue.buffer.push({ topic: 't', message: 1 }, { topic: 't', message: 2 });
    await queue.flush();
    expect([bodies(batches), queue.buffer]).toEqual([[[1, 2]], []]);
    const settled = [];
    queue.buffer.push({ topic: 't', message: 3, resolve: (value) => settled.push(value) });
    void queue.publish('t', 4);
    void queue.publish('t', 5);
    expect(queue.buffer).toEqual([]);
    await queue.flush();
    expect([bodies(batches), settled]).toEqual([[[1, 2], [3, 4, 5]], [{ messageId: 'for 3' }]]);
  });
  test('tasks taken out by hand are not sent, and who waits for them is told', async () => {
    const { client, batches } = qstashClient();
    const queue = make({ client });
    const all = [1, 2, 3, 4].map((message) => queue.publish('t', message, { wait: true }).catch(({ code }) => code));
    queue.buffer.splice(1, 1);
    await queue.flush();
    queue.buffer = [];
    expect(await Promise.all(all)).toEqual([{ messageId: 'for 1' }, 'ERR_ABORTED', { messageId: 'for 3' }, { messageId: 'for 4' }]);
    expect(bodies(batches)).toEqual([[1, 3, 4]]);
    expect(queue.deadLetterQueue).toEqual([]);
  });
  test('emptied by hand just before its time is up', async () => {
    jest.useFakeTimers();
    const { client, batches } = qstashClient();
    const queue = make({ client, batchTimeout: 50 });
    const gone = queue.publish('t', 1, { wait: true }).catch(({ code }) => code);
    queue.buffer.length = 0;
    jest.advanceTimersByTime(50);
    expect(await gone).toBe('ERR_ABORTED');
    expect([batches, queue.deadLetterQueue]).toEqual([[], []]);
  });
  test('replaced: what is in the new one is sent', async () => {
    const { client, batches } = qstashClient();
    const queue = make({ client });
    const old = queue.publish('t', 'old', { wait: true }).catch(({ code }) => code);
    const next = [{ topic: 't', message: 'new' }];
    queue.buffer = next;
    expect(queue.buffer).toBe(next);
    await queue.flush();
    expect([await old, bodies(batches), next]).toEqual(['ERR_ABORTED', [['new']], []]);
    expect(() => (queue.buffer = null)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'buffer' }));
  });
  test('clearBuffer: how many, who waits is told, nothing is sent', async () => {
    const { client, batches } = qstashClient();
    const queue = make({ client });
    const waits = queue.publish('t', 1, { wait: true });
    await queue.publish('t', 2);
    expect(queue.clearBuffer()).toBe(2);
    await expect(waits).rejects.toThrow('Buffer cleared');
    await queue.flush();
    expect([queue.clearBuffer(), batches, queue.buffer, queue.flushTimer]).toEqual([0, [], [], null]);
  });
  test('what is under way or waits for another try is not in it, and clearBuffer leaves it', async () => {
    let tries = 0;
    const client = { batchJSON: async (messages) => { if ((tries += 1) === 1) throw new Error('once'); return messages.map(() => ({ messageId: 'm' })); } };
    const queue = make({ client, backoff: { minMs: 40 } });
    const sent = queue.publish('t', 1, { wait: true });
    void queue.flush();
    expect(queue.clearBuffer()).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    queue.buffer.push({ topic: 't', message: 'by hand' });
    expect([queue.getBufferStatus().size, queue.clearBuffer()]).toEqual([1, 1]);
    expect(await sent).toEqual({ messageId: 'm' });
    expect(tries).toBe(2);
  });
  test('what is put there while another task leaves is sent as well', async () => {
    jest.useFakeTimers();
    const { client, batches } = qstashClient();
    const queue = make({ client, batchTimeout: 50 });
    void queue.publish('t', 'a');
    queue.buffer.push({ topic: 't', message: 'b' });
    jest.advanceTimersByTime(50);
    expect([bodies(batches), queue.buffer.map(({ message }) => message)]).toEqual([[['a']], ['b']]);
    await queue.flush();
    expect(bodies(batches)).toEqual([['a'], ['b']]);
  });
  test('a repeat of a key is not in it', async () => {
    const queue = make({ client: qstashClient().client });
    const all = [1, 2].map(() => queue.publish('t', 1, { wait: true, idempotencyKey: 'k' }));
    expect([queue.buffer.length, queue.getBufferStatus().size]).toEqual([1, 1]);
    await queue.flush();
    expect(await Promise.all(all)).toEqual([{ messageId: 'for 1' }, { messageId: 'k', duplicate: true }]);
  });
  test('a task may be settled by whoever takes it', async () => {
    const queue = make({ client: qstashClient().client });
    const sent = queue.publish('t', 1, { wait: true });
    const [task] = queue.buffer.splice(0, 1);
    task.reject(new Error('taken'));
    await expect(sent).rejects.toThrow('taken');
    await queue.flush();
  });
});

describe('settings that change', () => {
  test('a batch size of 1: what waits leaves alone, what comes leaves at once; flush waits for both', async () => {
    const { client, batches, singles } = qstashClient({ ms: 5 });
    const queue = make({ client });
    const ids = [await queue.publish('t', 1), await queue.publish('t', 2)];
    queue.batchSize = 1;
    ids.push(await queue.publish('t', 3));
    expect([bodies(batches), bodies([singles])]).toEqual([[], [[1, 2, 3]]]);
    await queue.flush();
    expect(queue.getBufferStatus()).toMatchObject({ size: 0, batchSize: 1, inFlight: 0 });
    expect(new Set(ids.map(({ id }) => id)).size).toBe(3);
  });
  test('a larger batch size: what waits goes on waiting, and leaves with what comes', async () => {
    const { client, batches } = qstashClient();
    const queue = make({ client, batchSize: 3 });
    void queue.publish('t', 1);
    void queue.publish('t', 2);
    queue.batchSize = 4;
    void queue.publish('t', 3);
    expect([bodies(batches), queue.buffer.length]).toEqual([[], 3]);
    await queue.publish('t', 4);
    expect([bodies(batches), queue.buffer]).toEqual([[[1, 2, 3, 4]], []]);
  });
  test('keys that this process has seen stay seen', async () => {
    const { client, batches } = qstashClient();
    const queue = make({ client, batchSize: 1 });
    const publish = () => queue.publish('t', 1, { idempotencyKey: 'k', wait: true });
    const first = await publish();
    queue.batchSize = 5;
    expect([(await publish()).duplicate, first.duplicate, queue.getMetrics().duplicateMessageCount, batches.length]).toEqual([true, undefined, 1, 0]);
  });
  test('close waits for what left with the settings of before', async () => {
    let release;
    const queue = make({ client: { batchJSON: (messages) => new Promise((resolve) => (release = () => resolve(messages.map(() => ({ messageId: 'm' }))))) }, batchSize: 2 });
    const sent = [1, 2].map((message) => queue.publish('t', message, { wait: true }));
    queue.batchSize = 5;
    queue.buffer.push({ topic: 't', message: 3 });
    expect(queue.getBufferStatus().batchSize).toBe(5);
    const slow = release;
    const ended = [];
    const flushing = queue.flush().then(() => ended.push('flushed'));
    release();
    const closing = queue.close().then(() => ended.push('closed'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ended).toEqual([]);
    slow();
    await Promise.all([...sent, flushing, closing]);
    expect(ended.sort()).toEqual(['closed', 'flushed']);
  });
  test('a timeout, and a bound', async () => {
    jest.useFakeTimers();
    const { client, batches } = qstashClient();
    const queue = make({ client });
    queue.batchTimeout = 5;
    queue.maxBufferSize = 2;
    void queue.publish('t', 1);
    jest.advanceTimersByTime(5);
    expect(bodies(batches)).toEqual([[1]]);
    expect(queue.getBufferStatus()).toMatchObject({ batchTimeout: 5, maxSize: 2 });
    for (const name of ['batchSize', 'maxBufferSize']) expect(() => (queue[name] = 0)).toThrow(expect.objectContaining({ option: name }));
    expect(() => (queue.batchTimeout = -1)).toThrow(expect.objectContaining({ option: 'batchTimeout' }));
  });
  test('a timer that a suite puts there is cleared by flush and close', async () => {
    const queue = make({ client: qstashClient().client });
    let fired = false;
    queue.flushTimer = setTimeout(() => (fired = true), 20);
    expect(queue.getBufferStatus().hasActiveTimer).toBe(true);
    await queue.close();
    expect(queue.flushTimer).toBe(null);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(fired).toBe(false);
  });
});

describe('collaborators, replaced after construction', () => {
  test('client', async () => {
    const [first, second] = [qstashClient(), qstashClient()];
    const queue = make({ client: first.client, wait: true, batchSize: 2 });
    await Promise.all([1, 2].map((message) => queue.publish('t', message)));
    queue.client = second.client;
    await Promise.all([3, 4].map((message) => queue.publish('t', message)));
    expect([bodies(first.batches), bodies(second.batches)]).toEqual([[[1, 2]], [[3, 4]]]);
  });
  test('mutex and breaker', async () => {
    const queue = make({ client: qstashClient().client });
    queue.bufferMutex = { runExclusive: jest.fn((run) => run()) };
    queue.publishBreaker = { execute: jest.fn((run) => run()), getStatus: () => ({ state: 'HALF' }), reset: jest.fn() };
    const sent = queue.publish('t', 1, { wait: true });
    await queue.flush();
    expect(await sent).toEqual({ messageId: 'for 1' });
    queue.resetCircuitBreaker();
    expect([queue.bufferMutex.runExclusive.mock.calls.length, queue.publishBreaker.execute.mock.calls.length, queue.publishBreaker.reset.mock.calls.length, queue.getCircuitBreakerStatus()])
      .toEqual([1, 1, 1, { state: 'HALF' }]);
    queue.publishBreaker.execute.mockRejectedValue(new Error('CircuitBreaker is OPEN'));
    const refused = queue.publish('t', 2, { wait: true });
    void queue.flush();
    await expect(refused).rejects.toThrow('CircuitBreaker is OPEN');
    expect(queue.getMetrics().circuitBreaker.trips).toBe(3);
    queue.publishBreaker = null;
    expect(queue.getCircuitBreakerStatus()).toEqual({ state: 'CLOSED' });
  });
  test.each([undefined, null])('each set to %s is not there', async (nothing) => {
    const answers = [];
    const fetch = async (_, { body }) => {
      answers.push(...JSON.parse(body).map(({ destination }) => ({ messageId: `sent to ${destination}` })));
      return new Response(JSON.stringify(answers.splice(0)));
    };
    const queue = make({ fetch, client: qstashClient().client, mutex: {}, breaker: {}, logger: {}, now: () => 5 });
    Object.assign(queue, { client: nothing, bufferMutex: nothing, publishBreaker: nothing, logger: nothing, now: nothing });
    await queue.initialize();
    const sent = queue.publish(hook, 1, { wait: true });
    await queue.flush();
    expect([await sent, queue.getCircuitBreakerStatus()]).toEqual([{ messageId: `sent to ${hook}` }, { state: 'CLOSED' }]);
    queue.token = nothing;
    await expect(queue.publish(hook, 2)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'token' });
  });
  test('a mutex that fails takes nothing with it', async () => {
    const queue = make({ client: qstashClient().client, mutex: { runExclusive: async () => { throw new Error('locked'); } } });
    const sent = queue.publish('t', 1, { wait: true });
    await expect(queue.flush()).rejects.toThrow('locked');
    queue.bufferMutex = null;
    await queue.flush();
    expect(await sent).toEqual({ messageId: 'for 1' });
  });
  test('a dead-letter store of one\'s own, with promises', async () => {
    const kept = new Map();
    const queue = make({ client: { batchJSON: async () => { throw Object.assign(new Error('no'), { status: 404 }); } } });
    queue.deadLetterStore = {
      add: async (letter) => kept.set(letter.id, letter), list: async () => [...kept.values()], remove: async (id) => kept.delete(id), clear: async () => kept.clear(),
    };
    await queue.publish('t', { id: 1 });
    await queue.flush();
    const [letter] = await queue.getDeadLetterQueue();
    expect(letter).toMatchObject({ error: 'no', reason: 'publish_failed', message: { topic: 't', message: { id: 1 } } });
    queue.client = qstashClient().client;
    expect(await queue.retryDeadLetterMessage(letter.id)).toEqual({ messageId: 'for {"id":1}' });
    expect(kept.size).toBe(0);
  });
  test('letters put there by hand are retried; the oldest goes first', async () => {
    const queue = make({ client: qstashClient().client, maxDeadLetterQueueSize: 2 });
    queue.deadLetterQueue.push({ id: 'mine', message: { topic: 't', message: 'x' } });
    expect(await queue.retryDeadLetterMessage('mine')).toEqual({ messageId: 'for "x"' });
    queue.client = { batchJSON: async () => { throw Object.assign(new Error('no'), { status: 404 }); } };
    for (const message of [1, 2, 3]) await queue.publish('t', message);
    await queue.flush();
    expect(queue.deadLetterQueue.map((letter) => letter.message.message)).toEqual([2, 3]);
    queue.deadLetterQueue = [];
    expect(queue.getDeadLetterQueue()).toEqual([]);
  });
  test('a logger hears of letters; a clock gives their time', async () => {
    const error = jest.fn();
    const queue = make({ client: { batchJSON: async () => { throw Object.assign(new Error('no'), { status: 404 }); } }, logger: { error }, now: () => 5 });
    await queue.publish('t', 1);
    await queue.flush();
    expect(queue.deadLetterQueue[0].timestamp).toBe(5);
    expect(error.mock.calls).toEqual([['QstashQueue: publish_failed', { id: queue.deadLetterQueue[0].id, error: 'no' }]]);
    queue.logger = null;
    queue.now = () => 7;
    await queue.publish('t', 2);
    await queue.flush();
    expect([queue.deadLetterQueue[1].timestamp, error.mock.calls.length]).toEqual([7, 1]);
  });
  test('methods call each other, so that spies and subclasses are heard', async () => {
    class Renaming extends QstashQueue {
      _keyOf(task) {
        return `key of ${task.message}`;
      }
      async _executeBatch(tasks, { keys }) {
        return tasks.map((_, at) => ({ messageId: keys[at] }));
      }
    }
    const queue = new Renaming({ token: 't', batchSize: 1 });
    made.push(queue);
    const added = jest.spyOn(queue, '_addToBuffer');
    expect(await queue.publish('t', 1, { wait: true })).toEqual({ messageId: 'key of 1' });
    expect(added).toHaveBeenCalledTimes(1);
  });
});

test('a client that answers with something else has delivered', async () => {
  for (const answer of [undefined, { messageId: 'one for all' }]) {
    const queue = make({ client: { batchJSON: async () => answer }, batchSize: 2, wait: true });
    expect(await Promise.all([queue.publish('t', 1), queue.publish('t', 2)])).toEqual([answer, answer]);
  }
});
test('at most maxConcurrent calls of publishJSON at a time, first come first served', async () => {
  let [running, most] = [0, 0];
  const order = [];
  const client = { publishJSON: async ({ body }) => {
    order.push(body);
    most = Math.max(most, (running += 1));
    await null;
    running -= 1;
    return { messageId: `${body}` };
  } };
  const queue = make({ client, maxConcurrent: 3, wait: true });
  const results = await Promise.all(Array.from({ length: 40 }, (_, at) => queue.publish(hook, at)));
  expect([most, results.map(({ messageId }) => Number(messageId))]).toEqual([3, Array.from({ length: 40 }, (_, at) => at)]);
  expect(order).toHaveLength(40);
});
test('after close: what looks goes on, what empties has nothing to do', async () => {
  const queue = make({ client: qstashClient().client, token: null, url: null, wait: null, mockMode: null, now: null });
  await queue.publish('t', 1);
  const closing = queue.close();
  await queue.flush();
  expect(await queue.close()).toBe(await closing);
  queue.buffer.push({ topic: 't', message: 'late' });
  expect([queue.clearBuffer(), queue.getBufferStatus().size, queue.flushTimer, queue.getMetrics().totalProcessed]).toEqual([1, 0, null, 1]);
});
test('a client that publishes while it is called, repeats too', async () => {
  const { client, batches } = qstashClient();
  const queue = make({ client: { batchJSON: (messages) => {
    if (batches.length === 0) inner.push(...['k', 'k', 'k2'].map((key) => queue.publish('t', key, { wait: true, idempotencyKey: key })));
    return client.batchJSON(messages);
  } }, batchSize: 2, maxConcurrent: 1 });
  const inner = [];
  const outer = [1, 2].map((body) => queue.publish('t', body, { wait: true, idempotencyKey: `outer ${body}` }));
  await queue.flush();
  expect(await Promise.all([...outer, ...inner])).toEqual([
    { messageId: 'for 1' }, { messageId: 'for 2' }, { messageId: 'for "k"' }, { messageId: 'k', duplicate: true }, { messageId: 'for "k2"' },
  ]);
  expect([queue.buffer, bodies(batches)]).toEqual([[], [[1, 2], ['k', 'k2']]]);
});
