'use strict';
const { Message, usageOf } = require('./message');

/** Tool-call fragments go to the call with their id; without one to the last call of their index; without both to the last. */
class Calls {
  constructor(choice) {
    this.choice = choice;
    this.known = [];
  }

  find(id, index) {
    if (id) {
      const same = this.known.find((entry) => entry.id === id);
      const unnamed = this.known.findLast((entry) => entry.index === index && entry.id === '' && index !== undefined);
      return same ?? unnamed;
    }
    return index === undefined ? this.known.at(-1) : this.known.findLast((entry) => entry.index === index);
  }

  take(piece) {
    const { id, index, function: named = {} } = piece;
    let entry = this.find(id, index);
    if (!entry) {
      entry = { id: id || '', index, call: this.choice.call(id, named.name) };
      this.known.push(entry);
    }
    entry.call.arguments += named.arguments ?? '';
  }
}

/** Text that may begin with `<think>…</think>`: the inside is reasoning. */
function splitThinking(parts) {
  const first = parts.findIndex((part) => part.type === 'text');
  const match = first < 0 ? null : /^\s*<think>([^]*?)(?:<\/think>([^]*))?$/.exec(parts[first].text);
  if (!match) {
    return;
  }
  const [, reasoning, text] = match;
  const replaced = [];
  if (reasoning !== '') {
    replaced.push({ type: 'reasoning', text: reasoning });
  }
  if (text) {
    replaced.push({ type: 'text', text });
  }
  parts.splice(first, 1, ...replaced);
}

function readDelta(delta, choice, calls) {
  choice.say('reasoning', delta.reasoning_content || delta.reasoning);
  choice.say('text', delta.content);
  choice.say('refusal', delta.refusal);
  for (const piece of delta.tool_calls ?? []) {
    calls.take(piece);
  }
  if (delta.function_call) {
    calls.take({ index: -1, function: delta.function_call });
  }
}

/** OpenAI chat completions. */
module.exports = function readOpenaiChat(events) {
  const message = new Message();
  const callsOf = new Map();
  for (const { data } of events) {
    if (data.trim() === '[DONE]') {
      message.done = true;
      continue;
    }
    const chunk = JSON.parse(data);
    message.start(chunk.id, chunk.model);
    if (chunk.error) {
      message.fail(chunk.error, chunk.error.message ?? String(chunk.error));
    }
    for (const { index = 0, delta, finish_reason: finish } of chunk.choices ?? []) {
      const choice = message.choice(index);
      if (!callsOf.has(choice)) {
        callsOf.set(choice, new Calls(choice));
      }
      readDelta(delta ?? {}, choice, callsOf.get(choice));
      if (finish) {
        choice.finish(finish);
      }
    }
    if (chunk.usage) {
      const { prompt_tokens_details: input, completion_tokens_details: output, ...usage } = chunk.usage;
      message.count({
        ...usage,
        cached: input?.cached_tokens,
        creation: input?.cache_write_tokens,
        reasoning: output?.reasoning_tokens,
      });
    }
  }
  message.done ||= message.choices.length > 0 && message.choices.every((choice) => choice.finishReason !== null);
  message.choices.forEach((choice) => splitThinking(choice.parts));
  return message.result((counts) => {
    const { prompt_tokens: input, completion_tokens: output, total_tokens: total, reasoning } = counts;
    // xAI counts reasoning beside the completion, not in it
    const apart = reasoning > 0 && total === input + output + reasoning;
    return usageOf({
      input,
      output: apart ? output + reasoning : output,
      total,
      cached: counts.cached,
      creation: counts.creation,
      reasoning,
    });
  });
};
