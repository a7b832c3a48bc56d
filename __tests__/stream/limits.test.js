'use strict';
const { StreamAssembler } = require('sluice');
const { assemble, optionsFor, plain } = require('../support/assemble');
const { encodeFrame, eventFrame } = require('../support/aws');
const { essence } = require('../support/compare');
const { readStream } = require('../support/reader');
const { byteByByte } = require('../support/splits');

const sse = (...events) => Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
const says = (content, finish = null) => ({
  id: 'c1',
  model: 'm',
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
});

describe('reuse', () => {
  const pieces = Array.from({ length: 200 }, (_, at) => sse(says(`piece ${at} ${'x'.repeat(at)}`)));

  test("what push returns is the caller's to keep", () => {
    for (const to of [undefined, 'claude']) {
      const assembler = new StreamAssembler({ from: 'openai-chat', to });
      const kept = pieces.map((piece) => {
        const out = assembler.push(piece);
        return [out, Buffer.from(out)];
      });
      expect(kept.filter(([out, copy]) => !copy.equals(out))).toEqual([]);
    }
  });

  test('a view says the same when copied at once', () => {
    const own = assemble(pieces, optionsFor('openai-chat', { to: 'claude' }));
    const views = assemble(pieces, optionsFor('openai-chat', { to: 'claude', reuse: true }));
    expect(views.bytes.equals(own.bytes)).toBe(true);
    expect(plain(views.assembler.message())).toEqual(plain(own.assembler.message()));
  });

  test('views share their memory: that is what they are for', () => {
    const assembler = new StreamAssembler(optionsFor('openai-chat', { to: 'claude', reuse: true }));
    const memories = new Set(pieces.map((piece) => assembler.push(piece).buffer));
    expect(memories.size).toBeLessThan(20);
  });

  test('the chunk that was pushed may be overwritten', () => {
    const assembler = new StreamAssembler({ from: 'openai-chat', to: 'claude' });
    const chunk = Buffer.alloc(7);
    const bytes = sse(says('Hello'), says(' world', 'stop'));
    for (let at = 0; at < bytes.length; at += 7) {
      const length = bytes.copy(chunk, 0, at);
      assembler.push(chunk.subarray(0, length));
      chunk.fill(0x58);
    }
    expect(assembler.text()).toBe('Hello world');
  });
});

describe('caps', () => {
  const refused = expect.objectContaining({ code: 'ERR_STREAM_FRAME', offset: expect.any(Number) });
  const caught = (action) => {
    try {
      action();
    } catch (error) {
      return error;
    }
    return null;
  };

  test.each([
    ['sse', 'openai-chat', 'data: '],
    ['ndjson', 'ollama', ''],
  ])('an event over maxEventBytes, in %s', (framing, from, prefix) => {
    for (const pieces of [(bytes) => [bytes], byteByByte]) {
      const assembler = new StreamAssembler({ from, maxEventBytes: 1000 });
      const small = from === 'ollama' ? Buffer.from('{"message":{"content":"a"},"done":false}\n') : sse(says('a'));
      assembler.push(small);
      const error = caught(() =>
        pieces(Buffer.from(`${prefix}{"x":"${'y'.repeat(2000)}`)).forEach((piece) => assembler.push(piece)),
      );
      expect(error).toBeInstanceOf(Error);
      expect(error).toEqual(refused);
      expect(assembler.text()).toBe('a');
    }
  });

  test('an event just below it passes', () => {
    const event = sse(says('y'.repeat(500)));
    const assembler = new StreamAssembler({ from: 'openai-chat', maxEventBytes: event.length });
    assembler.push(event);
    assembler.push(event);
    expect(assembler.text()).toHaveLength(1000);
  });

  test('a frame over it is refused by its length, before its bytes come', () => {
    const frame = eventFrame('assistantResponseEvent', { content: 'y'.repeat(2000) });
    const assembler = new StreamAssembler({ from: 'kiro', maxEventBytes: 1000 });
    expect(caught(() => assembler.push(frame.subarray(0, 12)))).toEqual(refused);
  });

  test('a damaged frame is refused, wherever it is damaged', () => {
    const frame = encodeFrame(
      { ':event-type': 'assistantResponseEvent', ':message-type': 'event' },
      '{"content":"Hi"}',
    );
    const passed = [];
    for (let at = 0; at < frame.length; at += 1) {
      const damaged = Buffer.from(frame);
      damaged[at] ^= 1;
      if (caught(() => new StreamAssembler({ from: 'kiro' }).push(damaged))?.code !== 'ERR_STREAM_FRAME')
        passed.push(at);
    }
    expect(passed).toEqual([]);
  });

  test('text over maxTextBytes', () => {
    const assembler = new StreamAssembler({ from: 'openai-chat', maxTextBytes: 1000 });
    for (let at = 0; at < 10; at += 1) assembler.push(sse(says('y'.repeat(90))));
    expect(
      caught(() => {
        for (let at = 0; at < 10; at += 1) assembler.push(sse(says('y'.repeat(90))));
      }),
    ).toEqual(refused);
  });

  test('deep nesting is no matter', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const bytes = Buffer.from(`data: {"extra":${deep},"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n`);
    const { assembler } = assemble([bytes], { from: 'openai-chat', to: 'claude' });
    expect(assembler.text()).toBe('a');
  });
});

