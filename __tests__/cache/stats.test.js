'use strict';
// Statistics of a cache, and metrics() of the process.
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { TieredCache, metrics } = require('sluice');

const root = path.join(__dirname, '..', '..');
const valueOf = (text, metric, labels) => {
  const line = text.split('\n').find((one) => one.startsWith(`${metric}{${labels}} `));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
};
let names = 0;
const newName = () => `stats-${process.pid}-${(names += 1)}`;

describe.each([['reference'], ['bytes']])('store: %s', (store) => {
  test('the whole of it, before anything happened', async () => {
    jest.useFakeTimers({ now: 1_700_000_000_000 });
    try {
      const cache = new TieredCache({ memory: { store } });
      expect(cache.getStats()).toStrictEqual({
        totalRequests: 0, hits: { l1: 0, l2: 0, l3: 0 }, misses: 0,
        hitRate: '0.00%', l1HitRate: '0.00%', l2HitRate: '0.00%', l3HitRate: '0.00%',
        memory: { bytes: 0, entries: 0, evictions: 0 },
        coalesced: 0, negativeHits: 0, staleServed: 0, degraded: 0, droppedWrites: 0, damaged: 0, invalidations: 0,
        since: new Date(1_700_000_000_000),
      });
      await cache.close();
    } finally {
      jest.useRealTimers();
    }
  });

  test('each logical get counts once, however it is asked', async () => {
    const cache = new TieredCache({ memory: { store } });
    await cache.set('a', { a: 1 });
    const reads = [
      () => cache.get('a'), () => cache.get('a'), () => cache.get('a', {}), () => cache.getSync('a'), () => cache.getEntry('a'), () => cache.getBytes('a'),
      () => cache.getMany(['a']), () => cache.getOrSet('a', () => 1), () => cache.getOrSet('a', () => 1, { ttl: 5 }), () => cache.namespace('n').get('x'),
    ];
    for (const [at, read] of reads.entries()) {
      await read();
      expect({ at, total: cache.getStats().totalRequests }).toEqual({ at, total: at + 1 });
    }
    await cache.getMany(['a', 'b', 'c']);
    expect(cache.getStats()).toMatchObject({ totalRequests: 13, hits: { l1: 10, l2: 0, l3: 0 }, misses: 3, hitRate: '76.92%', l1HitRate: '76.92%' });
    for (const other of [() => cache.has('a'), () => cache.ttl('a'), () => cache.hasSync('a'), () => cache.keys(), () => cache.set('b', 1), () => cache.delete('b')]) await other();
    expect(cache.getStats().totalRequests).toBe(13);
    await cache.close();
  });

  test('hit rates have two decimals', async () => {
    const cache = new TieredCache({ memory: { store } });
    await cache.set('a', 1);
    for (let at = 0; at < 9; at += 1) await cache.get('a');
    await cache.get('none');
    expect(cache.getStats()).toMatchObject({ hitRate: '90.00%', l1HitRate: '90.00%', l2HitRate: '0.00%' });
    await cache.close();
  });

  test('resetting begins anew, for this instance; metrics go on, also when it closes', async () => {
    const name = newName();
    const cache = new TieredCache({ name, memory: { store } });
    await cache.set('a', 1);
    await cache.get('a');
    await cache.get('b');
    const before = cache.getStats().since;
    await new Promise((resolve) => setTimeout(resolve, 5));
    cache.resetStats();
    expect(cache.getStats()).toMatchObject({ totalRequests: 0, misses: 0, hitRate: '0.00%', memory: { entries: 1 } });
    expect(cache.getStats().since.getTime()).toBeGreaterThan(before.getTime());
    await cache.get('a');
    expect(cache.getStats().totalRequests).toBe(1);
    expect(valueOf(metrics(), 'sluice_cache_requests_total', `name="${name}"`)).toBe(3);
    expect(valueOf(metrics(), 'sluice_cache_memory_entries', `name="${name}"`)).toBe(1);
    await cache.close();
    expect(valueOf(metrics(), 'sluice_cache_requests_total', `name="${name}"`)).toBe(3);
    expect(cache.getStats().totalRequests).toBe(1);
  });
});

