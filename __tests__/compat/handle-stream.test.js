'use strict';
// handleStream: what the loops of gateways do; and what was wrong with them.
const { readFileSync } = require('node:fs');
const { once } = require('node:events');
const { PassThrough, Readable, Writable } = require('node:stream');
const { handleStream } = require('sluice/compat/handle-stream');
const { chunk, said, STOP, DONE, events, textOf } = require('../support/chat');
const { essence } = require('../support/compare');
const { serve, get, collect, fetchAll, stopAll, until } = require('../support/loopback');
const { readStream } = require('../support/reader');
const { byteByByte, randomMany } = require('../support/splits');
const { recordedStreams } = require('../shared');

afterAll(stopAll);
const from = 'openai-chat';
const WHOLE = said('Grüße, ') + said('漢字 🙂') + STOP + DONE;
const TEXT = 'Grüße, 漢字 🙂';
const claude = [
  { type: 'message_start', message: { id: 'msg_1', model: 'c', usage: { input_tokens: 9 } } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: '漢' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: '字' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
  { type: 'message_stop' },
];
const frames = (list) => list.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');

async function run(upstream, options) {
  const client = new PassThrough();
  const received = collect(client);
  const message = await handleStream(upstream, client, options);
  return { message, ...(await received) };
}

describe.each([['with everything on', undefined], ['plain', 'false']])('%s', (mode, switched) => {
  beforeEach(() => {
    delete process.env.ENABLE_PERFORMANCE_OPTIMIZATION;
    if (switched !== undefined) process.env.ENABLE_PERFORMANCE_OPTIMIZATION = switched;
  });
  afterEach(() => delete process.env.ENABLE_PERFORMANCE_OPTIMIZATION);

  test('bytes go through, the message is told', async () => {
    const { text, message } = await run(Readable.from([Buffer.from(WHOLE)]), { from });
    expect(text).toBe(WHOLE);
    expect(message).toMatchObject({ text: TEXT, finishReason: 'stop', complete: true, error: null });
  });

  test('to another dialect, each event shown once and in order', async () => {
    const seen = [];
    const { text, message } = await run(Readable.from([Buffer.from(frames(claude))]), { from: 'claude', to: 'openai-chat', onChunk: (event) => void seen.push(event) });
    expect(seen).toEqual(claude);
    expect(textOf(text)).toBe('漢字');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(message).toMatchObject({ text: '漢字', finishReason: 'stop', usage: { inputTokens: 9, outputTokens: 2 } });
  });

  test('events that an SDK has parsed, from a generator', async () => {
    async function* generate() {
      yield* claude;
    }
    const { text } = await run(generate(), { from: 'claude', to: 'openai-chat' });
    expect(textOf(text)).toBe('漢字');
  });

  test('onChunk is waited for, and may change what is sent', async () => {
    const order = [];
    const { text } = await run([chunk({ content: 'secret' }), chunk({}, 'stop')], {
      from,
      async onChunk(event) {
        order.push('asked');
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (event.choices[0].delta.content) event.choices[0].delta.content = 'public';
        order.push('done');
      },
    });
    expect(order).toEqual(['asked', 'done', 'asked', 'done']);
    expect(textOf(text)).toBe('public');
    expect(text).not.toContain('secret');
  });

  test('to a response: its headers, its end', async () => {
    const { url } = await serve((req, res) => void handleStream(Readable.from([Buffer.from(frames(claude))]), res, { from: 'claude', to: 'openai-chat' }));
    const answer = await fetchAll(url);
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': expect.stringContaining('text/event-stream') }, error: undefined });
    expect(textOf(answer.text)).toBe('漢字');
  });

  test('to a mock that writes and ends, and says nothing of what became of it', async () => {
    for (const wrote of [undefined, true, false]) {
      const res = { write: jest.fn(() => wrote), end: jest.fn() };
      const message = await handleStream([Buffer.from(said('Grüße, ')), Buffer.from(said('漢字 🙂') + STOP + DONE)], res, { from });
      expect([message.text, Buffer.concat(res.write.mock.calls.map(([bytes]) => bytes)).toString(), res.end.mock.calls.length]).toEqual([TEXT, WHOLE, 1]);
    }
    const silent = { write: jest.fn(), end: jest.fn(), on: jest.fn(), writeHead: jest.fn(), setHeader: jest.fn() };
    expect((await handleStream([Buffer.from(WHOLE)], silent, { from })).text).toBe(TEXT);
    await expect(handleStream([], { end() {} })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'client' });
  });

  test('what else callers hand around in the options is theirs; values of known ones are checked', async () => {
    expect((await run([Buffer.from(WHOLE)], { from, requestId: 7, provider: 'x', onChunk: null })).text).toBe(WHOLE);
    expect((await run([Buffer.from(WHOLE)])).message.text).toBe(TEXT);
    for (const [given, option] of [[{ from: 'nobody' }, 'from'], [{ onChunk: 5 }, 'onChunk']]) {
      await expect(handleStream([], new PassThrough(), given)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option });
    }
    await expect(handleStream([], new PassThrough(), 'claude')).rejects.toThrow(TypeError);
  });
});

