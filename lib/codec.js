'use strict';
// Values as bytes: text and Buffers as they are, anything else as JSON or as v8 writes it.
const v8 = require('node:v8');
const { make } = require('./errors');

/** What a payload is: `Tag` of crates/core/src/cache/record.rs. */
const TAG = { JSON: 0, TEXT: 1, BYTES: 2, V8: 3 };

const refused = (key, detail, cause) => make('Value', { what: `the value of ${JSON.stringify(key)}`, detail, key }, cause);

/** undefined is no value: a miss and it could not be told apart. */
function checkValue(key, value) {
  if (value === undefined) throw refused(key, 'undefined is no value; store null');
}

function asJson(key, value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw refused(key, `JSON cannot say it: ${cause?.message ?? cause}`, cause);
  }
  if (text === undefined) throw refused(key, `JSON cannot say a ${typeof value}`);
  return text;
}

/** `{ tag, payload }` of a value: a string for JSON and text, else a Buffer. */
function encode(codec, key, value) {
  checkValue(key, value);
  if (typeof value === 'string') {
    // UTF-8 cannot say a lone surrogate; JSON escapes it
    return value.isWellFormed() ? { tag: TAG.TEXT, payload: value } : { tag: TAG.JSON, payload: JSON.stringify(value) };
  }
  if (Buffer.isBuffer(value)) return { tag: TAG.BYTES, payload: value };
  if (codec === 'v8') {
    try {
      return { tag: TAG.V8, payload: v8.serialize(value) };
    } catch (cause) {
      throw refused(key, `v8 cannot write it: ${cause?.message ?? cause}`, cause);
    }
  }
  // a JSON of numbered members would be no use to anyone
  if (isByteArray(value)) return { tag: TAG.BYTES, payload: Buffer.from(value.buffer, value.byteOffset, value.byteLength) };
  return { tag: TAG.JSON, payload: asJson(key, value) };
}
const isByteArray = (value) => ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]';

// v8 makes its objects in the main realm, whatever realm asks: in jest's they would be nobody's instances
const sameRealm = v8.deserialize(v8.serialize([])) instanceof Array;
const KINDS = { Array, Object, Map, Set, Date, RegExp, Error, ArrayBuffer, Number, String, Boolean };
function adopt(value, seen = new Set()) {
  if (value === null || typeof value !== 'object' || seen.has(value) || ArrayBuffer.isView(value)) return value;
  seen.add(value);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  const { prototype } = (kind === 'Error' ? { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }[value.name] : undefined) ?? KINDS[kind] ?? Object;
  Object.setPrototypeOf(value, prototype);
  if (kind === 'Map') {
    for (const [key, held] of value) {
      adopt(key, seen);
      adopt(held, seen);
    }
  } else if (kind === 'Set') {
    for (const held of value) adopt(held, seen);
  }
  for (const name of Object.keys(value)) adopt(value[name], seen);
  return value;
}

/** The value of what a tier gave; undefined when it cannot be read. */
function decode(tag, payload) {
  switch (tag) {
    case TAG.JSON:
      try {
        return JSON.parse(payload);
      } catch {
        return payload; // written by others, as text
      }
    case TAG.TEXT:
    case TAG.BYTES:
      return payload;
    default:
      try {
        const value = v8.deserialize(payload);
        return sameRealm ? value : adopt(value);
      } catch {
        return undefined;
      }
  }
}

/** A payload as bytes to send on. */
function toBytes(tag, payload) {
  if (typeof payload !== 'string') return payload;
  // a string that went as JSON is sent as text
  return Buffer.from(tag === TAG.JSON && payload.charCodeAt(0) === 0x22 ? String(decode(tag, payload)) : payload);
}

module.exports = { TAG, encode, decode, toBytes, checkValue };
