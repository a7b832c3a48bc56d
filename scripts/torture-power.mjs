// npm run torture:power [-- cuts [seed]]: simulated power cuts and I/O errors under the log of durable buffers.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const began = Date.now();
const args = ['run', '--quiet', '--release', '-p', 'sluice-io', '--example', 'power', '--', ...process.argv.slice(2)];
const { status } = spawnSync('cargo', args, { cwd: root, stdio: 'inherit' });
console.log(`${Math.round((Date.now() - began) / 1000)} s, building included`);
process.exitCode = status ?? 1;
