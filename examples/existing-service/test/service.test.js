'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { createService } = require('../src/service');
const { startQstash } = require('../src/loopback-qstash');

const FRAME = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n';
const LAST = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

describe('the service', () => {
  let folder;
  let qstash;
  let service;
  let url;
  let backend;
  let record;
  const start = async (options) => {
    service = createService({
      backend,
      record,
      upstream: async function* upstream() {
        yield Buffer.from(FRAME);
        yield Buffer.from(LAST);
      },
      queue: { url: qstash.url, token: qstash.token, batchTimeout: 10 },
      cache: { l3Path: folder },
      ...options,
    });
    url = `http://127.0.0.1:${await service.listen()}`;
  };
  const upload = (files, headers) => fetch(`${url}/uploads`, { method: 'POST', headers, body: JSON.stringify({ files }) });
  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'service-'));
    qstash = await startQstash();
    backend = jest.fn(async (id) => ({ id, size: 3 }));
    record = jest.fn(async () => {});
  });
  afterEach(async () => {
    await service.close();
    await qstash.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test('takes uploads and publishes a job for each file', async () => {
    await start();
    const response = await upload(['a.txt', 'b.txt'], { 'x-api-key': 'ada' });
    expect([response.status, await response.json()]).toStrictEqual([202, { queued: 2 }]);
    for (let at = 0; qstash.messages.length < 2 && at < 500; at += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(qstash.messages.map(({ body }) => body).sort((a, b) => (a.name < b.name ? -1 : 1))).toStrictEqual([
      { name: 'a.txt', by: 'ada' },
      { name: 'b.txt', by: 'ada' },
    ]);
  });

  test('asks the backend once for a file', async () => {
    await start();
    const first = await fetch(`${url}/files/a.txt`);
    expect([first.headers.get('x-cache'), await first.json()]).toStrictEqual(['miss', { id: 'a.txt', size: 3, progress: null }]);
    const second = await fetch(`${url}/files/a.txt`);
    expect([second.headers.get('x-cache'), await second.json()]).toStrictEqual(['hit', { id: 'a.txt', size: 3, progress: null }]);
    expect(backend).toHaveBeenCalledTimes(1);
  });

  test('tells how far an upload is', async () => {
    await start();
    await upload(['a.txt']);
    expect((await (await fetch(`${url}/files/a.txt`)).json()).progress).toStrictEqual({ state: 'queued' });
  });

  test('limits uploads by key', async () => {
    await start({ limits: { perKey: 2 } });
    const statuses = [];
    for (let at = 0; at < 3; at += 1) statuses.push((await upload(['a'], { 'x-api-key': 'ada' })).status);
    statuses.push((await upload(['a'], { 'x-api-key': 'bob' })).status);
    expect(statuses).toStrictEqual([202, 202, 429, 202]);
  });

  test('limits clients, and tells them', async () => {
    await start({ limits: { perClient: 1 } });
    const first = await fetch(`${url}/stats`);
    expect([first.status, first.headers.get('x-ratelimit-remaining')]).toStrictEqual([200, '0']);
    expect((await fetch(`${url}/stats`)).status).toBe(429);
  });

  test('refuses what is no JSON', async () => {
    await start();
    expect((await fetch(`${url}/uploads`, { method: 'POST', body: '{"files":' })).status).toBe(400);
    expect((await fetch(`${url}/uploads`, { method: 'POST', body: '{"files":"a"}' })).status).toBe(400);
  });

  test('streams an answer', async () => {
    await start();
    const response = await fetch(`${url}/answer?prompt=Hi`);
    expect(response.headers.get('content-type')).toMatch('text/event-stream');
    expect(await response.text()).toBe(FRAME + LAST);
  });
});
