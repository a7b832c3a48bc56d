'use strict';
const { eventFrame, exceptionFrame } = require('../support/aws');
const { call, stream, usage } = require('./build');

const start = eventFrame('messageStart', { role: 'assistant', p: 'abc' });
const piece = (index, delta) => eventFrame('contentBlockDelta', { contentBlockIndex: index, delta, p: 'abcdefghij' });
const close = (index) => eventFrame('contentBlockStop', { contentBlockIndex: index });
const text = (index, ...pieces) => [...pieces.map((said) => piece(index, { text: said })), close(index)];
const open = (index, toolUseId, name) =>
  eventFrame('contentBlockStart', { contentBlockIndex: index, start: { toolUse: { toolUseId, name } } });
const use = (index, id, name, ...pieces) => [
  open(index, id, name),
  ...pieces.map((input) => piece(index, { toolUse: { input } })),
  close(index),
];
const stop = (stopReason) => eventFrame('messageStop', { stopReason });
const metadata = (more = {}) =>
  eventFrame('metadata', {
    metrics: { latencyMs: 9 },
    usage: { inputTokens: 10, outputTokens: 20, totalTokens: 30, ...more },
  });
const make = (name, frames, expected) =>
  stream('bedrock-converse', name, Buffer.concat(frames), {
    rawFinishReason: 'end_turn',
    usage: usage(10, 20),
    ...expected,
  });
const CALLED = { finishReason: 'tool_calls', rawFinishReason: 'tool_use' };
const CUT = { finishReason: null, rawFinishReason: null, complete: false, usage: null };
const ended = (word, finishReason) =>
  make(`ends with ${word}`, [start, ...text(0, 'x'), stop(word), metadata()], {
    text: 'x',
    finishReason,
    rawFinishReason: word,
  });

module.exports = [
  make('text', [start, ...text(0, 'Hello', ', ', 'world'), stop('end_turn'), metadata()], { text: 'Hello, world' }),
  make(
    'reasoning, its signature, text',
    [
      start,
      piece(0, { reasoningContent: { text: 'Let me ' } }),
      piece(0, { reasoningContent: { text: 'see' } }),
      piece(0, { reasoningContent: { signature: 'c2ln' } }),
      close(0),
      ...text(1, 'Yes'),
      stop('end_turn'),
      metadata(),
    ],
    {
      reasoning: 'Let me see',
      text: 'Yes',
      parts: [
        ['reasoning', 'Let me see'],
        ['text', 'Yes'],
      ],
      signature: 'c2ln',
    },
  ),
  make(
    'parallel calls',
    [
      start,
      ...text(0, 'Both:'),
      ...use(1, 'tooluse_1', 'left', '{"x"', ':"K\u00f6ln"}'),
      ...use(2, 'tooluse_2', 'right', '{"y":2}'),
      stop('tool_use'),
      metadata(),
    ],
    {
      ...CALLED,
      text: 'Both:',
      toolCalls: [call('tooluse_1', 'left', '{"x":"K\u00f6ln"}'), call('tooluse_2', 'right', '{"y":2}')],
    },
  ),
  make('a call without arguments', [start, ...use(0, 'tooluse_1', 'now'), stop('tool_use'), metadata()], {
    ...CALLED,
    toolCalls: [call('tooluse_1', 'now', '')],
  }),
  make(
    'usage with a cache',
    [
      start,
      ...text(0, 'x'),
      stop('end_turn'),
      metadata({ inputTokens: 4, cacheReadInputTokens: 100, cacheWriteInputTokens: 30, totalTokens: 154 }),
    ],
    { text: 'x', usage: usage(134, 20, { cachedTokens: 100, cacheCreationTokens: 30 }) },
  ),
  ended('max_tokens', 'length'),
  ended('stop_sequence', 'stop'),
  ended('guardrail_intervened', 'content_filter'),
  ended('content_filtered', 'content_filter'),
  make(
    'an exception',
    [
      start,
      piece(0, { text: 'Some' }),
      exceptionFrame('modelStreamErrorException', { message: 'It "broke"', originalStatusCode: 500 }),
    ],
    { ...CUT, text: 'Some', error: 'It "broke"' },
  ),
  make('cut off between frames', [start, piece(0, { text: 'Some' })], { ...CUT, text: 'Some' }),
  make('cut off inside a frame', [start, piece(0, { text: 'Some' }), piece(0, { text: ' more' }).subarray(0, 50)], {
    ...CUT,
    text: 'Some',
  }),
  make('without the usage at the end', [start, ...text(0, 'x'), stop('end_turn')], { text: 'x', usage: null }),
  make('escapes, CJK, emoji', [start, ...text(0, '\u4e2d"\\', '\n\ud83d\ude00'), stop('end_turn'), metadata()], {
    text: '\u4e2d"\\\n\ud83d\ude00',
  }),
];
