'use strict';
// An instance of a service: its effects are lines of a file. Orders come over the port: items to add, in order.
const fs = require('node:fs');
const { BatchBuffer } = require('../../..');
const lease = require('../../../lib/batch/lease');

const { url, file, leaseMs, options } = JSON.parse(process.argv[2]);
lease.leaseMs = leaseMs;

const buffer = new BatchBuffer((items, { keys }) => {
  items.forEach((_, at) => fs.appendFileSync(file, `${keys[at]}\n`));
  return items.map((item) => `${item} by ${process.pid}`);
}, { batchSize: 10, batchTimeout: 1, retries: 0, idempotency: { redis: { url, keyPrefix: 'p:', commandTimeoutMs: 5000 } }, ...options });
buffer.on('degraded', (part, { message }) => process.send({ degraded: `${part}: ${message}` }));

process.on('message', async ({ add, close }) => {
  if (close) {
    process.send({ closed: await buffer.close() });
    process.disconnect();
    return;
  }
  process.send({ results: await Promise.all(add.map((key) => buffer.add(`item ${key}`, { key }))) });
});
process.send({ ready: true });
