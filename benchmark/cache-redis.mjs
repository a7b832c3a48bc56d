// Redis reads: throughput and main-thread CPU against ioredis with auto-pipelining and node-redis; hits that yield an
// object against bentocache; latency one at a time. Values of 1 KB in one real server; the memory tier is left out.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import Redis from 'ioredis';
import { createClient } from 'redis';
import { BentoCache, bentostore } from 'bentocache';
import { redisDriver } from 'bentocache/drivers/redis';
import { heading, mainThreadUs, report } from './race.mjs';
import { startRedis } from './servers.mjs';

const require = createRequire(import.meta.url);
const { TieredCache } = require('..');

const KEYS = 10_000;
const ROUNDS = 8;
const value = { id: 12345, name: 'a name', tags: ['a', 'b', 'c'], text: 'x'.repeat(940) };
const text = JSON.stringify(value);

const server = await startRedis();
const io = new Redis(server.port, { enableAutoPipelining: true });
const nodeRedis = await createClient({ url: server.url }).connect();
const cache = new TieredCache({ memory: false, redis: { url: server.url, keyPrefix: 'own:', tracking: false }, jitter: 0 });
await cache.initialize();
const bento = new BentoCache({ default: 'cache', stores: { cache: bentostore().useL2Layer(redisDriver({ connection: { host: '127.0.0.1', port: server.port } })) } });

const keys = Array.from({ length: KEYS }, (_, at) => `user:profile:${1_000_000 + at}`);
for (let at = 0; at < KEYS; at += 500) {
  const some = keys.slice(at, at + 500);
  await Promise.all(some.map((key) => io.set(key, text)));
  await Promise.all(some.flatMap((key) => [cache.set(`t:${key}`, text, 3600), cache.set(`o:${key}`, value, 3600), bento.set({ key, value, ttl: '1h' })]));
}
// hits by text: what the peers give; by object: what a service wants
const texts = {
  sluice: (key) => cache.get(`t:${key}`),
  ioredis: (key) => io.get(key),
  'node-redis': (key) => nodeRedis.get(key),
};
const objects = {
  sluice: (key) => cache.get(`o:${key}`),
  bentocache: (key) => bento.get({ key }),
  'ioredis + JSON.parse': async (key) => JSON.parse(await io.get(key)),
};

async function run(get, inFlight, count) {
  let next = 0;
  let wrong = 0;
  const cpu = mainThreadUs();
  const start = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < count) {
        const found = await get(keys[next++ % KEYS]);
        if (found === null || found === undefined || (found.text ?? found).length < 940) wrong++;
      }
    }),
  );
  if (wrong > 0) throw new Error(`${wrong} wrong values`);
  return { us: ((performance.now() - start) * 1e3) / count, cpu: (mainThreadUs() - cpu) / count };
}
async function race(candidates, inFlight, count) {
  const names = Object.keys(candidates);
  const best = Object.fromEntries(names.map((name) => [name, { us: Infinity, cpu: Infinity }]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of round % 2 ? names : [...names].reverse()) {
      globalThis.gc?.();
      const { us, cpu } = await run(candidates[name], inFlight, count);
      best[name].us = Math.min(best[name].us, us);
      best[name].cpu = Math.min(best[name].cpu, cpu);
    }
  }
  return best;
}

heading('cache-redis', Object.fromEntries(['ioredis', 'redis', 'bentocache'].map((name) => [name, JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version])));
const rows = [];
/** `atLeast`: the peer's figure over ours. */
function row(what, best, peer, field, atLeast) {
  const ratio = best[peer][field] / best.sluice[field];
  rows.push({
    what, 'peer us': +best[peer][field].toFixed(2), 'sluice us': +best.sluice[field].toFixed(2), ratio: `${ratio.toFixed(2)}x`,
    'at least': `${+atLeast.toFixed(2)}x`, reached: ratio >= atLeast ? 'yes' : 'NO',
  });
}
for (const inFlight of [64, 512]) {
  const best = await race(texts, inFlight, 40_000);
  row(`get of 1 KB, ${inFlight} in flight, time, against ioredis`, best, 'ioredis', 'us', 2.5);
  row(`get of 1 KB, ${inFlight} in flight, main thread, against ioredis`, best, 'ioredis', 'cpu', 4);
  row(`get of 1 KB, ${inFlight} in flight, time, against node-redis`, best, 'node-redis', 'us', 1.3);
  row(`get of 1 KB, ${inFlight} in flight, main thread, against node-redis`, best, 'node-redis', 'cpu', 2);
}
const one = await race(texts, 1, 3000);
row('get of 1 KB, one at a time, latency, against ioredis', one, 'ioredis', 'us', 1 / 1.3);
const made = await race(objects, 64, 20_000);
row('hit that yields an object of 1 KB, main thread, against bentocache', made, 'bentocache', 'cpu', 2);
row('hit that yields an object of 1 KB, main thread, against ioredis + JSON.parse', made, 'ioredis + JSON.parse', 'cpu', 1 / 0.65);
report(rows);

await cache.close();
await bento.disconnectAll();
io.disconnect();
nodeRedis.destroy();
await server.stop();
