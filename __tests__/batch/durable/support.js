'use strict';
// Folders of a test, buffers over them, and programs in processes of their own.
const { spawn } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { BatchBuffer } = require('sluice');

const root = path.join(__dirname, '..', '..', '..');
const folders = [];
const buffers = [];

/** A folder that is gone after the test. */
function folder() {
  const made = mkdtempSync(path.join(tmpdir(), 'sluice-durable-'));
  folders.push(made);
  return made;
}
/** A durable buffer that is closed after the test, when it is not before. */
function open(where, handler, { durable, ...options } = {}) {
  const buffer = new BatchBuffer(handler, { durable: { path: where, ...durable }, ...options });
  buffers.push(buffer);
  return buffer;
}
async function cleanUp() {
  await Promise.all(buffers.splice(0).map((buffer) => buffer.close({ timeoutMs: 1 })));
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
}

/** What is on disk there, oldest first; it stays. */
async function left(where, options = {}) {
  const reader = open(where, null, options);
  await reader.recovered;
  const items = reader.pending();
  await reader.close();
  return items;
}
/** Leaves items there as a process that had no time to deliver them. */
async function leave(where, items, options = {}) {
  const buffer = open(where, null, options);
  const ids = await Promise.all(items.map((item) => buffer.enqueue(item)));
  await buffer.close();
  return ids;
}

/** A handler that holds every batch until it is let go; `batches` are those that it has been given. */
function gate() {
  const batches = [];
  const handler = (items, context) => new Promise((resolve, reject) => batches.push({ items, context, resolve, reject }));
  return { batches, handler };
}

/** Resolves when `condition()` holds. */
async function until(condition, what = 'it') {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const prelude = `
const { BatchBuffer } = require(${JSON.stringify(path.join(root, 'index.js'))});
const where = process.argv[1];
const say = (...words) => require('node:fs').writeSync(1, words.join(' ') + '\\n');
`;
/** Runs a program with `BatchBuffer`, `where` and `say`; resolves with `{ code, signal, out, err }`, and `child` is its process. */
function run(source, where, { limitMs = 240_000, command = process.execPath, before = [], ...options } = {}) {
  const child = spawn(command, [...before, '-e', prelude + source, where], { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const ended = new Promise((resolve, reject) => {
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, out: out.split('\n').filter(Boolean), err });
    });
  });
  return Object.assign(ended, { child });
}

module.exports = { root, folder, open, left, leave, gate, until, run, cleanUp };
