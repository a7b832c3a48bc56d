'use strict';
// What suites of RateLimiter share: limiters on fake timers, closed after each test, and an environment without their variables.
const { RateLimiter } = require('sluice/compat/rate-limiter');

const own = { ...process.env };
const VARIABLES = ['ENABLE_PERFORMANCE_OPTIMIZATION', 'QSTASH_RATE_LIMIT', 'QSTASH_RATE_WINDOW', 'QSTASH_ADAPTIVE_RATE', 'QSTASH_MIN_RATE', 'QSTASH_MAX_RATE'];
const open = [];
const make = (...given) => {
  const limiter = new RateLimiter(...given);
  open.push(limiter);
  return limiter;
};
/** To be called once by a suite. */
function useLimiters() {
  beforeEach(() => {
    for (const name of VARIABLES) delete process.env[name];
    jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
  });
  afterEach(() => {
    process.env = { ...own };
    open.splice(0).forEach((limiter) => void limiter.close());
    jest.useRealTimers();
    jest.restoreAllMocks();
  });
}
const pass = (ms) => jest.advanceTimersByTimeAsync(ms);
const after = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

module.exports = { make, useLimiters, pass, after };
