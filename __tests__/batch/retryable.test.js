'use strict';
// Which failures are tried again by default, and what they ask to wait.
const { isRetryable, retryAfterMs } = require('../../lib/retryable');

const failure = (fields) => Object.assign(new Error('HTTP 404 in a text says nothing'), fields);

describe('isRetryable', () => {
  test.each([
    ['no status', {}], ['5xx', { status: 503 }], ['408', { status: 408 }], ['425', { statusCode: 425 }], ['429', { response: { status: 429 } }],
    ['3xx', { status: 304 }], ['a status that is none', { status: '404' }], ['a status out of range', { status: 4040 }], ['a code that is a text', { code: 'ERR_404' }],
    ['AWS says 500', { $metadata: { httpStatusCode: 500 } }], ['a response that is null', { response: null }],
  ])('%s: again', (_, fields) => expect(isRetryable(failure(fields))).toBe(true));

  test.each([
    ['400', { status: 400 }], ['404 of statusCode', { statusCode: 404 }], ['the response', { response: { status: 422 } }], ["the response's statusCode", { response: { statusCode: 401 } }],
    ['AWS', { $metadata: { httpStatusCode: 403 } }], ['499', { status: 499 }], ['beside a text', { status: 'failed', statusCode: 413 }],
  ])('%s: not', (_, fields) => expect(isRetryable(failure(fields))).toBe(false));

  test.each([[undefined], [null], ['404'], [404], [Symbol('x')]])('what is no error is tried again: %p', (thrown) => expect(isRetryable(thrown)).toBe(true));

  test('getters that throw say nothing', () => {
    const trap = new Proxy({}, { get() { throw new Error('trap'); } });
    expect(isRetryable(trap)).toBe(true);
    expect(retryAfterMs(trap, () => 0)).toBe(0);
    expect(retryAfterMs({ headers: trap }, () => 0)).toBe(0);
  });
});

describe('retryAfterMs', () => {
  const now = Date.UTC(2030, 0, 1);
  const date = new Date(now + 90_000).toUTCString();
  test.each([
    ['nothing', {}, 0], ['its own', { retryAfterMs: 1500 }, 1500], ['its own, a fraction', { retryAfterMs: 1.2 }, 2], ['its own, none', { retryAfterMs: -5 }, 0],
    ['its own before headers', { retryAfterMs: 7, headers: { 'retry-after': '9' } }, 7],
    ['seconds', { headers: { 'retry-after': '3' } }, 3000], ['seconds as a number', { headers: { 'retry-after': 3 } }, 3000], ['a fraction', { headers: { 'retry-after': '0.5' } }, 500],
    ['another case', { headers: { 'Retry-After': '3' } }, 3000], ['shouted', { headers: { 'RETRY-AFTER': ' 3 ' } }, 3000],
    ["the response's", { response: { headers: { 'retry-after': '4' } } }, 4000], ['Headers', { response: { headers: new Headers({ 'Retry-After': '5' }) } }, 5000],
    ['Headers of its own', { headers: new Headers({ 'retry-after': '6' }) }, 6000], ['Headers without it', { headers: new Headers() }, 0],
    ['a list', { headers: { 'retry-after': ['8', '9'] } }, 8000], ['a date', { headers: { 'retry-after': date } }, 90_000],
    ['a date that has passed', { headers: { 'retry-after': new Date(now - 1000).toUTCString() } }, 0], ['garbage', { headers: { 'retry-after': 'soon' } }, 0],
    ['empty', { headers: { 'retry-after': '' } }, 0], ['negative', { headers: { 'retry-after': '-3' } }, 0], ['huge', { headers: { 'retry-after': '99999999999' } }, 2 ** 31 - 1],
    ['the second place when the first says nothing', { headers: {}, response: { headers: { 'retry-after': '2' } } }, 2000],
  ])('%s', (_, fields, expected) => expect(retryAfterMs(failure(fields), () => now)).toBe(expected));
});
