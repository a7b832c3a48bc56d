'use strict';
// pipeStream's client: backpressure, reused buffers, one that leaves, heartbeats, and that nothing is left behind.
const { Readable, PassThrough, Writable } = require('node:stream');
const { AsyncLocalStorage } = require('node:async_hooks');
const { finished } = require('node:stream/promises');
const http = require('node:http');
const http2 = require('node:http2');
const { pipeStream } = require('sluice');
const { serve, serve2, get, collect, stopAll, deferred, until } = require('../support/loopback');
const { said, chunk, sse, STOP, DONE, events, textOf, bytes } = require('../support/chat');

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

describe('heartbeats', () => {
  let heard;
  const beats = () => heard.match(/^:.*\n\n/gm) ?? [];
  /** Pieces of an upstream, and behind each how long it waits, or what it waits for. */
  async function* paced(...steps) {
    for (const [piece, wait] of steps) {
      yield Buffer.from(piece);
      if (typeof wait === 'function') await until(wait);
      else await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  const run = async (upstream, options) => {
    const client = new PassThrough();
    heard = '';
    client.on('data', (piece) => (heard += piece));
    await pipeStream(upstream, client, { from, heartbeatMs: 20, ...options });
    await finished(client);
    return heard;
  };

  test('come between events, and the stream stays what it is', async () => {
    const began = performance.now();
    const text = await run(paced([said('Hello'), () => beats().length >= 3], [STOP + DONE, 0]));
    // not more often than asked for, however long it took
    expect(beats().length).toBeLessThanOrEqual(Math.floor((performance.now() - began) / 20) + 1);
    expect(text.replace(/^:.*\n\n/gm, '')).toBe(WHOLE);
  });

  test('never come inside an event', async () => {
    const hello = said('Hello');
    const text = await run(paced([hello.slice(0, 30), 100], [hello.slice(30) + STOP + DONE, 0]));
    expect(text).toBe(WHOLE);
  });

  test('converted, a half upstream event holds none back', async () => {
    const hello = said('Hello');
    const text = await run(paced([hello + hello.slice(0, 30), () => beats().length >= 2], [hello.slice(30) + STOP + DONE, 0]), { to: 'claude' });
    expect(events(text).filter((event) => event.type === 'content_block_delta')).toHaveLength(2);
  });

  test('keep a client that waits for its first byte', async () => {
    async function* late() {
      await until(() => beats().length > 0);
      yield Buffer.from(WHOLE);
    }
    expect(await run(late())).toMatch(/^:/);
  });

  test('are not for NDJSON', async () => {
    const text = await run(paced([said('Hello'), 100], [STOP + DONE, 0]), { to: 'ollama' });
    for (const line of text.trim().split('\n')) JSON.parse(line);
  });

  test('do not pile up behind a client that does not read', async () => {
    const client = new Writable({ write: () => {} });
    const done = pipeStream(new Readable({ read() {} }), client, { from, heartbeatMs: 5 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(client.writableLength).toBeLessThan(32);
    client.destroy();
    await done;
  });

  test('are one-shot timers, looked up at call time; none is left when the pipe ends', async () => {
    jest.useFakeTimers();
    try {
      const upstream = new Readable({ read() {} });
      const client = new PassThrough();
      const done = pipeStream(upstream, client, { from, heartbeatMs: 1000 });
      expect(jest.getTimerCount()).toBe(1);
      jest.runAllTimers(); // would never end if they recurred
      expect(String(client.read())).toMatch(/^:.*\n\n$/);
      upstream.push(WHOLE);
      upstream.push(null);
      client.resume();
      expect((await done).complete).toBe(true);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('nothing is left behind', () => {
  const listeners = (emitter) => Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));

  test.each([
    ['a whole stream', WHOLE, {}],
    ['a truncated one', said('Hello'), {}],
    ['an error frame', `${said('Hello')}data: {"error":{"message":"no"}}\n\n`, {}],
    ['one too long', said('x'.repeat(500)), { maxEventBytes: 100 }],
  ])('%s', async (_, input, options) => {
    const upstream = Readable.from([Buffer.from(input)]);
    const client = new PassThrough();
    client.resume();
    const before = [listeners(upstream), listeners(client)];
    const controller = new AbortController();
    let added = 0;
    const { signal } = controller;
    signal.addEventListener = (...args) => (added += 1, AbortSignal.prototype.addEventListener.apply(signal, args));
    signal.removeEventListener = (...args) => (added -= 1, AbortSignal.prototype.removeEventListener.apply(signal, args));
    await pipeStream(upstream, client, { from, signal, heartbeatMs: 1000, ...options }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([listeners(upstream), listeners(client)]).toEqual(before);
    expect(added).toBe(0);
  });

  test('when it is aborted in the middle', async () => {
    const upstream = new Readable({ read() {} });
    upstream.push(said('Hello'));
    const client = new PassThrough();
    client.resume();
    const before = [listeners(upstream), listeners(client)];
    const controller = new AbortController();
    const done = pipeStream(upstream, client, { from, signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await expect(done).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([listeners(upstream), listeners(client)]).toEqual(before);
  });

  test('an upstream that reports its own destruction disturbs nobody', async () => {
    const upstream = new Readable({ read() {}, destroy: (_, done) => done(new Error('aborted')) });
    const client = new PassThrough();
    const done = pipeStream(upstream, client, { from });
    setTimeout(() => client.destroy(), 10);
    expect((await done).error.code).toBe('ERR_ABORTED');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(upstream.listenerCount('error')).toBe(0);
  });

  test('a cancelled iterator that throws disturbs nobody', async () => {
    const unhandled = [];
    const listener = (reason) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const upstream = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: () => Promise.reject(new Error('no')) }) };
    const client = new PassThrough();
    const done = pipeStream(upstream, client, { from });
    setTimeout(() => client.destroy(), 10);
    await done;
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });
});

test('AsyncLocalStorage is the caller’s in every callback', async () => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const note = (where) => void seen.push([where, storage.getStore()]);
  const upstream = await storage.run('upstream', () => serve((req, res) => {
    res.write(said('Hello'));
    setTimeout(() => res.destroy(), 20);
  }));
  const response = await storage.run('request', () => get(upstream.url));
  const client = new PassThrough();
  client.resume();
  await storage.run('caller', () => pipeStream(response, client, {
    from, to: 'claude',
    onEvent: (event, { side }) => note(side),
    onError: () => note('error'),
    newId: () => (note('id'), 'x'),
  }));
  expect(new Set(seen.map(([, store]) => store))).toEqual(new Set(['caller']));
  expect(new Set(seen.map(([where]) => where))).toEqual(new Set(['upstream', 'client', 'error']));
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
