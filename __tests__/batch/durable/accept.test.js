'use strict';
// What a durable buffer takes, and what its handler is given for it.
const v8 = require('node:v8');
const native = require('../../../lib/native');
const { cleanUp, folder, gate, left, open, until } = require('./support');

afterEach(() => {
  jest.restoreAllMocks();
  return cleanUp();
});

test('an item is accepted when it is on disk, and gone from there when it is delivered', async () => {
  const where = folder();
  const { batches, handler } = gate();
  const buffer = open(where, handler, { batchSize: 1 });
  const added = buffer.add({ n: 1 });
  expect(await buffer.enqueue({ n: 2 })).toMatch(/^\d+$/);
  await until(() => batches.length === 1);
  expect(batches[0].items).toEqual([{ n: 1 }]);
  batches[0].resolve(['done']);
  expect(await added).toBe('done');
  expect(await buffer.close({ timeoutMs: 1 }).then(({ delivered, kept }) => [delivered, kept])).toEqual([1, 1]);
  expect((await left(where)).map(({ item }) => item)).toEqual([{ n: 2 }]);
});

test('ids are in the order of acceptance, and go on after a restart', async () => {
  const where = folder();
  const first = open(where, null);
  const ids = await Promise.all(Array.from({ length: 50 }, (_, n) => first.enqueue(n)));
  await first.close();
  const second = open(where, null);
  ids.push(...(await Promise.all(Array.from({ length: 50 }, (_, n) => second.enqueue(50 + n)))));
  const numbers = ids.map(Number);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(second.pending().map(({ id, item }) => [id, item])).toEqual(ids.map((id, n) => [id, n]));
});

const cases = [
  ['an object', { a: [1, 'é', null], b: { c: 1.5 } }],
  ['a number', 7],
  ['null', null],
  ['false', false],
  ['text', 'text, "quoted", 😀'],
  ['no text', ''],
  ['half of a pair', 'a\ud800b'],
  ['bytes', Buffer.from([0, 255, 128])],
  ['no bytes', Buffer.alloc(0)],
];
test.each(cases)('%s reaches the handler as it was, now and after a restart', async (_, item) => {
  const where = folder();
  const seen = [];
  const first = open(where, () => new Promise(() => {}), { handlerTimeoutMs: 0, batchSize: 1 });
  await first.enqueue(item);
  await first.close({ timeoutMs: 1 });
  const second = open(where, (items) => void seen.push(...items), { batchSize: 1 });
  await second.enqueue(item);
  await second.close();
  expect(seen).toStrictEqual([item, item]);
});

test('everything of one turn, whatever it is made of, comes out as it went in', async () => {
  const items = ['é€😀', 1, Buffer.from([1]), { 'é': '😀' }, '', Buffer.from('zwei'), ['x'], '\u{10ffff}', 'plain'];
  const seen = [];
  const buffer = open(folder(), (batch, { keys }) => void batch.forEach((item, at) => seen.push([item, keys[at]])), { batchSize: 100 });
  await Promise.all(items.map((item, at) => buffer.enqueue(item, at % 2 ? { key: `ключ-${at}` } : undefined)));
  await buffer.flush();
  expect(seen).toStrictEqual(items.map((item, at) => [item, at % 2 ? `ключ-${at}` : '']));
});

test('the handler is never given the caller\'s own object, and what it writes into it is not seen by the next try', async () => {
  const where = folder();
  const item = { list: [1] };
  const bytes = Buffer.from([1, 2, 3]);
  const seen = [];
  const buffer = open(where, (items) => {
    seen.push(JSON.stringify(items));
    expect(items[0]).not.toBe(item);
    items[0].list.push('handler');
    items[1].fill(9);
    if (seen.length === 1) throw new Error('again');
  }, { batchSize: 2, backoff: { minMs: 1, maxMs: 1 } });
  const accepted = [buffer.enqueue(item), buffer.enqueue(bytes)];
  // written down at the call: what its owner does with it afterwards is too late
  item.list.push('caller');
  bytes.fill(7);
  await Promise.all(accepted);
  await buffer.flush();
  const expected = JSON.stringify([{ list: [1] }, Buffer.from([1, 2, 3])]);
  expect(seen).toEqual([expected, expected]);
});

test('codec v8 keeps what JSON cannot say, in this realm', async () => {
  const item = { map: new Map([['a', new Set([1])]]), at: new Date(5), big: 10n, not: undefined };
  const seen = [];
  const buffer = open(folder(), (items) => void seen.push(...items), { batchSize: 1, durable: { codec: 'v8' } });
  await buffer.add(item);
  expect(seen).toStrictEqual([item]);
  expect(seen[0].map).toBeInstanceOf(Map);
});

const cycle = {};
cycle.self = cycle;
test('what cannot be read back is not handed over: a dead letter, beside others that are delivered', async () => {
  const where = folder();
  const seen = [];
  const handler = (items, { keys }) => {
    seen.push([...items], keys);
    return items.map(({ n }) => (n === 4 ? new Error('four') : n));
  };
  const buffer = open(where, handler, { durable: { codec: 'v8' }, batchSize: 5, retries: 0 });
  const read = v8.deserialize;
  jest.spyOn(v8, 'deserialize').mockImplementation((bytes) => {
    const value = read(bytes);
    if (value.n % 2 === 1) throw new RangeError('too deep');
    return value;
  });
  const ended = await Promise.allSettled([0, 1, 2, 3, 4].map((n) => buffer.add({ n }, { key: `k${n}` })));
  expect(ended.map(({ value, reason }) => value ?? reason.code ?? reason.message)).toEqual([0, 'ERR_VALUE', 2, 'ERR_VALUE', 'four']);
  expect(seen).toEqual([[{ n: 0 }, { n: 2 }, { n: 4 }], ['k0', 'k2', 'k4']]);
  expect((await buffer.deadLetters()).map(({ key }) => key)).toEqual(['k1', 'k3', 'k4']);
  const alone = buffer.add({ n: 5 });
  await buffer.flush();
  await expect(alone).rejects.toMatchObject({ code: 'ERR_VALUE' });
  expect(seen.length).toBe(2);
});

