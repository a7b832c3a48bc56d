'use strict';
// streamTransform and streamTransformWeb: a StreamAssembler between two streams.
const { Readable, Writable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { streamTransform, streamTransformWeb } = require('sluice');
const { said, STOP, DONE, events } = require('../support/chat');

const WHOLE = said('Hello') + said(' wörld') + STOP + DONE;
const from = 'openai-chat';
const report = 'data: {"error":{"message":"overloaded","type":"overloaded"}}\n\n';

/** The text that comes out, and what the pipeline failed with. */
async function node(input, options, size = 16) {
  const transform = streamTransform(options);
  const out = [];
  let error;
  const pieces = Array.from({ length: Math.ceil(input.length / size) }, (_, at) => input.subarray(at * size, (at + 1) * size));
  const sink = new Writable({
    write(piece, _, done) {
      // looked at late: what was pushed must not be written into again
      setImmediate(() => {
        out.push(Buffer.from(piece));
        done();
      });
    },
  });
  await pipeline(Readable.from(pieces), transform, sink).catch((failure) => (error = failure));
  return { text: Buffer.concat(out).toString(), error, message: transform.message(), transform };
}
async function web(input, options) {
  const transform = streamTransformWeb(options);
  const out = [];
  let error;
  const reading = (async () => {
    for await (const piece of transform.readable) out.push(piece);
  })().catch((failure) => (error = failure));
  const writer = transform.writable.getWriter();
  const writing = (async () => {
    for (let at = 0; at < input.length; at += 16) await writer.write(new Uint8Array(input.subarray(at, at + 16)));
    await writer.close();
  })().catch(() => {});
  await Promise.all([reading, writing]);
  return { text: Buffer.concat(out).toString(), error, message: transform.message() };
}

describe.each([['streamTransform', node], ['streamTransformWeb', web]])('%s', (_, run) => {
  test('passes through untouched', async () => {
    const { text, error, message } = await run(Buffer.from(WHOLE), { from });
    expect({ text, error }).toEqual({ text: WHOLE, error: undefined });
    expect(message).toMatchObject({ text: 'Hello wörld', complete: true });
  });

  test('converts', async () => {
    const { text, message } = await run(Buffer.from(WHOLE), { from, to: 'claude' });
    expect(events(text).map((event) => event.delta?.text ?? '').join('')).toBe('Hello wörld');
    expect(events(text).at(-1)).toEqual({ type: 'message_stop' });
    expect(message.complete).toBe(true);
  });

  test('`reuse` is not the consumer’s trouble', async () => {
    const { text } = await run(Buffer.from(WHOLE), { from, to: 'gemini', reuse: true });
    expect(events(text).map((event) => event.candidates?.[0].content?.parts?.[0]?.text ?? '').join('')).toBe('Hello wörld');
  });

  test('gives at the end what is due then', async () => {
    const { text, message } = await run(Buffer.from(said('Hello') + STOP.trimEnd()), { from, to: 'claude' });
    expect(events(text).at(-1)).toEqual({ type: 'message_stop' });
    expect(message.complete).toBe(true);
  });

  test('invents nothing for a truncated stream', async () => {
    const { text, error, message } = await run(Buffer.from(said('Hello')), { from, to: 'claude' });
    expect(error).toBeUndefined();
    expect(text).not.toContain('message_stop');
    expect(message).toMatchObject({ text: 'Hello', complete: false, finishReason: null });
  });

  test('passes a provider’s error on and ends', async () => {
    for (const to of [undefined, 'claude']) {
      const { text, error, message } = await run(Buffer.from(said('Hello') + report), { from, to });
      expect(error).toBeUndefined();
      expect(events(text).at(-1).error.message).toBe('overloaded');
      expect(message).toMatchObject({ text: 'Hello', complete: false, error: { code: 'ERR_STREAM_UPSTREAM' } });
    }
  });

  test('ERR_STREAM_FRAME destroys it', async () => {
    const { error, message } = await run(Buffer.from(said('Hello') + said('x'.repeat(2000))), { from, maxEventBytes: 1000 });
    expect(error).toMatchObject({ code: 'ERR_STREAM_FRAME', offset: said('Hello').length });
    expect(message).toMatchObject({ text: 'Hello', complete: false });
  });

  test('checks its options', () => {
    const make = run === node ? streamTransform : streamTransformWeb;
    expect(() => make({ from: 'x' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(() => make({ heartbeatMs: 1 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });
});

test('events before a frame that cannot be read are given', async () => {
  const transform = streamTransform({ from, to: 'claude', maxEventBytes: 1000 });
  const out = [];
  transform.on('data', (piece) => out.push(piece));
  const failed = new Promise((resolve) => transform.on('error', resolve));
  transform.write(said('Hello') + said('x'.repeat(2000)));
  expect((await failed).code).toBe('ERR_STREAM_FRAME');
  expect(transform.destroyed).toBe(true);
  expect(events(Buffer.concat(out).toString()).map((event) => event.delta?.text ?? '').join('')).toBe('Hello');
});

test('one web stream through the other', async () => {
  const transform = streamTransformWeb({ from, to: 'ollama' });
  const text = await new Response(new Response(WHOLE).body.pipeThrough(transform)).text();
  const lines = text.trim().split('\n').map((line) => JSON.parse(line));
  expect(lines.map((line) => line.message.content).join('')).toBe('Hello wörld');
  expect(transform.message().complete).toBe(true);
});
