'use strict';
// Eight worker threads on one shared memory, terminated at random in the middle of what they do.
const { cleanUp, sleep, startThread } = require('./support');

afterEach(cleanUp);

test('threads that are terminated leave the others a memory that works', async () => {
  const options = { memory: { shared: `threads-${process.pid}`, maxBytes: 4 * 1024 * 1024 } };
  const keys = 300;
  const steady = await Promise.all([1, 2].map(() => startThread(options)));
  for (const thread of steady) await thread.tell('startLoad', { width: 8, keys: 200, setEvery: 3 });
  let random = 17;
  const threads = [];
  for (let round = 0; round < 24; round += 1) {
    while (threads.length < 6) {
      const thread = await startThread(options);
      thread.tell(threads.length % 2 ? 'write' : 'startReading', { keys }).catch(() => {});
      threads.push(thread);
    }
    random = (random * 48_271) % 0x7fffffff;
    await sleep(random % 30);
    await threads.splice(random % threads.length, 1)[0].kill();
  }
  await Promise.all(threads.map((thread) => thread.kill()));
  for (const thread of steady) {
    const load = await thread.tell('stopLoad');
    expect({ errors: load.errors, wrong: load.wrong }).toEqual({ errors: [], wrong: 0 });
    expect(load.found).toBeGreaterThan(100);
  }
  const [one, other] = steady;
  const { wrong, whole } = await one.tell('audit', { keys });
  expect(wrong).toEqual([]);
  expect(whole).toBeGreaterThan(10);
  await one.call('set', 'key', 'value', 60);
  expect(await other.call('get', 'key')).toBe('value');
  await other.call('delete', 'key');
  expect(await one.call('get', 'key')).toBeNull();
});
