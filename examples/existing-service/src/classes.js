'use strict';
// Where the service gets its classes from: the one file to change. Each line may be changed alone, and back.
const { LocalCache } = require('./local-cache');
const { CacheService } = require('./cache-service');
const { FileCache } = require('./file-cache');
const { RedisClient } = require('./redis-client');
const { CacheManager } = require('./cache-manager');
const { RateLimiter, createRateLimiter, upstashRateLimiter } = require('./rate-limiter');
const { SlidingWindowLimiter } = require('./sliding-window-limiter');
const { RequestLimiter } = require('./request-limiter');
const { QstashQueue } = require('./qstash-queue');
const { LocalBufferQueue } = require('./local-buffer-queue');
const { BatchProcessor } = require('./batch-processor');
const { getRequestBody } = require('./get-request-body');
const { handleStream } = require('./handle-stream');

module.exports = {
  LocalCache, CacheService, FileCache, RedisClient, CacheManager, RateLimiter, createRateLimiter, upstashRateLimiter,
  SlidingWindowLimiter, RequestLimiter, QstashQueue, LocalBufferQueue, BatchProcessor, getRequestBody, handleStream,
};
