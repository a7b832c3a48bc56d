'use strict';
const { call, sse, usage } = require('../build');
const { chunk, delta, text, role, stop, done, told, make, CUT } = require('./chunk');

const plain = [
  make(
    'text, and usage in a chunk without choices',
    sse([role, text('Hello'), text(', world'), stop, chunk([], told(12, 3)), done]),
    { text: 'Hello, world', usage: usage(12, 3), model: 'model-a', id: 'chatcmpl-7' },
  ),
  make(
    'usage with its details',
    sse([
      text('42'),
      stop,
      chunk(
        [],
        told(100, 60, {
          prompt_tokens_details: { cached_tokens: 80, cache_write_tokens: 5, audio_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: 50 },
        }),
      ),
      done,
    ]),
    { text: '42', usage: usage(100, 60, { cachedTokens: 80, cacheCreationTokens: 5, reasoningTokens: 50 }) },
  ),
  make(
    'usage that counts reasoning beside the completion',
    sse([
      text('42'),
      stop,
      chunk([], {
        usage: {
          prompt_tokens: 12,
          completion_tokens: 1,
          total_tokens: 303,
          completion_tokens_details: { reasoning_tokens: 290 },
        },
      }),
      done,
    ]),
    { text: '42', usage: usage(12, 291, { reasoningTokens: 290 }) },
  ),
  make('usage in the chunk of the finish reason', sse([text('x'), delta({}, 'length', told(5, 400)), done]), {
    text: 'x',
    finishReason: 'length',
    rawFinishReason: 'length',
    usage: usage(5, 400),
  }),
  make('withheld content', sse([text('I'), delta({}, 'content_filter'), done]), {
    text: 'I',
    finishReason: 'content_filter',
    rawFinishReason: 'content_filter',
  }),
  make(
    'a refusal',
    sse([
      delta({ role: 'assistant', refusal: '' }),
      delta({ refusal: 'I cannot ' }),
      delta({ refusal: 'do that.' }),
      stop,
      done,
    ]),
    { refusal: 'I cannot do that.' },
  ),
  make(
    'two choices, one after the other and mixed',
    sse([
      chunk([
        { index: 0, delta: { content: 'left' } },
        { index: 1, delta: { content: 'right' } },
      ]),
      chunk([{ index: 1, delta: { content: ' one' }, finish_reason: null }]),
      chunk([{ index: 0, delta: { content: ' one' }, finish_reason: 'stop' }]),
      chunk([{ index: 1, delta: {}, finish_reason: 'length' }]),
      done,
    ]),
    {
      text: 'left one',
      choices: [
        { index: 0, text: 'left one', finishReason: 'stop' },
        { index: 1, text: 'right one', finishReason: 'length' },
      ],
    },
  ),
  make(
    'one of two choices never ends',
    sse([
      chunk([{ index: 0, delta: { content: 'a' }, finish_reason: 'stop' }]),
      chunk([{ index: 1, delta: { content: 'b' }, finish_reason: null }]),
    ]),
    {
      text: 'a',
      complete: false,
      choices: [
        { index: 0, text: 'a', finishReason: 'stop' },
        { index: 1, text: 'b', finishReason: null },
      ],
    },
  ),
];

const reasoning = [
  make(
    'reasoning_content',
    sse([
      delta({ reasoning_content: 'Let me ' }),
      delta({ reasoning_content: 'see.', content: null }),
      text('Yes.'),
      stop,
      done,
    ]),
    {
      reasoning: 'Let me see.',
      text: 'Yes.',
      parts: [
        ['reasoning', 'Let me see.'],
        ['text', 'Yes.'],
      ],
    },
  ),
  make(
    'reasoning',
    sse([delta({ reasoning: 'Hm' }), delta({ reasoning: 'm', content: '' }), text('No.'), stop, done]),
    { reasoning: 'Hmm', text: 'No.' },
  ),
  make(
    'reasoning under both names at once',
    sse([delta({ reasoning: 'Same', reasoning_content: 'Same' }), text('Once.'), stop, done]),
    { reasoning: 'Same', text: 'Once.' },
  ),
  make(
    'thoughts inside the text',
    sse([text('<think>First'), text(' this'), text('</think>Then'), text(' that'), stop, done]),
    {
      reasoning: 'First this',
      text: 'Then that',
      parts: [
        ['reasoning', 'First this'],
        ['text', 'Then that'],
      ],
    },
  ),
  make('thoughts whose tags come in pieces', sse([...'<think>a<b</th</think>c<d'].map(text).concat([stop, done])), {
    reasoning: 'a<b</th',
    text: 'c<d',
  }),
  make('thoughts that never end', sse([text('<think>on and '), text('on</thin')]), {
    reasoning: 'on and on</thin',
    ...CUT,
  }),
  make('text that speaks of the tag', sse([text('Write <think'), text('>like this</think>'), stop, done]), {
    text: 'Write <think>like this</think>',
  }),
  make('a second pair of tags is text', sse([text('<think>a</think>b<think>'), text('c</think>'), stop, done]), {
    reasoning: 'a',
    text: 'b<think>c</think>',
  }),
  make('text that only begins like a tag', sse([text('<thin'), text('g> is not a tag'), stop, done]), {
    text: '<thing> is not a tag',
  }),
  make(
    'white space that could lead to a tag, before thoughts and calls',
    sse([
      text('\n'),
      delta({ reasoning_content: 'Hm' }),
      text(' <'),
      delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }] }),
      delta({}, 'tool_calls'),
      done,
    ]),
    {
      finishReason: 'tool_calls',
      rawFinishReason: 'tool_calls',
      text: '\n <',
      reasoning: 'Hm',
      toolCalls: [call('a', 'f', '{}')],
      parts: [
        ['text', '\n'],
        ['reasoning', 'Hm'],
        ['text', ' <'],
        ['tool_call', 'f'],
      ],
    },
  ),
  make('text that is cut inside what could be a tag', sse([text('<th'), stop, done]), { text: '<th' }),
];

module.exports = [...plain, ...reasoning];
