// What callers meet when Redis freezes or dies, and how often a loader runs when four processes ask at once.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { heading, report } from './race.mjs';
import { startRedis } from './servers.mjs';

const { startInstance, cleanUp } = createRequire(import.meta.url)('../__tests__/cache/faults/support.js');
heading('Faults and stampedes: processes, each with a cache of its own');
const rows = [];
const ms = (number) => `${number.toFixed(1)} ms`;

/** Callers that never rest, 64 at once, while `harm` befalls the server. */
async function underLoad(how, harm) {
  const server = await startRedis();
  const child = await startInstance({ redis: server.url });
  await child.tell('startLoad', { width: 64, keys: 10_000 });
  await sleep(2000);
  const measure = async (length) => {
    const from = await child.tell('mark');
    await sleep(length);
    return child.tell('measured', { from, to: await child.tell('mark') });
  };
  const before = await measure(1000);
  harm(server);
  const [first, after] = [await measure(1000), await measure(5000)];
  const { errors } = await child.tell('stopLoad');
  await cleanUp();
  await server.stop();
  const line = (what, measured, most) => ({ what: `Redis ${how} under load of 64: ${what}`, 'sluice ms': +measured.slowestMs.toFixed(1), ratio: ms(measured.slowestMs), 'at least': most ? `${most} ms at most` : '', reached: most ? (measured.slowestMs <= most ? 'yes' : 'NO') : '' });
  rows.push(
    line('slowest call before', before),
    line('slowest call in the first second', first, 300),
    line('slowest call after', after, 5),
    { what: `Redis ${how} under load of 64: errors seen by callers`, ratio: `${errors.length}`, 'at least': '0', reached: errors.length === 0 ? 'yes' : 'NO' });
}

async function stampede(name, options) {
  const children = await Promise.all([1, 2, 3, 4].map(() => startInstance(options)));
  const asked = children.map((child) => child.tell('stampede', { key: 'key', callers: 250, loadMs: 200, value: 'value' }));
  const answers = await Promise.all(asked);
  await cleanUp();
  const loads = answers.reduce((sum, answer) => sum + answer.loads, 0);
  const slowest = Math.max(...answers.map((answer) => answer.ms));
  rows.push({ what: `1000 callers on 4 processes, ${name}: loader calls (a load takes 200 ms)`, 'sluice ms': +slowest.toFixed(1), ratio: `${loads}`, 'at least': '1', reached: loads === 1 ? 'yes' : 'NO' });
}

await underLoad('frozen', (server) => server.kill('SIGSTOP'));
await underLoad('killed', (server) => server.kill('SIGKILL'));
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
await stampede('disk only', { disk: join(folder, 'store') });
rmSync(folder, { recursive: true, force: true });
const server = await startRedis();
await stampede('Redis only', { redis: server.url });
await server.stop();
report(rows);
process.exit(0);
