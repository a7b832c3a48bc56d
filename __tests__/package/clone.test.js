'use strict';
// A clone, in a scratch folder: `npm install` builds the addon. Crates that are compiled already are taken from this
// repository's target folder, packages from npm's cache where they are there.
const { execFileSync, spawnSync } = require('node:child_process');
const { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { version } = require('../../package.json');

const root = path.join(__dirname, '..', '..');
const LIMIT_MS = 590_000;

test('npm install in a clone builds an addon that loads', () => {
  const clone = mkdtempSync(path.join(os.tmpdir(), 'sluice-clone-'));
  try {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
    for (const file of listed.split('\0').filter(Boolean)) {
      if (!existsSync(path.join(root, file))) continue;
      mkdirSync(path.dirname(path.join(clone, file)), { recursive: true });
      cpSync(path.join(root, file), path.join(clone, file));
    }
    const env = { ...process.env, CARGO_TARGET_DIR: path.join(root, 'target'), NAPI_RS_NATIVE_LIBRARY_PATH: '' };
    const ended = spawnSync('npm', ['install', '--prefer-offline'], { cwd: clone, env, encoding: 'utf8', timeout: LIMIT_MS, shell: process.platform === 'win32' });
    expect({ status: ended.status, error: ended.status === 0 ? '' : ended.stderr }).toEqual({ status: 0, error: '' });
    // cargo's own progress is seen
    expect(ended.stdout + ended.stderr).toMatch(/Finished `release` profile/);
    expect(readdirSync(clone).filter((file) => file.endsWith('.node'))).toHaveLength(1);
    const source = "const { JsonDocument, version } = require('sluice'); JsonDocument.parse('{\"a\":1}').then((one) => console.log(version, one.get('/a')));";
    expect(execFileSync(process.execPath, ['-e', source], { cwd: clone, env, encoding: 'utf8' })).toBe(`${version} 1\n`);
  } finally {
    rmSync(clone, { recursive: true, force: true });
  }
}, LIMIT_MS);
