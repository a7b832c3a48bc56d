'use strict';
const { call, sse, stream, usage } = require('./build');

const response = (status, more = {}) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1700000000,
  status,
  model: 'model-r',
  output: [],
  ...more,
});
const created = { type: 'response.created', response: response('in_progress', { usage: null }) };
const progress = { type: 'response.in_progress', response: response('in_progress', { usage: null }) };
const TOLD = {
  input_tokens: 30,
  input_tokens_details: { cached_tokens: 20 },
  output_tokens: 12,
  output_tokens_details: { reasoning_tokens: 8 },
  total_tokens: 42,
};
const completed = { type: 'response.completed', response: response('completed', { usage: TOLD }) };
const END = { rawFinishReason: 'completed', usage: usage(30, 12, { cachedTokens: 20, reasoningTokens: 8 }) };
const CALLED = { ...END, finishReason: 'tool_calls' };
const CUT = { finishReason: null, rawFinishReason: null, complete: false };

const at = (output, item) => ({ item_id: item, output_index: output });
function text(output, ...pieces) {
  const item = { id: `msg_${output}`, type: 'message', role: 'assistant' };
  const place = { ...at(output, item.id), content_index: 0 };
  const whole = { type: 'output_text', text: pieces.join(''), annotations: [] };
  return [
    { type: 'response.output_item.added', output_index: output, item: { ...item, status: 'in_progress', content: [] } },
    { type: 'response.content_part.added', ...place, part: { ...whole, text: '' } },
    ...pieces.map((delta) => ({ type: 'response.output_text.delta', ...place, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...place, text: whole.text },
    { type: 'response.content_part.done', ...place, part: whole },
    {
      type: 'response.output_item.done',
      output_index: output,
      item: { ...item, status: 'completed', content: [whole] },
    },
  ];
}
function summary(output, ...pieces) {
  const place = { ...at(output, `rs_${output}`), summary_index: 0 };
  return [
    {
      type: 'response.output_item.added',
      output_index: output,
      item: { id: `rs_${output}`, type: 'reasoning', summary: [] },
    },
    { type: 'response.reasoning_summary_part.added', ...place, part: { type: 'summary_text', text: '' } },
    ...pieces.map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...place, delta })),
    { type: 'response.reasoning_summary_text.done', ...place, text: pieces.join('') },
    { type: 'response.reasoning_summary_part.done', ...place, part: { type: 'summary_text', text: pieces.join('') } },
    {
      type: 'response.output_item.done',
      output_index: output,
      item: { id: `rs_${output}`, type: 'reasoning', summary: [{ type: 'summary_text', text: pieces.join('') }] },
    },
  ];
}
const item = (id, name, args, status) => ({
  id: `fc_${id}`,
  type: 'function_call',
  status,
  arguments: args,
  call_id: id,
  name,
});
const callAdded = (output, id, name) => ({
  type: 'response.output_item.added',
  output_index: output,
  item: item(id, name, '', 'in_progress'),
});
const callDelta = (output, id, delta) => ({
  type: 'response.function_call_arguments.delta',
  ...at(output, `fc_${id}`),
  delta,
});
const callDone = (output, id, args) => ({
  type: 'response.function_call_arguments.done',
  ...at(output, `fc_${id}`),
  arguments: args,
});
const itemDone = (output, id, name, args) => ({
  type: 'response.output_item.done',
  output_index: output,
  item: item(id, name, args, 'completed'),
});

const numbered = (events) => events.map((event, position) => ({ ...event, sequence_number: position }));
const make = (name, events, expected, options = { named: true }) =>
  stream('openai-responses', name, sse(numbered(events), options), { ...END, ...expected });

