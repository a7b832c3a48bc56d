'use strict';
// jest drops and loads the package again, 50 times, with work of the copies that were dropped still in flight.
require('../hooks');
const { runChild } = require('../child');

test('the module can be reset 50 times, and each copy settles its own promises', async () => {
  const open = [];
  const copies = new Set();
  for (let round = 0; round < 50; round++) {
    jest.resetModules();
    const sluice = require('sluice');
    const native = require('../../lib/native');
    const { begin, nextTurn } = require('../../lib/completion');
    copies.add(begin);
    expect(sluice.version).toBe(require('../../package.json').version);
    open.push(begin((shell, id) => native.testSleep(shell, id, 50)).then(() => round));
    await nextTurn();
  }
  expect(copies.size).toBe(50);
  expect(await Promise.all(open)).toEqual(Array.from({ length: 50 }, (_, round) => round));
});

test('copies that were dropped can be collected, and their native functions with them', async () => {
  const { code, out, err } = await runChild(`
    const { createRequire } = require('node:module');
    const load = () => {
      for (const file of Object.keys(require.cache)) if (!file.endsWith('.node')) delete require.cache[file];
      // a require of its own, since modules remember what they required
      return createRequire(process.cwd() + '/index.js')('./lib/completion.js');
    };
    (async () => {
      const refs = [];
      for (let round = 0; round < 50; round++) {
        const copy = load();
        await copy.nextTurn();
        refs.push(new WeakRef(copy.nextTurn));
      }
      load();
      for (let turn = 0; turn < 10; turn++) { await new Promise((resolve) => setTimeout(resolve, 5)); gc(); }
      const left = refs.filter((ref) => ref.deref()).length;
      console.log(left <= 2 ? 'collected' : left + ' left');
    })();`, { flags: ['--expose-gc'] });
  expect([code, out, err]).toEqual([0, 'collected\n', '']);
});

test('a copy that the garbage collector has gone over while idle still settles', async () => {
  const { code, out } = await runChild(`
    (async () => {
      for (let round = 0; round < 5; round++) {
        for (let turn = 0; turn < 5; turn++) { gc(); await new Promise(setImmediate); }
        await nextTurn();
      }
      console.log('settled');
    })();`, { flags: ['--expose-gc'] });
  expect([code, out]).toEqual([0, 'settled\n']);
});
