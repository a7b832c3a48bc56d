'use strict';
const { outline, canonical } = require('./compare');

/** Arguments that are no JSON object cannot be said by dialects whose calls carry objects. */
const OBJECTS_ONLY = ['gemini', 'ollama'];
/** Dialects that say "tool calls" by having some. */
const CALLS_END = ['openai-responses', 'gemini', 'ollama'];
const NO_REFUSAL = ['claude', 'gemini', 'ollama'];

function finishIn(dialect, { finishReason, toolCalls, complete, refusal }) {
  // Claude has no part for a refusal, only a word at the end
  if (dialect === 'claude' && refusal !== '' && finishReason === 'stop') {
    return 'content_filter';
  }
  // [DONE] alone: the other dialects cannot end without a word for it
  if (finishReason === null && complete && dialect !== 'openai-chat') {
    return toolCalls.length > 0 ? 'tool_calls' : 'stop';
  }
  if (finishReason === 'content_filter' && dialect === 'ollama') {
    return toolCalls.length > 0 ? 'tool_calls' : 'stop';
  }
  return finishReason === 'stop' && toolCalls.length > 0 && CALLS_END.includes(dialect) ? 'tool_calls' : finishReason;
}

/** Token counts as far as a dialect can say them. */
function usageIn(dialect, usage) {
  if (usage === null) {
    return null;
  }
  const { inputTokens, outputTokens, totalTokens, cachedTokens, cacheCreationTokens, reasoningTokens } = usage;
  const sum = inputTokens + outputTokens;
  return {
    inputTokens,
    // Gemini counts reasoning beside its output: less than none cannot be said
    outputTokens: dialect === 'gemini' ? Math.max(outputTokens, reasoningTokens) : outputTokens,
    totalTokens: ['claude', 'ollama'].includes(dialect) ? sum : totalTokens,
    cachedTokens: dialect === 'ollama' ? 0 : cachedTokens,
    cacheCreationTokens: ['gemini', 'ollama'].includes(dialect) ? 0 : cacheCreationTokens,
    reasoningTokens: dialect === 'ollama' ? 0 : reasoningTokens,
  };
}

/** A call's arguments as an object where the dialect knows objects only. */
const argumentsIn = (dialect, text) => {
  const spelled = canonical(text);
  return OBJECTS_ONLY.includes(dialect) && !spelled.startsWith('{') ? null : spelled;
};

/** What a message, read by either reader, must still say after it went into a dialect. */
function sayable(message, dialect) {
  const separate = !NO_REFUSAL.includes(dialect);
  const parts = outline(message.parts).map(([kind, said]) => [!separate && kind === 'refusal' ? 'text' : kind, said]);
  return {
    text: separate
      ? message.text
      : parts
          .filter(([kind]) => kind === 'text')
          .map(([, said]) => said)
          .join(''),
    refusal: separate ? message.refusal : '',
    reasoning: message.reasoning,
    order: parts.map(([kind]) => kind).filter((kind, at, all) => kind === 'tool_call' || kind !== all[at - 1]),
    toolCalls: message.toolCalls.map(({ name, arguments: args }) => [name, argumentsIn(dialect, args)]),
    finishReason: finishIn(dialect, message),
    usage: usageIn(dialect, message.usage),
    complete: message.complete,
    error: message.error?.message ?? null,
  };
}

module.exports = { sayable };
