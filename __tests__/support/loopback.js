'use strict';
// Real servers on the loopback for tests of pipes: whoever calls is answered by `handle(req, res)`.
const http = require('node:http');
const http2 = require('node:http2');
const { once } = require('node:events');

const running = new Set();

async function listen(server) {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    running.delete(stop);
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  running.add(stop);
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

/** Stops every server that was started. */
const stopAll = () => Promise.all([...running].map((stop) => stop()));

const serve = (handle) => listen(http.createServer(handle));

/** Asks; resolves with the response, whose body has not been read. */
async function get(url) {
  const call = http.get(url, { agent: false });
  const [response] = await once(call, 'response');
  return response;
}

/** Everything that a stream gives, as text; what it fails with, if it does, beside it. */
async function collect(stream) {
  const chunks = [];
  let error;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (failure) {
    error = failure;
  }
  return { text: Buffer.concat(chunks).toString(), error };
}

/** Asks and reads all of the answer. */
async function fetchAll(url) {
  const response = await get(url);
  const { text, error } = await collect(response);
  return { status: response.statusCode, headers: response.headers, text, error };
}

const serve2 = (handle) => listen(http2.createServer(handle));

/** Asks over HTTP/2 and reads all of the answer. */
async function fetchAll2(url) {
  const session = http2.connect(url);
  const stream = session.request({ ':path': '/' });
  const [headers] = await once(stream, 'response');
  const { text, error } = await collect(stream);
  session.close();
  return { status: headers[':status'], headers, text, error };
}

/** A promise that whoever holds it settles. */
function deferred() {
  let settle;
  const promise = new Promise((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: settle };
}

/** Waits until it holds. */
async function until(holds, timeoutMs = 60_000) {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`it never held: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

module.exports = { serve, serve2, get, collect, fetchAll, fetchAll2, stopAll, deferred, until };
