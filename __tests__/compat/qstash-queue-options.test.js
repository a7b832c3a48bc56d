'use strict';
// QstashQueue: arguments and variables.
const { QstashQueue } = require('sluice/compat/qstash-queue');

const own = { ...process.env };
const made = [];
const make = (options) => {
  const queue = new QstashQueue({ token: 'secret', backoff: { minMs: 1 }, batchTimeout: 60_000, ...options });
  made.push(queue);
  return queue;
};
afterEach(async () => {
  process.env = { ...own };
  await Promise.all(made.splice(0).map((queue) => queue.close({ timeoutMs: 0 })));
});

describe('how long a try may take', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());
  const hook = 'https://example.org/hook';
  const forever = () => new Promise(() => {});

  test('a client as long as it does: what it delivers late is sent once', async () => {
    const sent = [];
    const slow = async ({ body }) => {
      sent.push(body);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return { messageId: `${body}` };
    };
    const given = make({ client: { publishJSON: slow }, maxConcurrent: 1, batchSize: 40, wait: true });
    const later = make({ batchSize: 40, maxConcurrent: 1, wait: true });
    later.client = { publishJSON: slow };
    for (const queue of [given, later]) {
      const all = Promise.all(Array.from({ length: 40 }, (_, at) => queue.publish(hook, at)));
      await jest.advanceTimersByTimeAsync(40_000);
      expect((await all).map(({ messageId }) => messageId)).toEqual(sent.splice(0).map(String));
    }
  });
  test('a request of its own 30 s, then it is aborted and tried again', async () => {
    const signals = [];
    const fetch = jest.fn((_, { signal }) => (signals.push(signal), forever()));
    const queue = make({ fetch, retries: 1, batchSize: 1, wait: true });
    const ended = queue.publish(hook, 1).catch(({ message }) => message);
    await jest.advanceTimersByTimeAsync(29_999);
    expect([fetch.mock.calls.length, signals[0].aborted]).toEqual([1, false]);
    await jest.advanceTimersByTimeAsync(31_000);
    expect([fetch.mock.calls.length, signals.map(({ aborted }) => aborted), await ended]).toEqual([2, [true, true], 'no answer within 30000 ms']);
  });
  test.each([['a request', { fetch: forever }], ['a client', { client: { publishJSON: forever } }]])('%s as long as handlerTimeoutMs says', async (_, way) => {
    const queue = make({ ...way, retries: 0, batchSize: 1, wait: true, handlerTimeoutMs: 50 });
    const ended = queue.publish(hook, 1).catch(({ message }) => message);
    await jest.advanceTimersByTimeAsync(50);
    expect(await ended).toBe('the handler did not end within 50 ms');
  });
  test('close no longer than it was told: a request is aborted, a client left alone', async () => {
    let seen;
    const publishJSON = jest.fn(forever);
    for (const way of [{ fetch: (_, { signal }) => ((seen = signal), forever()) }, { client: { publishJSON } }]) {
      const queue = make({ ...way, batchSize: 2, maxConcurrent: 1, wait: true });
      const ended = [1, 2].map((message) => queue.publish(hook, message).catch(({ code }) => code));
      const closing = queue.close({ timeoutMs: 10 });
      await jest.advanceTimersByTimeAsync(10);
      expect([await Promise.all(ended), (await closing).aborted]).toEqual([['ERR_CLOSED', 'ERR_CLOSED'], 2]);
    }
    expect([seen.aborted, publishJSON.mock.calls.length]).toEqual([true, 1]);
  });
});

describe('arguments and variables', () => {
  test('an argument wins over a variable, that over the default', () => {
    const read = (options) => {
      const { batchSize, batchTimeout, maxConcurrent, useIdempotency, idempotencyTtl, localIdempotencyLimit, token, url, maxBufferSize, maxDeadLetterQueueSize } = new QstashQueue(options);
      return [batchSize, batchTimeout, maxConcurrent, useIdempotency, idempotencyTtl, localIdempotencyLimit, token, url, maxBufferSize, maxDeadLetterQueueSize];
    };
    expect(read()).toEqual([10, 100, 50, false, 86_400, 1000, undefined, undefined, 1000, 100]);
    Object.assign(process.env, {
      QSTASH_BATCH_SIZE: '7', QSTASH_BATCH_TIMEOUT: '70', QSTASH_MAX_CONCURRENT: '4', QUEUE_USE_IDEMPOTENCY: 'true', QUEUE_IDEMPOTENCY_TTL: '60', QUEUE_LOCAL_IDEMPOTENCY_LIMIT: '5',
      QSTASH_TOKEN: 'env', QSTASH_URL: 'http://127.0.0.1:1', QSTASH_MAX_BUFFER_SIZE: '77', QSTASH_DLQ_SIZE: '17',
    });
    expect(read()).toEqual([7, 70, 4, true, 60, 5, 'env', 'http://127.0.0.1:1', 77, 17]);
    process.env.ENABLE_PERFORMANCE_OPTIMIZATION = 'false';
    expect(read()[0]).toBe(1);
    expect(read({ batchSize: 3, batchTimeout: 1, maxConcurrent: 2, useIdempotency: false, idempotencyTtl: 9, localIdempotencyLimit: 8, token: 'own', url: 'http://127.0.0.1:2', maxBufferSize: 6, maxDeadLetterQueueSize: 3 }))
      .toEqual([3, 1, 2, false, 9, 8, 'own', 'http://127.0.0.1:2', 6, 3]);
  });
  test.each([['QSTASH_BATCH_SIZE', '0'], ['QSTASH_BATCH_SIZE', 'many'], ['QSTASH_BATCH_TIMEOUT', '-1'], ['QSTASH_MAX_CONCURRENT', '1.5'], ['QUEUE_USE_IDEMPOTENCY', 'perhaps'], ['QUEUE_IDEMPOTENCY_TTL', '0'], ['QUEUE_LOCAL_IDEMPOTENCY_LIMIT', '0']])(
    '%s=%s is refused by name', (variable, value) => {
      process.env[variable] = value;
      expect(() => new QstashQueue()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: variable }));
    });
  test.each([['batchSize', 0], ['batchTimeout', '5'], ['maxConcurrent', -1], ['wait', 1], ['token', 5], ['idempotencyTtl', 0], ['now', 5], ['mockMode', 'yes']])('%s %j is refused by name', (option, value) => {
    expect(() => new QstashQueue({ [option]: value })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
  });
  test('without a token and without a client there is nobody to deliver to', async () => {
    const queue = new QstashQueue({ other: 'option' });
    const refused = { code: 'ERR_INVALID_OPTION', option: 'token', message: expect.stringContaining('QSTASH_TOKEN') };
    await expect(queue.initialize()).rejects.toMatchObject(refused);
    await expect(queue.publish('t', 1)).rejects.toMatchObject(refused);
    expect([queue.isInitialized, queue.connected, queue.buffer]).toEqual([false, false, []]);
  });
  test('in mock mode nothing is sent', async () => {
    const queue = make({ token: undefined, mockMode: true, batchTimeout: 1, wait: true });
    await queue.initialize();
    expect(await queue.publish('t', { id: 1 })).toEqual({ messageId: expect.stringMatching(/^msg_[0-9a-f]{32}$/), mock: true });
    expect([queue.isMockMode, queue.connected]).toEqual([true, true]);
  });
});
