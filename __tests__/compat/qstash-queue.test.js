'use strict';
// QstashQueue: what it promises, in both modes where it does not ask for batches.
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { QstashQueue } = require('sluice/compat/qstash-queue');
const { stopAll } = require('../support/loopback');
const { qstashClient, qstashServer } = require('../support/qstash');

const own = { ...process.env };
const made = [];
const make = (options) => {
  const queue = new QstashQueue({ token: 'secret', backoff: { minMs: 1 }, ...options });
  made.push(queue);
  return queue;
};
afterEach(async () => {
  jest.useRealTimers();
  process.env = { ...own };
  await Promise.all(made.splice(0).map((queue) => queue.close({ timeoutMs: 0 })));
});
afterAll(stopAll);
const hook = 'https://example.org/hook';
const many = (count) => Array.from({ length: count }, (_, id) => ({ id }));

describe('the promises', () => {
  test('five awaited publishes with batchSize 5 are one API call', async () => {
    const { url, requests } = await qstashServer();
    const queue = make({ url, batchSize: 5, batchTimeout: 60_000 });
    await queue.initialize();
    const accepted = [];
    for (const message of many(5)) accepted.push(await queue.publish(hook, message));
    expect(accepted).toEqual(Array.from({ length: 5 }, () => ({ id: expect.stringMatching(/./), queued: true })));
    expect(new Set(accepted.map(({ id }) => id)).size).toBe(5);
    await queue.flush();
    expect(requests.map(({ method, path: where, headers, messages }) => [method, where, headers.authorization, messages])).toEqual([
      ['POST', '/v2/batch', 'Bearer secret', many(5).map((message) => ({ destination: hook, body: JSON.stringify(message), headers: { 'Content-Type': 'application/json' } }))],
    ]);
  });

  test('a flush after the timeout leaves size 0', async () => {
    jest.useFakeTimers();
    const { client, batches } = qstashClient();
    const queue = make({ client, batchSize: 10, batchTimeout: 50 });
    await queue.publish(hook, { id: 1 });
    expect(queue.getBufferStatus()).toMatchObject({ size: 1, batchSize: 10, batchTimeout: 50, hasActiveTimer: true });
    jest.advanceTimersByTime(49);
    expect(batches).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(batches).toEqual([[{ url: hook, body: { id: 1 } }]]);
    expect(queue.getBufferStatus()).toMatchObject({ size: 0, hasActiveTimer: false });
    expect(queue.buffer.length).toBe(0);
  });

  test('1000 publishes with wait against a 20 ms API are 100 calls, and settle within 100 ms of the fake clock', async () => {
    jest.useFakeTimers();
    const { client, batches } = qstashClient({ ms: 20 });
    const queue = make({ client });
    const started = Date.now();
    let took;
    const all = Promise.all(many(1000).map((message) => queue.publish(hook, message, { wait: true }))).then((results) => {
      took = Date.now() - started;
      return results;
    });
    await jest.advanceTimersByTimeAsync(100);
    const results = await all;
    expect(took).toBeLessThanOrEqual(100);
    expect(batches.map((batch) => batch.length)).toEqual(Array.from({ length: 100 }, () => 10));
    expect(results).toEqual(many(1000).map((message) => ({ messageId: `for ${JSON.stringify(message)}` })));
  });

  test('calls to QStash drop by 90 %', async () => {
    const { url, requests } = await qstashServer();
    const calls = async (batchSize) => {
      const before = requests.length;
      const queue = make({ url, batchSize, wait: true });
      await Promise.all(many(200).map((message) => queue.publish(hook, message)));
      return requests.length - before;
    };
    expect([await calls(1), await calls(undefined)]).toEqual([200, 20]);
  });

  test('1000 accepted and flushed are metered: 100 calls, 900 saved', async () => {
    const { client } = qstashClient();
    const queue = make({ client });
    for (const message of many(1000)) await queue.publish(hook, message);
    await queue.flush();
    expect(queue.getMetrics()).toMatchObject({ totalProcessed: 1000, apiCalls: 100, savedCalls: 900, deadLetterCount: 0 });
    queue.resetMetrics();
    expect(queue.getMetrics()).toMatchObject({ totalProcessed: 0, apiCalls: 0, savedCalls: 0 });
  });
});