module.exports = [
  make('text', [created, progress, ...text(0, 'Hello', ', ', 'world'), completed], {
    text: 'Hello, world',
    id: 'resp_1',
    model: 'model-r',
  }),
  make('text without event names', [created, ...text(0, 'Hello'), completed], { text: 'Hello' }, {}),
  make(
    'text over CRLF',
    [created, ...text(0, 'a\r\n', 'b'), completed],
    { text: 'a\r\nb' },
    { named: true, eol: '\r\n' },
  ),
  make('two messages', [created, ...text(0, 'One.'), ...text(1, 'Two.'), completed], { text: 'One.Two.' }),
  make('a summary of reasoning, text', [created, ...summary(0, '**Think', 'ing**'), ...text(1, 'Yes'), completed], {
    reasoning: '**Thinking**',
    text: 'Yes',
    parts: [
      ['reasoning', '**Thinking**'],
      ['text', 'Yes'],
    ],
  }),
  make(
    'raw reasoning',
    [
      created,
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { id: 'rs_0', type: 'reasoning', summary: [], content: [] },
      },
      { type: 'response.reasoning_text.delta', ...at(0, 'rs_0'), content_index: 0, delta: 'Hm' },
      { type: 'response.reasoning_text.delta', ...at(0, 'rs_0'), content_index: 0, delta: 'm' },
      { type: 'response.reasoning_text.done', ...at(0, 'rs_0'), content_index: 0, text: 'Hmm' },
      { type: 'response.output_item.done', output_index: 0, item: { id: 'rs_0', type: 'reasoning', summary: [] } },
      ...text(1, 'Yes'),
      completed,
    ],
    { reasoning: 'Hmm', text: 'Yes' },
  ),
  make(
    'a refusal',
    [
      created,
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { id: 'msg_0', type: 'message', role: 'assistant', content: [] },
      },
      { type: 'response.refusal.delta', ...at(0, 'msg_0'), content_index: 0, delta: 'I can' },
      { type: 'response.refusal.delta', ...at(0, 'msg_0'), content_index: 0, delta: 'not.' },
      { type: 'response.refusal.done', ...at(0, 'msg_0'), content_index: 0, refusal: 'I cannot.' },
      completed,
    ],
    { refusal: 'I cannot.' },
  ),
  make(
    'a call in fragments',
    [
      created,
      callAdded(0, 'call_1', 'get_weather'),
      callDelta(0, 'call_1', '{"city":'),
      callDelta(0, 'call_1', '"K\u00f6ln"}'),
      callDone(0, 'call_1', '{"city":"K\u00f6ln"}'),
      itemDone(0, 'call_1', 'get_weather', '{"city":"K\u00f6ln"}'),
      completed,
    ],
    { ...CALLED, toolCalls: [call('call_1', 'get_weather', '{"city":"K\u00f6ln"}')] },
  ),
  make(
    'text, then parallel calls, their fragments mixed',
    [
      created,
      ...text(0, 'Both:'),
      callAdded(1, 'call_1', 'left'),
      callAdded(2, 'call_2', 'right'),
      callDelta(2, 'call_2', '{"y"'),
      callDelta(1, 'call_1', '{"x":1}'),
      callDelta(2, 'call_2', ':2}'),
      callDone(2, 'call_2', '{"y":2}'),
      callDone(1, 'call_1', '{"x":1}'),
      itemDone(1, 'call_1', 'left', '{"x":1}'),
      itemDone(2, 'call_2', 'right', '{"y":2}'),
      completed,
    ],
    { ...CALLED, text: 'Both:', toolCalls: [call('call_1', 'left', '{"x":1}'), call('call_2', 'right', '{"y":2}')] },
  ),
  make(
    'calls told apart by output_index alone',
    [
      created,
      callAdded(0, 'call_1', 'f'),
      callAdded(1, 'call_2', 'g'),
      { type: 'response.function_call_arguments.delta', output_index: 1, delta: '{"n":2}' },
      { type: 'response.function_call_arguments.delta', output_index: 0, delta: '{"n":1}' },
      itemDone(0, 'call_1', 'f', '{"n":1}'),
      itemDone(1, 'call_2', 'g', '{"n":2}'),
      completed,
    ],
    { ...CALLED, toolCalls: [call('call_1', 'f', '{"n":1}'), call('call_2', 'g', '{"n":2}')] },
  ),
  make(
    'an error in an object of its own',
    [created, { type: 'error', error: { type: 'server_error', code: null, message: 'It broke' } }],
    { ...CUT, usage: null, error: 'It broke' },
  ),
  make(
    'arguments only when done',
    [
      created,
      callAdded(0, 'call_1', 'f'),
      callDone(0, 'call_1', '{"n":1}'),
      itemDone(0, 'call_1', 'f', '{"n":1}'),
      completed,
    ],
    { ...CALLED, toolCalls: [call('call_1', 'f', '{"n":1}')] },
  ),
  make(
    'a call that only comes whole',
    [created, itemDone(0, 'call_1', 'f', '{"n":1}'), itemDone(1, 'call_2', 'g', '{}'), completed],
    { ...CALLED, toolCalls: [call('call_1', 'f', '{"n":1}'), call('call_2', 'g', '{}')] },
  ),
  make(
    'a tool of the provider is no call',
    [
      created,
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { id: 'ws_1', type: 'web_search_call', status: 'in_progress', action: { type: 'search', query: 'x' } },
      },
      { type: 'response.web_search_call.searching', ...at(0, 'ws_1') },
      {
        type: 'response.output_item.done',
        output_index: 0,
        item: { id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'x' } },
      },
      ...text(1, 'Found'),
      completed,
    ],
    { text: 'Found' },
  ),
  make(
    'out of tokens',
    [
      created,
      ...text(0, 'x'),
      {
        type: 'response.incomplete',
        response: response('incomplete', { usage: TOLD, incomplete_details: { reason: 'max_output_tokens' } }),
      },
    ],
    { text: 'x', finishReason: 'length', rawFinishReason: 'max_output_tokens' },
  ),
  make(
    'withheld content',
    [
      created,
      {
        type: 'response.incomplete',
        response: response('incomplete', { usage: TOLD, incomplete_details: { reason: 'content_filter' } }),
      },
    ],
    { finishReason: 'content_filter', rawFinishReason: 'content_filter' },
  ),
  make(
    'a failed response',
    [
      created,
      ...text(0, 'Some').slice(0, 3),
      {
        type: 'response.failed',
        response: response('failed', { usage: null, error: { code: 'server_error', message: 'It "broke"' } }),
      },
    ],
    {
      text: 'Some',
      finishReason: 'error',
      rawFinishReason: 'failed',
      complete: false,
      usage: null,
      error: 'It "broke"',
    },
  ),
  make(
    'an error event',
    [
      created,
      ...text(0, 'Some').slice(0, 3),
      { type: 'error', code: 'rate_limit_exceeded', message: 'Slow down', param: null },
    ],
    { ...CUT, text: 'Some', usage: null, error: 'Slow down' },
  ),
  make('cut off', [created, ...text(0, 'Hel', 'lo').slice(0, 4)], { ...CUT, text: 'Hello', usage: null }),
  make('escapes, CJK, emoji', [created, ...text(0, '\u4e2d"\\', '\n\ud83d\ude00'), completed], {
    text: '\u4e2d"\\\n\ud83d\ude00',
  }),
  stream('openai-responses', 'a [DONE] that nobody asked for', sse([created, ...text(0, 'x'), completed, '[DONE]']), {
    ...END,
    text: 'x',
  }),
];
