// The limiters that hosts share through Redis, against rate-limiter-flexible on ioredis: checks a second of one process.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { heading, mainThreadUs, report } from './race.mjs';
import { startRedis } from './servers.mjs';

const { KeyedLimiter } = createRequire(import.meta.url)('..');
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
const [WINDOW_MS, IN_FLIGHT, ROUNDS] = [60_000, 64, 3];
const server = await startRedis();
const client = new Redis(server.port, '127.0.0.1');

/** Microseconds a check, by the clock and of the main thread: `IN_FLIGHT` callers, each behind its last check. */
async function run(check, keys, count) {
  let at = 0;
  let passed = 0;
  const caller = async () => {
    while (at < count) {
      at += 1;
      if (await check(keys[at % keys.length])) passed += 1;
    }
  };
  const [began, cpu] = [performance.now(), mainThreadUs()];
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  return { us: ((performance.now() - began) * 1000) / count, cpu: (mainThreadUs() - cpu) / count, passed };
}
/** The same for checks that answer at once: a turn of the loop after so many, as a server has between its requests. */
async function runAtOnce(check, keys, count) {
  let passed = 0;
  const [began, cpu] = [performance.now(), mainThreadUs()];
  for (let at = 0; at < count; at += 1) {
    if (check(keys[at % keys.length])) passed += 1;
    if (at % IN_FLIGHT === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { us: ((performance.now() - began) * 1000) / count, cpu: (mainThreadUs() - cpu) / count, passed };
}
async function best(runs) {
  let found = { us: Infinity, cpu: Infinity };
  for (let round = 0; round < ROUNDS; round += 1) {
    globalThis.gc?.();
    const one = await runs();
    if (one.us < found.us) found = one;
  }
  return found;
}

heading('Limiters on Redis', { 'rate-limiter-flexible': version('rate-limiter-flexible'), ioredis: version('ioredis') });
const rows = [];
const keysOf = (count) => Array.from({ length: count }, (_, at) => `client ${at}`);
for (const [what, keys, limit] of [['one key', keysOf(1), 1_000_000_000], ['1000 keys', keysOf(1000), 100_000]]) {
  const flexible = new RateLimiterRedis({ storeClient: client, points: limit, duration: WINDOW_MS / 1000, keyPrefix: `flexible ${keys.length}` });
  const own = new KeyedLimiter({ name: `own ${keys.length}`, windowMs: WINDOW_MS, maxRequests: limit, redis: server.url });
  const injected = new KeyedLimiter({ name: `injected ${keys.length}`, windowMs: WINDOW_MS, maxRequests: limit, redis: { client } });
  const theirs = await best(() => run((key) => flexible.consume(key).then(() => true, () => false), keys, 20_000));
  const contests = {
    'checkLimit, own connection': () => runAtOnce((key) => own.checkLimit(key), keys, 200_000),
    'consume, own connection': () => run((key) => own.consume(key).then(({ allowed }) => allowed), keys, 100_000),
    'checkLimit, ioredis': () => runAtOnce((key) => injected.checkLimit(key), keys, 200_000),
  };
  for (const [name, runs] of Object.entries(contests)) {
    const ours = await best(runs);
    const ratio = theirs.us / ours.us;
    const wanted = name.startsWith('checkLimit, own');
    rows.push({
      what: `${what}: ${name}`, 'peer checks/s': Math.round(1e6 / theirs.us), 'sluice checks/s': Math.round(1e6 / ours.us), ratio: `${ratio.toFixed(1)}x`,
      'at least': wanted ? '10x' : '', reached: wanted ? (ratio >= 10 ? 'yes' : 'NO') : '', 'main thread': `${(theirs.cpu / ours.cpu).toFixed(1)}x`, passed: ours.passed,
    });
  }
  await Promise.all([own, injected].map((one) => one.close()));
}
report(rows);
client.disconnect();
await server.stop();
process.exit(0);
