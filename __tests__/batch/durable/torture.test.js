'use strict';
// A short torture; the long one is `npm run torture:batch -- 1000`.
const { spawn } = require('node:child_process');
const path = require('node:path');
const { root } = require('./support');

/** Runs so many kills of a mode; returns the exit code and what was counted. */
function torture(mode, kills) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(root, 'scripts', 'torture-batch.mjs'), String(kills), `--only=${mode}`], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, err, ...JSON.parse(out || '{}') }));
  });
}

test.each(['always', 'os', 'two', 'four'])('%s: what was acknowledged before a SIGKILL is delivered or on disk, in order', async (mode) => {
  const { code, err, acknowledged, lost, disorder } = await torture(mode, 8);
  expect({ code, err, lost, disorder }).toEqual({ code: 0, err: '', lost: 0, disorder: 0 });
  expect(acknowledged).toBeGreaterThan(50);
});

test('acknowledged too early, items are lost: the harness sees it', async () => {
  const { code, lost } = await torture('control', 8);
  expect(code).toBe(0);
  expect(lost).toBeGreaterThan(0);
});
