'use strict';
// Request bodies between dialects.
const native = require('./native');
const { call } = require('./errors');
const { read, boolean, func, oneOf, string, wrongType } = require('./options');
const { newId: drawId, apart } = require('./ids');

const CLIENTS = ['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama'];

const required = (check) => (value, option) => {
  if (value === undefined) throw wrongType(option, `one of ${CLIENTS.join(', ')}`, value);
  return check(value, option);
};
const shape = {
  from: required(oneOf(CLIENTS)),
  to: required(oneOf(CLIENTS)),
  model: string(),
  id: string(),
  newId: func(drawId),
  now: func(),
  lossy: boolean(false),
};

/** The bytes of a body that was given as bytes, as a document, or as what JSON.parse made of it. */
function bytesOf(body) {
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  if (body === null || typeof body !== 'object') {
    throw wrongType('body', 'a JsonDocument, a Uint8Array or an object', body);
  }
  return typeof body.raw === 'function' ? body.raw() : Buffer.from(JSON.stringify(body));
}

/** A request body in another dialect. The same dialect on both sides keeps every byte but the model's. */
function convertRequest(body, options) {
  const { from, to, model, lossy, newId } = read(shape, options);
  const bytes = apart(bytesOf(body), newId);
  let thrown;
  const draw = (kind) => {
    try {
      const id = newId(kind);
      if (typeof id !== 'string' || id === '') throw wrongType('newId', 'a function that returns ids', id);
      return id;
    } catch (error) {
      thrown = { error };
      throw error;
    }
  };
  try {
    return call(native.convertRequest, bytes, from, to, model, lossy, draw);
  } catch (error) {
    throw thrown === undefined ? error : thrown.error; // the caller's own, as it is
  }
}

module.exports = { convertRequest };
