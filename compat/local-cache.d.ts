// A Map with a time per entry, bounded: see docs/migrate.md.

export interface LocalCacheOptions {
  /** Entries at most; which leave first is the engine's choice, the rarely used ones. @default 10000 */
  maxEntries?: number;
  /** Milliseconds since 1970. @default () => Date.now(), looked up at each call */
  now?: () => number;
}
/**
 * Values by reference: what is changed outside is changed inside. A value lives through the last millisecond of its TTL.
 * A key that is no string is taken as `String(key)`; a string with a lone surrogate, or that starts with U+0001, is ERR_VALUE.
 */
export class LocalCache {
  constructor(options?: LocalCacheOptions);
  /** Entries held, expired ones that nobody asked for since among them. */
  readonly size: number;
  /**
   * `ttlMs`: Infinity for no end; 0 or less stores nothing, and what was there goes, as it does for a value of undefined.
   * ERR_INVALID_OPTION for what is no number. @default 600000
   */
  set(key: string | number, value: unknown, ttlMs?: number | null): void;
  /** The value, or null. */
  get<T = any>(key: string | number): T | null;
  /** Whether there was one. */
  del(key: string | number): boolean;
  clear(): void;
  /** Whether a live entry has that value: the same JSON text, or where JSON has none, the same by ===. */
  isUnchanged(key: string | number, value: unknown): boolean;
  /**
   * The value, else the loader's, which runs once for all who ask meanwhile and gets no argument. Its null is stored and is
   * an answer, its undefined is not stored; what it throws rejects its callers. A set, del or clear during the load wins.
   */
  getOrSet<T>(key: string | number, loader: () => T | Promise<T>, ttlMs?: number | null): Promise<T>;
}
