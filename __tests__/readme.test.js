'use strict';
// The snippets of the README, of docs/cache.md, docs/batch.md and docs/limiter.md run, each in a process of its own, and print what they say they print.
const { spawnSync } = require('node:child_process');
const { existsSync, readFileSync } = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const text = readFileSync(path.join(root, 'README.md'), 'utf8');
const snippetsOf = (page) => page.split(/^##? /m).slice(1).flatMap((section) =>
  [...section.matchAll(/^```js\n([^]*?)^```/gm)].map(([, source], at) => [`${section.split('\n')[0]}${at ? ` (${at + 1})` : ''}`, source]));
const snippets = [...snippetsOf(text), ...['cache.md', 'batch.md', 'limiter.md'].flatMap((page) => snippetsOf(readFileSync(path.join(root, 'docs', page), 'utf8')))];

test('there is a snippet per use', () => {
  const imported = new Set(snippets.flatMap(([, source]) => [...source.matchAll(/import \{([^}]*)\} from 'sluice'/g)].flatMap(([, names]) => names.split(',').map((name) => name.trim()))));
  for (const name of ['BatchBuffer', 'qstashSink', 'readJson', 'respondWithError', 'JsonDocument', 'pipeStream', 'StreamAssembler', 'convertRequest', 'EventStreamDecoder', 'TieredCache', 'cacheKey', 'hashKey', 'AdaptiveLimiter', 'KeyedLimiter', 'rateLimitHeaders']) expect([...imported]).toContain(name);
});

test.each(snippets)('%s', (_, source) => {
  const says = [...source.matchAll(/^\/\/ -> (.*)$/gm)].map(([, line]) => line);
  expect(says.length).toBeGreaterThan(0);
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', source], { cwd: root, encoding: 'utf8', timeout: 240_000 });
  expect({ printed: ended.stdout.trimEnd().split('\n'), errors: ended.stderr }).toEqual({ printed: says, errors: '' });
});

test('what it links to is there', () => {
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, to]) => to).filter((to) => !/^https?:/.test(to));
  expect(links.filter((to) => !existsSync(path.join(root, to)))).toEqual([]);
});
