'use strict';
// Statistics cells: threads count in their own, sums go over all, and what ended threads counted stays.
const { Worker } = require('node:worker_threads');
const native = require('../../lib/native');

const nativePath = require.resolve('../../lib/native');
const counts = (noun, name) => new Map(JSON.parse(native.counterSums(noun))).get(name);

test('each thread counts in its own cells; sums go over all and keep what ended threads counted', async () => {
  const own = new Float64Array(native.openCounters('fig', 'n', 'shared', 2));
  own[0] += 1;
  own[1] += 0.5;
  const code = `
    const native = require(${JSON.stringify(nativePath)});
    const cells = new Float64Array(native.openCounters('fig', 'n', 'shared', 2));
    for (let i = 0; i < 1000; i += 1) cells[0] += 1;
    require('node:worker_threads').parentPort.postMessage('counted');
    setInterval(() => cells[0], 1000);`;
  const workers = Array.from({ length: 4 }, () => new Worker(code, { eval: true }));
  await Promise.all(workers.map((worker) => new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  })));
  const sum = new Float64Array(2);
  native.sumCounters('fig', 'n', 'shared', sum);
  expect([...sum]).toEqual([4001, 0.5]);
  expect(counts('fig', 'n')).toEqual([4001, 0.5]);
  await Promise.all(workers.map((worker) => worker.terminate()));
  native.sumCounters('fig', 'n', 'shared', sum);
  expect([...sum]).toEqual([4001, 0.5]);
  expect(counts('fig', 'n')).toEqual([4001, 0.5]);
});

test('instances of one name are told apart', () => {
  const [one, other] = ['a', 'b'].map((instance) => new Float64Array(native.openCounters('date', '"n"', instance, 1)));
  one[0] = 3;
  other[0] = 4;
  const sum = new Float64Array(1);
  native.sumCounters('date', '"n"', 'a', sum);
  expect([...sum]).toEqual([3]);
  expect(counts('date', '"n"')).toEqual([7]);
  expect(counts('date', 'none')).toBeUndefined();
});
