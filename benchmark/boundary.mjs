// What crossing between JavaScript and Rust costs, beside what plain JavaScript does in its place: the numbers that
// the design follows from. ns an operation, the minimum of the rounds.
import { createRequire } from 'node:module';
import { heading, race } from './race.mjs';

const require = createRequire(import.meta.url);
const native = require('../lib/native');
const { nextTurn } = require('../lib/completion');
const { StreamAssembler } = require('..');

heading('boundary');

const CALLS = 20_000;
const times = (run, count = CALLS) => () => {
  for (let at = 0; at < count; at++) run(at);
};

const map = new Map(Array.from({ length: 1000 }, (_, at) => [`user:profile:${1_000_000 + at}`, at]));
const keys = [...map.keys()];
const key = (at) => keys[at % keys.length];
// the same keys as members of a document: what is looked up is a pointer to one
const pointers = keys.map((name) => `/${name.slice(1)}`);
const pointer = (at) => pointers[at % pointers.length];
const held = native.documentParse(Buffer.from(JSON.stringify(Object.fromEntries(keys.map((name, at) => [name.slice(1), at])))), 10, 0);
const cells = new Int32Array(native.openCells('benchmark', 1));
const small = Buffer.alloc(64, 'x');
const large = Buffer.alloc(16 * 1024, 'x');
const into = Buffer.alloc(16 * 1024);
const assembler = new StreamAssembler({ from: 'openai-chat', reuse: true });
const comment = Buffer.from(':\n\n');
const long = Buffer.concat([Buffer.from(':'), Buffer.alloc(16 * 1024 - 3, 'x'), Buffer.from('\n\n')]);
const copied = new StreamAssembler({ from: 'openai-chat' });

async function oneByOne(start, count) {
  for (let at = 0; at < count; at++) await start();
}
const atOnce = (start, count) => Promise.all(Array.from({ length: count }, start));
const tick = () => new Promise(setImmediate);

const rows = {
  'a function of JavaScript, empty': [CALLS, times(() => {})],
  'a native call, a string out': [CALLS, times(() => native.nativeVersion())],
  'Map.get of a key of 20 characters': [CALLS, times((at) => map.get(key(at)))],
  'a native call, a key of 20 characters in, looked up': [CALLS, times((at) => native.documentHas(held, pointer(at)))],
  'a shared cell, decremented': [CALLS, times(() => Atomics.sub(cells, 0, 1))],
  'a read of 3 bytes, assembled': [CALLS, times(() => assembler.push(comment))],
  'a read of 16 KB, assembled, passed through': [CALLS / 10, times(() => assembler.push(long), CALLS / 10)],
  'a read of 16 KB, and a copy of its own out': [CALLS / 10, times(() => copied.push(long), CALLS / 10)],
  '16 KB copied into a buffer that is reused': [CALLS / 10, times(() => large.copy(into), CALLS / 10)],
  '16 KB copied into a fresh Buffer': [CALLS / 10, times(() => Buffer.from(large), CALLS / 10)],
  'JSON.parse of 60 bytes': [CALLS, times(() => JSON.parse('{"id":"1","choices":[{"index":0,"delta":{"content":"hi"}}]}'))],
  '64 bytes as a string': [CALLS, times(() => small.latin1Slice())],
  'a promise of JavaScript, awaited': [2000, () => oneByOne(() => Promise.resolve(), 2000)],
  'setImmediate, one by one': [2000, () => oneByOne(tick, 2000)],
  'a completion, one by one': [2000, () => oneByOne(nextTurn, 2000)],
  'setImmediate, 1000 at once': [1000, () => atOnce(tick, 1000)],
  'a completion, 1000 at once': [1000, () => atOnce(nextTurn, 1000)],
};

const best = await race(Object.fromEntries(Object.entries(rows).map(([name, [, run]]) => [name, run])), { rounds: 20, warm: 5 });
const empty = best['a function of JavaScript, empty'] / CALLS;
console.table(Object.fromEntries(Object.entries(rows).map(([name, [count]]) => {
  const ns = best[name] / count;
  return [name, { ns: +ns.toFixed(1), 'times an empty function': +(ns / empty).toFixed(0) }];
})));
