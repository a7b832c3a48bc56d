'use strict';
// What native calls take for an object of ours: nothing but that very kind of object, whoever made it.
const net = require('node:net');
const native = require('../../lib/native');
const { runChild } = require('../child');

const refused = (call) => expect(call).toThrow(expect.objectContaining({ code: 'InvalidArg' }));

test('what is no object of ours, or one of another kind, is refused', () => {
  const slots = native.slotsOpen(0, 10, Infinity, '', undefined);
  const seen = native.seenOpen(10, 1000);
  for (const other of [seen, {}, [], 'slots', 7, null, undefined, () => 1]) refused(() => native.slotsTouch(other, 0));
  refused(() => native.slotsOpen(0, 10, Infinity, '', slots));
  expect(native.slotsAdmit(slots, 'a', 0, 0)).toBe(0);
});

test("another's external is refused, unread", async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const socket = net.connect(server.address().port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const foreign = socket._handle._externalStream;
  expect(require('node:util').types.isExternal(foreign)).toBe(true);
  refused(() => native.slotsTouch(foreign, 0));
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test('threads come and go with objects of their own, which are freed', async () => {
  const { out, err } = await runChild(`
    const { Worker } = require('node:worker_threads');
    const body = \`
      const native = require('./lib/native');
      const held = [];
      for (let at = 0; at < 2000; at += 1) {
        const slots = native.slotsOpen(2, 1000, Infinity, '', undefined);
        if (native.slotsAdmit(slots, 'k' + at, 0, 0) !== 0) throw new Error('not a new one');
        if (at % 4 === 0) held.push(slots);
        if (at % 500 === 0) gc();
      }
      for (const slots of held) if (native.slotsAdmit(slots, 'other', 0, 0) !== 1) throw new Error('not what it was');
    \`;
    (async () => {
      const round = () => Promise.all([1, 2].map(() => new Promise((resolve, reject) => {
        const worker = new Worker(body, { eval: true });
        worker.once('error', reject);
        worker.once('exit', resolve);
      })));
      for (let at = 0; at < 3; at += 1) await round();
      const before = process.memoryUsage().rss;
      for (let at = 0; at < 6; at += 1) await round();
      gc();
      console.log(JSON.stringify({ grownMiB: (process.memoryUsage().rss - before) / 2 ** 20 }));
    })();
  `, { flags: ['--expose-gc'], env: { NAPI_RS_NATIVE_LIBRARY_PATH: '' } });
  expect(err).toBe('');
  // 24,000 tables of 4 KiB and more, were they kept
  expect(JSON.parse(out).grownMiB).toBeLessThan(60);
}, 60_000);
