// What a million entries of 200 bytes do to a process: pauses of the garbage collector while it fills and under churn, growth of the heap,
// resident bytes an entry. Each contender in a process of its own, at the same number of entries.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { heading, report } from './race.mjs';

const ENTRIES = 1_000_000;
const BYTES = 200;
const CHURN = 2_000_000;
const SLICE = 5_000;
const FORCED = constants.NODE_PERFORMANCE_GC_FLAGS_FORCED;
/** For `store: 'bytes'`, so that a million entries fit and the rest has to leave. */
const MAX_BYTES = 345 * ENTRIES;

const require = createRequire(import.meta.url);
const contenders = {
  'lru-cache'() {
    const { LRUCache } = require('lru-cache');
    const cache = new LRUCache({ max: ENTRIES });
    return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value), size: () => cache.size };
  },
  'lru-cache with ttl'() {
    const { LRUCache } = require('lru-cache');
    const cache = new LRUCache({ max: ENTRIES, ttl: 3_600_000 });
    return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value), size: () => cache.size };
  },
  sluice: () => sluice({}),
  'sluice, near off': () => sluice({ near: false }),
};
function sluice(options) {
  const { TieredCache } = require('..');
  const cache = new TieredCache({ memory: { store: 'bytes', maxBytes: MAX_BYTES, ...options } });
  return {
    get: (key) => cache.getSync(key),
    set: (key, value) => cache.setSync(key, value, 3600),
    size: () => cache.getStats().memory.entries,
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const key = (at) => `user:profile:${at}`;
/** As it comes from a database: 200 bytes as JSON, parsed for this entry alone. */
const text = (at) => {
  const id = String(at).padStart(7, '0');
  return `{"id":${at + 1_000_000},"name":"User ${id}","email":"user.${id}@example.com","roles":["reader","editor"],"active":true,"created":"2026-01-01T00:00:00.000Z","address":{"city":"Utrecht","zip":"${id}"},"visits":${at % 10}}`;
};
const value = (at) => JSON.parse(text(at));
function settled() {
  for (let round = 0; round < 4; round += 1) globalThis.gc();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { rss, heap: heapUsed + external + arrayBuffers };
}

async function measure(name) {
  const cache = contenders[name]();
  // what V8 keeps of its own for so much garbage is not the cache's
  for (let at = 0; at < ENTRIES / 2; at += 1) {
    if (value(at).name === key(at)) throw new Error('never');
  }
  cache.set('warm', value(0));
  cache.get('warm');
  const before = settled();
  const pauses = [];
  // what `gc()` asks for is left out
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(({ duration, detail }) => detail.flags & FORCED || pauses.push(duration)));
  observer.observe({ entryTypes: ['gc'] });
  for (let at = 0; at < ENTRIES; at += 1) {
    cache.set(key(at), value(at));
    if (at % SLICE === 0) await turn();
  }
  await turn();
  observer.disconnect();
  const after = settled();
  const filled = cache.size();
  observer.observe({ entryTypes: ['gc'] });
  await turn();
  const began = process.hrtime.bigint();
  let seed = 1;
  for (let at = ENTRIES; at < ENTRIES + CHURN; at += 1) {
    cache.set(key(at), value(at));
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    cache.get(key(at - (seed % ENTRIES)));
    if (at % SLICE === 0) await turn();
  }
  const took = Number(process.hrtime.bigint() - began) / 1e6;
  await turn();
  observer.disconnect();
  const churned = settled();
  return {
    entries: filled,
    'resident bytes an entry': Math.round((after.rss - before.rss) / filled),
    'after churn': Math.round((churned.rss - before.rss) / cache.size()),
    'heap MB': +((after.heap - before.heap) / 1e6).toFixed(1),
    'heap MB after churn': +((churned.heap - before.heap) / 1e6).toFixed(1),
    'longest pause ms': +Math.max(0, ...pauses).toFixed(2),
    'pauses ms': Math.round(pauses.reduce((sum, pause) => sum + pause, 0)),
    'churn ms': Math.round(took),
  };
}

if (process.env.CONTENDER) {
  console.log(JSON.stringify(await measure(process.env.CONTENDER)));
} else {
  const { version } = JSON.parse(readFileSync(new URL('node_modules/lru-cache/package.json', import.meta.url), 'utf8'));
  heading(`${ENTRIES} entries of ${BYTES} bytes, then ${CHURN} sets of new keys with as many gets`, { 'lru-cache': version });
  const results = {};
  for (const name of Object.keys(contenders)) {
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url)], {
      env: { ...process.env, CONTENDER: name }, encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
    results[name] = JSON.parse(stdout.trim().split('\n').at(-1));
  }
  console.table(results);
  const [peer, ours] = [results['lru-cache with ttl'], results.sluice];
  const line = (what, peerValue, value, ratio, atLeast, reached) =>
    ({ what, peer: peerValue, sluice: value, ratio, 'at least': atLeast, reached: reached ? 'yes' : 'NO' });
  const [pause, ourPause] = [peer['longest pause ms'], ours['longest pause ms']];
  const [resident, ourResident] = [peer['resident bytes an entry'], ours['resident bytes an entry']];
  report([
    line('longest GC pause under churn, ms', pause, ourPause, `${(pause / ourPause).toFixed(1)}x`, '20x', ourPause * 20 <= pause),
    line('growth of the heap, MB', peer['heap MB after churn'], ours['heap MB after churn'], '', '< 5 MB', ours['heap MB after churn'] < 5),
    line('resident bytes an entry', resident, ourResident, `${(resident / ourResident).toFixed(2)}x`, '1x', ourResident <= resident),
  ]);
}
