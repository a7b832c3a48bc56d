// Memory, Redis and disk behind the names that services know: see docs/migrate.md.
import type { CacheStats, GetOptions, RedisOption, RedisTierOptions, SetOptions, TieredCache, TieredCacheOptions } from '../index.js';

export interface WarmupKey { key: string | number; loader?: () => unknown; /** In place of a loader. */ value?: unknown; /** Seconds. @default 3600 */ ttl?: number }
export interface CacheServiceOptions extends Omit<TieredCacheOptions, 'redis'> {
  /** As TieredCache takes it; null and false: none. @default REDIS_URL, else none */
  redis?: RedisOption | RedisTierOptions | false | null;
  /** Where L3 is, not whether. @default CACHE_L3_PATH, else a folder of this object's own under the system's temporary one, which goes with it */
  l3Path?: string;
  /** L3 as TieredCache takes it: wins over `l3Path` and over every switch. @default on, unless CACHE_L3_ENABLED or ENABLE_PERFORMANCE_OPTIMIZATION say no */
  disk?: TieredCacheOptions['disk'];
  /** Keys that no tier has are remembered until they are set. @default on where there is Redis or disk, unless CACHE_BLOOM_FILTER or ENABLE_PERFORMANCE_OPTIMIZATION say no */
  negative?: TieredCacheOptions['negative'];
  /**
   * What is loaded when it is not there yet: with the first use, by `schedule`, and by preheat(). `enabled` wins over
   * CACHE_WARMUP_ENABLED (on) and ENABLE_PERFORMANCE_OPTIMIZATION. `schedule` is a cron expression (CACHE_WARMUP_SCHEDULE); it is run
   * by the package `croner` when the application has it, else a warning says that it does not run. `concurrency`: 10.
   */
  warmup?: { enabled?: boolean; schedule?: string; keys?: WarmupKey[]; concurrency?: number };
}
export type BatchOperation =
  | { type: 'get'; key: string | number; /** @default 'json' */ as?: 'json' | 'text' | 'buffer'; options?: GetOptions }
  | { type: 'set'; key: string | number; value: unknown; ttl?: number; options?: SetOptions }
  | { type: 'delete'; key: string | number; options?: { pattern?: boolean } };
/** `value` of a get, `deleted` of a delete, `error` of what was refused. */
export interface BatchOperationResult { success: boolean; key: string | number; value?: any; deleted?: boolean; error?: Error }

/** Options of TieredCache with three tiers by default; names that are not its own are ignored. After destroy() everything is ERR_CLOSED. */
export class CacheService {
  constructor(options?: CacheServiceOptions);
  /** The engine under it. */
  readonly cache: TieredCache;
  /** Connects and opens; with the first use when it is not called. A tier that cannot be had does not reject. */
  initialize(): Promise<void>;
  /** The value as it was set, or null; 'text': its text (JSON of what is no string), 'buffer': the bytes of that. */
  get<T = any>(key: string | number, type?: 'json', options?: GetOptions): Promise<T | null>;
  get(key: string | number, type: 'text', options?: GetOptions): Promise<string | null>;
  get(key: string | number, type: 'buffer', options?: GetOptions): Promise<Buffer | null>;
  /** Whether every tier that was asked took it. `ttlSeconds` of 0 or less deletes the key. @default 3600 */
  set(key: string | number, value: unknown, ttlSeconds?: number | null, options?: SetOptions): Promise<boolean>;
  /** Whether anything was there, in any tier. With `pattern` it is a glob as Redis has them, with false a key as it is. @default a glob when there is a star in it */
  delete(keyOrPattern: string | number, options?: { pattern?: boolean }): Promise<boolean>;
  /** Loads what is not there. @default the keys of `warmup` */
  preheat(keys?: WarmupKey[] | null, options?: { concurrency?: number; onProgress?: (done: number, total: number) => void }): Promise<{ success: number; failed: number; totalTime: number }>;
  /** Many at once, begun in their order: a get behind a set of its key sees it. A deletion by pattern runs alone, between those before and those behind it. One that is refused fails alone. */
  batchOperation(operations: BatchOperation[]): Promise<BatchOperationResult[]>;
  /** Rates are texts, "90.00%". */
  getStats(): CacheStats;
  resetStats(): void;
  /** @default all keys */
  listKeys(prefix?: string | null, limit?: number | null): Promise<string[]>;
  /** Waits for what was accepted; a folder of its own goes. Idempotent. */
  destroy(): Promise<void>;
}
