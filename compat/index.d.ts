// The drop-ins, all in one: `import { RateLimiter } from 'sluice/compat'`.
export * from './batch-processor.js';
export * from './qstash-queue.js';
