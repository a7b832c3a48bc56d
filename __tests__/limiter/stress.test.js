'use strict';
// 8 worker threads on one shared limiter, some of them ended at any moment with permits in hand and waiters in the queue.
const { Worker } = require('node:worker_threads');
const path = require('node:path');
const { AdaptiveLimiter } = require('sluice');
const { THREADS, FIELDS, HELD, DYING, DONE, STOP, MOST, CELLS } = require('../support/limiter-stress');
const { fullest } = require('../support/hosts');
const { until } = require('../support/loopback');
const { below, seeded } = require('../support/random');

const program = path.join(__dirname, '..', 'support', 'limiter-stress-thread.js');
const open = new Set();
afterEach(async () => {
  await Promise.all([...open].map((one) => (one instanceof Worker ? one.terminate() : one.close())));
  open.clear();
});
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Stress {
  cells = new Int32Array(new SharedArrayBuffer(4 * CELLS));
  times;
  #options;
  #weights;
  #workers = [];

  constructor(options, { weights = false, timesEach = 0 } = {}) {
    this.#options = options;
    this.#weights = weights;
    this.times = new Float64Array(new SharedArrayBuffer(8 * THREADS * timesEach));
    for (let place = 0; place < THREADS; place += 1) this.#start(place);
  }
  #start(place) {
    const worker = new Worker(program, {
      workerData: { place, options: this.#options, cells: this.cells.buffer, times: this.times.buffer, weights: this.#weights },
    });
    open.add(worker);
    const ended = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject).once('exit', resolve));
    this.#workers[place] = { worker, ended };
  }
  /** Ends a thread wherever it is, and puts a fresh one in its place. */
  async replace(place) {
    const { worker } = this.#workers[place];
    Atomics.store(this.cells, place * FIELDS + DYING, 1);
    await worker.terminate();
    open.delete(worker);
    Atomics.store(this.cells, place * FIELDS + HELD, 0);
    Atomics.store(this.cells, place * FIELDS + DYING, 0);
    this.#start(place);
  }
  async stop() {
    Atomics.store(this.cells, STOP, 1);
    await Promise.all(this.#workers.map(({ ended }) => ended));
  }
  get most() {
    return this.cells[MOST];
  }
  taken() {
    const taken = [];
    // one that was ended in the middle of a note has noted nothing
    for (let at = 0; at < this.times.length; at += 2) if (this.times[at] > 0) taken.push({ from: this.times[at], to: this.times[at + 1], weight: 1 });
    return taken.sort((a, b) => a.from - b.from);
  }
  done() {
    return Array.from({ length: THREADS }, (_, place) => this.cells[place * FIELDS + DONE]);
  }
}

test.each([['permits of 1', false], ['weights', true]])('%s: never more in flight than the limit, nothing is lost with a thread, nobody starves', async (_, weights) => {
  const options = { shared: `stress ${weights}`, limit: 0, concurrency: 5, maxQueue: 1000 };
  const own = new AdaptiveLimiter(options);
  open.add(own);
  const stress = new Stress(options, { weights });
  const random = seeded(weights ? 7 : 8);
  const end = performance.now() + 2_000;
  let ended = 0;
  while (performance.now() < end) {
    await sleep(below(random, 60));
    await stress.replace(below(random, THREADS));
    ended += 1;
    // this thread waits in line too
    const permit = await own.take();
    permit.release();
  }
  // from here on each thread lives; the last of them may still load
  const born = stress.done();
  await until(() => stress.done().every((done, place) => done > born[place]));
  const before = stress.done();
  const sumOf = (numbers) => numbers.reduce((sum, one) => sum + one, 0);
  await until(() => sumOf(stress.done()) - sumOf(before) >= 100 * THREADS);
  const rounds = stress.done().map((done, place) => done - before[place]);
  await stress.stop();
  expect(ended).toBeGreaterThan(5);
  expect(stress.most).toBeGreaterThan(1);
  expect(stress.most).toBeLessThanOrEqual(5);
  // none is left behind
  expect(Math.min(...rounds)).toBeGreaterThan(5);
  expect(own.getStatus()).toMatchObject({ inFlight: 0, queued: 0, currentTokens: 5 });
});

test('a window: threads that are ended forget nothing that they took', async () => {
  const options = { shared: 'stressed window', limit: 50, windowMs: 500, maxQueue: 1000 };
  const own = new AdaptiveLimiter(options);
  open.add(own);
  const stress = new Stress(options, { timesEach: 4_000 });
  const random = seeded(9);
  const end = performance.now() + 2_000;
  while (performance.now() < end) {
    await sleep(below(random, 100));
    await stress.replace(below(random, THREADS));
  }
  await stress.stop();
  const taken = stress.taken();
  // time is whole milliseconds, and threads agree on it to less than one
  expect(fullest(taken, 497)).toBeLessThanOrEqual(50);
  expect(taken.length).toBeGreaterThanOrEqual(50);
});
