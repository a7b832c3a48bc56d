'use strict';
const { sayable } = require('./sayable');

/**
 * What the reader finds in the client's bytes must be what it finds in the provider's, as far as `to` can say it:
 * [wanted, actual] for `toEqual`.
 */
function sides(said, heard, to, { usage = true } = {}) {
  const [wanted, actual] = [said, heard].map((message) => {
    const fields = sayable(message, to);
    return usage ? fields : { ...fields, usage: null };
  });
  wanted.toolCalls = wanted.toolCalls.map(([name, args], at) => [name, args ?? actual.toolCalls[at]?.[1]]);
  if (!wanted.complete && actual.finishReason === null) {
    // of a message that never ended, the reason may stay unsaid with its end
    wanted.finishReason = null;
  }
  if (wanted.finishReason === 'error') {
    // no dialect but ours has a word for it; what went wrong is in the error
    actual.finishReason = 'error';
  }
  if (wanted.usage === null && actual.usage !== null && wanted.complete) {
    // dialects whose end must count tokens say none
    actual.usage = actual.usage.inputTokens + actual.usage.outputTokens === 0 ? null : actual.usage;
  }
  return [wanted, actual];
}

module.exports = { sides };
