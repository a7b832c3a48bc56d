// The limiters against the classes that services write themselves, and against bottleneck, p-queue, p-limit, rate-limiter-flexible and
// express-rate-limit's store, all in memory. Limits in Redis are a part of its own: limiter-redis.mjs.
import Bottleneck from 'bottleneck';
import { MemoryStore } from 'express-rate-limit';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import PQueue from 'p-queue';
import pLimit from 'p-limit';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { runParts } from './parts.mjs';
import { heading, race, report, row } from './race.mjs';

const { AdaptiveLimiter, KeyedLimiter } = createRequire(import.meta.url)('..');
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
const PEERS = ['bottleneck', 'p-queue', 'p-limit', 'rate-limiter-flexible', 'express-rate-limit'];
const [WINDOW_MS, CALLS, RUNS, KEYS] = [60_000, 100_000, 200, 1_000_000];

/** A window of tokens that begins anew, as services write it. */
class TokenWindow {
  constructor(limit, windowMs) {
    Object.assign(this, { limit, windowMs, tokens: limit, began: Date.now() });
  }
  tryAcquire() {
    const now = Date.now();
    if (now - this.began >= this.windowMs) {
      this.tokens = this.limit;
      this.began = now;
    }
    if (this.tokens <= 0) return false;
    this.tokens -= 1;
    return true;
  }
}
/** An array of times for each key, filtered at each check. */
class FilteredArray {
  constructor(limit, windowMs) {
    Object.assign(this, { limit, windowMs, requests: new Map() });
  }
  checkLimit(key) {
    const now = Date.now();
    const recent = (this.requests.get(key) ?? []).filter((at) => now - at < this.windowMs);
    this.requests.set(key, recent);
    if (recent.length >= this.limit) return false;
    recent.push(now);
    return true;
  }
}

heading('Limiters', Object.fromEntries(PEERS.map((name) => [name, version(name)])));
const rows = [];

const wide = new AdaptiveLimiter({ limit: 2 ** 30, windowMs: WINDOW_MS });
const tokens = new TokenWindow(2 ** 30, WINDOW_MS);
const times = (call) => () => { for (let at = 0; at < CALLS; at += 1) call(); };
const taken = await race({ peer: times(() => tokens.tryAcquire()), ours: times(() => wide.tryAcquire()) });
rows.push(row('tryAcquire, uncontended, against the token window', taken, 'ours', 'peer', 1));
console.log(`tryAcquire: ${(taken.ours / CALLS).toFixed(1)} ns, the token window ${(taken.peer / CALLS).toFixed(1)} ns`);

const noop = async () => {};
const four = new AdaptiveLimiter({ limit: 0, concurrency: 4 });
const bottleneck = new Bottleneck({ maxConcurrent: 4 });
const queue = new PQueue({ concurrency: 4 });
const limit = pLimit(4);
const oneByOne = (run) => async () => { for (let at = 0; at < RUNS; at += 1) await run(); };
const allAtOnce = (run) => () => Promise.all(Array.from({ length: RUNS }, run));
for (const [how, way] of [['one by one', oneByOne], ['all at once', allAtOnce]]) {
  const best = await race({
    bottleneck: way(() => bottleneck.schedule(noop)), 'p-queue': way(() => queue.add(noop)), 'p-limit': way(() => limit(noop)), ours: way(() => four.execute(noop)),
  }, { rounds: 15 });
  rows.push(row(`execute of a no-op, ${how}, against bottleneck`, best, 'ours', 'bottleneck', 50));
  rows.push(row(`execute of a no-op, ${how}, against p-queue`, best, 'ours', 'p-queue', 2));
  rows.push(row(`execute of a no-op, ${how}, against p-limit`, best, 'ours', 'p-limit', 1));
}

