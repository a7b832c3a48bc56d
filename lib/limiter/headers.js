'use strict';
// What a client is told of its limit. Seconds are rounded up: whoever waits as long as it is told is not too early.
const { oneOf, wrongType } = require('../options');

const readStyle = oneOf(['ietf', 'legacy', 'both'], 'ietf');
const seconds = (ms) => Math.ceil(ms / 1000);

/** Headers of what a check found: `RateLimit` and `RateLimit-Policy`, `X-RateLimit-*`, and `Retry-After` when it was refused. */
function rateLimitHeaders(result, style) {
  if (result === null || typeof result !== 'object' || typeof result.limit !== 'number') throw wrongType('result', 'what check() returns', result);
  const which = readStyle(style, 'style');
  const { allowed, remaining, limit, windowMs, retryAfterMs, resetMs } = result;
  const headers = {};
  if (which !== 'legacy') {
    headers['RateLimit-Policy'] = `"default";q=${limit};w=${Math.max(1, seconds(windowMs))}`;
    headers.RateLimit = `"default";r=${remaining};t=${seconds(resetMs)}`;
  }
  if (which !== 'ietf') {
    headers['X-RateLimit-Limit'] = String(limit);
    headers['X-RateLimit-Remaining'] = String(remaining);
    headers['X-RateLimit-Reset'] = String(seconds(resetMs));
  }
  if (!allowed) headers['Retry-After'] = String(Math.max(1, seconds(retryAfterMs)));
  return headers;
}

module.exports = { rateLimitHeaders };
