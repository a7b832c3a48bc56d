'use strict';
// pipeStream's client: backpressure, reused buffers, one that leaves, one that is no stream of Node.js.
const { Readable, PassThrough, Writable } = require('node:stream');
const http = require('node:http');
const http2 = require('node:http2');
const { pipeStream } = require('sluice');
const { serve, serve2, get, collect, stopAll, deferred, until } = require('../support/loopback');
const { said, chunk, sse, STOP, DONE, events, bytes } = require('../support/chat');

afterAll(stopAll);

const WHOLE = said('Hello') + STOP + DONE;
const from = 'openai-chat';
const usage = sse({ ...chunk({}), choices: [], usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } });

/** An upstream without end that counts what was taken from it. */
function endless(size = 1024) {
  const upstream = { taken: 0, cancelled: deferred() };
  upstream.stream = new Readable({
    highWaterMark: 1,
    read() {
      setImmediate(() => {
        upstream.taken += 1;
        this.push(said(String(upstream.taken).padEnd(size, '.')));
      });
    },
    destroy(error, done) {
      upstream.cancelled.resolve();
      done(error);
    },
  });
  return upstream;
}

describe('backpressure', () => {
  test.each([['HTTP/1', false], ['HTTP/2', true]])('writes of reused buffers arrive over %s as they were written, though the connection stalls', async (_, second) => {
    // small enough that many wait at once, many enough to fill the kernel's buffers first
    const word = (turn) => `word-${turn} ${'x'.repeat(700)} `;
    const count = 16_000;
    let taken = 0;
    async function* upstream() {
      while (taken < count) {
        if (taken % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
        yield Buffer.from(said(word((taken += 1))));
      }
      yield Buffer.from(STOP + DONE);
    }
    const { url, stop } = await (second ? serve2 : serve)((req, res) => pipeStream(upstream(), res, { from, to: 'claude' }));
    const session = second ? http2.connect(url) : undefined;
    const response = second ? session.request({ ':path': '/' }) : await get(url);
    let last = -1;
    await until(async () => {
      const stalled = taken === last && last > 0;
      last = taken;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return stalled;
    });
    expect(taken).toBeLessThan(count);
    const { text } = await collect(response);
    const words = events(text).filter((event) => event.type === 'content_block_delta').map((event) => event.delta.text);
    expect(words).toEqual(Array.from({ length: count }, (__, turn) => word(turn + 1)));
    session?.close();
    await stop();
  });

  test('200 writes to a Writable that reads late arrive as they were written', async () => {
    const received = [];
    const slow = new Writable({
      highWaterMark: 1 << 20,
      write(piece, _, done) {
        // read late: whoever wrote into the buffer again is found out
        setTimeout(() => {
          received.push(String(piece));
          done();
        }, 1);
      },
    });
    let writes = 0;
    const write = slow.write;
    slow.write = (...args) => {
      writes += 1;
      return write.apply(slow, args);
    };
    const words = Array.from({ length: 200 }, (_, turn) => `word-${turn} ${'x'.repeat(turn * 7)} `);
    await pipeStream(bytes(...words.map(said), STOP, DONE), slow, { from, to: 'claude' });
    const text = events(received.join('')).filter((event) => event.type === 'content_block_delta').map((event) => event.delta.text);
    expect(text).toEqual(words);
    expect(writes).toBeGreaterThanOrEqual(200);
    expect(writes).toBeLessThanOrEqual(202); // one write per read
  });

  test('a client that never reads holds no more than its high-water mark', async () => {
    const upstream = endless();
    const client = new Writable({ highWaterMark: 16 * 1024, write: () => {} });
    const done = pipeStream(upstream.stream, client, { from, to: 'claude' });
    await until(() => client.writableNeedDrain);
    const { taken } = upstream;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(upstream.taken - taken).toBeLessThanOrEqual(3);
    expect(client.writableLength).toBeLessThan(16 * 1024 + 2 * 1500);
    client.destroy();
    expect((await done).error.code).toBe('ERR_ABORTED');
    await upstream.cancelled.promise;
  });

  test.each([['HTTP/1', false], ['HTTP/2', true]])('over %s a client that stops reading stops the upstream', async (_, second) => {
    const upstream = endless(64 * 1024);
    const outcome = deferred();
    const { url } = await (second ? serve2 : serve)((req, res) => outcome.resolve(pipeStream(upstream.stream, res, { from, to: 'claude' })));
    let leave;
    if (second) {
      const session = http2.connect(url);
      session.on('error', () => {});
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {});
      leave = () => session.destroy();
    } else {
      const response = await get(url);
      response.on('error', () => {});
      leave = () => response.destroy();
    }
    let last = -1;
    await until(async () => {
      const stalled = upstream.taken === last && last > 0;
      last = upstream.taken;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return stalled;
    });
    leave();
    const message = await outcome.promise;
    expect(message.error.code).toBe('ERR_ABORTED');
    expect(message.text.length).toBe(message.events * 64 * 1024);
    await upstream.cancelled.promise;
  });

  test('a client that is full already is waited for', async () => {
    const client = new PassThrough({ highWaterMark: 4 });
    client.write('12345678');
    const done = pipeStream(bytes(WHOLE), client, { from });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(client.writableLength).toBe(8);
    expect((await collect(client)).text).toBe(`12345678${WHOLE}`);
    await done;
  });
});

