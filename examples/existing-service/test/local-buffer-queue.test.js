'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { LocalBufferQueue } = require('../src/classes');

describe('LocalBufferQueue', () => {
  let folder;
  let queue;
  const open = async (options) => {
    const opened = new LocalBufferQueue({ persistencePath: path.join(folder, 'buffer.json'), ...options });
    await opened.init();
    return opened;
  };
  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'service-buffer-'));
    queue = await open();
  });
  afterEach(async () => {
    await queue.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test('starts with nothing', async () => {
    await expect(queue.dequeueBatch()).resolves.toStrictEqual([]);
  });

  test('gives tasks back in order, as they were', async () => {
    await queue.enqueue({ name: 'a' });
    await queue.enqueue({ name: 'b' });
    const batch = await queue.dequeueBatch();
    expect(batch.map(({ data }) => data)).toStrictEqual([{ name: 'a' }, { name: 'b' }]);
    expect(batch[0]).toMatchObject({ id: expect.any(String), timestamp: expect.any(Number), retryCount: 0 });
  });

  test('takes many at once', async () => {
    await queue.enqueueBatch([1, 2, 3]);
    expect((await queue.dequeueBatch()).map(({ data }) => data)).toStrictEqual([1, 2, 3]);
  });

  test('each task has an id of its own', async () => {
    await queue.enqueueBatch(Array(50).fill('same'));
    const ids = (await queue.dequeueBatch()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(50);
  });

  test('what was closed in order comes back in order', async () => {
    await queue.enqueueBatch(['a', 'b', 'c']);
    await queue.close();
    queue = await open();
    expect(queue.buffer.map(({ data }) => data)).toStrictEqual(['a', 'b', 'c']);
    expect((await queue.dequeueBatch()).map(({ data }) => data)).toStrictEqual(['a', 'b', 'c']);
  });

  test('what was flushed comes back too', async () => {
    await queue.enqueue('a');
    await queue.flush();
    await queue.close();
    queue = await open();
    expect((await queue.dequeueBatch()).map(({ data }) => data)).toStrictEqual(['a']);
  });

  test('what is given back is handed out again, and remembers how often', async () => {
    await queue.enqueueBatch(['a', 'b']);
    const [first, second] = await queue.dequeueBatch();
    await queue.retryFailed(first.id);
    queue.removeMessage(second.id);
    expect(await queue.dequeueBatch()).toMatchObject([{ id: first.id, data: 'a', retryCount: 1 }]);
  });

  test('what was tried too often is told', async () => {
    await queue.enqueue('a');
    for (let at = 0; at < 4; at += 1) {
      const [message] = await queue.dequeueBatch();
      expect(queue.getExceededRetryMessages()).toStrictEqual([]);
      await queue.retryFailed(message.id);
    }
    expect(queue.getExceededRetryMessages()).toMatchObject([{ data: 'a', retryCount: 4 }]);
  });

  test('tells how many wait', async () => {
    await queue.enqueueBatch(['a', 'b']);
    expect(queue.getStatus().bufferSize).toBe(2);
    await queue.dequeueBatch();
    expect(queue.getStatus().bufferSize).toBe(0);
  });

  test('removeMessage removes the one', async () => {
    await queue.enqueueBatch(['a', 'b']);
    const [first] = queue.buffer;
    expect(queue.removeMessage(first.id)).toBe(true);
    expect(queue.removeMessage('nobody')).toBe(false);
    expect((await queue.dequeueBatch()).map(({ data }) => data)).toStrictEqual(['b']);
  });
});
