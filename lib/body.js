'use strict';
// readBody, readText, readJson, readDocument: what is made of a body once it has arrived.
const { Buffer } = require('node:buffer');
const native = require('./native');
const { begin } = require('./completion');
const { make, call } = require('./errors');
const { read, milliseconds, bytes, boolean, signal } = require('./options');
const { intake } = require('./intake');
const { build } = require('./tree');
const { JsonDocument, limits, flagsOf } = require('./document');

const bodyShape = {
  maxBytes: bytes(10 * 1024 * 1024),
  maxEncodedBytes: bytes(undefined),
  inflate: boolean(true),
  timeoutMs: milliseconds(1),
  idleTimeoutMs: milliseconds(1),
  signal,
};
const jsonShape = { ...bodyShape, ...limits };

/** The settings of a call; those of a call without options are made once. */
function settingsOf(shape, extra) {
  const complete = (options) => {
    const settings = Object.assign(read(shape, options), extra);
    if (shape === jsonShape) settings.flags = flagsOf(settings);
    return settings;
  };
  const defaults = Object.freeze(complete(undefined));
  return (options) => (options === undefined ? defaults : complete(options));
}
const bodySettings = settingsOf(bodyShape, { keep: true });
const textSettings = settingsOf(bodyShape, { text: true });
const jsonSettings = settingsOf(jsonShape, { text: true });

const joined = ({ chunks }) => (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));

function toBytes(body) {
  if (body.native === null) return body.chunks.length === 1 ? Buffer.from(body.chunks[0]) : joined(body);
  return begin((shell, id) => native.bodyBytes(shell, id, body.native, body.coding, body.settings.maxBytes));
}

/** What comes behind a byte order mark. */
const withoutMark = (buffer) =>
  buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf ? buffer.subarray(3) : buffer;

function toText(body) {
  if (body.native !== null) {
    return begin((shell, id) => native.bodyText(shell, id, body.native, body.coding, body.settings.maxBytes));
  }
  const buffer = withoutMark(joined(body));
  const skim = native.bodySkim(buffer, 0xffffffff, false);
  if (skim === 3) call(native.bodyUtf8, buffer);
  return typeof skim === 'string' ? skim : buffer.latin1Slice();
}

function toJson(body) {
  const { settings } = body;
  const { maxBytes, maxDepth, flags } = settings;
  if (body.native !== null) {
    return begin((shell, id) =>
      native.bodyTree(shell, id, body.native, body.coding, maxBytes, maxDepth, flags),
    ).then((slices) => build(slices, body));
  }
  const buffer = withoutMark(joined(body));
  const skim = native.bodySkim(buffer, maxDepth, settings.proto !== 'ignore');
  if (skim === 0) return {};
  if (skim === 3 || settings.duplicateKeys === 'error') return suspect(buffer, settings);
  try {
    return JSON.parse(typeof skim === 'string' ? skim : buffer.latin1Slice());
  } catch (error) {
    throw notJson(buffer, settings, error);
  }
}

/** A small text that may break a limit: the full check decides. */
function suspect(buffer, { maxDepth, flags }) {
  const held = call(native.documentParse, buffer, maxDepth, flags);
  try {
    return JSON.parse(native.documentGet(held, ''));
  } finally {
    native.documentClose(held);
  }
}

/** The error that says where, of a text that `JSON.parse` refuses. */
function notJson(buffer, { maxDepth, flags }, cause) {
  try {
    call(native.bodyCheck, buffer, maxDepth, flags);
  } catch (error) {
    return error;
  }
  return make('Internal', { what: 'the JSON scanner', detail: 'it accepts what JSON.parse refuses' }, cause);
}

function toDocument(body) {
  const { maxBytes, maxDepth, flags } = body.settings;
  if (body.native !== null) {
    return begin((shell, id) =>
      native.bodyDocument(shell, id, body.native, body.coding, maxBytes, maxDepth, flags),
    ).then((held) => JsonDocument.from(held));
  }
  return JsonDocument.from(call(native.documentParse, joined(body), maxDepth, flags));
}

const readBody = (source, options) => intake(source, bodySettings, options, toBytes);
const readText = (source, options) => intake(source, textSettings, options, toText);
const readJson = (source, options) => intake(source, jsonSettings, options, toJson);
const readDocument = (source, options) => intake(source, jsonSettings, options, toDocument);

module.exports = { readBody, readText, readJson, readDocument };
