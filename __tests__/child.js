'use strict';
// Programs that run in a process of their own, with the addon's test hooks at hand.
const { spawn } = require('node:child_process');
const path = require('node:path');

const root = path.join(__dirname, '..');
const addon = path.join(root, 'target', 'hooks', 'sluice.node');
const prelude = `
  const sluice = require(${JSON.stringify(path.join(root, 'index.js'))});
  const native = require(${JSON.stringify(path.join(root, 'lib', 'native.js'))});
  const { begin, nextTurn } = require(${JSON.stringify(path.join(root, 'lib', 'completion.js'))});
`;
const modulePrelude = `
  import { createRequire } from 'node:module';
  const require = createRequire(${JSON.stringify(path.join(root, 'package.json'))});
`;

/**
 * Runs a program, CommonJS or (`module: true`) an ES module, and returns how it ended: `{ code, signal, out, err, ms }`.
 * What is there for it: `sluice`, `native`, `begin`, `nextTurn`.
 */
function runChild(source, { module = false, flags = [], limitMs = 240_000, env = {} } = {}) {
  const args = [...flags, `--input-type=${module ? 'module' : 'commonjs'}`, '-e', (module ? modulePrelude : '') + prelude + source];
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: addon, RUST_BACKTRACE: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, out, err, ms: Number(process.hrtime.bigint() - start) / 1e6 });
    });
  });
}

module.exports = { root, addon, runChild };
