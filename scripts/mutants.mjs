// `npm run mutants -- NOUN [OPTIONS]`: cargo-mutants over that folder of crates/core/src. Installs nothing by itself.
// A sample, by the noun's tests alone: `batch --shard 0/6 --sharding round-robin -- --lib --test 'batch_*'`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = new URL('../crates/core/src/', import.meta.url);
const nouns = readdirSync(sources, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
const [noun, ...rest] = process.argv.slice(2);

if (!noun || noun.includes('..') || !existsSync(new URL(noun, sources))) {
  console.error(`usage: npm run mutants -- NOUN, where NOUN is one of ${nouns.join(', ')}, or a folder below one`);
  process.exit(2);
}
if (spawnSync('cargo', ['mutants', '--version'], { stdio: 'ignore' }).status !== 0) {
  console.error('cargo-mutants is not here; install it with: cargo install --locked cargo-mutants');
  process.exit(1);
}
// cargo-mutants takes an option once: whoever names the jobs has the say
const jobs = rest.some((arg) => /^(-j|--jobs)/.test(arg)) ? [] : ['--jobs', '2'];
const args = ['mutants', '--package', 'sluice-core', '--file', `crates/core/src/${noun}/**`, ...jobs, ...rest];
process.exit(spawnSync('cargo', args, { cwd: root, stdio: 'inherit' }).status ?? 1);
