'use strict';
// Buffers with connections of their own that nobody closes and nobody has any more; prints how many connections are left.
// Run with --expose-gc.
const { BatchBuffer } = require('../../..');
const { Redis } = require('ioredis');

const [url, port] = process.argv.slice(2);
const look = new Redis(Number(port), '127.0.0.1');
const connections = async () => (await look.client('LIST')).split('\n').filter(Boolean).length - 1;

async function use() {
  const buffers = Array.from({ length: 10 }, () => new BatchBuffer((items) => items, { batchTimeout: 1, idempotency: { redis: url } }));
  await Promise.all(buffers.map((buffer, n) => buffer.add('x', { key: `k${n}` })));
  return connections();
}
(async () => {
  const before = await use();
  const end = performance.now() + 20_000;
  let after = before;
  while (after > 0 && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    global.gc();
    after = await connections();
  }
  console.log(`${before} ${after}`);
  look.disconnect();
})();
