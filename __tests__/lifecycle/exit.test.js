'use strict';
// When a process ends: by itself after its last promise, at once when nothing is pending, never before.
const { runChild } = require('../child');

// far below the 10 s that an idle pool thread lingers, far above what a busy machine needs to start a process
const SOON_MS = 8_000;

test('a process that only loads the package exits by itself', async () => {
  const { code, ms } = await runChild('');
  expect(code).toBe(0);
  expect(ms).toBeLessThan(SOON_MS);
});

test('a process exits by itself after its last promise, though pool threads linger', async () => {
  const { code, out, ms } = await runChild(`
    begin((shell, id) => native.testSleep(shell, id, 100)).then(() => console.log('settled'));
    process.on('exit', () => console.log('exit'));`);
  expect([code, out]).toEqual([0, 'settled\nexit\n']);
  expect(ms).toBeLessThan(SOON_MS);
});

test('a process that waited once is idle again', async () => {
  const { code, out, ms } = await runChild(`
    (async () => {
      for (let i = 0; i < 100; i++) await nextTurn();
      await Promise.all([nextTurn(), begin((shell, id) => native.testSleep(shell, id, 20))]);
      console.log('idle');
    })();`);
  expect([code, out]).toEqual([0, 'idle\n']);
  expect(ms).toBeLessThan(SOON_MS);
});

test('a top-level await on native work keeps the process alive', async () => {
  const { code, out } = await runChild(`
    await begin((shell, id) => native.testSleep(shell, id, 300));
    console.log('after');`, { module: true });
  // 13 is what Node exits with when a top-level await never settles
  expect([code, out]).toEqual([0, 'after\n']);
});

test('process.exit with work in flight ends the process at once', async () => {
  const { code, signal, ms } = await runChild(`
    for (let i = 0; i < 20; i++) begin((shell, id) => native.testSleep(shell, id, 60000));
    setTimeout(() => process.exit(7), 50);`);
  expect([code, signal]).toEqual([7, null]);
  expect(ms).toBeLessThan(SOON_MS);
});

test('objects that nothing is asked of keep no process alive', async () => {
  const { code, out, ms } = await runChild(`
    const guarded = native.testGuarded();
    const cells = native.openCells('idle', 1);
    console.log(native.testCall(guarded, false), cells.byteLength);`);
  expect([code, out]).toEqual([0, '1 4\n']);
  expect(ms).toBeLessThan(SOON_MS);
});