const perCheck = [];
for (const limited of [100, 1000, 10_000]) {
  const array = new FilteredArray(limited, WINDOW_MS);
  const exact = new KeyedLimiter({ maxRequests: limited, windowMs: WINDOW_MS });
  const half = (check) => { for (let at = 0; at < limited; at += 1) check('key'); };
  [array, exact].forEach((one) => half((key) => one.checkLimit(key)));
  const best = await race({ peer: () => { for (let at = 0; at < 1000; at += 1) array.checkLimit('key'); }, ours: () => { for (let at = 0; at < 1000; at += 1) exact.checkLimit('key'); } });
  perCheck.push(best.ours / 1000);
  if (limited === 1000) {
    // a key of its own for each round: every check is admitted
    let rounds = 0;
    const fill = (one) => () => {
      const key = `key ${(rounds += 1)}`;
      for (let at = 0; at < limited; at += 1) if (!one.checkLimit(key)) throw new Error('it was to be admitted');
    };
    const filled = await race({ peer: fill(array), ours: fill(exact) });
    rows.push(row("checkLimit 'exact', N = 1000, one key from empty to full, against the filtered array", filled, 'ours', 'peer', 8));
    rows.push(row("checkLimit 'exact', N = 1000, one key that is full, against the filtered array", best, 'ours', 'peer', 8));
  }
  await exact.close();
}
console.log(`checkLimit 'exact', one key, N = 100, 1000, 10,000: ${perCheck.map((ns) => `${ns.toFixed(0)} ns`).join(', ')}`);
/** A row of something else than a race. */
const line = (what, peer, ours, ratio, atLeast, isReached) => ({ what, 'peer ms': peer, 'sluice ms': ours, ratio, 'at least': atLeast, reached: isReached ? 'yes' : 'NO' });
rows.push(line("checkLimit 'exact', one key that is full: N = 100 beside N = 10,000, ns", Math.round(perCheck[0]), Math.round(perCheck[2]), `${(perCheck[0] / perCheck[2]).toFixed(2)}x`, 'flat', perCheck[2] < 1.5 * perCheck[0]));

/** Milliseconds of the fastest full collection. */
async function collection() {
  const seen = [];
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => seen.push(entry.duration)));
  observer.observe({ entryTypes: ['gc'] });
  for (let at = 0; at < 5; at += 1) globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.disconnect();
  return Math.min(...seen);
}
const keys = Array.from({ length: KEYS }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);
const used = () => { globalThis.gc(); return process.memoryUsage().heapUsed / 2 ** 20; };
/** What a million keys add to the heap, in MiB, and what a full collection then takes, in ms. */
async function grown(fill) {
  const before = used();
  await fill();
  return { heap: used() - before, gc: await collection() };
}
const table = new KeyedLimiter({ maxRequests: 100, windowMs: WINDOW_MS, maxKeys: KEYS, maxBytes: 2 ** 30 });
const flexible = new RateLimiterMemory({ points: 100, duration: WINDOW_MS / 1000 });
const store = new MemoryStore();
store.init({ windowMs: WINDOW_MS });
const empty = await collection();
const ours = await grown(() => { for (const key of keys) table.checkLimit(key); });
// in turns: a million timers at once are more than theirs
const stored = await grown(async () => { for (const key of keys) await store.increment(key); });
const flexed = await grown(async () => { for (const key of keys) await flexible.consume(key); });
const tenth = (number) => +number.toFixed(1);
rows.push(line("1 M keys: heap growth, MiB, beside express-rate-limit's store", tenth(stored.heap), tenth(ours.heap), '', '0', ours.heap < 1));
rows.push(line("1 M keys: full collection, ms, beside express-rate-limit's store and that of an empty heap", tenth(stored.gc), tenth(ours.gc), `${tenth(ours.gc - empty)} ms more`, '5 ms', ours.gc - empty < 5));
console.log(`1 M keys: heap growth ${tenth(ours.heap)} MiB (store ${tenth(stored.heap)}, rate-limiter-flexible ${tenth(flexed.heap)} more), full collection ${tenth(ours.gc)} ms, empty ${tenth(empty)} ms; ${(table.bytes / KEYS).toFixed(0)} bytes a key off the heap`);
const began = performance.now();
const many = 50_000;
const some = (check) => async () => { for (let at = 0; at < many; at += 1) { const pending = check(keys[(at * 7919) % KEYS]); if (pending?.then) await pending; } };
const contest = { flexible: some((key) => flexible.consume(key).catch(() => {})), store: some((key) => store.increment(key)), ours: some((key) => table.checkLimit(key)) };
const crowd = await race(contest, { rounds: 8, warm: 2 });
rows.push(row('checkLimit, 1 M keys, against rate-limiter-flexible', crowd, 'ours', 'flexible', 2));
rows.push(row("checkLimit, 1 M keys, against express-rate-limit's store", crowd, 'ours', 'store', 1.3));
console.log(`1 M keys: ${(crowd.ours / many).toFixed(0)} ns a check; ${((performance.now() - began) / 1000).toFixed(0)} s`);
report(rows);
await Promise.all([wide, four, table].map((one) => one.close()));
process.exit(runParts('limiter', 'Limits in Redis', ['rate-limiter-flexible', 'ioredis']) ? 0 : 1);
