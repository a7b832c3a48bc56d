'use strict';
// A worker thread of `__tests__/cache/threads.test.js`: uses a shared memory tier and checks what it finds. What it has
// asked for is counted in a SharedArrayBuffer, apart from the cache's own statistics.
const { parentPort, workerData } = require('node:worker_threads');
const { TieredCache } = require('../../index.js');

const { id, options, asked, task } = workerData;
const counted = new Int32Array(asked);
const cache = new TieredCache(options);
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const fail = (what) => parentPort.postMessage({ fail: `thread ${id}: ${what}` });
const text = (n) => 'x'.repeat(n % 400);
const isWhole = (value) => value.text === text(value.n) && value.check === value.by * 7 + value.n * 3;
const make = (n) => ({ by: id, n, text: text(n), check: id * 7 + n * 3 });

/** A synchronous get, counted before it is made. */
function get(key) {
  Atomics.add(counted, 0, 1);
  return cache.getSync(key);
}

const tasks = {
  /** Sets, gets and deletes keys of its own and keys of all threads, until it is terminated or told to stop. */
  async churn() {
    let running = true;
    parentPort.once('message', () => (running = false));
    for (let n = 0; running; n += 1) {
      const own = `own:${id}:${n % 50}`;
      cache.setSync(own, make(n), 3600);
      const found = get(own);
      if (found === null) fail(`lost its set of ${own}`);
      else if (found.by !== id || found.n !== n || !isWhole(found)) fail(`found ${JSON.stringify(found)} for ${n}`);
      if (n % 10 === 0) {
        cache.deleteSync(own);
        if (get(own) !== null) fail(`still has ${own}`);
      }
      const common = `common:${n % 20}`;
      if (n % 3 === 0) cache.setSync(common, make(n), 3600);
      const other = get(common);
      if (other !== null && !isWhole(other)) fail(`torn: ${JSON.stringify(other)}`);
      if (n % 200 === 0) {
        const key = `load:${(n / 200) % 30}:${Math.floor(n / 6000)}`;
        Atomics.add(counted, 0, 1);
        const loaded = await cache.getOrSet(key, async () => {
          await nextTurn();
          return make(n);
        }, 3600);
        if (!isWhole(loaded)) fail(`loaded ${JSON.stringify(loaded)}`);
      }
      if (n % 20 === 0) await nextTurn();
    }
    await cache.close();
    parentPort.postMessage({ done: true });
  },
  /** Begins a load that never ends. */
  hang() {
    cache.getOrSet('stuck', () => {
      parentPort.postMessage({ loading: true });
      return new Promise(() => {});
    }).catch(() => {});
    setInterval(() => {}, 1000);
  },
  /** Loads when it is told to, all threads at once. */
  async stampede() {
    parentPort.on('message', async ({ key }) => {
      const values = await Promise.all(Array.from({ length: 50 }, () => cache.getOrSet(key, async () => {
        Atomics.add(counted, 1, 1);
        await new Promise((resolve) => setTimeout(resolve, 100));
        return { from: id };
      }, 3600)));
      parentPort.postMessage({ values });
    });
    parentPort.postMessage({ ready: true });
  },
};
tasks[task]();
