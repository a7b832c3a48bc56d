'use strict';
const { convertResponse, parseResponse, renderMessage } = require('../..');
const { bodies, meaning, message } = require('../support/whole-bodies');

const FORMATS = Object.keys(bodies);
const pairs = FORMATS.flatMap((from) => FORMATS.filter((to) => to !== from).map((to) => [from, to]));
const bytes = (value) => Buffer.from(JSON.stringify(value));
const thrownBy = (run) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

/** What the shared message means, as far as a dialect that it went through can say it. */
function expected(...dialects) {
  const ollama = dialects.includes('ollama');
  const { usage } = message;
  return {
    text: message.text,
    reasoning: message.reasoning,
    calls: message.toolCalls.map(({ name, arguments: args }) => [name, JSON.stringify(JSON.parse(args))]),
    reason: 'tool_calls',
    counts: [usage.inputTokens, usage.outputTokens, ollama ? 0 : usage.cachedTokens],
    model: 'some-model',
  };
}

/** The same of a body; ids apart. */
function said(format, body) {
  const { id, calls, ...rest } = meaning(format, JSON.parse(body));
  return { ...rest, calls: calls.map(([, name, args]) => [name, args]) };
}
const callIds = (format, body) => meaning(format, JSON.parse(body)).calls.map(([id]) => id);

