'use strict';
// How long another thread, process or host serves what has been changed: 2000 changes each, half of them deletes.
const path = require('node:path');
const { startRedis, stopAll } = require('../../redis');
const { cleanUp, eventually, folder, percentile, startInstance, startThread } = require('./support');

afterEach(cleanUp);
afterAll(stopAll);

const CHANGES = 2000;
const STALE_MS = 50;

const pairs = {
  'threads of one process': async () => {
    const options = { memory: { shared: `coherence-${process.pid}` } };
    return [await startThread(options), await startThread(options)];
  },
  'processes of one host, without Redis': async () => {
    const options = { disk: path.join(folder(), 'store') };
    return [await startInstance(options), await startInstance(options)];
  },
  'hosts, by Redis': async () => {
    const options = { redis: (await startRedis()).url };
    return [await startInstance(options), await startInstance(options)];
  },
  'hosts with disks of their own, by Redis': async () => {
    const redis = (await startRedis()).url;
    return [await startInstance({ redis, disk: path.join(folder(), 'a') }), await startInstance({ redis, disk: path.join(folder(), 'b') })];
  },
};

test.each(Object.keys(pairs))('%s', async (name) => {
  const [writer, reader] = await pairs[name]();
  const keys = Array.from({ length: CHANGES / 2 }, (_, at) => `key${at}`);
  await writer.call('setMany', keys.map((key) => [key, 'value', 600]));
  // What is to be deleted is in the reader's memory.
  await eventually(async () => (await reader.call('getMany', keys)).every((value) => value === 'value'), 'the reader has all');
  const watching = reader.tell('watch', { changes: CHANGES, limitMs: 120_000 });
  const made = await writer.tell('change', { changes: CHANGES, paceMs: 1 });
  const seen = await watching;
  const staleMs = ['sets', 'deletes'].flatMap((kind) => made[kind].map((at, index) => Math.max(0, seen[kind][index] - at)));
  expect(staleMs.filter((ms) => ms >= 0)).toHaveLength(CHANGES);
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => percentile(staleMs, share));
  console.log(`${name}: stale for ${p50.toFixed(1)} ms at the median, ${p99.toFixed(1)} ms p99, ${most.toFixed(1)} ms at most`);
  expect(p99).toBeLessThan(10 * STALE_MS);
});
