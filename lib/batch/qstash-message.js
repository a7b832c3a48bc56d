'use strict';
// A message as QStash takes it in `POST /v2/batch`, as JSON text.
const { isUtf8 } = require('node:buffer');
const { createHash } = require('node:crypto');
const { isAnyArrayBuffer } = require('node:util').types;
const { make, isError } = require('../errors');
const { shown } = require('../options');

/** What cannot be sent fails like an answer 400: another try would change nothing. */
function unsendable(option, range, value, cause) {
  const error = make('OptionType', { option, range, value: shown(value) }, cause);
  error.status = 400;
  return error;
}

/** The body as a string; undefined for none. */
function bodyText(body) {
  if (body === undefined || typeof body === 'string') return body;
  const bytes = ArrayBuffer.isView(body) ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : isAnyArrayBuffer(body) ? Buffer.from(body) : null;
  if (bytes !== null) {
    if (isUtf8(bytes)) return bytes.toString();
    throw unsendable('body', 'UTF-8, since QStash takes bodies as strings', body);
  }
  let text;
  try {
    text = JSON.stringify(body);
  } catch (error) {
    throw unsendable('body', `a value that JSON can say (${isError(error) ? error.message : error})`, body, error);
  }
  if (text === undefined) throw unsendable('body', 'a value that JSON can say', body);
  return text;
}

const isBytes = (body) => ArrayBuffer.isView(body) || isAnyArrayBuffer(body);

/** QStash refuses an id with a colon in it: a key of other than letters, digits, `_`, `-` and `.` goes as its hash. */
const deduplicationId = (key) => (/^[\w.-]{1,255}$/.test(key) ? key : createHash('sha256').update(key).digest('base64url'));

/** `Upstash-*` and the content type as they are; every other header is one for the destination. */
function headersOf({ headers = {}, body }, key) {
  if (headers === null || typeof headers !== 'object') throw unsendable('headers', 'an object', headers);
  const out = {};
  const names = new Set();
  const pairs = typeof headers[Symbol.iterator] === 'function' ? headers : Object.entries(headers);
  for (const [name, value] of pairs) {
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') throw unsendable(`headers.${name}`, 'a string', value);
    const lower = name.toLowerCase();
    names.add(lower);
    out[lower.startsWith('upstash-') || lower === 'content-type' ? name : `Upstash-Forward-${name}`] = String(value);
  }
  if (!names.has('content-type') && body !== undefined && typeof body !== 'string' && !isBytes(body)) out['Content-Type'] = 'application/json';
  if (!names.has('upstash-deduplication-id') && typeof key === 'string' && key !== '') out['Upstash-Deduplication-Id'] = deduplicationId(key);
  return out;
}

/** The JSON text of `{ destination, headers, body, queue }`, with the item's key for QStash to tell repeats by. */
function messageText(message, key) {
  if (message === null || typeof message !== 'object') throw unsendable('message', 'an object', message);
  const { destination, queue } = message;
  if (typeof destination !== 'string' || destination === '') throw unsendable('destination', 'a string that is not empty', destination);
  if (queue !== undefined && (typeof queue !== 'string' || queue === '')) throw unsendable('queue', 'a string that is not empty', queue);
  return JSON.stringify({ destination, headers: headersOf(message, key), body: bodyText(message.body), queue });
}

module.exports = { deduplicationId, messageText };