describe('convertResponse', () => {
  test.each(pairs)('%s to %s keeps what the target can say', (from, to) => {
    const there = convertResponse(bodies[from], { from, to });
    expect(Buffer.isBuffer(there)).toBe(true);
    expect(said(to, there)).toEqual(expected(from, to));
    if (from !== 'ollama') expect(callIds(to, there)).toEqual(['call_a', 'call_b']);
  });

  test.each(pairs)('%s to %s and back means the same', (from, to) => {
    const there = convertResponse(bodies[from], { from, to });
    const back = convertResponse(there, { from: to, to: from });
    expect(said(from, back)).toEqual(expected(from, to));
    if (from !== 'ollama') expect(callIds(from, back)).toEqual(['call_a', 'call_b']);
  });

  test.each(FORMATS)('%s to itself stays as it is, but for the model', (format) => {
    const odd = Buffer.from(`\n${JSON.stringify({ unknown: [1.50, { model: 'inner' }], ...bodies[format] }, null, 2)} `);
    expect(convertResponse(odd, { from: format, to: format }).equals(odd)).toBe(true);
    const renamed = convertResponse(odd, { from: format, to: format, model: 'my "model"' });
    expect(renamed.toString()).toBe(odd.toString().replace('"some-model"', '"my \\"model\\""'));
  });

  test('a model is added where the body has none', () => {
    const only = (body) => convertResponse(Buffer.from(body), { from: 'claude', to: 'claude', model: 'm' }).toString();
    expect(only('{ }')).toBe('{"model":"m" }');
    expect(only('{"a":{"model":1}}')).toBe('{"model":"m","a":{"model":1}}');
  });

  test('several alternatives pass where both dialects have them', () => {
    const { choices: [choice] } = bodies['openai-chat'];
    const other = { index: 1, message: { role: 'assistant', content: 'other' }, finish_reason: 'length' };
    const body = { ...bodies['openai-chat'], choices: [choice, other] };
    const gemini = JSON.parse(convertResponse(body, { from: 'openai-chat', to: 'gemini' }));
    expect(gemini.candidates.map(({ index, finishReason }) => [index, finishReason])).toEqual([[0, 'STOP'], [1, 'MAX_TOKENS']]);
    expect(gemini.candidates[1].content.parts).toEqual([{ text: 'other' }]);
    const back = JSON.parse(convertResponse(gemini, { from: 'gemini', to: 'openai-chat' }));
    expect(back.choices[1].message.content).toBe('other');
    const claude = JSON.parse(convertResponse(body, { from: 'openai-chat', to: 'claude' }));
    expect(JSON.stringify(claude)).not.toContain('other');
  });

  test('ids and time come from the caller where the provider gives none', () => {
    const kinds = [];
    const newId = (kind) => `${kind}-${kinds.push(kind)}`;
    const chat = JSON.parse(convertResponse(bodies.ollama, { from: 'ollama', to: 'openai-chat', newId, now: () => 1234567890123 }));
    expect(kinds.slice().sort()).toEqual(['call', 'call', 'message']);
    expect(chat.id).toMatch(/^message-/);
    expect(chat.choices[0].message.tool_calls.map(({ id }) => id)).toEqual(['call-1', 'call-2']);
    expect(chat.created).toBe(1234567890);
    const told = { newId: () => { throw new Error('not needed'); }, now: () => { throw new Error('not needed'); } };
    const claude = JSON.parse(convertResponse(bodies['openai-chat'], { from: 'openai-chat', to: 'claude', ...told }));
    expect(claude.id).toBe('chatcmpl-1');
    const named = convertResponse(bodies['openai-chat'], { from: 'openai-chat', to: 'claude', id: 'a"b', model: 'mine' });
    expect(JSON.parse(named)).toMatchObject({ id: 'a"b', model: 'mine' });
  });

  test.each(pairs)('an error body of %s is one of %s', (from, to) => {
    const text = 'too "many"\r\nrequests';
    const errors = {
      'openai-chat': { error: { message: text, type: 'rate_limit_error', param: null, code: null } },
      'openai-responses': { error: { message: text, type: 'rate_limit_error', param: null, code: null } },
      claude: { type: 'error', error: { type: 'rate_limit_error', message: text } },
      gemini: { error: { code: 429, message: text, status: 'RESOURCE_EXHAUSTED' } },
      ollama: { error: text },
    };
    const converted = JSON.parse(convertResponse(errors[from], { from, to }));
    expect(to === 'ollama' ? converted.error : converted.error.message).toBe(text);
    if (to === 'claude') expect(converted.type).toBe('error');
    if (to === 'gemini') expect(typeof converted.error.code).toBe('number');
  });

  test.each([
    ['', 0], ['5', 0], ['{"a":1', 6], ['{"a":1}}', 7], ['\ufeff{}', 0],
  ])('%j is no response', (body, offset) => {
    const error = thrownBy(() => convertResponse(Buffer.from(body), { from: 'claude', to: 'gemini' }));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'ERR_STREAM_FRAME', offset });
  });

  test('bytes that are not UTF-8 are no response', () => {
    const body = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(thrownBy(() => convertResponse(body, { from: 'claude', to: 'claude' }))).toMatchObject({ code: 'ERR_STREAM_FRAME', offset: 6 });
  });

  test.each([
    [undefined, 'to'], [{ from: 'claude' }, 'to'], [{ from: 'auto', to: 'claude' }, 'from'],
    [{ from: 'claude', to: 'kiro' }, 'to'], [{ from: 'claude', to: 'gemini', lossy: true }, 'lossy'],
    [{ from: 'claude', to: 'gemini', model: 5 }, 'model'],
  ])('options %j are refused', (options, name) => {
    const error = thrownBy(() => convertResponse(bodies.claude, options));
    expect(error.code).toBe('ERR_INVALID_OPTION');
    expect(error.message).toContain(name);
  });

  test.each([null, 'text', 5])('body %j is refused', (body) => {
    expect(thrownBy(() => convertResponse(body, { from: 'claude', to: 'gemini' }))).toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

describe('parseResponse', () => {
  test.each(['{}', '[]', '{"a":1}'])('a body that is no response is refused: %s', (body) => {
    for (const from of ['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama', 'bedrock-converse']) {
      const error = thrownBy(() => parseResponse(Buffer.from(body), { from }));
      expect(error).toMatchObject({ code: 'ERR_STREAM_FRAME', offset: 0 });
      expect(error.message).toContain(from);
      expect(thrownBy(() => convertResponse(Buffer.from(body), { from, to: from === 'claude' ? 'gemini' : 'claude' })).code).toBe('ERR_STREAM_FRAME');
    }
  });

  test.each(FORMATS)('%s', (format) => {
    const read = parseResponse(bytes(bodies[format]), { from: format });
    const signature = format === 'claude' ? { signature: 'c2ln' } : {};
    expect(read.parts[0]).toEqual({ type: 'reasoning', text: message.reasoning, ...signature });
    expect(read.parts.map(({ type }) => type)).toEqual(['reasoning', 'text', 'tool_call', 'tool_call']);
    expect(read).toMatchObject({ text: message.text, reasoning: message.reasoning, refusal: '' });
    expect(read.toolCalls.map(({ name, arguments: args }) => [name, JSON.parse(args)]))
      .toEqual(message.toolCalls.map(({ name, arguments: args }) => [name, JSON.parse(args)]));
    if (format !== 'ollama') expect(read.toolCalls.map(({ id }) => id)).toEqual(['call_a', 'call_b']);
    expect(new Set(read.toolCalls.map(({ id }) => id)).size).toBe(2);
    expect(read).toMatchObject({ finishReason: 'tool_calls', complete: true, error: null, model: 'some-model' });
    const ids = { 'openai-chat': 'chatcmpl-1', 'openai-responses': 'resp_1', claude: 'msg_1', gemini: 'resp-g', ollama: null };
    expect(read.id).toBe(ids[format]);
    expect(read.usage).toEqual({
      inputTokens: 120,
      outputTokens: 45,
      totalTokens: 165,
      cachedTokens: format === 'ollama' ? 0 : 64,
      cacheCreationTokens: 0,
      reasoningTokens: ['claude', 'ollama'].includes(format) ? 0 : 20,
    });
    expect(read.choices).toHaveLength(1);
  });

  test.each(FORMATS)("'auto' knows %s", (format) => {
    expect(parseResponse(bodies[format], { from: 'auto' })).toMatchObject({ text: message.text, finishReason: 'tool_calls' });
    expect(parseResponse(bodies[format]).text).toBe(message.text);
  });

  test('a converse response', () => {
    const body = {
      output: { message: { role: 'assistant', content: [{ text: 'hi' }, { toolUse: { toolUseId: 't1', name: 'f', input: { a: 1 } } }] } },
      stopReason: 'tool_use',
      usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7 },
    };
    const read = parseResponse(body, { from: 'auto' });
    expect(read).toMatchObject({ text: 'hi', finishReason: 'tool_calls', rawFinishReason: 'tool_use', complete: true });
    expect(read.toolCalls).toEqual([{ id: 't1', name: 'f', arguments: '{"a":1}' }]);
    expect(read.usage).toMatchObject({ inputTokens: 3, outputTokens: 4, totalTokens: 7 });
  });

  test.each([
    ['openai-chat', { error: { message: 'no "key"', type: 'invalid_request_error', code: 'invalid_api_key' } }],
    ['claude', { type: 'error', error: { type: 'overloaded_error', message: 'no "key"' } }],
    ['gemini', { error: { code: 403, message: 'no "key"', status: 'PERMISSION_DENIED' } }],
    ['ollama', { error: 'no "key"' }],
  ])('an error of %s', (from, body) => {
    for (const options of [{ from }, { from: 'auto' }]) {
      const read = parseResponse(body, options);
      expect(read.complete).toBe(false);
      expect(read.error).toBeInstanceOf(Error);
      expect(read.error).toMatchObject({ code: 'ERR_STREAM_UPSTREAM' });
      expect(read.error.message).toContain('no "key"');
      expect(JSON.stringify(read.error.provider)).toContain('no \\"key\\"');
    }
  });

  test('what tells no format is refused by auto', () => {
    expect(thrownBy(() => parseResponse({ hello: 1 }))).toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(thrownBy(() => parseResponse(Buffer.from('{"a" nope'), { from: 'auto' }))).toMatchObject({ code: 'ERR_STREAM_FRAME' });
    expect(thrownBy(() => parseResponse(bodies.claude, { from: 'cluade' })).message).toContain('"claude"');
  });
});

describe('renderMessage', () => {
  test.each(FORMATS)('what parseResponse gave is the body again, in %s', (format) => {
    const read = parseResponse(bodies.claude, { from: 'claude' });
    const body = renderMessage(read, { to: format, stream: false });
    expect(said(format, body)).toEqual(expected(format));
    expect(callIds(format, body)).toEqual(['call_a', 'call_b']);
  });

  test('a message built by hand may lack most of it', () => {
    const drawn = renderMessage({ text: 'hi', toolCalls: [{ name: 'f', arguments: '{}' }] }, {
      to: 'openai-chat', stream: false, model: 'm', newId: (kind) => `${kind}-id`, now: () => 5000,
    });
    expect(JSON.parse(drawn)).toMatchObject({
      id: 'message-id',
      created: 5,
      model: 'm',
      choices: [{ message: { content: 'hi', tool_calls: [{ id: 'call-id', function: { name: 'f' } }] }, finish_reason: 'tool_calls' }],
    });
    expect(JSON.parse(renderMessage({}, { to: 'claude', stream: false }))).toMatchObject({ content: [], stop_reason: 'end_turn' });
  });

  test('a truncated message ends its stream in an error, never in a success', () => {
    const stream = renderMessage({ text: 'half', complete: false }, { to: 'claude', stream: true }).toString();
    expect(stream).toContain('half');
    expect(stream).toContain('event: error\ndata: {"type":"error","error":{"type":"upstream_truncated"');
    expect(stream).not.toContain('message_stop');
  });

  test('a message with an error is an error', () => {
    const failed = parseResponse({ error: 'no "key"' }, { from: 'ollama' });
    expect(JSON.parse(renderMessage(failed, { to: 'claude', stream: false })).error.message).toBe('no "key"');
    expect(renderMessage(failed, { to: 'gemini', stream: true }).toString()).toContain('no \\"key\\"');
  });

  test('mistakes name what is wrong', () => {
    expect(thrownBy(() => renderMessage({ text: 5 }, { to: 'claude', stream: true }))).toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(thrownBy(() => renderMessage({ text: 5 }, { to: 'claude', stream: true })).message).toContain('message.text');
    expect(thrownBy(() => renderMessage(null, { to: 'claude', stream: true }))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => renderMessage({}, { to: 'kiro', stream: true })).message).toContain('to must be one of');
  });
});
