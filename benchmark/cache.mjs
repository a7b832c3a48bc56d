// The tiered cache against its peers: every row of the table of numbers that it is to reach. Each part runs in a process
// of its own, so that none meets the heap of another; the rows are summed up at the end.
//
//   npm run bench -- cache        all parts
//   npm run bench -- cache-redis  one
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { heading } from './race.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));
const parts = readdirSync(folder).filter((file) => /^cache-\w+\.mjs$/.test(file)).sort();
const gathered = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const rowsFile = join(gathered, 'rows');
writeFileSync(rowsFile, '');

let failed = false;
for (const part of parts) {
  console.log(`\n-- ${part.replace('.mjs', '')}`);
  const { status } = spawnSync(process.execPath, ['--expose-gc', part], { cwd: folder, stdio: 'inherit', env: { ...process.env, BENCH_ROWS: rowsFile } });
  failed = status !== 0 || failed;
}

const version = (name) => JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
const peers = ['lru-cache', 'cache-manager', 'bentocache', 'cacheable', 'ioredis', 'redis'];
const rows = readFileSync(rowsFile, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
rmSync(gathered, { recursive: true });
console.log('');
heading('All rows of the cache', Object.fromEntries(peers.map((name) => [name, version(name)])));
console.table(Object.fromEntries(rows.map(({ what, ratio, 'at least': atLeast, reached }) => [what, { ratio, 'at least': atLeast, reached }])));
const missed = rows.filter(({ reached }) => reached === 'NO');
console.log(missed.length === 0 ? 'every target is reached' : `${missed.length} of ${rows.length} are not reached: ${missed.map(({ what }) => what).join('; ')}`);
process.exit(failed ? 1 : 0);
