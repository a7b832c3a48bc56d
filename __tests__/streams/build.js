'use strict';

const usage = (inputTokens, outputTokens, more = {}) => ({
  inputTokens,
  outputTokens,
  totalTokens: inputTokens + outputTokens,
  cachedTokens: 0,
  cacheCreationTokens: 0,
  reasoningTokens: 0,
  ...more,
});
/** A call as expected; an id of '' is one that the provider did not give. */
const call = (id, name, args) => ({ id, name, arguments: args });

const NOTHING = {
  text: '',
  reasoning: '',
  refusal: '',
  toolCalls: [],
  finishReason: 'stop',
  usage: null,
  complete: true,
  error: null,
};
/** A case: bytes of a provider and what they say. `error` is the provider's message. */
function stream(format, name, bytes, expected, more = {}) {
  return { format, name, bytes: Buffer.from(bytes), expected: { ...NOTHING, ...expected }, ...more };
}

/** Payloads as an event stream. Strings go as they are. */
function sse(payloads, { eol = '\n', space = ' ', named = false } = {}) {
  return payloads
    .map((payload) => {
      const data = typeof payload === 'string' ? payload : JSON.stringify(payload);
      const name = named && typeof payload === 'object' ? `event:${space}${payload.type}${eol}` : '';
      return `${name}data:${space}${data}${eol}${eol}`;
    })
    .join('');
}
const ndjson = (lines, eol = '\n') => lines.map((line) => `${JSON.stringify(line)}${eol}`).join('');

module.exports = { usage, call, stream, sse, ndjson };
