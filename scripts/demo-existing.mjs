// `npm run demo:existing`: a service changes one import per class. Packs sluice, installs it into a scratch copy of
// examples/existing-service, runs the service's own suite on its own classes, changes the imports as its README says, runs
// the same suite again, and prints both beside each other with a short load on each. Then once more with the features switched
// off, and then it breaks the drop-ins, one method at a time: the suite has to notice each. Ends with 1 when anything is off.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const example = path.join(root, 'examples', 'existing-service');
const modules = path.join(root, 'node_modules');
const jest = path.join(modules, 'jest', 'bin', 'jest.js');
const LIMIT_MS = 600_000;
/** Of one test: a broken method may leave one waiting, a slow machine needs time. */
const TEST_MS = 15_000;

/** Each class's documented methods, and the file of the service's suite that is about it. `instead`: what a function is replaced by. */
const METHODS = {
  LocalCache: { suite: 'local-cache', methods: ['set', 'get', 'del', 'clear', 'isUnchanged', 'getOrSet'] },
  CacheService: { suite: 'cache-service', methods: ['get', 'set', 'delete', 'preheat', 'batchOperation', 'getStats', 'resetStats', 'listKeys'] },
  FileCache: { suite: 'file-cache', methods: ['connect', 'get', 'set', 'delete', 'exists', 'listKeys', 'disconnect'] },
  RedisClient: { suite: 'redis-client', methods: ['isConnected', 'get', 'set', 'delete', 'getTTL', 'deletePattern', 'getClient'] },
  CacheManager: { suite: 'redis-client', methods: ['generateKey', 'getTTL', 'get', 'set', 'invalidateUser', 'invalidateKey', 'invalidateNamespace', 'getStats'] },
  RateLimiter: { suite: 'rate-limiter', methods: ['acquire', 'execute', 'updateConfig', 'getStatus', 'resetStats', '_adjustIfNeeded'] },
  createRateLimiter: { suite: 'rate-limiter', instead: '() => new classes.RateLimiter(1, 1)' },
  upstashRateLimiter: { suite: 'rate-limiter', instead: 'new classes.RateLimiter(1, 1)' },
  SlidingWindowLimiter: { suite: 'limits', methods: ['checkLimit', 'getRetryAfter'] },
  RequestLimiter: { suite: 'limits', methods: ['checkLimit', 'handleRequest', 'getStats', 'resetClient', 'updateConfig'] },
  QstashQueue: { suite: 'qstash-queue', methods: ['publish', 'batchPublish', 'flush', 'close', 'getBufferStatus', 'clearBuffer', 'getDeadLetterQueue'] },
  LocalBufferQueue: { suite: 'local-buffer-queue', methods: ['init', 'enqueue', 'enqueueBatch', 'dequeueBatch', 'getStatus', 'retryFailed', 'getExceededRetryMessages', 'removeMessage', 'close'] },
  BatchProcessor: { suite: 'batch-processor', methods: ['add', 'processBatchItem'] },
  getRequestBody: { suite: 'get-request-body', instead: 'async () => ({})' },
  handleStream: { suite: 'handle-stream', instead: 'async (upstream, res) => res.end()' },
};

/** Tests that ask for what ENABLE_PERFORMANCE_OPTIMIZATION=false turns off: the files, batches and limits by the environment. */
const ASKS_FOR_FEATURES = [
  'CacheService a deletion by pattern reaches memory and Redis, and nothing else',
  'CacheService a hit is counted where it was',
  'CacheService a value that only the files have comes back after memory is emptied',
  'QstashQueue with a QStash takes address, token and batch size from the environment',
  'upstashRateLimiter or what the environment says',
];

const scratch = mkdtempSync(path.join(os.tmpdir(), 'sluice-demo-'));
const service = path.join(scratch, 'service');
const classes = path.join(service, 'src', 'classes.js');
const wrong = [];
const off = (what) => wrong.push(what);

