// A hit in memory against the caches that live in JavaScript: 20,000 keys by Zipf's law, all of which fit.
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { LRUCache } from 'lru-cache';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { heading, race, report, row } from './race.mjs';
import { seeded, zipf } from './zipf.mjs';

const { TieredCache } = createRequire(import.meta.url)('..');
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
const [KEYS, READS, AWAITED, TTL_S] = [20_000, 1 << 16, 1 << 13, 600];
/** Each candidate reads in so many parts. */
const PARTS = 16;
// made as a server makes them: not literals, so not internalised
const keys = Array.from({ length: KEYS }, (_, at) => Buffer.from(`user:profile:${(at * 7919) % 1_000_003}`).toString());
const values = keys.map((_, at) => ({ id: at, name: `n${at}`, tags: ['a', 'b'] }));
const drawn = zipf(KEYS, 0.9, READS, seeded(3));
const asked = Array.from(drawn, (at) => keys[at]);

const lru = new LRUCache({ max: KEYS });
const lruTtl = new LRUCache({ max: KEYS, ttl: TTL_S * 1000 });
const options = { jitter: 0 };
const reference = new TieredCache({ ...options, memory: { store: 'reference', maxEntries: KEYS } });
const referenceTtl = new TieredCache({ ...options, memory: { store: 'reference', maxEntries: KEYS } });
const bytes = new TieredCache({ ...options, memory: { store: 'bytes', near: { maxEntries: KEYS } } });
const bytesTtl = new TieredCache({ ...options, memory: { store: 'bytes', near: { maxEntries: KEYS } } });
for (const [at, key] of keys.entries()) {
  lru.set(key, values[at]);
  lruTtl.set(key, values[at]);
  reference.setSync(key, values[at]);
  referenceTtl.setSync(key, values[at], TTL_S);
  bytes.setSync(key, values[at]);
  bytesTtl.setSync(key, values[at], TTL_S);
}

let sink = 0;
/** Reads, and one write for each `every` of them. Made from text, so that each candidate is compiled for itself. */
const loop = (name, get, set, every) => new Function('cache', 'keys', 'values', `
  return function ${name}(from, to) {
    let sum = 0;
    for (let at = from; at < to; at += 1) {
      sum += cache.${get}(keys[at]).id;
      ${every ? `if (at % ${every} === 0) ${set};` : ''}
    }
    return sum;
  };`);
const candidates = (every) => {
  const made = {};
  const add = (name, cache, get, set) => {
    const run = loop(name, get, set, every)(cache, asked, values);
    made[name] = (part) => { sink += run((READS / PARTS) * part, (READS / PARTS) * (part + 1)); };
  };
  const value = 'values[at % values.length]';
  add('lru', lru, 'get', `cache.set(keys[at], ${value})`);
  add('lruTtl', lruTtl, 'get', `cache.set(keys[at], ${value})`);
  add('reference', reference, 'getSync', `cache.setSync(keys[at], ${value})`);
  add('referenceTtl', referenceTtl, 'getSync', `cache.setSync(keys[at], ${value}, ${TTL_S})`);
  add('bytes', bytes, 'getSync', `cache.setSync(keys[at], ${value})`);
  add('bytesTtl', bytesTtl, 'getSync', `cache.setSync(keys[at], ${value}, ${TTL_S})`);
  return made;
};

heading('A hit in memory', Object.fromEntries(['lru-cache', 'cache-manager', 'bentocache', 'cacheable'].map((name) => [name, version(name)])));
const rows = [];
for (const [writes, every] of [['', 0], [', 1 % writes', 100], [', 10 % writes', 10]]) {
  const best = await race(candidates(every), { rounds: 60, parts: PARTS });
  for (const store of ['reference', 'bytes']) {
    rows.push(row(`getSync, ${store}${writes}, against lru-cache with TTL`, best, `${store}Ttl`, 'lruTtl', 1.2));
    rows.push(row(`getSync, ${store}${writes}, against lru-cache without TTL`, best, store, 'lru', 1));
  }
}

const manager = createCache({ ttl: TTL_S * 1000 });
const bento = new BentoCache({ default: 'memory', stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: KEYS, serialize: false })) } });
const cacheable = new Cacheable({ ttl: TTL_S * 1000 });
for (const [at, key] of keys.entries()) {
  await manager.set(key, values[at]);
  await bento.set({ key, value: values[at], ttl: TTL_S * 1000 });
  await cacheable.set(key, values[at]);
}
const awaited = (get) => async (part) => {
  let sum = 0;
  for (let at = (AWAITED / PARTS) * part; at < (AWAITED / PARTS) * (part + 1); at += 1) sum += (await get(asked[at])).id;
  sink += sum;
};
const { referenceTtl: readSync } = candidates(0);
const best = await race({
  manager: awaited((key) => manager.get(key)),
  bento: awaited((key) => bento.get({ key })),
  cacheable: awaited((key) => cacheable.get(key)),
  reference: awaited((key) => referenceTtl.get(key)),
  bytes: awaited((key) => bytesTtl.get(key)),
  sync: readSync,
  map: awaited(((map) => async (key) => map.get(key))(new Map(keys.map((key, at) => [key, values[at]])))),
}, { rounds: 40, parts: PARTS });
// it reads more of them, or its parts would be too short to time
best.sync *= AWAITED / READS;
const peers = { 'cache-manager': ['manager', 2.5, 15], bentocache: ['bento', 12, 70], cacheable: ['cacheable', 10, 60] };
for (const [peer, [name, atLeast, atLeastSync]] of Object.entries(peers)) {
  rows.push(row(`await get, reference, against ${peer}`, best, 'reference', name, atLeast));
  rows.push(row(`await get, bytes, against ${peer}`, best, 'bytes', name, atLeast));
  rows.push(row(`an awaited bare Map against ${peer}`, best, 'map', name));
  rows.push(row(`getSync against ${peer}`, best, 'sync', name, atLeastSync));
}
report(rows);
for (const cache of [reference, referenceTtl, bytes, bytesTtl]) await cache.close();
if (!(sink > 0)) throw new Error('nothing was read');
