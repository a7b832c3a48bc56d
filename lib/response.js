'use strict';
// Whole responses: converted between dialects, read, and rendered from a message.
const native = require('./native');
const { call } = require('./errors');
const { read, boolean, func, oneOf, string, wrongType } = require('./options');
const { fromJson, toJson } = require('./message');
const { newId, apart } = require('./ids');
const { FORMATS, CLIENTS } = require('./stream');

const required = (check) => (value, option) => {
  if (value === undefined) throw wrongType(option, 'given', value);
  return check(value, option);
};
const told = { to: required(oneOf(CLIENTS)), model: string(), id: string(), newId: func(newId), now: func() };
const shapes = {
  convert: { ...told, from: required(oneOf(FORMATS)) },
  parse: { from: oneOf([...FORMATS, 'auto'], 'auto') },
  render: { ...told, stream: boolean(false) },
};

/** Dialects whose messages say when they began. */
const DATED = ['openai-chat', 'openai-responses', 'ollama'];

/** What the native side tells the client; the clock is read only where the dialect says the time. */
function toldOptions({ to, model, id, now }) {
  const ms = DATED.includes(to) ? (now === undefined ? Date.now() : now()) : 0;
  return { model, id, createdS: Math.max(0, Math.floor(ms / 1000)) || 0 };
}

/** A body's bytes: as they are, or of a body that is parsed already. */
function bodyBytes(body) {
  if (ArrayBuffer.isView(body)) return body;
  if (body === null || typeof body !== 'object') throw wrongType('body', 'a Uint8Array or an object', body);
  return Buffer.from(JSON.stringify(body));
}

function convertResponse(body, options) {
  const checked = read(shapes.convert, options);
  const { from, to, newId: draw } = checked;
  return call(native.convertResponse, apart(bodyBytes(body), draw), from, to, toldOptions(checked), draw);
}

function parseResponse(body, options) {
  const { from } = read(shapes.parse, options);
  return fromJson(call(native.parseResponse, bodyBytes(body), from === 'auto' ? undefined : from, newId));
}

function renderMessage(message, options) {
  const checked = read(shapes.render, options);
  const { to, stream } = checked;
  return call(native.renderMessage, toJson(message), to, stream, toldOptions(checked), checked.newId);
}

module.exports = { convertResponse, parseResponse, renderMessage };
