// Limits of keys in Redis: checks per second in one process against rate-limiter-flexible with the same server, which asks it for
// each. Ours decide from leases and ask behind them; `consume` asks too where there is no lease.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import Redis from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { heading, race, report, row } from './race.mjs';
import { startRedis } from './servers.mjs';

const { KeyedLimiter } = createRequire(import.meta.url)('..');
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
const PEERS = ['rate-limiter-flexible', 'ioredis'];
const [WINDOW_MS, POINTS, CHECKS, IN_FLIGHT] = [60_000, 1_000_000, 4_000, 64];

const server = await startRedis();
const io = new Redis(server.port, { enableAutoPipelining: true });
const flexible = new RateLimiterRedis({ storeClient: io, points: POINTS, duration: WINDOW_MS / 1000, keyPrefix: 'peer' });
const make = (name) => new KeyedLimiter({ name, windowMs: WINDOW_MS, maxRequests: POINTS, redis: server.url });
heading('Limits of keys in Redis', Object.fromEntries(PEERS.map((name) => [name, version(name)])));

/** So many checks, so many of them at once, each of which has to be admitted. */
async function run(check) {
  let next = 0;
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (next < CHECKS) if (!(await check((next += 1)))) throw new Error('it was to be admitted');
  }));
}
const rows = [];
const perSecond = (ns) => Math.round((CHECKS / ns) * 1e9).toLocaleString('en-US');
for (const keys of [1, 1000]) {
  const ours = make(`${keys} keys`);
  const key = (at) => `key ${at % keys}`;
  const peer = () => run(async (at) => (await flexible.consume(key(at), 1)).remainingPoints >= 0);
  const consume = () => run(async (at) => (await ours.consume(key(at))).allowed);
  // a loop of checks would not let anything else happen: now and then the loop of events turns
  const check = () => run(async (at) => {
    if (at % IN_FLIGHT === 0) await new Promise((resolve) => { setImmediate(resolve); });
    return ours.checkLimit(key(at));
  });
  const best = await race({ peer, check, consume }, { rounds: 15 });
  rows.push(row(`checkLimit, ${keys} ${keys === 1 ? 'key' : 'keys'}, against rate-limiter-flexible with Redis`, best, 'check', 'peer', 10));
  rows.push(row(`consume, ${keys} ${keys === 1 ? 'key' : 'keys'}, against rate-limiter-flexible with Redis`, best, 'consume', 'peer'));
  console.log(`${keys} keys, checks a second: checkLimit ${perSecond(best.check)}, consume ${perSecond(best.consume)}, rate-limiter-flexible ${perSecond(best.peer)}`);
  await ours.close();
}
report(rows);
io.disconnect();
await server.stop();
