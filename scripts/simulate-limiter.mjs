// `npm run simulate:limiter`: what the adaptive limiter does with upstreams that are made up, on a clock that is moved by hand;
// writes the charts of docs/limiter.md and prints what each came to. Every run gives the same bytes. With a folder as its argument
// it writes them there, and with them all numbers as runs.json.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const { AdaptiveLimiter } = require('..');
const { chart } = require('./simulate/chart');
const { SCENARIOS } = require('./simulate/scenarios');
const { RULES, simulate } = require('./simulate/simulator');

const [asked] = process.argv.slice(2);
const folder = asked === undefined ? fileURLToPath(new URL('../docs/limiter', import.meta.url)) : path.resolve(asked);
mkdirSync(folder, { recursive: true });
const all = {};
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  const runs = [];
  for (const rule of scenario.rules ?? RULES) runs.push(await simulate(AdaptiveLimiter, rule, scenario));
  writeFileSync(path.join(folder, `${name}.svg`), chart(scenario, runs));
  all[name] = Object.fromEntries(runs.map((run) => [run.rule, run]));
  console.log(`${scenario.title}: ${scenario.about}`);
  for (const { rule, samples, totals } of runs) {
    const limits = samples.map(({ limit }) => limit);
    console.log(`  ${rule.padEnd(9)} limit ${Math.min(...limits)} to ${Math.max(...limits)}, at the end ${limits.at(-1)}; answered ${totals.answered}, failed ${totals.failed}, rejected ${totals.refused}`);
  }
}
if (asked !== undefined) writeFileSync(path.join(folder, 'runs.json'), JSON.stringify(all));
