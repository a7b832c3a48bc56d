'use strict';
// What renderMessage writes, read by the clients of each dialect: streams through their own stream parsers.
const http = require('node:http');
const vm = require('node:vm');
const OpenAI = require('openai');
const Anthropic = require('@anthropic-ai/sdk');
const { GoogleGenAI } = require('@google/genai');
const { renderMessage } = require('../..');

const message = {
  parts: [
    { type: 'reasoning', text: 'let me\nsee', signature: 'c2ln' },
    { type: 'text', text: 'Héllo ' },
    { type: 'text', text: '"you" 😀' },
    { type: 'tool_call', call: { id: 'call_a', name: 'weather', arguments: '{"city":"Oslo \\"x\\"",\n "days":[1,2]}' } },
    { type: 'tool_call', call: { id: 'call_b', name: 'now', arguments: '' } },
  ],
  finishReason: 'tool_calls',
  usage: { inputTokens: 120, outputTokens: 45, totalTokens: 165, cachedTokens: 64, cacheCreationTokens: 6, reasoningTokens: 20 },
  model: 'some-model',
  id: 'id-1',
};
const weather = { city: 'Oslo "x"', days: [1, 2] };

// this client asks its global object for the dispatcher of fetch, which only the outer realm has
globalThis[Symbol.for('undici.globalDispatcher.1')] ??= vm.runInThisContext(
  "new Headers(); globalThis[Symbol.for('undici.globalDispatcher.1')]",
);

