'use strict';
// Results that are not plain values: promises in slots, and what cannot be looked at.
const { BatchBuffer } = require('sluice');

const unhandled = [];
const onUnhandled = (error) => unhandled.push(error);
beforeAll(() => process.on('unhandledRejection', onUnhandled));
afterAll(() => process.off('unhandledRejection', onUnhandled));
afterEach(async () => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(unhandled.splice(0)).toEqual([]);
});

test('promises in slots are waited for: one that rejects fails its item only, and that is tried again', async () => {
  const calls = [];
  const buffer = new BatchBuffer((items, { attempt }) => {
    calls.push(items);
    return items.map(async (item) => {
      if (item === 'bad' || (item === 'shy' && attempt === 1)) throw new Error(`no ${item}`);
      return `${item}!`;
    });
  }, { batchSize: 4, retries: 1, backoff: { minMs: 0 } });
  const ended = await Promise.allSettled([buffer.add('good'), buffer.add('shy'), buffer.add('bad'), buffer.enqueue('good too')]);
  await buffer.flush();
  expect(ended.map(({ value, reason }) => value ?? reason.message)).toEqual(['good!', 'shy!', 'no bad', '4']);
  expect(calls).toEqual([['good', 'shy', 'bad', 'good too'], ['shy', 'bad']]);
  expect((await buffer.deadLetters()).map(({ item }) => item)).toEqual(['bad']);
  expect(await buffer.close()).toEqual({ delivered: 3, deadLettered: 1, dropped: 0, aborted: 0, kept: 0 });
});

test('promises in slots that hang are given up with the batch, and not heard any more', async () => {
  jest.useFakeTimers();
  try {
    let late;
    const answers = [() => [new Promise((resolve, reject) => (late = reject))], () => ['second']];
    const buffer = new BatchBuffer(() => answers.shift()(), { batchSize: 1, handlerTimeoutMs: 50, backoff: { minMs: 10, jitter: 0 } });
    const added = buffer.add('item');
    await jest.advanceTimersByTimeAsync(60);
    late(new Error('late'));
    expect(await added).toBe('second');
    expect(buffer.getStats()).toMatchObject({ delivered: 1, retried: 1 });
    await buffer.close();
  } finally {
    jest.useRealTimers();
  }
});

test.each([
  ['an accessor that throws', () => Object.defineProperty([1], 0, { get() { throw new Error('not to be read'); } })],
  ['a proxy that throws', () => [new Proxy({}, { getPrototypeOf() { throw new Error('not to be read'); } })]],
  ['a then that throws', () => [Object.create({}, { then: { get() { throw new Error('not to be read'); } } })]],
])('a result that cannot be looked at fails the batch, once: %s', async (_, answer) => {
  const handler = jest.fn(answer);
  const buffer = new BatchBuffer(handler, { batchSize: 1, backoff: { minMs: 0 } });
  await expect(buffer.add('item')).rejects.toThrow('not to be read');
  expect(handler).toHaveBeenCalledTimes(1);
  expect(await buffer.close()).toMatchObject({ delivered: 0, deadLettered: 1 });
});
