'use strict';
const { Message, usageOf } = require('./message');

/** Sets `$.a.b[0]`, appending where a string is there already. */
function setByPath(root, path, value) {
  const keys = path.replace(/^\$/, '').match(/[^.[\]]+/g) ?? [];
  let at = root;
  keys.slice(0, -1).forEach((key, position) => {
    at[key] ??= /^[0-9]+$/.test(keys[position + 1]) ? [] : {};
    at = at[key];
  });
  const last = keys.at(-1);
  at[last] = typeof at[last] === 'string' && typeof value === 'string' ? at[last] + value : value;
}

/** A call comes whole, or begun by its name and continued by pieces without one. */
function readCall(piece, choice, open) {
  if (piece.name) {
    open.call = choice.call(piece.id, piece.name);
    open.args = piece.args ?? {};
  }
  for (const { jsonPath, ...values } of piece.partialArgs ?? []) {
    const { stringValue, numberValue, boolValue } = values;
    setByPath(open.args, jsonPath, stringValue ?? numberValue ?? boolValue ?? null);
  }
  open.call.arguments = JSON.stringify(open.args);
}

/** Google generateContent. */
module.exports = function readGemini(events) {
  const message = new Message();
  const open = {};
  for (const { data } of events) {
    const outer = JSON.parse(data);
    const event = outer.response ?? outer;
    message.start(event.responseId, event.modelVersion);
    for (const candidate of event.candidates ?? []) {
      const choice = message.choice(candidate.index ?? 0);
      for (const part of candidate.content?.parts ?? []) {
        if (part.functionCall) {
          readCall(part.functionCall, choice, open);
        } else {
          choice.say(part.thought === true ? 'reasoning' : 'text', part.text);
        }
      }
      if (candidate.finishReason) {
        choice.finish(candidate.finishReason);
        if (choice.finishReason === 'stop' && choice.toolCalls.length > 0) {
          choice.finishReason = 'tool_calls';
        }
        message.done = true;
      }
    }
    if (event.usageMetadata) {
      message.count(event.usageMetadata);
    }
    const blocked = event.promptFeedback?.blockReason;
    if (event.error) {
      message.fail(event.error, event.error.message ?? '');
    } else if (blocked) {
      message.choice().finish(blocked);
      message.fail(event.promptFeedback, blocked);
    }
  }
  return message.result((counts) =>
    usageOf({
      input: counts.promptTokenCount,
      output: (counts.candidatesTokenCount ?? 0) + (counts.thoughtsTokenCount ?? 0),
      total: counts.totalTokenCount,
      cached: counts.cachedContentTokenCount,
      reasoning: counts.thoughtsTokenCount,
    }),
  );
};
