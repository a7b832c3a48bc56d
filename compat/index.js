'use strict';
// The drop-ins. Names are listed one by one so that they work as ESM named imports; each has a subpath of its own too.
const { CacheService } = require('./cache-service');
const { LocalCache } = require('./local-cache');
const { BatchProcessor } = require('./batch-processor');
const { getRequestBody } = require('./get-request-body');
const { handleStream } = require('./handle-stream');
const { QstashQueue } = require('./qstash-queue');
const { RateLimiter, createRateLimiter, upstashRateLimiter } = require('./rate-limiter');
const { RequestLimiter } = require('./request-limiter');
const { SlidingWindowLimiter } = require('./sliding-window-limiter');

module.exports = {
  CacheService,
  LocalCache,
  BatchProcessor,
  QstashQueue,
  RateLimiter,
  createRateLimiter,
  upstashRateLimiter,
  SlidingWindowLimiter,
  RequestLimiter,
  getRequestBody,
  handleStream,
};
