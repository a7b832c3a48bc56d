'use strict';
// The drop-ins. Names are listed one by one so that they work as ESM named imports; each has a subpath of its own too.
const { CacheManager } = require('./cache-manager');
const { CacheService } = require('./cache-service');
const { FileCache } = require('./file-cache');
const { LocalCache } = require('./local-cache');
const { RedisClient } = require('./redis-client');
const { BatchProcessor } = require('./batch-processor');
const { getRequestBody } = require('./get-request-body');
const { handleStream } = require('./handle-stream');
const { LocalBufferQueue } = require('./local-buffer-queue');
const { QstashQueue } = require('./qstash-queue');
const { RateLimiter, createRateLimiter, upstashRateLimiter } = require('./rate-limiter');
const { RequestLimiter } = require('./request-limiter');
const { SlidingWindowLimiter } = require('./sliding-window-limiter');

module.exports = {
  CacheManager,
  CacheService,
  FileCache,
  LocalCache,
  RedisClient,
  BatchProcessor,
  LocalBufferQueue,
  QstashQueue,
  RateLimiter,
  createRateLimiter,
  upstashRateLimiter,
  SlidingWindowLimiter,
  RequestLimiter,
  getRequestBody,
  handleStream,
};
