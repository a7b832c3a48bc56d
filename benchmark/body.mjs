// Bodies against what services do today: Buffer.concat, toString, JSON.parse; raw-body; zlib.createGunzip.
//
//   node --expose-gc benchmark/body.mjs [--rounds 15]
import http from 'node:http';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { createGunzip, gzipSync } from 'node:zlib';
import { race, row, ms } from './race.mjs';

const require = createRequire(import.meta.url);
const rawBody = require('raw-body');
const { readDocument, readJson } = require('..');
const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const rounds = Number(flags.rounds);
const MAX_BYTES = 64 * 1024 * 1024;

/** A chat of prose, code and some Chinese, of about that many bytes. */
function chat(bytes, { unicode = true } = {}) {
  const prose = 'The gateway reads the request, picks a provider and passes each piece on as it comes. ';
  const code = 'function add(a, b) {\n\tconst sum = a + b; // "quoted"\n\treturn `${sum}`;\n}\n';
  const chinese = unicode ? '请求体可以很大,所以要限制。' : 'Large bodies need limits. ';
  const messages = [];
  let length = 200;
  for (let at = 0; length < bytes; at += 1) {
    const content = `${at}: ${prose.repeat(6)}${at % 3 ? '' : code.repeat(3)}${at % 10 ? '' : chinese.repeat(8)}`;
    messages.push({ role: at % 2 ? 'assistant' : 'user', content });
    length += Buffer.byteLength(JSON.stringify(content)) + 32;
  }
  return Buffer.from(JSON.stringify({ model: 'a-model', stream: true, temperature: 0.7, max_tokens: 4096, messages }));
}

/** A body as the network hands it over. */
const arriving = (body) => {
  const chunks = [];
  for (let at = 0; at < body.length; at += 65536) chunks.push(body.subarray(at, at + 65536));
  return Readable.from(chunks, { objectMode: false });
};
async function whole(source) {
  const chunks = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
const parseWhole = async (source) => JSON.parse((await whole(source)).toString());

/** Longest time the event loop did not turn while that ran, as the longest gap between two turns. */
async function longestStall(work) {
  let longest = 0;
  let last = process.hrtime.bigint();
  let running = true;
  const turn = () => {
    const now = process.hrtime.bigint();
    longest = Math.max(longest, Number(now - last));
    last = now;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  await new Promise((resolve) => setImmediate(resolve));
  longest = 0;
  await work();
  await new Promise((resolve) => setImmediate(resolve));
  running = false;
  return longest;
}
async function stalls(candidates) {
  const best = Object.fromEntries(Object.keys(candidates).map((name) => [name, Infinity]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name in candidates) {
      globalThis.gc?.();
      best[name] = Math.min(best[name], await longestStall(candidates[name]));
    }
  }
  return best;
}

const fields = ['/model', '/stream', '/temperature', '/messages/0/role', '/messages/5/content'];
const pick = (tree) => [tree.model, tree.stream, tree.temperature, tree.messages[0].role, tree.messages[5].content];

async function readFields(body) {
  const document = await readDocument(arriving(body), { maxBytes: MAX_BYTES });
  const values = document.getMany(fields);
  document.close();
  return values;
}

const rows = [];
for (const [what, body] of [['10 MB chat, 5 fields', chat(10e6)], ['10 MB ASCII chat, 5 fields', chat(10e6, { unicode: false })]]) {
  const candidates = { sluice: () => readFields(body), peer: async () => pick(await parseWhole(arriving(body))) };
  rows.push(row(`${what}: total`, await race(candidates, { rounds, warm: 3 }), 'sluice', 'peer', 3));
  rows.push(row(`${what}: longest stall`, await stalls(candidates), 'sluice', 'peer', 5));
}
const dense = Buffer.from(JSON.stringify({ data: { rows: Array.from({ length: 140_000 }, (_, id) => ({ id, name: `user ${id}`, score: id / 7, tags: ['a', 'b'] })) } }));
for (const [what, body] of [['10 MB chat, whole', chat(10e6)], ['10 MB of rows, whole', dense]]) {
  const candidates = { sluice: () => readJson(arriving(body), { maxBytes: MAX_BYTES }), peer: () => parseWhole(arriving(body)) };
  rows.push(row(`${what}: total`, await race(candidates, { rounds, warm: 3 }), 'sluice', 'peer', 0.5));
  rows.push(row(`${what}: longest stall`, await stalls(candidates), 'sluice', 'peer', 3));
}
{
  const packed = gzipSync(chat(10e6));
  const coded = () => Object.assign(arriving(packed), { headers: { 'content-encoding': 'gzip' } });
  const best = await race(
    { sluice: () => readJson(coded(), { maxBytes: MAX_BYTES }), peer: () => parseWhole(coded().pipe(createGunzip())) },
    { rounds, warm: 3 },
  );
  rows.push(row('10 MB chat, gzip, whole', best, 'sluice', 'peer', 1.5));
}

/** Nanoseconds that a bare server needs for a number of requests, 20 at once. */
async function serve(read, body, requests) {
  const server = http.createServer((req, res) => {
    read(req).then((tree) => res.end(String(tree.messages.length)), () => res.writeHead(500).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  const { port } = server.address();
  const one = () =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': body.length };
      const req = http.request({ port, host: '127.0.0.1', method: 'POST', agent, headers }, (res) => {
        res.resume().on('end', () => (res.statusCode === 200 ? resolve() : reject(new Error(`status ${res.statusCode}`))));
      });
      req.on('error', reject).end(body);
    });
  const start = process.hrtime.bigint();
  let left = requests;
  await Promise.all(Array.from({ length: 20 }, async () => {
    while (left-- > 0) await one();
  }));
  const taken = Number(process.hrtime.bigint() - start);
  agent.destroy();
  server.close();
  return taken;
}
for (const [what, bytes, requests, atLeast] of [['2 KB', 2000, 2000, 0.95], ['100 KB', 100_000, 400, 0.9]]) {
  const body = chat(bytes);
  const best = { sluice: Infinity, peer: Infinity };
  const readers = { sluice: (req) => readJson(req), peer: async (req) => JSON.parse(await rawBody(req, { limit: MAX_BYTES, encoding: 'utf8' })) };
  for (let round = 0; round < rounds + 2; round += 1) {
    for (const name of round % 2 ? ['peer', 'sluice'] : ['sluice', 'peer']) {
      const taken = await serve(readers[name], body, requests);
      if (round >= 2) best[name] = Math.min(best[name], taken);
    }
  }
  rows.push(row(`${what}, bare server, ${requests} requests`, best, 'sluice', 'peer', atLeast));
  // the same without a network, where the difference is not lost among other work
  const bare = await race(
    {
      sluice: async () => { for (let at = 0; at < 200; at += 1) await readJson(arriving(body)); },
      peer: async () => { for (let at = 0; at < 200; at += 1) JSON.parse(await rawBody(arriving(body), { limit: MAX_BYTES, encoding: 'utf8' })); },
    },
    { rounds, warm: 3 },
  );
  rows.push(row(`${what}, 200 from memory`, bare, 'sluice', 'peer', 0.9));
}
console.log(`Node ${process.version}, sluice ${require('../package.json').version}, raw-body ${require('raw-body/package.json').version}`);
console.table(rows);
console.log(`one byte check of 100 KB on the event loop: ${ms(await skimTime())} ms`);

async function skimTime() {
  const native = require('../lib/native');
  const body = chat(100_000);
  return (await race({ skim: () => native.bodySkim(body, 200, true) }, { rounds: 200 })).skim;
}
