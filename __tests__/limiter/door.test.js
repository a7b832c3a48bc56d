'use strict';
// The doors of both limiters, as docs/design/limiter.md says the shell is to use them. What the limiters decide is tested on
// plain Rust; here: that both sides mean the same places and units.
const { Worker } = require('node:worker_threads');
const path = require('node:path');
const native = require('../../lib/native');
const completion = require('../../lib/completion');

const [LEASE, ROOM, KIND, HANDS_ON, QUEUED] = [0, 1, 2, 3, 4];
const [LEASED, ENDS, LOOK, TAKEN] = [0, 1, 2, 3];
const IN = { REQUESTS: 0, SUCCESSES: 1, FAILURES: 2, LATENCY_MS: 3, LATENCIES: 4, HELD: 5, FULL: 6, THROTTLED: 7, REJECTED: 8, WAITING: 9, WANTED: 10, FIRST: 11, WEIGHT: 12, LOOSE: 13 };
const OUT = { WAKE_AT: 16, MORE: 17, COUNT: 18, EVENTS: 20 };

const config = (own) => ({ limit: 10, windowMs: 1000, concurrency: 0, maxQueue: 100, ...own });
function open(own, name = null, heard = () => {}) {
  let handle;
  completion.subscribe(heard, (shell, id) => {
    handle = native.limiterOpen(config(own), name, shell, id);
  });
  const cells = new Int32Array(native.limiterCells(handle));
  const times = new Float64Array(native.limiterTimes(handle));
  const numbers = new Float64Array(native.limiterInbox(handle));
  return { handle, cells, times, numbers };
}
/** So many wait, each for that weight. */
function wait({ numbers }, count, weight) {
  [IN.WAITING, IN.WANTED, IN.FIRST, IN.WEIGHT].forEach((at, place) => { numbers[at] = [count, count * weight, count, weight][place]; });
}
/** The fast path; true: taken without a crossing. */
function spend({ cells, times, numbers }, weight, now) {
  if (now >= times[LOOK]) return false;
  const kind = cells[KIND];
  if (kind & 2) {
    const room = cells[ROOM];
    if (room < weight || Atomics.compareExchange(cells, ROOM, room, room - weight) !== room) return false;
    if (room === weight) numbers[IN.FULL] = 1;
  }
  if (kind & 1) {
    const left = cells[LEASE];
    const fits = now >= times[LEASED] && now <= times[ENDS] && left >= weight;
    if (!fits || Atomics.compareExchange(cells, LEASE, left, left - weight) !== left) return false;
    times[TAKEN + left - weight] = now;
  }
  numbers[IN.REQUESTS] += 1;
  numbers[IN.HELD] += weight;
  return true;
}
const events = ({ numbers }) => Array.from({ length: numbers[OUT.COUNT] }, (_, at) =>
  Array.from(numbers.subarray(OUT.EVENTS + 4 * at, OUT.EVENTS + 4 * at + 4)));
const status = (limiter, now) => {
  native.limiterStatus(limiter.handle, now);
  return Array.from(limiter.numbers.subarray(OUT.EVENTS, OUT.EVENTS + 16));
};

test('one that is refused leaves no place taken among those who hear', () => {
  const kept = open({ limit: 5 }, 'taken');
  const before = completion.newId();
  completion.forget(before);
  for (let at = 0; at < 10; at += 1) expect(() => open({ limit: 6 }, 'taken')).toThrow('OptionRange');
  const after = completion.newId();
  completion.forget(after);
  expect(after & 0xffffff).toBe(before & 0xffffff);
  native.limiterLeave(kept.handle, 0);
});

