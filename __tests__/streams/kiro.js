'use strict';
const { encodeFrame, eventFrame, exceptionFrame } = require('../support/aws');
const { call, stream } = require('./build');

const text = (content) => eventFrame('assistantResponseEvent', { content });
const tool = (fields) => eventFrame('toolUseEvent', fields);
const share = eventFrame('contextUsageEvent', { contextUsagePercentage: 12.5 });
const make = (name, frames, expected) =>
  stream('kiro', name, Buffer.concat(frames), { rawFinishReason: null, usage: undefined, ...expected });
const CALLED = { finishReason: 'tool_calls' };
const ERROR = { finishReason: null, complete: false };

module.exports = [
  make('text', [text('Hello'), text(', world'), share], { text: 'Hello, world' }),
  make(
    'a followup prompt is no text',
    [
      text('Yes'),
      eventFrame('followupPromptEvent', { content: 'no', followupPrompt: { content: 'no', userIntent: 'X' } }),
    ],
    { text: 'Yes' },
  ),
  make(
    'a call in fragments',
    [
      text('Look:'),
      tool({ name: 'get_weather', toolUseId: 'tooluse_1' }),
      tool({ name: 'get_weather', toolUseId: 'tooluse_1', input: '{"city"' }),
      tool({ name: 'get_weather', toolUseId: 'tooluse_1', input: ': "K\u00f6ln"}' }),
      tool({ name: 'get_weather', toolUseId: 'tooluse_1', stop: true }),
      share,
    ],
    { ...CALLED, text: 'Look:', toolCalls: [call('tooluse_1', 'get_weather', '{"city": "K\u00f6ln"}')] },
  ),
  make(
    'calls whose fragments carry no id',
    [
      tool({ name: 'f', toolUseId: 'tooluse_1', input: '{"n"' }),
      tool({ input: ':1}' }),
      tool({ stop: true }),
      tool({ name: 'g', toolUseId: 'tooluse_2' }),
      tool({ input: '{"n":2}' }),
      tool({ stop: true }),
    ],
    { ...CALLED, toolCalls: [call('tooluse_1', 'f', '{"n":1}'), call('tooluse_2', 'g', '{"n":2}')] },
  ),
  make('thinking', [text('<thinking>Let me '), text('see</thinking>\n\nYes'), text('.'), share], {
    reasoning: 'Let me see',
    text: 'Yes.',
    parts: [
      ['reasoning', 'Let me see'],
      ['text', 'Yes.'],
    ],
  }),
  make('thinking whose tags come in pieces', [...'<thinking>a<b</thinking>\n\nYes.'].map(text), {
    reasoning: 'a<b',
    text: 'Yes.',
  }),
  make(
    'thinking that speaks of its tags',
    [text('<thinking>Is `</thinking>\n\n` the end? No'), text('</thinking> yet</thinking>\n\nYes')],
    { reasoning: 'Is `</thinking>\n\n` the end? No</thinking> yet', text: 'Yes' },
  ),
  make('text that quotes the tag', [text('Write `<thinking>` first'), text('.')], {
    text: 'Write `<thinking>` first.',
  }),
  make('thinking to the end', [text('<thinking>Only this</thinking>')], { reasoning: 'Only this' }),
  make('thinking that is never closed', [text('<thinking>On and'), text(' on')], { reasoning: 'On and on' }),
  make(
    'thinking, then a call',
    [text('<thinking>Look it up</thinking>\n\n'), tool({ name: 'f', toolUseId: 'tooluse_1', input: '{}', stop: true })],
    { ...CALLED, reasoning: 'Look it up', toolCalls: [call('tooluse_1', 'f', '{}')] },
  ),
  make('a call inside the text', [text('[Called get_weather wi'), text('th args: {"city": "a]}b", "n": [1]}]')], {
    ...CALLED,
    toolCalls: [call('', 'get_weather', '{"city": "a]}b", "n": [1]}')],
  }),
  make('brackets that are no call', [text('[Called it a day] and [1]'), text('.')], {
    text: '[Called it a day] and [1].',
  }),
  make('an exception', [text('Some'), exceptionFrame('ThrottlingException', { message: 'Slow "down"' })], {
    ...ERROR,
    text: 'Some',
    error: 'Slow "down"',
  }),
  make(
    'an error frame, all of it in headers',
    [
      text('Some'),
      encodeFrame({ ':message-type': 'error', ':error-code': 'InternalError', ':error-message': 'It broke' }, ''),
    ],
    { ...ERROR, text: 'Some', error: 'It broke' },
  ),
  make('text before the thinking', [text('Hm: <thinking>Really'), text('?</thinking>\n\nYes')], {
    reasoning: 'Really?',
    text: 'Hm: Yes',
  }),
  make('cut off inside a frame', [text('Some'), text(' more').subarray(0, 60)], {
    text: 'Some',
    complete: false,
    finishReason: undefined,
  }),
  make('escapes, CJK, emoji', [text('\u4e2d"\\'), text('\n\ud83d\ude00')], { text: '\u4e2d"\\\n\ud83d\ude00' }),
];
