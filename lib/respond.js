'use strict';
// Answers an error so that the client hears it.
const { Buffer } = require('node:buffer');
const table = require('./error-table');
const { isError } = require('./errors');
const { read, typed, wrongType } = require('./options');
const { drain } = require('./drain');

const shape = {
  body: (value, option) => {
    if (value === undefined || typeof value === 'string' || ArrayBuffer.isView(value)) return value;
    throw wrongType(option, 'a string or bytes', value);
  },
  headers: typed('object'),
};
const NO_ERROR = 0;

/** Statuses by code; ours without one of their own are this server's fault, but for bad JSON. */
const statuses = new Map(Object.values(table).map(({ code, status }) => [code, status ?? 500]));
statuses.set(table.BodyJson.code, 400);

function answer(error) {
  const status = (isError(error) && statuses.get(error.code)) || 500;
  if (status === 500) return { status, body: { error: { message: 'Internal Server Error' } } };
  const { code, message, type } = error;
  return { status, body: { error: { message, code, ...(type !== undefined && { type }) } } };
}

/** Resolves once the answer is out, or once nobody is there to hear it. */
const over = (writable) =>
  new Promise((resolve) => {
    if (writable.writableFinished || writable.destroyed) return resolve();
    for (const name of ['finish', 'close', 'error']) writable.once(name, resolve);
  });

async function respondWithError(req, res, error, options) {
  const settings = read(shape, options);
  if (res.destroyed || res.writableEnded || res.stream?.destroyed) return;
  if (res.headersSent) {
    // too late for a status: a cut answer must not look like a whole one
    res.destroy();
    return;
  }
  const { status, body } = answer(error);
  const given = settings.body ?? JSON.stringify(body);
  const bytes = typeof given === 'string' ? Buffer.from(given) : Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const isHttp2 = req.httpVersionMajor >= 2;
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  for (const name in settings.headers) headers[name.toLowerCase()] = settings.headers[name];
  headers['content-length'] = bytes.length;
  if (!isHttp2) headers.connection = 'close';

  const drained = drain(req, error?.limit);
  // a response of HTTP/2 says `finish` only when its stream has closed
  const finished = over(isHttp2 ? res.stream : res);
  res.writeHead(status, headers);
  if (isHttp2) {
    const { stream } = res;
    res.end(bytes);
    await finished;
    if (!stream.destroyed) stream.close(NO_ERROR);
    return;
  }
  // the answer is whole with its last byte; the connection closes with `end`, which waits for what still comes in
  if (req.method !== 'HEAD') res.write(bytes);
  else res.flushHeaders();
  await Promise.race([drained, finished]);
  res.end();
  await finished;
}

module.exports = { respondWithError };
