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

/** A number from `min` to `max`, fractions allowed. */
function number(min, max, fallback) {
  const range = `a number from ${min} to ${max}`;
  return (value, option) => {
    if (value === undefined) return fallback;
    if (typeof value !== 'number') throw wrongType(option, range, value);
    if (!(value >= min && value <= max)) throw outOfRange(option, range, value);
    return value;
  };
}
// the latest deadline that a whole number of milliseconds can say
const MAX_SECONDS = Math.floor(Number.MAX_SAFE_INTEGER / 2000);
/** A lifetime in seconds, fractions allowed, Infinity too. */
function seconds(fallback) {
  const range = `a number of seconds above 0 and up to ${MAX_SECONDS}, or Infinity`;
  return (value, option) => {
    if (value === undefined) return fallback;
    if (typeof value !== 'number') throw wrongType(option, range, value);
    if (!(value > 0 && (value <= MAX_SECONDS || value === Infinity))) throw outOfRange(option, range, value);
    return value;
  };
}
/** A string that is not empty. */
function text(fallback) {
  const range = 'a string that is not empty';
  return (value, option) => {
    if (value === undefined) return fallback;
    if (typeof value !== 'string') throw wrongType(option, range, value);
    if (value === '') throw outOfRange(option, range, value);
    return value;
  };
}
/** An array of strings that are not empty. */
function texts(fallback) {
  const range = 'an array of strings that are not empty';
  return (value, option) => {
    if (value === undefined) return fallback;
    if (!Array.isArray(value) || value.some((one) => typeof one !== 'string')) throw wrongType(option, range, value);
    if (value.includes('')) throw outOfRange(option, range, value);
    return value;
  };
}
/** An object of further options, named `outer.inner`; its defaults stand in for `undefined` when `always`. */
function nested(shape, always = true) {
  return (value, option) => (value === undefined && !always ? undefined : read(shape, value, option, `${option}.`));
}

/** The options object, checked and with its defaults; `undefined` stands for all of them. */
function read(shape, options, where = 'options', prefix = '') {
  if (options !== undefined && (options === null || typeof options !== 'object')) throw wrongType(where, 'an object', options);
  const out = {};
  for (const name in shape) out[name] = shape[name](options?.[name], prefix + name);
  for (const name in options) {
    if (!Object.hasOwn(shape, name)) throw make('OptionUnknown', { option: prefix + name, known: Object.keys(shape).join(', ') });
  }
  return out;
}

module.exports = {
  read, nested, integer, number, seconds, milliseconds, bytes, boolean, string, text, texts, func, oneOf, signal, typed, wrongType, outOfRange,
  shown, MAX_SECONDS,
};
