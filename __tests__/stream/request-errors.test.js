'use strict';
// What a dialect cannot say, what is no request at all, and what stays untouched.
const { convertRequest, JsonDocument } = require('../..');
const rules = require('../support/request/rules');

const ask = [{ role: 'user', content: 'hi' }];
const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];
const tool = { type: 'function', function: { name: 'f' } };

// from, to, body, the pointer of the error
const losses = [
  ['openai-chat', 'claude', { messages: ask, seed: 1 }, '/seed'],
  ['openai-chat', 'claude', { messages: ask, presence_penalty: 1 }, '/presence_penalty'],
  ['openai-chat', 'claude', { messages: ask, frequency_penalty: 1 }, '/frequency_penalty'],
  ['openai-chat', 'claude', { messages: ask, logit_bias: { 1: 2 } }, '/logit_bias'],
  ['openai-chat', 'claude', { messages: ask, temperature: 1.5 }, '/temperature'],
  ['openai-chat', 'claude', { messages: ask, temperature: 0.5, reasoning_effort: 'low' }, '/temperature'],
  ['openai-chat', 'claude', { messages: ask, tools: [tool], tool_choice: 'required', reasoning_effort: 'low' }, '/tool_choice'],
  ['openai-chat', 'gemini', { messages: ask, modalities: ['text', 'audio'] }, '/modalities'],
  ['openai-chat', 'gemini', { messages: ask, web_search_options: {} }, '/web_search_options'],
  ['openai-chat', 'openai-responses', { messages: ask, stop: ['x'] }, '/stop'],
  ['openai-chat', 'openai-responses', { messages: ask, seed: 1 }, '/seed'],
  ['openai-chat', 'openai-responses', { messages: ask, n: 2 }, '/n'],
  ['openai-chat', 'openai-responses', { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } }] }] }, '/messages/0/content/1'],
  ['openai-chat', 'ollama', { messages: ask, n: 2 }, '/n'],
  ['openai-chat', 'claude', { messages: ask, tools: [{ type: 'custom', custom: { name: 'x' } }] }, '/tools/0'],
  ['openai-chat', 'claude', { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'made_up' }] }] }, '/messages/0/content/1'],
  ['openai-chat', 'gemini', { messages: [...ask, { role: 'tool', tool_call_id: 'gone', content: 'x' }] }, '/messages/1'],
  ['openai-chat', 'claude', { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'file', file: { file_id: 'file-1' } }] }] }, '/messages/0/content/1'],
  ['openai-chat', 'claude', { messages: [...ask, { role: 'assistant', content: 'x', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{"cut' } }] }, { role: 'tool', tool_call_id: 'a', content: '' }] }, '/messages/1/tool_calls/0'],
  ['openai-responses', 'openai-chat', { input: 'hi', tools: [{ type: 'web_search' }] }, '/tools/0'],
  ['openai-responses', 'openai-chat', { input: 'hi', previous_response_id: 'r' }, '/previous_response_id'],
  ['openai-responses', 'claude', { input: [...ask, { type: 'item_reference', id: 'x' }] }, '/input/1'],
  ['openai-responses', 'claude', { input: 'hi', background: true }, '/background'],
  ['claude', 'openai-chat', { messages: ask, tools: [{ type: 'bash_20250124', name: 'bash' }] }, '/tools/0'],
  ['claude', 'openai-chat', { messages: ask, top_k: 4 }, '/top_k'],
  ['claude', 'openai-responses', { messages: ask, stop_sequences: ['x'] }, '/stop_sequences'],
  ['claude', 'gemini', { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'container_upload', file_id: 'x' }] }] }, '/messages/0/content/1'],
  ['claude', 'gemini', { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'image', source: { type: 'file', file_id: 'x' } }] }] }, '/messages/0/content/1'],
  ['claude', 'ollama', { messages: ask, tools: [{ name: 'f', input_schema: { type: 'object' } }], tool_choice: { type: 'any' } }, '/tool_choice'],
  ['claude', 'gemini', { messages: ask, mcp_servers: [{ type: 'url', url: 'https://a.test' }] }, '/mcp_servers'],
  ['gemini', 'openai-chat', { contents, tools: [{ googleSearch: {} }] }, '/tools/0/googleSearch'],
  ['gemini', 'openai-chat', { contents, cachedContent: 'c' }, '/cachedContent'],
  ['gemini', 'claude', { contents, generationConfig: { candidateCount: 2 } }, '/generationConfig/candidateCount'],
  ['gemini', 'claude', { contents, generation_config: { seed: 2 } }, '/generation_config/seed'],
  ['gemini', 'openai-chat', { contents, generationConfig: { topK: 2 } }, '/generationConfig/topK'],
  ['gemini', 'openai-chat', { contents, generationConfig: { responseModalities: ['IMAGE'] } }, '/generationConfig/responseModalities'],
  ['gemini', 'claude', { contents: [{ parts: [{ text: 'a' }, { inlineData: { mimeType: 'video/mp4', data: 'AA' } }] }] }, '/contents/0/parts/1'],
  ['gemini', 'claude', { contents: [...contents, { role: 'model', parts: [{ executableCode: { code: '1' } }, { text: 'x' }] }] }, '/contents/1/parts/0'],
  ['ollama', 'claude', { messages: ask, options: { seed: 1 } }, '/options/seed'],
  ['ollama', 'openai-chat', { messages: ask, options: { top_k: 1 } }, '/options/top_k'],
  ['ollama', 'openai-chat', { prompt: 'hi', suffix: 'x' }, '/suffix'],
];
test.each(losses)('%s to %s cannot say %j', (from, to, body, pointer) => {
  expect(() => convertRequest(body, { from, to })).toThrow(expect.objectContaining({ name: 'Error', code: 'ERR_UNSUPPORTED', dialect: to, pointer, what: expect.any(String) }));
  expect(() => convertRequest(body, { from, to })).toThrow(Error);
  const out = JSON.parse(convertRequest(body, { from, to, lossy: true }));
  rules[to](out);
  expect(JSON.stringify(out)).toMatch(/"(hi|a)"/);
});

