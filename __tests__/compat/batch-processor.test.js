'use strict';
const { setTimeout: sleep } = require('node:timers/promises');
const { BatchProcessor } = require('sluice/compat/batch-processor');

const own = { ...process.env };
const made = [];
const make = (config, work, Class = BatchProcessor) => {
  const processor = new Class(config, work);
  made.push(processor);
  return processor;
};
afterEach(async () => {
  process.env = { ...own };
  await Promise.all(made.splice(0).map((one) => one.close()));
});
/** A `process` that notes its batches and ends them when the test says so. */
function held() {
  const batches = [];
  return { batches, process: (items) => new Promise((resolve, reject) => batches.push({ items, resolve, reject })) };
}

describe.each([['optimized', undefined], ['plain', 'false']])('what does not ask for batches, %s', (_, value) => {
  beforeEach(() => {
    if (value !== undefined) process.env.ENABLE_PERFORMANCE_OPTIMIZATION = value;
  });

  test('each item has its own result, in whatever order they come', async () => {
    const processor = make({ maxWaitTime: 1 }, async (items) => items.map((item) => item * 2));
    expect(await Promise.all([3, 1, 2].map((item) => processor.add(item)))).toEqual([6, 2, 4]);
  });
  test('a subclass does the work of each item, as a method of it', async () => {
    class Doubling extends BatchProcessor {
      factor = 2;
      async processBatchItem(item) {
        if (item === 'bad') throw new TypeError('not a number');
        return item * this.factor;
      }
    }
    const processor = make({ maxWaitTime: 1 }, undefined, Doubling);
    const ended = await Promise.allSettled([1, 'bad', 3].map((item) => processor.add(item)));
    expect(ended.map(({ value, reason }) => value ?? reason.message)).toEqual([2, 'not a number', 6]);
  });
  test('what is thrown is what add rejects with, whatever it is; nothing is tried again', async () => {
    let calls = 0;
    const thrown = { not: 'an error' };
    const processor = make({ maxWaitTime: 1 }, async () => {
      calls += 1;
      throw thrown;
    });
    await expect(processor.add(1)).rejects.toBe(thrown);
    await sleep(20);
    expect(calls).toBe(1);
  });
  test('without work there is an error that says so', async () => {
    await expect(make({ maxWaitTime: 1 }).add(1)).rejects.toThrow('BatchProcessor needs a process function, or a subclass');
  });
  test('values pass by reference', async () => {
    const item = { deep: {} };
    item.self = item;
    expect(await make({ maxWaitTime: 1 }, async (items) => items).add(item)).toBe(item);
  });
});

describe('Better', () => {
  test('batches of one: a batch leaves when it is full', async () => {
    const { batches, process } = held();
    const processor = make({ maxBatchSize: 3, maxWaitTime: 60_000, concurrency: 2 }, process);
    const adds = [1, 2, 3, 4].map((item) => processor.add(item));
    expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]]);
    batches[0].resolve(['a', 'b', 'c']);
    expect(await Promise.all(adds.slice(0, 3))).toEqual(['a', 'b', 'c']);
    void processor.flush();
    batches[1].resolve(['d']);
    expect(await adds[3]).toBe('d');
  });
  test('batches of one: a batch that is not full leaves when its oldest item has waited maxWaitTime', () => {
    jest.useFakeTimers();
    try {
      const { batches, process } = held();
      const processor = make({ maxBatchSize: 10, maxWaitTime: 50 }, process);
      void processor.add(1);
      jest.advanceTimersByTime(30);
      void processor.add(2);
      jest.advanceTimersByTime(19);
      expect(batches).toEqual([]);
      jest.advanceTimersByTime(1);
      expect(batches.map(({ items }) => items)).toEqual([[1, 2]]);
      batches[0].resolve();
    } finally {
      jest.useRealTimers();
    }
  });
  test('any number at a time: so many batches as concurrency says', async () => {
    const { batches, process } = held();
    const processor = make({ maxBatchSize: 1, concurrency: 2 }, process);
    const adds = Array.from({ length: 5 }, (_, item) => processor.add(item));
    expect(batches.map(({ items }) => items)).toEqual([[0], [1]]);
    batches[1].resolve([1]);
    await adds[1];
    await null;
    expect(batches.map(({ items }) => items)).toEqual([[0], [1], [2]]);
    for (let at = 0; at < 5; at += 1) {
      batches[at].resolve([at]);
      await adds[at];
      await null;
    }
    expect(await Promise.all(adds)).toEqual([0, 1, 2, 3, 4]);
  });
  test('one error fails all: an Error in a slot is that item\'s alone', async () => {
    const no = new RangeError('no');
    const processor = make({ maxBatchSize: 3 }, async (items) => items.map((item) => (item === 2 ? no : item)));
    const ended = await Promise.allSettled([1, 2, 3].map((item) => processor.add(item)));
    expect(ended).toEqual([{ status: 'fulfilled', value: 1 }, { status: 'rejected', reason: no }, { status: 'fulfilled', value: 3 }]);
  });
  test('an item of a subclass is told as soon as its own work is done', async () => {
    let release;
    class Mixed extends BatchProcessor {
      processBatchItem(item) {
        return item === 'slow' ? new Promise((resolve) => (release = resolve)) : Promise.resolve(item);
      }
    }
    const processor = make({ maxBatchSize: 2 }, undefined, Mixed);
    const slow = processor.add('slow');
    expect(await processor.add('quick')).toBe('quick');
    release('at last');
    expect(await slow).toBe('at last');
  });
});

