// A thousand items at once, each a promise that resolves when it is on disk: how long until all of them are, and for how
// long the event loop stands still meanwhile. Against better-sqlite3 with WAL and synchronous FULL: an insert each, as one
// who has to acknowledge each item does it, and all of them in one transaction, which needs to know that they are a thousand.
import Database from 'better-sqlite3';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { heading, report } from './race.mjs';

const { BatchBuffer } = createRequire(import.meta.url)('..');
const [ITEMS, ROUNDS, WARM] = [1000, 9, 1];
/** In a row, within a round; what takes seconds is asked once. */
const TIMES = 15;
const folder = mkdtempSync(join(process.env.BENCH_DIR || tmpdir(), 'sluice-bench-'));
const items = Array.from({ length: ITEMS }, (_, id) => ({ id, client: 'claude', model: 'a-model-of-some-size', inputTokens: 1000 + id, outputTokens: 10 * id, ms: 1234 }));

function ours(name, fsync) {
  const buffer = new BatchBuffer(null, { maxSize: 10 * ITEMS, durable: { path: join(folder, name), fsync } });
  return {
    store: () => Promise.all(items.map((item) => buffer.enqueue(item))),
    async clear() {
      const taken = buffer.take(ITEMS);
      if (taken.length !== ITEMS) throw new Error(`${taken.length} items were there`);
      for (const { id } of taken) buffer.settle(id);
      await buffer.flush();
      await sleep(20);
    },
    close: () => buffer.close(),
  };
}
function sqlite(name, inOne) {
  const database = new Database(join(folder, name));
  if (database.pragma('journal_mode = WAL', { simple: true }) !== 'wal') throw new Error('no WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE pending (id INTEGER PRIMARY KEY, payload TEXT NOT NULL)');
  const insert = database.prepare('INSERT INTO pending (payload) VALUES (?)');
  const each = () => {
    for (const item of items) insert.run(JSON.stringify(item));
  };
  return {
    store: inOne ? database.transaction(each) : each,
    clear: () => void database.exec('DELETE FROM pending'),
    close: () => database.close(),
  };
}

/** Runs it once; milliseconds until all is done, and the longest that the event loop did not turn. */
async function measure(store) {
  let [longest, last, over] = [0, performance.now(), false];
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  await new Promise((resolve) => setImmediate(resolve));
  const start = performance.now();
  await store();
  const total = performance.now() - start;
  over = true;
  turn();
  return { total, longest };
}

const EACH = 'better-sqlite3, an insert each';
const candidates = {
  'sluice, always': ours('always', 'always'),
  'sluice, os': ours('os', 'os'),
  [EACH]: sqlite('each.db', false),
  'better-sqlite3, one transaction': sqlite('one.db', true),
};
heading('1000 items accepted at once, on disk', { 'better-sqlite3': 12 });
const best = {};
for (let round = 0; round < ROUNDS + WARM; round += 1) {
  for (const name of round % 2 ? Object.keys(candidates) : Object.keys(candidates).reverse()) {
    globalThis.gc?.();
    for (let time = 0; time < (name === EACH ? 1 : TIMES); time += 1) {
      const { total, longest } = await measure(candidates[name].store);
      await candidates[name].clear();
      if (round < WARM) continue;
      const least = (best[name] ??= { total: Infinity, longest: Infinity });
      least.total = Math.min(least.total, total);
      least.longest = Math.min(least.longest, longest);
    }
  }
}
for (const { close } of Object.values(candidates)) await close();
rmSync(folder, { recursive: true });

const [always, os, each, one] = Object.keys(candidates).map((name) => best[name]);
const ms = (number) => `${number.toFixed(2)} ms`;
const against = (what, peer, mine, atLeast) => ({
  what,
  'peer ms': +peer.toFixed(2),
  'sluice ms': +mine.toFixed(2),
  ratio: `${(peer / mine).toFixed(2)}x`,
  'at least': atLeast === undefined ? '' : `${atLeast}x`,
  reached: atLeast === undefined ? '' : peer / mine >= atLeast ? 'yes' : 'NO',
});
report([
  { what: 'durable, 1000 at once: until all are on disk', 'sluice ms': +always.total.toFixed(2), ratio: ms(always.total), 'at least': '4 ms', reached: always.total <= 4 ? 'yes' : 'NO' },
  { what: 'durable, 1000 at once: event loop blocked', 'sluice ms': +always.longest.toFixed(2), ratio: ms(always.longest), 'at least': '1 ms', reached: always.longest < 1 ? 'yes' : 'NO' },
  { what: "durable, 1000 at once, fsync 'os': until all are written", 'sluice ms': +os.total.toFixed(2), ratio: ms(os.total), 'at least': '', reached: '' },
  against('durable, 1000 at once, against better-sqlite3 with an insert each', each.total, always.total, 20),
  against('… against better-sqlite3 with one transaction', one.total, always.total),
  against('… event loop blocked, against one transaction', one.longest, always.longest),
]);
