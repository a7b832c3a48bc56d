'use strict';
// pipeStream: from what to where, and headers. What fails is in pipe-failures.test.js.
const { Readable, PassThrough, Writable } = require('node:stream');
const { pipeStream } = require('sluice');
const { serve, serve2, get, collect, fetchAll, fetchAll2, stopAll } = require('../support/loopback');
const { chunk, said, STOP, DONE, events, textOf, bytes } = require('../support/chat');
const { WHOLE, from, pipe } = require('../support/pipe');

afterAll(stopAll);

describe('upstreams', () => {
  const half = WHOLE.length >> 1;
  const parts = () => [WHOLE.slice(0, half), WHOLE.slice(half)].map((part) => Buffer.from(part));
  const objects = () => [chunk({ content: 'Hello' }), chunk({ content: ', world' }), chunk({}, 'stop')];
  const sources = {
    'a Readable': () => Readable.from(parts()),
    'a Readable of strings': () => {
      const stream = new Readable({ read() {} });
      stream.setEncoding('utf8');
      parts().forEach((part) => stream.push(part));
      stream.push(null);
      return stream;
    },
    'an async iterable': () => bytes(...parts()),
    'an iterable': () => parts(),
    'a web ReadableStream': () => new ReadableStream({
      start(controller) {
        parts().forEach((part) => controller.enqueue(new Uint8Array(part)));
        controller.close();
      },
    }),
    'a fetch body': () => new Response(WHOLE).body,
  };
  test.each(Object.entries(sources))('%s passes through untouched', async (_, open) => {
    const { text, message } = await pipe(open());
    expect(text).toBe(WHOLE);
    expect(message).toMatchObject({ text: 'Hello, world', finishReason: 'stop', complete: true, error: null, model: 'm-1' });
  });

  test('parsed events, as SDKs yield them', async () => {
    for (const upstream of [objects(), Readable.from(objects())]) {
      const { text, message } = await pipe(upstream);
      expect(events(text).slice(0, 3)).toEqual(objects());
      expect(message).toMatchObject({ text: 'Hello, world', complete: true });
    }
  });

  test('an iterator that reuses its buffer is copied in time', async () => {
    const buffer = Buffer.alloc(1024);
    async function* reused() {
      for (let turn = 0; turn < 50; turn++) yield buffer.subarray(0, buffer.write(said(`<${turn}>`)));
      yield Buffer.from(STOP + DONE);
    }
    const slow = new Writable({
      highWaterMark: 1 << 20,
      write(piece, _, done) {
        setImmediate(() => {
          this.all = (this.all ?? '') + piece;
          done();
        });
      },
    });
    await pipeStream(reused(), slow, { from });
    expect(textOf(slow.all)).toBe(Array.from({ length: 50 }, (_, turn) => `<${turn}>`).join(''));
  });

  test('a conversion on the way', async () => {
    const { text, message } = await pipe(bytes(WHOLE), { to: 'claude', model: 'mine', id: 'msg_1' });
    const deltas = events(text).filter((event) => event.type === 'content_block_delta');
    expect(deltas.map((event) => event.delta.text).join('')).toBe('Hello, world');
    expect(text).toMatch(/event: message_stop\ndata: \{"type":"message_stop"\}\n\n$/);
    expect(message.complete).toBe(true);
  });

  test('what is none is the caller’s mistake', async () => {
    const locked = new ReadableStream();
    locked.getReader();
    for (const upstream of [null, undefined, 7, 'text', Buffer.from('bytes'), {}, locked]) {
      await expect(pipeStream(upstream, new PassThrough())).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    }
    await expect(pipeStream(bytes(WHOLE), {})).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    for (const options of [{ heartbeatMs: -1 }, { heartbeat: 1 }, { onEvent: 1 }, { headers: { 'a b': 'c' } }, { headers: { a: 'b\r\nc: d' } }, { signal: {} }]) {
      await expect(pipeStream(bytes(WHOLE), new PassThrough(), options)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    }
    await expect(pipeStream([7], new PassThrough())).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

describe('headers', () => {
  test('go out with the first bytes, the caller’s over the framing’s own', async () => {
    let sentEarly;
    const { url } = await serve((req, res) => {
      async function* upstream() {
        await new Promise((resolve) => setTimeout(resolve, 50));
        sentEarly = res.headersSent;
        yield Buffer.from(WHOLE);
      }
      res.setHeader('x-request-id', '7');
      pipeStream(upstream(), res, { from, headers: { 'Cache-Control': 'no-store', 'x-mine': 'yes' } });
    });
    const { status, headers, text } = await fetchAll(url);
    expect(sentEarly).toBe(false);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': expect.stringMatching(/^text\/event-stream/), 'cache-control': 'no-store', connection: 'keep-alive',
      'x-accel-buffering': 'no', 'x-mine': 'yes', 'x-request-id': '7',
    });
    expect(text).toBe(WHOLE);
  });

  test('follow the framing of what the client gets', async () => {
    const { url } = await serve((req, res) => pipeStream(bytes(WHOLE), res, { from, to: 'ollama' }));
    const { headers, text } = await fetchAll(url);
    expect(headers['content-type']).toBe('application/x-ndjson');
    expect(text.trim().split('\n').map((line) => JSON.parse(line)).at(-1)).toMatchObject({ done: true });
  });

  test('are left alone when the caller says so, or has sent them', async () => {
    const { url } = await serve((req, res) => {
      if (req.url === '/sent') res.writeHead(201, { 'content-type': 'text/plain' });
      pipeStream(bytes(WHOLE), res, { from, headers: req.url === '/sent' ? { 'x-late': '1' } : false });
    });
    expect((await fetchAll(`${url}/no`)).headers).not.toHaveProperty('content-type');
    const sent = await fetchAll(`${url}/sent`);
    expect(sent).toMatchObject({ status: 201, text: WHOLE, headers: { 'content-type': 'text/plain' } });
    expect(sent.headers).not.toHaveProperty('x-late');
  });

  test('HTTP/2 has no connection header', async () => {
    const warnings = [];
    const listener = (warning) => warnings.push(warning);
    process.on('warning', listener);
    const { url } = await serve2((req, res) => pipeStream(bytes(WHOLE), res, { from, headers: { Connection: 'keep-alive', 'x-mine': '1' } }));
    const { status, headers, text } = await fetchAll2(url);
    process.off('warning', listener);
    expect({ status, text }).toEqual({ status: 200, text: WHOLE });
    expect(headers).toMatchObject({ 'content-type': expect.stringMatching(/^text\/event-stream/), 'x-mine': '1' });
    expect(headers).not.toHaveProperty('connection');
    expect(warnings).toEqual([]);
  });

  test('the first bytes leave at once', async () => {
    let release;
    const { url } = await serve((req, res) => {
      async function* upstream() {
        yield Buffer.from(said('first'));
        await new Promise((resolve) => {
          release = resolve;
        });
        yield Buffer.from(STOP + DONE);
      }
      pipeStream(upstream(), res, { from });
    });
    const response = await get(url);
    const [first] = await require('node:events').once(response, 'data');
    expect(String(first)).toBe(said('first'));
    release();
    expect((await collect(response)).text).toBe(STOP + DONE);
  });
});

test('a signal that fires on the response’s close does not undo a stream that was handed over', async () => {
  for (const start of [serve, serve2]) {
    let done;
    const { url, stop } = await start((req, res) => {
      const controller = new AbortController();
      res.on('close', () => controller.abort());
      done = pipeStream(bytes(WHOLE), res, { from, signal: controller.signal });
    });
    expect((await (start === serve ? fetchAll : fetchAll2)(url)).text).toBe(WHOLE);
    expect(await done).toMatchObject({ complete: true, error: null });
    await stop();
  }
});

test('`end: false` leaves the client open', async () => {
  const client = new PassThrough();
  const received = collect(client);
  await pipeStream(bytes(WHOLE), client, { from, end: false });
  expect(client.writableEnded).toBe(false);
  client.end('more');
  expect((await received).text).toBe(`${WHOLE}more`);
});
