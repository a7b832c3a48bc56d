'use strict';
// getRequestBody as services have it; and what was wrong with the ones that they wrote.
const { EventEmitter } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { Readable } = require('node:stream');
const { once } = require('node:events');
const zlib = require('node:zlib');
const { getRequestBody } = require('sluice/compat/get-request-body');
const { serve, stopAll } = require('../support/loopback');

afterAll(stopAll);
const MIB = 1024 * 1024;
const body = (...chunks) => Object.assign(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), { headers: {} });
/** A server as services write it: no help from the package in answering. */
const answering = (maxSize) => serve((req, res) => {
  getRequestBody(req, maxSize).then(
    (value) => res.end(JSON.stringify(value)),
    (error) => {
      res.writeHead(error.status ?? 400, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ message: error.message }));
    });
});
const post = (url, given) => fetch(url, { method: 'POST', duplex: 'half', body: given });
function chunked(bytes) {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close();
      controller.enqueue(new Uint8Array(Math.min(left, 65_536)).fill(32));
      left -= 65_536;
    },
  });
}

test('a body is its JSON, an empty one is {}', async () => {
  const { url } = await answering();
  for (const value of [{ a: [1, 'zwölf', null] }, [1], 'text', 5, null, false]) {
    expect(await (await post(url, JSON.stringify(value))).json()).toEqual(value);
  }
  expect(await (await post(url, '')).json()).toEqual({});
  expect(await getRequestBody(body())).toEqual({});
});

test('bad JSON is this error, without a status', async () => {
  for (const text of ['{', '{"a":1}x', 'undefined', "{'a':1}", '[1,]']) {
    const error = await getRequestBody(body(text)).catch((reason) => reason);
    expect(error).toBeInstanceOf(Error);
    expect([error.message, error.status, error.statusCode]).toEqual(['Invalid JSON in request body.', undefined, undefined]);
    expect([error.code, error.line, typeof error.column]).toEqual(['ERR_BODY_JSON', 1, 'number']);
    expect(Object.keys(error)).toEqual([]);
  }
});

test('a body that is too large is this error, with status 413', async () => {
  const tooLarge = { message: 'Request body too large. Maximum size is 10 bytes.', status: 413, statusCode: 413, code: 'BODY_TOO_LARGE', limit: 10 };
  for (const limit of [10, { maxBytes: 10 }]) {
    await expect(getRequestBody(body('"12345', '6789"'), limit)).rejects.toMatchObject(tooLarge);
    expect(Object.keys(await getRequestBody(body('"12345', '6789"'), limit).catch((error) => error))).toEqual(['status']);
    expect(await getRequestBody(body('"123456', '78"'), limit)).toBe('12345678');
    const declared = Object.assign(body('{}'), { headers: { 'content-length': '11' } });
    await expect(getRequestBody(declared, limit)).rejects.toMatchObject(tooLarge);
  }
  const most = `"${'x'.repeat(10 * MIB - 2)}"`;
  expect((await getRequestBody(body(most))).length).toBe(10 * MIB - 2);
  for (const fallback of [undefined, null, {}]) {
    await expect(getRequestBody(body(most, ' '), fallback)).rejects.toThrow('Request body too large. Maximum size is 10485760 bytes.');
  }
  expect((await getRequestBody(body(most, ' '), Infinity)).length).toBe(10 * MIB - 2);
});

test('mistakes of the caller are told by name', async () => {
  for (const [given, option] of [[0, 'maxSize'], ['1mb', 'maxSize'], [{ maxBytes: -1 }, 'maxBytes'], [{ maxDepth: 'deep' }, 'maxDepth']]) {
    await expect(getRequestBody(body('{}'), given)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option });
  }
  // objects that hold other things too
  expect(await getRequestBody(body('{"a":1}'), { maxBytes: 100, route: '/upload', log: true })).toEqual({ a: 1 });
});

test('listeners are attached before the call returns: bare emitters, chunks as strings, no headers', async () => {
  const req = new EventEmitter();
  const parsed = getRequestBody(req);
  req.emit('data', '{"a":');
  req.emit('data', Buffer.from('2}'));
  req.emit('end');
  expect(await parsed).toEqual({ a: 2 });
});

