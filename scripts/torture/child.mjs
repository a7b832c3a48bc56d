// A child of the torture: its arguments are one JSON. It writes what it does to two descriptors, synchronously, so that
// what was written before a SIGKILL is there afterwards: acknowledgements to the pipe 3, hand-overs to the file 4.
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { random } from './random.mjs';

const { BatchBuffer } = createRequire(import.meta.url)('../../index.js');
const { role, folder, fsync, seed, first, most, acknowledgesEarly } = JSON.parse(process.argv[2]);
const draw = random(seed);
const below = (end) => Math.floor(draw() * end);
const [ACKNOWLEDGED, HANDED] = [3, 4];

const shared = {
  name: 'torture',
  durable: { path: folder, fsync },
  maxSize: 100_000,
  retries: 1_000_000,
  backoff: { minMs: 1, maxMs: 4 },
  batchTimeout: 1 + below(5),
};

/** Says `h n` when an item is handed over and `d n` when the handler is done with it; fails now and then. */
async function handler(items) {
  writeSync(HANDED, items.map(({ n }) => `h ${n}\n`).join(''));
  await sleep(below(8));
  if (role === 'live' && draw() < 0.05) throw new Error('the whole batch');
  const results = items.map(({ n }) => (role === 'live' && draw() < 0.02 ? new Error('one item') : n));
  const done = items.filter((_, place) => typeof results[place] === 'number');
  writeSync(HANDED, done.map(({ n }) => `d ${n}\n`).join(''));
  return results;
}

/** Brings items in bursts until it is killed. */
async function live() {
  const buffer = new BatchBuffer(handler, { ...shared, batchSize: 1 + below(20), concurrency: 1 });
  await buffer.recovered;
  const acknowledge = (n) => writeSync(ACKNOWLEDGED, `${n}\n`);
  for (let n = first; n < first + most; ) {
    const accepted = [];
    for (const end = Math.min(n + 1 + below(40), first + most); n < end; n++) {
      const item = { n, pad: 'é'.repeat(below(200)) };
      if (acknowledgesEarly) {
        acknowledge(n);
        accepted.push(buffer.enqueue(item));
      } else {
        const number = n;
        accepted.push(buffer.enqueue(item).then(() => acknowledge(number)));
      }
    }
    if (draw() < 0.5) await Promise.all(accepted);
    if (draw() < 0.5) await sleep(below(6));
  }
  // killed at last: what it has accepted may be delivered meanwhile
  setInterval(() => {}, 1000);
}

/** Lists what is on disk, oldest first, and leaves it there. */
async function read() {
  const buffer = new BatchBuffer(null, shared);
  await buffer.recovered;
  writeSync(ACKNOWLEDGED, buffer.pending().map(({ item }) => `${item.n}\n`).join(''));
  await buffer.close({ timeoutMs: 0 });
}

/** Delivers all that is on disk. */
async function drain() {
  const buffer = new BatchBuffer(handler, { ...shared, batchSize: 100 });
  await buffer.recovered;
  await buffer.close();
}

await { live, read, drain }[role]();
