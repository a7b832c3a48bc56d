'use strict';
// A panic inside native code is an error with a code and an object that refuses; the process lives.
const { runChild } = require('../child');
require('../hooks');
const native = require('../../lib/native');
const { begin, nextTurn } = require('../../lib/completion');
const { call } = require('../../lib/errors');

test('a panic on a thread of the pool rejects with ERR_INTERNAL, and the pool goes on', async () => {
  for (let round = 0; round < 10; round++) {
    await expect(begin(native.testPanicAsync)).rejects.toMatchObject({ code: 'ERR_INTERNAL', detail: 'on purpose' });
    await expect(begin((shell, id) => native.testSleep(shell, id, 1))).resolves.toBeUndefined();
  }
});

test('a panic in an object throws ERR_INTERNAL and poisons that object alone', () => {
  const [object, other] = [native.testGuarded(), native.testGuarded()];
  const use = (which, panic) => call(native.testCall, which, panic);
  expect(use(object, false)).toBe(1);
  expect(() => use(object, true)).toThrow(expect.objectContaining({ code: 'ERR_INTERNAL', detail: 'on purpose' }));
  // it would count to 2 if it were used again
  for (let again = 0; again < 3; again++) {
    expect(() => use(object, false)).toThrow(expect.objectContaining({ code: 'ERR_INTERNAL', detail: 'on purpose' }));
  }
  expect([use(other, false), use(other, false)]).toEqual([1, 2]);
});

test('a process lives through panics of both kinds', async () => {
  const { code, signal, out } = await runChild(`
    (async () => {
      const failed = [];
      const object = native.testGuarded();
      try { native.testCall(object, true); } catch (error) { failed.push('thrown'); }
      await begin(native.testPanicAsync).catch((error) => failed.push(error.code));
      await nextTurn();
      console.log(failed.join());
    })();`);
  expect([code, signal, out]).toEqual([0, null, 'thrown,ERR_INTERNAL\n']);
});

test('every export of the door contains panics', () => {
  const { readFileSync, readdirSync } = require('node:fs');
  const path = require('node:path');
  const door = path.join(__dirname, '..', '..', 'src');
  const bare = readdirSync(door, { recursive: true })
    .filter((file) => file.endsWith('.rs'))
    .flatMap((file) => [...readFileSync(path.join(door, file), 'utf8').matchAll(/#\[napi(\([^)]*\))?\]\s*(?:\/\/.*\s*)*pub fn (\w+)/g)]
      .filter(([, options = '']) => !options.includes('catch_unwind'))
      .map(([, , name]) => `${file}: ${name}`));
  expect(bare).toEqual([]);
});

test('the released addon has no test hooks', async () => {
  const { out } = await runChild('console.log(Object.keys(native).filter((name) => /test/i.test(name)).length);', {
    env: { NAPI_RS_NATIVE_LIBRARY_PATH: '' },
  });
  expect(out).toBe('0\n');
});
