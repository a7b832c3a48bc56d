'use strict';

/** Arguments in one spelling: JSON as JSON.stringify writes it, none as '{}'. */
function canonical(text) {
  if (text === '') {
    return '{}';
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

/** Neighbours of one kind as one, empty ones gone: [['text', 'Hi'], ['tool_call', 'name']]. */
function outline(parts) {
  const out = [];
  for (const part of parts) {
    const [kind, said] = part.type === 'tool_call' ? ['tool_call', part.call.name] : [part.type, part.text];
    if (kind === 'other' || said === '') {
      continue;
    }
    if (kind !== 'tool_call' && out.at(-1)?.[0] === kind) {
      out.at(-1)[1] += said;
    } else {
      out.push([kind, said]);
    }
  }
  return out;
}

const callsOf = (calls, exact) =>
  calls.map(({ name, arguments: args }) => ({ name, arguments: exact ? args || '{}' : canonical(args) }));

const isSilent = ({ text, reasoning, toolCalls, finishReason }) =>
  text === '' && reasoning === '' && toolCalls.length === 0 && finishReason === null;

/** What two readings of a stream must agree on. Ids that only one side knows are checked by `sameIds`. */
function essence(message, { exact = false } = {}) {
  return {
    parts: outline(message.parts),
    text: message.text,
    reasoning: message.reasoning,
    refusal: message.refusal,
    toolCalls: callsOf(message.toolCalls, exact),
    finishReason: message.finishReason,
    rawFinishReason: message.rawFinishReason,
    usage: message.usage,
    model: message.model,
    id: message.id,
    complete: message.complete,
    failed: message.error !== null,
    choices: message.choices
      .filter((choice) => !isSilent(choice))
      .map((choice) => ({
        index: choice.index,
        text: choice.text,
        reasoning: choice.reasoning,
        toolCalls: callsOf(choice.toolCalls, exact),
        finishReason: choice.finishReason,
      })),
  };
}

/** Ids of calls: the same where the provider gave one, else drawn; none empty, none twice. */
function sameIds(actual, expected) {
  const given = actual.map(({ id }) => id);
  const wanted = expected.map(({ id }, position) => id || given[position]);
  return { given, wanted, distinct: new Set(given).size === given.length && given.every((id) => id !== '') };
}

module.exports = { canonical, outline, essence, sameIds };
