'use strict';
// pipeStream's onEvent: what each side's hook sees, and that what it leaves is what is sent.
const { Readable, PassThrough } = require('node:stream');
const { pipeStream } = require('sluice');
const { collect } = require('../support/loopback');
const { chunk, said, sse, STOP, DONE, events, textOf, bytes } = require('../support/chat');
const { eventFrame, exceptionFrame, decodeFrames } = require('../support/aws');

const WHOLE = said('Hello') + said(' world') + STOP + DONE;

async function pipe(upstream, options) {
  const client = new PassThrough();
  const received = [];
  client.on('data', (piece) => received.push(piece));
  const message = await pipeStream(upstream, client, options);
  return { message, output: Buffer.concat(received), text: Buffer.concat(received).toString() };
}

describe('the upstream’s side', () => {
  test('is called once per event, in order, with plain objects of this realm', async () => {
    const seen = [];
    const { text } = await pipe(bytes(WHOLE), { from: 'openai-chat', onEvent: (event, context) => seen.push([event, context]) });
    expect(seen).toStrictEqual([chunk({ content: 'Hello' }), chunk({ content: ' world' }), chunk({}, 'stop')].map((event) => [event, { side: 'upstream' }]));
    expect(Object.getPrototypeOf(seen[0][0])).toBe(Object.prototype);
    expect(text).toBe(WHOLE);
  });

  test('what the hook leaves is sent and assembled, at every split', async () => {
    const shout = (event) => {
      const { delta } = event.choices[0];
      if (delta.content) delta.content = delta.content.toUpperCase();
      event.added = { by: 'hook' };
    };
    for (let at = 1; at < WHOLE.length; at += 7) {
      const { text, message } = await pipe(bytes(WHOLE.slice(0, at), WHOLE.slice(at)), { from: 'openai-chat', onEvent: shout });
      expect(textOf(text)).toBe('HELLO WORLD');
      expect(events(text).map((event) => event.added ?? event)).toEqual([{ by: 'hook' }, { by: 'hook' }, { by: 'hook' }, '[DONE]']);
      expect(message).toMatchObject({ text: 'HELLO WORLD', complete: true, finishReason: 'stop' });
    }
  });

  test('a hook may be slow', async () => {
    const { text } = await pipe(bytes(WHOLE), {
      from: 'openai-chat',
      async onEvent(event) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (event.choices[0].delta.content) event.choices[0].delta.content += '!';
      },
    });
    expect(textOf(text)).toBe('Hello! world!');
  });

  test('names, ids and retry stay; a name that follows the type follows it', async () => {
    const input = 'id: 1\nretry: 7\nevent: ping\ndata: {"type":"ping"}\n\nevent: other\ndata: {"type":"x"}\n\nid: 2\ndata: {"type":"y"}\n\ndata: not JSON\n\n';
    const { text } = await pipe(bytes(input), { framing: 'sse', onEvent: (event) => void (event.type += '2') }).catch((error) => ({ text: error.message }));
    expect(text.startsWith(
      'event: ping2\nid: 1\nretry: 7\ndata: {"type":"ping2"}\n\nevent: other\ndata: {"type":"x2"}\n\nid: 2\ndata: {"type":"y2"}\n\ndata: not JSON\n\n',
    )).toBe(true);
  });

  test('parsed events are copied: the upstream’s own object stays', async () => {
    const own = Object.freeze(chunk({ content: 'Hello' }));
    const { text } = await pipe(Readable.from([own, chunk({}, 'stop')]), {
      from: 'openai-chat', to: 'claude', onEvent: (event, { side }) => side === 'upstream' && event.choices[0].delta.content && (event.choices[0].delta.content = 'Bye'),
    });
    expect(events(text).map((event) => event.delta?.text ?? '').join('')).toBe('Bye');
    expect(own.choices[0].delta.content).toBe('Hello');
  });

  test('NDJSON', async () => {
    const line = (content, done) => `${JSON.stringify({ model: 'm', message: { role: 'assistant', content }, done, ...(done && { done_reason: 'stop' }) })}\n`;
    const { text, message } = await pipe(bytes(line('a', false), line('b', false) + line('', true)), {
      from: 'ollama', onEvent: (event) => void (event.message.content = event.message.content.toUpperCase()),
    });
    expect(text).toBe(line('A', false) + line('B', false) + line('', true));
    expect(message).toMatchObject({ text: 'AB', complete: true });
  });

  test('an upstream of one blank line after the other is no event', async () => {
    const { message } = await pipe(bytes('\n', '\n', WHOLE), { onEvent: () => {} });
    expect(message.text).toBe('Hello world');
  });
});

