'use strict';
const { QstashQueue } = require('../src/classes');
const { startQstash } = require('../src/loopback-qstash');

const TOPIC = 'https://worker.example/upload';

describe('QstashQueue', () => {
  describe('with a client that was given to it', () => {
    let client;
    const make = async (options) => {
      const queue = new QstashQueue({ client, batchSize: 5, batchTimeout: 100, wait: true, ...options });
      await queue.initialize();
      return queue;
    };
    beforeEach(() => {
      jest.useFakeTimers();
      let count = 0;
      client = { publishJSON: jest.fn(async () => ({ messageId: `m${(count += 1)}` })) };
    });
    afterEach(() => jest.useRealTimers());

    test('tells what is in its buffer', async () => {
      const queue = await make();
      expect(queue.getBufferStatus()).toMatchObject({ size: 0, batchSize: 5, batchTimeout: 100, hasActiveTimer: false });
      queue.publish(TOPIC, { n: 1 });
      queue.publish(TOPIC, { n: 2 });
      expect(queue.getBufferStatus()).toMatchObject({ size: 2, hasActiveTimer: true });
      await queue.close();
      expect(queue.getBufferStatus().size).toBe(0);
    });

    test('a full batch leaves at once', async () => {
      const queue = await make();
      for (let n = 0; n < 5; n += 1) queue.publish(TOPIC, { n });
      await jest.advanceTimersByTimeAsync(0);
      expect(client.publishJSON).toHaveBeenCalledTimes(5);
      expect(queue.getBufferStatus().size).toBe(0);
      await queue.close();
    });

    test('what does not fill a batch leaves after its time', async () => {
      const queue = await make();
      queue.publish(TOPIC, { n: 1 });
      await jest.advanceTimersByTimeAsync(99);
      expect(client.publishJSON).toHaveBeenCalledTimes(0);
      await jest.advanceTimersByTimeAsync(1);
      expect(client.publishJSON).toHaveBeenCalledTimes(1);
      expect(queue.getBufferStatus()).toMatchObject({ size: 0, hasActiveTimer: false });
      await queue.close();
    });

    test('the message is the client\'s as it was', async () => {
      const queue = await make();
      const message = { name: 'a.txt', tags: ['x'] };
      queue.publish(TOPIC, message);
      await queue.flush();
      expect(client.publishJSON.mock.calls[0][0]).toMatchObject({ url: TOPIC, body: message });
      await queue.close();
    });

    test('the answer is QStash\'s', async () => {
      const queue = await make();
      const answers = Promise.all([0, 1, 2, 3, 4].map((n) => queue.publish(TOPIC, { n })));
      await jest.advanceTimersByTimeAsync(0);
      expect((await answers).map(({ messageId }) => messageId)).toStrictEqual(['m1', 'm2', 'm3', 'm4', 'm5']);
      await queue.close();
    });

    test('flush sends what there is and comes back when it is sent', async () => {
      const queue = await make();
      queue.publish(TOPIC, { n: 1 });
      queue.publish(TOPIC, { n: 2 });
      await queue.flush();
      expect(client.publishJSON).toHaveBeenCalledTimes(2);
      await queue.flush();
      expect(client.publishJSON).toHaveBeenCalledTimes(2);
      await queue.close();
    });

    test('close sends what is left', async () => {
      const queue = await make();
      queue.publish(TOPIC, { n: 1 });
      await queue.close();
      expect(client.publishJSON).toHaveBeenCalledTimes(1);
    });

    test('clearBuffer sends nothing', async () => {
      const queue = await make();
      queue.publish(TOPIC, { n: 1 }).catch(() => {});
      queue.clearBuffer();
      expect(queue.getBufferStatus()).toMatchObject({ size: 0, hasActiveTimer: false });
      await queue.close();
      expect(client.publishJSON).not.toHaveBeenCalled();
    });

    test('batchPublish settles each', async () => {
      const queue = await make();
      const ended = await queue.batchPublish([{ topic: TOPIC, message: { n: 1 } }, { topic: TOPIC, message: { n: 2 } }]);
      expect(ended.map(({ status, value }) => [status, value.messageId])).toStrictEqual([['fulfilled', 'm1'], ['fulfilled', 'm2']]);
      await queue.close();
    });

    test('what fails for good is told, and kept as a dead letter', async () => {
      client.publishJSON.mockRejectedValue(Object.assign(new Error('bad request: 400'), { status: 400 }));
      const queue = await make({ batchSize: 1 });
      await expect(queue.publish(TOPIC, { n: 1 })).rejects.toThrow('bad request');
      expect(client.publishJSON).toHaveBeenCalledTimes(1);
      expect((await queue.getDeadLetterQueue())[0]).toMatchObject({ message: { topic: TOPIC, message: { n: 1 } }, error: 'bad request: 400' });
      await queue.close();
    });

    test('a call that fails once is tried again', async () => {
      client.publishJSON.mockRejectedValueOnce(new Error('socket hang up'));
      const queue = await make({ batchSize: 1 });
      const answer = queue.publish(TOPIC, { n: 1 });
      await jest.advanceTimersByTimeAsync(500);
      await expect(answer).resolves.toMatchObject({ messageId: expect.any(String) });
      expect(client.publishJSON).toHaveBeenCalledTimes(2);
      await queue.close();
    });
  });

  describe('with a QStash', () => {
    let qstash;
    beforeEach(async () => {
      qstash = await startQstash();
    });
    afterEach(() => qstash.close());

    test('delivers each message once, to its topic', async () => {
      const queue = new QstashQueue({ url: qstash.url, token: qstash.token, batchSize: 10, batchTimeout: 20, wait: true });
      await queue.initialize();
      const answers = await Promise.all(Array.from({ length: 25 }, (_, n) => queue.publish(TOPIC, { n })));
      await queue.close();
      expect(new Set(answers.map(({ messageId }) => messageId)).size).toBe(25);
      expect(qstash.messages.map(({ body }) => body.n).sort((a, b) => a - b)).toStrictEqual(Array.from({ length: 25 }, (_, n) => n));
      expect(new Set(qstash.messages.map(({ destination }) => destination))).toStrictEqual(new Set([TOPIC]));
    });

    test('takes address, token and batch size from the environment', async () => {
      Object.assign(process.env, { QSTASH_URL: qstash.url, QSTASH_TOKEN: qstash.token, QSTASH_BATCH_SIZE: '2' });
      try {
        const queue = new QstashQueue({ wait: true });
        await queue.initialize();
        expect(queue.getBufferStatus().batchSize).toBe(2);
        const answers = await Promise.all([queue.publish(TOPIC, { n: 1 }), queue.publish(TOPIC, { n: 2 })]);
        expect(answers.every(({ messageId }) => messageId.startsWith('qstash_'))).toBe(true);
        await queue.close();
      } finally {
        for (const name of ['QSTASH_URL', 'QSTASH_TOKEN', 'QSTASH_BATCH_SIZE']) delete process.env[name];
      }
    });
  });
});
