'use strict';
const { Message, usageOf } = require('./message');

/** Amazon Bedrock converse: the event's name is a frame header. */
module.exports = function readBedrockConverse({ events }) {
  const message = new Message();
  const calls = new Map();
  for (const { name, data, headers } of events) {
    const payload = JSON.parse(data);
    const choice = message.choice();
    if (headers[':exception-type']) {
      message.fail(payload, payload.message ?? '');
    } else if (name === 'contentBlockStart' && payload.start?.toolUse) {
      const { toolUseId, name: tool } = payload.start.toolUse;
      calls.set(payload.contentBlockIndex, choice.call(toolUseId, tool));
    } else if (name === 'contentBlockDelta') {
      const { text, reasoningContent, toolUse } = payload.delta;
      choice.say('text', text);
      choice.say('reasoning', reasoningContent?.text);
      if (reasoningContent?.signature) {
        choice.sign(reasoningContent.signature);
      }
      if (toolUse) {
        calls.get(payload.contentBlockIndex).arguments += toolUse.input;
      }
    } else if (name === 'contentBlockStop') {
      if (!calls.has(payload.contentBlockIndex)) {
        choice.endPart();
      }
    } else if (name === 'messageStop') {
      choice.finish(payload.stopReason);
      message.done = true;
    } else if (name === 'metadata' && payload.usage) {
      message.count(payload.usage);
    }
  }
  return message.result((counts) => {
    const cached = counts.cacheReadInputTokens ?? 0;
    const creation = counts.cacheWriteInputTokens ?? 0;
    const input = (counts.inputTokens ?? 0) + cached + creation;
    return usageOf({ input, output: counts.outputTokens, total: counts.totalTokens, cached, creation });
  });
};
