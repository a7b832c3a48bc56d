'use strict';
// hashKey: equal inputs have equal hashes, whatever the order of their members; see index.d.ts.
const { createHash } = require('node:crypto');
const { types } = require('node:util');
const { make } = require('../errors');

const refused = (detail) => make('Value', { what: 'the input', detail });
const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Bytes of any kind; those of single bytes are alike, wider ones say their type. */
function bytes(value) {
  const view = ArrayBuffer.isView(value);
  const whole = view ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.from(value);
  const kind = view ? (value[Symbol.toStringTag] ?? 'DataView') : 'Uint8Array';
  return `${kind === 'Uint8ClampedArray' ? 'Uint8Array' : kind}"${whole.toString('base64')}"`;
}

// What JSON has no word for begins with a word that no JSON text has, so it equals no JSON.
function special(value, path) {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return bytes(value);
  if (types.isDate(value)) return `Date(${Date.prototype.getTime.call(value)})`;
  if (types.isMap(value)) {
    const entries = [...Map.prototype.entries.call(value)].map(([key, held]) => `[${canonical(key, '', path)},${canonical(held, '', path)}]`);
    return `Map[${entries.sort(byText).join(',')}]`;
  }
  if (types.isSet(value)) {
    return `Set[${[...Set.prototype.values.call(value)].map((held) => canonical(held, '', path)).sort(byText).join(',')}]`;
  }
  return undefined;
}

function members(value, path) {
  if (Array.isArray(value)) {
    let text = '';
    for (let at = 0; at < value.length; at += 1) text += `${at ? ',' : ''}${canonical(value[at], String(at), path)}`;
    return `[${text}]`;
  }
  const known = special(value, path);
  if (known !== undefined) return known;
  // RFC 8785: members in the order of their names' UTF-16 code units, which is the order of sort()
  let text = '';
  for (const name of Object.keys(value).sort()) text += `${text ? ',' : ''}${JSON.stringify(name)}:${canonical(value[name], name, path)}`;
  return `{${text}}`;
}

function canonical(given, name, path) {
  let value = given;
  const isObject = typeof value === 'object' && value !== null;
  if (isObject && !ArrayBuffer.isView(value) && !types.isDate(value) && typeof value.toJSON === 'function') value = value.toJSON(name);
  if (types.isBoxedPrimitive(value)) value = value.valueOf();
  switch (typeof value) {
    case 'undefined':
      return 'undefined';
    case 'bigint':
      return `BigInt(${value})`;
    case 'function':
    case 'symbol':
      throw refused(`it holds a ${typeof value}`);
    case 'object':
      break;
    default:
      return JSON.stringify(value);
  }
  if (value === null) return 'null';
  if (path.has(value)) throw refused('it holds itself: a cycle');
  path.add(value);
  const text = members(value, path);
  path.delete(value);
  return text;
}

/** SHA-256, hex, of the canonical text. */
function hashKey(input) {
  let text;
  try {
    text = canonical(input, '', new Set());
  } catch (error) {
    // a stack that is too small for the depth
    if (error instanceof RangeError && error.code === undefined) throw refused('it is nested too deeply');
    throw error;
  }
  return createHash('sha256').update(text).digest('hex');
}

module.exports = { hashKey };
