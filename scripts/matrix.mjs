// `npm run test:matrix [-- VERSION…]`: the jest suite on every supported Node, each from the npm package `node`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromJest } from './test/report.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';
const [versions, rest] = [[], []];
for (const arg of process.argv.slice(2)) (/^\d+$/.test(arg) ? versions : rest).push(arg);

if (!existsSync(path.join(root, 'target', 'hooks', 'sluice.node'))) {
  const built = spawnSync(process.execPath, ['scripts/build.mjs', '--hooks'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
}
mkdirSync(path.join(root, 'target', 'test'), { recursive: true });

let failed = 0;
const lines = [];
for (const version of versions.length ? versions : ['20', '22', '24', '26']) {
  const report = path.join(root, 'target', 'test', `jest-node${version}.json`);
  rmSync(report, { force: true });
  const node = ['-y', `node@${version}`];
  const is = spawnSync(npx, [...node, '--version'], { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' });
  console.log(`\n== Node ${is.stdout?.trim() || `${version}: ${is.stderr}`}`);
  const jest = path.join('node_modules', 'jest', 'bin', 'jest.js');
  const ended = spawnSync(npx, [...node, jest, '--json', `--outputFile=${report}`, ...rest], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  const counts = fromJest(report);
  if (ended.status !== 0 && counts.failed === 0) counts.failed = 1;
  failed += counts.failed;
  lines.push(`Node ${is.stdout?.trim() || version}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped.length} skipped`);
}
console.log(`\n${lines.join('\n')}`);
process.exit(failed ? 1 : 0);
