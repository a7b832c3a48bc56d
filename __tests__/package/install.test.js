'use strict';
// The packages as they are published, installed in a scratch folder where no Rust is on the PATH.
const { execFileSync, spawnSync } = require('node:child_process');
const { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { version } = require('../../package.json');

const root = path.join(__dirname, '..', '..');
const scratch = mkdtempSync(path.join(os.tmpdir(), 'sluice-install-'));
const packed = path.join(scratch, 'packed');
const bin = path.join(scratch, 'bin');
const env = { ...process.env, PATH: bin, NAPI_RS_NATIVE_LIBRARY_PATH: '', npm_config_offline: 'true' };
const tarball = (name) => path.join(packed, `${name}-${version}.tgz`);
let platform;

/** A folder with those packages installed, by an npm that has nothing but node and a shell beside it. */
function install(name, packages) {
  const folder = path.join(scratch, name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "consumer", "private": true }');
  const npm = realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim());
  const ended = spawnSync(process.execPath, [npm, 'install', '--no-audit', '--no-fund', ...packages.map(tarball)], { cwd: folder, env, encoding: 'utf8' });
  expect({ status: ended.status, error: ended.status === 0 ? '' : ended.stderr }).toEqual({ status: 0, error: '' });
  return folder;
}
/** What a program prints in that folder, where it is an ES module when asked for. */
function run(folder, source, type = 'commonjs') {
  return execFileSync(process.execPath, [`--input-type=${type}`, '-e', source], { cwd: folder, env, encoding: 'utf8' }).trim();
}
const failure = `
  try { require('sluice'); console.log('loaded'); } catch (error) {
    console.log(JSON.stringify({ code: error.code, message: error.message, cause: error.cause?.message, real: error instanceof Error }));
  }`;

