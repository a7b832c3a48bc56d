'use strict';
// `npm start`: the service with a QStash, a backend and a provider that live in this process.
const { createService } = require('./service');
const { startQstash } = require('./loopback-qstash');

async function* upstream(prompt) {
  for (const word of `You asked: ${prompt}`.split(' ')) {
    yield Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: `${word} ` } }] })}\n\n`);
  }
  yield Buffer.from('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
}

async function main() {
  const qstash = await startQstash({ delayMs: 20 });
  const backend = (id) => new Promise((resolve) => setTimeout(() => resolve({ id, size: id.length * 1000 }), 50));
  const port = await createService({ backend, upstream, queue: { url: qstash.url, token: qstash.token } }).listen(Number(process.env.PORT ?? 3000));
  console.log(`curl -s http://127.0.0.1:${port}/uploads -d '{"files":["a.txt","b.txt"]}'`);
  console.log(`curl -s http://127.0.0.1:${port}/files/a.txt`);
  console.log(`curl -sN 'http://127.0.0.1:${port}/answer?prompt=Hi'`);
}

main();
