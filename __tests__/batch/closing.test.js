'use strict';
// close(): what it delivers, what it accounts for, and what keeps a process alive.
const { BatchBuffer } = require('sluice');
const { runChild } = require('../child');
const { heldHandler, notingHandler, microtasks, stateOf } = require('../support/batch');

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());
const rejection = (promise) => promise.then(() => { throw new Error('it did not reject'); }, (error) => error);
const sum = ({ delivered, deadLettered, dropped, aborted, kept }) => delivered + deadLettered + dropped + aborted + kept;

test('it delivers what was brought, items without room too, and tells what became of all', async () => {
  const { handler, calls } = heldHandler();
  const buffer = new BatchBuffer(handler, { batchSize: 2, maxSize: 3 });
  const adds = [1, 2, 3, 4, 5].map((item) => buffer.add(item));
  const closing = buffer.close();
  expect(buffer.close()).toBe(closing);
  for (let call = 0; call < 3; call += 1) {
    expect(await stateOf(closing)).toBe('pending');
    calls[call].resolve(calls[call].items);
    await microtasks();
  }
  expect(await Promise.all(adds)).toEqual([1, 2, 3, 4, 5]);
  expect(await closing).toEqual({ delivered: 5, deadLettered: 0, dropped: 0, aborted: 0, kept: 0 });
  expect(calls.map(({ items, reason }) => [items, reason])).toEqual([[[1, 2], 'size'], [[3, 4], expect.any(String)], [[5], 'close']]);
  expect(jest.getTimerCount()).toBe(0);
});