beforeAll(() => {
  mkdirSync(bin);
  symlinkSync(process.execPath, path.join(bin, 'node'));
  symlinkSync('/bin/sh', path.join(bin, 'sh'));
  execFileSync(process.execPath, ['scripts/pack.mjs', packed], { cwd: root });
  // the binary of the machine that the tests run on
  platform = readdirSync(packed).map((file) => file.replace(`-${version}.tgz`, '')).find((name) => name !== 'sluice');
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('with the platform package', () => {
  let folder;
  beforeAll(() => {
    folder = install('with', ['sluice', platform]);
  });

  test('no Rust and no compiler are needed', () => {
    for (const tool of ['cargo', 'rustc', 'cc', 'gcc', 'make']) expect(existsSync(path.join(bin, tool))).toBe(false);
    expect(readdirSync(path.join(folder, 'node_modules')).filter((name) => !name.startsWith('.')).sort()).toEqual(['sluice', platform].sort());
  });

  test('require gives every name of the contract', () => {
    const names = Object.keys(require('../../index.js')).sort();
    expect(JSON.parse(run(folder, "console.log(JSON.stringify(Object.keys(require('sluice')).sort()))"))).toEqual(names);
    expect(run(folder, "console.log(require('sluice').version)")).toBe(version);
    expect(run(folder, "console.log(require('sluice/package.json').version)")).toBe(version);
  });

  test('import finds every name', () => {
    const names = Object.keys(require('../../index.js'));
    const source = `
      import { ${names.join(', ')} } from 'sluice';
      import whole, * as all from 'sluice';
      console.log([${names.join(', ')}].every((value, at) => value !== undefined && value === whole[${JSON.stringify(names)}[at]]), version, typeof all.default);`;
    expect(run(folder, source, 'module')).toBe(`true ${version} object`);
  });

  test('every drop-in resolves, by require and by import, at its subpath and at sluice/compat', () => {
    const { exports } = require('../../package.json');
    const subpaths = Object.keys(exports).filter((subpath) => subpath.startsWith('./compat/')).map((subpath) => `sluice${subpath.slice(1)}`);
    const all = Object.keys(require('../../compat'));
    const listed = `JSON.stringify([${subpaths.map((subpath) => `Object.keys(require('${subpath}'))`).join(',')}].flat().sort())`;
    expect(JSON.parse(run(folder, `console.log(${listed})`))).toEqual([...all].sort());
    const imports = subpaths.map((subpath) => `import { ${Object.keys(require(`../../compat/${path.basename(subpath)}`)).join(', ')} } from '${subpath}';`);
    const source = `${imports.join('\n')}
      import * as compat from 'sluice/compat';
      import { ${all.map((name) => `${name} as ${name}2`).join(', ')} } from 'sluice/compat';
      console.log([${all.map((name) => `${name} !== undefined && ${name} === ${name}2 && ${name} === compat.${name}`).join(', ')}].every(Boolean));`;
    expect(run(folder, source, 'module')).toBe('true');
  });

  test('tsc --strict takes CommonJS and ES module consumers', () => {
    mkdirSync(path.join(folder, 'node_modules', '@types'));
    symlinkSync(path.join(root, 'node_modules', '@types', 'node'), path.join(folder, 'node_modules', '@types', 'node'));
    const files = readdirSync(path.join(root, '__tests__', 'types'));
    expect(files).toEqual(expect.arrayContaining(['consumer.mts', 'consumer.cts', 'compat.mts', 'compat.cts', 'compat-stores.mts']));
    for (const file of files) cpSync(path.join(root, '__tests__', 'types', file), path.join(folder, file));
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const lib = 'es2022,esnext.disposable,dom,dom.iterable';
    const args = ['--strict', '--noEmit', '--target', 'es2022', '--lib', lib, '--module', 'node16', '--types', 'node', ...files];
    const ended = spawnSync(process.execPath, [tsc, ...args], { cwd: folder, env, encoding: 'utf8' });
    expect(ended.stdout).toBe('');
    expect(ended.status).toBe(0);
  });

  test('are-the-types-wrong finds nothing', () => {
    const attw = path.join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
    const ended = spawnSync(process.execPath, [attw, '--no-emoji', '--no-color', '--format', 'ascii', tarball('sluice')], { cwd: folder, encoding: 'utf8' });
    expect(ended.stdout + ended.stderr).toMatch(/No problems found/);
    expect(ended.status).toBe(0);
  });

  test('the package holds what runs and nothing else', () => {
    const files = readdirSync(path.join(folder, 'node_modules', 'sluice'), { recursive: true }).map(String);
    expect(files.filter((file) => !/^(lib(\/[\w-]+\.js|\/[\w-]+)*|compat(\/[\w-]+\.(js|d\.ts))?|index\.(js|d\.ts)|binding\.js|package\.json|README\.md|LICENSE)$/.test(file))).toEqual([]);
    const manifest = JSON.parse(readFileSync(path.join(folder, 'node_modules', 'sluice', 'package.json'), 'utf8'));
    expect(manifest.dependencies).toBeUndefined();
    expect(manifest.scripts).toBeUndefined();
    expect(Object.keys(manifest.optionalDependencies)).toContain(platform);
  });

  test('a binary that does not load is told apart from one that is not there', () => {
    const broken = path.join(scratch, 'broken');
    cpSync(folder, broken, { recursive: true, verbatimSymlinks: true });
    const own = path.join(broken, 'node_modules', platform);
    const { main } = JSON.parse(readFileSync(path.join(own, 'package.json'), 'utf8'));
    writeFileSync(path.join(own, main), 'not a library');
    const error = JSON.parse(run(broken, failure));
    expect(error).toMatchObject({ code: 'ERR_PLATFORM', real: true, cause: expect.any(String) });
    expect(error.message).toMatch(`does not load`);
    expect(error.message).toMatch(`reinstall ${platform}`);
  });

  test('a binary of another version is refused', () => {
    const other = path.join(scratch, 'other');
    cpSync(folder, other, { recursive: true, verbatimSymlinks: true });
    const file = path.join(other, 'node_modules', 'sluice', 'package.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version: '9.9.9' }));
    expect(JSON.parse(run(other, failure))).toMatchObject({ code: 'ERR_PLATFORM', message: expect.stringContaining(`version ${version}, not 9.9.9`) });
  });
});

test('without a platform package, require throws ERR_PLATFORM that names the package to install', () => {
  const folder = install('without', ['sluice']);
  const error = JSON.parse(run(folder, failure));
  expect(error).toMatchObject({ code: 'ERR_PLATFORM', real: true, cause: expect.any(String) });
  expect(error.message).toMatch(`install ${platform}`);
});

test('every platform that the release builds has its package', () => {
  const { napi } = require('../../package.json');
  const folders = readdirSync(path.join(root, 'npm'));
  expect(folders).toHaveLength(napi.targets.length);
  for (const folder of folders) {
    const manifest = require(path.join(root, 'npm', folder, 'package.json'));
    expect(manifest).toMatchObject({ name: `sluice-${folder}`, version, main: `sluice.${folder}.node`, files: [`sluice.${folder}.node`] });
  }
});
