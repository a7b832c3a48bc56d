'use strict';
// One effect per key, seen from outside of a buffer that remembers by itself.
const { BatchBuffer } = require('sluice');

/** A buffer whose handler answers `item!`, and what it was handed. */
function open(options = {}, answer = (item) => `${item}!`) {
  const calls = [];
  const buffer = new BatchBuffer((items, context) => {
    calls.push({ items, keys: [...context.keys] });
    return Promise.resolve(items.map(answer));
  }, { batchTimeout: 1, backoff: { minMs: 1, jitter: 0 }, idempotency: {}, ...options });
  return { buffer, calls, handed: () => calls.flatMap(({ items }) => items) };
}
const settled = (promise) => promise.then((value) => ({ value }), (error) => ({ error }));

test('a repeat settles with the result of the first, pending or done', async () => {
  const value = { a: 1 };
  const { buffer, handed } = open({}, () => value);
  const first = buffer.add('a', { key: 'k' });
  const pending = buffer.add('b', { key: 'k' });
  expect(buffer.getBufferStatus()).toMatchObject({ size: 1, waiting: 0 });
  expect(await Promise.all([first, pending])).toEqual([value, value]);
  expect(await buffer.add('c', { key: 'k' })).toBe(value);
  expect(handed()).toEqual(['a']);
  expect(buffer.getStats()).toMatchObject({ accepted: 1, delivered: 1, duplicates: 2 });
  buffer.resetStats();
  expect(buffer.getStats().duplicates).toBe(0);
  expect(await buffer.close()).toEqual({ delivered: 1, deadLettered: 0, dropped: 0, aborted: 0, kept: 0 });
});

test('a repeat that is queued gets the id of the first', async () => {
  const { buffer, handed } = open();
  const id = await buffer.enqueue('a', { key: 'k' });
  expect(await buffer.enqueue('b', { key: 'k' })).toBe(id);
  expect(await buffer.add('c', { key: 'k' })).toBe('a!');
  expect(await buffer.enqueue('d', { key: 'k' })).toBe(id);
  expect(await buffer.enqueue('e', { key: 'l' })).not.toBe(id);
  await buffer.close();
  expect(handed()).toEqual(['a', 'e']);
});

test('equal items without keys are as many items; the key option of the buffer is asked for those without one', async () => {
  const plain = open();
  expect(await Promise.all([plain.buffer.add('a'), plain.buffer.add('a')])).toEqual(['a!', 'a!']);
  expect(plain.calls).toEqual([{ items: ['a', 'a'], keys: ['', ''] }]);
  await plain.buffer.close();

  const keyed = open({ idempotency: { key: (item) => item.slice(0, 1) } });
  const results = await keyed.buffer.addMany(['a1', 'a2', 'b1', 'a3']);
  expect(results.map(({ value }) => value)).toEqual(['a1!', 'a1!', 'b1!', 'a1!']);
  expect(await keyed.buffer.add('a4', { key: 'other' })).toBe('a4!');
  expect(keyed.calls.map(({ keys }) => keys)).toEqual([['a', 'b'], ['other']]);
  await keyed.buffer.close();
});

test('without idempotency a key only goes to the handler', async () => {
  const { buffer, calls } = open({ idempotency: false });
  expect(await Promise.all([buffer.add('a', { key: 'k' }), buffer.add('b', { key: 'k' }), buffer.add('c')])).toEqual(['a!', 'b!', 'c!']);
  expect(calls[0].keys).toEqual(['k', 'k', '']);
  expect(buffer.getStats().duplicates).toBe(0);
  await buffer.close();
});

