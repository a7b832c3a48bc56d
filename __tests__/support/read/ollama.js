'use strict';
const { Message, usageOf } = require('./message');

/** Ollama chat and generate. */
module.exports = function readOllama(events) {
  const message = new Message();
  for (const { data } of events.filter(({ data: text }) => text !== '[DONE]')) {
    const line = JSON.parse(data);
    const choice = message.choice();
    message.start(null, line.model);
    choice.say('reasoning', line.message?.thinking ?? line.thinking);
    choice.say('text', line.message?.content ?? line.response);
    for (const { id, function: called } of line.message?.tool_calls ?? []) {
      choice.call(id, called.name).arguments = JSON.stringify(called.arguments ?? {});
    }
    if (line.done) {
      choice.finish(line.done_reason ?? null);
      if (choice.finishReason === 'stop' && choice.toolCalls.length > 0) {
        choice.finishReason = 'tool_calls';
      }
      message.done = true;
    }
    if ('prompt_eval_count' in line || 'eval_count' in line) {
      message.count({ input: line.prompt_eval_count, output: line.eval_count });
    }
    if (line.error) {
      message.fail(line.error, line.error.message ?? line.error);
    }
  }
  return message.result((counts) => usageOf(counts));
};
