import type { Outcome } from '../index';

export interface RateLimiterOptions {
  /** Where lowering ends. @default half the limit; QSTASH_MIN_RATE, 3 for a limiter from the environment */
  minRequests?: number;
  /** Where raising ends. @default twice the limit; QSTASH_MAX_RATE, 10 for a limiter from the environment */
  maxRequests?: number;
  /** @default false; QSTASH_ADAPTIVE_RATE for a limiter from the environment */
  adaptive?: boolean;
  /** Milliseconds between two adjustments. @default 60000 */
  adjustmentInterval?: number;
  /** In metrics. @default '' */
  name?: string;
  /** Those who may wait; more is ERR_LIMIT_EXCEEDED. @default 10000 */
  maxQueue?: number;
  /** How a result or error of execute() counts. @default errors fail, and so does a value whose `status` is 429 or 5xx */
  classify?: (error: unknown, value: unknown) => Outcome | { outcome: Outcome; retryAfterMs: number };
  /** Is told of adjustments. @default nobody */
  logger?: { info?: (text: string) => void };
  /** Milliseconds. @default () => Date.now() */
  now?: () => number;
}
export interface RateLimiterStats { totalRequests: number; throttledRequests: number; averageLatency: number; lastAdjustment: number }
export interface RateLimiterStatus { maxRequests: number; currentTokens: number; windowMs: number; stats: RateLimiterStats; isAdaptive: boolean }

/** So many calls per window to one upstream, more or fewer by how they end. See docs/migrate.md. */
export class RateLimiter {
  /** Without `maxRequests` limit, bounds and adaptation are those of the environment: QSTASH_RATE_LIMIT 5, QSTASH_RATE_WINDOW 60000, and so on. */
  constructor(maxRequests?: number | null, windowMs?: number | null, options?: RateLimiterOptions | null);
  maxRequests: number;
  windowMs: number;
  /** Permits that are left. */
  tokens: number;
  lastRefill: number;
  minRequests: number;
  maxRequestsLimit: number;
  adaptive: boolean;
  adjustmentInterval: number;
  successCount: number;
  failureCount: number;
  stats: RateLimiterStats;
  logger?: RateLimiterOptions['logger'];
  classify?: RateLimiterOptions['classify'];
  now?: () => number;
  /** First come, first served. */
  acquire(): Promise<true>;
  execute<T>(fn: () => T | PromiseLike<T>): Promise<T>;
  /** All permits of the new limit are there at once. */
  updateConfig(maxRequests?: number | null, windowMs?: number | null): void;
  getStatus(): RateLimiterStatus;
  resetStats(): void;
  /** The rule, for suites that drive it by hand; nothing where `adaptive` is false. */
  _adjustIfNeeded(): void;
  close(): Promise<void>;
}
/** @default maxRequests 10, which is also where raising ends; windowMs 60000 */
export function createRateLimiter(config?: (RateLimiterOptions & { windowMs?: number }) | null): RateLimiter;
/** By the environment, which is read when it is used first. */
export const upstashRateLimiter: RateLimiter;
