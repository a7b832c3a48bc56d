'use strict';
// Native code that fails: nobody is left waiting, nothing escapes, the limiter says so from then on.
require('../hooks');
const { AdaptiveLimiter } = require('../..');
const native = require('../../lib/native');

const rejection = (promise) => promise.then(() => { throw new Error('it did not reject'); }, (error) => error);
const internal = { code: 'ERR_INTERNAL', message: 'AdaptiveLimiter failed inside native code: on purpose' };

/** A limiter, and a way to break it. */
function make(options) {
  const { limiterOpen } = native;
  let handle;
  native.limiterOpen = (...args) => (handle = limiterOpen(...args));
  try {
    const limiter = new AdaptiveLimiter(options);
    return { limiter, panic: () => expect(() => native.testLimiterPanic(handle)).toThrow(/on purpose/) };
  } finally {
    native.limiterOpen = limiterOpen;
  }
}

test('a contained panic rejects all who wait, and close still ends', async () => {
  const { limiter, panic } = make({ limit: 0, concurrency: 1 });
  const permit = await limiter.take();
  const { signal } = new AbortController();
  const waiting = [limiter.acquire(), limiter.take({ signal }), limiter.execute(() => 1), limiter.take({ timeoutMs: 60_000 })].map(rejection);
  panic();
  // the first crossing finds out: a tryAcquire, while all four wait
  expect(() => limiter.tryAcquire()).toThrow(expect.objectContaining(internal));
  for (const error of await Promise.all(waiting)) expect(error).toMatchObject(internal);
  expect(await rejection(limiter.acquire())).toMatchObject(internal);
  expect(await rejection(limiter.execute(() => 1))).toMatchObject(internal);
  expect(() => limiter.getStatus()).toThrow(expect.objectContaining(internal));
  expect(() => permit.release()).toThrow(expect.objectContaining(internal));
  await limiter.close();
  expect(() => limiter.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
});

test('work that runs keeps its result, and the next who waits is not left', async () => {
  const { limiter, panic } = make({ limit: 1, windowMs: 60_000, concurrency: 1 });
  let end;
  const running = limiter.execute(() => new Promise((resolve) => { end = resolve; }));
  const waiting = rejection(limiter.execute(() => 2));
  panic();
  end('done');
  expect(await running).toBe('done');
  expect(await waiting).toMatchObject(internal);
  await limiter.close();
});

test('a timer that finds it broken tells who waits', async () => {
  jest.useFakeTimers();
  try {
    const { limiter, panic } = make({ limit: 1, windowMs: 1000 });
    limiter.tryAcquire();
    const waiting = rejection(limiter.acquire());
    panic();
    jest.advanceTimersByTime(1000);
    expect(await waiting).toMatchObject(internal);
    expect(jest.getTimerCount()).toBe(0);
    await limiter.close();
  } finally {
    jest.useRealTimers();
  }
});

test('a name whose limiter broke is free when all have left it', async () => {
  const { limiter, panic } = make({ shared: 'broken', limit: 5 });
  panic();
  expect(() => limiter.getStatus()).toThrow(expect.objectContaining(internal));
  await limiter.close();
  const again = new AdaptiveLimiter({ shared: 'broken', limit: 6 });
  expect(again.getStatus().maxRequests).toBe(6);
  await again.close();
});
