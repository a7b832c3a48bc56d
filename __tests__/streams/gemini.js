'use strict';
const { call, sse, stream, usage } = require('./build');

const META = { modelVersion: 'gemini-a', responseId: 'resp-g' };
const event = (parts, more = {}, finish = undefined) => ({
  candidates: [{ content: { parts, role: 'model' }, ...(finish ? { finishReason: finish } : {}), index: 0 }],
  ...more,
  ...META,
});
const told = (prompt, candidates, thoughts = 0, more = {}) => ({
  usageMetadata: {
    promptTokenCount: prompt,
    candidatesTokenCount: candidates,
    totalTokenCount: prompt + candidates + thoughts,
    ...(thoughts ? { thoughtsTokenCount: thoughts } : {}),
    ...more,
  },
});
const text = (said, more) => event([{ text: said }], more);
const stop = (more) => event([{ text: '' }], more, 'STOP');
const make = (name, events, expected, options) =>
  stream('gemini', name, sse(events, options), { rawFinishReason: 'STOP', ...expected });
const CALLED = { finishReason: 'tool_calls' };
const CUT = { finishReason: null, rawFinishReason: null, complete: false };
const ended = (word, finishReason) =>
  make(`ends with ${word}`, [text('x'), event([], {}, word)], { text: 'x', finishReason, rawFinishReason: word });

module.exports = [
  make('text', [text('Hello', told(9, 1)), text(', world', told(9, 3)), stop(told(9, 4))], {
    text: 'Hello, world',
    usage: usage(9, 4),
    id: 'resp-g',
    model: 'gemini-a',
  }),
  make(
    'text and the finish reason in one event, CRLF',
    [event([{ text: 'Hi' }], told(2, 1), 'STOP')],
    { text: 'Hi', usage: usage(2, 1) },
    { eol: '\r\n' },
  ),
  make(
    'thoughts, signed, then text',
    [
      event([{ text: 'Let me ', thought: true }]),
      event([{ text: 'see', thought: true, thoughtSignature: 'c2ln' }]),
      event([{ text: 'Yes' }, { text: '.' }], told(9, 2, 30), 'STOP'),
    ],
    {
      reasoning: 'Let me see',
      text: 'Yes.',
      usage: usage(9, 32, { reasoningTokens: 30 }),
      parts: [
        ['reasoning', 'Let me see'],
        ['text', 'Yes.'],
      ],
    },
  ),
  make('thought: false is text', [event([{ text: 'Yes', thought: false }], {}, 'STOP')], { text: 'Yes' }),
  make(
    'a call with an id',
    [event([{ functionCall: { id: 'fc-1', name: 'get_weather', args: { city: 'K\u00f6ln' } } }]), stop()],
    { ...CALLED, toolCalls: [call('fc-1', 'get_weather', '{"city":"K\u00f6ln"}')] },
  ),
  make(
    'parallel calls without ids, one without args',
    [
      event([{ text: 'Both' }]),
      event([
        {
          functionCall: { name: 'f', args: { n: 1, deep: { list: [1, 'two', null, true, 1.5e3] } } },
          thoughtSignature: 'c2ln',
        },
        { functionCall: { name: 'f', args: { n: 2 } } },
        { functionCall: { name: 'now' } },
      ]),
      stop(told(5, 6)),
    ],
    {
      ...CALLED,
      text: 'Both',
      usage: usage(5, 6),
      toolCalls: [
        call('', 'f', '{"n":1,"deep":{"list":[1,"two",null,true,1500]}}'),
        call('', 'f', '{"n":2}'),
        call('', 'now', '{}'),
      ],
    },
  ),
  make(
    'the finish reason before the call',
    [
      {
        candidates: [
          {
            finishReason: 'STOP',
            index: 0,
            content: { role: 'model', parts: [{ functionCall: { args: { a: 1 }, name: 'f' } }] },
          },
        ],
      },
    ],
    { ...CALLED, toolCalls: [call('', 'f', '{"a":1}')] },
  ),
  make(
    'an envelope around every event',
    [{ response: text('Hel') }, { response: event([{ text: 'lo' }], told(3, 2), 'STOP'), traceId: 't' }],
    { text: 'Hello', usage: usage(3, 2) },
  ),
  make(
    'usage with a cache, and zeros after it',
    [
      text('x', told(100, 2, 0, { cachedContentTokenCount: 64 })),
      stop({ usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 0, totalTokenCount: 102 } }),
    ],
    { text: 'x', usage: usage(100, 2, { cachedTokens: 64 }) },
  ),
  make(
    'usage without counts at first',
    [text('x', { usageMetadata: { trafficType: 'ON_DEMAND' } }), stop(told(3, 4))],
    { text: 'x', usage: usage(3, 4) },
  ),
  ended('MAX_TOKENS', 'length'),
  ...['SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII'].map((word) => ended(word, 'content_filter')),
  make('a malformed call', [{ candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL', index: 0 }], ...META }], {
    finishReason: 'error',
    rawFinishReason: 'MALFORMED_FUNCTION_CALL',
  }),
  make('an error', [text('Some'), { error: { code: 503, message: 'Over "loaded"', status: 'UNAVAILABLE' } }], {
    ...CUT,
    text: 'Some',
    error: 'Over "loaded"',
  }),
  make(
    'a prompt that is blocked',
    [
      {
        promptFeedback: { blockReason: 'SAFETY' },
        usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 },
        ...META,
      },
    ],
    { finishReason: 'content_filter', rawFinishReason: 'SAFETY', complete: false, usage: usage(3, 0), error: 'SAFETY' },
  ),
  make(
    'a call whose arguments come by path',
    [
      event([{ functionCall: { name: 'open', willContinue: true } }]),
      event([
        {
          functionCall: {
            partialArgs: [{ jsonPath: '$.file.name', stringValue: 'a "b', willContinue: true }],
            willContinue: true,
          },
        },
      ]),
      event([
        {
          functionCall: {
            partialArgs: [
              { jsonPath: '$.file.name', stringValue: '.txt' },
              { jsonPath: '$.line', numberValue: 7 },
            ],
            willContinue: true,
          },
        },
      ]),
      event([{ functionCall: { partialArgs: [{ jsonPath: '$.lock', boolValue: true }] } }]),
      event([{ functionCall: { name: 'now', willContinue: true } }]),
      event([{ functionCall: {} }]),
      stop(),
    ],
    {
      ...CALLED,
      toolCalls: [call('', 'open', '{"file":{"name":"a \\"b.txt"},"line":7,"lock":true}'), call('', 'now', '{}')],
    },
  ),
  make('cut off', [text('Hel'), text('lo')], { ...CUT, text: 'Hello' }),
  make('escapes, CJK, emoji', [text('\u4e2d"\\'), text('\n\ud83d\ude00'), stop()], { text: '\u4e2d"\\\n\ud83d\ude00' }),
  make(
    'fields that look like others, deeper',
    [
      {
        ...META,
        promptFeedback: { safetyRatings: [{ category: 'c', probability: 'LOW' }] },
        candidates: [
          {
            groundingMetadata: { text: 'no', candidates: [{ finishReason: 'SAFETY' }] },
            safetyRatings: [{ finishReason: 'SAFETY' }],
            content: {
              parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA', text: 'no' } }, { text: 'Yes' }],
              role: 'model',
            },
          },
        ],
      },
      stop(),
    ],
    { text: 'Yes' },
  ),
];
