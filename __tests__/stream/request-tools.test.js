'use strict';
// Tools in requests between dialects: calls, results, definitions and choices, each expectation written by hand.
const { convertRequest } = require('../..');
const { PNG, schema, convert, ask, chatTool } = require('../support/request/convert');

describe('tools', () => {
  const chat = {
    messages: [
      ...ask,
      { role: 'assistant', content: 'let me see', tool_calls: [{ id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } }, { id: 'b', type: 'function', function: { name: 'time', arguments: '' } }] },
      { role: 'tool', tool_call_id: 'a', content: 'sunny' }, { role: 'tool', tool_call_id: 'b', content: '{"hour":9}' },
      { role: 'user', content: 'and?' },
    ],
    tools: [chatTool, { type: 'function', function: { name: 'time' } }],
  };
  const claude = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: [{ type: 'text', text: 'let me see' }, { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Rome' } }, { type: 'tool_use', id: 'b', name: 'time', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'sunny' }, { type: 'tool_result', tool_use_id: 'b', content: '{"hour":9}' }, { type: 'text', text: 'and?' }] },
  ];
  const gemini = [
    { role: 'user', parts: [{ text: 'hi' }] },
    { role: 'model', parts: [{ text: 'let me see' }, { functionCall: { id: 'a', name: 'weather', args: { city: 'Rome' } } }, { functionCall: { id: 'b', name: 'time', args: {} } }] },
    { role: 'user', parts: [{ functionResponse: { id: 'a', name: 'weather', response: { output: 'sunny' } } }, { functionResponse: { id: 'b', name: 'time', response: { hour: 9 } } }, { text: 'and?' }] },
  ];
  test('calls and results of chat in every dialect', () => {
    expect(convert('openai-chat', 'claude', chat).messages).toEqual(claude);
    expect(convert('openai-chat', 'gemini', chat).contents).toEqual(gemini);
    expect(convert('openai-chat', 'openai-responses', chat).input.slice(1)).toEqual([
      { type: 'message', role: 'assistant', content: 'let me see' },
      { type: 'function_call', call_id: 'a', name: 'weather', arguments: '{"city":"Rome"}' },
      { type: 'function_call', call_id: 'b', name: 'time', arguments: '{}' },
      { type: 'function_call_output', call_id: 'a', output: 'sunny' },
      { type: 'function_call_output', call_id: 'b', output: '{"hour":9}' },
      { type: 'message', role: 'user', content: 'and?' },
    ]);
    expect(convert('openai-chat', 'ollama', chat).messages.slice(1, 4)).toEqual([
      { role: 'assistant', content: 'let me see', tool_calls: [{ id: 'a', function: { name: 'weather', arguments: { city: 'Rome' } } }, { id: 'b', function: { name: 'time', arguments: {} } }] },
      { role: 'tool', content: 'sunny', tool_name: 'weather', tool_call_id: 'a' },
      { role: 'tool', content: '{"hour":9}', tool_name: 'time', tool_call_id: 'b' },
    ]);
  });
  test('calls and results of the others in chat', () => {
    const expected = structuredClone(chat.messages);
    expected[1].tool_calls[1].function.arguments = '{}';
    expect(convert('claude', 'openai-chat', { max_tokens: 5, messages: claude }).messages).toEqual(expected);
    expect(convert('gemini', 'openai-chat', { contents: gemini }).messages).toEqual(expected);
    const items = convert('openai-chat', 'openai-responses', chat);
    expect(convert('openai-responses', 'openai-chat', items).messages).toEqual(expected);
  });
  test('parallel calls without ids get new ones, and results find theirs by name and order', () => {
    let count = 0;
    const newId = (kind) => `${kind}_${++count}`;
    const contents = [
      { role: 'model', parts: [{ functionCall: { name: 'f', args: { n: 1 } } }, { functionCall: { name: 'g' } }, { functionCall: { name: 'f', args: { n: 2 } } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'g', response: { output: 'G' } } }, { functionResponse: { name: 'f', response: { output: 'F1' } } }, { functionResponse: { name: 'f', response: { output: 'F2' } } }] },
    ];
    const out = JSON.parse(convertRequest({ contents }, { from: 'gemini', to: 'openai-chat', newId }));
    expect(out.messages[0].tool_calls.map((call) => [call.id, call.function.name])).toEqual([['call_1', 'f'], ['call_2', 'g'], ['call_3', 'f']]);
    expect(out.messages.slice(1).map((message) => [message.tool_call_id, message.content])).toEqual([['call_2', 'G'], ['call_1', 'F1'], ['call_3', 'F2']]);
    const ollama = { messages: [{ role: 'assistant', content: '', tool_calls: [{ function: { name: 'f', arguments: { a: 1 } } }] }, { role: 'tool', content: 'x', tool_name: 'f' }] };
    expect(convert('ollama', 'claude', ollama).messages).toEqual([
      { role: 'assistant', content: [{ type: 'tool_use', id: 'call-new', name: 'f', input: { a: 1 } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call-new', content: 'x' }] },
    ]);
  });
  test('newId is called only when an id is missing and needed', () => {
    const newId = jest.fn(() => 'x');
    convertRequest(chat, { from: 'openai-chat', to: 'claude', newId });
    convertRequest({ contents: [{ role: 'model', parts: [{ functionCall: { name: 'f' } }] }] }, { from: 'gemini', to: 'ollama', newId });
    expect(newId).not.toHaveBeenCalled();
    const once = { contents: [{ role: 'model', parts: [{ functionCall: { name: 'f' } }] }] };
    expect(JSON.parse(convertRequest(once, { from: 'gemini', to: 'openai-chat' })).messages[0].tool_calls[0].id).toMatch(/^call_\w{8,}$/);
  });
  test('results of several parts, with images, and failed ones', () => {
    const body = { messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'shot', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', is_error: true, content: [{ type: 'text', text: 'one' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }] }] }] };
    expect(convert('claude', 'gemini', body).contents[1].parts[0].functionResponse).toEqual({ id: 'a', name: 'shot', response: { error: 'one' }, parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }] });
    expect(convert('gemini', 'claude', convert('claude', 'gemini', body)).messages).toEqual(body.messages);
    expect(convert('claude', 'openai-responses', body).input[1].output).toEqual([{ type: 'input_text', text: 'one' }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${PNG}` }]);
    expect(convert('claude', 'ollama', body).messages[1]).toMatchObject({ role: 'tool', content: 'one', images: [PNG] });
    expect(() => convert('claude', 'openai-chat', body)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', pointer: '/messages/1/content/0/content/1' }));
  });
  test('ids that Claude would refuse are made legal on both sides', () => {
    const messages = [{ role: 'assistant', content: '', tool_calls: [{ id: 'functions.f:0', type: 'function', function: { name: 'f', arguments: '{}' } }] }, { role: 'tool', tool_call_id: 'functions.f:0', content: 'x' }];
    const out = convert('openai-chat', 'claude', { messages });
    expect([out.messages[0].content[0].id, out.messages[1].content[0].tool_use_id]).toEqual(['functions_f_0', 'functions_f_0']);
  });
  test('the older form: functions, function_call and role function', () => {
    const body = { functions: [{ name: 'f', parameters: schema }], function_call: { name: 'f' }, messages: [...ask, { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } }, { role: 'function', name: 'f', content: 'x' }] };
    const out = convert('openai-chat', 'claude', body);
    expect(out.tools).toEqual([{ name: 'f', input_schema: schema }]);
    expect(out.tool_choice).toEqual({ type: 'tool', name: 'f' });
    expect(out.messages[2].content).toEqual([{ type: 'tool_result', tool_use_id: 'call-new', content: 'x' }]);
  });
  test('numbers in arguments keep their digits', () => {
    const messages = [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: 0 }] }];
    const text = JSON.stringify({ messages }).replace('"input":0', '"input":{"n":12345678901234567890123,"f":1.10}');
    const out = JSON.parse(convertRequest(Buffer.from(text), { from: 'claude', to: 'openai-chat' }));
    expect(out.messages[0].tool_calls[0].function.arguments).toBe('{"n":12345678901234567890123,"f":1.10}');
  });
  test('definitions', () => {
    const body = { messages: ask, tools: [chatTool] };
    expect(convert('openai-chat', 'openai-responses', body).tools).toEqual([{ type: 'function', name: 'weather', description: 'now', parameters: schema, strict: false }]);
    expect(convert('openai-chat', 'claude', body).tools).toEqual([{ name: 'weather', description: 'now', input_schema: schema }]);
    expect(convert('openai-chat', 'gemini', body).tools).toEqual([{ functionDeclarations: [{ name: 'weather', description: 'now', parametersJsonSchema: schema }] }]);
    expect(convert('openai-chat', 'ollama', body).tools).toEqual([chatTool]);
    const openapi = { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] };
    const gemini = { contents: [{ parts: [{ text: 'hi' }] }], tools: [{ functionDeclarations: [{ name: 'weather', description: 'now', parameters: openapi }] }] };
    expect(convert('gemini', 'openai-chat', gemini).tools).toEqual([chatTool]);
    expect(convert('openai-responses', 'openai-chat', { input: 'hi', tools: [{ type: 'function', name: 'weather', description: 'now', parameters: schema, strict: true }] }).tools[0].function.strict).toBe(true);
  });
  const choices = [
    // chat, responses, claude, gemini
    ['auto', 'auto', { type: 'auto' }, { mode: 'AUTO' }],
    ['none', 'none', { type: 'none' }, { mode: 'NONE' }],
    ['required', 'required', { type: 'any' }, { mode: 'ANY' }],
    [{ type: 'function', function: { name: 'weather' } }, { type: 'function', name: 'weather' }, { type: 'tool', name: 'weather' }, { mode: 'ANY', allowedFunctionNames: ['weather'] }],
  ];
  test.each(choices)('choice %j', (inChat, inResponses, inClaude, inGemini) => {
    const body = { messages: ask, tools: [chatTool], tool_choice: inChat };
    const claudeBody = convert('openai-chat', 'claude', body);
    const geminiBody = convert('openai-chat', 'gemini', body);
    const responsesBody = convert('openai-chat', 'openai-responses', body);
    expect(claudeBody.tool_choice).toEqual(inClaude);
    expect(geminiBody.toolConfig).toEqual({ functionCallingConfig: inGemini });
    expect(responsesBody.tool_choice).toEqual(inResponses);
    expect(convert('claude', 'openai-chat', claudeBody).tool_choice).toEqual(inChat);
    expect(convert('gemini', 'openai-chat', geminiBody).tool_choice).toEqual(inChat);
    expect(convert('openai-responses', 'openai-chat', responsesBody).tool_choice).toEqual(inChat);
  });
  test('a list of allowed tools, and Ollama, which has no choice', () => {
    const named = (name) => ({ type: 'function', function: { name } });
    const body = { messages: ask, tools: [chatTool, { type: 'function', function: { name: 'time' } }, { type: 'function', function: { name: 'date' } }], tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [named('time'), named('date')] } } };
    expect(convert('openai-chat', 'gemini', body).toolConfig.functionCallingConfig).toEqual({ mode: 'VALIDATED', allowedFunctionNames: ['time', 'date'] });
    expect(convert('openai-chat', 'openai-responses', body).tool_choice).toEqual({ type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'time' }, { type: 'function', name: 'date' }] });
    const out = convert('openai-chat', 'claude', body);
    expect([out.tools.map((tool) => tool.name), out.tool_choice]).toEqual([['time', 'date'], { type: 'auto' }]);
    expect(convert('openai-chat', 'ollama', body).tools.map((tool) => tool.function.name)).toEqual(['time', 'date']);
    expect(convert('openai-chat', 'ollama', { ...body, tool_choice: 'none' })).not.toHaveProperty('tools');
    expect(() => convert('openai-chat', 'ollama', { ...body, tool_choice: 'required' })).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', pointer: '/tool_choice' }));
  });
  test('parallel calls', () => {
    const body = { messages: ask, tools: [chatTool], parallel_tool_calls: false };
    const out = convert('openai-chat', 'claude', body);
    expect(out.tool_choice).toEqual({ type: 'auto', disable_parallel_tool_use: true });
    expect(convert('claude', 'openai-chat', out).parallel_tool_calls).toBe(false);
    expect(convert('openai-chat', 'openai-responses', body).parallel_tool_calls).toBe(false);
    expect(() => convert('openai-chat', 'gemini', body)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', pointer: '/parallel_tool_calls' }));
    expect(convert('openai-chat', 'gemini', { ...body, parallel_tool_calls: true })).toHaveProperty('tools');
  });
});
