'use strict';
// The offline provider checks the addon, so it is itself checked here, by the services' own clients and without the addon.
const { request, runClient, startProvider, stopAll } = require('./support');

let provider;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(stopAll);

test.each([
  ['openai', 14],
  ['anthropic', 7],
  ['google', 7],
  ['ai', 30],
])('%s reads what the provider writes', async (client, count) => {
  const results = await runClient(client, provider.url, 'itself');
  expect(results.filter(({ problem }) => problem !== null)).toEqual([]);
  expect(results).toHaveLength(count);
});

const claude = { 'anthropic-version': '2023-06-01' };
const hi = [{ role: 'user', content: 'hi' }];
const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
test.each([
  ['openai-chat', '/v1/chat/completions', { messages: hi }, /model/],
  ['openai-chat', '/v1/chat/completions', { model: 'm', messages: hi, max_output_tokens: 5 }, /max_output_tokens/],
  [
    'openai-chat',
    '/v1/chat/completions',
    { model: 'm', messages: [...hi, { role: 'assistant', tool_calls: [call] }, ...hi] },
    /no result for the call/,
  ],
  [
    'openai-chat',
    '/v1/chat/completions',
    { model: 'm', messages: [...hi, { role: 'tool', tool_call_id: 'c1', content: 'x' }] },
    /answers no call/,
  ],
  [
    'openai-responses',
    '/v1/responses',
    { model: 'm', input: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }] },
    /type/,
  ],
  ['claude', '/v1/messages', { model: 'm', messages: hi }, /max_tokens/],
  ['claude', '/v1/messages', { model: 'm', max_tokens: 5, messages: [...hi, ...hi] }, /alternate/],
  [
    'claude',
    '/v1/messages',
    { model: 'm', max_tokens: 5, messages: [{ role: 'system', content: 'x' }, ...hi] },
    /role/,
  ],
  [
    'claude',
    '/v1/messages',
    { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }] },
    /unknown block/,
  ],
  [
    'gemini',
    '/v1beta/models/m:generateContent',
    { contents: [{ role: 'assistant', parts: [{ text: 'hi' }] }] },
    /role/,
  ],
  ['gemini', '/v1beta/models/m:generateContent', { contents: [{ parts: [{ text: 'hi' }] }], stream: true }, /stream/],
  [
    'ollama',
    '/api/chat',
    { model: 'm', messages: [{ role: 'assistant', content: '', tool_calls: [call] }, ...hi] },
    /cannot unmarshal/,
  ],
  ['bedrock-converse', '/model/m/converse', { messages: [{ role: 'user', content: 'hi' }] }, /content/],
  [
    'bedrock-converse',
    '/model/m/converse',
    { messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }] },
    /one member/,
  ],
  [
    'claude-aws',
    '/model/m/invoke',
    { model: 'm', max_tokens: 5, messages: hi, anthropic_version: 'bedrock-2023-05-31' },
    /model/,
  ],
  ['kiro', '/generateAssistantResponse', { messages: hi }, /messages/],
])('%s refuses what its service refuses: %s %j', async (dialect, path, body, message) => {
  const { status, text } = await request(provider.url + path, { body, headers: claude });
  const said = JSON.parse(text);
  expect({
    status,
    message: typeof said.error === 'string' ? said.error : (said.error?.message ?? said.message),
  }).toEqual({ status: 400, message: expect.stringMatching(message) });
});
