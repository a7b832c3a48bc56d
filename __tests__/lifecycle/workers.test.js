'use strict';
// Worker threads that are terminated while native work of theirs is in flight.
const { runChild } = require('../child');

test('50 worker threads can be terminated mid-call', async () => {
  const { code, signal, out, err } = await runChild(`
    const { Worker } = require('node:worker_threads');
    const body = ${JSON.stringify(`
      const { parentPort, workerData } = require('node:worker_threads');
      const native = require(workerData.native);
      const { begin, nextTurn } = require(workerData.completion);
      const sluice = require(workerData.sluice);
      const large = Buffer.from(JSON.stringify(Array.from({ length: 20000 }, (_, at) => ({ at, text: 'x'.repeat(at % 9) }))));
      const frame = Buffer.from('data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}\\n\\n');
      const cells = new Int32Array(native.openCells('lifecycle', 1));
      const guarded = native.testGuarded();
      // threads of the pool, threads of their own, turns of the loop and panics, all in flight when it is terminated
      (async () => {
        for (let round = 0; ; round++) {
          const ids = [];
          let number;
          const open = Array.from({ length: 50 }, () => begin((shell, id) => { number = shell; ids.push(id); }));
          native.testComplete(number, ids, 2);
          open.push(begin((shell, id) => native.testSleep(shell, id, 1)), begin(native.testPanicAsync).catch(() => {}), nextTurn());
          await Promise.all(open.splice(0, 50));
          native.testCall(guarded, false);
          // a body large enough to be read on the pool, and a stream, still open when it is terminated
          open.push(sluice.JsonDocument.parse(large).then((document) => document.toObject()));
          const assembler = new sluice.StreamAssembler({ from: 'openai-chat', to: 'claude' });
          assembler.push(frame);
          Atomics.add(cells, 0, 1);
          if (round === 0) parentPort.postMessage('running');
        }
      })();`)};
    const files = { sluice: require.resolve('./index.js'), native: require.resolve('./lib/native.js'), completion: require.resolve('./lib/completion.js') };
    const one = (at) => new Promise((resolve, reject) => {
      const worker = new Worker(body, { eval: true, workerData: files });
      worker.on('error', reject);
      worker.on('message', () => setTimeout(() => worker.terminate().then(resolve, reject), at % 7));
    });
    (async () => {
      for (let batch = 0; batch < 5; batch++) await Promise.all(Array.from({ length: 10 }, (_, at) => one(at)));
      await begin((shell, id) => native.testSleep(shell, id, 20));
      console.log('alive', new Int32Array(native.openCells('lifecycle', 1))[0] >= 0);
    })();`);
  expect({ code, signal, out, fatal: err.match(/fatal|assert/i) }).toEqual({ code: 0, signal: null, out: 'alive true\n', fatal: null });
});

test('20 workers that end by themselves, each with its own queue, leave nothing behind', async () => {
  const { code, signal, out } = await runChild(`
    const { Worker } = require('node:worker_threads');
    const body = ${JSON.stringify(`
      const { parentPort, workerData } = require('node:worker_threads');
      const { begin, nextTurn } = require(workerData.completion);
      const native = require(workerData.native);
      Promise.all(Array.from({ length: 20 }, (_, at) => begin((shell, id) => native.testSleep(shell, id, at % 3)).then(nextTurn)))
        .then((all) => parentPort.postMessage(all.length));`)};
    const files = { native: require.resolve('./lib/native.js'), completion: require.resolve('./lib/completion.js') };
    let sum = 0;
    const one = () => new Promise((resolve, reject) => {
      const worker = new Worker(body, { eval: true, workerData: files });
      worker.on('error', reject);
      worker.on('message', (count) => (sum += count));
      worker.on('exit', resolve);
    });
    Promise.all(Array.from({ length: 20 }, one)).then((codes) => console.log(sum, codes.every((code) => code === 0)));`);
  expect([code, signal, out]).toEqual([0, null, '400 true\n']);
});
