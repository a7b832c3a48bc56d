// `npm run mutants -- NOUN`: cargo-mutants over that folder of crates/core/src. Installs nothing by itself.
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
const args = ['mutants', '--package', 'sluice-core', '--file', `crates/core/src/${noun}/**`, '--jobs', '2', ...rest];
process.exit(spawnSync('cargo', args, { cwd: root, stdio: 'inherit' }).status ?? 1);
