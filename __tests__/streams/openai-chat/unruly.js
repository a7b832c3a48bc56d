'use strict';
const { sse, usage } = require('../build');
const { chunk, delta, text, stop, done, told, make, CUT } = require('./chunk');

const zero = told(0, 0);
const unruly = [
  make(
    'zero usage in every chunk',
    sse([
      delta({ content: 'a' }, null, told(9, 1)),
      delta({ content: 'b' }, null, zero),
      delta({}, 'stop', zero),
      done,
    ]),
    { text: 'ab', usage: usage(9, 1) },
  ),
  make(
    'usage grows, and comes in parts',
    sse([
      delta({ content: 'a' }, null, told(9, 1)),
      delta({ content: 'b' }, 'stop', { usage: { prompt_tokens: 0, completion_tokens: 7, total_tokens: 16 } }),
      done,
    ]),
    { text: 'ab', usage: usage(9, 7) },
  ),
  make(
    'usage null, then told after the finish reason',
    sse([delta({ content: 'a' }, null, { usage: null }), stop, chunk([], told(3, 2)), done]),
    { text: 'a', usage: usage(3, 2) },
  ),
  make(
    'an extra message beside delta',
    sse([
      chunk([
        { index: 0, delta: { content: 'Hel' }, message: { role: 'assistant', content: 'Hel' }, finish_reason: null },
      ]),
      chunk([
        { index: 0, message: { role: 'assistant', content: 'Hello' }, delta: { content: 'lo' }, finish_reason: 'stop' },
      ]),
      done,
    ]),
    { text: 'Hello' },
  ),
  make('[DONE] missing', sse([text('Hi'), stop]), { text: 'Hi' }),
  make('[DONE] without a finish reason', sse([text('Hi'), done]), {
    text: 'Hi',
    finishReason: null,
    rawFinishReason: null,
  }),
  make('cut off between events', sse([text('Hi'), text(' the')]), { text: 'Hi the', ...CUT }),
  make('cut off inside an event', `${sse([text('Hi')])}data: {"choices":[{"index":0,"delta":{"content":" the`, {
    text: 'Hi',
    ...CUT,
  }),
  make(
    'an error inside the stream',
    sse([text('Hi'), { error: { message: 'Too "much"\n', type: 'rate_limit_error', code: 429 } }]),
    { text: 'Hi', ...CUT, error: 'Too "much"\n' },
  ),
  make(
    'an error with an event name',
    `${sse([text('Hi')])}event: error\ndata: {"error":{"message":"gone","type":"server_error","code":null}}\n\n`,
    { text: 'Hi', ...CUT, error: 'gone' },
  ),
  make(
    'a first chunk without choices, id or model',
    sse([
      { choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: [{ prompt_index: 0 }] },
      text('Hi'),
      stop,
      done,
    ]),
    { text: 'Hi', id: 'chatcmpl-7', model: 'model-a' },
  ),
  make(
    'fields that look like others, deeper',
    sse([
      chunk(
        [
          {
            logprobs: { content: [{ token: 'No', content: 'no', finish_reason: 'length' }], refusal: null },
            index: 0,
            content_filter_results: { delta: { content: 'no' }, error: { code: 'x' } },
            delta: { extra: { content: 'no', tool_calls: [{ id: 'no' }] }, content: 'Yes' },
            finish_reason: null,
          },
        ],
        { usage: null, meta: { usage: { prompt_tokens: 99 }, choices: [{ delta: { content: 'no' } }] } },
      ),
      stop,
      done,
    ]),
    { text: 'Yes' },
  ),
  make(
    'blanks everywhere',
    [
      'data: { "id" : "x" , "model" : "m" , "choices" : [ { "index" : 0 , "delta" : { "content" : "Yes" } , "finish_reason" : null } ] }',
      'data:\t{ "choices" : [\t{ "finish_reason" : "stop" , "delta" : { } } ] } ',
      'data: [DONE]',
      '',
    ].join('\n\n'),
    { text: 'Yes', id: 'x', model: 'm' },
  ),
];

module.exports = unruly;