describe('over the AWS event stream', () => {
  const converse = (text) => [
    eventFrame('messageStart', { role: 'assistant' }), eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text } }),
    eventFrame('contentBlockStop', { contentBlockIndex: 0 }), eventFrame('messageStop', { stopReason: 'end_turn' }),
  ];

  test.each([['bedrock-converse'], ['auto']])('%s: an event is { name: payload }, as SDKs give it', async (from) => {
    const seen = [];
    const { output, message } = await pipe([Buffer.concat(converse('Hello'))], {
      from,
      onEvent(event) {
        seen.push(Object.keys(event)[0]);
        if (event.contentBlockDelta) event.contentBlockDelta.delta.text = 'Bye';
      },
    });
    expect(seen).toEqual(['messageStart', 'contentBlockDelta', 'contentBlockStop', 'messageStop']);
    expect(message).toMatchObject({ text: 'Bye', complete: true });
    expect(output).toEqual(Buffer.concat(converse('Bye')));
  });

  test('claude: the event inside the base64', async () => {
    const coded = (event) => eventFrame('chunk', { bytes: Buffer.from(JSON.stringify(event)).toString('base64') });
    const stream = (text) => [
      { type: 'message_start', message: { id: 'm', model: 'c', role: 'assistant', content: [], usage: { input_tokens: 1, output_tokens: 1 } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }, { type: 'message_stop' },
    ];
    const { output, message } = await pipe(stream('Hello').map(coded), {
      from: 'claude', framing: 'aws-eventstream', onEvent: (event) => event.delta?.text && (event.delta.text = 'Bye'),
    });
    expect(output).toEqual(Buffer.concat(stream('Bye').map(coded)));
    expect(message).toMatchObject({ text: 'Bye', complete: true });
  });

  test('kiro: frames keep their names, exceptions pass by', async () => {
    const frames = [eventFrame('assistantResponseEvent', { content: 'Hello' }), exceptionFrame('ThrottlingException', { message: 'slow' })];
    const seen = [];
    const { output, message } = await pipe(frames, {
      from: 'kiro',
      onEvent(event) {
        seen.push({ ...event });
        event.content = 'Bye';
      },
    });
    expect(seen).toEqual([{ content: 'Hello' }]);
    expect(output).toEqual(Buffer.concat([eventFrame('assistantResponseEvent', { content: 'Bye' }), frames[1]]));
    expect(message.error).toMatchObject({ code: 'ERR_STREAM_UPSTREAM' });
    expect(decodeFrames(output)).toMatchObject({ frames: [{}, {}], rest: 0 });
  });
});

test('a frame that is cut off behind a hook is still missed', async () => {
  const frames = [eventFrame('assistantResponseEvent', { content: 'Hello' }), eventFrame('assistantResponseEvent', { content: 'lost' })];
  const input = Buffer.concat(frames);
  for (const onEvent of [undefined, () => {}]) {
    const whole = await pipe([input], { from: 'kiro', to: 'claude', onEvent });
    expect(whole.message).toMatchObject({ text: 'Hellolost', complete: true, error: null });
    const cut = await pipe([input.subarray(0, -1)], { from: 'kiro', to: 'claude', onEvent });
    expect(cut.message).toMatchObject({ text: 'Hello', complete: false, error: { provider: { type: 'upstream_truncated' } } });
  }
});

