'use strict';
// The lists of drop-ins, of which there are four: the folder, its index, the types of that, the package's exports.
const { existsSync, readFileSync, readdirSync } = require('node:fs');
const path = require('node:path');
const ts = require('typescript');
const { exports: subpaths } = require('../../package.json');

const folder = path.join(__dirname, '..', '..', 'compat');
const files = readdirSync(folder).filter((file) => file.endsWith('.js')).map((file) => file.slice(0, -3)).filter((name) => name !== 'index');
const modules = files.filter((name) => existsSync(path.join(folder, `${name}.d.ts`)));

/** Names that a file of types says are there at run time; from its syntax, which takes no compiler's minute. */
function typed(file) {
  const { statements } = ts.createSourceFile(file, readFileSync(path.join(folder, file), 'utf8'), ts.ScriptTarget.Latest);
  return statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) {
      // a star would hide what it exports
      return statement.isTypeOnly ? [] : statement.exportClause.elements.filter((one) => !one.isTypeOnly).map((one) => one.name.text);
    }
    if (!statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    if (ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement)) return [statement.name.text];
    return ts.isVariableStatement(statement) ? statement.declarationList.declarations.map(({ name }) => name.text) : [];
  }).filter((name, at, all) => all.indexOf(name) === at).sort();
}
const named = (name) => Object.keys(require(path.join(folder, name))).sort();

test('there are some', () => {
  expect(modules).toEqual(expect.arrayContaining(['rate-limiter', 'sliding-window-limiter', 'get-request-body', 'handle-stream']));
});

test('what has no types is a collaborator of a drop-in', () => {
  const used = new Set(files.flatMap((name) => [...readFileSync(path.join(folder, `${name}.js`), 'utf8').matchAll(/require\('\.\/([\w-]+)'\)/g)].map(([, other]) => other)));
  expect(files.filter((name) => !modules.includes(name) && !used.has(name))).toEqual([]);
});

test.each(modules)('%s: a subpath, types, and each of its names in the index', (name) => {
  expect(subpaths[`./compat/${name}`]).toEqual({ types: `./compat/${name}.d.ts`, default: `./compat/${name}.js` });
  expect(typed(`${name}.d.ts`)).toEqual(named(name));
  const own = require(path.join(folder, name));
  for (const one of named(name)) expect(require(folder)[one]).toBe(own[one]);
});

test('the index, its types and the exports have nothing else', () => {
  const all = modules.flatMap(named).sort();
  expect(named('index')).toEqual(all);
  expect(typed('index.d.ts')).toEqual(all);
  expect(Object.keys(subpaths).filter((subpath) => subpath.startsWith('./compat')).sort()).toEqual(['./compat', ...modules.map((name) => `./compat/${name}`)].sort());
});

test('docs/migrate.md has a part for each class and function, with its four points, and names each subpath and variable', () => {
  const guide = readFileSync(path.join(folder, '..', 'docs', 'migrate.md'), 'utf8');
  const parts = new Map(guide.split(/^## /m).slice(1).map((part) => [part.slice(0, part.indexOf('\n')), part]));
  for (const name of modules) {
    expect(guide).toContain(`sluice/compat/${name}`);
    const [first] = Object.keys(require(path.join(folder, name)));
    expect([...parts.keys()]).toContain(first);
    const points = parts.get(first).match(/^### .*/gm);
    expect([first, points]).toEqual([first, ['### Better', '### The same', '### Going back', '### Environment']]);
    const source = readFileSync(path.join(folder, `${name}.js`), 'utf8');
    for (const [, variable] of source.matchAll(/'((?:[A-Z][A-Z0-9]*_)+[A-Z0-9]+)'/g)) {
      if (!/^ERR_|^BODY_/.test(variable)) expect([name, parts.get(first).includes(variable) && variable]).toEqual([name, variable]);
    }
  }
});
