'use strict';
const { eventFrame, exceptionFrame } = require('../support/aws');
const { call, sse, stream, usage } = require('./build');

const start = (told = { input_tokens: 10, output_tokens: 1 }) => ({
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-a',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: told,
  },
});
const open = (index, block) => ({ type: 'content_block_start', index, content_block: block });
const piece = (index, delta) => ({ type: 'content_block_delta', index, delta });
const close = (index) => ({ type: 'content_block_stop', index });
const ping = { type: 'ping' };
const finish = (reason, told = { output_tokens: 20 }) => ({
  type: 'message_delta',
  delta: { stop_reason: reason, stop_sequence: null },
  usage: told,
});
const stop = { type: 'message_stop' };
const text = (index, ...pieces) => [
  open(index, { type: 'text', text: '' }),
  ...pieces.map((part) => piece(index, { type: 'text_delta', text: part })),
  close(index),
];
const think = (index, signature, ...pieces) => [
  open(index, { type: 'thinking', thinking: '', signature: '' }),
  ...pieces.map((part) => piece(index, { type: 'thinking_delta', thinking: part })),
  piece(index, { type: 'signature_delta', signature }),
  close(index),
];
const use = (index, id, name, ...pieces) => [
  open(index, { type: 'tool_use', id, name, input: {} }),
  ...pieces.map((part) => piece(index, { type: 'input_json_delta', partial_json: part })),
  close(index),
];

const END = { rawFinishReason: 'end_turn', usage: usage(10, 20) };
const CALLED = { finishReason: 'tool_calls', rawFinishReason: 'tool_use', usage: usage(10, 20) };
const CUT = { finishReason: null, rawFinishReason: null, complete: false, usage: usage(10, 1) };

/** Events and what they say; the same cases travel over SSE and over AWS frames. */
const cases = [
  [
    'text',
    [start(), ping, ...text(0, 'Hello', ', ', 'world'), finish('end_turn'), stop],
    { text: 'Hello, world', id: 'msg_1', model: 'claude-a' },
  ],
  [
    'two text blocks',
    [start(), ...text(0, 'One.'), ...text(1, 'Two.'), finish('end_turn'), stop],
    { text: 'One.Two.' },
  ],
  [
    'text in the start of its block',
    [
      start(),
      open(0, { type: 'text', text: 'He' }),
      piece(0, { type: 'text_delta', text: 'y' }),
      close(0),
      finish('end_turn'),
      stop,
    ],
    { text: 'Hey' },
  ],
  [
    'thinking, its signature, text',
    [start(), ...think(0, 'c2lnbmVk', 'Let me ', 'see'), ...text(1, 'Yes'), finish('end_turn'), stop],
    {
      reasoning: 'Let me see',
      text: 'Yes',
      parts: [
        ['reasoning', 'Let me see'],
        ['text', 'Yes'],
      ],
      signature: 'c2lnbmVk',
    },
  ],
  [
    'redacted thinking',
    [
      start(),
      open(0, { type: 'redacted_thinking', data: 'b3BhcXVl' }),
      close(0),
      ...text(1, 'Yes'),
      finish('end_turn'),
      stop,
    ],
    { text: 'Yes' },
  ],
  [
    'a call in fragments',
    [
      start(),
      ...text(0, 'Look:'),
      ...use(1, 'toolu_1', 'get_weather', '', '{"city"', ': "K\u00f6ln', '"}'),
      finish('tool_use'),
      stop,
    ],
    {
      ...CALLED,
      text: 'Look:',
      toolCalls: [call('toolu_1', 'get_weather', '{"city": "K\u00f6ln"}')],
      parts: [
        ['text', 'Look:'],
        ['tool_call', 'get_weather'],
      ],
    },
  ],
  [
    'parallel calls, one without arguments, one with all at the start',
    [
      start(),
      ...use(0, 'toolu_1', 'now'),
      open(1, { type: 'tool_use', id: 'toolu_2', name: 'add', input: { a: 1, b: 2 } }),
      close(1),
      ...use(2, 'toolu_3', 'add', '{"a":3,"b":4}'),
      finish('tool_use'),
      stop,
    ],
    {
      ...CALLED,
      toolCalls: [
        call('toolu_1', 'now', '{}'),
        call('toolu_2', 'add', '{"a":1,"b":2}'),
        call('toolu_3', 'add', '{"a":3,"b":4}'),
      ],
    },
  ],
  [
    'calls whose fragments are mixed',
    [
      start(),
      open(0, { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} }),
      open(1, { type: 'tool_use', id: 'toolu_2', name: 'g', input: {} }),
      piece(1, { type: 'input_json_delta', partial_json: '{"n":' }),
      piece(0, { type: 'input_json_delta', partial_json: '{"n":1}' }),
      piece(1, { type: 'input_json_delta', partial_json: '2}' }),
      close(1),
      close(0),
      finish('tool_use'),
      stop,
    ],
    { ...CALLED, toolCalls: [call('toolu_1', 'f', '{"n":1}'), call('toolu_2', 'g', '{"n":2}')] },
  ],
  [
    'a tool of the provider is no call',
    [
      start(),
      open(0, { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }),
      piece(0, { type: 'input_json_delta', partial_json: '{"query":"x"}' }),
      close(0),
      open(1, {
        type: 'web_search_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: [{ type: 'web_search_result', text: 'no', url: 'u' }],
      }),
      close(1),
      open(2, { type: 'text', text: '', citations: [] }),
      piece(2, { type: 'citations_delta', citation: { type: 'web_search_result_location', cited_text: 'no' } }),
      piece(2, { type: 'text_delta', text: 'Found' }),
      close(2),
      finish('end_turn'),
      stop,
    ],
    { text: 'Found' },
  ],
  [
    'usage with a cache',
    [
      start({ input_tokens: 4, cache_read_input_tokens: 100, cache_creation_input_tokens: 30, output_tokens: 1 }),
      ...text(0, 'x'),
      finish('end_turn', { output_tokens: 7 }),
      stop,
    ],
    { text: 'x', usage: usage(134, 7, { cachedTokens: 100, cacheCreationTokens: 30 }) },
  ],
  [
    'usage of the end counts, its zeros do not',
    [
      start({ input_tokens: 4, cache_read_input_tokens: 100, output_tokens: 1 }),
      ...text(0, 'x'),
      finish('end_turn', { input_tokens: 40, cache_read_input_tokens: 0, output_tokens: 7 }),
      stop,
    ],
    { text: 'x', usage: usage(140, 7, { cachedTokens: 100 }) },
  ],
  [
    'usage that tells thinking',
    [
      start(),
      ...text(0, 'x'),
      finish('end_turn', { output_tokens: 20, output_tokens_details: { thinking_tokens: 12 } }),
      stop,
    ],
    { text: 'x', usage: usage(10, 20, { reasoningTokens: 12 }) },
  ],
  [
    'two messages one after the other',
    [
      start(),
      ...use(0, 'toolu_1', 'f', '{}'),
      finish('tool_use'),
      stop,
      start({ input_tokens: 50, output_tokens: 1 }),
      ...text(0, 'Done'),
      finish('end_turn', { output_tokens: 8 }),
      stop,
    ],
    { text: 'Done', toolCalls: [call('toolu_1', 'f', '{}')], usage: usage(50, 8) },
  ],
  [
    'out of tokens',
    [start(), ...text(0, 'x'), finish('max_tokens'), stop],
    { text: 'x', finishReason: 'length', rawFinishReason: 'max_tokens' },
  ],
  [
    'a stop sequence',
    [start(), ...text(0, 'x'), finish('stop_sequence'), stop],
    { text: 'x', rawFinishReason: 'stop_sequence' },
  ],
  [
    'a paused turn',
    [start(), ...text(0, 'x'), finish('pause_turn'), stop],
    { text: 'x', rawFinishReason: 'pause_turn' },
  ],
  ['a refusal', [start(), finish('refusal'), stop], { finishReason: 'content_filter', rawFinishReason: 'refusal' }],
  ['message_start twice', [start(), start(), ...text(0, 'x'), finish('end_turn'), stop], { text: 'x' }],
  [
    'cut off',
    [start(), open(0, { type: 'text', text: '' }), piece(0, { type: 'text_delta', text: 'Hel' })],
    { ...CUT, text: 'Hel' },
  ],
  ['message_stop missing', [start(), ...text(0, 'x'), finish('end_turn')], { text: 'x', complete: false }],
  [
    'escapes, CJK, emoji',
    [start(), ...text(0, '\u4e2d"\\', '\n\ud83d\ude00'), finish('end_turn'), stop],
    { text: '\u4e2d"\\\n\ud83d\ude00' },
  ],
];
const failing = [start(), ...text(0, 'Some').slice(0, 2)];

