'use strict';
// How work counts by what it gave: Retry-After of an upstream that says "later" is held to.
const { peek, retryAfterMs, statusOf } = require('../retryable');
const { OUTCOMES } = require('./options');

const SUCCESS = { outcome: 'success', retryAfterMs: 0 };
const FAILURE = { outcome: 'failure', retryAfterMs: 0 };

const held = (answer, status) => {
  const ms = status === 429 || status === 503 ? retryAfterMs(answer, Date.now) : 0;
  return ms === 0 ? FAILURE : { outcome: 'failure', retryAfterMs: ms };
};
const failed = (error) => held(error, statusOf(error));
function gave(value) {
  if (value === null || typeof value !== 'object') return SUCCESS;
  const status = peek(value, 'status');
  return status === 429 || (typeof status === 'number' && status >= 500 && status <= 599) ? held(value, status) : SUCCESS;
}
const usual = (isError, result) => (isError ? failed(result) : gave(result));

/** What `classify` said; undefined when it said nothing that counts. */
function said(answer) {
  if (OUTCOMES.includes(answer)) return { outcome: answer, retryAfterMs: 0 };
  const outcome = peek(answer, 'outcome');
  if (!OUTCOMES.includes(outcome)) return undefined;
  const ms = peek(answer, 'retryAfterMs');
  return { outcome, retryAfterMs: ms > 0 && ms <= Number.MAX_SAFE_INTEGER ? ms : 0 };
}

/** `{ outcome, retryAfterMs }` of work that ended so. A `classify` that fails or says nothing leaves it at the usual. */
function outcomeOf(classify, isError, result) {
  if (classify === undefined) return usual(isError, result);
  try {
    return said(isError ? classify(result, undefined) : classify(undefined, result)) ?? usual(isError, result);
  } catch {
    return usual(isError, result);
  }
}

module.exports = { outcomeOf };
