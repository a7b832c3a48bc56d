'use strict';
// What a process leaves behind, and how the next one goes on with it.
const fs = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { nextTurn } = require('../../../lib/completion');
const { cleanUp, folder, gate, leave, left, open, root, until } = require('./support');

afterEach(cleanUp);

const quick = { backoff: { minMs: 1, maxMs: 1 } };

test('left items come back without a call, in order, with their keys and attempts, and before anything new', async () => {
  const where = folder();
  const before = open(where, null, { ...quick, retries: 5 });
  for (let n = 0; n < 6; n++) await before.enqueue({ n }, n % 2 ? { key: `k${n}` } : undefined);
  const [first, second] = before.take(2);
  before.settle(first.id, new Error('once'));
  before.settle(second.id, new Error('once'));
  await until(() => before.take(1).filter(({ id }) => before.settle(id, new Error('twice'))).length === 1);
  const waiting = before.pending().map(({ item, key, attempts }) => [item.n, key, attempts]);
  await before.close();

  const events = [];
  const seen = [];
  const after = open(where, (items, { keys, attempt }) => items.forEach((item, at) => seen.push([item.n, keys[at], attempt])), { batchSize: 1 });
  after.on('recovered', (count) => events.push(count));
  const added = after.enqueue({ n: 6 });
  expect(await after.recovered).toBe(6);
  await added;
  await after.flush();
  expect(events).toEqual([6]);
  // in the order of acceptance, whatever they had behind them
  const order = [...waiting].sort((a, b) => a[0] - b[0]).map(([n, key, attempts]) => [n, key ?? '', attempts + 1]);
  expect(waiting.map(([, , attempts]) => attempts).reduce((a, b) => a + b)).toBe(3);
  expect(seen).toEqual([...order, [6, '', 1]]);
  await after.close();
  expect(await left(where)).toEqual([]);
});

test('tries of both processes count: after the last one the item is dead', async () => {
  const where = folder();
  const options = { ...quick, retries: 3, batchSize: 1 };
  const before = open(where, null, options);
  await before.enqueue('poison');
  for (let tries = 0; tries < 2; tries++) await until(() => before.take(1).filter(({ id }) => before.settle(id, new Error('no'))).length === 1);
  await before.close();
  const attempts = [];
  const after = open(where, (_, context) => {
    attempts.push(context.attempt);
    throw new Error('no');
  }, options);
  await after.recovered;
  await after.flush();
  expect(attempts).toEqual([3, 4]);
  expect(await after.deadLetters()).toEqual([expect.objectContaining({ item: 'poison', attempts: 4, error: 'no' })]);
});

test('tries that follow at once count too', async () => {
  const where = folder();
  const { batches, handler } = gate();
  const before = open(where, handler, { batchSize: 1, backoff: { minMs: 0, maxMs: 0 } });
  await before.enqueue('poison');
  for (let tries = 0; tries < 2; tries += 1) {
    await until(() => batches.length > tries);
    batches[tries].reject(new Error('no'));
  }
  await until(() => batches.length === 3);
  await before.close({ timeoutMs: 1 });
  expect((await left(where)).map(({ item, attempts }) => [item, attempts])).toEqual([['poison', 2]]);
});

test('items that come while others come back keep their order, whatever listeners bring and ask', async () => {
  const seen = [];
  const buffer = open(folder(), (items) => void seen.push(...items), { batchSize: 100, maxSize: 100, highWater: 0.02 });
  let closed;
  buffer.once('highWater', () => {
    void buffer.enqueue('by a listener').catch(() => {});
    closed = buffer.close();
  });
  const ended = await Promise.allSettled([1, 2, 3, 4].map((item) => buffer.add(item)));
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
  expect([await closed, seen]).toEqual([expect.objectContaining({ delivered: 5 }), [1, 2, 3, 4, 'by a listener']]);
});

test('nothing left: recovered is 0, and no event', async () => {
  const buffer = open(folder(), null);
  const heard = jest.fn();
  buffer.on('recovered', heard);
  expect(await buffer.recovered).toBe(0);
  expect(heard).not.toHaveBeenCalled();
});

