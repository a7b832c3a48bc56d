'use strict';
const { stream } = require('../build');

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
const make = (name, bytes, expected, more) =>
  stream('openai-chat', name, bytes, { rawFinishReason: 'stop', ...expected }, more);
const CALLED = { finishReason: 'tool_calls', rawFinishReason: 'tool_calls' };
const called = delta({}, 'tool_calls');
const CUT = { finishReason: null, rawFinishReason: null, complete: false };

module.exports = { chunk, delta, text, role, stop, done, told, toolCall, make, CALLED, called, CUT };
