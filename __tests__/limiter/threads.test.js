'use strict';
// Shared limiters: worker threads on the same cells; and processes that end by themselves.
const { Worker } = require('node:worker_threads');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { AdaptiveLimiter, KeyedLimiter } = require('../..');
const { until } = require('../support/loopback');

const file = path.join(__dirname, '..', 'support', 'limiter-thread.js');
const open = [];
afterEach(async () => {
  for (const one of open.splice(0)) await (one instanceof Worker ? one.terminate() : one.close());
});
const keep = (one) => (open.push(one), one);
const newCounts = () => new SharedArrayBuffer(12);
function start(task, options, counts, rounds) {
  const worker = keep(new Worker(file, { workerData: { task, options, counts, rounds } }));
  return { worker, done: new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)) };
}

test('8 threads work under one concurrency limit: never more at once, and none is left waiting', async () => {
  const options = { shared: 'stress', limit: 0, concurrency: 3 };
  const own = keep(new AdaptiveLimiter(options));
  const counts = newCounts();
  const threads = Array.from({ length: 8 }, () => start('work', options, counts, 100));
  await Promise.all(threads.map(({ done }) => done));
  const [running, most, done] = new Int32Array(counts);
  expect({ running, done }).toEqual({ running: 0, done: 800 });
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(3);
  expect(own.getStatus()).toMatchObject({ inFlight: 0, queued: 0, currentTokens: 3, stats: { totalRequests: 800, successRate: 1 } });
});

test('8 threads take from one window no more than its limit', async () => {
  const options = { shared: 'window', limit: 1000, windowMs: 600_000 };
  const own = keep(new AdaptiveLimiter(options));
  const counts = newCounts();
  await Promise.all(Array.from({ length: 8 }, () => start('grab', options, counts, 2000).done));
  expect(new Int32Array(counts)[2]).toBe(1000);
  expect(own.tryAcquire()).toBe(false);
  expect(own.getStatus().currentTokens).toBe(0);
});

test('a thread that is ended gives back what it had in hand: who waits here goes on', async () => {
  const options = { shared: 'ended', limit: 0, concurrency: 4 };
  const own = keep(new AdaptiveLimiter(options));
  const { worker, done } = start('hog', options, newCounts(), 3);
  await done;
  const turn = own.take({ weight: 2 });
  expect(own.getStatus()).toMatchObject({ inFlight: 3, queued: 1 });
  await worker.terminate();
  (await turn).release();
  expect(own.getStatus()).toMatchObject({ inFlight: 0, queued: 0 });
});

test.each([[1, false], [1, true], [-1, false], [-1, true]])('a thread that is ended where its line changes by %i (that was counted: %s) leaves nobody in line', async (by, isBehind) => {
  const options = { shared: 'line', limit: 0, concurrency: 1 };
  const own = keep(new AdaptiveLimiter(options));
  const counts = newCounts();
  const { worker } = start('stopInLine', options, counts, { by, isBehind });
  await until(() => new Int32Array(counts)[2] === 1);
  const turn = own.take();
  await worker.terminate();
  const permit = await turn;
  const next = own.take();
  const { queued } = own.getStatus();
  permit.release();
  (await next).release();
  expect(queued).toBe(1);
});

