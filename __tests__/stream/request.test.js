'use strict';
// Requests between dialects, each expectation written by hand after the dialects' public references. Tools: request-tools.test.js.
const { DIALECTS, PNG, schema, convert, ask } = require('../support/request/convert');

const PDF = 'JVBERi0xLjQK';

describe('system prompts', () => {
  const chat = { model: 'm', messages: [{ role: 'system', content: 'be brief' }, { role: 'developer', content: 'and kind' }, ...ask] };
  test('chat to the fields of the others', () => {
    expect(convert('openai-chat', 'claude', chat).system).toEqual([{ type: 'text', text: 'be brief' }, { type: 'text', text: 'and kind' }]);
    expect(convert('openai-chat', 'gemini', chat).systemInstruction).toEqual({ parts: [{ text: 'be brief' }, { text: 'and kind' }] });
    const responses = convert('openai-chat', 'openai-responses', chat);
    expect(responses.instructions).toBe('be brief');
    expect(responses.input[0]).toEqual({ type: 'message', role: 'developer', content: 'and kind' });
    expect(convert('openai-chat', 'ollama', chat).messages.slice(0, 2)).toEqual([{ role: 'system', content: 'be brief' }, { role: 'system', content: 'and kind' }]);
  });
  test('the fields of the others to chat', () => {
    const system = { role: 'system', content: 'be brief' };
    for (const text of ['be brief', [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }]]) {
      expect(convert('claude', 'openai-chat', { max_tokens: 9, system: text, messages: ask }).messages).toEqual([system, ...ask]);
    }
    const contents = [{ parts: [{ text: 'hi' }] }];
    for (const name of ['systemInstruction', 'system_instruction']) {
      expect(convert('gemini', 'openai-chat', { contents, [name]: { parts: [{ text: 'be brief' }] } }).messages).toEqual([system, ...ask]);
    }
    expect(convert('openai-responses', 'openai-chat', { instructions: 'be brief', input: 'hi' }).messages).toEqual([system, ...ask]);
    expect(convert('ollama', 'openai-chat', { messages: [system, ...ask] }).messages).toEqual([system, ...ask]);
    expect(convert('ollama', 'openai-chat', { system: 'be brief', prompt: 'hi' }).messages).toEqual([system, ...ask]);
  });
  test('a conversation of nothing but a system prompt is what the user asks, where one must ask', () => {
    const only = { messages: [{ role: 'system', content: 'write a poem' }] };
    expect(convert('openai-chat', 'claude', only)).toMatchObject({ messages: [{ role: 'user', content: 'write a poem' }] });
    expect(convert('openai-chat', 'gemini', only).contents).toEqual([{ role: 'user', parts: [{ text: 'write a poem' }] }]);
  });
});

describe('messages', () => {
  test('neighbours of one role become one turn where the sides alternate', () => {
    const chat = { messages: [{ role: 'user', content: 'a' }, { role: 'user', content: [{ type: 'text', text: 'b' }] }, { role: 'assistant', content: 'c' }, { role: 'assistant', content: 'd' }, ...ask] };
    const text = (value) => ({ type: 'text', text: value });
    expect(convert('openai-chat', 'claude', chat).messages).toEqual([
      { role: 'user', content: [text('a'), text('b')] }, { role: 'assistant', content: [text('c'), text('d')] }, { role: 'user', content: 'hi' },
    ]);
    expect(convert('openai-chat', 'gemini', chat).contents).toEqual([
      { role: 'user', parts: [{ text: 'a' }, { text: 'b' }] }, { role: 'model', parts: [{ text: 'c' }, { text: 'd' }] }, { role: 'user', parts: [{ text: 'hi' }] },
    ]);
  });
  test('what lacks type, id, role or model is accepted', () => {
    const items = { input: [{ role: 'user', content: 'hi' }, { role: 'assistant', content: [{ type: 'output_text', text: 'yes' }] }, { role: 'user', content: [{ text: 'ok' }] }] };
    expect(convert('openai-responses', 'openai-chat', items)).toEqual({
      messages: [{ role: 'user', content: 'hi' }, { role: 'assistant', content: 'yes' }, { role: 'user', content: 'ok' }],
    });
    expect(convert('claude', 'gemini', { messages: [{ role: 'user', content: [{ text: 'hi' }] }] }).contents).toEqual([{ role: 'user', parts: [{ text: 'hi' }] }]);
    expect(convert('gemini', 'claude', { contents: { parts: { text: 'hi' } } })).toEqual({ max_tokens: 4096, messages: ask });
  });
  test('the model is the option, else the source\'s', () => {
    expect(convert('openai-chat', 'claude', { model: 'a', messages: ask }).model).toBe('a');
    expect(convert('openai-chat', 'claude', { model: 'a', messages: ask }, { model: 'b' }).model).toBe('b');
    expect(convert('gemini', 'ollama', { contents: [{ parts: [{ text: 'hi' }] }] }, { model: 'b' }).model).toBe('b');
    expect(convert('claude', 'gemini', { model: 'a', messages: ask }, { model: 'b' })).not.toHaveProperty('model');
  });
  test('refusals stay refusals in OpenAI\'s dialects and are text elsewhere', () => {
    const chat = { messages: [...ask, { role: 'assistant', content: null, refusal: 'no' }, ...ask] };
    expect(convert('openai-chat', 'openai-responses', chat).input[1].content).toEqual([{ type: 'refusal', refusal: 'no' }]);
    expect(convert('openai-chat', 'claude', chat).messages[1]).toEqual({ role: 'assistant', content: 'no' });
  });
});

