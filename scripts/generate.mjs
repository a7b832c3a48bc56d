// Writes the generated files that are committed. `--check` fails when one has drifted instead.
import { execFileSync } from 'node:child_process';
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
process.exit(drifted ? 1 : 0);
