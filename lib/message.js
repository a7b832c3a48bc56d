'use strict';
// Assembled messages on their way from native code to the caller, and back.
const { make } = require('./errors');
const { wrongType } = require('./options');

/** The AssembledMessage that native code wrote as JSON; what the provider reported becomes an error of this realm. */
function fromJson(text) {
  const message = JSON.parse(text);
  if (message.error !== null) {
    const { provider, detail } = message.error;
    message.error = make('StreamUpstream', { provider, detail });
  }
  return message;
}

/** A message as JSON for native code. Errors keep what a client may be told, which JSON.stringify would drop. */
function toJson(message) {
  if (message === null || typeof message !== 'object') throw wrongType('message', 'an object', message);
  const { error } = message;
  if (error === undefined || error === null) return JSON.stringify(message);
  const { detail, message: text, provider = null } = error;
  return JSON.stringify({ ...message, error: { detail: String(detail ?? text ?? error), provider } });
}

module.exports = { fromJson, toJson };
