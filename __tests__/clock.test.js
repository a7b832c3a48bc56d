'use strict';
// The clock of entries that expire: right to the millisecond, however it is cached and whoever replaces it.
const { runChild } = require('./child');
const { Slots } = require('../lib/cache/slots');

// the addon as it ships: nothing here needs test hooks
const shipped = { env: { NAPI_RS_NATIVE_LIBRARY_PATH: '' } };

const open = () => new Slots({ policy: 'lru', maxEntries: 10_000 });
/** Until a real millisecond has begun; no timer, so it holds the thread. */
function busyUntil(time) {
  while (performance.timeOrigin + performance.now() < time) { /* wait */ }
  while (Date.now() < time) { /* the two clocks may differ */ }
}
/** Enough hits for ticks to be written and used. */
function warm(slots) {
  slots.set('warm', 1, Date.now() + 3_600_000);
  const end = Date.now() + 80;
  while (Date.now() < end) for (let hit = 0; hit < 1000; hit += 1) if (!slots.get('warm')) throw new Error('lost');
}

test('a deadline that passes in one synchronous run is seen', () => {
  for (const lifetime of [20, 60, 300, 700, 1200]) {
    const slots = open();
    warm(slots);
    const deadline = Date.now() + lifetime;
    slots.set('k', 1, deadline);
    expect(slots.get('k')).toBe(1);
    busyUntil(deadline + 1);
    expect(slots.get('k')).toBe(undefined);
  }
});

test('read without end, an entry is served to the millisecond of its deadline, and not longer', () => {
  for (const lifetime of [40, 900]) {
    const slots = open();
    warm(slots);
    const deadline = Date.now() + lifetime;
    slots.set('k', 1, deadline);
    let lastFound = 0;
    for (;;) {
      const before = Date.now();
      const found = slots.get('k');
      const after = Date.now();
      if (found === undefined) {
        expect(after).toBeGreaterThan(deadline);
        break;
      }
      expect(before).toBeLessThanOrEqual(deadline);
      lastFound = before;
    }
    // how late the last hit was depends on how busy the machine is
    expect(deadline - lastFound).toBeLessThan(500);
  }
});

test('a busy wait between two hits of a warm store is seen, however long', async () => {
  const slots = open();
  for (let round = 0; round < 4; round += 1) {
    warm(slots);
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    const began = Date.now();
    keys.forEach((key, index) => slots.set(key, 1, began + 520 + index * 10));
    busyUntil(began + 620);
    const now = Date.now();
    const found = keys.filter((key) => slots.get(key));
    const then = Date.now();
    keys.forEach((key, index) => {
      const deadline = began + 520 + index * 10;
      if (deadline < now) expect(found).not.toContain(key);
      if (deadline >= then) expect(found).toContain(key);
    });
    await new Promise((resolve) => setTimeout(resolve, round * 80));
  }
});

test('fake timers, put in at any time, rule; so does the real clock after them', () => {
  const slots = open();
  warm(slots);
  const start = Date.now();
  slots.set('k', 1, start + 3_600_000);
  jest.useFakeTimers({ now: start });
  try {
    slots.set('short', 1, Date.now() + 1000);
    jest.advanceTimersByTime(1000);
    expect(slots.get('short')).toBe(1);
    jest.advanceTimersByTime(1);
    expect(slots.get('short')).toBe(undefined);
    expect(slots.get('k')).toBe(1);
    jest.setSystemTime(start + 3_600_001);
    slots.set('kept', 1, start + 3_600_000, Infinity);
    expect(slots.get('kept')).toBe(undefined);
  } finally {
    jest.useRealTimers();
  }
  expect(slots.get('kept')).toBe(1);
});

test('a spy on Date.now alone rules, too', () => {
  const slots = open();
  warm(slots);
  const start = Date.now();
  slots.set('k', 1, start + 10_000, Infinity);
  const spy = jest.spyOn(Date, 'now').mockReturnValue(start + 10_001);
  expect(slots.get('k')).toBe(undefined);
  spy.mockReturnValue(start + 10_000);
  expect(slots.get('k')).toBe(1);
  spy.mockRestore();
  expect(slots.get('k')).toBe(1);
});