describe('the client’s side', () => {
  test.each([['openai-responses'], ['claude'], ['gemini'], ['ollama'], [undefined]])('converted to %s, each of its events once more', async (to) => {
    const seen = { upstream: 0, client: [] };
    const plain = await pipe(bytes(WHOLE), { from: 'openai-chat', to, id: 'i', newId: () => 'i', now: () => 0 });
    const hooked = await pipe(bytes(WHOLE), {
      from: 'openai-chat', to, id: 'i', newId: () => 'i', now: () => 0,
      onEvent(event, { side }) {
        if (side === 'upstream') seen.upstream += 1;
        else seen.client.push(event);
      },
    });
    expect(hooked.text).toBe(plain.text);
    expect(seen.upstream).toBe(3);
    const sent = to === 'ollama' ? plain.text.trim().split('\n').map((line) => JSON.parse(line)) : events(plain.text).filter((event) => typeof event === 'object');
    expect(seen.client).toEqual(to === undefined ? [] : sent);
  });

  test('what the hook leaves is sent', async () => {
    const { text, message } = await pipe(bytes(WHOLE), {
      from: 'openai-chat', to: 'claude', onEvent: (event, { side }) => side === 'client' && event.delta?.text && (event.delta.text = `<${event.delta.text}>`),
    });
    expect(events(text).map((event) => event.delta?.text ?? '').join('')).toBe('<Hello>< world>');
    expect(message.text).toBe('Hello world');
  });

  test('a name with a line end is refused: it would be a frame of its own', async () => {
    const client = new PassThrough();
    const received = collect(client);
    const done = pipeStream(bytes(WHOLE), client, {
      from: 'openai-chat', to: 'claude', onEvent: (event, { side }) => side === 'client' && (event.type = 'a\ndata: {}\n\n'),
    });
    await expect(done).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect((await received).text).not.toContain('event: a');
  });
});

describe('hooks that fail', () => {
  test.each([['throws', () => { throw new Error('my hook'); }], ['rejects', () => Promise.reject(new Error('my hook'))]])('one that %s rejects the pipe, and the client is not left waiting', async (_, onEvent) => {
    const upstream = Readable.from([Buffer.from(WHOLE)]);
    const client = new PassThrough();
    const received = collect(client);
    const error = await pipeStream(upstream, client, { from: 'openai-chat', onEvent }).catch((failure) => failure);
    expect(error).toMatchObject({ message: 'my hook', partial: { text: '' } });
    expect(upstream.destroyed).toBe(true);
    const { text } = await received;
    expect(events(text).at(-1)).toHaveProperty('error');
    expect(text).not.toContain('my hook');
  });

  test('onError that throws does so too', async () => {
    const client = new PassThrough();
    const received = collect(client);
    const onError = () => {
      throw new Error('my hook');
    };
    await expect(pipeStream(bytes(said('Hello')), client, { from: 'openai-chat', onError })).rejects.toThrow('my hook');
    expect(events((await received).text).at(-1)).toHaveProperty('error');
  });

  test('a signal ends a hook that never does', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 10);
    const done = pipeStream(bytes(WHOLE), new PassThrough().resume(), { from: 'openai-chat', signal: controller.signal, onEvent: () => new Promise(() => {}) });
    await expect(done).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('events before a frame that cannot be read are given and sent', async () => {
    const seen = [];
    const client = new PassThrough();
    const received = collect(client);
    const done = pipeStream([Buffer.from(said('Hello') + said('x'.repeat(2000)))], client, { from: 'openai-chat', maxEventBytes: 1000, onEvent: (event) => void seen.push(event) });
    await expect(done).rejects.toMatchObject({ code: 'ERR_STREAM_FRAME', offset: said('Hello').length, partial: { text: 'Hello' } });
    expect(seen).toEqual([chunk({ content: 'Hello' })]);
    expect((await received).text.startsWith(said('Hello'))).toBe(true);
  });
});

test('data of several lines is framed again as several', async () => {
  const input = `data: {"id":"x",\ndata: "choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n${sse(chunk({}, 'stop'))}`;
  const { message } = await pipe(bytes(input), { from: 'openai-chat', onEvent: () => {} });
  expect(message).toMatchObject({ text: 'Hello', complete: true });
});
