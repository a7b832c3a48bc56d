// Redis alone, as plain JSON under the keys as they are: see docs/migrate.md.
import type { MemoryTierOptions, RedisCommon, RedisLike } from '../index';

export interface RedisClientOptions extends Omit<RedisCommon, 'format' | 'db'> {
  /** @default REDIS_HOST, else 127.0.0.1 */
  host?: string;
  /** @default REDIS_PORT, else 6379 */
  port?: number | string;
  /** @default REDIS_PASSWORD, else none */
  password?: string;
  /** @default REDIS_DB, else 0 */
  db?: number | string;
  /** A client that the application has: ioredis, node-redis, a mock. It is used as it is, and never closed. */
  client?: RedisLike;
  /** Before each key. @default '' */
  keyPrefix?: string;
  /** Copies in this process's memory, never served while Redis is down; with a `keyPrefix`, others' writes drop them at once. @default false */
  memory?: false | Omit<MemoryTierOptions, 'store' | 'near' | 'sizeOf'>;
}
/** Connects when it is made, and keeps no process alive. No method throws: while Redis is away, after disconnect() and for what cannot be stored there are null, false, -2 and 0. */
export class RedisClient {
  constructor(options?: RedisClientOptions | RedisLike);
  /** The application's own client, or undefined. Another one may be set, also after disconnect(); null ends it as disconnect() does. */
  client: RedisLike | null | undefined;
  isConnected(): boolean;
  /** The value, decoded anew at each call, or null. What others wrote is read as JSON, else as text. */
  get<T = any>(key: string | number): Promise<T | null>;
  /** Whether Redis took it. Without `ttlSeconds`, or with 0, it has no end; what is no number is false. */
  set(key: string | number, value: unknown, ttlSeconds?: number | string | null): Promise<boolean>;
  /** Whether it was there. */
  delete(key: string | number): Promise<boolean>;
  /** Whole seconds, rounded up: -1 no end, -2 no such key. */
  getTTL(key: string | number): Promise<number>;
  /** How many keys the glob matched. By SCAN and UNLINK, in steps. */
  deletePattern(pattern: string): Promise<number>;
  /** Ends the connection; a client that was given stays open. */
  disconnect(): Promise<void>;
  /** The client that was given; else one of `ioredis`, made with the first call and ended by disconnect(), where the application has that package, else null. */
  getClient(): any;
}
