'use strict';
const { EventEmitter } = require('node:events');
const http = require('node:http');
const { Readable } = require('node:stream');
const { getRequestBody } = require('../src/classes');

describe('getRequestBody', () => {
  const request = (...chunks) => Object.assign(Readable.from(chunks.map((chunk) => Buffer.from(chunk)), { objectMode: false }), { headers: {} });

  test('gives the JSON of the body', async () => {
    await expect(getRequestBody(request('{"files":["a"],', '"n":1}'))).resolves.toStrictEqual({ files: ['a'], n: 1 });
  });

  test('an empty body is an empty object', async () => {
    await expect(getRequestBody(request())).resolves.toStrictEqual({});
  });

  test('arrays, numbers and texts are bodies too', async () => {
    await expect(getRequestBody(request('[1,2]'))).resolves.toStrictEqual([1, 2]);
    await expect(getRequestBody(request('"text"'))).resolves.toBe('text');
  });

  test('bad JSON is an error without a status', async () => {
    const error = await getRequestBody(request('{"a":')).catch((reason) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe('Invalid JSON in request body.');
    expect(error.status).toBeUndefined();
  });

  test('a body over the limit is an error with status 413', async () => {
    const error = await getRequestBody(request('x'.repeat(60), 'y'.repeat(60)), 100).catch((reason) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe('Request body too large. Maximum size is 100 bytes.');
    expect(error.status).toBe(413);
  });

  test('a body of exactly the limit is taken, also by name', async () => {
    const text = JSON.stringify({ text: 'x'.repeat(89) });
    expect(text).toHaveLength(100);
    await expect(getRequestBody(request(text), 100)).resolves.toStrictEqual({ text: 'x'.repeat(89) });
    await expect(getRequestBody(request(text), { maxBytes: 100 })).resolves.toStrictEqual({ text: 'x'.repeat(89) });
    await expect(getRequestBody(request(text), { maxBytes: 99 })).rejects.toThrow('Maximum size is 99 bytes');
  });

  test('ten mebibytes when nothing is said', async () => {
    const chunk = 'x'.repeat(1024 * 1024);
    await expect(getRequestBody(request(...Array(11).fill(chunk)))).rejects.toThrow('Maximum size is 10485760 bytes.');
  });

  test('listens before it returns, and takes texts', async () => {
    const req = Object.assign(new EventEmitter(), { headers: {} });
    const body = getRequestBody(req);
    req.emit('data', '{"by":');
    req.emit('data', '"hand"}');
    req.emit('end');
    await expect(body).resolves.toStrictEqual({ by: 'hand' });
  });

  test('an error of the request is the caller\'s', async () => {
    const req = Object.assign(new EventEmitter(), { headers: {} });
    const body = getRequestBody(req);
    req.emit('data', '{');
    req.emit('error', new Error('socket gone'));
    await expect(body).rejects.toThrow();
  });

  test('over a real socket', async () => {
    const server = http.createServer(async (req, res) => res.end(JSON.stringify(await getRequestBody(req))));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const sent = { names: Array.from({ length: 3000 }, (_, at) => `file-${at}`) };
      const response = await fetch(`http://127.0.0.1:${server.address().port}`, { method: 'POST', body: JSON.stringify(sent) });
      expect(await response.json()).toStrictEqual(sent);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