// from, body, where and what
const shapes = [
  ['openai-chat', { a: 1 }, '/messages', 'an array'],
  ['openai-chat', { messages: {} }, '/messages', 'an array'],
  ['openai-chat', { messages: ['x'] }, '/messages/0', 'an object'],
  ['openai-chat', { messages: [{ content: 'x' }] }, '/messages/0/role', 'a string'],
  ['openai-chat', { messages: [{ role: 'king', content: 'x' }] }, '/messages/0/role', 'one of system'],
  ['openai-chat', { messages: [{ role: 'user', content: 5 }] }, '/messages/0/content', 'a string or an array'],
  ['openai-chat', { messages: ask, temperature: 'hot' }, '/temperature', 'a number'],
  ['openai-chat', { messages: ask, max_tokens: 1.5 }, '/max_tokens', 'a whole number'],
  ['openai-chat', { messages: ask, stream: 'yes' }, '/stream', 'a boolean'],
  ['openai-chat', { messages: ask, model: 5 }, '/model', 'a string'],
  ['openai-chat', { messages: ask, tools: [{ type: 'function', function: {} }] }, '/tools/0/function/name', 'a string'],
  ['openai-responses', {}, '/input', 'a string or an array'],
  ['openai-responses', { input: 5 }, '/input', 'a string or an array'],
  ['claude', { contents }, '/messages', 'an array'],
  ['claude', { messages: [{ role: 'user' }] }, '/messages/0/content', 'a string or an array'],
  ['claude', { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64' } }] }] }, '/messages/0/content/0/source/data', 'a string'],
  ['gemini', { messages: ask }, '/contents', 'an array'],
  ['gemini', { contents: [{ role: 'king', parts: [] }] }, '/contents/0/role', 'one of user'],
  ['ollama', {}, '/messages', 'an array'],
  ['ollama', { messages: [{ role: 'user', content: [] }] }, '/messages/0/content', 'a string'],
  ['openai-chat', [1], '', 'a JSON object'],
];
test.each(shapes)('%s: %j is refused', (from, body, pointer, range) => {
  const to = from === 'claude' ? 'gemini' : 'claude';
  for (const lossy of [false, true]) {
    expect(() => convertRequest(body, { from, to, lossy })).toThrow(expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_OPTION', option: 'body', pointer, range: expect.stringContaining(range) }));
  }
});

test('what is not JSON is ERR_BODY_JSON with its place', () => {
  for (const to of ['claude', 'openai-chat']) {
    const options = { from: 'openai-chat', to };
    expect(() => convertRequest(Buffer.from('{"a":1,\n "b":x}'), options)).toThrow(expect.objectContaining({ name: 'SyntaxError', code: 'ERR_BODY_JSON', line: 2, offset: 13 }));
    expect(() => convertRequest(Buffer.from('[1]'), options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'body' }));
    expect(() => convertRequest(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), options)).toThrow(expect.objectContaining({ code: 'ERR_BODY_CHARSET' }));
    expect(() => convertRequest(Buffer.alloc(0), options)).toThrow(expect.objectContaining({ code: 'ERR_BODY_JSON' }));
  }
  expect(() => convertRequest(Buffer.from('['.repeat(1e6)), { from: 'claude', to: 'gemini' })).toThrow(expect.objectContaining({ code: 'ERR_BODY_JSON' }));
});

test('options are checked by name, type and range', () => {
  const good = { from: 'claude', to: 'gemini' };
  const bad = [
    [undefined, 'from'], [{ to: 'claude' }, 'from'], [{ from: 'claude' }, 'to'], [{ ...good, from: 'kiro' }, 'from'], [{ ...good, to: 5 }, 'to'],
    [{ ...good, lossy: 1 }, 'lossy'], [{ ...good, model: 1 }, 'model'], [{ ...good, newId: 'x' }, 'newId'], [{ ...good, loosy: true }, 'loosy'],
  ];
  for (const [options, option] of bad) {
    expect(() => convertRequest({ messages: ask }, options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
  }
  for (const body of [undefined, null, 5, 'text', () => {}]) {
    expect(() => convertRequest(body, good)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'body' }));
  }
});

test('what newId throws is thrown as it is; what is no id is refused', () => {
  const body = { contents: [{ role: 'model', parts: [{ functionCall: { name: 'f' } }, { functionCall: { name: 'f' } }] }] };
  const mine = new RangeError('mine');
  const newId = jest.fn(() => { throw mine; });
  let thrown;
  try { convertRequest(body, { from: 'gemini', to: 'claude', newId }); } catch (error) { thrown = error; }
  expect(thrown).toBe(mine);
  expect(newId).toHaveBeenCalledTimes(1);
  for (const id of ['', 5, undefined]) {
    expect(() => convertRequest(body, { from: 'gemini', to: 'claude', newId: () => id })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'newId' }));
  }
});

