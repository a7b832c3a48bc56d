'use strict';
const { StreamAssembler } = require('sluice');
const streams = require('../streams');
const { CLIENT_FORMATS, assemble, optionsFor, plain } = require('../support/assemble');
const { decodeFrames, eventFrame } = require('../support/aws');
const { decodeEventStream, parse, providerEvents, lineEvents, frameEvents } = require('../support/framing');
const { readStream } = require('../support/reader');
const { byteByByte } = require('../support/splits');

const named = (format, name) => streams.find((stream) => stream.format === format && stream.name === name).bytes;
const sse = (...events) => Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
const says = (content, finish = null) => ({
  id: 'c1',
  model: 'm',
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
});

/** The parsed events of a stream, as an SDK yields them. */
function parsedEvents({ format, bytes }) {
  if (format === 'bedrock-converse') {
    return frameEvents(bytes).events.map(({ name, data }) => ({ [name]: JSON.parse(data) }));
  }
  const events = format === 'ollama' ? lineEvents(bytes) : providerEvents(bytes);
  return events.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data));
}

describe('pushEvent', () => {
  const sources = streams.filter(({ format }) => !['claude-aws', 'kiro'].includes(format));
  // an SDK throws exceptions, it does not yield them
  const table = sources.filter(({ format, expected }) => format !== 'bedrock-converse' || expected.error === null);

  test.each(table.map((stream) => [stream.format, stream.name, stream]))('is push: %s: %s', (format, name, stream) => {
    const events = parsedEvents(stream);
    const bytes =
      format === 'bedrock-converse'
        ? stream.bytes
        : Buffer.from(
            events
              .map((event) =>
                format === 'ollama' ? `${JSON.stringify(event)}\n` : `data: ${JSON.stringify(event)}\n\n`,
              )
              .join(''),
          );
    for (const to of CLIENT_FORMATS.filter((dialect) => dialect !== format)) {
      const pushed = assemble([bytes], optionsFor(format, { to }));
      const assembler = new StreamAssembler(optionsFor(format, { to }));
      const out = Buffer.concat([
        ...events.map((event) => Buffer.from(assembler.pushEvent(event))),
        assembler.finish(),
      ]);
      expect([to, out.toString()]).toEqual([to, pushed.bytes.toString()]);
      expect(plain(assembler.message())).toEqual(plain(pushed.assembler.message()));
    }
  });

  test('without a conversion it writes the event in the framing of its format', () => {
    for (const format of ['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama']) {
      const stream = streams.find((candidate) => candidate.format === format);
      const assembler = new StreamAssembler({ from: format });
      const out = Buffer.concat(parsedEvents(stream).map((event) => Buffer.from(assembler.pushEvent(event))));
      const { text, toolCalls, finishReason } = readStream(stream.bytes, format);
      expect(readStream(out, format)).toMatchObject({ text, toolCalls, finishReason });
    }
  });

  test('a line break in a field that it writes begins no line', () => {
    for (const type of ['ping\ndata: {}', 'ping\r\r', 'ping\r\n\r\ndata: {}']) {
      const out = Buffer.from(new StreamAssembler({ from: 'claude' }).pushEvent({ type }));
      const { events, tail } = decodeEventStream(out);
      expect(events.map(({ data }) => data)).toEqual([[JSON.stringify({ type })]]);
      expect(tail.data).toEqual([]);
    }
  });

  test('events and bytes may take turns', () => {
    const assembler = new StreamAssembler({ from: 'openai-chat' });
    assembler.push(sse(says('a')));
    assembler.pushEvent(says('b'));
    assembler.push(sse(says('c', 'stop')));
    expect(assembler.text()).toBe('abc');
    expect(assembler.events).toBe(3);
  });
});

