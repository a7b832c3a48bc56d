'use strict';
// Assembled messages on their way from native code to the caller, and back.
const { make } = require('./errors');

/** The AssembledMessage that native code wrote as JSON; what the provider reported becomes an error of this realm. */
function fromJson(text) {
  const message = JSON.parse(text);
  if (message.error !== null) {
    const { provider, detail } = message.error;
    message.error = make('StreamUpstream', { provider, detail });
  }
  return message;
}

module.exports = { fromJson };