describe('defects of the originals', () => {
  test('split characters', async () => {
    for (const options of [{ from }, { from, to: 'claude' }, { from, onChunk() {} }]) {
      const { text, message } = await run(Readable.from(byteByByte(Buffer.from(WHOLE))), options);
      expect(message.text).toBe(TEXT);
      expect(text).not.toContain('\ufffd');
      if (options.to === undefined) expect(textOf(text)).toBe(TEXT);
    }
  });

  test('split events', async () => {
    const seen = [];
    const half = WHOLE.length >> 1;
    await run([Buffer.from(WHOLE).subarray(0, half), Buffer.from(WHOLE).subarray(half)], { from, onChunk: (event) => void seen.push(event) });
    expect(seen).toEqual(events(WHOLE).filter((event) => typeof event === 'object'));
    expect(seen).toHaveLength(3);
  });

  const recorded = recordedStreams();
  test('split characters and events, in recorded streams of real providers', async () => {
    // where they are not there none were promised
    if (recorded.length === 0) return void expect(process.env.SLUICE_SHARED).toBeUndefined();
    for (const { format, file } of recorded) {
      const bytes = readFileSync(file);
      const wanted = essence(readStream(bytes, format));
      for (const pieces of randomMany(bytes, 3, 11)) {
        const { text, message } = await run(Readable.from(pieces), { from: format });
        // one recording is cut short, which its client is told
        const sent = wanted.complete ? text : text.slice(0, text.lastIndexOf('event: error\n'));
        if (Buffer.from(sent).compare(bytes) !== 0) throw new Error(`${file}: other bytes`);
        expect(essence(message)).toEqual({ ...wanted, failed: wanted.failed || !wanted.complete });
      }
    }
  });

  test('a client that reads slowly: the answer grows in memory', async () => {
    let given = 0;
    const piece = Buffer.from(said('x'.repeat(16_000)));
    async function* endless() {
      for (; given < 5000; given += 1) yield piece;
      yield Buffer.from(STOP + DONE);
    }
    const parked = [];
    const client = new Writable({ highWaterMark: 1024, write: (bytes, _, done) => void parked.push(done) });
    const ended = handleStream(endless(), client, { from });
    await until(() => parked.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(given).toBeLessThan(20);
    client.destroy();
    expect((await ended).error.code).toBe('ERR_ABORTED');
  });

  test('a client that leaves: the provider is read to its end', async () => {
    let isCancelled = false;
    async function* endless() {
      try {
        for (;;) {
          yield Buffer.from(said('more '));
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      } finally {
        isCancelled = true;
      }
    }
    let ended;
    const { url } = await serve((req, res) => {
      ended = handleStream(endless(), res, { from });
    });
    const response = await get(url);
    await once(response, 'data');
    response.destroy();
    const message = await ended;
    expect(message.error.code).toBe('ERR_ABORTED');
    expect(message.text).toMatch(/^(more )+$/);
    await until(() => isCancelled);
  });

  test('a provider that fails in the middle: the client waits for ever, or takes it for whole', async () => {
    async function* failing() {
      yield Buffer.from(said('Hal'));
      throw new Error('ECONNRESET');
    }
    const { text, message } = await run(failing(), { from });
    expect(message).toMatchObject({ text: 'Hal', complete: false });
    expect(message.error.message).toMatch('ECONNRESET');
    expect(text).not.toContain('[DONE]');
    expect(events(text).at(-1)).toMatchObject({ error: expect.anything() });
  });
});
