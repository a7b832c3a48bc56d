'use strict';
const { call, sse, stream, usage } = require('./build');

const chunk = (choices, more = {}) => ({
  id: 'chatcmpl-7',
  object: 'chat.completion.chunk',
  created: 1700000000,
  model: 'model-a',
  choices,
  ...more,
});
const delta = (fields, finish = null, more = {}) => chunk([{ index: 0, delta: fields, finish_reason: finish }], more);
const text = (content) => delta({ content });
const role = delta({ role: 'assistant', content: '' });
const stop = delta({}, 'stop');
const done = '[DONE]';
const told = (prompt, completion, more = {}) => ({
  usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion, ...more },
});
const toolCall = (fields) => delta({ tool_calls: [fields] });
const make = (name, bytes, expected, more) => stream('openai-chat', name, bytes, { rawFinishReason: 'stop', ...expected }, more);
const CALLED = { finishReason: 'tool_calls', rawFinishReason: 'tool_calls' };
const called = delta({}, 'tool_calls');
const CUT = { finishReason: null, rawFinishReason: null, complete: false };

const plain = [
  make('text, and usage in a chunk without choices', sse([role, text('Hello'), text(', world'), stop, chunk([], told(12, 3)), done]), {
    text: 'Hello, world',
    usage: usage(12, 3),
    model: 'model-a',
    id: 'chatcmpl-7',
  }),
  make('usage with its details', sse([
    text('42'),
    stop,
    chunk([], told(100, 60, { prompt_tokens_details: { cached_tokens: 80, cache_write_tokens: 5, audio_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 50 } })),
    done,
  ]), { text: '42', usage: usage(100, 60, { cachedTokens: 80, cacheCreationTokens: 5, reasoningTokens: 50 }) }),
  make('usage in the chunk of the finish reason', sse([text('x'), delta({}, 'length', told(5, 400)), done]), {
    text: 'x', finishReason: 'length', rawFinishReason: 'length', usage: usage(5, 400),
  }),
  make('withheld content', sse([text('I'), delta({}, 'content_filter'), done]), {
    text: 'I', finishReason: 'content_filter', rawFinishReason: 'content_filter',
  }),
  make('a refusal', sse([delta({ role: 'assistant', refusal: '' }), delta({ refusal: 'I cannot ' }), delta({ refusal: 'do that.' }), stop, done]), {
    refusal: 'I cannot do that.',
  }),
  make('two choices, one after the other and mixed', sse([
    chunk([{ index: 0, delta: { content: 'left' } }, { index: 1, delta: { content: 'right' } }]),
    chunk([{ index: 1, delta: { content: ' one' }, finish_reason: null }]),
    chunk([{ index: 0, delta: { content: ' one' }, finish_reason: 'stop' }]),
    chunk([{ index: 1, delta: {}, finish_reason: 'length' }]),
    done,
  ]), {
    text: 'left one',
    choices: [{ index: 0, text: 'left one', finishReason: 'stop' }, { index: 1, text: 'right one', finishReason: 'length' }],
  }),
  make('one of two choices never ends', sse([
    chunk([{ index: 0, delta: { content: 'a' }, finish_reason: 'stop' }]),
    chunk([{ index: 1, delta: { content: 'b' }, finish_reason: null }]),
  ]), { text: 'a', complete: false, choices: [{ index: 0, text: 'a', finishReason: 'stop' }, { index: 1, text: 'b', finishReason: null }] }),
];

const reasoning = [
  make('reasoning_content', sse([delta({ reasoning_content: 'Let me ' }), delta({ reasoning_content: 'see.', content: null }), text('Yes.'), stop, done]), {
    reasoning: 'Let me see.', text: 'Yes.', parts: [['reasoning', 'Let me see.'], ['text', 'Yes.']],
  }),
  make('reasoning', sse([delta({ reasoning: 'Hm' }), delta({ reasoning: 'm', content: '' }), text('No.'), stop, done]), { reasoning: 'Hmm', text: 'No.' }),
  make('reasoning under both names at once', sse([delta({ reasoning: 'Same', reasoning_content: 'Same' }), text('Once.'), stop, done]), {
    reasoning: 'Same', text: 'Once.',
  }),
  make('thoughts inside the text', sse([text('<think>First'), text(' this'), text('</think>Then'), text(' that'), stop, done]), {
    reasoning: 'First this', text: 'Then that', parts: [['reasoning', 'First this'], ['text', 'Then that']],
  }),
  make('thoughts whose tags come in pieces', sse([...'<think>a<b</th</think>c<d'].map(text).concat([stop, done])), { reasoning: 'a<b</th', text: 'c<d' }),
  make('thoughts that never end', sse([text('<think>on and '), text('on</thin')]), { reasoning: 'on and on</thin', ...CUT }),
  make('text that speaks of the tag', sse([text('Write <think'), text('>like this</think>'), stop, done]), { text: 'Write <think>like this</think>' }),
  make('a second pair of tags is text', sse([text('<think>a</think>b<think>'), text('c</think>'), stop, done]), { reasoning: 'a', text: 'b<think>c</think>' }),
  make('text that only begins like a tag', sse([text('<thin'), text('g> is not a tag'), stop, done]), { text: '<thing> is not a tag' }),
  make('text that is cut inside what could be a tag', sse([text('<th'), stop, done]), { text: '<th' }),
];