test.each([['undefined', undefined], ['a function', () => 1], ['a symbol', Symbol('s')], ['a BigInt', { a: 1n }], ['a cycle', cycle]])(
  '%s cannot be written down: ERR_VALUE, and nothing is accepted',
  async (_, item) => {
    const where = folder();
    const buffer = open(where, null);
    const refused = expect.objectContaining({ code: 'ERR_VALUE' });
    const [added, enqueued] = [buffer.add(item), buffer.enqueue(item)];
    const { size, waiting } = buffer.getBufferStatus();
    expect(size + waiting).toBe(0);
    await expect(added).rejects.toThrow(TypeError);
    await expect(added).rejects.toEqual(refused);
    await expect(enqueued).rejects.toEqual(refused);
    expect(await buffer.close()).toEqual({ delivered: 0, deadLettered: 0, dropped: 0, aborted: 0, kept: 0 });
  },
);

test('size and waiting have grown when add returns, while the log is being opened too', async () => {
  const buffer = open(folder(), null);
  const sum = () => buffer.getBufferStatus().size + buffer.getBufferStatus().waiting;
  const accepted = [];
  for (let n = 1; n <= 5; n++) {
    accepted.push(buffer.enqueue(n));
    expect(sum()).toBe(n);
  }
  await Promise.all(accepted);
  expect([buffer.getBufferStatus().size, buffer.getBufferStatus().waiting]).toEqual([5, 0]);
  accepted.push(buffer.enqueue(6));
  expect(sum()).toBe(6);
});

test('a turn is one crossing, whatever happens in it', async () => {
  const submit = jest.spyOn(native, 'logSubmit');
  const buffer = open(folder(), (items) => items, { batchSize: 10, maxSize: 2000, concurrency: 100 });
  await buffer.recovered;
  const added = Promise.all(Array.from({ length: 1000 }, (_, n) => buffer.add(n)));
  await Promise.resolve();
  await Promise.resolve();
  expect(submit).toHaveBeenCalledTimes(1);
  expect(await added).toHaveLength(1000);
  await buffer.close();
  // a hundred batches are delivered in one turn, too
  expect(submit.mock.calls.length).toBeLessThan(10);
});

test('maxBytes refuses what is too much, alone, and takes it when there is room again', async () => {
  const where = folder();
  const buffer = open(where, null, { name: 'small', durable: { maxBytes: 1000 } });
  const results = await Promise.allSettled([buffer.enqueue('a'.repeat(600)), buffer.enqueue('b'.repeat(600)), buffer.enqueue('c'.repeat(300))]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(results[1].reason).toMatchObject({ code: 'ERR_BUFFER_FULL' });
  expect(results[1].reason).toBeInstanceOf(Error);
  await expect(buffer.add('d'.repeat(600))).rejects.toMatchObject({ code: 'ERR_BUFFER_FULL' });
  const [first] = buffer.take(1);
  buffer.settle(first.id);
  await buffer.enqueue('e'.repeat(600));
  expect(buffer.pending().map(({ item }) => item[0])).toEqual(['c', 'e']);
  const { delivered, kept } = await buffer.close();
  expect([delivered, kept]).toEqual([1, 2]);
});

test('batchBytes counts the bytes on disk, before and after a restart', async () => {
  const where = folder();
  const item = 'é'.repeat(20);
  const seen = [];
  const options = { batchBytes: 100, batchSize: 1000 };
  const before = open(where, null, options);
  await Promise.all(Array.from({ length: 5 }, () => before.enqueue(item)));
  await before.close();
  const after = open(where, (items) => void seen.push(items.length), options);
  await after.recovered;
  await after.flush();
  expect(seen.every((count) => count <= 2)).toBe(true);
  await Promise.all(Array.from({ length: 4 }, () => after.enqueue(item)));
  await after.flush();
  expect(seen.reduce((a, b) => a + b)).toBe(9);
  expect(seen.every((count) => count <= 2)).toBe(true);
});

test('under fake timers an item is accepted without an advance, and handed over with it', async () => {
  const seen = [];
  const buffer = open(folder(), (items) => void seen.push(...items), { batchTimeout: 1000 });
  jest.useFakeTimers();
  try {
    expect(await buffer.enqueue('now')).toMatch(/^\d+$/);
    jest.advanceTimersByTime(999);
    expect(seen).toEqual([]);
    jest.advanceTimersByTime(2);
    expect(seen).toEqual(['now']);
    await buffer.close();
  } finally {
    jest.useRealTimers();
  }
});

test('more than a string can hold goes in several crossings', async () => {
  const submit = jest.spyOn(native, 'logSubmit').mockImplementation(() => {
    throw new Error('not now');
  });
  const buffer = open(folder(), null);
  await buffer.recovered;
  const large = 'x'.repeat(2 ** 25);
  const refused = await Promise.allSettled(Array.from({ length: 7 }, () => buffer.enqueue(large)));
  expect(refused.map(({ status }) => status)).toEqual(Array(7).fill('rejected'));
  expect(submit.mock.calls.map(([, , , , text]) => text.length / 2 ** 25)).toEqual([3, 3, 1]);
});
