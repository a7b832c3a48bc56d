'use strict';
// pipeStream: how each end that is none is told, to the client and to the caller.
const { Readable, PassThrough, Writable } = require('node:stream');
const http = require('node:http');
const { pipeStream, StreamAssembler } = require('sluice');
const { serve, serve2, collect, fetchAll, fetchAll2, stopAll } = require('../support/loopback');
const { said, STOP, DONE, events, textOf, bytes } = require('../support/chat');
const { WHOLE, from, pipe } = require('../support/pipe');

afterAll(stopAll);

describe('an upstream that ends early', () => {
  const failed = (options, start) => {
    const assembler = new StreamAssembler(options);
    assembler.push(Buffer.from(start));
    return Buffer.from(assembler.fail({ type: 'upstream_truncated', message: 'upstream ended early' })).toString();
  };

  test.each([[undefined], ['claude'], ['openai-responses'], ['gemini'], ['ollama']])('between events is told to %s clients, not made whole', async (to) => {
    const { text, message, error } = await pipe(bytes(said('Hel'), said('lo')), { to, id: 'x', newId: () => 'x', now: () => 0 });
    expect(error).toBeUndefined();
    expect(message).toMatchObject({ text: 'Hello', complete: false, finishReason: null });
    expect(message.error).toMatchObject({ code: 'ERR_STREAM_UPSTREAM', provider: { type: 'upstream_truncated', message: 'upstream ended early' } });
    expect(text.endsWith(failed({ from, to, id: 'x', newId: () => 'x', now: () => 0 }, said('Hel') + said('lo')))).toBe(true);
    expect(text).toContain('upstream ended early');
    expect(text).not.toMatch(/\[DONE\]|"finish_reason":"stop"|message_stop|response\.completed|"finishReason"|"done":true,"done_reason"/);
  });

  test('inside an event: the error comes in a frame of its own', async () => {
    const cut = said('lost').slice(0, 40);
    const { text, message } = await pipe(bytes(said('Hello'), cut));
    expect(message).toMatchObject({ text: 'Hello', complete: false });
    expect(text.startsWith(said('Hello') + cut)).toBe(true);
    const last = text.trimEnd().split('\n\n').at(-1);
    expect(JSON.parse(last.slice('data: '.length)).error).toMatchObject({ message: 'upstream ended early' });
  });

  test('a last event without its blank line still counts', async () => {
    const { text, message } = await pipe(bytes(said('Hello'), STOP.trimEnd()));
    expect(message).toMatchObject({ text: 'Hello', finishReason: 'stop', complete: true, error: null });
    expect(events(text)).toHaveLength(2);
    expect(text.endsWith('\n\n')).toBe(true);
  });
});