test('a thread that always has many who wait lets others have their turn: at most two of its own before', async () => {
  const options = { shared: 'fair', limit: 0, concurrency: 1 };
  const own = keep(new AdaptiveLimiter(options));
  const counts = newCounts();
  const [stop, begun, waits] = [0, 1, 2];
  const cells = new Int32Array(counts);
  const { worker, done } = start('flood', options, counts);
  await done;
  const ended = new Promise((resolve) => worker.once('message', resolve));
  let most = 0;
  let rounds = 0;
  const until = Date.now() + 60_000;
  while (rounds < 50 && Date.now() < until) {
    const turn = own.take();
    // it stands in line now, or has its permit
    const isWaiting = own.getStatus().queued > 0;
    Atomics.store(cells, begun, 0);
    Atomics.store(cells, waits, 1);
    const permit = await turn;
    Atomics.store(cells, waits, 0);
    most = Math.max(most, Atomics.load(cells, begun));
    permit.release();
    if (isWaiting) rounds += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(cells, stop, 1);
  await ended;
  expect(rounds).toBeGreaterThan(10);
  expect(most).toBeLessThanOrEqual(2);
});

test('a name is free for other options when the last thread has closed it', async () => {
  const one = keep(new AdaptiveLimiter({ shared: 'free', limit: 5 }));
  const two = keep(new AdaptiveLimiter({ shared: 'free', limit: 5 }));
  await one.close();
  expect(() => new AdaptiveLimiter({ shared: 'free', limit: 6 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  expect(two.tryAcquire(5)).toBe(true);
  await two.close();
  expect(keep(new AdaptiveLimiter({ shared: 'free', limit: 6 })).tryAcquire(6)).toBe(true);
  const keyed = keep(new KeyedLimiter({ shared: 'free', windowMs: 1000, maxRequests: 1 }));
  await keyed.close();
  await keyed.close();
  expect(keep(new KeyedLimiter({ shared: 'free', windowMs: 1000, maxRequests: 2 })).checkLimit('a', 2)).toBe(true);
});

test('keys of a shared table have one limit in all threads', async () => {
  const options = { shared: 'keys', windowMs: 600_000, maxRequests: 500 };
  const own = keep(new KeyedLimiter(options));
  const counts = newCounts();
  await Promise.all(Array.from({ length: 4 }, () => start('check', options, counts, 400).done));
  expect(new Int32Array(counts)[2]).toBe(500);
  expect(own.check('key')).toMatchObject({ allowed: false, remaining: 0 });
  expect(own.getStats()).toMatchObject({ allowed: 500 });
});

test('two limiters of one name in a thread are one', async () => {
  const options = { shared: 'pair', limit: 0, concurrency: 1 };
  const [one, two] = [keep(new AdaptiveLimiter(options)), keep(new AdaptiveLimiter(options))];
  const permit = await one.take();
  expect(two.tryAcquire()).toBe(false);
  const turn = two.take();
  permit.release();
  (await turn).release();
  expect(one.tryAcquire()).toBe(true);
  one.release('success');
});

describe('a process', () => {
  const run = (source, flags = []) => new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...flags, '-e', `const sluice = require(${JSON.stringify(path.join(__dirname, '..', '..'))}); (async () => {${source}})();`]);
    let out = '';
    child.stdout.on('data', (text) => { out += text; });
    child.on('error', reject).on('exit', (code) => resolve({ code, out }));
  });
  test('ends by itself with limiters that nobody closes', async () => {
    expect(await run(`
      const limiter = new sluice.AdaptiveLimiter({ limit: 5, adaptive: true });
      const shared = new sluice.AdaptiveLimiter({ shared: 'a' });
      const keyed = new sluice.KeyedLimiter({ windowMs: 1e6, maxRequests: 5 });
      await limiter.execute(() => 1); shared.tryAcquire(); keyed.checkLimit('a');
      console.log('used');`)).toEqual({ code: 0, out: 'used\n' });
  });
  test('collects limiters that nobody has any more, closed or not', async () => {
    expect(await run(`
      const { limiters, keyedLimiters } = require(${JSON.stringify(path.join(__dirname, '..', '..', 'lib', 'alive.js'))});
      for (let at = 0; at < 300; at += 1) {
        const limiter = new sluice.AdaptiveLimiter({ adaptive: true, ...(at % 2 === 0 && { shared: String(at) }) });
        await limiter.execute(() => 1);
        new sluice.KeyedLimiter({ windowMs: 1000, maxRequests: 5 }).checkLimit('a');
      }
      for (let at = 0; at < 10; at += 1) { await new Promise((resolve) => setTimeout(resolve, 10)); gc(); }
      // looking keeps them until the code that looks has ended
      console.log(limiters.list().length + keyedLimiters.list().length <= 10);`, ['--expose-gc'])).toEqual({ code: 0, out: 'true\n' });
  });
  test('keeps who waits for another thread, though nobody has its limiter', async () => {
    const root = JSON.stringify(path.join(__dirname, '..', '..'));
    expect(await run(`
      const { Worker } = require('node:worker_threads');
      const { once } = require('node:events');
      const { setImmediate: turn } = require('node:timers/promises');
      const options = { shared: 'kept', limit: 0, concurrency: 1 };
      const worker = new Worker(\`
        const { parentPort, workerData } = require('node:worker_threads');
        const limiter = new (require(${root}).AdaptiveLimiter)(workerData);
        limiter.take().then((permit) => {
          const release = () => permit.release();
          parentPort.on('message', (text) => parentPort.postMessage(text === 'look' ? limiter.getStatus().queued : release()));
          parentPort.postMessage('has it');
        });\`, { eval: true, workerData: options });
      await once(worker, 'message');
      const went = (() => new sluice.AdaptiveLimiter(options).acquire())();
      for (let at = 0; at < 10; at += 1) { await turn(); gc(); }
      worker.postMessage('look');
      const [queued] = await once(worker, 'message');
      console.log(queued, 'waits');
      worker.postMessage('release');
      if (queued === 1) console.log(await went);
      process.exit();`, ['--expose-gc'])).toEqual({ code: 0, out: '1 waits\ntrue\n' });
  });
  test('stays while somebody waits for the window', async () => {
    expect(await run(`
      const limiter = new sluice.AdaptiveLimiter({ limit: 1, windowMs: 200 });
      await limiter.acquire(); await limiter.acquire(); console.log('served');`)).toEqual({ code: 0, out: 'served\n' });
  });
});
