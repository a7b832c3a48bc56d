'use strict';
// getRequestBody: a request's JSON, within a limit, on readJson, with the errors that services' handlers know.
const { readJson } = require('..');
const { isError } = require('../lib/errors');
const { bytes } = require('../lib/options');

const DEFAULT_BYTES = 10 * 1024 * 1024;
const MOST_BYTES = 2 ** 40;
/** What is taken from an object of options. */
const PASSED = ['maxEncodedBytes', 'inflate', 'timeoutMs', 'idleTimeoutMs', 'signal', 'maxDepth', 'proto', 'duplicateKeys', 'utf8'];
/** As JSON.parse has it: what services were given until now. */
const AS_PARSED = { proto: 'ignore', maxDepth: 10_000 };

const most = (value, name) => (value === Infinity ? MOST_BYTES : bytes(DEFAULT_BYTES)(value ?? undefined, name));
function settingsOf(size) {
  if (size === null || typeof size !== 'object') return { ...AS_PARSED, maxBytes: most(size, 'maxSize') };
  const settings = { ...AS_PARSED, maxBytes: most(size.maxBytes, 'maxBytes') };
  for (const name of PASSED) if (size[name] !== undefined) settings[name] = size[name];
  return settings;
}

/** The error that services have always had; what ours says beyond it is there, and no suite that compares whole errors sees it. */
function reworded(error, message, known) {
  const out = Object.assign(new Error(message), known);
  for (const name of Object.keys(error)) {
    if (!(name in out)) Object.defineProperty(out, name, { value: error[name], configurable: true, writable: true });
  }
  return out;
}
function asKnown(error) {
  if (error?.code === 'BODY_TOO_LARGE') throw reworded(error, `Request body too large. Maximum size is ${error.limit} bytes.`, { status: error.status });
  if (error?.code === 'ERR_BODY_JSON') throw reworded(error, 'Invalid JSON in request body.');
  // an error that somebody emitted is passed on as it is; those of Node, which say that the client left, have a code
  if (error?.code === 'ERR_BODY_ABORTED' && isError(error.cause) && error.cause.code === undefined) throw error.cause;
  throw error;
}

/** Listens before it returns. `maxSize`: bytes, or `{ maxBytes }` with readJson's other options beside it. */
function getRequestBody(req, maxSize) {
  let settings;
  try {
    settings = settingsOf(maxSize);
  } catch (error) {
    return Promise.reject(error);
  }
  return readJson(req, settings).catch(asKnown);
}

module.exports = { getRequestBody };
