// The drop-ins, all in one: `import { RateLimiter } from 'sluice/compat'`.
export * from './cache-service.js';
export * from './local-cache.js';