const modes = [['optimized', {}], ['ENABLE_PERFORMANCE_OPTIMIZATION=false', { ENABLE_PERFORMANCE_OPTIMIZATION: 'false' }], ['QSTASH_BATCH_SIZE=1', { QSTASH_BATCH_SIZE: '1' }]];
describe.each(modes)('what does not ask for batches, %s', (_, variables) => {
  beforeEach(() => Object.assign(process.env, variables));
  const sent = (requests) => requests.flatMap(({ messages }) => messages);

  test('accepted: an id; delivered by flush, in order', async () => {
    const { url, requests } = await qstashServer();
    const queue = make({ url, maxConcurrent: 1 });
    const ids = [];
    for (const message of many(12)) ids.push((await queue.publish(hook, message)).id);
    expect(new Set(ids).size).toBe(12);
    await queue.flush();
    expect(sent(requests).map(({ body }) => JSON.parse(body).id)).toEqual(many(12).map(({ id }) => id));
    expect(queue.getBufferStatus()).toMatchObject({ size: 0, inFlight: 0 });
  });

  test('wait, for one call or for all: QStash\'s answer, or the error', async () => {
    const { url } = await qstashServer((messages) => messages.map(({ body }) => (body === '"bad"' ? { error: 'refused', status: 422 } : { messageId: body, url: hook })));
    const queue = make({ url, batchTimeout: 1 });
    expect(await queue.publish(hook, 'a', { wait: true })).toEqual({ messageId: '"a"', url: hook });
    await expect(queue.publish(hook, 'bad', { wait: true })).rejects.toMatchObject({ code: 'ERR_QSTASH', message: 'QStash: refused', status: 422 });
    expect(await make({ url, batchTimeout: 1, wait: true }).publish(hook, 'b')).toEqual({ messageId: '"b"', url: hook });
    expect(await make({ url, batchTimeout: 1, wait: true }).publish(hook, 'c', { wait: false })).toEqual({ id: expect.any(String), queued: true });
  });

  test('a repeat of a key is a duplicate, while the first is under way and after it', async () => {
    const { client, batches, singles } = qstashClient();
    const queue = make({ client, wait: true, batchTimeout: 1 });
    const [first, meanwhile] = await Promise.all([1, 2].map(() => queue.publish(hook, { id: 1 }, { idempotencyKey: 'order-7' })));
    expect([first, meanwhile]).toEqual([{ messageId: 'for {"id":1}' }, { messageId: 'order-7', duplicate: true }]);
    expect(await queue.publish(hook, { id: 2 }, { idempotencyKey: 'order-7' })).toEqual({ messageId: 'order-7', duplicate: true });
    expect([...batches.flat(), ...singles]).toEqual([{ url: hook, body: { id: 1 }, deduplicationId: 'order-7' }]);
    expect([queue.metrics.duplicateMessageCount, queue.buffer.length]).toEqual([2, 0]);
  });

  test('a key whose message failed is free again', async () => {
    let isDown = true;
    const { client } = qstashClient({ refuse: () => (isDown ? Object.assign(new Error('bad request'), { status: 404 }) : undefined) });
    const queue = make({ client, wait: true, batchTimeout: 1 });
    await expect(queue.publish(hook, {}, { idempotencyKey: 'k' })).rejects.toThrow('bad request');
    isDown = false;
    expect(await queue.publish(hook, {}, { idempotencyKey: 'k' })).toEqual({ messageId: 'for {}' });
  });

  test('batchPublish settles as Promise.allSettled does, and waits for no timeout', async () => {
    const { url } = await qstashServer((messages) => messages.map(({ body }) => (body === '"bad"' ? { error: 'refused', status: 400 } : { messageId: body })));
    const queue = make({ url, batchTimeout: 60_000 });
    const messages = ['a', 'bad', 'c'].map((message) => ({ topic: hook, message }));
    expect(await queue.batchPublish(messages, { wait: true })).toEqual([
      { status: 'fulfilled', value: { messageId: '"a"' } },
      { status: 'rejected', reason: expect.objectContaining({ message: 'QStash: refused' }) },
      { status: 'fulfilled', value: { messageId: '"c"' } },
    ]);
    expect((await queue.batchPublish(messages.slice(0, 1)))).toEqual([{ status: 'fulfilled', value: { id: expect.any(String), queued: true } }]);
  });

  test('close delivers what waits, then publish is refused', async () => {
    const { client, batches, singles } = qstashClient();
    const queue = make({ client, batchTimeout: 60_000 });
    void queue.publish(hook, { id: 1 });
    await queue.close();
    expect([...batches.flat(), ...singles].map(({ body }) => body)).toEqual([{ id: 1 }]);
    await expect(queue.publish(hook, {})).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(queue.connected).toBe(false);
  });

  test('headers, options and queues reach QStash', async () => {
    const { url, requests } = await qstashServer();
    const queue = make({ url });
    await queue.publish('my-group', 'text', {
      wait: true, delay: 30, retries: 5, callback: 'https://example.org/done', queue: 'q', headers: { 'X-Trace': 7, Upstash: 'no' }, flowControl: { key: 'f', parallelism: 2, rate: 3 },
      contentBasedDeduplication: true, idempotencyKey: 'a:b',
    });
    const { 'Upstash-Deduplication-Id': id, ...headers } = requests[0].messages[0].headers;
    expect({ ...requests[0].messages[0], headers }).toEqual({
      destination: 'my-group', queue: 'q', body: '"text"',
      headers: {
        'Content-Type': 'application/json', 'Upstash-Delay': '30s', 'Upstash-Retries': '5', 'Upstash-Callback': 'https://example.org/done', 'Upstash-Forward-X-Trace': '7',
        'Upstash-Forward-Upstash': 'no', 'Upstash-Flow-Control-Key': 'f', 'Upstash-Flow-Control-Value': 'parallelism=2, rate=3', 'Upstash-Content-Based-Deduplication': 'true',
      },
    });
    expect(id).toMatch(/^[\w-]{43}$/);
  });
});

test('a process that has published ends by itself, after the delivery', async () => {
  const { url, requests } = await qstashServer();
  const program = `
    const { QstashQueue } = require('./compat/qstash-queue');
    const queue = new QstashQueue({ url: ${JSON.stringify(url)}, token: 't', batchTimeout: 20 });
    queue.publish('${hook}', { id: 1 }).then(({ queued }) => console.log(queued));`;
  const child = spawn(process.execPath, ['-e', program], { cwd: path.join(__dirname, '..', '..') });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  const [code] = await once(child, 'close');
  expect([code, text.trim(), requests.length]).toEqual([0, 'true', 1]);
});
