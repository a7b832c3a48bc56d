'use strict';
// QstashQueue: the defects of the originals that are mended, each by its name in docs/migrate.md; keys in Redis.
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { QstashQueue } = require('sluice/compat/qstash-queue');
const { startRedis, stopAll: stopRedis } = require('../redis');
const clients = require('../cache/clients');
const { stopAll } = require('../support/loopback');
const { qstashClient, qstashServer } = require('../support/qstash');

const made = [];
const ends = [];
const make = (options) => {
  const queue = new QstashQueue({ token: 'secret', backoff: { minMs: 1, jitter: 0 }, ...options });
  made.push(queue);
  return queue;
};
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(made.splice(0).map((queue) => queue.close({ timeoutMs: 0 })));
  for (const end of ends.splice(0)) end();
});
afterAll(() => Promise.all([stopAll(), stopRedis()]));
const hook = 'https://example.org/hook';
const many = (count) => Array.from({ length: count }, (_, id) => ({ id }));
const outcome = ({ value, reason }) => reason?.message ?? value;

test('ten calls for ten messages', async () => {
  const { url, requests } = await qstashServer();
  const queue = make({ url, wait: true });
  await Promise.all(many(10).map((message) => queue.publish(hook, message)));
  expect(requests.map(({ messages }) => messages.length)).toEqual([10]);
});

test('awaited one by one, batches never fill', async () => {
  const { client, batches } = qstashClient();
  const queue = make({ client, batchSize: 3, batchTimeout: 60_000 });
  for (const message of many(6)) await queue.publish(hook, message);
  expect(batches.map((batch) => batch.map(({ body }) => body.id))).toEqual([[0, 1, 2], [3, 4, 5]]);
});

test('equal messages swallowed: without a key both are sent', async () => {
  const { client, batches } = qstashClient();
  const queue = make({ client, wait: true, batchTimeout: 1 });
  const results = await Promise.all([queue.publish(hook, { id: 1 }), queue.publish(hook, { id: 1 })]);
  results.push(await queue.publish(hook, { id: 1 }));
  expect(results).toEqual(Array.from({ length: 3 }, () => ({ messageId: 'for {"id":1}' })));
  expect(batches.flat()).toHaveLength(3);
});
test('equal messages are one message where QUEUE_USE_IDEMPOTENCY asks for it; a key still tells them apart', async () => {
  process.env.QUEUE_USE_IDEMPOTENCY = 'true';
  try {
    const { client, batches } = qstashClient();
    const queue = make({ client, wait: true, batchTimeout: 1 });
    expect(await queue.publish(hook, { id: 1 })).toEqual({ messageId: 'for {"id":1}' });
    // MD5 of the topic, a colon and the JSON text
    const id = require('node:crypto').createHash('md5').update(`${hook}:{"id":1}`).digest('hex');
    expect(await queue.publish(hook, { id: 1 })).toEqual({ messageId: `msg_${id}`, duplicate: true });
    expect(await queue.publish(hook, { id: 1 }, { idempotencyKey: 'again' })).toEqual({ messageId: 'for {"id":1}' });
    expect(await queue.publish(`${hook}/2`, { id: 1 })).toEqual({ messageId: 'for {"id":1}' });
    expect(batches.flat().map(({ deduplicationId }) => deduplicationId.slice(0, 4))).toEqual(['msg_', 'agai', 'msg_']);
  } finally {
    delete process.env.QUEUE_USE_IDEMPOTENCY;
  }
});