test.each([[''], [5], [{}], ['\udc00']])('%p is no key: neither in a call nor from the option', async (key) => {
  const { buffer, handed } = open({ idempotency: { key: () => key } });
  for (const promise of [buffer.add('a', { key }), buffer.enqueue('a', { key }), buffer.add('a'), buffer.enqueue('a')]) {
    expect((await settled(promise)).error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
  }
  const [{ status, reason }] = await buffer.addMany(['a']);
  expect([status, reason.code]).toEqual(['rejected', 'ERR_INVALID_OPTION']);
  await buffer.close();
  expect(handed()).toEqual([]);
});

test('what the key option throws is what the call rejects with', async () => {
  const error = new Error('no key today');
  const { buffer } = open({ idempotency: { key: () => { throw error; } } });
  expect((await settled(buffer.add('a'))).error).toBe(error);
  await buffer.close();
});

describe('a first that fails for good takes its repeats with it, and frees its key', () => {
  test('when it becomes a dead letter; tries before that free nothing', async () => {
    let fails = true;
    const error = new Error('no');
    const { buffer, handed } = open({ retries: 2 }, (item) => (fails ? error : `${item}!`));
    const [first, repeat] = await Promise.all([settled(buffer.add('a', { key: 'k' })), settled(buffer.add('b', { key: 'k' }))]);
    expect([first.error, repeat.error]).toEqual([error, error]);
    expect(handed()).toEqual(['a', 'a', 'a']);
    fails = false;
    expect(await buffer.add('c', { key: 'k' })).toBe('c!');
    await buffer.close();
  });

  test('when it is removed, cleared, dropped, aborted, or left at close', async () => {
    const slow = { batchTimeout: 60_000 };
    const removed = open(slow);
    const id = await removed.buffer.enqueue('a', { key: 'k' });
    const follower = settled(removed.buffer.add('b', { key: 'k' }));
    expect(removed.buffer.remove(id)).toBe(true);
    expect((await follower).error).toMatchObject({ code: 'ERR_ABORTED' });
    const again = settled(removed.buffer.add('c', { key: 'k' }));
    const reason = new Error('cleared');
    expect(removed.buffer.clear(reason)).toBe(1);
    expect((await again).error).toBe(reason);

    const controller = new AbortController();
    const aborted = settled(removed.buffer.add('d', { key: 'k', signal: controller.signal }));
    const follows = settled(removed.buffer.add('e', { key: 'k' }));
    controller.abort();
    expect([(await aborted).error.code, (await follows).error.code]).toEqual(['ERR_ABORTED', 'ERR_ABORTED']);
    const last = [settled(removed.buffer.add('f', { key: 'k' })), settled(removed.buffer.add('g', { key: 'k' }))];
    expect(await removed.buffer.close({ timeoutMs: 0 })).toEqual({ delivered: 0, deadLettered: 0, dropped: 2, aborted: 2, kept: 0 });
    expect((await Promise.all(last)).map(({ error }) => error.code)).toEqual(['ERR_CLOSED', 'ERR_CLOSED']);

    const dropping = open({ ...slow, maxSize: 1, overflow: 'drop-oldest' });
    const dropped = settled(dropping.buffer.add('a', { key: 'k' }));
    const with_ = settled(dropping.buffer.add('b', { key: 'k' }));
    void settled(dropping.buffer.add('c', { key: 'l' }));
    expect([(await dropped).error.code, (await with_).error.code]).toEqual(['ERR_BUFFER_FULL', 'ERR_BUFFER_FULL']);
    await dropping.buffer.close();

    const refusing = open({ ...slow, maxSize: 1, overflow: 'reject' });
    void settled(refusing.buffer.add('a', { key: 'k' }));
    expect((await settled(refusing.buffer.add('b', { key: 'l' }))).error).toMatchObject({ code: 'ERR_BUFFER_FULL' });
    await refusing.buffer.flush();
    const free = refusing.buffer.add('c', { key: 'l' });
    await refusing.buffer.flush();
    expect(await free).toBe('c!');
    await refusing.buffer.close();
  });

  test('a repeat that gives up leaves the first alone', async () => {
    const { buffer } = open();
    const controller = new AbortController();
    const first = buffer.add('a', { key: 'k' });
    const repeat = settled(buffer.add('b', { key: 'k', signal: controller.signal }));
    controller.abort();
    expect((await repeat).error).toMatchObject({ code: 'ERR_ABORTED' });
    expect(await first).toBe('a!');
    expect(await buffer.add('c', { key: 'k' })).toBe('a!');
    await buffer.close();
  });
});

test('a dead letter that is sent again has its key again', async () => {
  let fails = true;
  const { buffer, handed } = open({ retries: 0 }, (item) => (fails ? new Error('no') : `${item}!`));
  await settled(buffer.add('a', { key: 'k' }));
  const [letter] = await buffer.deadLetters();
  expect(letter).toMatchObject({ key: 'k', item: 'a' });
  fails = false;
  await buffer.retryDeadLetter(letter.id);
  const [queued, added] = [buffer.enqueue('c', { key: 'k' }), buffer.add('b', { key: 'k' })];
  expect(await Promise.all([queued, added])).toEqual([letter.id, 'a!']);
  expect(handed()).toEqual(['a', 'a']);
  await buffer.close();
});

test('an item that waits for room is repeated as one that has it', async () => {
  const { buffer, handed } = open({ maxSize: 1, batchSize: 1 });
  const all = ['a', 'b', 'c'].map((item) => buffer.add(item, { key: item }));
  const repeat = buffer.add('c2', { key: 'c' });
  expect(buffer.getBufferStatus()).toMatchObject({ size: 1, waiting: 2 });
  expect(await repeat).toBe('c!');
  expect(await Promise.all(all)).toEqual(['a!', 'b!', 'c!']);
  expect(handed()).toEqual(['a', 'b', 'c']);
  await buffer.close();
});

test('under fake timers all of it is microtasks, and the time of a key is theirs', async () => {
  jest.useFakeTimers();
  try {
    const { buffer, handed } = open({ batchTimeout: 100, idempotency: { ttl: 60 } });
    const all = [buffer.add('a', { key: 'k' }), buffer.add('b', { key: 'k' })];
    jest.advanceTimersByTime(100);
    expect(handed()).toEqual(['a']);
    expect(await Promise.all(all)).toEqual(['a!', 'a!']);
    jest.advanceTimersByTime(59_999);
    expect(await buffer.add('c', { key: 'k' })).toBe('a!');
    jest.advanceTimersByTime(1);
    const fresh = buffer.add('d', { key: 'k' });
    jest.advanceTimersByTime(100);
    expect(await fresh).toBe('d!');
    expect(handed()).toEqual(['a', 'd']);
    await buffer.close();
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test('of thousands of keys at random, each has one effect while it is remembered', async () => {
  const { buffer, handed } = open({ batchSize: 50, concurrency: 4, maxSize: 100_000, idempotency: { localLimit: 1000 } });
  const keys = Array.from({ length: 5000 }, (_, n) => `k${(n * 7919) % 800}`);
  const results = await Promise.all(keys.map((key, n) => buffer.add({ key, n }, { key })));
  expect(results).toEqual(keys.map((key) => `${handed().find((item) => item.key === key)}!`));
  expect(new Set(handed().map(({ key }) => key)).size).toBe(800);
  expect(handed()).toHaveLength(800);
  expect(buffer.getStats()).toMatchObject({ accepted: 800, delivered: 800, duplicates: 4200 });
  await buffer.close();
});
