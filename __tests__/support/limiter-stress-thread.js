'use strict';
// A worker thread of `__tests__/limiter/stress.test.js`: works under a shared limiter until it is told to stop, or ended.
const { parentPort, workerData } = require('node:worker_threads');
const { AdaptiveLimiter } = require('../../index.js');
const { FIELDS, MOST, THREADS, STOP, HELD, DYING, DONE } = require('./limiter-stress');

const { place, options, cells: shared, times, weights } = workerData;
const cells = new Int32Array(shared);
const log = new Float64Array(times);
const limiter = new AdaptiveLimiter(options);
const micros = () => Number(process.hrtime.bigint() / 1000n);

/** What each thread holds for certain, noted behind the grant and taken off before the release; whether it is being ended; its grants. */
const look = () => Array.from({ length: THREADS * FIELDS }, (_, at) => Atomics.load(cells, at));
/** What threads that nobody is ending hold at one moment; 0 where that moment was missed: something moved between two looks. */
function inHand() {
  const [seen, again] = [look(), look()];
  if (seen.some((number, at) => number !== again[at])) return 0;
  let sum = 0;
  for (let at = 0; at < seen.length; at += FIELDS) if (seen[at + DYING] === 0) sum += seen[at + HELD];
  return sum;
}
async function work(waiter) {
  for (let round = 0; Atomics.load(cells, STOP) === 0; round += 1) {
    const weight = weights ? 1 + ((round + waiter) % 3) : 1;
    const permit = await limiter.take({ weight });
    Atomics.add(cells, place * FIELDS + HELD, weight);
    const sum = inHand();
    let most = Atomics.load(cells, MOST);
    while (sum > most && Atomics.compareExchange(cells, MOST, most, sum) !== most) most = Atomics.load(cells, MOST);
    Atomics.add(cells, place * FIELDS + DONE, 1);
    if (round % 3 !== 0) await new Promise((resolve) => setImmediate(resolve));
    Atomics.sub(cells, place * FIELDS + HELD, weight);
    permit.release();
    // others may come between
    await new Promise((resolve) => setImmediate(resolve));
  }
}
/** Takes what it can get of a window, and notes each time: not before, not after. */
async function grab() {
  const each = log.length / THREADS;
  while (Atomics.load(cells, STOP) === 0) {
    for (let from = micros(); limiter.tryAcquire(); from = micros()) {
      const at = 2 * Atomics.add(cells, place * FIELDS + DONE, 1);
      if (at + 1 >= each) break;
      log[place * each + at + 1] = micros();
      log[place * each + at] = from;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
Promise.all(log.length > 0 ? [grab()] : [0, 1, 2].map(work)).then(async () => {
  await limiter.close();
  parentPort.postMessage('done');
});
