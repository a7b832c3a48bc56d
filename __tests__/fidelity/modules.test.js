'use strict';
// How suites load the package: reset between tests, through a mapper, compiled by babel, by names with rules.
const { readFileSync, readdirSync } = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
const isJest = typeof jest !== 'undefined';

test('modules can be reset, and old and new copies work side by side', async () => {
  const fake = isJest ? jest : globalThis.vi;
  const before = require('../../lib/completion');
  fake.resetModules();
  const after = require('../../lib/completion');
  if (isJest) expect(after).not.toBe(before);
  await Promise.all([before.nextTurn(), after.nextTurn(), before.nextTurn()]);
});

test('a default import, a namespace import and named imports agree', async () => {
  const { execFileSync } = require('node:child_process');
  const names = Object.keys(require('sluice'));
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', `
    import sluice, * as all from 'sluice';
    import { ${names.join(', ')} } from 'sluice';
    console.log([${names.join(', ')}].every((value, at) => value === sluice[${JSON.stringify(names)}[at]] && value === all[${JSON.stringify(names)}[at]]));`], { cwd: root, encoding: 'utf8' });
  expect(out.trim()).toBe('true');
});

test('only the default condition is needed to resolve the package', () => {
  const { exports: map } = require('../../package.json');
  const { './package.json': manifest, ...entries } = map;
  expect([manifest, entries['.'], entries['./compat']]).toEqual(['./package.json', expect.anything(), expect.anything()]);
  for (const entry of Object.values(entries)) expect(Object.keys(entry)).toEqual(['types', 'default']);
});

const inside = (folder) => readdirSync(path.join(root, folder), { recursive: true }).map((file) => path.join(folder, String(file)));
const shipped = ['index.js', 'binding.js', 'index.d.ts', ...inside('lib'), ...inside('compat')]
  .filter((file) => /\.(js|d\.ts)$/.test(file));
const specifiers = (file) => [...readFileSync(path.join(root, file), 'utf8').matchAll(/(?:require\(|from )'([^']+)'/g)].map(([, specifier]) => specifier);

test('no file and no specifier of ours is caught by a stub for that well-known id package', () => {
  const word = ['uu', 'id'].join('');
  expect(shipped.filter((file) => file.includes(word))).toEqual([]);
  expect(shipped.flatMap(specifiers).filter((specifier) => specifier.includes(word))).toEqual([]);
  const { name, dependencies } = require('../../package.json');
  expect([name, dependencies]).toEqual(['sluice', undefined]);
});

// the jsdom project of jest.config.js has that mapper, so all suites here run with it; this says which one breaks
test('our own requires survive a mapper that strips .js', () => {
  const relative = shipped.flatMap((file) => specifiers(file).filter((one) => one.startsWith('.')).map((one) => [file, one]));
  expect(relative.length).toBeGreaterThan(5);
  for (const [file, specifier] of relative) {
    if (specifier.endsWith('.node') || specifier.endsWith('.cjs')) continue; // the loader's candidates: most are not there
    const stripped = specifier.replace(/\.js$/, '');
    expect(() => require.resolve(path.join(root, path.dirname(file), stripped))).not.toThrow();
  }
});

test('nothing of the web is touched when the package is loaded', () => {
  const { execFileSync } = require('node:child_process');
  const missing = ['fetch', 'Request', 'Response', 'ReadableStream', 'TransformStream', 'TextDecoder', 'TextEncoder', 'structuredClone', 'setImmediate', 'AbortController', 'AbortSignal', 'Blob'];
  const out = execFileSync(process.execPath, ['-e', `
    const missing = ${JSON.stringify(missing)};
    require('node:fs'); require('node:module'); require('node:stream');
    for (const name of missing) Object.defineProperty(globalThis, name, { get() { throw new Error(name + ' was touched'); }, configurable: true });
    require('./index.js');
    require('./compat');
    console.log('loaded');`], { cwd: root, encoding: 'utf8' });
  expect(out).toBe('loaded\n');
});

test('imports that a compiler turned into CommonJS find the names', () => {
  const { transpileModule, ModuleKind } = require('typescript');
  const source = `
    import sluice, { StreamAssembler, version as named } from 'sluice';
    import * as all from 'sluice';
    export const found = [sluice.version, named, all.version, all.default === sluice, typeof StreamAssembler];`;
  const { outputText } = transpileModule(source, { compilerOptions: { module: ModuleKind.CommonJS, esModuleInterop: true } });
  expect(outputText).not.toMatch(/^import/m);
  const compiled = {};
  new Function('require', 'exports', outputText)(require, compiled);
  const { version } = require('../../package.json');
  expect(compiled.found).toEqual([version, version, version, true, 'function']);
});
