// `npm test`: every check there is, in one order, each run even when one before it failed. The last line is the sum.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { redisServer } from './redis.mjs';
import { fromCargo, fromJest, mayBeSkipped } from './test/report.mjs';
import { strays } from './test/strays.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const reports = process.env.SLUICE_REPORTS ?? path.join(root, 'target', 'test');
/** A check that takes longer than this hangs: it is stopped, and failed. */
const LIMIT_MS = 180 * 60_000;
const local = (tool) => path.join(root, 'node_modules', tool);

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });

const env = { ...process.env, SLUICE_REPORTS: reports };
function shared() {
  if (env.SLUICE_SHARED === '') return 'SLUICE_SHARED is set and empty';
  const folder = path.resolve(root, env.SLUICE_SHARED ?? '../shared');
  if (existsSync(folder)) env.SLUICE_SHARED = folder;
  else if (env.SLUICE_SHARED !== undefined) return `SLUICE_SHARED is ${env.SLUICE_SHARED}, which is not there`;
  return null;
}

let running;
const left = [];
/** Stops what runs: it has a process group of its own, so that what it started goes with it. */
function stop() {
  if (running === undefined) return;
  if (process.platform === 'win32') running.kill();
  else process.kill(-running.pid, 'SIGKILL');
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stop();
    process.exit(130);
  });
}

/** Runs a program, shows what it prints and returns that with its exit code. */
function run(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: process.platform !== 'win32' });
    running = child;
    const limit = setTimeout(() => {
      console.error(`${program} did not end within ${LIMIT_MS / 60_000} minutes`);
      stop();
    }, LIMIT_MS);
    const said = [];
    for (const [from, to] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
      from.on('data', (chunk) => {
        said.push(chunk);
        to.write(chunk);
      });
    }
    const end = (result) => {
      clearTimeout(limit);
      running = undefined;
      resolve(result);
    };
    child.on('error', (error) => end({ code: 1, text: error.message }));
    // not 'close': what was left running may hold the pipes
    child.on('exit', async (code, signal) => {
      if (code !== 0) console.error(`${program} ended with ${signal ?? code}`);
      left.push(...(await strays(child.pid)));
      const result = () => end({ code: code ?? 1, text: Buffer.concat(said).toString() });
      if (child.stdout.closed && child.stderr.closed) result();
      else child.on('close', result);
    });
  });
}
const node = (...args) => run(process.execPath, args);
const cargo = (...args) => run('cargo', args);

/** A check that counts as one test. */
const one = (start) => async () => ((await start()).code === 0 ? { passed: 1 } : { failed: 1 });
/** A runner that counts its tests; a failure that it does not count, such as not compiling, is one more. */
const many = (start, count) => async () => {
  const ended = await start();
  const counts = count(ended);
  if (ended.code !== 0 && counts.failed === 0) counts.failed = 1;
  if (counts.passed + counts.failed === 0) counts.failed = 1;
  return counts;
};
const jestReport = path.join(reports, 'jest.json');
const vitestReport = path.join(reports, 'vitest.json');
const deny = ['--', '-D', 'warnings'];

/** Every later step finds the server of this one. */
function redis() {
  try {
    env.SLUICE_REDIS_SERVER = redisServer();
    console.log(env.SLUICE_REDIS_SERVER);
    return { passed: 1 };
  } catch (error) {
    console.error(error.message);
    return { failed: 1 };
  }
}

const steps = {
  'redis-server': redis,
  'rust tests': many(() => cargo('test', '--workspace', '--no-fail-fast'), ({ text }) => fromCargo(text)),
  rustdoc: one(() => cargo('doc', '--workspace', '--no-deps', '--quiet')),
  clippy: one(() => cargo('clippy', '--workspace', '--all-targets', ...deny)),
  'clippy, test hooks': one(() => cargo('clippy', '-p', 'sluice', '--features', 'test-hooks', ...deny)),
  rustfmt: one(() => cargo('fmt', '--all', '--check')),
  build: one(() => node('scripts/build.mjs')),
  'build, test hooks': one(() => node('scripts/build.mjs', '--hooks')),
  'generated files': one(() => node('scripts/generate.mjs', '--check')),
  types: one(() => node(local('typescript/bin/tsc'), '--project', 'tsconfig.json')),
  jest: many(
    () => node(local('jest/bin/jest.js'), '--json', `--outputFile=${jestReport}`),
    () => fromJest(jestReport)),
  vitest: many(
    () => node(local('vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${vitestReport}`),
    () => fromJest(vitestReport)),
  'existing service': one(() => node('scripts/demo-existing.mjs')),
};

const total = { passed: 0, failed: 0, skipped: 0 };
const lines = [];
function add(name, { passed = 0, failed = 0, skipped = [] }, seconds = 0) {
  const allowed = mayBeSkipped(readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8'));
  const unlisted = skipped.filter((test) => !allowed.has(test));
  for (const test of unlisted) lines.push(`skipped without a reason in CONTRIBUTING.md: ${test}`);
  total.passed += passed;
  total.failed += failed + unlisted.length;
  total.skipped += skipped.length;
  lines.push(`${name.padEnd(26)} ${passed} passed, ${failed + unlisted.length} failed, ${skipped.length} skipped (${seconds.toFixed(0)} s)`);
}

const wrong = shared();
if (wrong) {
  console.error(wrong);
  add('shared data', { failed: 1 });
}
const asked = process.argv.slice(2);
for (const name of asked) {
  if (!steps[name]) {
    console.error(`no step is named ${name}; there are: ${Object.keys(steps).join('; ')}`);
    process.exit(2);
  }
}
for (const [name, step] of Object.entries(steps)) {
  if (asked.length && !asked.includes(name)) continue;
  console.log(`\n== ${name}`);
  const start = performance.now();
  add(name, await step(), (performance.now() - start) / 1000);
}

for (const line of left) console.error(`left running by a step: ${line}`);
add('nothing left running', left.length ? { failed: 1 } : { passed: 1 });

const log = path.join(reports, 'recorded-streams');
const recorded = existsSync(log) ? new Set(readFileSync(log, 'utf8').split('\n').filter(Boolean)).size : 0;
console.log(`\n${lines.join('\n')}`);
console.log(`recorded streams used: ${recorded}`);
console.log(`tests skipped: ${total.skipped}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed ? 1 : 0;
