'use strict';
// Ids for messages and calls whose provider gave none.
const { randomBytes } = require('node:crypto');

/** A random id: `msg_…` for a message, `call_…` for a tool call. */
function newId(kind) {
  return `${kind === 'call' ? 'call' : 'msg'}_${randomBytes(12).toString('hex')}`;
}

module.exports = { newId };