describe('finish', () => {
  test('adds the missing [DONE] when converting only', () => {
    const bytes = named('openai-chat', '[DONE] missing');
    expect(assemble([bytes], { from: 'openai-chat' }).bytes.equals(bytes)).toBe(true);
    const claude = named('claude', 'text');
    expect(assemble([claude], { from: 'claude', to: 'openai-chat' }).bytes.toString()).toMatch(/data: \[DONE\]\n\n$/);
  });

  test.each(CLIENT_FORMATS)('invents no success for a stream that was cut off: %s', (to) => {
    const format = to === 'claude' ? 'openai-chat' : 'claude';
    const bytes = named(format, format === 'claude' ? 'cut off' : 'cut off between events');
    const { bytes: out, assembler } = assemble([bytes], optionsFor(format, { to }));
    expect(readStream(out, to)).toMatchObject({ complete: false, finishReason: null, error: null });
    expect(assembler.message()).toMatchObject({
      complete: false,
      finishReason: null,
      rawFinishReason: null,
      error: null,
    });
    expect(assembler.complete).toBe(false);
  });

  test('a second time it has nothing to say', () => {
    for (const to of [undefined, ...CLIENT_FORMATS]) {
      const { assembler } = assemble([named('claude', 'text')], optionsFor('claude', { to }));
      expect(assembler.finish().length).toBe(0);
    }
  });

  test('of kiro decides whether it was complete', () => {
    const assembler = new StreamAssembler({ from: 'kiro' });
    assembler.push(eventFrame('assistantResponseEvent', { content: 'Hi' }));
    expect(assembler.complete).toBe(false);
    assembler.finish();
    expect(assembler.complete).toBe(true);
    expect(assembler.message()).toMatchObject({ finishReason: 'stop', rawFinishReason: null, complete: true });
    const silent = new StreamAssembler({ from: 'kiro' });
    silent.finish();
    expect(silent.complete).toBe(false);
  });
});

describe('fail', () => {
  const MESSAGE = 'It "broke"\r\n\r\ndata: [DONE]\u2028\ud83d\ude00';
  const failure = { message: MESSAGE, status: 503, type: 'upstream_error' };

  test.each(CLIENT_FORMATS)("is an error in the client's dialect, escaped: %s", (to) => {
    const format = to === 'claude' ? 'openai-chat' : 'claude';
    const bytes = named(format, format === 'claude' ? 'cut off' : 'cut off between events');
    const assembler = new StreamAssembler(optionsFor(format, { to }));
    const out = Buffer.concat([Buffer.from(assembler.push(bytes)), Buffer.from(assembler.fail(failure))]);
    const heard = readStream(out, to);
    expect(heard).toMatchObject({ complete: false, text: readStream(bytes, format).text });
    expect(heard.error.message).toBe(MESSAGE);
    expect(out.toString()).not.toContain('[DONE]\n');
  });

  test.each(['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama'])(
    'in a stream that passes through: %s',
    (format) => {
      const frame = new StreamAssembler({ from: format }).fail(failure);
      expect(readStream(frame, format).error.message).toBe(MESSAGE);
    },
  );

  test('has the shape that clients of each dialect read', () => {
    const shapes = {
      'openai-chat': { error: { message: MESSAGE, type: 'upstream_error' } },
      claude: { type: 'error', error: { type: 'upstream_error', message: MESSAGE } },
      gemini: { error: { code: 503, message: MESSAGE } },
    };
    for (const [format, shape] of Object.entries(shapes)) {
      const [{ data }] = providerEvents(new StreamAssembler({ from: format }).fail(failure));
      expect(JSON.parse(data)).toMatchObject(shape);
    }
  });

  test("before the format is known it is openai-chat's", () => {
    const frame = new StreamAssembler().fail(failure);
    expect(readStream(frame, 'openai-chat').error).toMatchObject({ message: MESSAGE });
  });

  test.each(['kiro', 'bedrock-converse'])('is an AWS exception for %s without to', (from) => {
    const { frames, rest } = decodeFrames(new StreamAssembler({ from }).fail(failure));
    expect(rest).toBe(0);
    expect(frames).toHaveLength(1);
    expect(frames[0].headers[':message-type']).toBe('exception');
    expect(frames[0].headers[':exception-type']).toBeTruthy();
    expect(JSON.parse(frames[0].payload).message).toBe(MESSAGE);
  });

  test('comes with a line end before it when an event was cut', () => {
    const assembler = new StreamAssembler({ from: 'openai-chat' });
    const out = Buffer.concat([
      Buffer.from(assembler.push(named('openai-chat', 'cut off inside an event'))),
      Buffer.from(assembler.fail(failure)),
    ]);
    expect(readStream(out, 'openai-chat')).toMatchObject({ text: 'Hi', error: { message: MESSAGE } });
  });
});

