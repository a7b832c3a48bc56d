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
    const promise = nextTurn();
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toBe(undefined);
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
