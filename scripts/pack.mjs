// Makes the packages that are published: `node scripts/pack.mjs TO [--all]` writes the root package and this platform's
// (`--all`: every platform's, as the release needs) as tarballs to the folder TO, from binaries that are built.
// The platform packages are optional dependencies of the packed root only: in a clone, where the registry may not have
// them yet, they would keep `npm install` from ending.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...parts) => path.join(root, ...parts);
const all = process.argv.includes('--all');
const [to] = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
if (!to) {
  console.error('usage: node scripts/pack.mjs TO [--all]');
  process.exit(2);
}
mkdirSync(to, { recursive: true });

const manifest = JSON.parse(readFileSync(at('package.json'), 'utf8'));
const platforms = readdirSync(at('npm'));
const packages = platforms.map((platform) => `${manifest.name}-${platform}`);
const built = platforms.filter((platform) => existsSync(at(`${manifest.name}.${platform}.node`)));
const missing = platforms.filter((platform) => !built.includes(platform));
if (built.length === 0 || (all && missing.length > 0)) {
  console.error(`no binary for ${missing.join(', ')}: build it, or put it in the repository's folder`);
  process.exit(1);
}

/** Packs a folder whose package.json is this one. */
function pack(contents, files) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-pack-'));
  try {
    for (const [file, from] of files) cpSync(from, path.join(folder, file), { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(contents, null, 2)}\n`);
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const out = execFileSync(npm, ['pack', folder, '--json', '--ignore-scripts', '--pack-destination', path.resolve(to)], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      shell: process.platform === 'win32',
    });
    console.log(path.join(to, JSON.parse(out)[0].filename));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { scripts, devDependencies, napi, ...published } = manifest;
pack(
  { ...published, optionalDependencies: Object.fromEntries(packages.map((name) => [name, manifest.version])) },
  [...manifest.files, 'README.md', 'LICENSE'].filter((file) => existsSync(at(file))).map((file) => [file, at(file)]));
for (const platform of built) {
  const own = JSON.parse(readFileSync(at('npm', platform, 'package.json'), 'utf8'));
  const binary = `${manifest.name}.${platform}.node`;
  pack({ ...own, version: manifest.version }, [
    ['README.md', at('npm', platform, 'README.md')],
    ['LICENSE', at('LICENSE')],
    [binary, at(binary)],
  ]);
}
