'use strict';
// When a process with a durable buffer ends, and what is there afterwards.
const { cleanUp, folder, leave, left, run } = require('./support');

afterEach(cleanUp);

const items = async (where) => (await left(where)).map(({ item }) => item);

test('an idle durable buffer keeps no process alive', async () => {
  const { code, signal } = await run('new BatchBuffer(async () => {}, { durable: where });', folder());
  expect([code, signal]).toEqual([0, null]);
});

test('one that waits only for its owner neither; its items are there afterwards', async () => {
  const where = folder();
  const { code, out } = await run(`
    const buffer = new BatchBuffer(null, { durable: where });
    for (let n = 0; n < 3; n++) buffer.enqueue(n).then((id) => say('accepted'));`, where);
  expect([code, out]).toEqual([0, ['accepted', 'accepted', 'accepted']]);
  expect(await items(where)).toEqual([0, 1, 2]);
});

test('one that is being stored, delivered and forgotten keeps it until then', async () => {
  const where = folder();
  const { code, out } = await run(`
    const buffer = new BatchBuffer(async (items) => void say(...items), { durable: where, batchTimeout: 5 });
    buffer.add('one');
    buffer.add('two');`, where);
  expect([code, out]).toEqual([0, ['one two']]);
  expect(await items(where)).toEqual([]);
});

test('a process that does nothing but open the folder delivers what is left there', async () => {
  const where = folder();
  await leave(where, ['a', 'b']);
  const { code, out } = await run('new BatchBuffer(async (items) => void say(...items), { durable: where });', where);
  expect([code, out]).toEqual([0, ['a b']]);
  expect(await items(where)).toEqual([]);
});

test('process.exit in the handler: what it was given comes back', async () => {
  const where = folder();
  const { code } = await run(`
    const buffer = new BatchBuffer(() => process.exit(3), { durable: where, batchSize: 2 });
    buffer.enqueue('a');
    buffer.enqueue('b');
    buffer.enqueue('c');`, where);
  expect(code).toBe(3);
  expect(await items(where)).toEqual(['a', 'b', 'c']);
});

test('process.exit with a submission on its way: what was accepted is there, and the folder opens', async () => {
  const where = folder();
  const { code, out } = await run(`
    const buffer = new BatchBuffer(null, { durable: where, maxSize: 1e6 });
    (async () => {
      for (let n = 0; n < 20; n++) say(await buffer.enqueue(n).then(() => n));
      for (let n = 20; n < 2000; n++) buffer.enqueue(n).then(() => say(n), () => {});
      await null;
      await null;
      process.exit(0);
    })();`, where);
  expect(code).toBe(0);
  const found = new Set(await items(where));
  expect(out.length).toBeGreaterThanOrEqual(20);
  expect(out.map(Number).filter((n) => !found.has(n))).toEqual([]);
});

test('a buffer that nobody holds any more gives its folder back', async () => {
  const { code, out } = await run(`
    (async () => {
      (function () { new BatchBuffer(null, { durable: { path: where, fsync: 'os' } }); })();
      for (let n = 0; n < 500; n++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 5));
        try {
          // with other options it may be opened only when the first is gone
          await new BatchBuffer(null, { durable: { path: where, fsync: 'always' } }).close();
          return say('given back');
        } catch (error) {
          if (error.code !== 'ERR_INVALID_OPTION') throw error;
        }
      }
    })();`, folder(), { before: ['--expose-gc'] });
  expect([code, out]).toEqual([0, ['given back']]);
});