test('a process that throws, or answers with the wrong number, fails its batch and no other', async () => {
  const processor = make({ maxBatchSize: 2 }, (items) => {
    if (items.includes('throw')) throw new Error('it threw');
    return items.includes('short') ? [1] : items;
  });
  const ended = await Promise.allSettled(['throw', 1, 'short', 2, 3, 4].map((item) => processor.add(item)));
  expect(ended.map(({ value, reason }) => value ?? reason.message)).toEqual([
    'it threw', 'it threw', ...Array.from({ length: 2 }, () => 'what process returns must be an array with one result for each of the 2 items, or nothing; got an array'), 3, 4,
  ]);
});
test.each([
  ['a batch fills, however large it is', 1500, 1],
  ['so many batches are worked on as concurrency says, however many items they have', 100, 20],
])('%s', async (_, maxBatchSize, concurrency) => {
  const { batches, process } = held();
  const processor = make({ maxBatchSize, maxWaitTime: 60_000, concurrency }, process);
  const adds = Array.from({ length: maxBatchSize * concurrency }, (_unused, item) => processor.add(item));
  const sizes = batches.map(({ items }) => items.length);
  processor.process = (items) => items;
  batches.forEach(({ items, resolve }) => resolve(items));
  await processor.flush();
  expect(sizes).toEqual(Array.from({ length: concurrency }, () => maxBatchSize));
  expect(await Promise.all(adds)).toEqual(adds.map((_unused, item) => item));
});
test('the function may be replaced, and so may the method', async () => {
  const processor = make({ maxBatchSize: 1 }, async (items) => items);
  processor.process = async () => ['replaced'];
  expect(await processor.add(1)).toBe('replaced');
  processor.process = undefined;
  jest.spyOn(processor, 'processBatchItem').mockImplementation(async (item) => `spied ${item}`);
  expect(await processor.add(2)).toBe('spied 2');
});
test('close() does what waits, then takes nothing more', async () => {
  const processor = make({ maxWaitTime: 60_000 }, async (items) => items);
  const last = processor.add('last');
  await processor.close();
  expect(await last).toBe('last');
  await expect(processor.add('late')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});
test('work has no time limit', async () => {
  jest.useFakeTimers();
  try {
    const { batches, process } = held();
    const add = make({ maxBatchSize: 1 }, process).add(1);
    await jest.advanceTimersByTimeAsync(10 * 60_000);
    batches[0].resolve(['late']);
    expect(await add).toBe('late');
  } finally {
    jest.useRealTimers();
  }
});
test('plain means batches of one, unless the code says otherwise', () => {
  process.env.ENABLE_PERFORMANCE_OPTIMIZATION = 'false';
  const plain = held();
  void make({ concurrency: 5 }, plain.process).add(1);
  expect(plain.batches.map(({ items }) => items)).toEqual([[1]]);
  const explicit = held();
  void make({ maxBatchSize: 2 }, explicit.process).add(1);
  expect(explicit.batches).toEqual([]);
  plain.batches[0].resolve();
  explicit.process = () => {};
  made[1].process = () => {};
});
test.each([
  [{ maxBatchSize: 0 }, 'maxBatchSize'], [{ maxBatchSize: 1.5 }, 'maxBatchSize'], [{ maxBatchSize: '3' }, 'maxBatchSize'], [{ maxWaitTime: -1 }, 'maxWaitTime'], [{ concurrency: 0 }, 'concurrency'], [null, 'config'],
])('%j is refused by name', (config, option) => {
  expect(() => new BatchProcessor(config)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
});
test('a config with other fields is taken as it is', () => {
  const config = { maxBatchSize: 2, name: 'mine' };
  expect(make(config, () => {}).config).toBe(config);
  expect(() => new BatchProcessor({}, 5)).toThrow(expect.objectContaining({ option: 'process' }));
});
