'use strict';
// Dead letters and idempotency keys outlive their process.
const { cleanUp, folder, left, open, until } = require('./support');

afterEach(cleanUp);

const dying = { retries: 0, batchSize: 1 };
const fail = (items) => {
  throw new Error(`no ${items[0]}`);
};

test('a dead letter is there after a restart, with its id, key, error, attempts and time', async () => {
  const where = folder();
  const before = open(where, fail, dying);
  const began = Date.now();
  const id = await before.enqueue('poison', { key: 'k' });
  await before.flush();
  const letters = await before.deadLetters();
  expect(letters).toEqual([{ id, item: 'poison', key: 'k', error: 'no poison', attempts: 1, at: expect.any(Date) }]);
  expect(letters[0].at.getTime()).toBeGreaterThanOrEqual(began);
  await before.close();

  const after = open(where, null);
  expect(await after.deadLetters()).toEqual(letters);
  expect(await after.recovered).toBe(0);
  expect(after.pending()).toEqual([]);
});

test('a letter that is tried again is pending for the next process, too, with no tries behind it', async () => {
  const where = folder();
  const before = open(where, fail, dying);
  await before.enqueue('poison');
  await before.enqueue('other');
  await before.flush();
  await before.close();

  const middle = open(where, null);
  const [{ id }] = await middle.deadLetters();
  await middle.retryDeadLetter(id);
  expect(middle.pending()).toEqual([expect.objectContaining({ id, item: 'poison', attempts: 0 })]);
  await middle.close();

  const seen = [];
  const after = open(where, (items, { attempt }) => void seen.push([items[0], attempt]));
  await after.recovered;
  await after.flush();
  expect(seen).toEqual([['poison', 1]]);
  expect((await after.deadLetters()).map(({ item }) => item)).toEqual(['other']);
  await expect(after.retryDeadLetter(id)).rejects.toThrow(RangeError);
});

test('purged letters, and those that made room for newer ones, do not come back', async () => {
  const where = folder();
  const options = { ...dying, maxDeadLetters: 2 };
  const before = open(where, fail, options);
  for (const item of ['one', 'two', 'three']) await before.enqueue(item);
  await before.flush();
  await before.close();
  const middle = open(where, null, options);
  expect((await middle.deadLetters()).map(({ item }) => item)).toEqual(['two', 'three']);
  await middle.close();
  // a smaller bound holds for what is on disk, too
  const dropped = [];
  const smaller = open(where, null, { maxDeadLetters: 1 });
  smaller.on('dropped', (item, reason) => dropped.push([item, reason]));
  expect((await smaller.deadLetters()).map(({ item }) => item)).toEqual(['three']);
  expect(dropped).toEqual([['two', 'dead-letters']]);
  expect(await smaller.clearDeadLetters()).toBe(1);
  await smaller.close();
  const after = open(where, null);
  expect(await after.deadLetters()).toEqual([]);
});

test('maxDeadLetters 0 keeps none, here or on disk', async () => {
  const where = folder();
  const before = open(where, fail, { ...dying, maxDeadLetters: 0 });
  await before.enqueue('poison');
  await before.flush();
  expect(await before.deadLetters()).toEqual([]);
  await before.close();
  const after = open(where, null);
  expect(await after.deadLetters()).toEqual([]);
  expect(await left(where)).toEqual([]);
});

test('a key that had its effect has it once: the next process answers repeats with the result', async () => {
  const where = folder();
  const options = { batchSize: 1, idempotency: { ttl: 60 } };
  const before = open(where, (items) => items.map(({ n }) => ({ n })), options);
  expect(await before.add({ n: 1 }, { key: 'k' })).toEqual({ n: 1 });
  await before.close();
  const calls = jest.fn((items) => items.map(({ n }) => ({ n })));
  const after = open(where, calls, options);
  expect(await after.recovered).toBe(0);
  expect(await after.add({ n: 2 }, { key: 'k' })).toEqual({ n: 1 });
  expect(await after.enqueue({ n: 2 }, { key: 'k' })).toEqual(expect.any(String));
  expect(await after.add({ n: 3 }, { key: 'other' })).toEqual({ n: 3 });
  expect(calls).toHaveBeenCalledTimes(1);
});

