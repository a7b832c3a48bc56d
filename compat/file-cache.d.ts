// The disk tier alone: see docs/migrate.md. What FileCaches wrote as files is not read; the store lies beside it in the folder.

export interface FileCacheOptions {
  /** A folder on a local disk, shared by all processes of the host that have it. @default 'cache', in the working directory */
  basePath?: string;
  /** Seconds, above 0; Infinity: no end. @default 86400 */
  ttl?: number;
  /** Bytes of what is stored; what has not been asked for goes when there are more. @default 1 GiB */
  maxBytes?: number;
}
/** Before connect() and after disconnect() everything but those rejects with `Error('Not connected')`. */
export class FileCache {
  constructor(options?: FileCacheOptions);
  /** Of the next connect(). */
  basePath: string;
  /** Of entries that are set from now on. */
  ttl: number;
  /** Makes the folder; rejects when it cannot be had. Once connected, it does nothing. */
  connect(): Promise<void>;
  /** A value of one's own at each call, as it was set, or null; 'text': its text (JSON of what is no string), 'buffer': the bytes of that. */
  get<T = any>(key: string | number, type?: 'json'): Promise<T | null>;
  get(key: string | number, type: 'text'): Promise<string | null>;
  get(key: string | number, type: 'buffer'): Promise<Buffer | null>;
  /** True when the disk took it. `ttlSeconds` of 0 or less deletes. @default the cache's */
  set(key: string | number, value: unknown, ttlSeconds?: number | null): Promise<boolean>;
  /** Whether it was there. */
  delete(key: string | number): Promise<boolean>;
  exists(key: string | number): Promise<boolean>;
  /** Keys of live entries. @default all */
  listKeys(prefix?: string | null): Promise<string[]>;
  /** Writes down what was accepted. Idempotent; connect() may follow. */
  disconnect(): Promise<void>;
}