test('called again with less patience it ends earlier, never later', async () => {
  const { handler, calls } = heldHandler();
  const buffer = new BatchBuffer(handler, { batchSize: 1 });
  const adds = [1, 2].map((item) => buffer.add(item));
  adds.forEach((add) => add.catch(() => {}));
  const closing = buffer.close({ timeoutMs: 10_000 });
  expect(buffer.close({ timeoutMs: 60_000 })).toBe(closing);
  expect(buffer.close({ timeoutMs: 100 })).toBe(closing);
  await expect(buffer.close({ timeoutMs: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  jest.advanceTimersByTime(99);
  expect(await stateOf(closing)).toBe('pending');
  jest.advanceTimersByTime(1);
  expect(await closing).toEqual({ delivered: 0, deadLettered: 0, dropped: 0, aborted: 2, kept: 0 });
  expect(calls).toHaveLength(1);
  expect(await buffer.close({ timeoutMs: 5 })).toEqual(await closing);
  expect(jest.getTimerCount()).toBe(0);
});

test('it waits for further tries, and during a flush', async () => {
  let tries = 0;
  const buffer = new BatchBuffer(() => {
    tries += 1;
    if (tries < 3) throw new Error('again');
  }, { batchSize: 1, backoff: { minMs: 100, jitter: 0 } });
  const add = buffer.add(1);
  const flush = buffer.flush();
  const closing = buffer.close();
  for (const ms of [100, 200]) {
    await microtasks();
    jest.advanceTimersByTime(ms);
  }
  await Promise.all([add, flush]);
  expect(await closing).toMatchObject({ delivered: 1 });
});

test('at timeoutMs what is left is rejected with ERR_CLOSED, what is with the handler is told by its signal', async () => {
  const { handler, calls } = heldHandler();
  const buffer = new BatchBuffer(handler, { name: 'orders', batchSize: 1, maxSize: 3 });
  const adds = [1, 2, 3, 4].map((item) => buffer.add(item)).map(rejection);
  const enqueued = rejection(buffer.enqueue(5));
  const flush = buffer.flush();
  const { signal } = calls[0].context;
  const closing = buffer.close({ timeoutMs: 50 });
  jest.advanceTimersByTime(49);
  expect(await stateOf(closing)).toBe('pending');
  jest.advanceTimersByTime(1);
  const account = await closing;
  expect(account).toEqual({ delivered: 0, deadLettered: 0, dropped: 0, aborted: 3, kept: 0 });
  for (const error of [...(await Promise.all(adds)), await enqueued]) expect(error).toMatchObject({ code: 'ERR_CLOSED', kept: false, message: 'the batch buffer "orders" is closed' });
  await flush;
  expect(signal.aborted).toBe(true);
  calls[0].resolve([1]);
  await microtasks();
  expect(calls.length).toBe(1);
  expect(jest.getTimerCount()).toBe(0);
});

test('a limit that is over before the machine hears of it ends it all the same, though a handler hangs', async () => {
  let now = 0;
  // each look at the clock takes as long as the limit is
  const buffer = new BatchBuffer(() => new Promise(() => {}), { batchSize: 1, now: () => (now += 5) });
  const lost = rejection(buffer.add('a'));
  const closing = buffer.close({ timeoutMs: 5 });
  jest.advanceTimersByTime(10);
  expect(await stateOf(closing)).toBe('resolved');
  expect(await lost).toMatchObject({ code: 'ERR_CLOSED' });
  expect(await closing).toEqual({ delivered: 0, deadLettered: 0, dropped: 0, aborted: 1, kept: 0 });
});

test('timeoutMs 0 hands nothing more over, and waits for what is with the handler', async () => {
  const { handler, calls } = heldHandler();
  const buffer = new BatchBuffer(handler, { batchSize: 2 });
  const away = [buffer.add(1), buffer.add(2)];
  const rest = rejection(buffer.add(3));
  const closing = buffer.close({ timeoutMs: 0 });
  calls[0].resolve(['a', 'b']);
  expect(await Promise.all(away)).toEqual(['a', 'b']);
  expect((await rest).code).toBe('ERR_CLOSED');
  expect(await closing).toEqual({ delivered: 2, deadLettered: 0, dropped: 0, aborted: 1, kept: 0 });
  expect(calls.length).toBe(1);
});

test('the account sums up to what was accepted, whatever became of it', async () => {
  const buffer = new BatchBuffer((items) => items.map((item) => (item === 'bad' ? Object.assign(new Error('no'), { status: 400 }) : item)), { batchSize: 2, maxSize: 4, overflow: 'drop-oldest', batchTimeout: 1000 });
  const controller = new AbortController();
  const ends = ['good', 'bad'].map((item) => buffer.add(item));
  await Promise.allSettled(ends);
  ends.push(buffer.add('given up', { signal: controller.signal }));
  controller.abort();
  ends.push(buffer.add('removed'));
  expect(buffer.remove('4')).toBe(true);
  ends.push(buffer.add('cleared'));
  buffer.clear();
  ends.push(buffer.add('left'));
  ends.forEach((promise) => promise.catch(() => {}));
  const account = await buffer.close({ timeoutMs: 0 });
  expect(account).toEqual({ delivered: 1, deadLettered: 1, dropped: 2, aborted: 2, kept: 0 });
  expect(sum(account)).toBe(buffer.getStats().accepted);
});

test('an idle buffer closes in microtasks; afterwards everything is ERR_CLOSED but looking', async () => {
  const buffer = new BatchBuffer(notingHandler().handler);
  const add = buffer.add(1);
  jest.advanceTimersByTime(100);
  expect(await add).toBe(1);
  expect(await stateOf(buffer.close())).toBe('resolved');
  const calls = {
    add: () => buffer.add(1), enqueue: () => buffer.enqueue(1), addMany: () => buffer.addMany([1]), flush: () => buffer.flush(), deadLetters: () => buffer.deadLetters(),
    retryDeadLetter: () => buffer.retryDeadLetter('1'), clearDeadLetters: () => buffer.clearDeadLetters(),
  };
  for (const [name, call] of Object.entries(calls)) expect({ name, error: await rejection(call()) }).toEqual({ name, error: expect.objectContaining({ code: 'ERR_CLOSED' }) });
  const sync = { clear: () => buffer.clear(), take: () => buffer.take(), settle: () => buffer.settle('1'), pending: () => buffer.pending(), remove: () => buffer.remove('1') };
  for (const call of Object.values(sync)) expect(call).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  expect(buffer.getBufferStatus()).toMatchObject({ size: 0, waiting: 0, inFlight: 0, hasActiveTimer: false });
  expect(buffer.getStats()).toMatchObject({ accepted: 1, delivered: 1 });
  expect(await buffer.recovered).toBe(0);
});

test('options that are wrong do not close it', async () => {
  const buffer = new BatchBuffer(notingHandler().handler, { batchSize: 1 });
  await expect(buffer.close({ timeoutMs: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  expect(await buffer.add(1)).toBe(1);
  await buffer.close();
});

test('asyncDispose closes it', async () => {
  if (typeof Symbol.asyncDispose !== 'symbol') return;
  const buffer = new BatchBuffer(notingHandler().handler);
  const add = buffer.add(1);
  expect(await buffer[Symbol.asyncDispose]()).toBe(undefined);
  expect(await add).toBe(1);
});

describe('a process', () => {
  const SOON_MS = 8_000;
  beforeEach(() => jest.useRealTimers());

  test('with idle buffers ends by itself, used or not, closed or not', async () => {
    const { code, out, ms } = await runChild(`
      const idle = new sluice.BatchBuffer(() => {});
      const used = new sluice.BatchBuffer((items) => items, { batchSize: 2 });
      const turned = new sluice.BatchBuffer((items) => items, { batchTimeout: 0 });
      const pulled = new sluice.BatchBuffer(null);
      pulled.enqueue(1);
      Promise.all([used.add(1), used.add(2), turned.add(3)]).then((results) => console.log(results.join()));`);
    expect([code, out]).toEqual([0, '1,2,3\n']);
    expect(ms).toBeLessThan(SOON_MS);
  });

  test('with work stays until it is done: lingering, with the handler, backing off', async () => {
    const { code, out } = await runChild(`
      const lingering = new sluice.BatchBuffer((items) => items, { batchTimeout: 200 });
      lingering.add('lingered').then(console.log);
      let tries = 0;
      const backing = new sluice.BatchBuffer(() => { if (++tries < 2) throw new Error('again'); return ['tried again']; }, { batchSize: 1, backoff: { minMs: 300, jitter: 0 } });
      backing.add(1).then(console.log);
      const hanging = new sluice.BatchBuffer(() => new Promise(() => {}), { batchSize: 1, handlerTimeoutMs: 600, retries: 0 });
      hanging.add(1).catch((error) => console.log(error.code));`, {});
    expect([code, out]).toEqual([0, 'lingered\ntried again\nERR_TIMEOUT\n']);
  });

  test('stays for a handler that no timer watches, until close gives up on it', async () => {
    const { code, out } = await runChild(`
      const hanging = new sluice.BatchBuffer(() => new Promise(() => {}), { batchSize: 1, handlerTimeoutMs: 0 });
      hanging.add(1).catch((error) => console.log(error.code));
      const timer = setTimeout(async () => console.log(JSON.stringify(await hanging.close({ timeoutMs: 50 }))), 300);
      timer.unref();`);
    expect([code, out]).toEqual([0, 'ERR_CLOSED\n{"delivered":0,"deadLettered":0,"dropped":0,"aborted":1,"kept":0}\n']);
  });

  test('a buffer that nobody holds is collected', async () => {
    const { code, out } = await runChild(`
      (async () => {
        const refs = [];
        for (let at = 0; at < 50; at += 1) {
          const buffer = new sluice.BatchBuffer((items) => items, { batchSize: 1 });
          await buffer.add(at);
          refs.push(new WeakRef(buffer));
        }
        for (let round = 0; round < 20; round += 1) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)); }
        console.log(refs.filter((ref) => ref.deref() !== undefined).length < 5);
      })();`, { flags: ['--expose-gc'] });
    expect([code, out]).toEqual([0, 'true\n']);
  });
});
