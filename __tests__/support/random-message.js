'use strict';
const { below, pick } = require('./random');

const WORDS = [
  'a',
  ' the',
  'Hello',
  '\n',
  '\n\n',
  '\t',
  '"',
  '\\',
  '\\n',
  "'",
  '{',
  '}',
  '[1]',
  ':',
  'data: x',
  'event: y',
  '</think>',
  '<b>',
  '\u0000',
  '\u001f',
  '\u007f',
  '\u00e9',
  '\u4e2d\u6587',
  '\u65e5\u672c',
  '\ud83d\ude00',
  '\ud83d\udc69\u200d\ud83d\udc67',
  '\u2028',
  '\ufeff',
  '[DONE]',
  'null',
  ' ',
  '0.1',
  '\\ud83d',
];
const NAMES = ['get_weather', 'f', 'mcp__files__read', 'add-2'];

const words = (random, most) => Array.from({ length: 1 + below(random, most) }, () => pick(random, WORDS)).join('');

function value(random, depth) {
  const kind = below(random, depth > 2 ? 4 : 6);
  if (kind === 4) return Array.from({ length: below(random, 3) }, () => value(random, depth + 1));
  if (kind === 5) return object(random, depth + 1);
  return [words(random, 4), below(random, 1e6) / 8, random() < 0.5, null][kind];
}
const object = (random, depth = 0) =>
  Object.fromEntries(Array.from({ length: below(random, 4) }, (_, at) => [`k${at}`, value(random, depth)]));

/** A message that every format but Kiro can say: parts in any order, its end, its counts. */
function randomMessage(random) {
  const parts = [];
  let calls = 0;
  for (let count = 1 + below(random, 4); count > 0; count -= 1) {
    const kind = pick(random, ['text', 'text', 'reasoning', 'call']);
    if (kind === 'call') {
      calls += 1;
      parts.push({
        kind,
        id: `call_${calls}${below(random, 1000)}`,
        name: pick(random, NAMES),
        args: JSON.stringify(object(random)),
      });
    } else if (parts.at(-1)?.kind !== kind) {
      parts.push({ kind, said: words(random, 12) });
    }
  }
  const input = 1 + below(random, 1000);
  const [cached, output] = [below(random, input), 1 + below(random, 1000)];
  return {
    parts,
    finish: calls > 0 ? 'tool_calls' : pick(random, ['stop', 'length', 'content_filter']),
    input,
    cached,
    output,
  };
}

module.exports = { randomMessage };