test('a pending key comes back with its item: a repeat waits for that one', async () => {
  const where = folder();
  const options = { idempotency: { ttl: 60 } };
  const before = open(where, null, options);
  await before.enqueue('first', { key: 'k' });
  await before.close();
  const seen = [];
  const after = open(where, (items) => {
    seen.push(...items);
    return items;
  }, { ...options, batchTimeout: 20 });
  await after.recovered;
  expect(await after.add('repeat', { key: 'k' })).toBe('first');
  expect(seen).toEqual(['first']);
});

test('a repeat that comes while the log is being opened is one with what it holds', async () => {
  const where = folder();
  const options = { idempotency: { ttl: 60 } };
  const before = open(where, null, options);
  await before.enqueue('first', { key: 'k' });
  await before.close();
  const seen = [];
  const after = open(where, (items) => {
    seen.push(...items);
    return items;
  }, options);
  await after.add('repeat', { key: 'k' });
  await after.flush();
  expect(seen).toHaveLength(1);
  await after.close();
  expect(await left(where)).toEqual([]);
});

test('a repeat of what an earlier process has delivered is one, without a wait for the log', async () => {
  const where = folder();
  const options = { batchSize: 1, idempotency: { ttl: 60 } };
  const before = open(where, (items) => items, options);
  await before.add('first', { key: 'k' });
  await before.close();
  const calls = jest.fn((items) => items);
  const after = open(where, calls, options);
  const repeats = [after.add('repeat', { key: 'k' }), after.enqueue('another', { key: 'k' }), after.add('new', { key: 'l' })];
  expect(after.getBufferStatus()).toMatchObject({ size: 0, waiting: 3 });
  await after.flush();
  expect(await Promise.all(repeats)).toEqual(['first', expect.any(String), 'new']);
  expect(calls.mock.calls.map(([items]) => items)).toEqual([['new']]);
  expect(after.getStats()).toMatchObject({ accepted: 1, duplicates: 2 });
  expect(await after.close()).toMatchObject({ delivered: 1 });
});

test('of rows with one key the next is sent when the one before has failed for good, whatever else has failed with it', async () => {
  const where = folder();
  const before = open(where, null);
  for (const [item, key] of [['a', 'k'], ['b', 'k'], ['c', 'l'], ['d', 'l'], ['e', 'm'], ['f', 'k']]) await before.enqueue(item, { key });
  await before.close();
  const seen = [];
  const after = open(where, (items) => {
    seen.push(...items);
    return items.map((item) => ('ace'.includes(item) ? new Error('no') : item));
  }, { batchSize: 3, retries: 0, idempotency: {} });
  const told = [];
  after.on('deadLetter', ({ item }) => told.push(item));
  expect(await after.recovered).toBe(6);
  await until(() => after.getStats().delivered === 2, 'the repeats');
  expect([told, seen]).toEqual([['a', 'c', 'e'], ['a', 'c', 'e', 'b', 'd']]);
  expect(await after.add('g', { key: 'k' })).toBe('b');
  expect(await after.close()).toEqual({ delivered: 2, deadLettered: 3, dropped: 0, aborted: 0, kept: 0 });
  expect(await left(where)).toEqual([]);
});

test('a key of one that failed for good is free', async () => {
  const where = folder();
  const options = { ...dying, idempotency: { ttl: 60 } };
  const before = open(where, fail, options);
  await expect(before.add('poison', { key: 'k' })).rejects.toThrow('no poison');
  await before.close();
  const after = open(where, (items) => items, options);
  expect(await after.add('cure', { key: 'k' })).toBe('cure');
});
