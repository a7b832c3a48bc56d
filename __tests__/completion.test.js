'use strict';
// The completion queue and the shared cells: what native threads and several JavaScript threads do at once.
const { addon } = require('./hooks');
const { Worker } = require('node:worker_threads');
const native = require('../lib/native');
const { begin, nextTurn } = require('../lib/completion');

const COUNT = 10_000;
const blockFor = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe('the completion queue', () => {
  test('settles 10,000 completions of 4 native threads, each once, in its own promise', async () => {
    const ids = [];
    let shell;
    const promises = Array.from({ length: COUNT }, () => begin((number, id) => {
      shell = number;
      ids.push(id);
    }));
    expect(new Set(ids).size).toBe(COUNT);
    native.testComplete(shell, ids, 4);
    expect(await Promise.all(promises)).toEqual(Array(COUNT).fill(undefined));
  });

  test('wakes the event loop once for all that ended while it was busy', async () => {
    const wakeUps = [];
    let done;
    const all = new Promise((resolve) => (done = resolve));
    const settle = (list) => {
      wakeUps.push(list);
      if (wakeUps.reduce((sum, { length }) => sum + length / 3, 0) === COUNT) done();
    };
    const shell = native.registerShell(settle);
    native.hold(shell);
    native.testComplete(shell, Array.from({ length: COUNT }, (_, at) => at + 1), 4);
    blockFor(1000);
    await all;
    native.release(shell);
    expect(wakeUps.length).toBeLessThanOrEqual(2);
    const ids = wakeUps.flat().filter((_, at) => at % 3 === 0).sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: COUNT }, (_, at) => at + 1));
    expect(wakeUps.flat().filter((_, at) => at % 3 === 1).every((ok) => ok === true)).toBe(true);
  });

  test('settles copies of the shell apart from each other', async () => {
    const seen = { a: [], b: [] };
    const settleA = (list) => seen.a.push(...list);
    const settleB = (list) => seen.b.push(...list);
    const [a, b] = [native.registerShell(settleA), native.registerShell(settleB)];
    native.hold(a);
    native.hold(b);
    native.nextTurn(a, 7);
    native.nextTurn(b, 7);
    native.nextTurn(a, 8);
    await nextTurn();
    native.release(a);
    native.release(b);
    expect(seen).toEqual({ a: [7, true, undefined, 8, true, undefined], b: [7, true, undefined] });
  });

  test('is a turn of the event loop: microtasks and immediates come before it settles', async () => {
    const order = [];
    const turn = nextTurn().then(() => order.push('turn'));
    Promise.resolve().then(() => order.push('microtask'));
    order.push('here');
    await turn;
    expect(order).toEqual(['here', 'microtask', 'turn']);
  });

  test('rejects work that was dropped unsettled', async () => {
    await expect(begin(native.testDropAsync)).rejects.toMatchObject({ code: 'ERR_INTERNAL', detail: 'it was dropped' });
  });

  test('rejects when the work cannot be started, and holds nothing then', async () => {
    await expect(begin(() => { throw new Error('no'); })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    await expect(begin(native.nextTurn)).resolves.toBeUndefined();
  });

  test('refuses a shell that was never registered', () => {
    expect(() => native.hold(4_000_000)).toThrow('no shell 4000000');
    expect(() => native.release(4_000_000)).toThrow('no shell 4000000');
  });
});

describe('shared cells', () => {
  test('two worker threads decrement one cell, and each step is taken by one of them', async () => {
    const steps = 200_000;
    const name = `decrement-${process.pid}-${Date.now()}`;
    const cells = new Int32Array(native.openCells(name, 3));
    Atomics.store(cells, 0, steps);
    // the workers start together, once both have counted themselves in
    const body = `
      process.env.NAPI_RS_NATIVE_LIBRARY_PATH = ${JSON.stringify(addon)};
      const { parentPort } = require('node:worker_threads');
      const native = require(${JSON.stringify(require.resolve('../lib/native'))});
      const cells = new Int32Array(native.openCells(${JSON.stringify(name)}, 3));
      Atomics.add(cells, 1, 1);
      while (Atomics.load(cells, 1) < 2);
      let taken = 0;
      for (;;) {
        const left = Atomics.load(cells, 0);
        if (left === 0) break;
        if (Atomics.compareExchange(cells, 0, left, left - 1) === left) taken += 1;
      }
      parentPort.postMessage(taken);`;
    const taken = await Promise.all([0, 1].map(() => new Promise((resolve, reject) => {
      const worker = new Worker(body, { eval: true });
      worker.on('message', resolve);
      worker.on('error', reject);
    })));
    expect(taken[0] + taken[1]).toBe(steps);
    expect(cells[0]).toBe(0);
  });

  test('one name is one memory, another name another, and a new one is zeros', () => {
    const [a, b] = [new Int32Array(native.openCells('one', 2)), new Int32Array(native.openCells('one', 2))];
    const other = new Int32Array(native.openCells('other', 2));
    expect([...other]).toEqual([0, 0]);
    a[1] = 42;
    expect([b[1], other[1]]).toEqual([42, 0]);
  });

  test('one name with another length is refused', () => {
    const cells = native.openCells('length', 4);
    expect(() => native.openCells('length', 5)).toThrow('these cells are 4 long');
    expect(cells.byteLength).toBe(16);
  });
});