describe('media', () => {
  const forms = {
    'openai-chat': { messages: [{ role: 'user', content: [{ type: 'text', text: 'see' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }, { type: 'image_url', image_url: { url: 'https://a.test/x.jpg' } }, { type: 'file', file: { filename: 'f.pdf', file_data: `data:application/pdf;base64,${PDF}` } }] }] },
    'openai-responses': { input: [{ role: 'user', content: [{ type: 'input_text', text: 'see' }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${PNG}` }, { type: 'input_image', detail: 'auto', image_url: 'https://a.test/x.jpg' }, { type: 'input_file', filename: 'f.pdf', file_data: `data:application/pdf;base64,${PDF}` }] }] },
    claude: { messages: [{ role: 'user', content: [{ type: 'text', text: 'see' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }, { type: 'image', source: { type: 'url', url: 'https://a.test/x.jpg' } }, { type: 'document', title: 'f.pdf', source: { type: 'base64', media_type: 'application/pdf', data: PDF } }] }] },
    gemini: { contents: [{ role: 'user', parts: [{ text: 'see' }, { inlineData: { mimeType: 'image/png', data: PNG } }, { fileData: { mimeType: 'image/jpeg', fileUri: 'https://a.test/x.jpg' } }, { inlineData: { mimeType: 'application/pdf', data: PDF } }] }] },
  };
  const parts = {
    'openai-chat': (body) => body.messages[0].content, 'openai-responses': (body) => body.input[0].content,
    claude: (body) => body.messages[0].content, gemini: (body) => body.contents[0].parts,
  };
  const anyName = (from, list) => (from !== 'gemini' ? list : JSON.parse(JSON.stringify(list, (key, value) => (key === 'filename' ? 'file' : key === 'title' ? undefined : value))));
  const pairs = Object.keys(forms).flatMap((from) => Object.keys(forms).filter((to) => to !== from).map((to) => [from, to]));
  test.each(pairs)('images and files by value and by URL: %s to %s', (from, to) => {
    expect(parts[to](convert(from, to, forms[from]))).toEqual(anyName(from, parts[to](forms[to])));
  });
  test('Ollama has images by value only, and without their type', () => {
    expect(() => convert('claude', 'ollama', forms.claude)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', pointer: '/messages/0/content/2' }));
    expect(convert('claude', 'ollama', forms.claude, { lossy: true }).messages).toEqual([{ role: 'user', content: 'see', images: [PNG] }]);
    const back = convert('ollama', 'claude', { prompt: 'see', images: [PNG, '/9j/4AAQ'] });
    expect(back.messages[0].content.slice(1).map((block) => block.source.media_type)).toEqual(['image/png', 'image/jpeg']);
  });
  test('a file of plain text is a text document or text', () => {
    const data = Buffer.from('grüße').toString('base64');
    const gemini = { contents: [{ parts: [{ inlineData: { mimeType: 'text/plain', data } }] }] };
    expect(convert('gemini', 'claude', gemini).messages[0].content[0].source).toEqual({ type: 'text', media_type: 'text/plain', data: 'grüße' });
    expect(convert('gemini', 'openai-chat', gemini).messages[0].content).toBe('grüße');
    const claude = { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'grüße' } }] }] };
    expect(convert('claude', 'gemini', claude).contents[0].parts).toEqual([{ text: 'grüße' }]);
  });
  test('a document that was sent as an image is a document', () => {
    const body = { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:application/pdf;base64,${PDF}` } }] }] };
    expect(convert('openai-chat', 'claude', body).messages[0].content).toEqual([{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: PDF } }]);
    expect(convert('openai-chat', 'openai-responses', body).input[0].content[0].type).toBe('input_file');
  });
  test('audio between chat and Gemini, and nowhere else', () => {
    const chat = { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } }] }] };
    const gemini = { contents: [{ role: 'user', parts: [{ inlineData: { mimeType: 'audio/mpeg', data: 'AAAA' } }] }] };
    expect(convert('openai-chat', 'gemini', chat)).toEqual(gemini);
    expect(convert('gemini', 'openai-chat', gemini).messages).toEqual(chat.messages);
    for (const to of ['claude', 'ollama', 'openai-responses']) {
      expect(() => convert('openai-chat', to, chat)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', pointer: '/messages/0/content/0' }));
    }
  });
});

