'use strict';
const { PassThrough, Readable } = require('node:stream');
const { handleStream } = require('../src/classes');

const said = (content) => `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] })}\n\n`;
const stop = 'data: {"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
const done = 'data: [DONE]\n\n';
const claude = [
  'event: message_start\ndata: {"type":"message_start","message":{"id":"m1","model":"claude","role":"assistant","content":[],"usage":{"input_tokens":3}}}\n\n',
  'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}\n\n',
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}}\n\n',
  'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
  'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n',
  'event: message_stop\ndata: {"type":"message_stop"}\n\n',
];
const upstream = (...frames) => Readable.from(frames.map((frame) => Buffer.from(frame)));

describe('handleStream', () => {
  let client;
  let written;
  beforeEach(() => {
    client = new PassThrough();
    written = client.toArray().then((chunks) => Buffer.concat(chunks).toString());
  });

  test('what the provider says goes on as it came', async () => {
    const frames = [said('Hel'), said('lo'), stop, done];
    const events = [];
    const message = await handleStream(upstream(...frames), client, { from: 'openai-chat', onChunk: (event) => events.push(event) });
    expect(await written).toBe(frames.join(''));
    expect(message.text).toBe('Hello');
    expect(events.map((event) => event.choices[0].delta.content)).toStrictEqual(['Hel', 'lo', undefined]);
  });

  test('in any pieces', async () => {
    const whole = [said('one'), said('two'), stop, done].join('');
    const pieces = [];
    for (let at = 0; at < whole.length; at += 7) pieces.push(whole.slice(at, at + 7));
    await handleStream(upstream(...pieces), client, { from: 'openai-chat' });
    expect(await written).toBe(whole);
  });

  test('ends the answer', async () => {
    await handleStream(upstream(said('x'), stop, done), client, { from: 'openai-chat' });
    await written;
    expect(client.writableEnded).toBe(true);
  });

  test('the text of another dialect is said in the client\'s', async () => {
    await handleStream(upstream(...claude), client, { from: 'claude', to: 'openai-chat' });
    const frames = (await written).split('\n\n').filter((frame) => frame.startsWith('data: {'));
    const texts = frames.map((frame) => JSON.parse(frame.slice(6)).choices?.[0]?.delta?.content).filter(Boolean);
    expect(texts).toStrictEqual(['Hel', 'lo']);
    expect(await written).toMatch(/data: \[DONE\]\n\n$/);
  });
});
