'use strict';
// Suites put fake timers in and take them out again: a timer that went with them is set anew by the next thing that waits.
const { AdaptiveLimiter, BatchBuffer } = require('sluice');

// before any fake one
const ticking = performance.now.bind(performance);
/** Real time goes by, under fake timers too. */
function pass(ms) {
  const until = ticking() + ms;
  while (ticking() < until) { /* no timer rings meanwhile */ }
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test.each([
  ['given another item', async (buffer) => expect(await buffer.add('b')).toBe('b!')],
  ['closed with a deadline', async (buffer) => expect(await buffer.close({ timeoutMs: 20 })).toMatchObject({ delivered: 1 })],
])('a buffer that is then %s', async (_, use) => {
  const buffer = new BatchBuffer((items) => items.map((item) => `${item}!`), { batchTimeout: 10 });
  const first = buffer.add('a');
  pass(20);
  jest.useRealTimers();
  await use(buffer);
  expect(await first).toBe('a!');
  await buffer.close();
});

test('a buffer whose handler holds its batch, that is then closed with a deadline', async () => {
  const buffer = new BatchBuffer(() => new Promise(() => {}), { batchSize: 1, handlerTimeoutMs: 10 });
  const held = expect(buffer.add('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await null;
  pass(20);
  jest.useRealTimers();
  expect(await buffer.close({ timeoutMs: 1 })).toMatchObject({ aborted: 1 });
  await held;
});

test('a limiter that somebody then waits for', async () => {
  const limiter = new AdaptiveLimiter({ limit: 1, windowMs: 50 });
  const turns = [limiter.acquire(), limiter.acquire()];
  pass(20);
  jest.useRealTimers();
  turns.push(limiter.acquire());
  await Promise.all(turns);
  await limiter.close();
});