describe('an upstream that fails', () => {
  const failing = (error, ...pieces) => async function* () {
    yield* bytes(...pieces);
    throw error;
  };

  test('in mid-stream: an error frame, the upstream’s own error, what came before it', async () => {
    const broken = new Error('socket "hang" up\n\nevent: x');
    for (const to of [undefined, 'claude']) {
      const { text, message } = await pipe(failing(broken, said('Hello'))(), { to });
      expect(message.error).toBe(broken);
      expect(message).toMatchObject({ text: 'Hello', complete: false });
      expect(events(text).at(-1).error.message).toBe(broken.message);
    }
  });

  test('a Readable that is destroyed keeps what it had', async () => {
    const upstream = new Readable({ read() {} });
    upstream.push(said('Hello'));
    upstream.destroy(new Error('boom'));
    const { text, message } = await pipe(upstream);
    expect(textOf(text)).toBe('Hello');
    expect(message.error.message).toBe('boom');
  });

  test('after the provider was done it has done no harm', async () => {
    const { text, message } = await pipe(failing(new Error('reset'), WHOLE)());
    expect(text).toBe(WHOLE);
    expect(message).toMatchObject({ complete: true, error: null });
  });

  test('before its first byte is a status, in the client’s dialect', async () => {
    const cases = [
      [{ from, to: 'claude' }, Object.assign(new Error('slow "down"'), { status: 429, type: 'rate_limit_error' }), 429,
        { type: 'error', error: { type: 'rate_limit_error', message: 'slow "down"' } }],
      [{ from }, new Error('refused'), 502, { error: { message: 'refused', type: 'upstream_error', param: null, code: null } }],
      [{ to: 'gemini' }, new Error('refused'), 502, { error: { code: 502, message: 'refused', status: 'UNAVAILABLE' } }],
      [{ from: 'ollama' }, new Error('refused'), 502, { error: 'refused' }],
    ];
    for (const start of [serve, serve2]) {
      for (const [options, error, status, body] of cases) {
        const { url, stop } = await start((req, res) => pipeStream(failing(error)(), res, options));
        const answer = await (start === serve ? fetchAll : fetchAll2)(url);
        expect(answer.status).toBe(status);
        expect(answer.headers['content-type']).toMatch(/^application\/json/);
        expect(JSON.parse(answer.text)).toEqual(body);
        await stop();
      }
    }
  });

  test('so is one that ends without a byte', async () => {
    const { url } = await serve((req, res) => pipeStream([], res, { from }));
    const { status, text } = await fetchAll(url);
    expect(status).toBe(502);
    expect(JSON.parse(text).error).toMatchObject({ type: 'upstream_truncated', message: 'upstream ended early' });
  });

  test('onError hears of it first and may handle it', async () => {
    const broken = new Error('refused');
    const seen = [];
    const { url } = await serve(async (req, res) => {
      const first = await pipeStream(failing(broken)(), res, {
        from, to: 'claude',
        async onError(error, context) {
          seen.push([error, context.bytesSent, context.message.text]);
          return true;
        },
      });
      expect(first.error).toBe(broken);
      expect(res.headersSent).toBe(false);
      await pipeStream(bytes(WHOLE), res, { from, to: 'claude' });
    });
    const { status, text } = await fetchAll(url);
    expect(status).toBe(200);
    expect(seen).toEqual([[broken, 0, '']]);
    expect(events(text).at(-1)).toEqual({ type: 'message_stop' });
  });

  test('onError that does not handle it changes nothing', async () => {
    const seen = [];
    const { text } = await pipe(failing(new Error('reset'), said('Hello'))(), { onError: (error, { bytesSent, message }) => seen.push(bytesSent, message.text) });
    expect(seen).toEqual([said('Hello').length, 'Hello']);
    expect(events(text).at(-1).error.message).toBe('reset');
  });
});

describe('an error that the provider reports', () => {
  const report = 'data: {"error":{"message":"over \\"loaded\\"","type":"overloaded","code":null}}\n\n';

  test('passes through, and surfaces typed', async () => {
    const { text, message } = await pipe(bytes(said('Hello'), report));
    expect(text).toBe(said('Hello') + report);
    expect(message).toMatchObject({ text: 'Hello', complete: false });
    expect(message.error).toMatchObject({ code: 'ERR_STREAM_UPSTREAM', provider: { message: 'over "loaded"' } });
  });

  test('is the one that counts when the connection breaks behind it', async () => {
    async function* upstream() {
      yield* bytes(said('Hello'), report);
      throw new Error('reset');
    }
    const { text, message } = await pipe(upstream());
    expect(text).toBe(said('Hello') + report);
    expect(message.error.code).toBe('ERR_STREAM_UPSTREAM');
  });

  test('reaches a client of another dialect once', async () => {
    const { text, message } = await pipe(bytes(said('Hello') + report), { to: 'claude' });
    expect(events(text).filter((event) => event.type === 'error')).toEqual([{ type: 'error', error: expect.objectContaining({ message: 'over "loaded"' }) }]);
    expect(message.error.code).toBe('ERR_STREAM_UPSTREAM');
  });

  test('is handled by onError before the client has seen anything', async () => {
    const seen = [];
    const upstream = Readable.from([Buffer.from(report), Buffer.from(DONE)]);
    const { text, message } = await pipe(upstream, {
      to: 'claude',
      onError(error, { bytesSent }) {
        seen.push(error.code, bytesSent);
        return true;
      },
    });
    expect(seen).toEqual(['ERR_STREAM_UPSTREAM', 0]);
    expect(text).toBe('');
    expect(message.error.code).toBe('ERR_STREAM_UPSTREAM');
    expect(upstream.destroyed).toBe(true);
  });

  test('onError is asked about it once', async () => {
    let asked = 0;
    const { text } = await pipe(bytes(said('Hello'), report, ': more\n\n', DONE), { onError: () => void (asked += 1) });
    expect(asked).toBe(1);
    expect(text).toBe(`${said('Hello')}${report}: more\n\n${DONE}`);
  });
});

