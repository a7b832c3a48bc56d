'use strict';
// One signal of many who wait: when it fires all of them leave, and what one leaves behind goes to none of the others.
const { AdaptiveLimiter } = require('sluice');

const open = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
const make = (options) => {
  const limiter = new AdaptiveLimiter(options);
  open.push(limiter);
  return limiter;
};
const codeOf = (promise) => promise.then(() => 'went', (error) => error.code);
const turns = [['alone', {}], ['shared', { shared: 'one signal' }]];

test.each(turns)('%s: a permit that the first leaves behind goes to who heeds another signal', async (_, sharing) => {
  const limiter = make({ ...sharing, limit: 0, concurrency: 4 });
  const held = await limiter.take({ weight: 3 });
  const { signal } = new AbortController();
  const controller = new AbortController();
  const ran = [];
  const wait = (name, weight, heeded) => codeOf(limiter.execute(() => void ran.push(name), { weight, signal: heeded }));
  const waits = [wait('large', 4, controller.signal), wait('small', 1, controller.signal), wait('other', 1, signal), wait('last', 1, controller.signal)];
  controller.abort();
  expect(await Promise.all(waits)).toEqual(['ERR_ABORTED', 'ERR_ABORTED', 'went', 'ERR_ABORTED']);
  expect(ran).toEqual(['other']);
  expect(limiter.getStatus()).toMatchObject({ inFlight: 3, queued: 0, currentTokens: 1, stats: { rejectedRequests: 3 } });
  held.release();
});

test.each(turns)('%s: permits of a window stay where they are', async (_, sharing) => {
  const limiter = make({ ...sharing, limit: 10, windowMs: 60_000 });
  limiter.tryAcquire(8);
  const controller = new AbortController();
  const waits = [5, 2, 1].map((weight) => codeOf(limiter.acquire({ weight, signal: controller.signal })));
  controller.abort();
  expect(await Promise.all(waits)).toEqual(['ERR_ABORTED', 'ERR_ABORTED', 'ERR_ABORTED']);
  expect(limiter.getStatus()).toMatchObject({ currentTokens: 2, queued: 0 });
  expect(limiter.tryAcquire(2)).toBe(true);
});

test('of two limiters each hears of its own', async () => {
  const limiters = [make({ limit: 0, concurrency: 1 }), make({ limit: 0, concurrency: 1 })];
  const permits = await Promise.all(limiters.map((limiter) => limiter.take()));
  const controller = new AbortController();
  const waits = [0, 1, 0, 1, 1].map((which) => codeOf(limiters[which].take({ signal: controller.signal })));
  controller.abort();
  expect(await Promise.all(waits)).toEqual(Array(5).fill('ERR_ABORTED'));
  expect(limiters.map((limiter) => limiter.getStatus().queued)).toEqual([0, 0]);
  expect(limiters.map((limiter) => limiter.getStatus().stats.rejectedRequests)).toEqual([2, 3]);
  permits.forEach((permit) => permit.release());
});