describe('the same dialect on both sides', () => {
  const text = ' { "messages" : [ ] , "x":1.00, "big": 123456789012345678901234567890 ,"s":"\\ud800\\/" , "model"\t:\n"old", "messages":[1]}\n';
  test('keeps every byte', () => {
    for (const dialect of ['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama']) {
      expect(convertRequest(Buffer.from(text), { from: dialect, to: dialect }).toString()).toBe(text);
    }
  });
  test('but the model\'s', () => {
    for (const dialect of ['openai-chat', 'openai-responses', 'claude', 'ollama']) {
      const options = { from: dialect, to: dialect, model: 'n"w' };
      expect(convertRequest(Buffer.from(text), options).toString()).toBe(text.replace('"old"', '"n\\"w"'));
      expect(convertRequest(Buffer.from('{ "a":{"model":1}}'), options).toString()).toBe('{"model":"n\\"w", "a":{"model":1}}');
      expect(convertRequest(Buffer.from('{}'), options).toString()).toBe('{"model":"n\\"w"}');
    }
    expect(convertRequest(Buffer.from(text), { from: 'gemini', to: 'gemini', model: 'new' }).toString()).toBe(text);
  });
});

test('a body is bytes, a view of them, an object or a document', async () => {
  const options = { from: 'openai-chat', to: 'claude' };
  const object = { messages: ask };
  const bytes = Buffer.from(JSON.stringify(object));
  const padded = new Uint8Array(bytes.length + 8);
  padded.set(bytes, 4);
  const document = await JsonDocument.parse(bytes);
  const expected = { max_tokens: 4096, messages: ask };
  for (const body of [object, bytes, padded.subarray(4, -4), document]) {
    const out = convertRequest(body, options);
    expect(Buffer.isBuffer(out)).toBe(true);
    expect(JSON.parse(out)).toEqual(expected);
  }
  document.close();
  expect(() => convertRequest(document, options)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
});

test('text that UTF-8 cannot hold is U+FFFD', () => {
  const body = Buffer.from('{"messages":[{"role":"user","content":"a\\ud83d b\\ud83d\\ude00"}]}');
  expect(JSON.parse(convertRequest(body, { from: 'openai-chat', to: 'claude' })).messages[0].content).toBe('a\u{FFFD} b😀');
});
