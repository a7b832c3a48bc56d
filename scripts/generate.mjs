// Writes the generated files that are committed. `--check` fails when one has drifted instead.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const check = process.argv.includes('--check');
const errors = (what) =>
  execFileSync('cargo', ['run', '--quiet', '-p', 'sluice-core', '--example', 'errors', '--', what], { cwd: root, encoding: 'utf8' });

const files = { 'docs/errors.md': errors('md'), 'lib/error-table.js': errors('js') };
let drifted = 0;
for (const [file, text] of Object.entries(files)) {
  const at = new URL(`../${file}`, import.meta.url);
  if (existsSync(at) && readFileSync(at, 'utf8') === text) continue;
  if (check) {
    console.error(`${file} has drifted: run npm run generate`);
    drifted += 1;
  } else {
    writeFileSync(at, text);
    console.log(`wrote ${file}`);
  }
}
// the loader and its types are written by each build: what a build changes is to be committed
const loader = ['binding.js', 'binding.d.ts'];
if (check && existsSync(new URL('../.git', import.meta.url))) {
  const { status } = spawnSync('git', ['diff', '--quiet', 'HEAD', '--', ...loader], { cwd: root });
  if (status === 1) {
    console.error(`${loader.join(' or ')} is not what is committed: commit what the build wrote`);
    drifted += 1;
  }
}
process.exit(drifted ? 1 : 0);
