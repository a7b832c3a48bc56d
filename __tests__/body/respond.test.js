'use strict';
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { readBody, readJson, respondWithError } = require('sluice');

const LIMIT = 64 * 1024;
const open = [];
async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(server);
  return server.address().port;
}
afterEach(() => open.splice(0).forEach((server) => (server.closeAllConnections?.(), server.close())));

const plain = (req, res, error) => {
  res.writeHead(error.status ?? 400, { 'content-type': 'text/plain' });
  res.end(error.code);
};
/** Reads JSON and answers errors by `answer`. */
const serve = (answer, options = { maxBytes: LIMIT }) =>
  listen(http.createServer((req, res) => readJson(req, options).then((value) => res.end(JSON.stringify(value)), (error) => answer(req, res, error))));

/** A body of unknown length, sent chunked. */
const chunked = (bytes) => {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close();
      controller.enqueue(new Uint8Array(Math.min(left, 16384)).fill(32));
      left -= 16384;
    },
  });
};

describe.each([['respondWithError', respondWithError], ['plain code', plain]])('10 of 10 fetch clients see the 413 of %s', (_, answer) => {
  test.each([
    ['declared', 2 * LIMIT, false], ['declared, far too large', 200 * LIMIT, false], ['chunked', 2 * LIMIT, true], ['chunked, far too large', 200 * LIMIT, true],
  ])('%s', async (__, bytes, isChunked) => {
    const port = await serve(answer);
    const send = () => fetch(`http://127.0.0.1:${port}/`, { method: 'POST', duplex: 'half', body: isChunked ? chunked(bytes) : Buffer.alloc(bytes, 32) });
    const statuses = [];
    for (let at = 0; at < 10; at += 1) {
      const response = await send().catch((error) => ({ status: `${error.message}: ${error.cause?.message}`, text: async () => 'BODY_TOO_LARGE' }));
      statuses.push(response.status);
      expect(await response.text()).toContain('BODY_TOO_LARGE');
    }
    expect(statuses).toEqual(Array(10).fill(413));
  });
});

test('the answer has its status, closes the connection and hides what is not ours', async () => {
  const cases = { json: ['{', {}], foreign: ['{}', {}], own: ['[[1]]', { maxDepth: 1 }] };
  const port = await listen(http.createServer((req, res) => {
    const name = req.url.slice(1);
    const work = name === 'foreign' ? Promise.reject(Object.assign(new Error('secret'), { status: 404 })) : readJson(req, cases[name][1]);
    work.catch((error) => respondWithError(req, res, error, name === 'own' ? { body: '{"mine":1}', headers: { 'X-Own': 'yes' } } : undefined));
  }));
  const send = (name) => fetch(`http://127.0.0.1:${port}/${name}`, { method: 'POST', body: cases[name][0] });
  const json = await send('json');
  expect([json.status, json.headers.get('connection')]).toEqual([400, 'close']);
  expect((await json.json()).error).toMatchObject({ code: 'ERR_BODY_JSON' });
  const foreign = await send('foreign');
  expect(foreign.status).toBe(500);
  expect(await foreign.text()).not.toContain('secret');
  const own = await send('own');
  expect([own.status, own.headers.get('x-own'), await own.text()]).toEqual([400, 'yes', '{"mine":1}']);
});

test('what is not an error is 500, and a started answer is cut', async () => {
  const port = await listen(http.createServer(async (req, res) => {
    if (req.url === '/late') {
      res.writeHead(200, { 'content-length': 10 });
      res.write('abc');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await respondWithError(req, res, 'text');
  }));
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(500);
  await expect(fetch(`http://127.0.0.1:${port}/late`).then((response) => response.text())).rejects.toThrow();
});

test('invalid settings reject', async () => {
  const res = new http.ServerResponse({ method: 'GET' });
  await expect(respondWithError({}, res, new Error('x'), { body: 5 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  await expect(respondWithError({}, res, new Error('x'), { status: 5 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
});

test('a client that leaves in the middle is ERR_BODY_ABORTED', async () => {
  const port = await listen(http.createServer());
  const socket = net.connect(port, '127.0.0.1');
  const request = once(open[0], 'request');
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc');
  const [req] = await request;
  const failed = readBody(req).catch((error) => error);
  setTimeout(() => socket.destroy(), 20);
  expect(await failed).toMatchObject({ code: 'ERR_BODY_ABORTED', status: 400 });
  await expect(readBody(req)).rejects.toMatchObject({ code: 'ERR_BODY_ABORTED' });
});

describe('http2', () => {
  const exchange = async (port, body, headers = {}) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ':method': 'POST', ...headers });
    const failures = [];
    stream.on('error', (error) => failures.push(error));
    const response = once(stream, 'response');
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    const ended = once(stream, 'end');
    stream.end(body);
    const [answer] = await response;
    await ended;
    // closed by the server's reset: what this side still wants to send keeps its object alive in Node.js
    for (let at = 0; at < 100 && !stream.closed; at += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    const { closed, rstCode: rst } = stream;
    session.destroy();
    return { status: answer[':status'], text: Buffer.concat(chunks).toString(), connection: answer.connection, closed, rst, failures };
  };
  const server = () => listen(http2.createServer((req, res) => readJson(req, { maxBytes: LIMIT }).then((value) => res.end(JSON.stringify(value)), (error) => respondWithError(req, res, error))));

  test('bodies are read', async () => {
    expect(await exchange(await server(), '{"a":"é"}')).toMatchObject({ status: 200, text: '{"a":"é"}' });
  });

  test('10 of 10 clients see the 413, and the stream is reset without an error', async () => {
    const port = await server();
    for (let at = 0; at < 10; at += 1) {
      const headers = at % 2 ? { 'content-length': 20 * LIMIT } : {};
      const answer = await exchange(port, Buffer.alloc(20 * LIMIT, 32), headers);
      expect(answer).toMatchObject({ status: 413, connection: undefined, closed: true, rst: http2.constants.NGHTTP2_NO_ERROR, failures: [] });
      expect(answer.text).toContain('BODY_TOO_LARGE');
    }
  });
});