test('a module that is loaded under a fake clock never takes it for the real one', () => {
  jest.useFakeTimers({ now: 5_000_000 });
  try {
    jest.resetModules();
    const { Slots: Fresh } = require('../lib/cache/slots');
    const slots = new Fresh({ policy: 'lru', maxEntries: 10 });
    slots.set('k', 1, 5_000_000 + 60_000);
    for (let hit = 0; hit < 5000; hit += 1) expect(slots.get('k')).toBe(1);
    jest.setSystemTime(5_060_001);
    expect(slots.get('k')).toBe(undefined);
  } finally {
    jest.useRealTimers();
  }
});

test('copies of the module share the ticks and keep their own time', () => {
  const before = open();
  jest.resetModules();
  const { Slots: Fresh } = require('../lib/cache/slots');
  expect(Fresh).not.toBe(Slots);
  const after = new Fresh({ policy: 'lru', maxEntries: 10 });
  for (const slots of [before, after]) {
    warm(slots);
    const deadline = Date.now() + 30;
    slots.set('k', 1, deadline);
    busyUntil(deadline + 1);
    expect(slots.get('k')).toBe(undefined);
  }
});

test('the process ends while the ticks are written, and takes no time while nobody reads', async () => {
  const began = Date.now();
  const { code, out } = await runChild(`
    const { Slots } = require('./lib/cache/slots');
    const slots = new Slots({ policy: 'lru', maxEntries: 10 });
    const cells = new Int32Array(native.clockCells());
    slots.set('k', 1, Date.now() + 3600000);
    const use = (ms) => { const end = Date.now() + ms; while (Date.now() < end) for (let hit = 0; hit < 100; hit += 1) slots.get('k'); };
    const idle = cells[0];
    use(100);
    const busy = cells[0];
    setTimeout(() => {
      const parked = cells[0];
      const before = process.cpuUsage();
      setTimeout(() => {
        const { user, system } = process.cpuUsage(before);
        use(50);
        console.log(JSON.stringify([idle, busy < 2 ** 31 - 1, parked, user + system < 60000, cells[0] < 2 ** 31 - 1]));
      }, 1000);
    }, 1500);`, shipped);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual([2 ** 31 - 1, true, 2 ** 31 - 1, true, true]);
  expect(Date.now() - began).toBeLessThan(25_000);
});

test('worker threads that are terminated while they read leave the ticks to the others', async () => {
  const { code, out } = await runChild(`
    const { Worker } = require('node:worker_threads');
    const body = ${JSON.stringify(`
      const { parentPort, workerData } = require('node:worker_threads');
      const { Slots } = require(workerData);
      const slots = new Slots({ policy: 's3fifo', maxEntries: 1000 });
      parentPort.postMessage('up');
      for (let step = 0; ; step += 1) { slots.set('k' + step % 2000, step, Date.now() + 3600000); slots.get('k' + (step * 7) % 2000); }`)};
    const one = () => new Promise((resolve, reject) => {
      const worker = new Worker(body, { eval: true, workerData: require.resolve('./lib/cache/slots.js') });
      worker.on('error', reject);
      worker.on('message', () => setTimeout(() => worker.terminate().then(resolve), 20));
    });
    (async () => {
      for (let round = 0; round < 5; round += 1) await Promise.all([one(), one(), one(), one()]);
      const { Slots } = require('./lib/cache/slots');
      const slots = new Slots({ policy: 'lru', maxEntries: 10 });
      const deadline = Date.now() + 700;
      slots.set('k', 1, deadline);
      let [before, last] = [0, 0];
      for (;;) {
        before = Date.now();
        if (!slots.get('k')) break;
        last = before;
      }
      console.log(Date.now() > deadline, last <= deadline);
    })();`, shipped);
  expect([code, out]).toEqual([0, 'true true\n']);
});