describe('the form of the answer', () => {
  test('a JSON schema', () => {
    const body = { messages: ask, response_format: { type: 'json_schema', json_schema: { name: 'w', schema, strict: true } } };
    expect(convert('openai-chat', 'openai-responses', body).text).toEqual({ format: { type: 'json_schema', name: 'w', schema, strict: true } });
    expect(convert('openai-chat', 'claude', body).output_config).toEqual({ format: { type: 'json_schema', schema } });
    expect(convert('openai-chat', 'gemini', body).generationConfig).toEqual({ responseMimeType: 'application/json', responseJsonSchema: schema });
    expect(convert('openai-chat', 'ollama', body).format).toEqual(schema);
    const expected = { type: 'json_schema', json_schema: { name: 'response', schema, strict: true } };
    for (const name of ['output_config', 'output_format']) {
      const format = { type: 'json_schema', schema };
      expect(convert('claude', 'openai-chat', { messages: ask, [name]: name === 'output_config' ? { format } : format }).response_format).toEqual(expected);
    }
    const openapi = { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] };
    expect(convert('gemini', 'openai-chat', { contents: [{ parts: [{ text: 'hi' }] }], generationConfig: { responseMimeType: 'application/json', responseSchema: openapi } }).response_format).toEqual(expected);
    expect(convert('ollama', 'openai-chat', { messages: ask, format: schema }).response_format).toEqual(expected);
  });
  test('any JSON object', () => {
    const body = { messages: ask, response_format: { type: 'json_object' } };
    expect(convert('openai-chat', 'openai-responses', body).text).toEqual({ format: { type: 'json_object' } });
    expect(convert('openai-chat', 'gemini', body).generationConfig).toEqual({ responseMimeType: 'application/json' });
    expect(convert('openai-chat', 'ollama', body).format).toBe('json');
    expect(() => convert('openai-chat', 'claude', body)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', pointer: '/response_format' }));
    expect(convert('ollama', 'openai-chat', { messages: ask, format: 'json' }).response_format).toEqual({ type: 'json_object' });
  });
});

