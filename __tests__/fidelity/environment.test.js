'use strict';
// What the suites of existing services do, under jest (node and jsdom) and vitest: one body for all runners.
const fake = typeof jest === 'undefined' ? globalThis.vi : jest;
const sluice = require('sluice');
const { begin, nextTurn } = require('../../lib/completion');
const { isError, make } = require('../../lib/errors');

const bytes = (text) => Buffer.from(text);
const delta = (text) => `data: {"choices":[{"index":0,"delta":{"content":${JSON.stringify(text)}}}]}\n\n`;
const thrownBy = (run) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('it did not throw');
};

describe('realm', () => {
  test('errors that are thrown are of this realm', () => {
    expect(() => new sluice.StreamAssembler({ to: 'nobody' })).toThrow(Error);
    expect(() => new sluice.StreamAssembler({ to: 'nobody' })).toThrow(RangeError);
    expect(() => new sluice.StreamAssembler({ nothing: 1 })).toThrow(TypeError);
    expect(thrownBy(() => new sluice.StreamAssembler({ maxEventBytes: -1 }))).toBeInstanceOf(RangeError);
  });

  test('errors that native code raises are of this realm', () => {
    const decoder = new sluice.EventStreamDecoder({ maxEventBytes: 4 });
    expect(() => decoder.push(bytes('data: far too long\n\n'))).toThrow(Error);
    const error = thrownBy(() => sluice.convertRequest(bytes('not json'), { from: 'claude', to: 'gemini' }));
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toMatch(/^ERR_/);
  });

  test('arrays and objects are of this realm', () => {
    const assembler = new sluice.StreamAssembler({ from: 'openai-chat', events: 'upstream' });
    assembler.push(bytes(delta('hi')));
    const message = assembler.message();
    expect(message.parts).toEqual(expect.any(Array));
    expect(message.parts).toBeInstanceOf(Array);
    expect(message).toBeInstanceOf(Object);
    expect(message.parts).toStrictEqual([{ type: 'text', text: 'hi' }]);
    const events = assembler.takeEvents('upstream');
    expect(events).toBeInstanceOf(Array);
    expect(events[0]).toStrictEqual({ choices: [{ index: 0, delta: { content: 'hi' } }] });
    const decoded = new sluice.EventStreamDecoder().push(bytes('data: x\n\n'));
    expect(decoded).toStrictEqual([{ event: 'message', data: 'x', id: '' }]);
  });

  test('promises are of this realm', async () => {
    const { Readable } = require('node:stream');
    const body = () => Object.assign(Readable.from([bytes('{"a":[1]}')]), { headers: {} });
    const promises = [nextTurn(), sluice.readBody(body()), sluice.readJson(body()), sluice.JsonDocument.parse('{}')];
    for (const promise of promises) expect(promise).toBeInstanceOf(Promise);
    const [turn, buffer, value, document] = await Promise.all(promises);
    expect(turn).toBe(undefined);
    expect(ArrayBuffer.isView(buffer)).toBe(true);
    expect(value).toBeInstanceOf(Object);
    expect(value.a).toBeInstanceOf(Array);
    expect(document).toBeInstanceOf(sluice.JsonDocument);
  });

  test('rejections are of this realm', async () => {
    const { Readable } = require('node:stream');
    const broken = Object.assign(Readable.from([bytes('{"a":}')]), { headers: {} });
    await expect(sluice.readJson(broken)).rejects.toBeInstanceOf(SyntaxError);
    await expect(sluice.JsonDocument.parse('{"a":}')).rejects.toBeInstanceOf(Error);
    await expect(sluice.JsonDocument.parse(`[${'1,'.repeat(100_000)}`)).rejects.toThrow(SyntaxError);
  });

  test('errors of another realm count as errors', () => {
    const { runInNewContext } = require('node:vm');
    expect(isError(runInNewContext('new TypeError("other")'))).toBe(true);
    expect(isError(thrownBy(() => require('node:fs').readFileSync('/nowhere/at/all')))).toBe(true);
    expect(isError({ message: 'looks like one' })).toBe(false);
    const abort = new AbortController();
    abort.abort();
    expect(isError(abort.signal.reason)).toBe(true);
  });
});

describe('bytes', () => {
  test('a Buffer, a Uint8Array and a view of any realm are taken alike', () => {
    const { runInNewContext } = require('node:vm');
    const text = delta('same');
    const foreign = runInNewContext('(list) => Uint8Array.from(list)')([...bytes(text)]);
    for (const chunk of [bytes(text), new Uint8Array(bytes(text)), foreign, new DataView(new Uint8Array(bytes(text)).buffer)]) {
      const assembler = new sluice.StreamAssembler({ from: 'openai-chat' });
      expect(Buffer.from(assembler.push(chunk)).toString()).toBe(text);
      expect(assembler.text()).toBe('same');
    }
  });

  test('what is not bytes is refused by name', () => {
    for (const chunk of ['text', null, undefined, 1, {}, []]) {
      expect(() => new sluice.StreamAssembler().push(chunk)).toThrow('chunk must be');
      expect(() => new sluice.EventStreamDecoder().push(chunk)).toThrow('chunk must be');
    }
  });
});