describe('options', () => {
  test.each([
    [{ from: 'openai' }, 'from'],
    [{ to: 'kiro' }, 'to'],
    [{ framing: 'xml' }, 'framing'],
    [{ maxEventBytes: -1 }, 'maxEventBytes'],
    [{ maxEventBytes: 1.5 }, 'maxEventBytes'],
    [{ maxTextBytes: Number.NaN }, 'maxTextBytes'],
    [{ maxTextBytes: 2 ** 60 }, 'maxTextBytes'],
    [{ reuse: 1 }, 'reuse'],
    [{ events: 'all' }, 'events'],
    [{ newId: 'x' }, 'newId'],
    [{ now: 5 }, 'now'],
    [{ model: 5 }, 'model'],
    [{ form: 'claude' }, 'form'],
  ])('%j is a mistake', (options, option) => {
    expect(() => new StreamAssembler(options)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(option) }),
    );
  });

  test('any view of bytes is taken, nothing else', () => {
    const bytes = sse(says('a', 'stop'));
    const larger = new Uint8Array(bytes.length + 20);
    larger.set(bytes, 10);
    const assembler = new StreamAssembler({ from: 'openai-chat' });
    assembler.push(larger.subarray(10, 10 + bytes.length));
    expect(assembler.text()).toBe('a');
    expect(assembler.push(new Uint8Array(0))).toHaveLength(0);
    for (const wrong of ['text', null, undefined, 5, {}]) {
      expect(() => assembler.push(wrong)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    }
  });

  test('two streams at once do not mix', () => {
    const assemblers = Array.from({ length: 50 }, () => new StreamAssembler({ from: 'openai-chat', to: 'claude' }));
    for (let turn = 0; turn < 20; turn += 1) {
      assemblers.forEach((assembler, at) => assembler.push(sse(says(`${at}.${turn} `))));
    }
    assemblers.forEach((assembler, at) => {
      expect(assembler.text()).toBe(Array.from({ length: 20 }, (_, turn) => `${at}.${turn} `).join(''));
    });
  });

  test('the format that is found out needs a telling event', () => {
    const assembler = new StreamAssembler({ to: 'claude' });
    const early = Buffer.concat(
      [Buffer.from(': hello\n\nevent: ping\ndata: {"type":"ping"}\n\n'), sse({ choices: [], id: '' })].map((bytes) =>
        Buffer.from(bytes),
      ),
    );
    expect(assembler.push(early).length).toBe(0);
    const out = Buffer.concat(
      [assembler.push(sse(says('Hi', 'stop'))), assembler.finish()].map((bytes) => Buffer.from(bytes)),
    );
    expect(readStream(out, 'claude')).toMatchObject({ text: 'Hi', complete: true });
    expect(essence(assembler.message())).toMatchObject({ text: 'Hi', complete: true });
  });
});