describe('sampling and limits', () => {
  const chat = { messages: ask, temperature: 0.5, top_p: 0.9, seed: 7, presence_penalty: 0.1, frequency_penalty: 0.2, stop: 'END', max_tokens: 100 };
  test('chat in the others', () => {
    expect(convert('openai-chat', 'gemini', chat).generationConfig).toEqual({ temperature: 0.5, topP: 0.9, seed: 7, presencePenalty: 0.1, frequencyPenalty: 0.2, stopSequences: ['END'], maxOutputTokens: 100 });
    expect(convert('openai-chat', 'ollama', chat).options).toEqual({ temperature: 0.5, top_p: 0.9, seed: 7, presence_penalty: 0.1, frequency_penalty: 0.2, stop: ['END'], num_predict: 100 });
    const { seed, presence_penalty, frequency_penalty, ...rest } = chat;
    expect(convert('openai-chat', 'claude', rest)).toEqual({ messages: ask, temperature: 0.5, top_p: 0.9, stop_sequences: ['END'], max_tokens: 100 });
    const { stop, ...more } = rest;
    expect(convert('openai-chat', 'openai-responses', more)).toMatchObject({ temperature: 0.5, top_p: 0.9, max_output_tokens: 100 });
  });
  test('the others in chat and in each other', () => {
    const claude = { messages: ask, max_tokens: 9, temperature: 0.5, top_p: 0.9, top_k: 40, stop_sequences: ['END'] };
    expect(convert('claude', 'gemini', claude).generationConfig).toEqual({ temperature: 0.5, topP: 0.9, topK: 40, stopSequences: ['END'], maxOutputTokens: 9 });
    expect(convert('gemini', 'claude', convert('claude', 'gemini', claude))).toEqual(claude);
    expect(() => convert('claude', 'openai-chat', claude)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', pointer: '/top_k' }));
    expect(convert('claude', 'openai-chat', claude, { lossy: true })).toEqual({ messages: ask, temperature: 0.5, top_p: 0.9, stop: ['END'], max_completion_tokens: 9 });
    expect(convert('ollama', 'openai-chat', { messages: ask, stream: false, options: { temperature: 1, num_predict: 3, num_ctx: 8, stop: ['a'] } })).toEqual({ messages: ask, temperature: 1, stop: ['a'], max_completion_tokens: 3, stream: false });
    expect(convert('ollama', 'claude', { messages: ask, options: { num_predict: -1 } }).max_tokens).toBe(4096);
    expect(convert('openai-responses', 'claude', { input: 'hi', max_output_tokens: 50 }).max_tokens).toBe(50);
    expect(convert('openai-chat', 'ollama', { messages: ask, max_completion_tokens: 6, max_tokens: 5 }).options.num_predict).toBe(6);
  });
  test('alternatives and log probabilities', () => {
    const body = { messages: ask, n: 2, logprobs: true, top_logprobs: 3 };
    expect(convert('openai-chat', 'gemini', body).generationConfig).toEqual({ candidateCount: 2, responseLogprobs: true, logprobs: 3 });
    expect(() => convert('openai-chat', 'claude', body)).toThrow(expect.objectContaining({ pointer: '/n' }));
    expect(() => convert('openai-chat', 'claude', { ...body, n: 1 })).toThrow(expect.objectContaining({ pointer: '/logprobs' }));
    expect(convert('openai-chat', 'claude', { messages: ask, n: 1, logprobs: false })).toEqual({ messages: ask, max_tokens: 4096 });
  });
});

describe('reasoning', () => {
  const levels = [['minimal', 1024], ['low', 2048], ['medium', 8192], ['high', 20000]];
  test.each(levels)('%s is %i tokens', (word, budget) => {
    const body = { messages: ask, reasoning_effort: word, max_completion_tokens: 30000 };
    expect(convert('openai-chat', 'claude', body).thinking).toEqual({ type: 'enabled', budget_tokens: budget });
    expect(convert('openai-chat', 'gemini', body).generationConfig.thinkingConfig).toEqual({ thinkingBudget: budget, includeThoughts: true });
    expect(convert('openai-chat', 'openai-responses', body).reasoning).toEqual({ effort: word });
    for (const near of [budget, budget + 100, budget - 100]) {
      expect(convert('claude', 'openai-chat', { messages: ask, max_tokens: 30000, thinking: { type: 'enabled', budget_tokens: near } }).reasoning_effort).toBe(word);
      expect(convert('gemini', 'openai-responses', { contents: [{ parts: [{ text: 'hi' }] }], generationConfig: { thinkingConfig: { thinkingBudget: near, includeThoughts: true } } }).reasoning).toEqual({ effort: word, summary: 'auto' });
    }
  });
  test('max_tokens is raised above the budget', () => {
    expect(convert('openai-chat', 'claude', { messages: ask, reasoning_effort: 'medium', max_tokens: 500 })).toMatchObject({ max_tokens: 8692, thinking: { budget_tokens: 8192 } });
    expect(convert('openai-chat', 'claude', { messages: ask, reasoning_effort: 'low' })).toMatchObject({ max_tokens: 4096, thinking: { budget_tokens: 2048 } });
  });
  test('none, as it likes, and Ollama\'s words', () => {
    const contents = [{ parts: [{ text: 'hi' }] }];
    expect(convert('claude', 'openai-chat', { messages: ask, thinking: { type: 'disabled' } }).reasoning_effort).toBe('none');
    expect(convert('openai-chat', 'claude', { messages: ask, reasoning_effort: 'none' }).thinking).toEqual({ type: 'disabled' });
    expect(convert('gemini', 'claude', { contents, generationConfig: { thinkingConfig: { thinkingBudget: 0 } } }).thinking).toEqual({ type: 'disabled' });
    expect(convert('gemini', 'ollama', { contents, generationConfig: { thinkingConfig: { thinkingBudget: -1 } } }).think).toBe(true);
    expect(convert('ollama', 'gemini', { messages: ask, think: true }).generationConfig.thinkingConfig).toEqual({ thinkingBudget: -1, includeThoughts: true });
    expect(convert('ollama', 'claude', { messages: ask, think: false }).thinking).toEqual({ type: 'disabled' });
    expect(convert('openai-chat', 'ollama', { messages: ask, reasoning_effort: 'high' }).think).toBe('high');
    expect(convert('gemini', 'openai-chat', { contents, generationConfig: { thinkingConfig: { thinkingLevel: 'LOW' } } }).reasoning_effort).toBe('low');
    expect(convert('claude', 'openai-responses', { messages: ask, thinking: { type: 'adaptive' }, output_config: { effort: 'max' } }).reasoning).toEqual({ effort: 'max', summary: 'auto' });
  });
  test('thoughts in the history, signed where both sides sign', () => {
    const claude = { max_tokens: 5, messages: [...ask, { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 'sig' }, { type: 'redacted_thinking', data: 'x' }, { type: 'text', text: 'yes' }] }, ...ask] };
    expect(convert('claude', 'gemini', claude).contents[1].parts).toEqual([{ text: 'hm', thought: true, thoughtSignature: 'sig' }, { text: 'yes' }]);
    expect(convert('claude', 'openai-responses', claude).input[1]).toEqual({ type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'sig' });
    expect(convert('claude', 'openai-chat', claude).messages[1]).toEqual({ role: 'assistant', content: 'yes', reasoning_content: 'hm' });
    expect(convert('claude', 'ollama', claude).messages[1]).toEqual({ role: 'assistant', content: 'yes', thinking: 'hm' });
    for (const to of ['gemini', 'openai-responses']) {
      expect(convert(to, 'claude', convert('claude', to, claude)).messages[1].content[0]).toEqual({ type: 'thinking', thinking: 'hm', signature: 'sig' });
    }
    expect(convert('openai-chat', 'claude', { messages: [...ask, { role: 'assistant', content: 'yes', reasoning_content: 'hm' }] }).messages[1].content).toBe('yes');
  });
});