describe('claimed before it was sent', () => {
  let server;
  beforeAll(async () => {
    server = await startRedis();
  });
  const shared = (options) => make({ useIdempotency: true, wait: true, batchTimeout: 1, redis: { url: server.url, commandTimeoutMs: 5000 }, ...options });

  test('two instances send a message once', async () => {
    const { client, batches } = qstashClient({ ms: 20 });
    const [one, two] = [shared({ client }), shared({ client })];
    const results = await Promise.all([one, two].map((queue) => queue.publish(hook, { id: 1 }, { idempotencyKey: 'once' })));
    expect(results).toEqual(expect.arrayContaining([{ messageId: 'for {"id":1}' }, { messageId: 'once', duplicate: true }]));
    expect(batches.flat()).toHaveLength(1);
    expect([one.buffer.length, two.buffer.length]).toEqual([0, 0]);
  });
  test('what an older instance has marked is a repeat', async () => {
    const { client: redis, close } = clients.ioredis(server);
    ends.push(close);
    await redis.set('queue:idempotency:old', '1', 'EX', 100);
    const { client } = qstashClient();
    expect(await shared({ client, redis }).publish(hook, {}, { idempotencyKey: 'old' })).toEqual({ messageId: 'old', duplicate: true });
    const queue = shared({ client, redis, batchTimeout: 60_000 });
    const accepted = queue.publish(hook, {}, { idempotencyKey: 'old', wait: false });
    expect(queue.buffer).toHaveLength(1);
    expect(await accepted).toEqual({ id: expect.any(String), queued: true });
    expect(queue.buffer).toEqual([]);
  });
  test('a key is only leased until its message is sent: a crash between the two loses nothing', async () => {
    const program = `
      require('./lib/batch/lease').leaseMs = 300;
      const { QstashQueue } = require('./compat/qstash-queue');
      const client = { batchJSON: () => { console.log('asked'); return new Promise(() => {}); } };
      const queue = new QstashQueue({ client, useIdempotency: true, batchSize: 1, redis: { url: ${JSON.stringify(server.url)}, commandTimeoutMs: 5000 } });
      void queue.publish('${hook}', { id: 1 }, { idempotencyKey: 'left' });`;
    const child = spawn(process.execPath, ['-e', program], { cwd: path.join(__dirname, '..', '..'), stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'close');
    const { client, batches } = qstashClient();
    expect(await shared({ client }).publish(hook, { id: 1 }, { idempotencyKey: 'left' })).toEqual({ messageId: 'for {"id":1}' });
    expect(batches.flat()).toHaveLength(1);
  });
});

describe('retries by digits in a text', () => {
  const afterOne = (error) => {
    let tries = 0;
    return qstashClient({ refuse: () => ((tries += 1) === 1 ? error : undefined) });
  };
  test.each([
    ['a text with 450 in it', new Error('timed out after 450 ms')],
    ['a real 429', Object.assign(new Error('slow down'), { status: 429 })],
    ['a 503 of its response', Object.assign(new Error('unavailable'), { response: { status: 503 } })],
  ])('%s is tried again', async (_, error) => {
    const { client, batches } = afterOne(error);
    expect(await make({ client, wait: true, batchTimeout: 1 }).publish(hook, {})).toEqual({ messageId: 'for {}' });
    expect(batches).toHaveLength(2);
  });
  test('a real 404 is final, whatever its text', async () => {
    const { client, batches } = afterOne(Object.assign(new Error('not here'), { status: 404 }));
    await expect(make({ client, wait: true, batchTimeout: 1 }).publish(hook, {})).rejects.toThrow('not here');
    expect(batches).toHaveLength(1);
  });
  test('three tries, then the last error', async () => {
    const { client, batches } = qstashClient({ refuse: () => new Error(`try ${batches.length}`) });
    await expect(make({ client, wait: true, batchTimeout: 1 }).publish(hook, {})).rejects.toThrow('try 3');
  });
  test('Retry-After is waited for', async () => {
    jest.useFakeTimers();
    const { client, batches } = afterOne(Object.assign(new Error('slow down'), { status: 429, headers: { 'retry-after': '5' } }));
    const published = make({ client, batchTimeout: 1, wait: true }).publish(hook, {});
    await jest.advanceTimersByTimeAsync(5000);
    expect(batches).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(await published).toEqual({ messageId: 'for {}' });
    expect(batches).toHaveLength(2);
  });
});

describe('one bad message fails its batch', () => {
  const bad = ({ body }) => (body.id === 2 ? Object.assign(new Error('bad one'), { status: 400 }) : undefined);
  const expected = many(5).map(({ id }) => (id === 2 ? 'bad one' : { messageId: `for {"id":${id}}` }));

  test('of batchJSON, which knows only all or nothing: halves until it is alone', async () => {
    const { client, batches } = qstashClient({ refuse: bad });
    const queue = make({ client, batchSize: 5 });
    const ended = await queue.batchPublish(many(5).map((message) => ({ topic: hook, message })), { wait: true });
    expect(ended.map(outcome)).toEqual(expected);
    expect(batches.map((batch) => batch.map(({ body }) => body.id))).toEqual([[0, 1, 2, 3, 4], [0, 1], [2, 3, 4], [2], [3, 4]]);
  });
  test('of an answer with an entry that is an error', async () => {
    const client = { batchJSON: async (messages) => messages.map(({ body }) => (body.id === 2 ? { error: 'bad one', status: 400 } : { messageId: `for {"id":${body.id}}` })) };
    const ended = await make({ client }).batchPublish(many(5).map((message) => ({ topic: hook, message })), { wait: true });
    expect(ended.map(outcome)).toEqual(expected.map((one) => (one === 'bad one' ? 'QStash: bad one' : one)));
  });
  test('of publishJSON, one by one beside each other', async () => {
    const { client, singles } = qstashClient({ has: ['publishJSON'], refuse: bad });
    const ended = await make({ client }).batchPublish(many(5).map((message) => ({ topic: hook, message })), { wait: true });
    expect(ended.map(outcome)).toEqual(expected);
    expect(singles).toHaveLength(5);
  });
  test('what failed is sent again, and nothing else', async () => {
    let isFirst = true;
    const sent = [];
    const { url } = await qstashServer((messages) => {
      sent.push(messages.map(({ body }) => JSON.parse(body).id));
      const answer = messages.map((_, at) => (isFirst && at === 1 ? { error: 'not now', status: 500 } : { messageId: `${at}` }));
      isFirst = false;
      return answer;
    });
    const ended = await make({ url }).batchPublish(many(3).map((message) => ({ topic: hook, message })), { wait: true });
    expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(sent).toEqual([[0, 1, 2], [1]]);
  });
});

describe('one failure, two dead letters', () => {
  test('one for each message, and one still after each retry that fails', async () => {
    let isDown = true;
    const { client } = qstashClient({ refuse: () => (isDown ? new Error('down') : undefined) });
    const queue = make({ client, retries: 1 });
    await queue.publish(hook, { id: 1 });
    await queue.publish(hook, { id: 2 });
    await queue.flush();
    const letters = queue.getDeadLetterQueue();
    expect(letters).toEqual([1, 2].map((id) => ({
      id: expect.stringMatching(/^dlq_/), message: { topic: hook, message: { id }, options: {} }, reason: 'publish_failed', error: 'down', attempts: 2, timestamp: expect.any(Number),
    })));
    const [{ id }] = letters;
    await expect(queue.retryDeadLetterMessage(id)).rejects.toThrow('down');
    expect(queue.deadLetterQueue.map((letter) => [letter.id === id, letter.message.message.id])).toEqual([[true, 1], [false, 2]]);
    isDown = false;
    expect(await queue.retryDeadLetterMessage(id)).toEqual({ messageId: 'for {"id":1}' });
    expect(queue.deadLetterQueue.map(({ message }) => message.message.id)).toEqual([2]);
    await expect(queue.retryDeadLetterMessage(id)).rejects.toThrow(`DLQ message ${id} not found`);
    expect([queue.clearDeadLetterQueue(), queue.deadLetterQueue, queue.metrics.deadLetterCount]).toEqual([1, [], 2]);
  });
});

test('full drops what was accepted: publish waits for room', async () => {
  const { client, batches } = qstashClient({ ms: 5 });
  const queue = make({ client, maxBufferSize: 20 });
  for (const message of many(100)) await queue.publish(hook, message);
  await queue.flush();
  expect(batches.flat().map(({ body }) => body.id).sort((a, b) => a - b)).toEqual(many(100).map(({ id }) => id));
  expect(queue.deadLetterQueue).toEqual([]);
});
test('who wants the oldest dropped gets a letter for each', async () => {
  const queue = make({ client: qstashClient().client, maxBufferSize: 3, overflow: 'drop-oldest' });
  const ended = many(5).map((message) => queue.publish(hook, message, { wait: true }).catch(({ code }) => code));
  expect(queue.buffer.map(({ message }) => message.id)).toEqual([2, 3, 4]);
  expect(queue.deadLetterQueue.map(({ reason, message }) => [reason, message.message.id])).toEqual([['buffer_overflow', 0], ['buffer_overflow', 1]]);
  expect(queue.metrics.bufferOverflowCount).toBe(2);
  await queue.flush();
  expect(await Promise.all(ended)).toEqual(['ERR_BUFFER_FULL', 'ERR_BUFFER_FULL', ...[2, 3, 4].map((id) => ({ messageId: `for {"id":${id}}` }))]);
});

test('closed while messages are under way: close waits for them', async () => {
  let release;
  let isDone = false;
  const client = { batchJSON: (messages) => new Promise((resolve) => (release = () => resolve(messages.map(() => ({ messageId: 'm' }))))) };
  const queue = make({ client, batchSize: 1 });
  const delivered = queue.publish(hook, {}, { wait: true });
  const closing = queue.close().then((account) => {
    isDone = true;
    return account;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([isDone, queue.buffer.length]).toEqual([false, 0]);
  release();
  expect(await delivered).toEqual({ messageId: 'm' });
  expect(await closing).toMatchObject({ delivered: 1, aborted: 0 });
});