describe('what rejects', () => {
  test('a frame that cannot be read: ERR_STREAM_FRAME with what was assembled, and the client is told', async () => {
    const client = new PassThrough();
    const received = collect(client);
    const upstream = Readable.from([Buffer.from(said('Hello') + said('x'.repeat(2000)))]);
    const error = await pipeStream(upstream, client, { from, maxEventBytes: 1000 }).catch((failure) => failure);
    expect(error).toMatchObject({ code: 'ERR_STREAM_FRAME', offset: said('Hello').length, partial: { text: 'Hello', complete: false } });
    expect(error).toBeInstanceOf(Error);
    const { text } = await received;
    expect(textOf(text)).toBe('Hello');
    expect(events(text).at(-1)).toHaveProperty('error');
    expect(upstream.destroyed).toBe(true);
  });

  test('onError hears of such a frame too, and may keep the client open', async () => {
    const client = new PassThrough();
    const seen = [];
    const error = await pipeStream([Buffer.from(said('x'.repeat(2000)))], client, {
      from, maxEventBytes: 1000,
      onError(failure, { bytesSent }) {
        seen.push([failure, bytesSent]);
        return true;
      },
    }).catch((failure) => failure);
    expect(seen).toEqual([[error, 0]]);
    expect(error.code).toBe('ERR_STREAM_FRAME');
    expect({ ended: client.writableEnded, held: client.readableLength }).toEqual({ ended: false, held: 0 });
  });

  test('the client’s own failure: its error with what was assembled; the upstream is cancelled', async () => {
    const full = new Error('disk full');
    const client = new Writable({ write: (piece, _, done) => done(full) });
    let returned = false;
    async function* upstream() {
      try {
        for (;;) {
          await new Promise((resolve) => setImmediate(resolve));
          yield Buffer.from(said('Hello'));
        }
      } finally {
        returned = true;
      }
    }
    await expect(pipeStream(upstream(), client, { from })).rejects.toBe(full);
    expect(full.partial.text).toMatch(/^(Hello)+$/);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(returned).toBe(true);
  });

  test('the caller’s signal: ERR_ABORTED with its reason and what was assembled', async () => {
    const upstream = new Readable({ read() {} });
    const controller = new AbortController();
    const client = new PassThrough();
    const received = collect(client);
    const done = pipeStream(upstream, client, { from, signal: controller.signal });
    upstream.push(said('Hello'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const reason = new Error('enough');
    controller.abort(reason);
    const error = await done.catch((failure) => failure);
    expect(error).toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError', cause: reason, partial: { text: 'Hello' } });
    expect(upstream.destroyed).toBe(true);
    expect(events((await received).text).at(-1)).toHaveProperty('error');
    await expect(pipeStream(bytes(WHOLE), new PassThrough(), { from, signal: controller.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('a signal before the first byte leaves no client waiting', async () => {
    const { url } = await serve((req, res) => pipeStream(new Readable({ read() {} }), res, { from, signal: AbortSignal.timeout(30) }).catch(() => {}));
    const { status, text } = await fetchAll(url);
    expect(status).toBe(504);
    expect(JSON.parse(text)).toHaveProperty('error.message');
  });
});

test('an upstream response over HTTP that is cut off', async () => {
  const upstream = await serve((req, res) => {
    res.write(said('Hello') + said('cut').slice(0, 30));
    setTimeout(() => res.destroy(), 30);
  });
  const { url } = await serve((req, res) => {
    http.get(upstream.url, { agent: false }, (response) => {
      pipeStream(response, res, { from, to: 'claude' });
    });
  });
  const { text, error } = await fetchAll(url);
  expect(error).toBeUndefined();
  expect(events(text).map((event) => event.type)).toEqual(['message_start', 'content_block_start', 'content_block_delta', 'error']);
});
