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
