'use strict';
// A buffer's options as the machine takes them.

function settingsOf(config, pull) {
  const { backoff } = config;
  return {
    batchSize: config.batchSize,
    batchBytes: config.batchBytes ?? Infinity,
    batchTimeoutMs: config.batchTimeout,
    adaptive: config.adaptive,
    concurrency: config.concurrency,
    handlerTimeoutMs: config.handlerTimeoutMs,
    maxSize: config.maxSize,
    overflow: config.overflow,
    highWater: config.highWater,
    retries: config.retries,
    backoffMinMs: backoff.minMs,
    backoffMaxMs: backoff.maxMs,
    backoffFactor: backoff.factor,
    backoffJitter: backoff.jitter,
    maxDeadLetters: config.maxDeadLetters,
    pull,
    durable: config.durable !== undefined,
  };
}

module.exports = { settingsOf };