test('mocks that emit while they are listened to', async () => {
  const mock = (...chunks) => {
    const req = { on: jest.fn((name, listener) => {
      if (name === 'data') chunks.forEach((one) => listener(one));
      if (name === 'end') listener();
      return req;
    }), removeListener: jest.fn() };
    return req;
  };
  const whole = mock('{"a":', Buffer.from('3}'));
  expect(await getRequestBody(whole)).toEqual({ a: 3 });
  // none is left behind
  expect(whole.removeListener.mock.calls).toEqual(whole.on.mock.calls);
  const unhandled = jest.fn();
  process.on('unhandledRejection', unhandled);
  await expect(getRequestBody(mock('"1234"'), 3)).rejects.toMatchObject({ status: 413 });
  await expect(getRequestBody(mock('{'))).rejects.toThrow('Invalid JSON in request body.');
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.removeListener('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});

test('what a request emits as its error is what the caller gets; a client that left has our code', async () => {
  const req = new EventEmitter();
  const parsed = getRequestBody(req);
  const error = new Error('Network error');
  req.emit('error', error);
  await expect(parsed).rejects.toBe(error);
  const left = new EventEmitter();
  const pending = getRequestBody(left);
  left.emit('error', Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  await expect(pending).rejects.toMatchObject({ code: 'ERR_BODY_ABORTED' });
});

test('what JSON.parse takes is taken as it has it', async () => {
  const text = '{"__proto__":{"x":1},"b":1e400,"c":-0,"d":"\\ud800","a":1,"a":2}';
  const [value, parsed] = [await getRequestBody(body(text)), JSON.parse(text)];
  expect(Object.keys(value)).toEqual(Object.keys(parsed));
  expect(value).toStrictEqual(parsed);
  expect(value.x).toBeUndefined();
  const deep = '['.repeat(1000) + ']'.repeat(1000);
  expect(JSON.stringify(await getRequestBody(body(deep)))).toBe(deep);
  await expect(getRequestBody(body(text), { proto: 'error' })).rejects.toThrow('Invalid JSON in request body.');
  await expect(getRequestBody(body(deep), { maxDepth: 10 })).rejects.toThrow('Invalid JSON in request body.');
});

test('with the switch off it does the same', async () => {
  process.env.ENABLE_PERFORMANCE_OPTIMIZATION = 'false';
  try {
    expect(await getRequestBody(body('{"a":1}'))).toEqual({ a: 1 });
    await expect(getRequestBody(body('"1234"'), 3)).rejects.toMatchObject({ status: 413 });
  } finally {
    delete process.env.ENABLE_PERFORMANCE_OPTIMIZATION;
  }
});

describe('defects of the originals', () => {
  const TOO_LARGE = [413, '{"message":"Request body too large. Maximum size is 1048576 bytes."}'];
  test.each([['declared', 2 * MIB, false], ['chunked', 4 * MIB, true], ['chunked, far too large', 400 * MIB, true]])('a 413 that never arrives: fetch, %s', async (_, bytes, isChunked) => {
    const { url } = await answering(MIB);
    const seen = [];
    for (let at = 0; at < 10; at += 1) {
      const response = await post(url, isChunked ? chunked(bytes) : Buffer.alloc(bytes, 32)).catch((error) => ({ status: `${error.cause?.message}`, text: async () => '' }));
      seen.push([response.status, await response.text()]);
    }
    expect(seen).toEqual(Array(10).fill(TOO_LARGE));
  });

  test('a 413 that never arrives: ten clients that declare far too much', async () => {
    const { url } = await answering(MIB);
    const send = () => new Promise((resolve) => {
      const call = http.request(url, { method: 'POST', agent: false, headers: { 'content-length': 64 * MIB } });
      call.on('error', (error) => resolve([error.code]));
      call.on('response', async (response) => {
        const chunks = [];
        for await (const chunk of response) chunks.push(chunk);
        resolve([response.statusCode, Buffer.concat(chunks).toString()]);
        call.destroy();
      });
      call.write(Buffer.alloc(16 * MIB, 32));
    });
    const seen = [];
    for (let at = 0; at < 10; at += 1) seen.push(await send());
    expect(seen).toEqual(Array(10).fill(TOO_LARGE));
  });

  test('split characters', async () => {
    const text = JSON.stringify({ text: '分割された文字 🙂 ñ' });
    const bytes = Buffer.from(text);
    for (let at = 1; at < bytes.length; at += 1) {
      expect(await getRequestBody(body(bytes.subarray(0, at), bytes.subarray(at)))).toEqual(JSON.parse(text));
    }
    const large = { text: '漢字🙂'.repeat(300_000) };
    const { url } = await answering();
    const answer = await post(url, JSON.stringify(large));
    expect((await answer.json()).text === large.text).toBe(true);
  });

  test('characters are counted, not bytes', async () => {
    const text = JSON.stringify('漢'.repeat(100));
    expect([text.length, Buffer.byteLength(text)]).toEqual([102, 302]);
    await expect(getRequestBody(body(text), 301)).rejects.toMatchObject({ status: 413 });
    expect(await getRequestBody(body(text), 302)).toBe('漢'.repeat(100));
  });

  test('a client that leaves keeps the promise pending', async () => {
    let settled;
    const { url } = await serve((req) => {
      settled = getRequestBody(req).catch((error) => error);
      req.emit('reading');
    });
    const { port } = new URL(url);
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"a":');
    while (settled === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.destroy();
    expect(await settled).toMatchObject({ code: 'ERR_BODY_ABORTED', status: 400 });
  });

  test('a small body that inflates into a huge one, and one that was not inflated at all', async () => {
    const { url } = await answering(MIB);
    const send = async (bytes) => {
      const call = http.request(url, { method: 'POST', headers: { 'content-encoding': 'gzip', 'content-length': bytes.length } });
      call.end(bytes);
      const [response] = await once(call, 'response');
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      return [response.statusCode, Buffer.concat(chunks).toString()];
    };
    expect(await send(zlib.gzipSync('{"a":1}'))).toEqual([200, '{"a":1}']);
    expect(await send(zlib.gzipSync(Buffer.alloc(50 * MIB, 32)))).toEqual([413, '{"message":"Request body too large. Maximum size is 1048576 bytes."}']);
  });
});
