'use strict';
// What is tried again, when, and where it ends: backoff, time limits, dead letters.
const { heldHandler, microtasks, withStatus } = require('../support/batch');
const { make, useBuffers, rejection, allTries } = require('../support/settling');

useBuffers();

test('a poison item does not block the rest, and holds no place in flight while it waits', async () => {
  const delivered = [];
  const buffer = make((items) => items.map((item) => {
    if (item === 'poison') return new Error('always');
    delivered.push(item);
    return item;
  }), { batchSize: 2, retries: 2 });
  const poison = rejection(buffer.add('poison'));
  const good = Array.from({ length: 9 }, (_, at) => buffer.add(at));
  await Promise.all(good);
  expect(delivered).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(buffer.getBufferStatus()).toMatchObject({ size: 1, inFlight: 0, hasActiveTimer: true });
  await allTries(5);
  expect((await poison).message).toBe('always');
});

describe('retryable', () => {
  const tries = async (error, options) => {
    let calls = 0;
    const buffer = make(() => {
      calls += 1;
      throw error;
    }, { batchSize: 1, retries: 2, ...options });
    const rejected = rejection(buffer.add(1));
    await allTries(5);
    expect(await rejected).toBe(error);
    return calls;
  };
  test('by default by status, never by what a text says', async () => {
    expect(await tries(withStatus(404))).toBe(1);
    expect(await tries(withStatus(500))).toBe(3);
    expect(await tries(withStatus(429))).toBe(3);
    expect(await tries(new Error('HTTP 404 Not Found'))).toBe(3);
    expect(await tries(Object.assign(new Error('x'), { response: { status: 403 } }))).toBe(1);
  });
  test('the option decides, once per error; what it throws leaves it to the default', async () => {
    const asked = [];
    expect(await tries(withStatus(404), { retryable: (error) => { asked.push(error.status); return true; } })).toBe(3);
    expect(asked).toEqual([404, 404, 404]);
    expect(await tries(new Error('x'), { retryable: () => false })).toBe(1);
    expect(await tries(withStatus(404), { retryable: () => { throw new Error('broken'); } })).toBe(1);
    expect(await tries(withStatus(500), { retryable: () => { throw new Error('broken'); } })).toBe(3);
  });
  test('retries: 0 tries once', async () => {
    expect(await tries(new Error('x'), { retries: 0 })).toBe(1);
  });
});

test('backoff grows by its factor up to its ceiling, less a random share of jitter', async () => {
  const at = [];
  let chance = 0;
  const start = Date.now();
  const buffer = make(() => {
    at.push(Date.now() - start);
    throw new Error('x');
  }, { batchSize: 1, retries: 4, backoff: { minMs: 100, maxMs: 500, factor: 3, jitter: 0.5 }, random: () => chance });
  const rejected = rejection(buffer.add(1));
  for (const random of [0, 0.5, 0, 0.999]) {
    await microtasks();
    jest.runOnlyPendingTimers();
    chance = random;
  }
  await microtasks();
  await allTries(6);
  await rejected;
  const waits = at.slice(1).map((time, index) => time - at[index]);
  // 100, 300, 500, 500 at most; at least half of it
  waits.forEach((wait, index) => {
    const most = [100, 300, 500, 500][index];
    expect(wait).toBeGreaterThanOrEqual(most / 2 - 1);
    expect(wait).toBeLessThanOrEqual(most);
  });
  expect(waits.length).toBe(4);
  expect(waits[0]).toBe(100);
});

test('Retry-After holds an item back longer than its backoff', async () => {
  const at = [];
  const start = Date.now();
  const buffer = make(() => {
    at.push(Date.now() - start);
    throw Object.assign(withStatus(429), { response: { status: 429, headers: { 'Retry-After': '5' } } });
  }, { batchSize: 1, retries: 1 });
  const rejected = rejection(buffer.add(1));
  await microtasks();
  jest.advanceTimersByTime(4_999);
  expect(at).toEqual([0]);
  jest.advanceTimersByTime(1);
  expect(at).toEqual([0, 5_000]);
  await rejected;
});

test('more failures than one crossing holds, told after the deadline, are told once', async () => {
  let now = 0;
  const error = new Error('late');
  const buffer = make(async () => {
    // the event loop was held up: no timer has rung
    now = 200;
    throw error;
  }, { batchSize: 300, handlerTimeoutMs: 100, retries: 0, now: () => now });
  const ended = await Promise.allSettled(Array.from({ length: 300 }, (_, item) => buffer.add(item)));
  expect(ended.every(({ reason }) => reason === error)).toBe(true);
  expect(buffer.getStats()).toMatchObject({ failed: 300, calls: 1 });
});