describe('streaming and bookkeeping', () => {
  test('stream, and usage with it', () => {
    expect(convert('claude', 'openai-chat', { messages: ask, stream: true })).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(convert('claude', 'openai-chat', { messages: ask, stream: false })).not.toHaveProperty('stream_options');
    expect(convert('openai-chat', 'claude', { messages: ask, stream: true, stream_options: { include_usage: true } })).toEqual({ messages: ask, max_tokens: 4096, stream: true });
    expect(convert('ollama', 'claude', { messages: ask }).stream).toBe(true);
    expect(convert('openai-chat', 'ollama', { messages: ask }).stream).toBe(false);
    const contents = [{ parts: [{ text: 'hi' }] }];
    expect(convert('gemini', 'openai-chat', { contents })).not.toHaveProperty('stream');
    expect(convert('gemini', 'openai-chat', { contents, stream: true }).stream).toBe(true);
  });
  test('users and metadata where both sides have them, dropped elsewhere', () => {
    const chat = { messages: ask, user: 'u', metadata: { k: 'v' }, service_tier: 'flex', store: true, made_up: 1 };
    expect(convert('openai-chat', 'claude', chat)).toEqual({ messages: ask, max_tokens: 4096, metadata: { user_id: 'u' } });
    expect(convert('claude', 'openai-chat', { messages: ask, metadata: { user_id: 'u' }, cache_control: {} })).toEqual({ messages: ask, user: 'u' });
    expect(convert('openai-chat', 'claude', { messages: ask, safety_identifier: 's' }).metadata).toEqual({ user_id: 's' });
    expect(convert('openai-chat', 'openai-responses', chat)).toMatchObject({ user: 'u', metadata: { k: 'v' }, service_tier: 'flex', store: true });
    expect(convert('openai-chat', 'openai-responses', { messages: ask }).store).toBe(false);
  });
});

test('every pair of dialects is there', () => {
  const minimal = { 'openai-chat': { messages: ask }, 'openai-responses': { input: 'hi' }, claude: { messages: ask }, gemini: { contents: [{ parts: [{ text: 'hi' }] }] }, ollama: { messages: ask, stream: false } };
  for (const from of DIALECTS) for (const to of DIALECTS.filter((one) => one !== from)) expect(JSON.stringify(convert(from, to, minimal[from]))).toContain('"hi"');
});
