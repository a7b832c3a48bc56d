'use strict';
// Which failures are worth another try, and when at the earliest.

/** 4xx that say "later", not "wrong". */
const LATER = new Set([408, 425, 429]);
const MAX_MS = 2 ** 31 - 1;

const isRecord = (value) => value !== null && (typeof value === 'object' || typeof value === 'function');
/** What a property of somebody else's object says; a getter that throws says nothing. */
function peek(object, name) {
  try {
    return isRecord(object) ? object[name] : undefined;
  } catch {
    return undefined;
  }
}
const isStatus = (value) => Number.isInteger(value) && value >= 100 && value <= 599;

/** The HTTP status that an error or its response has, as clients of HTTP and AWS write it; undefined without one. */
function statusOf(error) {
  const response = peek(error, 'response');
  const said = [
    peek(error, 'status'), peek(error, 'statusCode'), peek(response, 'status'), peek(response, 'statusCode'),
    peek(peek(error, '$metadata'), 'httpStatusCode'),
  ];
  return said.find(isStatus);
}

/** All but an error that says that the request is wrong. */
function isRetryable(error) {
  const status = statusOf(error);
  return status === undefined || status < 400 || status > 499 || LATER.has(status);
}

/** A header's text, of Headers or of a plain object in whatever case; undefined without one. */
function header(headers, name) {
  if (!isRecord(headers)) return undefined;
  try {
    if (typeof headers.get === 'function') {
      const value = headers.get(name);
      return typeof value === 'string' ? value : undefined;
    }
    const found = Object.keys(headers).find((one) => one.toLowerCase() === name);
    const value = found === undefined ? undefined : headers[found];
    const first = Array.isArray(value) ? value[0] : value;
    return typeof first === 'string' || typeof first === 'number' ? String(first) : undefined;
  } catch {
    return undefined;
  }
}

const inRange = (ms) => (ms > 0 ? Math.min(Math.ceil(ms), MAX_MS) : 0);

/** Milliseconds that a failure asks to wait: `retryAfterMs`, or Retry-After in seconds or as a date; 0 without any. */
function retryAfterMs(error, wallClock) {
  const own = peek(error, 'retryAfterMs');
  if (typeof own === 'number' && own >= 0) return inRange(own);
  for (const headers of [peek(error, 'headers'), peek(peek(error, 'response'), 'headers')]) {
    const text = header(headers, 'retry-after')?.trim();
    if (text === undefined || text === '') continue;
    if (/^\d+(\.\d+)?$/.test(text)) return inRange(Number(text) * 1000);
    const date = Date.parse(text);
    if (!Number.isNaN(date)) return inRange(date - wallClock());
  }
  return 0;
}

module.exports = { isRetryable, retryAfterMs, statusOf, peek };