describe('the adaptive limiter', () => {
  test('permits are taken from the cells, with their times, and are free a window later', () => {
    const limiter = open({ limit: 3 });
    expect(spend(limiter, 1, 100)).toBe(false);
    expect(native.limiterTry(limiter.handle, 1, 100)).toBe(1);
    expect(limiter.cells[LEASE]).toBe(2);
    expect(spend(limiter, 1, 104)).toBe(true);
    expect(spend(limiter, 1, 111)).toBe(false);
    expect(native.limiterTry(limiter.handle, 1, 111)).toBe(1);
    expect(native.limiterTry(limiter.handle, 1, 1099.9)).toBe(0);
    expect(native.limiterRetryAfter(limiter.handle, 1, 1099)).toBe(1);
    expect(native.limiterTry(limiter.handle, 1, 1100)).toBe(1);
    expect(native.limiterTry(limiter.handle, 1, 1103)).toBe(0);
    expect(native.limiterTry(limiter.handle, 1, 1104)).toBe(1);
  });

  test('who waits is granted in one event, and what is released may be handed on', () => {
    const limiter = open({ limit: 0, concurrency: 2 });
    expect(spend(limiter, 2, 0)).toBe(false);
    native.limiterPass(limiter.handle, 0);
    expect(spend(limiter, 2, 0)).toBe(true);
    expect(limiter.numbers[IN.FULL]).toBe(1);
    expect(native.limiterAcquire(limiter.handle, 1, 1)).toBe(1);
    expect([limiter.cells[ROOM], limiter.cells[HANDS_ON], limiter.cells[QUEUED]]).toEqual([-1, 1, 1]);
    expect(limiter.numbers[OUT.WAKE_AT]).toBe(Infinity);
    wait(limiter, 3, 1);
    limiter.numbers[IN.REQUESTS] = limiter.numbers[IN.THROTTLED] = 2;
    limiter.numbers[IN.HELD] -= 2;
    limiter.numbers[IN.LOOSE] += 2;
    native.limiterRelease(limiter.handle, 2, 0, 60);
    expect(events(limiter)).toEqual([[1, 1, 2, 0]]);
    // the two that came back are with those who were granted, who have not heard of it
    expect(limiter.numbers[IN.LOOSE]).toBe(2);
    limiter.numbers[IN.LOOSE] -= 2;
    limiter.numbers[IN.HELD] += 2;
    wait(limiter, 0, 0);
    native.limiterPass(limiter.handle, 61);
    expect([limiter.cells[ROOM], status(limiter, 61)[8], status(limiter, 61)[9]]).toEqual([0, 4, 3]);
  });

  test('a hold, as many as may wait, other limits and the counts', () => {
    const limiter = open({ limit: 2, maxQueue: 1 });
    expect(native.limiterTry(limiter.handle, 2, 0)).toBe(1);
    limiter.numbers[IN.HELD] += 2;
    expect(native.limiterAcquire(limiter.handle, 1, 10)).toBe(1);
    expect(limiter.numbers[OUT.WAKE_AT]).toBe(1000);
    wait(limiter, 1, 1);
    limiter.numbers[IN.SUCCESSES] = 3;
    limiter.numbers[IN.FAILURES] = 1;
    limiter.numbers[IN.LATENCY_MS] = 100;
    limiter.numbers[IN.LATENCIES] = 4;
    native.limiterUpdate(limiter.handle, 5, 2000, 20);
    expect(events(limiter)).toEqual([[1, 1, 1, 0]]);
    expect([limiter.numbers[IN.SUCCESSES], limiter.numbers[IN.LOOSE]]).toEqual([0, 1]);
    limiter.numbers[IN.LOOSE] -= 1;
    limiter.numbers[IN.HELD] += 1;
    wait(limiter, 0, 0);
    limiter.cells[QUEUED] -= 1;
    native.limiterRelease(limiter.handle, 0, 500, 30);
    expect(native.limiterAcquire(limiter.handle, 1, 40)).toBe(1);
    expect(limiter.numbers[OUT.WAKE_AT]).toBe(530);
    wait(limiter, 0, 0);
    limiter.numbers[IN.REJECTED] = 1;
    limiter.cells[QUEUED] -= 1;
    expect(status(limiter, 60)).toEqual([5, 2, 2000, 0, 3, 0, 5, 5, 3, 2, 1, 25, 0.75, -1, 0, 0]);
    limiter.cells[QUEUED] = 1;
    expect(native.limiterAcquire(limiter.handle, 1, 70)).toBe(-1);
  });

  test('an adjustment is told with its reason', () => {
    const adapt = {
      target: 'limit', minLimit: 1, maxLimit: 20, intervalMs: 100, successRateAbove: 0.9, latencyBelowMs: 100,
      successRateBelow: 0.7, latencyAboveMs: 500, algorithm: 'aimd',
    };
    const limiter = open({ adapt });
    native.limiterPass(limiter.handle, 0);
    expect(limiter.times[LOOK]).toBe(100);
    limiter.numbers[IN.FAILURES] = 5;
    expect(spend(limiter, 1, 100)).toBe(false);
    native.limiterPass(limiter.handle, 100);
    expect(events(limiter)).toEqual([[2, 10, 7, 2]]);
  });

  test('a name is one limiter, and asks for the same options', () => {
    const [one, two] = [open({ limit: 2 }, 'door'), open({ limit: 2 }, 'door')];
    native.limiterPass(one.handle, 0);
    expect(spend(two, 2, 0)).toBe(true);
    expect(native.limiterTry(one.handle, 1, 5)).toBe(0);
    expect(() => open({ limit: 3 }, 'door')).toThrow(/given with the same options/);
  });

  test('another thread is told of what waits for it, and gives back what it had when it ends', async () => {
    let hear;
    const heard = new Promise((resolve) => { hear = resolve; });
    const limiter = open({ limit: 0, concurrency: 3 }, 'threads', () => hear());
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const native = require(workerData.native);
      const completion = require(workerData.completion);
      let handle;
      completion.subscribe(() => {}, (shell, id) => { handle = native.limiterOpen(workerData.config, 'threads', shell, id); });
      const numbers = new Float64Array(native.limiterInbox(handle));
      const taken = native.limiterTry(handle, 3, 0);
      numbers[5] = 3;
      globalThis.keep = handle;
      parentPort.on('message', () => {});
      parentPort.postMessage(taken);`;
    const root = path.join(__dirname, '..', '..', 'lib');
    const worker = new Worker(source, {
      eval: true,
      workerData: {
        native: path.join(root, 'native.js'), completion: path.join(root, 'completion.js'),
        config: config({ limit: 0, concurrency: 3 }),
      },
    });
    expect(await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))).toBe(1);
    expect(native.limiterAcquire(limiter.handle, 2, 1)).toBe(1);
    wait(limiter, 1, 2);
    completion.hold();
    await worker.terminate();
    await heard;
    completion.release();
    native.limiterPass(limiter.handle, 2);
    expect(events(limiter)).toEqual([[1, 2, 1, 0]]);
  });

  test('a name is free when the last has left it', () => {
    const [one, two] = [open({ limit: 2 }, 'left'), open({ limit: 2 }, 'left')];
    native.limiterLeave(one.handle, 0);
    native.limiterLeave(one.handle, 0);
    expect(() => open({ limit: 3 }, 'left')).toThrow(/given with the same options/);
    native.limiterLeave(two.handle, 0);
    const three = open({ limit: 3 }, 'left');
    expect(native.limiterTry(three.handle, 3, 0)).toBe(1);
  });
});

describe('the keyed limiter', () => {
  const [EXACT, COUNTER, GCRA] = [0, 1, 2];
  const keyed = (algorithm, limit, name = null, prefix = '') => {
    const handle = native.keyedOpen(algorithm, 1000, limit, 1000, 2 ** 20, prefix, name);
    return { handle, numbers: new Float64Array(native.keyedNumbers(handle)) };
  };

  test.each([['exact', EXACT], ['counter', COUNTER], ['gcra', GCRA]])('%s: checks, numbers and retry', (_, algorithm) => {
    const { handle, numbers } = keyed(algorithm, 2);
    expect(native.keyedCheck(handle, 'a', 1, 0)).toBe(1);
    expect(native.keyedLook(handle, 'a', 1, -1, 0)).toBe(1);
    expect(Array.from(numbers.subarray(0, 3))).toEqual([0, 2, 0]);
    expect(numbers[4]).toBe(1000);
    expect(native.keyedLook(handle, 'a', 1, -1, 10)).toBe(0);
    const retry = native.keyedRetryAfter(handle, 'a', 1, -1, 10);
    expect(numbers[2]).toBe(retry);
    expect(native.keyedCheck(handle, 'a', 1, 10 + retry - 1)).toBe(0);
    expect(native.keyedCheck(handle, 'a', 1, 10 + retry)).toBe(1);
    expect(native.keyedLook(handle, 'b', 3, 3, 10 + retry)).toBe(1);
    expect(native.keyedLook(handle, 'c', 1, 0, 10 + retry)).toBe(0);
    native.keyedStats(handle);
    expect(Array.from(numbers.subarray(7, 10))).toEqual([4, 3, 0]);
    expect(numbers[5]).toBe(2);
    expect(numbers[6]).toBeGreaterThan(0);
  });

  test('many keys at once, resets, a prefix of its own under a shared name', () => {
    const [one, two] = [keyed(EXACT, 1, 'door', 'x:'), keyed(EXACT, 1, 'door')];
    const out = new Uint8Array(4);
    native.keyedMany(one.handle, ['a', 'b', 'a', 'ü€😀'.repeat(200)], out, 0);
    expect(Array.from(out)).toEqual([1, 1, 0, 1]);
    expect(native.keyedCheck(two.handle, 'x:a', 1, 0)).toBe(0);
    expect(native.keyedCheck(two.handle, 'a', 1, 0)).toBe(1);
    native.keyedReset(one.handle, 'a');
    expect(native.keyedCheck(two.handle, 'x:a', 1, 0)).toBe(1);
    native.keyedUpdate(two.handle, 2, 1000);
    expect(native.keyedCheck(one.handle, 'a', 1, 0)).toBe(1);
    native.keyedResetAll(one.handle);
    native.keyedStats(two.handle);
    expect(two.numbers[5]).toBe(0);
    expect(native.keyedSweep(one.handle, 10)).toBe(false);
  });
});
