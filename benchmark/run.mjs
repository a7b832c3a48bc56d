// `npm run bench [-- NAME…]`: installs the peers, then runs those benchmarks of this folder, or all of them. A file
// NAME-PART.mjs is a part of NAME.mjs, which runs it; by its own name a part runs alone.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const notOnes = ['run', 'race', 'parts', 'servers', 'zipf'];
const known = readdirSync(folder).filter((file) => file.endsWith('.mjs')).map((file) => file.replace('.mjs', '')).filter((name) => !notOnes.includes(name));
const all = known.filter((name) => !known.includes(name.split('-')[0]) || !name.includes('-'));
const asked = process.argv.slice(2);
for (const name of asked) {
  if (known.includes(name)) continue;
  console.error(`no benchmark is named ${name}; there are: ${known.join(', ')}`);
  process.exit(2);
}

const windows = process.platform === 'win32';
const installed = spawnSync(windows ? 'npm.cmd' : 'npm', ['install', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit', shell: windows });
if (installed.status !== 0 || !existsSync(new URL('node_modules', import.meta.url))) process.exit(1);

let failed = false;
for (const name of asked.length ? asked : all) {
  console.log(`\n== ${name}`);
  failed = spawnSync(process.execPath, ['--expose-gc', `${name}.mjs`], { cwd: folder, stdio: 'inherit' }).status !== 0 || failed;
}
process.exit(failed ? 1 : 0);
