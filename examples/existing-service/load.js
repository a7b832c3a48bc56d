'use strict';
// A short load on the service, in one process: what it takes, and what reaches those behind it. Prints one line of JSON.
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { createService } = require('./src/service');
const { startQstash } = require('./src/loopback-qstash');

const REQUESTS = 1500;
const AT_ONCE = 50;
const FILES = 200;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function* upstream() {
  for (let at = 0; at < 50; at += 1) yield Buffer.from(`data: {"choices":[{"index":0,"delta":{"content":"word ${at} "}}]}\n\n`);
  yield Buffer.from('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
}

async function main() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'service-load-'));
  const qstash = await startQstash({ delayMs: 20 });
  let backendCalls = 0;
  const backend = async (id) => {
    backendCalls += 1;
    await wait(5);
    return { id, size: 3 };
  };
  const limits = { backend: 10_000, perKey: 10_000, perClient: 100_000, burst: 100_000 };
  const service = createService({ backend, upstream, limits, queue: { url: qstash.url, token: qstash.token }, cache: { l3Path: folder } });
  const url = `http://127.0.0.1:${await service.listen()}`;

  let accepted = 0;
  const one = async (at) => {
    const isUpload = at % 3 === 0;
    const response = isUpload
      ? await fetch(`${url}/uploads`, { method: 'POST', body: JSON.stringify({ files: [`f${at}-a`, `f${at}-b`] }) })
      : await fetch(at % 30 === 1 ? `${url}/answer` : `${url}/files/f${(at * 7) % FILES}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
    if (isUpload) accepted += JSON.parse(text).queued;
  };
  const start = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < REQUESTS) await one((next += 1));
  }));
  const ms = performance.now() - start;
  const { rss } = process.memoryUsage();
  await service.close();
  const delivered = new Set(qstash.messages.map(({ body }) => body.name)).size;
  await qstash.close();
  rmSync(folder, { recursive: true, force: true });
  const figures = { requests: REQUESTS, ms: Math.round(ms), rssMiB: Math.round(rss / 2 ** 20), accepted, delivered };
  console.log(JSON.stringify({ ...figures, qstashCalls: qstash.calls.count, backendCalls }));
}

main();