describe('a handler that hangs', () => {
  test('is aborted after handlerTimeoutMs, counts as a failed try, and is not heard any more', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { batchSize: 1, handlerTimeoutMs: 1000, retries: 1 });
    const add = buffer.add('a');
    const { signal } = calls[0].context;
    await microtasks();
    jest.advanceTimersByTime(999);
    expect(signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 1000 });
    calls[0].resolve(['too late']);
    await microtasks();
    expect(buffer.getBufferStatus()).toMatchObject({ size: 1, inFlight: 0 });
    jest.advanceTimersByTime(100);
    expect(calls.length).toBe(2);
    calls[0].reject(new Error('later still'));
    calls[1].resolve(['in time']);
    expect(await add).toBe('in time');
  });

  test('rejects with ERR_TIMEOUT when there is no other try; the signal may be looked at late', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { batchSize: 1, handlerTimeoutMs: 50, retries: 0 });
    const rejected = rejection(buffer.add('a'));
    jest.advanceTimersByTime(50);
    expect(await rejected).toMatchObject({ code: 'ERR_TIMEOUT', name: 'TimeoutError', message: 'the handler did not end within 50 ms' });
    expect(calls[0].context.signal.aborted).toBe(true);
  });

  test('0 waits for ever', async () => {
    const { handler, calls } = heldHandler();
    const buffer = make(handler, { batchSize: 1, handlerTimeoutMs: 0 });
    const add = buffer.add('a');
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(1e9);
    calls[0].resolve(['well']);
    expect(await add).toBe('well');
  });
});

describe('dead letters', () => {
  const failing = (options) => make((items) => items.map((item) => (String(item).startsWith('bad') ? withStatus(400, `no ${item}`) : item)), { batchSize: 1, ...options });

  test('are listed with key, error, attempts and date, oldest first, and told by an event', async () => {
    jest.setSystemTime(1_700_000_000_000);
    const buffer = failing();
    const events = [];
    buffer.on('deadLetter', (letter) => events.push(letter));
    await Promise.all([rejection(buffer.add('bad 1', { key: 'k' })), buffer.add('good'), rejection(buffer.add('bad 2'))]);
    const expected = [
      { id: '1', item: 'bad 1', key: 'k', error: 'no bad 1', attempts: 1, at: new Date(1_700_000_000_000) },
      { id: '3', item: 'bad 2', key: null, error: 'no bad 2', attempts: 1, at: new Date(1_700_000_000_000) },
    ];
    expect(await buffer.deadLetters()).toEqual(expected);
    expect(events).toEqual(expected);
    expect(buffer.getBufferStatus()).toMatchObject({ deadLetters: 2, size: 0 });
  });

  test('are tried again with a fresh set of tries, and purged', async () => {
    let healthy = false;
    const attempts = [];
    const buffer = make((items, { attempt }) => {
      attempts.push(attempt);
      if (!healthy) throw new Error('down');
    }, { batchSize: 1, retries: 1 });
    const rejected = rejection(buffer.add('a'));
    await allTries(3);
    await rejected;
    await buffer.retryDeadLetter('1');
    expect(await buffer.deadLetters()).toEqual([]);
    expect(buffer.getBufferStatus()).toMatchObject({ size: 1, deadLetters: 0 });
    await allTries(3);
    expect((await buffer.deadLetters()).map(({ id, attempts: tries }) => [id, tries])).toEqual([['1', 2]]);
    healthy = true;
    await buffer.retryDeadLetter('1');
    await buffer.flush();
    expect(attempts).toEqual([1, 2, 1, 2, 1]);
    expect(await buffer.deadLetters()).toEqual([]);
    await expect(buffer.retryDeadLetter('1')).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'id' });
    healthy = false;
    const again = [buffer.add('b'), buffer.add('c')].map(rejection);
    await allTries(3);
    await Promise.all(again);
    expect(await buffer.clearDeadLetters()).toBe(2);
    expect([await buffer.clearDeadLetters(), await buffer.deadLetters(), buffer.getBufferStatus().deadLetters]).toEqual([0, [], 0]);
  });

  test('one that is tried again just before close is delivered', async () => {
    let error = withStatus(400);
    const sent = [];
    const buffer = make((items) => {
      if (error !== undefined) throw error;
      sent.push(...items);
    }, { batchSize: 1 });
    await rejection(buffer.add('letter'));
    const [{ id }] = await buffer.deadLetters();
    error = undefined;
    const again = buffer.retryDeadLetter(id);
    const closed = buffer.close();
    await again;
    expect([await closed, sent]).toEqual([expect.objectContaining({ delivered: 1, deadLettered: 1 }), ['letter']]);
    await expect(buffer.retryDeadLetter(id)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
  test('are bounded, the oldest out with an event; 0 keeps none and tells of each', async () => {
    const buffer = failing({ maxDeadLetters: 2 });
    const dropped = [];
    buffer.on('dropped', (item, reason) => dropped.push([item, reason]));
    for (let at = 1; at <= 4; at += 1) await rejection(buffer.add(`bad ${at}`));
    expect((await buffer.deadLetters()).map(({ item }) => item)).toEqual(['bad 3', 'bad 4']);
    expect(dropped).toEqual([['bad 1', 'dead-letters'], ['bad 2', 'dead-letters']]);

    const none = failing({ maxDeadLetters: 0 });
    const told = [];
    none.on('deadLetter', ({ item }) => told.push(item));
    await rejection(none.add('bad 1'));
    expect([await none.deadLetters(), told, none.getBufferStatus().deadLetters]).toEqual([[], ['bad 1'], 0]);
  });
});