describe('message and text', () => {
  test('may be asked at any time', () => {
    const assembler = new StreamAssembler({ from: 'openai-chat', to: 'claude' });
    expect(assembler.message()).toMatchObject({
      text: '',
      finishReason: null,
      usage: null,
      complete: false,
      events: 0,
      error: null,
    });
    let pieces = 0;
    for (const piece of byteByByte(sse(says('caf\u00e9 '), says('\ud83d\ude00'), says('!', 'stop')))) {
      assembler.push(piece);
      pieces += assembler.text() === assembler.message().text ? 0 : 1;
    }
    expect(pieces).toBe(0);
    expect(assembler.text()).toBe('caf\u00e9 \ud83d\ude00!');
    expect(assembler.message()).toMatchObject({ events: 3, complete: true });
  });

  test("are the caller's to change", () => {
    const { assembler } = assemble([named('claude', 'a call in fragments')], { from: 'claude' });
    const before = plain(assembler.message());
    const mine = assembler.message();
    mine.toolCalls.length = 0;
    mine.parts[0].text = 'other';
    mine.usage.inputTokens = -1;
    expect(plain(assembler.message())).toEqual(before);
  });

  test("an error of the provider is an error of this realm, with the provider's own object", () => {
    const { assembler } = assemble([named('openai-chat', 'an error inside the stream')], { from: 'openai-chat' });
    const { error, text } = assembler.message();
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe('ERR_STREAM_UPSTREAM');
    expect(error.provider).toEqual({ message: 'Too "much"\n', type: 'rate_limit_error', code: 429 });
    expect(text).toBe('Hi');
  });
});

describe('takeEvents', () => {
  const upstream = providerEvents(named('openai-chat', 'a call in fragments'))
    .filter(({ data }) => data !== '[DONE]')
    .map(({ data }) => JSON.parse(data));

  test('keeps nothing unless asked', () => {
    const { assembler } = assemble([named('openai-chat', 'a call in fragments')], { from: 'openai-chat' });
    expect(assembler.takeEvents()).toEqual([]);
  });

  test('upstream: what the provider said, since the last call', () => {
    const assembler = new StreamAssembler({ from: 'openai-chat', events: 'upstream' });
    const taken = byteByByte(named('openai-chat', 'a call in fragments')).flatMap((piece) => {
      assembler.push(piece);
      return assembler.takeEvents();
    });
    expect(taken.filter((event) => typeof event === 'object')).toEqual(upstream);
    expect(assembler.takeEvents('upstream')).toEqual([]);
    expect(Array.isArray(assembler.takeEvents())).toBe(true);
  });

  test.each(CLIENT_FORMATS.filter((to) => to !== 'openai-chat'))('client: what the client is given: %s', (to) => {
    const { bytes, assembler } = assemble(
      [named('openai-chat', 'a call in fragments')],
      optionsFor('openai-chat', { to, events: 'both' }),
    );
    const given = (to === 'ollama' ? lineEvents(bytes) : providerEvents(bytes))
      .map(({ data }) => parse(data)?.value)
      .filter(Boolean);
    expect(assembler.takeEvents('client').filter((event) => typeof event === 'object')).toEqual(given);
    expect(assembler.takeEvents('upstream').filter((event) => typeof event === 'object')).toEqual(upstream);
    expect(assembler.takeEvents('client')).toEqual([]);
  });
});