describe('a client that leaves', () => {
  const leaving = async (options, rest = []) => {
    const gate = deferred();
    const ended = deferred();
    async function* upstream() {
      try {
        yield Buffer.from(said('Hello'));
        await gate.promise;
        for (const piece of rest) yield Buffer.from(piece);
      } finally {
        ended.resolve();
      }
    }
    const outcome = deferred();
    const { url } = await serve((req, res) => outcome.resolve(pipeStream(upstream(), res, { from, ...options })));
    const response = await get(url);
    response.on('error', () => {});
    await new Promise((resolve) => response.once('data', resolve));
    response.destroy();
    return { gate, outcome: outcome.promise, ended: ended.promise };
  };

  test('cancels the upstream and resolves with what there was', async () => {
    const { gate, outcome, ended } = await leaving();
    const message = await outcome; // though the upstream still waits
    expect(message).toMatchObject({ text: 'Hello', complete: false, error: { code: 'ERR_ABORTED' } });
    gate.resolve();
    await ended;
  });

  test('drainForUsage reads on', async () => {
    const { gate, outcome } = await leaving({ drainForUsage: true, heartbeatMs: 5 }, [said(' again'), STOP, usage, DONE]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    gate.resolve();
    expect(await outcome).toMatchObject({
      text: 'Hello again', complete: true, finishReason: 'stop', error: { code: 'ERR_ABORTED' }, usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7 },
    });
  });

  test.each([['a Readable'], ['a web stream'], ['an SDK’s stream']])('cancels %s that waits', async (kind) => {
    const cancelled = deferred();
    const upstreams = {
      'a Readable': () => new Readable({ read() {}, destroy: (error, done) => (cancelled.resolve(), done(error)) }),
      'a web stream': () => new ReadableStream({ cancel: () => cancelled.resolve() }),
      'an SDK’s stream': () => ({ controller: { abort: () => cancelled.resolve() }, [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    };
    const client = new PassThrough();
    const done = pipeStream(upstreams[kind](), client, { from });
    setTimeout(() => client.destroy(), 10);
    expect((await done).error.code).toBe('ERR_ABORTED');
    await cancelled.promise;
  });

  test('before the pipe began', async () => {
    const client = new PassThrough();
    client.destroy();
    const upstream = endless();
    expect(await pipeStream(upstream.stream, client, { from })).toMatchObject({ text: '', error: { code: 'ERR_ABORTED' } });
    await upstream.cancelled.promise;
  });

  test('while a hook waits', async () => {
    const client = new PassThrough();
    const done = pipeStream(bytes(WHOLE), client, { from, onEvent: () => new Promise(() => {}) });
    setTimeout(() => client.destroy(), 10);
    expect((await done).error.code).toBe('ERR_ABORTED');
  });
});

test('100 streams at once over real connections, none mixed up', async () => {
  const upstream = await serve((req, res) => {
    const name = req.url.slice(1);
    let turn = 0;
    const step = () => {
      if (turn === 20) return res.end(STOP + DONE);
      res.write(said(`${name}:${(turn += 1)} `));
      setTimeout(step, 1);
    };
    step();
  });
  const { url } = await serve((req, res) => {
    http.get(upstream.url + req.url, { agent: false }, (response) => pipeStream(response, res, { to: 'claude' }));
  });
  const expected = (name) => Array.from({ length: 20 }, (_, turn) => `${name}:${turn + 1} `).join('');
  await Promise.all(Array.from({ length: 100 }, async (_, name) => {
    const { text } = await collect(await get(`${url}/${name}`));
    expect(events(text).map((event) => event.delta?.text ?? '').join('')).toBe(expected(name));
  }));
});

describe('clients that are no streams of Node.js', () => {
  test('one that only writes and ends', async () => {
    const calls = [];
    const client = {
      on: () => client,
      setHeader: (name, value) => calls.push(`${name}: ${value}`),
      write: (piece) => calls.push(String(piece)),
      end: () => calls.push('end'),
    };
    for (const options of [{ to: 'claude' }, { end: false }]) {
      calls.length = 0;
      expect((await pipeStream(bytes(WHOLE), client, { from, ...options })).complete).toBe(true);
      expect(calls).toContain('cache-control: no-cache');
      expect(calls.at(-1)).toBe(options.end === false ? WHOLE : 'end');
    }
  });

  test('one that keeps what it was given', async () => {
    const words = Array.from({ length: 50 }, (_, turn) => `word-${turn} `);
    const kept = [];
    const keeping = new Writable({ write: (piece, _, done) => (kept.push(piece), done()) });
    const unread = new PassThrough({ highWaterMark: 1 << 20 });
    for (const client of [keeping, unread]) await pipeStream(bytes(...words.map(said), STOP, DONE), client, { from, to: 'claude' });
    for (const text of [Buffer.concat(kept).toString(), (await collect(unread)).text]) {
      expect(events(text).map((event) => event.delta?.text ?? '').join('')).toBe(words.join(''));
    }
  });

  test('a response that a middleware compresses is flushed with each write', async () => {
    const flushed = [];
    const { url } = await serve((req, res) => {
      res.flush = () => flushed.push(res.writableLength);
      pipeStream(bytes(said('a'), said('b'), STOP + DONE), res, { from });
    });
    await collect(await get(url));
    expect(flushed).toHaveLength(3);
  });
});
