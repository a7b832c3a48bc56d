// Finds the redis-server of the tests: SLUICE_REDIS_SERVER, else PATH, else installed by apt-get as root on Debian.
// `node scripts/redis.mjs` prints its path.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const INSTALL = ['apt-get', 'install', '-y', '--no-install-recommends', 'redis-server'];
/** Debian's packages ask it before they start a service. */
const POLICY = '/usr/sbin/policy-rc.d';

const runs = (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

function onPath() {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)) {
    const program = path.join(folder, 'redis-server');
    if (existsSync(program) && runs(program)) return program;
  }
  return undefined;
}

const apt = (...args) =>
  spawnSync('apt-get', args, { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).status === 0;

/** Installs the package; the service that it brings is not started. */
function install() {
  const hasPolicy = existsSync(POLICY);
  if (!hasPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    // lists may be missing or older than the archive
    if (!apt(...INSTALL.slice(1))) return apt('update') && apt(...INSTALL.slice(1));
    return true;
  } finally {
    if (!hasPolicy) rmSync(POLICY, { force: true });
  }
}

/** The path of a redis-server that runs; throws an error that says what to do. */
export function redisServer() {
  const named = process.env.SLUICE_REDIS_SERVER;
  if (named !== undefined) {
    if (named !== '' && runs(named)) return named;
    throw new Error(`SLUICE_REDIS_SERVER is ${JSON.stringify(named)}, which does not run`);
  }
  const found = onPath();
  if (found !== undefined) return found;
  const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (mayInstall && install()) {
    const installed = onPath();
    if (installed !== undefined) return installed;
  }
  throw new Error(`no redis-server was found: install it (on Debian as root: ${INSTALL.join(' ')}), or name one in SLUICE_REDIS_SERVER`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(redisServer());
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