describe('fake timers', () => {
  beforeEach(() => fake.useFakeTimers());
  afterEach(() => fake.useRealTimers());

  test('native work settles while every timer is fake', async () => {
    await nextTurn();
    await Promise.all(Array.from({ length: 100 }, nextTurn));
  });

  test('a chunk is assembled and a document read', async () => {
    const assembler = new sluice.StreamAssembler({ from: 'openai-chat', to: 'claude' });
    assembler.push(bytes(delta('now')));
    expect(assembler.text()).toBe('now');
  });

  test('bodies are read, small ones in microtasks and large ones off the loop and in slices', async () => {
    const { EventEmitter } = require('node:events');
    const read = (text) => {
      const request = Object.assign(new EventEmitter(), { headers: {} });
      const promise = sluice.readJson(request, { timeoutMs: 1000 });
      request.emit('data', bytes(text));
      request.emit('end');
      return promise;
    };
    expect(await read('{"a":[1]}')).toStrictEqual({ a: [1] });
    const large = Array.from({ length: 50_000 }, (_, at) => ({ at, text: 'é'.repeat(at % 5) }));
    expect(await read(JSON.stringify(large))).toStrictEqual(large);
    expect(fake.getTimerCount()).toBe(0);
  });

  test('a timeout is a timer of the suite: advancing it rejects', async () => {
    const { EventEmitter } = require('node:events');
    let failure;
    const promise = sluice.readBody(Object.assign(new EventEmitter(), { headers: {} }), { timeoutMs: 1000 }).catch((error) => (failure = error));
    expect(fake.getTimerCount()).toBe(1);
    fake.advanceTimersByTime(999);
    await null;
    expect(failure).toBe(undefined);
    fake.advanceTimersByTime(1);
    await promise;
    expect(failure).toMatchObject({ code: 'ERR_TIMEOUT', status: 408 });
    // what still comes is drained for a while, so that the answer is heard; no timer outlives that
    fake.advanceTimersByTime(1000);
    expect(fake.getTimerCount()).toBe(0);
  });

  test('a stream is piped', async () => {
    const { PassThrough } = require('node:stream');
    const client = new PassThrough();
    const upstream = (async function* frames() {
      yield bytes(delta('one '));
      yield bytes(delta('two'));
      yield bytes('data: [DONE]\n\n');
    })();
    const message = await sluice.pipeStream(upstream, client, { from: 'openai-chat', heartbeatMs: 1000 });
    expect(message.text).toBe('one two');
    const sent = [];
    for (let chunk = client.read(); chunk !== null; chunk = client.read()) sent.push(chunk);
    expect(Buffer.concat(sent).toString()).toBe(`${delta('one ')}${delta('two')}data: [DONE]\n\n`);
    expect(fake.getTimerCount()).toBe(0);
  });

  test('no timer is left when nothing waits', async () => {
    await nextTurn();
    new sluice.StreamAssembler({ from: 'claude' }).push(bytes('event: ping\ndata: {"type":"ping"}\n\n'));
    expect(fake.getTimerCount()).toBe(0);
    fake.runAllTimers();
  });
});

describe('the clock', () => {
  afterEach(() => fake.restoreAllMocks());

  const created = (options) => {
    const assembler = new sluice.StreamAssembler({ from: 'claude', to: 'openai-chat', ...options });
    const start = { type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], usage: { input_tokens: 1, output_tokens: 1 } } };
    const out = Buffer.from(assembler.push(bytes(`event: message_start\ndata: ${JSON.stringify(start)}\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}\n\n`))).toString();
    return JSON.parse(out.match(/^data: (.*)$/m)[1]).created;
  };

  test('Date.now is looked up at each use, so a spy is heard', () => {
    fake.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000);
    expect(created()).toBe(1_700_000_000);
    Date.now.mockReturnValue(1_800_000_000_000);
    expect(created()).toBe(1_800_000_000);
  });

  test('`now` rules when it is given', () => {
    expect(created({ now: () => 42_000 })).toBe(42);
  });
});

test('a promise is pending until its turn comes, and rejects with an error of this realm', async () => {
  const seen = [];
  const turn = nextTurn().then(() => seen.push('turn'));
  for (let microtask = 0; microtask < 10; microtask++) await null;
  expect(seen).toEqual([]);
  await turn;
  expect(seen).toEqual(['turn']);
  const failure = await begin(() => {
    throw make('Closed', { what: 'it' });
  }).catch((error) => error);
  expect(failure).toBeInstanceOf(Error);
});
