// The drop-ins, all in one: `import { RateLimiter } from 'sluice/compat'`.
export { getRequestBody } from './get-request-body';
export { handleStream, type HandleStreamOptions } from './handle-stream';
export {
  RateLimiter, createRateLimiter, upstashRateLimiter, type RateLimiterOptions, type RateLimiterStats, type RateLimiterStatus,
} from './rate-limiter';
export { SlidingWindowLimiter, type SlidingWindowLimiterOptions } from './sliding-window-limiter';
