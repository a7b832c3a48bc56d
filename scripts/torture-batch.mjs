// npm run torture:batch -- [kills] [--seed=N] [--only=MODE]: children that accept items into durable buffers are killed with SIGKILL, so many times in
// each mode. Nothing that was acknowledged may be lost, and first hand-overs are in order. The control acknowledges before it may, and has to lose items: else the harness proves nothing.
import { availableParallelism } from 'node:os';
import { torture } from './torture/folder.mjs';

const MODES = {
  always: { processes: 1, fsync: 'always' },
  os: { processes: 1, fsync: 'os' },
  two: { processes: 2, fsync: 'always' },
  four: { processes: 4, fsync: 'always' },
  control: { processes: 1, fsync: 'always', acknowledgesEarly: true },
};
/** Kills of one folder. */
const KILLS = 20;

const named = Object.fromEntries(process.argv.slice(2).filter((one) => one.startsWith('--')).map((one) => one.slice(2).split('=')));
const kills = Number(process.argv.slice(2).find((one) => !one.startsWith('--')) ?? 1000);
const seed = Number(named.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) throw new Error('usage: torture-batch [kills] [--seed=N] [--only=MODE]');
const modes = named.only === undefined ? Object.keys(MODES) : named.only.split(',');

async function run(mode) {
  const began = performance.now();
  const folders = [];
  for (let left = kills, at = 0; left > 0; left -= KILLS, at++) folders.push({ ...MODES[mode], kills: Math.min(KILLS, left), seed: seed + at * 7919 });
  const sums = { acknowledged: 0, kept: 0, delivered: 0, duplicates: 0, lost: 0, disorder: 0 };
  // children wait more than they work
  const lanes = Math.max(1, Math.ceil((availableParallelism() * 2) / MODES[mode].processes));
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
        const found = await torture(folder);
        for (const name in sums) sums[name] += found[name];
        if ((found.lost > 0 || found.disorder > 0) && mode !== 'control') console.error(`${mode}, seed ${folder.seed}: ${JSON.stringify(found)}`);
      }
    }),
  );
  console.log(JSON.stringify({ mode, kills, seed, ...sums, seconds: Math.round((performance.now() - began) / 1000) }));
  if (mode === 'control') return sums.lost > 0;
  return sums.lost === 0 && sums.disorder === 0 && sums.acknowledged > 0;
}

let isGood = true;
for (const mode of modes) {
  const passed = await run(mode);
  isGood &&= passed;
}
process.exitCode = isGood ? 0 : 1;