const overSse = cases.map(([name, events, expected]) =>
  stream('claude', name, sse(events, { named: true }), { ...END, ...expected }),
);
const chunk = (event) =>
  eventFrame('chunk', {
    bytes: Buffer.from(JSON.stringify(event)).toString('base64'),
    p: 'abcdefgh'.slice(0, 1 + (JSON.stringify(event).length % 8)),
  });
const overFrames = cases.map(([name, events, expected]) =>
  stream('claude-aws', name, Buffer.concat(events.map(chunk)), { ...END, ...expected }),
);

module.exports = [
  ...overSse,
  stream(
    'claude',
    'CRLF, without event names',
    sse([start(), ...text(0, 'a', 'b'), finish('end_turn'), stop], { eol: '\r\n' }),
    { ...END, text: 'ab' },
  ),
  stream(
    'claude',
    'the last event without its blank line',
    sse([start(), ...text(0, 'a'), finish('end_turn'), stop], { named: true }).trimEnd(),
    { ...END, text: 'a' },
  ),
  stream(
    'claude',
    'an error',
    sse([...failing, { type: 'error', error: { type: 'overloaded_error', message: 'Over"loaded"' } }], { named: true }),
    { ...CUT, text: 'Some', error: 'Over"loaded"' },
  ),
  ...overFrames,
  stream(
    'claude-aws',
    'an exception',
    Buffer.concat([...failing.map(chunk), exceptionFrame('throttlingException', { message: 'Slow down' })]),
    { ...CUT, text: 'Some', error: 'Slow down' },
  ),
  stream('claude-aws', 'cut off inside a frame', Buffer.concat([...failing.map(chunk), chunk(stop).subarray(0, 40)]), {
    ...CUT,
    text: 'Some',
  }),
];
