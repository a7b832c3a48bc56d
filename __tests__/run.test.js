'use strict';
// The run itself: what `npm test` counts as failed, and its last line.
const { spawnSync } = require('node:child_process');
const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.join(__dirname, '..');
const scratch = mkdtempSync(path.join(os.tmpdir(), 'sluice-run-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function run(steps, env) {
  const { SLUICE_SHARED, ...rest } = process.env;
  const reports = path.join(scratch, 'reports');
  const ended = spawnSync(process.execPath, ['scripts/test.mjs', ...steps], { cwd: root, env: { ...rest, SLUICE_REPORTS: reports, ...env }, encoding: 'utf8' });
  return { status: ended.status, last: ended.stdout.trimEnd().split('\n').at(-1), text: ended.stdout + ended.stderr };
}
/** What scripts/test/report.mjs makes of that. */
function report(call) {
  const source = `import { fromCargo, fromJest, mayBeSkipped } from './scripts/test/report.mjs'; const out = ${call}; console.log(JSON.stringify(out instanceof Set ? [...out] : out));`;
  return JSON.parse(spawnSync(process.execPath, ['--input-type=module', '-e', source], { cwd: root, encoding: 'utf8' }).stdout);
}

test('a shared folder that is named and empty, or not there, is a failure', () => {
  for (const SLUICE_SHARED of ['', path.join(scratch, 'nowhere')]) {
    const { status, last, text } = run(['rustfmt'], { SLUICE_SHARED });
    expect({ status, text }).toMatchObject({ status: 1, text: expect.stringMatching(/SLUICE_SHARED is/) });
    expect(last).toMatch(/^\d passed, [12] failed$/);
  }
});

test('a step that does not exist is refused', () => {
  expect(run(['everything'], {})).toMatchObject({ status: 2, text: expect.stringMatching(/no step is named everything/) });
});

test('cargo counts are summed over its test binaries', () => {
  const text = 'test a::b ... ok\ntest a::c ... ignored\ntest result: ok. 3 passed; 0 failed; 1 ignored;\n\ntest result: FAILED. 2 passed; 4 failed; 0 ignored;';
  expect(report(`fromCargo(${JSON.stringify(text)})`)).toEqual({ passed: 5, failed: 4, skipped: ['a::c'] });
});

test('jest counts say which tests were skipped, and count a suite that could not run', () => {
  const file = path.join(scratch, 'jest.json');
  mkdirSync(scratch, { recursive: true });
  writeFileSync(file, JSON.stringify({
    testResults: [
      { status: 'passed', assertionResults: [{ status: 'passed', fullName: 'a' }, { status: 'pending', fullName: 'b' }, { status: 'todo', fullName: 'c' }] },
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [{ status: 'failed', fullName: 'd' }] },
    ],
  }));
  expect(report(`fromJest(${JSON.stringify(file)})`)).toEqual({ passed: 1, failed: 2, skipped: ['b', 'c'] });
  expect(report("fromJest('/nowhere/at/all')")).toEqual({ passed: 0, failed: 1, skipped: [] });
});

test('only tests that are listed with a reason may be skipped', () => {
  const text = '# C\n\n- `elsewhere`: no\n\n## Skipped tests\n\nWords.\n\n- `one two`: because\n- `no reason`:\n\n## Next\n\n- `later`: no\n';
  expect(report(`mayBeSkipped(${JSON.stringify(text)})`)).toEqual(['one two']);
});
