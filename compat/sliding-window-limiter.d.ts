import type { KeyedLimiterOptions } from '../index';

export interface SlidingWindowLimiterOptions extends Partial<KeyedLimiterOptions> {
  /** @default 60000 */
  windowMs?: number;
  /** 0 denies. @default 100 */
  maxRequests?: number;
  /** Before each key. @default '' */
  keyPrefix?: string;
}
/** So many requests in any window for each key. See docs/migrate.md. */
export class SlidingWindowLimiter {
  constructor(options?: SlidingWindowLimiterOptions);
  windowMs: number;
  maxRequests: number;
  keyPrefix: string;
  now?: () => number;
  /** A denied request costs nothing. */
  checkLimit(key: string | number): Promise<boolean>;
  /** Milliseconds; 0 when the next request would pass. */
  getRetryAfter(key: string | number): number;
  reset(key: string | number): void;
  close(): Promise<void>;
}
