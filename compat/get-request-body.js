'use strict';
// getRequestBody: a request's JSON, within a limit, on readJson, with the errors that services' handlers know.
const { readJson } = require('..');
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

/** The error with another text; its code, and what else handlers look at, stay. */
function reworded(error, message) {
  const { status, statusCode, ...rest } = error;
  const out = new Error(message, { cause: error });
  return Object.assign(out, rest, status === undefined ? {} : { status, statusCode });
}
function known(error) {
  if (error?.code === 'BODY_TOO_LARGE') throw reworded(error, `Request body too large. Maximum size is ${error.limit} bytes.`);
  if (error?.code === 'ERR_BODY_JSON') throw reworded(error, 'Invalid JSON in request body.');
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
  return readJson(req, settings).catch(known);
}

module.exports = { getRequestBody };
