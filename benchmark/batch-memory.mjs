// A burst of items in memory against a batcher of 30 lines, which keeps no account, bounds nothing and tries nothing again, and dataloader.
import DataLoader from 'dataloader';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { heading, race, report, row } from './race.mjs';

const { BatchBuffer } = createRequire(import.meta.url)('..');
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
const [ITEMS, SIZE] = [10_000, 10];

class Batcher {
  constructor(handler, { size, delayMs }) {
    this.handler = handler;
    this.size = size;
    this.delayMs = delayMs;
    this.items = [];
    this.waiting = [];
  }
  add(item) {
    return new Promise((resolve, reject) => {
      this.items.push(item);
      this.waiting.push({ resolve, reject });
      if (this.items.length >= this.size) this.flush();
      else this.timer ??= setTimeout(() => this.flush(), this.delayMs);
    });
  }
  flush() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { items, waiting } = this;
    this.items = [];
    this.waiting = [];
    this.handler(items).then(
      (results) => waiting.forEach(({ resolve }, at) => resolve(results[at])),
      (error) => waiting.forEach(({ reject }) => reject(error)),
    );
  }
}

const items = Array.from({ length: ITEMS }, (_, at) => ({ id: at, name: `item ${at}` }));
const handler = async (batch) => batch;
const batcher = new Batcher(handler, { size: SIZE, delayMs: 100 });
const roomy = new BatchBuffer(handler, { batchSize: SIZE, concurrency: ITEMS / SIZE, maxSize: ITEMS });
const usual = new BatchBuffer(handler, { batchSize: SIZE });
const grouped = new BatchBuffer(handler, { batchSize: SIZE, concurrency: ITEMS / SIZE, maxSize: ITEMS, groupBy: (item) => (item.id % 2 === 0 ? 'even' : 'odd') });
const loader = new DataLoader(handler, { maxBatchSize: SIZE, cache: false });

const burst = (add) => async () => {
  let last;
  for (const item of items) last = add(item);
  await last;
};
const all = (add) => () => Promise.all(items.map(add));

heading('A burst of 10,000 items in batches of 10', { dataloader: version('dataloader') });
const rows = [];
for (const [what, run] of [['the last awaited', burst], ['each awaited', all]]) {
  const best = await race({
    batcher: run((item) => batcher.add(item)),
    dataloader: run((item) => loader.load(item)),
    roomy: run((item) => roomy.add(item)),
    usual: run((item) => usual.add(item)),
    grouped: run((item) => grouped.add(item)),
  }, { rounds: 60, warm: 20 });
  rows.push(row(`add, all in flight, ${what}, against the batcher`, best, 'roomy', 'batcher', 0.8));
  rows.push(row(`add, one batch in flight and room for 1000, ${what}, against the batcher`, best, 'usual', 'batcher'));
  rows.push(row(`add, two groups, ${what}, against the batcher`, best, 'grouped', 'batcher'));
  rows.push(row(`add, all in flight, ${what}, against dataloader`, best, 'roomy', 'dataloader'));
}
report(rows);
for (const buffer of [roomy, usual, grouped]) await buffer.close();
