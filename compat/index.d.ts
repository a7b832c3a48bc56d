// The drop-ins, all in one: `import { RateLimiter } from 'sluice/compat'`.
export { CacheManager } from './cache-manager';
export { CacheService, type BatchOperation, type BatchOperationResult, type CacheServiceOptions, type WarmupKey } from './cache-service';
export { FileCache, type FileCacheOptions } from './file-cache';
export { LocalCache, type LocalCacheOptions } from './local-cache';
export { RedisClient, type RedisClientOptions } from './redis-client';
export { BatchProcessor, type BatchProcessorConfig } from './batch-processor';
export { getRequestBody } from './get-request-body';
export { handleStream, type HandleStreamOptions } from './handle-stream';
export { LocalBufferQueue, type LocalBufferQueueOptions, type LocalMessage, type LocalQueueMetrics } from './local-buffer-queue';
export {
  QstashQueue, type Accepted, type DeadLetterStore, type Delivered, type PublishOptions, type Published, type QstashClient, type QstashDeadLetter,
  type QstashQueueOptions, type QueuedTask, type Repeated,
} from './qstash-queue';
export {
  RateLimiter, createRateLimiter, upstashRateLimiter, type RateLimiterOptions, type RateLimiterStats, type RateLimiterStatus,
} from './rate-limiter';
export { RequestLimiter, type RequestLimit, type RequestLimiterOptions, type RequestLimiterStats, type RequestRule } from './request-limiter';
export { SlidingWindowLimiter, type SlidingWindowLimiterOptions } from './sliding-window-limiter';
