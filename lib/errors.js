'use strict';
// Errors of the caller's realm, from the table that the native side shares.
const table = require('./error-table');

const classes = { Error, RangeError, TypeError, SyntaxError };

/** An error of that kind; its fields become properties and fill the message. */
function make(kind, fields = {}, cause) {
  const row = table[kind];
  const message = row.template.replace(/\{(\w+)\}/g, (hole, name) => (name in fields ? String(fields[name]) : hole));
  const error = new classes[row.Class](message, cause === undefined ? undefined : { cause });
  if (row.name !== row.Class) Object.defineProperty(error, 'name', { value: row.name, configurable: true, writable: true });
  error.code = row.code;
  if (row.status) error.status = error.statusCode = row.status;
  if (row.type) error.type = row.type;
  return Object.assign(error, fields);
}

/** What native code threw or rejected with, as an error of this realm. */
function fromNative(error) {
  const text = typeof error === 'string' ? error : error?.message;
  if (typeof text === 'string' && text.startsWith('{"kind":')) {
    const { kind, fields } = JSON.parse(text);
    return make(kind, fields);
  }
  return make('Internal', { what: 'sluice', detail: text ?? String(error) }, error);
}

/** Calls native code; what it throws is an error of this realm. */
function call(fn, ...args) {
  try {
    return fn(...args);
  } catch (error) {
    throw fromNative(error);
  }
}

/** Whether a value is an error of any realm. */
function isError(value) {
  if (value instanceof Error) return true;
  const tag = Object.prototype.toString.call(value);
  return tag === '[object Error]' || tag === '[object DOMException]';
}

/** The error for an AbortSignal that has fired. */
function aborted(signal, what) {
  return make('Aborted', { what }, signal.reason);
}

module.exports = { make, fromNative, call, isError, aborted };
