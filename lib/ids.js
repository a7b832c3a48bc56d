'use strict';
// Ids for messages and calls whose provider gave none.
const { randomBytes } = require('node:crypto');

/** A random id: `msg_…` for a message, `call_…` for a tool call. */
function newId(kind) {
  return `${kind === 'call' ? 'call' : 'msg'}_${randomBytes(12).toString('hex')}`;
}

/** Bytes for native code that draws ids from `draw`: a caller's function could change or detach what is being read. */
function apart(bytes, draw) {
  return draw === newId || bytes.BYTES_PER_ELEMENT !== 1 ? bytes : new Uint8Array(bytes);
}

module.exports = { newId, apart };
