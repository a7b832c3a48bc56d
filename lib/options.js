'use strict';
// Options are checked once, by name, against a shape that states type, range and default of each; what comes out
// is total. A shape is `{ name: check }`, where a check takes (value, name) and returns the value to use.
const { make } = require('./errors');

const shown = (value) => {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (value !== null && typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'bigint' ? `${value}n` : String(value);
};
const outOfRange = (option, range, value) => make('OptionRange', { option, range, value: shown(value) });
const wrongType = (option, range, value) => make('OptionType', { option, range, value: shown(value) });

/** A whole number from `min` to `max`; `fallback` when undefined. */
function integer(min, max, fallback) {
  const range = `a whole number from ${min} to ${max}`;
  return (value, option) => {
    if (value === undefined) return fallback;
    if (typeof value !== 'number') throw wrongType(option, range, value);
    if (!Number.isInteger(value) || value < min || value > max) throw outOfRange(option, range, value);
    return value;
  };
}
/** Milliseconds of a JavaScript timer. */
const milliseconds = (min, fallback) => integer(min, 2 ** 31 - 1, fallback);
/** A count of bytes, at least 1. */
const bytes = (fallback, max = 2 ** 40) => integer(1, max, fallback);

function typed(type, fallback) {
  const range = type === 'object' ? 'an object' : `a ${type}`;
  return (value, option) => {
    if (value === undefined) return fallback;
    if (typeof value !== type || value === null) throw wrongType(option, range, value);
    return value;
  };
}
const boolean = (fallback) => typed('boolean', fallback);
const string = (fallback) => typed('string', fallback);
const func = (fallback) => typed('function', fallback);

/** One of a few strings (or other literals). */
function oneOf(known, fallback) {
  const range = `one of ${known.map((one) => JSON.stringify(one)).join(', ')}`;
  return (value, option) => {
    if (value === undefined) return fallback;
    if (known.includes(value)) return value;
    throw (typeof value === typeof known[0] ? outOfRange : wrongType)(option, range, value);
  };
}
/** An AbortSignal of any realm. */
function signal(value, option) {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || typeof value.aborted !== 'boolean' || typeof value.addEventListener !== 'function') {
    throw wrongType(option, 'an AbortSignal', value);
  }
  return value;
}

/** The options object, checked and with its defaults; `undefined` stands for all of them. */
function read(shape, options, where = 'options') {
  if (options !== undefined && (options === null || typeof options !== 'object')) throw wrongType(where, 'an object', options);
  const out = {};
  for (const name in shape) out[name] = shape[name](options?.[name], name);
  for (const name in options) {
    if (!Object.hasOwn(shape, name)) throw make('OptionUnknown', { option: name, known: Object.keys(shape).join(', ') });
  }
  return out;
}

module.exports = { read, integer, milliseconds, bytes, boolean, string, func, oneOf, signal, typed, wrongType, outOfRange };