test('removed, cleared, dropped and given up items do not come back', async () => {
  const where = folder();
  const buffer = open(where, null, { maxSize: 4, overflow: 'drop-oldest' });
  const giving = new AbortController();
  const aborted = expect(buffer.add('aborted', { signal: giving.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  const removed = await buffer.enqueue('removed');
  await buffer.enqueue('dropped');
  await buffer.enqueue('kept 1');
  expect(buffer.pending()).toHaveLength(4);
  giving.abort();
  await aborted;
  expect(buffer.remove(removed)).toBe(true);
  await Promise.all(['kept 2', 'kept 3', 'kept 4'].map((item) => buffer.enqueue(item)));
  await buffer.close();
  expect((await left(where)).map(({ item }) => item)).toEqual(['kept 1', 'kept 2', 'kept 3', 'kept 4']);
  const again = open(where, null);
  await again.recovered;
  expect(again.clear()).toBe(4);
  await again.close();
  expect(await left(where)).toEqual([]);
});

test('one that goes while it is on its way to the disk does not come back', async () => {
  const where = folder();
  const buffer = open(where, null);
  await buffer.recovered;
  const gone = expect(buffer.enqueue('gone')).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  await Promise.resolve();
  expect(buffer.clear()).toBe(1);
  await gone;
  await buffer.enqueue('stays');
  await buffer.close();
  expect((await left(where)).map(({ item }) => item)).toEqual(['stays']);
});

test('groups are asked for again, of the decoded item; one that cannot be told goes with those without', async () => {
  const where = folder();
  await leave(where, [{ to: 'a' }, { to: 'b' }, { to: 'a' }, {}]);
  const seen = [];
  const buffer = open(where, (items, { group }) => void seen.push([group, items.length]), { groupBy: (item) => item.to.toUpperCase() });
  await buffer.recovered;
  await buffer.flush();
  expect(seen.sort()).toEqual([['', 1], ['A', 2], ['B', 1]]);
});

test('many come back in pages: the event loop turns meanwhile', async () => {
  const where = folder();
  const items = Array.from({ length: 5000 }, (_, n) => n);
  await leave(where, items, { maxSize: 5000 });
  const seen = [];
  const buffer = open(where, (batch) => void seen.push(...batch), { batchSize: 500, maxSize: 10 });
  let turns = 0;
  let isBack = false;
  buffer.recovered.then(() => (isBack = true));
  for (; !isBack; turns++) await nextTurn();
  expect(turns).toBeGreaterThan(8);
  await buffer.flush();
  expect(seen).toEqual(items);
});

test('two instances of one path and name in one process: each has its items, the next gets all of them', async () => {
  const where = folder();
  const [first, second] = [open(where, null), open(where, null)];
  await Promise.all([first.enqueue('one'), second.enqueue('two'), first.enqueue('three')]);
  const items = (buffer) => buffer.pending().map(({ item }) => item);
  expect([items(first), items(second)]).toEqual([['one', 'three'], ['two']]);
  await Promise.all([first.close(), second.close()]);
  expect((await left(where)).map(({ item }) => item).sort()).toEqual(['one', 'three', 'two']);
});

test('names are queues of their own', async () => {
  const where = folder();
  await leave(where, ['mails'], { name: 'mails' });
  await leave(where, ['logs'], { name: 'logs' });
  expect((await left(where, { name: 'logs' })).map(({ item }) => item)).toEqual(['logs']);
  expect(await left(where)).toEqual([]);
  expect((await left(where, { name: 'mails' })).map(({ item }) => item)).toEqual(['mails']);
});

test('a second copy of the package in one process shares the folder', async () => {
  const where = folder();
  const first = open(where, null);
  await first.enqueue('first');
  let Other;
  jest.isolateModules(() => (Other = require('sluice').BatchBuffer));
  const second = new Other(null, { durable: { path: where } });
  await second.enqueue('second');
  expect(second.pending().map(({ item }) => item)).toEqual(['second']);
  await Promise.all([first.close(), second.close()]);
  expect((await left(where)).map(({ item }) => item).sort()).toEqual(['first', 'second']);
});

test('workers that are terminated at any moment lose nothing that was accepted', async () => {
  const where = folder();
  const source = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { BatchBuffer } = require(${JSON.stringify(path.join(root, 'index.js'))});
    const buffer = new BatchBuffer(null, { durable: { path: workerData.where, fsync: 'os' }, maxSize: 100000 });
    (async () => {
      for (let n = 0; ; n++) parentPort.postMessage(await buffer.enqueue(workerData.first + n).then(() => workerData.first + n));
    })();`;
  const accepted = [];
  for (let round = 0; round < 4; round++) {
    await Promise.all([0, 1].map((one) => new Promise((resolve, reject) => {
      const worker = new Worker(source, { eval: true, workerData: { where, first: (2 * round + one) * 1e6 } });
      let count = 0;
      worker.on('error', reject);
      worker.on('message', (n) => {
        accepted.push(n);
        count += 1;
        if (count === 3 + 4 * round) worker.terminate();
      });
      worker.on('exit', resolve);
    })));
  }
  // an environment that is gone holds nothing: the folder is free for one that wants it alone, or otherwise
  const found = new Set((await left(where, { maxSize: 1e6, durable: { fsync: 'os' } })).map(({ item }) => item));
  expect(accepted.length).toBeGreaterThan(50);
  expect((await left(where, { durable: { exclusive: true } })).length).toBe(found.size);
  expect(accepted.filter((n) => !found.has(n))).toEqual([]);
});

test('what is in flight when the buffer closes comes back', async () => {
  const where = folder();
  const { batches, handler } = gate();
  const buffer = open(where, handler, { batchSize: 2 });
  const added = buffer.add('in flight').catch((error) => error);
  await buffer.enqueue('with it');
  await until(() => batches.length === 1);
  const account = await buffer.close({ timeoutMs: 1 });
  expect(account).toEqual({ delivered: 0, deadLettered: 0, dropped: 0, aborted: 0, kept: 2 });
  expect(await added).toMatchObject({ code: 'ERR_CLOSED', kept: true });
  expect(batches[0].context.signal.aborted).toBe(true);
  expect((await left(where)).map(({ item }) => item)).toEqual(['in flight', 'with it']);
});

test('close hands nothing more over with timeoutMs 0, and accounts for what is on its way to the disk', async () => {
  const where = folder();
  const seen = [];
  const buffer = open(where, (items) => void seen.push(...items), { batchSize: 2 });
  const added = [buffer.add(1), buffer.add(2), buffer.enqueue(3)];
  const account = await buffer.close({ timeoutMs: 0 });
  const settled = await Promise.allSettled(added);
  const kept = await left(where);
  expect(seen).toEqual([]);
  expect(account.kept).toBe(kept.length);
  expect(account.kept).toBe(3);
  expect(settled.map(({ status, reason }) => [status, reason?.code, reason?.kept])).toEqual([
    ['rejected', 'ERR_CLOSED', true], ['rejected', 'ERR_CLOSED', true], ['fulfilled', undefined, undefined]]);
});

test('close right after add delivers, though the log was not open yet', async () => {
  const where = folder();
  const buffer = open(where, (items) => items.map((n) => n * 2));
  const added = [buffer.add(1), buffer.add(2)];
  expect(await buffer.close()).toEqual({ delivered: 2, deadLettered: 0, dropped: 0, aborted: 0, kept: 0 });
  expect(await Promise.all(added)).toEqual([2, 4]);
  expect(await left(where)).toEqual([]);
});

test('flush right after construction waits for what is left there', async () => {
  const where = folder();
  await leave(where, [1, 2, 3]);
  const seen = [];
  const buffer = open(where, (items) => void seen.push(...items), { batchTimeout: 60_000 });
  await buffer.flush();
  expect(seen).toEqual([1, 2, 3]);
});

test('an item that is taken again after a restart has its first owner\'s id', async () => {
  const where = folder();
  const ids = await leave(where, ['a', 'b']);
  const buffer = open(where, null);
  await buffer.recovered;
  expect(buffer.remove(ids[1])).toBe(true);
  const [taken] = buffer.take();
  expect(taken).toMatchObject({ id: ids[0], item: 'a', attempts: 0 });
  expect(taken.ageMs).toBeGreaterThanOrEqual(0);
  expect(buffer.settle(taken.id)).toBe(true);
  expect(buffer.settle(taken.id)).toBe(false);
  await buffer.close();
  expect(await left(where)).toEqual([]);
});

test('the file of the queue that this one replaces is taken in once, then renamed', async () => {
  const forms = {
    'array.json': (list) => list,
    'object.json': (list) => ({ buffer: list, stats: { total: 2 }, timestamp: 1_700_000_000_000 }),
  };
  for (const [name, form] of Object.entries(forms)) {
    const where = folder();
    const file = path.join(folder(), name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const list = [
      { id: 'old-1', data: { order: 1 }, timestamp: 1_700_000_000_000, retryCount: 0 },
      { id: 'old-2', data: 'second', timestamp: 1_700_000_001_000, retryCount: 2 },
    ];
    fs.writeFileSync(file, JSON.stringify(form(list)));
    const first = open(where, null, { durable: { import: file } });
    expect(await first.recovered).toBe(2);
    expect(first.pending().map(({ item, attempts }) => [item, attempts])).toEqual([[{ order: 1 }, 0], ['second', 2]]);
    // since they came, by the clock on the wall, however young this process is
    for (const [at, { ageMs }] of first.pending().entries()) expect(Math.abs(Date.now() - list[at].timestamp - ageMs)).toBeLessThan(10_000);
    await first.close();
    expect(fs.readdirSync(path.dirname(file))).toEqual([`${name}.imported`]);
    const second = open(where, null, { durable: { import: file } });
    expect(await second.recovered).toBe(2);
    await second.close();
  }
});

test('one that comes back and still waits for Redis can be removed', async () => {
  const where = folder();
  const before = open(where, null);
  await before.enqueue('a', { key: 'k' });
  await before.close();
  const silent = { get: () => new Promise(() => {}), set: () => new Promise(() => {}), del: () => new Promise(() => {}) };
  const after = open(where, null, { idempotency: { redis: { client: silent, commandTimeoutMs: 2_000 } } });
  expect(await after.recovered).toBe(1);
  const [{ id }] = after.pending();
  expect(after.getBufferStatus()).toMatchObject({ size: 0, waiting: 1 });
  expect(after.remove(id)).toBe(true);
  expect(after.remove(id)).toBe(false);
  expect([after.pending(), after.getBufferStatus().waiting]).toEqual([[], 0]);
  await after.close({ timeoutMs: 1 });
  expect(await left(where)).toEqual([]);
});