let server;
let answer;
let base;
beforeAll(async () => {
  server = http.createServer((req, res) => {
    req.resume();
    req.on('end', () => {
      const stream = req.url.includes('stream') || answer.stream;
      res.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
      res.end(answer.body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${server.address().port}`;
});
afterAll(() => new Promise((resolve) => {
  server.closeAllConnections();
  server.close(resolve);
}));

const serve = (to, stream, what = message) => {
  answer = { stream, body: renderMessage(what, { to, stream, now: () => 1700000000000 }) };
};
const openai = () => new OpenAI({ apiKey: 'k', baseURL: base, maxRetries: 0 });
const anthropic = () => new Anthropic({ apiKey: 'k', baseURL: base, maxRetries: 0 });
const google = () => new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: base } });
const ask = [{ role: 'user', content: 'hi' }];

function expectCompletion(completion) {
  expect(completion).toMatchObject({ id: 'id-1', model: 'some-model', created: 1700000000 });
  const [{ message: said, finish_reason: reason }] = completion.choices;
  expect(said).toMatchObject({ role: 'assistant', content: 'Héllo "you" 😀' });
  expect(said.tool_calls.map(({ id, type, function: { name } }) => [id, type, name]))
    .toEqual([['call_a', 'function', 'weather'], ['call_b', 'function', 'now']]);
  expect(said.tool_calls.map((one) => JSON.parse(one.function.arguments))).toEqual([weather, {}]);
  expect(reason).toBe('tool_calls');
  expect(completion.usage).toMatchObject({
    prompt_tokens: 120,
    completion_tokens: 45,
    total_tokens: 165,
    prompt_tokens_details: { cached_tokens: 64 },
    completion_tokens_details: { reasoning_tokens: 20 },
  });
}

function expectResponse(response) {
  expect(response).toMatchObject({ id: 'id-1', model: 'some-model', status: 'completed', created_at: 1700000000 });
  expect(response.output_text).toBe('Héllo "you" 😀');
  const [reasoning, said, first, second] = response.output;
  expect(reasoning).toMatchObject({ type: 'reasoning', encrypted_content: 'c2ln', summary: [{ type: 'summary_text', text: 'let me\nsee' }] });
  expect(said.content.map(({ type, text }) => [type, text])).toEqual([['output_text', 'Héllo '], ['output_text', '"you" 😀']]);
  expect([first, second].map(({ type, call_id: id, name }) => [type, id, name]))
    .toEqual([['function_call', 'call_a', 'weather'], ['function_call', 'call_b', 'now']]);
  expect([first, second].map((call) => JSON.parse(call.arguments))).toEqual([weather, {}]);
  expect(response.usage).toMatchObject({ input_tokens: 120, output_tokens: 45, total_tokens: 165, input_tokens_details: { cached_tokens: 64 } });
}

function expectMessage(said) {
  expect(said).toMatchObject({ id: 'id-1', model: 'some-model', role: 'assistant', stop_reason: 'tool_use' });
  expect(said.content.map(({ type }) => type)).toEqual(['thinking', 'text', 'text', 'tool_use', 'tool_use']);
  expect(said.content).toMatchObject([
    { thinking: 'let me\nsee', signature: 'c2ln' },
    { text: 'Héllo ' },
    { text: '"you" 😀' },
    { id: 'call_a', name: 'weather', input: weather },
    { id: 'call_b', name: 'now', input: {} },
  ]);
  expect(said.usage).toMatchObject({
    input_tokens: 50,
    cache_read_input_tokens: 64,
    cache_creation_input_tokens: 6,
    output_tokens: 45,
  });
}

describe('openai', () => {
  test('a streamed completion', async () => {
    serve('openai-chat', true);
    const stream = openai().chat.completions.stream({ model: 'm', messages: ask, stream_options: { include_usage: true } });
    expectCompletion(await stream.finalChatCompletion());
  });

  test('a whole completion', async () => {
    serve('openai-chat', false);
    expectCompletion(await openai().chat.completions.create({ model: 'm', messages: ask }));
  });

  test('an error in a stream is thrown', async () => {
    serve('openai-chat', true, { text: 'half', complete: false });
    const stream = openai().chat.completions.stream({ model: 'm', messages: ask });
    await expect(stream.finalChatCompletion()).rejects.toThrow('upstream ended early');
  });

  test('a streamed response', async () => {
    serve('openai-responses', true);
    const pieces = [];
    const stream = openai().responses.stream({ model: 'm', input: 'hi' });
    stream.on('response.output_text.delta', ({ delta }) => pieces.push(delta));
    expectResponse(await stream.finalResponse());
    expect(pieces.join('')).toBe('Héllo "you" 😀');
  });

  test('a whole response', async () => {
    serve('openai-responses', false);
    expectResponse(await openai().responses.create({ model: 'm', input: 'hi' }));
  });

  test('a response that fails is thrown', async () => {
    serve('openai-responses', true, { text: 'half', complete: false });
    await expect(openai().responses.stream({ model: 'm', input: 'hi' }).finalResponse()).rejects.toThrow('upstream ended early');
  });

  test('a refusal is one in both', async () => {
    const refused = { refusal: 'I will not', finishReason: 'stop' };
    serve('openai-chat', true, refused);
    const completion = await openai().chat.completions.stream({ model: 'm', messages: ask }).finalChatCompletion();
    expect(completion.choices[0].message.refusal).toBe('I will not');
    serve('openai-responses', true, refused);
    const response = await openai().responses.stream({ model: 'm', input: 'hi' }).finalResponse();
    expect(response.output[0].content).toMatchObject([{ type: 'refusal', refusal: 'I will not' }]);
  });
});

describe('@anthropic-ai/sdk', () => {
  test('a streamed message', async () => {
    serve('claude', true);
    const stream = anthropic().messages.stream({ model: 'm', max_tokens: 10, messages: ask });
    expectMessage(await stream.finalMessage());
  });

  test('a whole message', async () => {
    serve('claude', false);
    expectMessage(await anthropic().messages.create({ model: 'm', max_tokens: 10, messages: ask }));
  });

  test('an error in a stream is thrown', async () => {
    serve('claude', true, { text: 'half', complete: false });
    const stream = anthropic().messages.stream({ model: 'm', max_tokens: 10, messages: ask });
    await expect(stream.finalMessage()).rejects.toThrow('upstream ended early');
  });
});

describe('@google/genai', () => {
  const expectChunks = (chunks) => {
    const parts = chunks.flatMap((chunk) => chunk.candidates[0].content.parts);
    const text = parts.filter((part) => part.text && !part.thought).map((part) => part.text).join('');
    expect(text).toBe('Héllo "you" 😀');
    expect(parts.filter((part) => part.thought).map((part) => part.text).join('')).toBe('let me\nsee');
    expect(parts.find((part) => part.thoughtSignature).thoughtSignature).toBe('c2ln');
    expect(parts.flatMap((part) => part.functionCall ?? []))
      .toEqual([{ id: 'call_a', name: 'weather', args: weather }, { id: 'call_b', name: 'now', args: {} }]);
    const last = chunks.at(-1);
    expect(last.candidates[0].finishReason).toBe('STOP');
    expect(last.usageMetadata).toMatchObject({
      promptTokenCount: 120,
      candidatesTokenCount: 25,
      thoughtsTokenCount: 20,
      cachedContentTokenCount: 64,
      totalTokenCount: 165,
    });
    expect(last).toMatchObject({ responseId: 'id-1', modelVersion: 'some-model' });
  };

  test('streamed chunks', async () => {
    serve('gemini', true);
    const chunks = [];
    for await (const chunk of await google().models.generateContentStream({ model: 'm', contents: 'hi' })) chunks.push(chunk);
    expectChunks(chunks);
  });

  test('a whole response', async () => {
    serve('gemini', false);
    expectChunks([await google().models.generateContent({ model: 'm', contents: 'hi' })]);
  });
});

test('ollama lines', () => {
  const lines = renderMessage(message, { to: 'ollama', stream: true }).toString().trimEnd().split('\n').map((line) => JSON.parse(line));
  expect(lines.map((line) => line.message.content).join('')).toBe('Héllo "you" 😀');
  expect(lines.map((line) => line.message.thinking ?? '').join('')).toBe('let me\nsee');
  const calls = lines.flatMap((line) => line.message.tool_calls ?? []);
  expect(calls.map((call) => call.function)).toMatchObject([{ name: 'weather', arguments: weather }, { name: 'now', arguments: {} }]);
  expect(lines.map((line) => line.done)).toEqual([...Array(lines.length - 1).fill(false), true]);
  expect(lines.at(-1)).toMatchObject({ done_reason: 'stop', prompt_eval_count: 120, eval_count: 45 });
});