describe('metrics', () => {
  test('equal names are summed, other names kept apart and escaped', async () => {
    const [one, two] = [newName(), `${newName()} "quoted" \\ \n`];
    const caches = [new TieredCache({ name: one }), new TieredCache({ name: one, memory: { store: 'bytes' } }), new TieredCache({ name: two })];
    for (const cache of caches) {
      await cache.set('a', 1);
      await cache.get('a');
      await cache.get('none');
    }
    const text = metrics();
    expect(valueOf(text, 'sluice_cache_requests_total', `name="${one}"`)).toBe(4);
    expect(valueOf(text, 'sluice_cache_hits_total', `name="${one}",tier="l1"`)).toBe(2);
    expect(valueOf(text, 'sluice_cache_hits_total', `name="${one}",tier="l2"`)).toBe(0);
    expect(valueOf(text, 'sluice_cache_memory_entries', `name="${one}"`)).toBe(2);
    const escaped = two.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
    expect(valueOf(text, 'sluice_cache_misses_total', `name="${escaped}"`)).toBe(1);
    await Promise.all(caches.map((cache) => cache.close()));
  });

  test('it is text that a scraper reads: a HELP and a TYPE for each metric, its samples behind them', async () => {
    const cache = new TieredCache({ name: newName() });
    await cache.get('a');
    const text = metrics();
    expect(text.endsWith('\n')).toBe(true);
    const seen = new Map();
    let current;
    for (const line of text.trimEnd().split('\n')) {
      const [, kind, metric, rest] = /^# (HELP|TYPE) (\w+) (.+)$/.exec(line) ?? [];
      if (kind === 'HELP') {
        expect(seen.has(metric)).toBe(false);
        seen.set(metric, 0);
        current = metric;
      } else if (kind === 'TYPE') {
        expect([metric, rest]).toEqual([current, metric.endsWith('_total') ? 'counter' : 'gauge']);
      } else {
        expect(line).toMatch(/^\w+\{name="(?:[^"\\\n]|\\["\\n])*"(?:,\w+="[^"]*")*\} \d+(?:\.\d+)?$/);
        expect(line.startsWith(`${current}{`)).toBe(true);
        expect(current).toMatch(/^sluice_(cache|batch|limiter|keyed_limiter)_[a-z_]+$/);
        seen.set(current, seen.get(current) + 1);
      }
    }
    for (const [metric, samples] of seen) expect({ metric, some: samples > 0 }).toEqual({ metric, some: true });
    expect(seen.has('sluice_cache_requests_total')).toBe(true);
    await cache.close();
  });

  test('all threads of the process count', async () => {
    const name = newName();
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { TieredCache } = require(${JSON.stringify(root)});
      const cache = new TieredCache({ name: workerData, memory: { shared: workerData } });
      (async () => {
        await cache.set('of the worker', 1);
        for (let at = 0; at < 5; at += 1) await cache.get('of the worker');
        parentPort.on('message', () => process.exit());
        parentPort.postMessage('ready');
      })();`;
    const cache = new TieredCache({ name, memory: { shared: name } });
    await cache.get('nothing');
    const worker = new Worker(source, { eval: true, workerData: name });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(await cache.get('of the worker')).toBe(1);
    expect(cache.getStats()).toMatchObject({ totalRequests: 7, hits: { l1: 6 }, misses: 1 });
    expect(valueOf(metrics(), 'sluice_cache_requests_total', `name="${name}"`)).toBe(7);
    const left = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage('end');
    await left;
    expect(valueOf(metrics(), 'sluice_cache_requests_total', `name="${name}"`)).toBe(7);
    expect(cache.getStats().totalRequests).toBe(7);
    await cache.close();
  });
});
