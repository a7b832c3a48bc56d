// Keys by entity, TTLs by type and counts on a RedisClient: see docs/migrate.md.
import type { RedisLike } from '../index';
import type { RedisClient, RedisClientOptions } from './redis-client';

type Part = string | number | boolean | object | null | undefined;
/** No method throws: while Redis is away there are null, false and 0, and gets count as misses. */
export class CacheManager {
  /** A RedisClient (or what has its methods), or what makes one. */
  constructor(options?: RedisClient | RedisClientOptions | RedisLike);
  redis: RedisClient;
  stats: { hits: number; misses: number };
  /** `namespace:entity:id:extra` by cacheKey(): parts are escaped, so that two things never have one key; an object goes in by hashKey(). */
  generateKey(namespace: Part, entity: Part, id?: Part, extra?: Part): string;
  /** Seconds: 60 for 'dashboard', 'keys', 'stats' and any other, 300 for 'trend'. */
  getTTL(type?: string): number;
  /** The value, decoded anew at each call, or null. */
  get<T = any>(key: string | number): Promise<T | null>;
  /** @default getTTL() */
  set(key: string | number, value: unknown, ttlSeconds?: number | string | null): Promise<boolean>;
  delete(key: string | number): Promise<boolean>;
  deletePattern(pattern: string): Promise<number>;
  /** Deletes the keys that have the id as a part of theirs behind the namespace: how many there were. User 1 is not user 12; an id that is not there is nobody's. */
  invalidateUser(userId: Part): Promise<number>;
  /** The same, of a key's id; or of one key of this cache, as generateKey() gave it. */
  invalidateKey(key: Part): Promise<number>;
  invalidateNamespace(namespace: Part): Promise<number>;
  /** `hitRate`: "75.00%". */
  getStats(): { hits: number; misses: number; hitRate: string };
  isConnected(): boolean;
  getClient(): any;
  disconnect(): Promise<void>;
}