const calls = [
  make('a call in fragments', sse([
    toolCall({ index: 0, id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '' } }),
    toolCall({ index: 0, function: { arguments: '{"city":' } }),
    toolCall({ index: 0, function: { arguments: '"K\u00f6ln"}' } }),
    called,
    done,
  ]), { ...CALLED, toolCalls: [call('call_1', 'get_weather', '{"city":"K\u00f6ln"}')] }),
  make('text, then parallel calls, their fragments mixed', sse([
    text('Both:'),
    toolCall({ index: 0, id: 'a', type: 'function', function: { name: 'left', arguments: '{"x"' } }),
    toolCall({ index: 1, id: 'b', type: 'function', function: { name: 'right', arguments: '' } }),
    delta({ tool_calls: [{ index: 1, function: { arguments: '{"y":2}' } }, { index: 0, function: { arguments: ':1}' } }] }),
    called,
    done,
  ]), {
    ...CALLED,
    text: 'Both:',
    toolCalls: [call('a', 'left', '{"x":1}'), call('b', 'right', '{"y":2}')],
    parts: [['text', 'Both:'], ['tool_call', 'left'], ['tool_call', 'right']],
  }),
  make('index missing, ids given', sse([
    delta({ tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{}' } }, { id: 'b', function: { name: 'g', arguments: '{"n":' } }] }),
    toolCall({ function: { arguments: '1}' } }),
    called,
    done,
  ]), { ...CALLED, toolCalls: [call('a', 'f', '{}'), call('b', 'g', '{"n":1}')] }),
  make('index always 0, a new id is a new call', sse([
    toolCall({ index: 0, id: 'a', function: { name: 'f', arguments: '{"n":' } }),
    toolCall({ index: 0, function: { arguments: '1}' } }),
    toolCall({ index: 0, id: 'b', function: { name: 'g', arguments: '{"n":' } }),
    toolCall({ index: 0, function: { arguments: '2}' } }),
    called,
    done,
  ]), { ...CALLED, toolCalls: [call('a', 'f', '{"n":1}'), call('b', 'g', '{"n":2}')] }),
  make('index used again with a new id', sse([
    toolCall({ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }),
    toolCall({ index: 1, id: 'b', function: { name: 'g', arguments: '{}' } }),
    toolCall({ index: 1, id: 'c', function: { name: 'h', arguments: '{"n"' } }),
    toolCall({ index: 1, id: '', function: { arguments: ':3}' } }),
    called,
    done,
  ]), { ...CALLED, toolCalls: [call('a', 'f', '{}'), call('b', 'g', '{}'), call('c', 'h', '{"n":3}')] }),
  make('the id again with every fragment', sse([
    toolCall({ index: 0, id: 'a', function: { name: 'f', arguments: '{"n"' } }),
    toolCall({ index: 0, id: 'a', function: { name: null, arguments: ':1' } }),
    toolCall({ index: 0, id: 'a', function: { arguments: '}' } }),
    called,
    done,
  ]), { ...CALLED, toolCalls: [call('a', 'f', '{"n":1}')] }),
  make('empty and null ids in fragments', sse([
    toolCall({ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }),
    toolCall({ index: 0, id: '', type: '', function: { name: '', arguments: '{"n"' } }),
    toolCall({ index: 0, id: null, function: { name: null, arguments: ':1}' } }),
    called,
    done,
  ]), { ...CALLED, toolCalls: [call('a', 'f', '{"n":1}')] }),
  make('no ids at all', sse([
    toolCall({ index: 0, function: { name: 'f', arguments: '{"n":1}' } }),
    toolCall({ index: 1, function: { name: 'g', arguments: '{"n":2}' } }),
    called,
    done,
  ]), { ...CALLED, toolCalls: [call('', 'f', '{"n":1}'), call('', 'g', '{"n":2}')] }),
  make('the old function_call', sse([
    delta({ role: 'assistant', content: null, function_call: { name: 'f', arguments: '' } }),
    delta({ function_call: { arguments: '{"n":' } }),
    delta({ function_call: { arguments: '1}' } }),
    delta({}, 'function_call'),
    done,
  ]), { finishReason: 'tool_calls', rawFinishReason: 'function_call', toolCalls: [call('', 'f', '{"n":1}')] }),
  make('a call without arguments', sse([toolCall({ index: 0, id: 'a', function: { name: 'now', arguments: '' } }), called, done]), {
    ...CALLED, toolCalls: [call('a', 'now', '')],
  }),
  make('arguments full of escapes', sse([
    toolCall({ index: 0, id: 'a', function: { name: 'write', arguments: '{"text":"a\\"b\\\\' } }),
    toolCall({ index: 0, function: { arguments: '\\n\\u00e9\ud83d\ude00\u4e2d"}' } }),
    called,
    done,
  ]), { ...CALLED, toolCalls: [call('a', 'write', '{"text":"a\\"b\\\\\\n\\u00e9\ud83d\ude00\u4e2d"}')] }),
  make('two choices with calls', sse([
    chunk([0, 1].map((index) => ({ index, delta: { tool_calls: [{ index: 0, id: `c${index}`, function: { name: 'f', arguments: `{"n":${index}` } }] } }))),
    chunk([1, 0].map((index) => ({ index, delta: { tool_calls: [{ index: 0, function: { arguments: '}' } }] }, finish_reason: 'tool_calls' }))),
    done,
  ]), {
    ...CALLED,
    toolCalls: [call('c0', 'f', '{"n":0}')],
    choices: [
      { index: 0, text: '', toolCalls: [call('c0', 'f', '{"n":0}')], finishReason: 'tool_calls' },
      { index: 1, text: '', toolCalls: [call('c1', 'f', '{"n":1}')], finishReason: 'tool_calls' },
    ],
  }),
];

const zero = told(0, 0);
const unruly = [
  make('zero usage in every chunk', sse([delta({ content: 'a' }, null, told(9, 1)), delta({ content: 'b' }, null, zero), delta({}, 'stop', zero), done]), {
    text: 'ab', usage: usage(9, 1),
  }),
  make('usage grows, and comes in parts', sse([
    delta({ content: 'a' }, null, told(9, 1)),
    delta({ content: 'b' }, 'stop', { usage: { prompt_tokens: 0, completion_tokens: 7, total_tokens: 16 } }),
    done,
  ]), { text: 'ab', usage: usage(9, 7) }),
  make('usage null, then told after the finish reason', sse([delta({ content: 'a' }, null, { usage: null }), stop, chunk([], told(3, 2)), done]), {
    text: 'a', usage: usage(3, 2),
  }),
  make('an extra message beside delta', sse([
    chunk([{ index: 0, delta: { content: 'Hel' }, message: { role: 'assistant', content: 'Hel' }, finish_reason: null }]),
    chunk([{ index: 0, message: { role: 'assistant', content: 'Hello' }, delta: { content: 'lo' }, finish_reason: 'stop' }]),
    done,
  ]), { text: 'Hello' }),
  make('[DONE] missing', sse([text('Hi'), stop]), { text: 'Hi' }),
  make('[DONE] without a finish reason', sse([text('Hi'), done]), { text: 'Hi', finishReason: null, rawFinishReason: null }),
  make('cut off between events', sse([text('Hi'), text(' the')]), { text: 'Hi the', ...CUT }),
  make('cut off inside an event', `${sse([text('Hi')])}data: {"choices":[{"index":0,"delta":{"content":" the`, { text: 'Hi', ...CUT }),
  make('an error inside the stream', sse([text('Hi'), { error: { message: 'Too "much"\n', type: 'rate_limit_error', code: 429 } }]), {
    text: 'Hi', ...CUT, error: 'Too "much"\n',
  }),
  make('an error with an event name', `${sse([text('Hi')])}event: error\ndata: {"error":{"message":"gone","type":"server_error","code":null}}\n\n`, {
    text: 'Hi', ...CUT, error: 'gone',
  }),
  make('a first chunk without choices, id or model', sse([
    { choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: [{ prompt_index: 0 }] },
    text('Hi'),
    stop,
    done,
  ]), { text: 'Hi', id: 'chatcmpl-7', model: 'model-a' }),
  make('fields that look like others, deeper', sse([
    chunk([{
      logprobs: { content: [{ token: 'No', content: 'no', finish_reason: 'length' }], refusal: null },
      index: 0,
      content_filter_results: { delta: { content: 'no' }, error: { code: 'x' } },
      delta: { extra: { content: 'no', tool_calls: [{ id: 'no' }] }, content: 'Yes' },
      finish_reason: null,
    }], { usage: null, meta: { usage: { prompt_tokens: 99 }, choices: [{ delta: { content: 'no' } }] } }),
    stop,
    done,
  ]), { text: 'Yes' }),
  make('blanks everywhere', [
    'data: { "id" : "x" , "model" : "m" , "choices" : [ { "index" : 0 , "delta" : { "content" : "Yes" } , "finish_reason" : null } ] }',
    'data:\t{ "choices" : [\t{ "finish_reason" : "stop" , "delta" : { } } ] } ',
    'data: [DONE]',
    '',
  ].join('\n\n'), { text: 'Yes', id: 'x', model: 'm' }),
];

const SAID = 'caf\u00e9 \u4e2d\u6587 \ud83d\ude00 \ud83d\udc69\u200d\ud83d\udc67';
const escaped = (said) => JSON.stringify(said).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
/** A chunk whose text is spelled by hand. */
const raw = (literal) => `{"id":"chatcmpl-7","model":"model-a","choices":[{"index":0,"delta":{"content":${literal}}}]}`;
const framing = [
  make('CJK and emoji in UTF-8', sse([...SAID].map(text).concat([stop, done])), { text: SAID }),
  make('CJK and emoji as escapes', sse([raw(escaped(SAID)), stop, done]), { text: SAID }),
  make('a surrogate pair in two chunks', sse([
    raw('"a\\ud83d"'),
    raw('"\\uDE00b"'),
    stop,
    done,
  ]), { text: 'a\ud83d\ude00b' }),
  make('every escape', sse([raw('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u2028\u2028</script>"'), stop, done]), {
    text: '"\\/\b\f\n\r\t\0\u2028\u2028</script>',
  }),
  make('CRLF', sse([text('a\r\n'), text('b'), stop, done], { eol: '\r\n' }), { text: 'a\r\nb' }),
  make('CR', sse([text('a'), text('b'), stop, done], { eol: '\r' }), { text: 'ab' }),
  make('no space after the colon', sse([text(' a'), stop, done], { space: '' }), { text: ' a' }),
  make('a BOM, comments, pings', `\ufeff: hello\n\n:\n\n: keep-alive\n\n${sse([text('a')])}:ping\n${sse([text('b')])}event: ping\n\n${sse([stop, done])}`, { text: 'ab' }),
  make('event, id, retry and unknown fields', `retry: 500\nid: 1\nevent: message\nfoo: bar\n${sse([text('a')])}id\nevent\n${sse([stop, done])}`, { text: 'a' }),
  make('one event over several data lines', `data: {"id":"chatcmpl-7","choices":\ndata: [{"index":0,\ndata:"delta":{"content":"a"}}]}\n\n${sse([stop, done])}`, { text: 'a' }),
  make('events without blank lines between them', `${[text('a'), text('b'), stop, chunk([], told(1, 2))].map((event) => `data: ${JSON.stringify(event)}\n`).join('')}data: [DONE]\n\n`, {
    text: 'ab', usage: usage(1, 2),
  }),
  make('the last event without its blank line', `${sse([text('a'), stop])}data: [DONE]\n`, { text: 'a' }),
  make('the last event without any line end', `${sse([text('a')])}data: ${JSON.stringify(stop)}`, { text: 'a' }),
  make('blank lines too many', `\n\n\r\n${sse([text('a')])}\n\n\n${sse([stop, done])}\n\n`, { text: 'a' }),
  make('a long line', sse([text(`${'0123456789abcdef'.repeat(1200)}\u4e2d`), stop, done]), { text: `${'0123456789abcdef'.repeat(1200)}\u4e2d` }, { long: true }),
];

module.exports = [...plain, ...reasoning, ...calls, ...unruly, ...framing];
