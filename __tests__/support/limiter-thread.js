'use strict';
// A worker thread of `__tests__/limiter/threads.test.js`. Times are those of the whole process.
const { parentPort, workerData } = require('node:worker_threads');
const { AdaptiveLimiter, KeyedLimiter } = require('../../index.js');
const { Cells } = require('../../lib/limiter/cells');

const { task, options, counts, rounds } = workerData;
const cells = new Int32Array(counts);
const [RUNNING, MOST, DONE] = [0, 1, 2];

const tasks = {
  /** Works under a shared concurrency limit, and notes how many do so at once. */
  async work() {
    const limiter = new AdaptiveLimiter(options);
    for (let round = 0; round < rounds; round += 1) {
      await limiter.execute(async () => {
        const running = Atomics.add(cells, RUNNING, 1) + 1;
        let most = Atomics.load(cells, MOST);
        while (running > most && Atomics.compareExchange(cells, MOST, most, running) !== most) most = Atomics.load(cells, MOST);
        // others run meanwhile, on however few cores
        if (round % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        Atomics.sub(cells, RUNNING, 1);
      });
      Atomics.add(cells, DONE, 1);
    }
    await limiter.close();
    parentPort.postMessage('done');
  },
  /** Has always many who wait, until it is told to stop; notes how many began while DONE said that another thread waits. */
  async flood() {
    const limiter = new AdaptiveLimiter(options);
    parentPort.postMessage('waits');
    let running = 0;
    const work = async () => {
      if (Atomics.load(cells, DONE) === 1) Atomics.add(cells, MOST, 1);
      await null;
    };
    while (Atomics.load(cells, RUNNING) === 0) {
      while (running < 100) {
        running += 1;
        void limiter.execute(work).finally(() => { running -= 1; });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await limiter.close();
    parentPort.postMessage('done');
  },
  /** Takes what it can get of a shared window. */
  grab() {
    const limiter = new AdaptiveLimiter(options);
    let taken = 0;
    for (let round = 0; round < rounds; round += 1) if (limiter.tryAcquire()) taken += 1;
    Atomics.add(cells, DONE, taken);
    parentPort.postMessage('done');
  },
  /** Takes permits and keeps them until it is ended. */
  async hog() {
    const limiter = new AdaptiveLimiter(options);
    await limiter.take({ weight: rounds });
    parentPort.on('message', () => {});
    globalThis.kept = limiter;
    parentPort.postMessage('done');
  },
  /** Is stopped for ever where one more (`rounds.by` 1) stands in line or one less (-1): before that is counted, or behind it. */
  async stopInLine() {
    const limiter = new AdaptiveLimiter(options);
    const [quiet, controller] = [() => {}, new AbortController()];
    await limiter.take();
    limiter.take().catch(quiet);
    if (rounds.by < 0) limiter.take({ signal: controller.signal }).catch(quiet);
    const { queue } = Cells.prototype;
    const stop = () => {
      Atomics.store(cells, DONE, 1);
      Atomics.wait(cells, RUNNING, 0);
    };
    Cells.prototype.queue = function (by) {
      if (!rounds.isBehind) stop();
      Reflect.apply(queue, this, [by]);
      stop();
    };
    if (rounds.by < 0) controller.abort();
    else limiter.take().catch(quiet);
  },
  /** Checks one key of a shared table. */
  check() {
    const limiter = new KeyedLimiter(options);
    for (let round = 0; round < rounds; round += 1) if (limiter.checkLimit('key')) Atomics.add(cells, DONE, 1);
    parentPort.postMessage('done');
  },
};
tasks[task]();
