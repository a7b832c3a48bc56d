'use strict';
const { call, ndjson, stream, usage } = require('./build');

const head = { model: 'llama-a', created_at: '2026-01-01T00:00:00.000000Z' };
const says = (message) => ({ ...head, message: { role: 'assistant', content: '', ...message }, done: false });
const done = (reason = 'stop') => ({
  ...head,
  message: { role: 'assistant', content: '' },
  done: true,
  done_reason: reason,
  total_duration: 5,
  prompt_eval_count: 11,
  eval_count: 4,
});
const make = (name, bytes, expected) =>
  stream('ollama', name, bytes, { rawFinishReason: 'stop', usage: usage(11, 4), ...expected });
const CUT = { finishReason: null, rawFinishReason: null, complete: false, usage: null };
const hello = [says({ content: 'Hello' }), says({ content: ', world' }), done()];

module.exports = [
  make('text', ndjson(hello), { text: 'Hello, world', model: 'llama-a' }),
  make('text over CRLF', ndjson(hello, '\r\n'), { text: 'Hello, world' }),
  make(
    'lines with data: before them',
    ndjson(hello)
      .replace(/^/gm, 'data: ')
      .replace(/data: $/, ''),
    { text: 'Hello, world' },
  ),
  make('blank lines, and the last without its end', `\n${ndjson(hello, '\n\n')}`.trimEnd(), { text: 'Hello, world' }),
  make(
    'thinking',
    ndjson([says({ thinking: 'Let me ' }), says({ thinking: 'see' }), says({ content: 'Yes' }), done()]),
    {
      reasoning: 'Let me see',
      text: 'Yes',
      parts: [
        ['reasoning', 'Let me see'],
        ['text', 'Yes'],
      ],
    },
  ),
  make(
    'calls, one without arguments',
    ndjson([
      says({
        tool_calls: [
          { function: { name: 'f', arguments: { city: 'K\u00f6ln', deep: { list: [1, null] } } } },
          { function: { name: 'now', arguments: {} } },
        ],
      }),
      says({ tool_calls: [{ function: { index: 2, arguments: { n: 2 }, name: 'f' } }] }),
      done(),
    ]),
    {
      finishReason: 'tool_calls',
      toolCalls: [
        call('', 'f', '{"city":"K\u00f6ln","deep":{"list":[1,null]}}'),
        call('', 'now', '{}'),
        call('', 'f', '{"n":2}'),
      ],
    },
  ),
  make(
    'generate',
    ndjson([
      { ...head, response: 'Hel', done: false },
      { ...head, response: 'lo', done: false },
      { ...done(), message: undefined, response: '', context: [1, 2, 3] },
    ]),
    { text: 'Hello' },
  ),
  make('out of tokens', ndjson([says({ content: 'x' }), done('length')]), {
    text: 'x',
    finishReason: 'length',
    rawFinishReason: 'length',
  }),
  make('an error', ndjson([says({ content: 'Some' }), { error: 'model "x" broke' }]), {
    ...CUT,
    text: 'Some',
    error: 'model "x" broke',
  }),
  make('cut off between lines', ndjson([says({ content: 'Some' })]), { ...CUT, text: 'Some' }),
  make('cut off inside a line', ndjson([says({ content: 'Some' }), says({ content: ' more' })]).slice(0, -30), {
    ...CUT,
    text: 'Some',
  }),
  make('escapes, CJK, emoji', ndjson([says({ content: '\u4e2d"\\' }), says({ content: '\n\ud83d\ude00' }), done()]), {
    text: '\u4e2d"\\\n\ud83d\ude00',
  }),
];
