'use strict';
const { BatchProcessor } = require('../src/classes');

describe('BatchProcessor', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());
  const upper = (items) => items.map((item) => item.toUpperCase());

  test('a full batch is worked on', async () => {
    const work = jest.fn(async (items) => upper(items));
    const batches = new BatchProcessor({ maxBatchSize: 3, maxWaitTime: 100 }, work);
    await expect(Promise.all(['a', 'b', 'c'].map((item) => batches.add(item)))).resolves.toStrictEqual(['A', 'B', 'C']);
    expect(work.mock.calls.flatMap(([items]) => items)).toStrictEqual(['a', 'b', 'c']);
  });

  test('what does not fill a batch is worked on after its time', async () => {
    const work = jest.fn(async (items) => upper(items));
    const batches = new BatchProcessor({ maxBatchSize: 10, maxWaitTime: 100 }, work);
    const first = batches.add('a');
    await jest.advanceTimersByTimeAsync(100);
    expect(work).toHaveBeenCalledTimes(1);
    await expect(first).resolves.toBe('A');
  });

  test('no batch is larger than it may be', async () => {
    const work = jest.fn(async (items) => upper(items));
    const batches = new BatchProcessor({ maxBatchSize: 3, maxWaitTime: 100, concurrency: 2 }, work);
    const results = Promise.all([...'abcdefgh'].map((item) => batches.add(item)));
    await jest.advanceTimersByTimeAsync(200);
    await expect(results).resolves.toStrictEqual([...'ABCDEFGH']);
    expect(Math.max(...work.mock.calls.map(([items]) => items.length))).toBeLessThanOrEqual(3);
  });

  test('work that fails is told, and the next goes on', async () => {
    const work = jest.fn().mockRejectedValueOnce(new Error('disk full')).mockImplementation(async (items) => upper(items));
    const batches = new BatchProcessor({ maxBatchSize: 1, maxWaitTime: 100 }, work);
    await expect(batches.add('a')).rejects.toThrow('disk full');
    await expect(batches.add('b')).resolves.toBe('B');
    expect(work).toHaveBeenCalledTimes(2);
  });

  test('a subclass works item by item', async () => {
    class Thumbnails extends BatchProcessor {
      async processBatchItem(item) {
        if (item === 'broken') throw new Error('no picture');
        return `${item}.png`;
      }
    }
    const batches = new Thumbnails({ maxBatchSize: 3, maxWaitTime: 100 });
    const ended = await Promise.allSettled(['a', 'broken', 'c'].map((item) => batches.add(item)));
    expect(ended.map(({ value, reason }) => value ?? reason.message)).toStrictEqual(['a.png', 'no picture', 'c.png']);
  });

  test('without work and without a subclass an item fails', async () => {
    const batches = new BatchProcessor({ maxBatchSize: 1 });
    await expect(batches.add('a')).rejects.toThrow(Error);
  });
});