let running;
function stop() {
  try {
    process.kill(process.platform === 'win32' ? running.pid : -running.pid, 'SIGKILL');
  } catch { /* it has ended */ }
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stop();
    rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
}
/** Runs a program to its end: what it printed and its exit code. */
function run(program, args, { cwd = scratch, env = {}, shell = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, shell, stdio: ['ignore', 'pipe', 'pipe'], detached: process.platform !== 'win32' });
    running = child;
    const limit = setTimeout(stop, LIMIT_MS);
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (text) => (said[stream] += text));
    child.on('error', (error) => (said.stderr += error.message));
    child.on('close', (code) => {
      clearTimeout(limit);
      resolve({ code, ...said });
    });
  });
}
async function must(what, program, args, options) {
  const ended = await run(program, args, options);
  if (ended.code !== 0) throw new Error(`${what} failed:\n${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

/** A copy of the service with sluice's tarballs installed. What else it depends on is the repository's: nothing is downloaded. */
async function install() {
  const packed = path.join(scratch, 'packed');
  await must('packing', process.execPath, [path.join(root, 'scripts', 'pack.mjs'), packed], { cwd: root });
  cpSync(example, service, { recursive: true, filter: (from) => path.basename(from) !== 'node_modules' });
  const { dependencies, devDependencies, ...manifest } = JSON.parse(readFileSync(path.join(service, 'package.json'), 'utf8'));
  writeFileSync(path.join(service, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const windows = process.platform === 'win32';
  const tarballs = readdirSync(packed).map((file) => path.join('..', 'packed', file));
  await must('npm install', windows ? 'npm.cmd' : 'npm', ['install', '--offline', '--no-audit', '--no-fund', ...tarballs], { cwd: service, shell: windows });
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    if (name !== 'jest') symlinkSync(path.join(modules, name), path.join(service, 'node_modules', name), windows ? 'junction' : 'dir');
  }
}

/** The service's suite: how it went, and for how long. `fails`: the tests that have to fail. */
async function suite(name, { env, fails = [] } = {}) {
  const report = path.join(scratch, `${name}.json`);
  const start = performance.now();
  const { stderr } = await run(process.execPath, [jest, '--rootDir', service, `--testTimeout=${TEST_MS}`, '--json', `--outputFile=${report}`], { cwd: service, env });
  const seconds = (performance.now() - start) / 1000;
  let result;
  try {
    result = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    throw new Error(`the suite did not run:\n${stderr}`);
  }
  const tests = result.testResults.flatMap(({ name: file, assertionResults }) => assertionResults.map(({ fullName, status, failureMessages }) =>
    ({ file: path.basename(file), fullName, status, failureMessages })));
  for (const { file, fullName, status, failureMessages } of tests) {
    const isToFail = fails.includes(fullName);
    if (isToFail && status === 'passed') off(`${name}: ${file}: ${fullName}: passes, though its feature is off`);
    if (!isToFail && status !== 'passed') off(`${name}: ${file}: ${fullName}: ${failureMessages?.[0] ?? status}`);
  }
  for (const { name: file, status, message, assertionResults } of result.testResults) {
    if (status !== 'passed' && assertionResults.length === 0) off(`${name}: ${path.basename(file)}: ${message}`);
  }
  return { tests: tests.map(({ fullName }) => fullName).sort(), passed: result.numPassedTests, failed: tests.length - result.numPassedTests, seconds };
}

const load = async (name) => JSON.parse(await must(`the load on ${name}`, process.execPath, ['load.js'], { cwd: service }));

/** The change that the service's README shows, as sed would make it. */
function changeImports() {
  const [, pattern, put] = /sed -i\.bak -E "s#(.+?)#(.+?)#"/.exec(readFileSync(path.join(example, 'README.md'), 'utf8'));
  const before = readFileSync(classes, 'utf8');
  const expression = new RegExp(pattern, 'g');
  const changed = before.match(expression)?.length ?? 0;
  writeFileSync(classes, before.replace(expression, put.replace(/\\(\d)/g, '$$$1')));
  if (/require\('\.\//.test(readFileSync(classes, 'utf8'))) off('an import of the service\'s own was not changed');
  return changed;
}

/**
 * A module per broken method, which does nothing and returns nothing, in the place of the service's classes; and per file of
 * the suite one where nothing is broken.
 */
function mutants() {
  const folder = path.join(service, 'mutants');
  mkdirSync(folder);
  const mutant = (label, suite, source, isBroken = true) => {
    const module = path.join(folder, `${label}.js`);
    writeFileSync(module, `'use strict';\nconst classes = { ...require('../src/classes.js') };\n${source}\nmodule.exports = classes;\n`);
    return { label, suite, module, isBroken };
  };
  const suites = new Set(Object.values(METHODS).map(({ suite: file }) => file));
  return [
    ...[...suites].map((file) => mutant(`nothing-${file}`, file, '', false)),
    ...Object.entries(METHODS).flatMap(([name, { suite: file, methods, instead }]) => (methods
      ? methods.map((method) => mutant(`${name}.${method}`, file, `classes.${name}.prototype.${method} = function broken() {};`))
      : [mutant(name, file, `classes.${name} = ${instead};`)])),
  ];
}
/** How many of the broken ones the suite notices. */
async function kill(all) {
  const config = path.join(scratch, 'mutants.config.json');
  const projects = all.map(({ label, suite: file, module }) => ({
    displayName: label,
    rootDir: service,
    testEnvironment: 'node',
    testMatch: [path.join(service, 'test', `${file}.test.js`).replaceAll('\\', '/')],
    moduleNameMapper: { '/classes$': module },
    transform: {},
  }));
  writeFileSync(config, JSON.stringify({ projects, testTimeout: TEST_MS }));
  const { stderr } = await run(process.execPath, [jest, '--config', config, '--rootDir', service], { cwd: service });
  const ended = new Map([...stderr.matchAll(/^(PASS|FAIL) (\S+)/gm)].map(([, how, label]) => [label, how]));
  for (const { label, isBroken } of all) {
    const how = ended.get(label);
    if (how === undefined) off(`the suite did not run with ${label}`);
    else if (isBroken && how === 'PASS') off(`nobody notices that ${label} is broken`);
    else if (!isBroken && how === 'FAIL') off(`the suite fails with ${label} broken:\n${stderr}`);
  }
  return all.filter(({ label, isBroken }) => isBroken && ended.get(label) === 'FAIL').length;
}

const row = (...cells) => console.log(cells.map((cell, at) => (at === 0 ? String(cell).padEnd(34) : String(cell).padStart(16))).join(''));

async function main() {
  const began = performance.now();
  await install();
  const own = { ...(await suite('own classes')), load: await load('its own classes') };
  const imports = changeImports();
  const changed = { ...(await suite('drop-ins')), load: await load('the drop-ins') };

  const plain = await suite('drop-ins, features off', { env: { ENABLE_PERFORMANCE_OPTIMIZATION: 'false' }, fails: ASKS_FOR_FEATURES });

  row('', 'own classes', 'drop-ins', 'features off');
  row('imports changed', 0, imports, imports);
  row('tests passed', own.passed, changed.passed, plain.passed);
  row('tests that ask for a feature', '', '', plain.failed);
  row('tests failed', own.failed, changed.failed, plain.failed - ASKS_FOR_FEATURES.length);
  row('suite, seconds', own.seconds.toFixed(1), changed.seconds.toFixed(1), plain.seconds.toFixed(1));
  row(`load of ${own.load.requests} requests, ms`, own.load.ms, changed.load.ms);
  row('memory after it, MiB', own.load.rssMiB, changed.load.rssMiB);
  row('jobs accepted', own.load.accepted, changed.load.accepted);
  row('jobs delivered', own.load.delivered, changed.load.delivered);
  row('calls to QStash', own.load.qstashCalls, changed.load.qstashCalls);
  row('calls to the backend', own.load.backendCalls, changed.load.backendCalls);

  if (own.passed === 0) off('no test ran');
  if (own.tests.join('\n') !== changed.tests.join('\n')) off('the two runs did not run the same tests');
  if (changed.load.delivered !== changed.load.accepted) off(`of ${changed.load.accepted} jobs ${changed.load.delivered} were delivered`);
  if (changed.load.qstashCalls > changed.load.accepted / 5) off(`${changed.load.qstashCalls} calls for ${changed.load.accepted} jobs`);

  const all = mutants();
  const seen = await kill(all);
  row('methods broken, one at a time', '', all.filter(({ isBroken }) => isBroken).length);
  row('of these the suite noticed', '', seen);
  console.log(`${((performance.now() - began) / 1000).toFixed(0)} s`);
}

try {
  await main();
} catch (error) {
  off(error.message);
}
rmSync(scratch, { recursive: true, force: true });
for (const line of wrong) console.error(`off: ${line}`);
process.exitCode = wrong.length ? 1 : 0;
