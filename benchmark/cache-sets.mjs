// Setting values by reference: those that are there already, and new ones; and the drop-in beside the class that it replaces.
import { LRUCache } from 'lru-cache';
import { createRequire } from 'node:module';
import { heading, race, report, row } from './race.mjs';
import { seeded, zipf } from './zipf.mjs';

const require = createRequire(import.meta.url);
const { TieredCache } = require('..');
const { LocalCache } = require('../compat/local-cache');
const { LocalCache: Original } = require('../examples/existing-service/src/local-cache');
const [KEYS, CALLS, PARTS, TTL_S] = [20_000, 1 << 16, 16, 600];
const named = (prefix, count) => Array.from({ length: count }, (_, at) => Buffer.from(`${prefix}:profile:${(at * 7919) % 1_000_003}`).toString());
const [keys, more] = [named('user', KEYS), named('more', 4 * KEYS)];
const values = keys.map((_, at) => ({ id: at }));
const asked = Array.from(zipf(KEYS, 0.9, CALLS, seeded(3)), (at) => keys[at]);

let sink = 0;
/** Made from text, so that each candidate is compiled for itself. */
const run = (cache, list, call) => {
  const made = new Function('cache', 'keys', 'values', `return (from, to) => {
    let sum = 0;
    for (let at = from; at < to; at += 1) ${call};
    return sum;
  };`)(cache, list, values);
  return (part) => { sink += made((list.length / PARTS) * part, (list.length / PARTS) * (part + 1)); };
};
const value = `values[at % ${KEYS}]`;
const kinds = {
  original: [() => new Original(), `cache.set(keys[at], ${value}, ${TTL_S * 1000})`, 'sum += cache.get(keys[at]).id'],
  dropIn: [(max) => new LocalCache({ maxEntries: max }), `cache.set(keys[at], ${value}, ${TTL_S * 1000})`, 'sum += cache.get(keys[at]).id'],
  lru: [(max) => new LRUCache({ max, ttl: TTL_S * 1000 }), `cache.set(keys[at], ${value})`, 'sum += cache.get(keys[at]).id'],
  reference: [(max) => new TieredCache({ memory: { maxEntries: max } }), `cache.setSync(keys[at], ${value}, ${TTL_S})`, 'sum += cache.getSync(keys[at]).id'],
};
const filled = Object.fromEntries(Object.entries(kinds).map(([name, [make, set]]) => {
  const cache = make(KEYS);
  for (let part = 0; part < PARTS; part += 1) run(cache, keys, set)(part);
  return [name, cache];
}));
const each = (make) => Object.fromEntries(Object.keys(kinds).map((name) => [name, make(name)]));

heading('Sets by reference', { 'lru-cache': 11 });
const rows = [];
const compare = (what, best, atLeast) => {
  rows.push(row(`LocalCache, ${what}, against the class that it replaces`, best, 'dropIn', 'original', atLeast));
  rows.push(row(`setSync, ${what}, against lru-cache with TTL`.replace('setSync, get', 'getSync'), best, 'reference', 'lru'));
};
compare('set of a key that is there', await race(each((name) => run(filled[name], asked, kinds[name][1])), { rounds: 40, parts: PARTS }), 1);
compare('get', await race(each((name) => run(filled[name], asked, kinds[name][2])), { rounds: 40, parts: PARTS }), 1);
const fresh = (name) => {
  const [make, set] = kinds[name];
  let fill;
  return (part) => {
    if (part === 0) fill = run(make(more.length), more, set);
    fill(part);
  };
};
compare('set of a new key, with room', await race(each(fresh), { rounds: 12, parts: PARTS }));
const passing = await race({
  lru: run(filled.lru, more, kinds.lru[1]),
  reference: run(filled.reference, more, kinds.reference[1]),
}, { rounds: 12, parts: PARTS });
rows.push(row('setSync, set of a new key, full, against lru-cache with TTL', passing, 'reference', 'lru'));
report(rows);
if (!(sink > 0)) throw new Error('nothing was read');
