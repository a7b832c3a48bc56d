'use strict';
// What suites of options share: buffers and limiters that are closed when the suite ends.
const sluice = require('sluice');

const buffers = [];
const buffer = (options, handler = () => {}) => {
  const made = new sluice.BatchBuffer(handler, options);
  buffers.push(made);
  return made;
};
const limiters = [];
const limiter = (options, Limiter = sluice.AdaptiveLimiter) => {
  const made = new Limiter(options);
  limiters.push(made);
  return made;
};
/** Limits that are never reached. */
const ample = limiter({ limit: 1000 });
const keyed = limiter({ windowMs: 1000, maxRequests: 1000 }, sluice.KeyedLimiter);
/** A buffer that is asked for something and for the items' sake never hands them over. */
const idle = buffer({ maxSize: 10_000, batchSize: 10_000 }, null);
/** Closes what was made. */
async function closeAll() {
  await Promise.all(limiters.map((one) => one.close()));
  await Promise.all(buffers.map((one) => one.close({ timeoutMs: 1 })));
}

module.exports = { buffer, limiter, ample, keyed, idle, closeAll };
