// Runs the parts of a benchmark, the files NAME-PART.mjs beside NAME.mjs, each in a process of its own, so that none meets
// the heap of another; their rows are summed up at the end.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { heading } from './race.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));
const version = (name) => JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;

/** All parts of that benchmark; whether each of them ran to its end. */
export function runParts(name, title, peers) {
  const parts = readdirSync(folder).filter((file) => file.startsWith(`${name}-`) && /^\w+-\w+\.mjs$/.test(file)).sort();
  const gathered = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const rowsFile = join(gathered, 'rows');
  writeFileSync(rowsFile, '');
  let good = true;
  for (const part of parts) {
    console.log(`\n-- ${part.replace('.mjs', '')}`);
    const { status } = spawnSync(process.execPath, ['--expose-gc', part], { cwd: folder, stdio: 'inherit', env: { ...process.env, BENCH_ROWS: rowsFile } });
    good = status === 0 && good;
  }
  const rows = readFileSync(rowsFile, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  rmSync(gathered, { recursive: true });
  console.log('');
  heading(title, Object.fromEntries(peers.map((peer) => [peer, version(peer)])));
  console.table(Object.fromEntries(rows.map(({ what, ratio, 'at least': atLeast, reached }) => [what, { ratio, 'at least': atLeast, reached }])));
  const missed = rows.filter(({ reached }) => reached === 'NO');
  console.log(missed.length === 0 ? 'every target is reached' : `${missed.length} of ${rows.length} are not reached: ${missed.map(({ what }) => what).join('; ')}`);
  return good;
}
