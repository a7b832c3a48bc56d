'use strict';
const { BatchProcessor } = require('../src/classes');

describe('BatchProcessor', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());
  const upper = (items) => items.map((item) => item.toUpperCase());

  test('a full batch is one call', async () => {
    const work = jest.fn(async (items) => upper(items));
    const batches = new BatchProcessor({ maxBatchSize: 3, maxWaitTime: 100 }, work);
    await expect(Promise.all(['a', 'b', 'c'].map((item) => batches.add(item)))).resolves.toStrictEqual(['A', 'B', 'C']);
    expect(work).toHaveBeenCalledTimes(1);
    expect(work.mock.calls[0][0]).toStrictEqual(['a', 'b', 'c']);
  });

  test('what does not fill a batch leaves after its time', async () => {
    const work = jest.fn(async (items) => upper(items));
    const batches = new BatchProcessor({ maxBatchSize: 10, maxWaitTime: 100 }, work);
    const first = batches.add('a');
    await jest.advanceTimersByTimeAsync(99);
    expect(work).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(1);
    await expect(first).resolves.toBe('A');
  });

  test('six items are two batches of three', async () => {
    const work = jest.fn(async (items) => upper(items));
    const batches = new BatchProcessor({ maxBatchSize: 3, maxWaitTime: 100, concurrency: 2 }, work);
    const results = Promise.all([...'abcdef'].map((item) => batches.add(item)));
    await jest.advanceTimersByTimeAsync(0);
    await expect(results).resolves.toStrictEqual([...'ABCDEF']);
    expect(work.mock.calls.map(([items]) => items)).toStrictEqual([['a', 'b', 'c'], ['d', 'e', 'f']]);
  });

  test('work that fails fails its batch once, and the next goes on', async () => {
    const work = jest.fn().mockRejectedValueOnce(new Error('disk full')).mockImplementation(async (items) => upper(items));
    const batches = new BatchProcessor({ maxBatchSize: 2, maxWaitTime: 100 }, work);
    const ended = await Promise.allSettled([batches.add('a'), batches.add('b')]);
    expect(ended.map(({ reason }) => reason.message)).toStrictEqual(['disk full', 'disk full']);
    expect(work).toHaveBeenCalledTimes(1);
    await expect(Promise.all([batches.add('c'), batches.add('d')])).resolves.toStrictEqual(['C', 'D']);
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
