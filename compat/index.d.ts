// The drop-ins, all in one: `import { RateLimiter } from 'sluice/compat'`.
export { CacheService, type BatchOperation, type BatchOperationResult, type CacheServiceOptions, type WarmupKey } from './cache-service';
export { LocalCache, type LocalCacheOptions } from './local-cache';
export { BatchProcessor, type BatchProcessorConfig } from './batch-processor';
export { getRequestBody } from './get-request-body';
export { handleStream, type HandleStreamOptions } from './handle-stream';
export {
  QstashQueue, type Accepted, type DeadLetterStore, type Delivered, type PublishOptions, type Published, type QstashClient, type QstashDeadLetter,
  type QstashQueueOptions, type QueuedTask, type Repeated,
} from './qstash-queue';
export {
  RateLimiter, createRateLimiter, upstashRateLimiter, type RateLimiterOptions, type RateLimiterStats, type RateLimiterStatus,
} from './rate-limiter';
export { RequestLimiter, type RequestLimit, type RequestLimiterOptions, type RequestLimiterStats, type RequestRule } from './request-limiter';
export { SlidingWindowLimiter, type SlidingWindowLimiterOptions } from './sliding-window-limiter';
