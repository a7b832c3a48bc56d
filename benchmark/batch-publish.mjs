// A thousand publishes at once to an API that answers after 20 ms, as QStash does: with `adaptive` and its defaults, with a
// request each, as services do it, and with a small JavaScript batcher in front of the same sink. The API is a process of
// its own, on the loopback.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { heading, report } from './race.mjs';

const { BatchBuffer, qstashSink } = createRequire(import.meta.url)('..');
const [ITEMS, ROUNDS, WARM, ANSWER_MS] = [1000, 15, 3, 20];
const api = `
  const server = require('node:http').createServer((req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk)).on('end', () => setTimeout(() => {
      const answer = JSON.parse(Buffer.concat(chunks)).map((_, at) => ({ messageId: 'msg_' + at }));
      res.end(JSON.stringify(answer));
    }, ${ANSWER_MS}));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  process.stdin.on('end', () => process.exit()).resume();
`;
const child = spawn(process.execPath, ['-e', api], { stdio: ['pipe', 'pipe', 'inherit'] });
const [port] = await once(child.stdout, 'data');
const sink = qstashSink({ url: `http://127.0.0.1:${String(port).trim()}`, token: 'token' });
const messages = Array.from({ length: ITEMS }, (_, at) => ({ destination: 'https://example.org/hook', body: { event: 'created', at } }));

let calls = 0;
const counted = (items, context) => {
  calls += 1;
  return sink(items, context);
};
/** Collects for a turn, then sends in batches of 100. */
function batcher(send) {
  let waiting = [];
  return (item) => new Promise((resolve, reject) => {
    if (waiting.push({ item, resolve, reject }) > 1) return;
    setImmediate(() => {
      const all = waiting;
      waiting = [];
      for (let at = 0; at < all.length; at += 100) {
        const some = all.slice(at, at + 100);
        send(some.map((one) => one.item)).then((results) => some.forEach((one, index) => one.resolve(results[index])), (error) => some.forEach((one) => one.reject(error)));
      }
    });
  });
}
const plain = batcher((items) => counted(items, {}));
const buffer = new BatchBuffer(counted, { adaptive: true });
// the same calls without HTTP: what of the time is ours
const timer = new BatchBuffer((items) => new Promise((resolve) => setTimeout(resolve, ANSWER_MS, items.map(() => ({ messageId: 'msg_' })))), { adaptive: true });
const candidates = {
  'sluice, adaptive, a timer': () => Promise.all(messages.map((message) => timer.add(message))),
  'sluice, adaptive': () => Promise.all(messages.map((message) => buffer.add(message))),
  'a JavaScript batcher': () => Promise.all(messages.map((message) => plain(message))),
  'a request each': () => Promise.all(messages.map((message) => counted([message], {}))).then((answers) => answers.flat()),
};

heading(`1000 publishes, an API of ${ANSWER_MS} ms`);
const best = {};
for (let round = 0; round < ROUNDS + WARM; round += 1) {
  for (const name of round % 2 ? Object.keys(candidates) : Object.keys(candidates).reverse()) {
    globalThis.gc?.();
    calls = 0;
    const start = performance.now();
    const results = await candidates[name]();
    const total = performance.now() - start;
    if (results.length !== ITEMS || results.some(({ messageId }) => !messageId.startsWith('msg_'))) throw new Error(`${name}: wrong results`);
    if (round >= WARM && total < (best[name]?.total ?? Infinity)) best[name] = { total, calls };
  }
}
await buffer.close();
await timer.close();
child.stdin.end();

const mine = best['sluice, adaptive'];
report([
  { what: '1000 publishes, API of 20 ms, adaptive', 'sluice ms': +mine.total.toFixed(1), ratio: `${mine.total.toFixed(1)} ms`, 'at least': '45 ms', reached: mine.total <= 45 ? 'yes' : 'NO' },
  { what: '… the API a timer of this process', 'sluice ms': +best['sluice, adaptive, a timer'].total.toFixed(1), ratio: `${best['sluice, adaptive, a timer'].total.toFixed(1)} ms`, 'at least': '45 ms', reached: best['sluice, adaptive, a timer'].total <= 45 ? 'yes' : 'NO' },
  { what: '… calls', 'sluice ms': '', ratio: `${mine.calls} calls`, 'at least': '20 calls', reached: mine.calls <= 20 ? 'yes' : 'NO' },
  ...['a JavaScript batcher', 'a request each'].map((name) => ({
    what: `… against ${name} (${best[name].calls} calls)`, 'peer ms': +best[name].total.toFixed(1), 'sluice ms': +mine.total.toFixed(1), ratio: `${(best[name].total / mine.total).toFixed(2)}x`, 'at least': '', reached: '',
  })),
]);
