'use strict';
const { call, sse } = require('../build');
const { chunk, delta, text, done, toolCall, make, CALLED, called } = require('./chunk');

const calls = [
  make(
    'a call in fragments',
    sse([
      toolCall({ index: 0, id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '' } }),
      toolCall({ index: 0, function: { arguments: '{"city":' } }),
      toolCall({ index: 0, function: { arguments: '"K\u00f6ln"}' } }),
      called,
      done,
    ]),
    { ...CALLED, toolCalls: [call('call_1', 'get_weather', '{"city":"K\u00f6ln"}')] },
  ),
  make(
    'text, then parallel calls, their fragments mixed',
    sse([
      text('Both:'),
      toolCall({ index: 0, id: 'a', type: 'function', function: { name: 'left', arguments: '{"x"' } }),
      toolCall({ index: 1, id: 'b', type: 'function', function: { name: 'right', arguments: '' } }),
      delta({
        tool_calls: [
          { index: 1, function: { arguments: '{"y":2}' } },
          { index: 0, function: { arguments: ':1}' } },
        ],
      }),
      called,
      done,
    ]),
    {
      ...CALLED,
      text: 'Both:',
      toolCalls: [call('a', 'left', '{"x":1}'), call('b', 'right', '{"y":2}')],
      parts: [
        ['text', 'Both:'],
        ['tool_call', 'left'],
        ['tool_call', 'right'],
      ],
    },
  ),
  make(
    'index missing, ids given',
    sse([
      delta({
        tool_calls: [
          { id: 'a', function: { name: 'f', arguments: '{}' } },
          { id: 'b', function: { name: 'g', arguments: '{"n":' } },
        ],
      }),
      toolCall({ function: { arguments: '1}' } }),
      called,
      done,
    ]),
    { ...CALLED, toolCalls: [call('a', 'f', '{}'), call('b', 'g', '{"n":1}')] },
  ),
  make(
    'index always 0, a new id is a new call',
    sse([
      toolCall({ index: 0, id: 'a', function: { name: 'f', arguments: '{"n":' } }),
      toolCall({ index: 0, function: { arguments: '1}' } }),
      toolCall({ index: 0, id: 'b', function: { name: 'g', arguments: '{"n":' } }),
      toolCall({ index: 0, function: { arguments: '2}' } }),
      called,
      done,
    ]),
    { ...CALLED, toolCalls: [call('a', 'f', '{"n":1}'), call('b', 'g', '{"n":2}')] },
  ),
  make(
    'index used again with a new id',
    sse([
      toolCall({ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }),
      toolCall({ index: 1, id: 'b', function: { name: 'g', arguments: '{}' } }),
      toolCall({ index: 1, id: 'c', function: { name: 'h', arguments: '{"n"' } }),
      toolCall({ index: 1, id: '', function: { arguments: ':3}' } }),
      called,
      done,
    ]),
    { ...CALLED, toolCalls: [call('a', 'f', '{}'), call('b', 'g', '{}'), call('c', 'h', '{"n":3}')] },
  ),
  make(
    'the id again with every fragment',
    sse([
      toolCall({ index: 0, id: 'a', function: { name: 'f', arguments: '{"n"' } }),
      toolCall({ index: 0, id: 'a', function: { name: null, arguments: ':1' } }),
      toolCall({ index: 0, id: 'a', function: { arguments: '}' } }),
      called,
      done,
    ]),
    { ...CALLED, toolCalls: [call('a', 'f', '{"n":1}')] },
  ),
  make(
    'empty and null ids in fragments',
    sse([
      toolCall({ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }),
      toolCall({ index: 0, id: '', type: '', function: { name: '', arguments: '{"n"' } }),
      toolCall({ index: 0, id: null, function: { name: null, arguments: ':1}' } }),
      called,
      done,
    ]),
    { ...CALLED, toolCalls: [call('a', 'f', '{"n":1}')] },
  ),
  make(
    'no ids at all',
    sse([
      toolCall({ index: 0, function: { name: 'f', arguments: '{"n":1}' } }),
      toolCall({ index: 1, function: { name: 'g', arguments: '{"n":2}' } }),
      called,
      done,
    ]),
    { ...CALLED, toolCalls: [call('', 'f', '{"n":1}'), call('', 'g', '{"n":2}')] },
  ),
  make(
    'the old function_call',
    sse([
      delta({ role: 'assistant', content: null, function_call: { name: 'f', arguments: '' } }),
      delta({ function_call: { arguments: '{"n":' } }),
      delta({ function_call: { arguments: '1}' } }),
      delta({}, 'function_call'),
      done,
    ]),
    { finishReason: 'tool_calls', rawFinishReason: 'function_call', toolCalls: [call('', 'f', '{"n":1}')] },
  ),
  make(
    'a call without arguments',
    sse([toolCall({ index: 0, id: 'a', function: { name: 'now', arguments: '' } }), called, done]),
    { ...CALLED, toolCalls: [call('a', 'now', '')] },
  ),
  make(
    'arguments full of escapes',
    sse([
      toolCall({ index: 0, id: 'a', function: { name: 'write', arguments: '{"text":"a\\"b\\\\' } }),
      toolCall({ index: 0, function: { arguments: '\\n\\u00e9\ud83d\ude00\u4e2d"}' } }),
      called,
      done,
    ]),
    { ...CALLED, toolCalls: [call('a', 'write', '{"text":"a\\"b\\\\\\n\\u00e9\ud83d\ude00\u4e2d"}')] },
  ),
  make(
    'two choices with calls',
    sse([
      chunk(
        [0, 1].map((index) => ({
          index,
          delta: { tool_calls: [{ index: 0, id: `c${index}`, function: { name: 'f', arguments: `{"n":${index}` } }] },
        })),
      ),
      chunk(
        [1, 0].map((index) => ({
          index,
          delta: { tool_calls: [{ index: 0, function: { arguments: '}' } }] },
          finish_reason: 'tool_calls',
        })),
      ),
      done,
    ]),
    {
      ...CALLED,
      toolCalls: [call('c0', 'f', '{"n":0}')],
      choices: [
        { index: 0, text: '', toolCalls: [call('c0', 'f', '{"n":0}')], finishReason: 'tool_calls' },
        { index: 1, text: '', toolCalls: [call('c1', 'f', '{"n":1}')], finishReason: 'tool_calls' },
      ],
    },
  ),
];

module.exports = calls;
