// The drop-ins, all in one: `import { RateLimiter } from 'sluice/compat'`.
export {};
