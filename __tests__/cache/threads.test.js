'use strict';
// Worker threads on one shared memory tier, terminated at random: values are whole, sets of living threads are found,
// nobody waits for the dead, statistics add up.
const { Worker } = require('node:worker_threads');
const path = require('node:path');
const { TieredCache } = require('../..');

const file = path.join(__dirname, '..', 'support', 'cache-thread.js');
const shared = (name) => ({ name, memory: { store: 'bytes', shared: name, maxBytes: 64 * 1024 * 1024 }, lease: { waitMs: 60_000 } });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const message = (worker, which) => new Promise((resolve, reject) => {
  const on = (one) => {
    if (!(which in one)) return;
    worker.off('message', on);
    resolve(one[which]);
  };
  worker.on('message', on);
  worker.once('error', reject);
});
function start(task, id, options, asked) {
  return new Worker(file, { workerData: { task, id, options, asked } });
}

const open = [];
afterEach(async () => {
  for (const one of open.splice(0)) await (one instanceof Worker ? one.terminate() : one.close());
});
const keep = (one) => (open.push(one), one);

test('8 threads, terminated at random and replaced: no crash, no hang, nothing torn, no set lost', async () => {
  const asked = new SharedArrayBuffer(8);
  const options = shared('threads-churn');
  const cache = keep(new TieredCache(options));
  const failures = [];
  let next = 0;
  const spawn = () => {
    const worker = start('churn', (next += 1), options, asked);
    worker.on('message', ({ fail }) => fail && failures.push(fail));
    worker.on('error', (error) => failures.push(String(error)));
    return keep(worker);
  };
  const threads = Array.from({ length: 8 }, spawn);
  const began = Date.now();
  let [terminated, last] = [0, 0];
  while (Date.now() - began < 6000) {
    await sleep(Math.random() * 150);
    const at = Math.floor(Math.random() * threads.length);
    await threads[at].terminate();
    terminated += 1;
    threads[at] = spawn();
    const { totalRequests } = cache.getStats();
    if (totalRequests < last) failures.push(`statistics went back: ${totalRequests} after ${last}`);
    last = totalRequests;
    if (failures.length > 0) break;
  }
  const done = threads.map((worker) => message(worker, 'done'));
  threads.forEach((worker) => worker.postMessage('stop'));
  await Promise.all(done);
  expect(failures).toEqual([]);
  expect(terminated).toBeGreaterThan(5);
  const [gets] = new Int32Array(asked);
  const { totalRequests, hits, misses } = cache.getStats();
  expect(gets).toBeGreaterThan(1000);
  expect(hits.l1 + misses).toBe(totalRequests);
  // a thread that was terminated may have asked for one that it had no time to count, or the reverse
  expect(Math.abs(totalRequests - gets)).toBeLessThanOrEqual(terminated);
});

test('a thread that is terminated in the midst of a load leaves nobody waiting', async () => {
  const options = shared('threads-hang');
  const cache = keep(new TieredCache(options));
  const dying = keep(start('hang', 1, options, new SharedArrayBuffer(8)));
  await message(dying, 'loading');
  let settled = false;
  const waiting = cache.getOrSet('stuck', () => 'mine').finally(() => (settled = true));
  await sleep(300);
  expect(settled).toBe(false);
  const began = Date.now();
  await dying.terminate();
  await expect(waiting).resolves.toBe('mine');
  expect(Date.now() - began).toBeLessThan(10_000);
});

test('threads load a key once', async () => {
  const asked = new SharedArrayBuffer(8);
  const options = shared('threads-stampede');
  const threads = Array.from({ length: 4 }, (_, id) => keep(start('stampede', id + 1, options, asked)));
  await Promise.all(threads.map((worker) => message(worker, 'ready')));
  for (let round = 1; round <= 3; round += 1) {
    const values = threads.map((worker) => message(worker, 'values'));
    threads.forEach((worker) => worker.postMessage({ key: `once:${round}` }));
    const all = (await Promise.all(values)).flat();
    expect(all).toHaveLength(200);
    expect(new Set(all.map(({ from }) => from)).size).toBe(1);
    expect(new Int32Array(asked)[1]).toBe(round);
  }
});

test('the last thread takes the tier with it: other options under its name are taken then, and refused before', async () => {
  const options = shared('threads-options');
  const other = { ...options, memory: { ...options.memory, maxBytes: 1024 * 1024 } };
  const cache = keep(new TieredCache(options));
  cache.setSync('a', 1);
  let refused;
  try {
    new TieredCache(other);
  } catch (error) {
    refused = error;
  }
  expect(refused).toMatchObject({ code: 'ERR_INVALID_OPTION', name: 'RangeError' });
  expect(refused.message).toContain('memory.maxBytes');
  expect(refused.message).toContain(String(1024 * 1024));
  expect(refused.message).toContain(String(64 * 1024 * 1024));
});
