'use strict';
// Pipes and transforms where web globals, Buffer and timers are not Node's own: jsdom, vitest, fake timers.
const { PassThrough, Readable } = require('node:stream');
const { EventStreamDecoder, pipeStream, streamTransform, streamTransformWeb } = require('sluice');

const fake = typeof jest === 'undefined' ? globalThis.vi : jest;
const said = (text) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\n\n`;
const WHOLE = `${said('Hello')}${said(' world')}data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
const from = 'openai-chat';

afterEach(() => fake.useRealTimers());

test.each([['real timers', false], ['fake timers', true]])('pipeStream under %s', async (_, faked) => {
  if (faked) fake.useFakeTimers();
  const client = new PassThrough();
  const received = [];
  client.on('data', (piece) => received.push(piece));
  const message = await pipeStream(Readable.from([Buffer.from(WHOLE)]), client, { from, heartbeatMs: 1000, onEvent: () => {} });
  expect(Buffer.concat(received).toString()).toBe(WHOLE);
  expect(message).toMatchObject({ text: 'Hello world', complete: true, error: null });
  expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
});

test('what pipeStream rejects and resolves with are errors of this realm', async () => {
  await expect(pipeStream(null, new PassThrough())).rejects.toThrow(Error);
  const client = new PassThrough().resume();
  const { error } = await pipeStream(Readable.from([Buffer.from(said('Hello'))]), client, { from });
  expect(error).toBeInstanceOf(Error);
  const frame = pipeStream(Readable.from([Buffer.from(WHOLE)]), new PassThrough().resume(), { from, maxEventBytes: 10 });
  await expect(frame).rejects.toThrow(Error);
});

test('transforms', async () => {
  const transform = streamTransform({ from, to: 'claude' });
  transform.end(WHOLE);
  const out = [];
  for await (const piece of transform) out.push(piece);
  expect(Buffer.concat(out).toString()).toContain('message_stop');

  const web = streamTransformWeb({ from });
  const reader = web.readable.getReader();
  const writer = web.writable.getWriter();
  const written = writer.write(Buffer.from(WHOLE)).then(() => writer.close());
  expect(Buffer.from((await reader.read()).value).toString()).toBe(WHOLE);
  expect((await reader.read()).done).toBe(true);
  await written;
  expect(web.message().text).toBe('Hello world');
});

test('EventStreamDecoder gives plain objects and arrays of this realm', () => {
  const events = new EventStreamDecoder().push(Buffer.from('data: a\n\n'));
  expect(events).toStrictEqual([{ event: 'message', data: 'a', id: '' }]);
  expect(events).toBeInstanceOf(Array);
});
