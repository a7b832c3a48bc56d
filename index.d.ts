/**
 * sluice: tiered cache, batch buffer, limiters, stream assembly and body intake, native.
 *
 * Units: `ttl` is in seconds, fractions allowed; names ending in `Ms` are milliseconds, in `Bytes` bytes. `batchTimeout`, `getRetryAfter`,
 * `averageLatency` and `totalTime` are milliseconds too. A miss is `null`. Defaults stand behind `@default`.
 * Options are checked by name: an unknown name, a wrong type or a value out of range is ERR_INVALID_OPTION, a TypeError
 * or RangeError that names the option, its range and the value it got.
 * Mistakes of the caller: constructors and synchronous functions throw, functions that return a promise reject.
 * Errors are of the caller's realm; docs/errors.md lists their codes, classes, fields and messages.
 * Needs TypeScript >= 5.4 and @types/node >= 20.16. An "Error" that comes in is whatever is one in any realm:
 * `instanceof`, `util.types.isNativeError`, or the tag `[object Error]` / `[object DOMException]`.
 */
/// <reference types="node" />
import type { IncomingMessage, ServerResponse, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Readable, Transform, Writable } from 'node:stream';
import type { EventEmitter } from 'node:events';

// ---- errors

/** Every error this package makes carries one of these in `err.code`; a message may change, a code may not. */
export type SluiceErrorCode =
  | 'ERR_PLATFORM'            // no binary for this platform; the message names the package to install
  | 'ERR_INVALID_OPTION'      // RangeError or TypeError: names the option, the range and the value it got
  | 'ERR_CLOSED'              // used after close(); an item that close() did not deliver (err.kept: whether it is on disk)
  | 'ERR_TIMEOUT'             // a body that did not arrive in time (err.status = err.statusCode = 408), a loader or a batch handler that did not end in time, a limiter's turn that did not come in time; err.timeoutMs
  | 'ERR_ABORTED'             // an AbortSignal fired (err.cause is signal.reason), or the client left a pipe
  | 'ERR_INTERNAL'            // a contained panic: the object is unusable, the process is not
  | 'ERR_VALUE'               // a value that the codec cannot encode, a key that is none
  | 'ERR_REDIS'               // only in 'degraded' events; err.cause is what the server or the socket said
  | 'ERR_STORE_LOCKED'        // another process owns it (exclusive stores only)
  | 'ERR_STORE_CORRUPT'       // set aside under a new name, never deleted; err.path says where
  | 'ERR_STORE_IO'            // a full disk, a missing right, a folder that is gone: in 'degraded' events, and to callers of a durable buffer
  | 'ERR_QSTASH'              // QStash refused (err.status, err.headers), did not answer (err.cause) or cannot be understood
  | 'ERR_LIMIT_EXCEEDED'      // a limiter whose queue is full; err.retryAfterMs: when its window has room, 0 when only work that ends makes room
  | 'ERR_BUFFER_FULL'         // a batch buffer at maxSize, or its log at maxBytes; an item that was dropped for a newer one
  | 'ERR_UNSUPPORTED'         // a dialect cannot say it; err.pointer
  | 'BODY_TOO_LARGE'          // err.status = err.statusCode = 413, err.limit, err.received, err.type = 'entity.too.large'
  | 'ERR_BODY_ABORTED' | 'ERR_BODY_LENGTH'        // err.status 400
  | 'ERR_BODY_ENCODING' | 'ERR_BODY_CHARSET'      // err.status 415
  | 'ERR_BODY_JSON'           // a SyntaxError without a status: services map it; err.offset (bytes), err.line, err.column (from 1)
  | 'ERR_STREAM_FRAME'        // a frame over its limit or not decodable; err.offset: where it starts, in bytes of the stream
  | 'ERR_STREAM_UPSTREAM';    // the provider reported an error inside the stream; err.provider holds its own object

// ---- redis, shared by engines

/**
 * A client that the application already has (ioredis, its Cluster, node-redis, a mock), used as it is and never closed.
 * Told by having `get`, `set` and `del`; what else it has is used: `pttl`, `pipeline` or `multi`, `scan` or
 * `scanIterator`, `unlink`, `eval`. Without a method its operation is not there: counted, never a TypeError.
 */
export interface RedisLike {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, ...args: any[]): Promise<unknown>;
  del(...keys: any[]): Promise<number>;
}
export interface RedisCommon {
  /** ACL user. @default none. Own connection only, as the next three and connectTimeoutMs. */
  username?: string;
  /** @default none */
  password?: string;
  /** Database number. @default 0 */
  db?: number;
  /** `true`: the system's authorities; an object: PEM texts, the name the certificate must carry, false for any certificate. @default on for `rediss:` URLs */
  tls?: boolean | { ca?: string | Buffer; cert?: string | Buffer; key?: string | Buffer; servername?: string; rejectUnauthorized?: boolean };
  /** Before each key. No lone surrogates; does not start with U+0001. @default 'sluice:'; '' for an injected client */
  keyPrefix?: string;
  /** Of one try. @default 5000 */
  connectTimeoutMs?: number;
  /** One deadline for a call, tries included. @default 250 */
  commandTimeoutMs?: number;
  /** After so many failed calls in a row Redis is left alone but for a probe. false: the caller has a breaker. @default { failures: 5, probeMs: 1000 } */
  breaker?: false | { failures?: number; probeMs?: number };
  /** 'tagged': type, version, deadline and bytes. 'plain': JSON text with EX, as other writers have it. Both are always read. @default 'tagged'; 'plain' for an injected client */
  format?: 'tagged' | 'plain';
}
/** Exactly one of `url`, `sentinel`, `client`. */
export type RedisConnection = RedisCommon & (
  /** `redis://`, or `rediss://` for TLS; several are the nodes of a cluster. */
  | { url: string | string[] }
  | { sentinel: { masterName: string; nodes: string[]; password?: string } }
  | { client: RedisLike });
export type RedisOption = string | RedisConnection | RedisLike;
/** 'off': not configured. 'down': configured, and not to be had at the moment; the cache goes on without. */
export interface Health { redis: 'up' | 'down' | 'off'; disk: 'up' | 'down' | 'off' }

// ---- cache

export interface MemoryTierOptions {
  /**
   * 'reference': live values, nothing serialised (cyclic values, functions, class instances); not with `shared`.
   * 'bytes': encoded, off the heap. @default 'reference' when memory is the only tier and not shared, else 'bytes'
   */
  store?: 'reference' | 'bytes';
  /** Bytes off the heap ('bytes'), or as `sizeOf` counts them ('reference'; without it only maxEntries rules). @default 64 MiB */
  maxBytes?: number;
  /** At most 15,000,000 for 'reference'. @default 10000 for 'reference'; ruled by maxBytes for 'bytes' */
  maxEntries?: number;
  /** 'reference' only: what a value weighs, called once per set. @default not weighed */
  sizeOf?: (value: unknown, key: string) => number;
  /** Seconds. Longest time a copy is served without asking the next tier, while nothing tells us of changes. Ignored when memory is the only tier. @default 10 */
  ttl?: number;
  /** What leaves first. 'lfu' is 'tinylfu'. @default 's3fifo', the best of the benchmark */
  policy?: 'lru' | 'lfu' | 'tinylfu' | 's3fifo';
  /** 'bytes' only: decoded values held on the heap of this thread in front of the bytes. `false`: decode on every hit. @default { maxEntries: 5000 } */
  near?: false | { maxEntries?: number };
  /** 'bytes' only. Instances with one name, in any worker thread of the process, share one memory tier. Other options under the same name: ERR_INVALID_OPTION. @default not shared */
  shared?: string;
}
export type RedisTierOptions = RedisConnection & {
  /** Cap, seconds; Infinity: none. @default 3600 */
  ttl?: number;
  /** Server-assisted invalidation (client tracking): another instance's write drops our memory copy. Needs a keyPrefix. @default true; false for an injected client, which has none */
  tracking?: boolean;
  /** While Redis is down: serve what memory and disk have, or miss. @default 'serve' */
  whenDown?: 'serve' | 'miss';
  /** Compress values from so many bytes. @default false; minBytes 1024 */
  compress?: false | { minBytes?: number };
};
export interface DiskTierOptions {
  /** A directory, shared by all processes of the host. Not on a network file system. */
  path: string;
  /** Cap, seconds; Infinity: none. @default 86400 */
  ttl?: number;
  /** Of what is stored; the files take up to twice that and 64 MiB. @default 1 GiB */
  maxBytes?: number;
  /** Compress values from so many bytes. @default false; minBytes 1024 */
  compress?: false | { minBytes?: number };
}
/** At least one of memory, redis, disk. */
export interface TieredCacheOptions {
  /** In metrics and error texts. @default '' */
  name?: string;
  /** L1. @default {}: on */
  memory?: MemoryTierOptions | false;
  /** L2: a URL, options, or a client. @default false */
  redis?: string | RedisTierOptions | RedisLike | false;
  /** L3: a directory or options. @default false */
  disk?: string | DiskTierOptions | false;
  /** Share (0 to 1) of the TTL by which each deadline is moved, either way, drawn once per set; what is drawn is the deadline in all tiers. @default 0.1; 0 when memory is the only tier */
  jitter?: number;
  /**
   * Remember keys that no tier has, until one is set: own sets forget at once, those of others within the staleness
   * stated for the tiers; off for a Redis tier that tells nothing (injected, tracking refused or down).
   * `ttl` in seconds. @default false; ttl 60, maxKeys 100000
   */
  negative?: false | { ttl?: number; maxKeys?: number };
  /** 'v8' also keeps Date, Map, Set, BigInt and typed arrays. With either, Buffers and strings come back as such; with 'json' a Uint8Array comes back as a Buffer. @default 'json' */
  codec?: 'json' | 'v8';
  /** How long a caller waits for a loader that runs in another thread, process or host, before it runs its own. @default { waitMs: 1000 } */
  lease?: { waitMs?: number };
  /** Milliseconds since 1970: wall clock of memory and disk deadlines (Redis has its own), read at call time so that fake timers rule. @default () => Date.now() */
  now?: () => number;
  /** A number from 0 up to 1, for jitter. @default () => Math.random() */
  random?: () => number;
}
export interface GetOptions {
  /** Leave out memory, Redis, disk. @default false */
  skipL1?: boolean; skipL2?: boolean; skipL3?: boolean;
  /** Ends the wait with ERR_ABORTED. */
  signal?: AbortSignal;
}
export interface SetOptions {
  /** Leave out memory, Redis, disk. @default false */
  skipL1?: boolean; skipL2?: boolean; skipL3?: boolean;
  /** Caps for one entry in memory and on disk, seconds. @default the tiers' own */
  l1Ttl?: number; l3Ttl?: number;
  /** No jitter for this one. @default false */
  skipTtlRandomization?: boolean;
  /** Names by which `deleteByTag` finds it; a namespace has its own. @default [] */
  tags?: string[];
}
export interface LoadOptions extends SetOptions {
  /** Seconds. @default the longest tier's cap; none when memory is the only tier */
  ttl?: number;
  /** Serve the old value at once and refresh behind it, for this many seconds past its TTL. @default 0 */
  staleWhileRevalidate?: number;
  /** Serve the old value when the loader fails, for this many seconds past its TTL. @default 0 */
  staleIfError?: number;
  /** Give up waiting and serve stale (or reject with ERR_TIMEOUT). The load goes on, and its value is stored. @default no limit */
  timeoutMs?: number;
  /** Of this caller only: others go on waiting. */
  signal?: AbortSignal;
}
export interface LoadContext<T> {
  /** Fires when no caller waits any more, or on close(). */
  signal: AbortSignal;
  /** The value past its TTL that is still there, else null. */
  previous: T | null;
  /** Replaces the ttl, in seconds. 0: do not store. */
  setTtl(seconds: number): void;
}
export interface CacheStats {
  /** Hits and misses: each logical get counts once, whatever it asked. */
  totalRequests: number;
  hits: { l1: number; l2: number; l3: number };
  misses: number;
  /** "90.00%" */
  hitRate: string; l1HitRate: string; l2HitRate: string; l3HitRate: string;
  memory: { bytes: number; entries: number; evictions: number };
  /** Callers of getOrSet that waited for another caller's load. */
  coalesced: number;
  /** Misses that were known without asking. */
  negativeHits: number;
  staleServed: number;
  /** Calls that went on without a tier that was down. */
  degraded: number;
  droppedWrites: number;
  /** Values that could not be read; each was a miss. */
  damaged: number;
  /** Memory copies dropped because somebody else changed their key. */
  invalidations: number;
  /** Since when it counts: the making of the cache, or resetStats(). */
  since: Date;
}
interface CacheEvents {
  /** Once when it goes, once when it is back. */
  degraded: [tier: 'redis' | 'disk' | 'tracking', error: Error];
  recovered: [tier: 'redis' | 'disk' | 'tracking'];
  /** Keys that others changed, of which memory had copies. */
  invalidated: [keys: string[]];
  /** What left memory. */
  evicted: [key: string, reason: 'size' | 'expired'];
}
/**
 * L1 memory, L2 Redis, L3 disk. Reads fall through and fill upwards; one load per key at a time. Redis down is a slower
 * cache, never an error. See docs/cache.md.
 *
 * Keys are strings that UTF-8 can say, the empty one too, and do not start with U+0001: else ERR_VALUE, rejected or
 * thrown. After close() everything is ERR_CLOSED. A listener that throws does not break the cache.
 */
export class TieredCache extends EventEmitter<CacheEvents> {
  /** Cheap: nothing connects, opens or starts. Throws ERR_INVALID_OPTION. */
  constructor(options?: TieredCacheOptions);
  /** Connects and opens what is configured; called by the first use when not called before. A tier that cannot be had does not reject: 'degraded' and health() tell. */
  initialize(): Promise<void>;
  /** The value, or null. What was decoded on this thread is served again by reference. */
  get<T = unknown>(key: string, options?: GetOptions): Promise<T | null>;
  /** The value in memory, or null. */
  getSync<T = unknown>(key: string): T | null;
  /** Whether memory has it. Counts as no request. */
  hasSync(key: string): boolean;
  /** Writes to memory only: for caches whose only tier is memory, and for values that need not travel. `ttl` as for set(). */
  setSync(key: string, value: unknown, ttl?: number): void;
  /** True when there was a memory copy, which is removed; other tiers keep theirs. */
  deleteSync(key: string): boolean;
  /** Removes the memory copies; in a namespace those with its prefix. */
  clearSync(): void;
  /** The value with the tier that had it and the seconds left (Infinity: no expiry), or null: tells a stored null from a miss. `stale`: past its TTL and kept for `staleWhileRevalidate` or `staleIfError`, `ttl` 0; get() does not serve it. */
  getEntry<T = unknown>(key: string, options?: GetOptions): Promise<{ value: T; tier: 'l1' | 'l2' | 'l3'; ttl: number; stale: boolean } | null>;
  /** The value as bytes, to send on, or null: a Buffer as it is, a string as UTF-8, anything else as the codec wrote it. */
  getBytes(key: string, options?: GetOptions): Promise<Buffer | null>;
  /** Values in the order of the keys, null for a miss; each counts as a request. */
  getMany<T = unknown>(keys: string[], options?: GetOptions): Promise<(T | null)[]>;
  /**
   * True when every tier that was asked took it (disk: accepted, committed behind); false when one could not be reached
   * (counted, never thrown). `ttl` in seconds: above 0 and up to 4503599627370, Infinity for no expiry of its own, rounded to
   * the nearest millisecond and at least one. @default the longest tier's cap; no expiry when memory is the only tier.
   * Rejects with ERR_VALUE for undefined and for what the codec cannot say, with the key in `err.key`.
   */
  set(key: string, value: unknown, ttl?: number, options?: SetOptions): Promise<boolean>;
  /** As set(), for many: all are checked before the first is written. */
  setMany(entries: Iterable<[key: string, value: unknown, ttl?: number]>, options?: SetOptions): Promise<boolean>;
  /** True when anything was removed, from whatever tier. An exact key, literally, when it holds none of `*`, `?`, `[`; else a glob, where `\` escapes. */
  delete(keyOrPattern: string): Promise<boolean>;
  /** How many of these exact keys were there. */
  deleteMany(keys: string[]): Promise<number>;
  /** How many keys the glob matched, as Redis matches: `*`, `?`, `[a-z]`, `[^a]`, `\` escapes. */
  deletePattern(pattern: string): Promise<number>;
  /** How many keys carried the tag; with `format: 'plain'`, whose values carry none, those too that did before they were set anew. */
  deleteByTag(tag: string): Promise<number>;
  /** As delete() of an exact key, now and again after delayMs, against a racing reader that fills an old value back. Resolves after the first; a pending second runs at close. */
  deleteTwice(key: string, delayMs: number): Promise<boolean>;
  /**
   * The value, from the nearest tier that has it, else from the loader, which runs once for all callers of the key: on
   * this thread, and by leases in other threads, processes and hosts that share a tier. `options`: a number is the ttl.
   * What the loader throws rejects its callers and is not cached; its undefined is returned and not cached; what the
   * codec cannot say is ERR_VALUE. A set or delete during the load wins over it; with an injected client not one of
   * another host. Rejects with ERR_TIMEOUT, ERR_ABORTED.
   */
  getOrSet<T>(key: string, loader: (context: LoadContext<T>) => T | Promise<T>, options?: number | LoadOptions): Promise<T>;
  /** Whether any tier has it. Counts as no request. */
  has(key: string): Promise<boolean>;
  /** Seconds left, with fractions: -1 no expiry, -2 no such key. Counts as no request. */
  ttl(key: string): Promise<number>;
  /** Live keys with a prefix, from the widest tier, writes on their way included, in no order. @default '', limit 1000; Infinity: all */
  keys(prefix?: string, limit?: number): Promise<string[]>;
  /** Removes everything: with Redis all keys of its keyPrefix, in a namespace all keys of it. Rejects with ERR_INVALID_OPTION for Redis with neither. */
  clear(): Promise<void>;
  /** How many values were loaded or there already, how many loaders failed or had none, and the milliseconds it took. @default concurrency 10 */
  warmup(keys: { key: string; loader: () => unknown; ttl?: number }[], options?: { concurrency?: number; onProgress?: (done: number, total: number) => void }): Promise<{ success: number; failed: number; totalTime: number }>;
  /** A view whose keys all carry `prefix:`; it shares tiers, statistics and loads. clear() and close() on it concern the view only. */
  namespace(prefix: string): TieredCache;
  health(): Health;
  /** Counted by all threads that have a cache of that name, or by this cache when it has none. */
  getStats(): CacheStats;
  /** Counts from 0 again for this instance; metrics() goes on. */
  resetStats(): void;
  /** Waits for what was accepted, pending disk writes too, tells running loaders by their signal, lets everything go. Idempotent. */
  close(): Promise<void>;
  /** As close(); only where the realm has the symbol. */
  [Symbol.asyncDispose](): Promise<void>;
}
/**
 * `namespace:entity:id:extra`. `% : * ? [ ] \` and control characters inside a part are percent-encoded, so that such a
 * key never reads as a glob. A part left out between others is empty: `a:b::c`. Throws ERR_INVALID_OPTION for a part that
 * is no string, ERR_VALUE for lone surrogates.
 */
export function cacheKey(namespace: string, entity: string, id?: string, extra?: string): string;
/**
 * SHA-256, hex, of canonical JSON (RFC 8785) of what JSON.stringify would write: the order of members does not count.
 * undefined (as a member too), Map and Set (in any order), Date, BigInt and bytes are told apart by type from each other
 * and from any JSON. Throws ERR_VALUE for cycles, functions, symbols and what is nested too deeply.
 */
export function hashKey(input: unknown): string;

// ---- batch

export interface BatchContext {
  /** 1 on the first try. */
  attempt: number;
  /** Why the batch left now. */
  reason: 'size' | 'bytes' | 'timeout' | 'flush' | 'close' | 'idle' | 'retry';
  /** Aborted after `handlerTimeoutMs`, and when close() gives up waiting. */
  signal: AbortSignal;
  /** One per item, on every try the same: what an effect is to be done once for. '' for an item without one. */
  keys: string[];
  /** Of `groupBy`. */
  group: string;
}
/**
 * Resolves with one result per item (an Error in a slot rejects that item only), or with nothing. It is called before
 * the `add` that fills a batch returns; a throw rejects the batch, it never escapes `add`.
 */
export type BatchHandler<T, R> = (items: T[], context: BatchContext) => Promise<(R | Error)[] | void> | (R | Error)[] | void;
export interface BatchBufferOptions<T> {
  /** In metrics and error texts; with `durable` also the name of its queue in the directory. @default '' ('default' on disk) */
  name?: string;
  /** Items of a batch at most. @default 10; 100 when adaptive */
  batchSize?: number;
  /**
   * Bytes of a batch at most; an item above it goes alone. Counted are the bytes of a Buffer or typed array, the UTF-8 of a
   * string, the JSON of anything else: what JSON cannot say is then ERR_VALUE. @default unbounded: nothing is measured
   */
  batchBytes?: number;
  /** Milliseconds that an item waits for its batch to fill, on a JS timer. 0: the next turn of the event loop, without a timer. @default 100 */
  batchTimeout?: number;
  /** An idle buffer sends its first item at once, and what has come whenever a batch comes back: no waiting to tune. @default false */
  adaptive?: boolean;
  /** Batches with the handler at most. @default 1; 10 when adaptive */
  concurrency?: number;
  /** After that `context.signal` is aborted and the batch has failed with ERR_TIMEOUT; what its handler does later is not heard. Its timer is set when the code that runs has ended, so that `runAllTimers` of a suite does not meet it. 0: never. @default 30000 */
  handlerTimeoutMs?: number;
  /** Items accepted and not settled at most; items that wait for their next try count. @default 1000 */
  maxSize?: number;
  /**
   * At maxSize: wait for room, first come first served; reject with ERR_BUFFER_FULL; or drop the oldest that has not left,
   * with a 'dropped' event: its add() rejects with ERR_BUFFER_FULL, its enqueue() has resolved. @default 'wait'
   */
  overflow?: 'wait' | 'reject' | 'drop-oldest';
  /** Share of maxSize (0 to 1) at which 'highWater' is emitted, once until 'drained' below it. @default 0.8 */
  highWater?: number;
  /** Tries after the first. @default 3 */
  retries?: number;
  /**
   * The wait before another try, `minMs * factor ** n` up to `maxMs`, less a random share of up to `jitter` (0 to 1), and not
   * before a Retry-After of the failure: its `retryAfterMs`, or the header on the error or its `response`, in seconds or as a
   * date. An item that waits holds no place in flight. @default { minMs: 100, maxMs: 30000, factor: 2, jitter: 0.2 }
   */
  backoff?: { minMs?: number; maxMs?: number; factor?: number; jitter?: number };
  /**
   * Whether a failure is worth another try. Called once per error and batch; one that throws leaves it to the default.
   * @default everything but an error whose own or response status (`status`, `statusCode`, AWS's `$metadata`) is 4xx other than 408, 425, 429
   */
  retryable?: (error: Error) => boolean;
  /** Dead letters kept; the oldest goes first, with a 'dropped' event. 0 keeps none. @default 1000 */
  maxDeadLetters?: number;
  /** Batches hold items of one group only (a topic, a destination). What it throws rejects the item's add. @default one group, '' */
  groupBy?: (item: T) => string;
  /**
   * A directory, or options with one. `add` is accepted when the item is on disk, and comes back after a crash. Each process
   * of the host has a file of its own there and adopts those of dead owners. A file where the directory is wanted is
   * ERR_INVALID_OPTION. @default false
   */
  durable?: false | string | {
    path: string;
    /** What is pending and dead, as written; ERR_BUFFER_FULL above it. @default 1 GiB */
    maxBytes?: number;
    /** 'v8' also keeps Date, Map, Set, BigInt and typed arrays. What cannot be said is ERR_VALUE. @default 'json' */
    codec?: 'json' | 'v8';
    /** One process only: ERR_STORE_LOCKED while another has the directory. @default false */
    exclusive?: boolean;
    /** 'always': survives a power cut. 'os': survives kill -9, not a power cut. @default 'always' */
    fsync?: 'always' | 'os';
    /** A JSON file of a queue that this one replaces: taken in once, then renamed to `….imported`. */
    import?: string;
  };
  /**
   * One effect per key: a repeat of a key that is under way, or was delivered within `ttl` seconds, gets the first one's
   * result. The key is that of the call, else `key(item)`; an item without one repeats nothing. `localLimit`: delivered keys
   * that are remembered. With `redis` for all instances, by the keys `keyPrefix` + key; without it while Redis is away, with
   * one 'degraded' event.
   * @default false; ttl 86400, localLimit 1000
   */
  idempotency?: false | { key?: (item: T) => string; ttl?: number; localLimit?: number; redis?: RedisOption };
  /** Milliseconds; only differences count, steps back are ignored. @default performance.now(), or whichever clock a test has replaced */
  now?: () => number;
  /** A number from 0 up to 1, for jitter. @default () => Math.random() */
  random?: () => number;
}
export interface BufferStatus {
  /** Items accepted and not settled. `size + waiting` has grown when add() returns. */
  size: number;
  /** Items that wait for room, for the disk or for their key. */
  waiting: number;
  batchSize: number;
  batchTimeout: number;
  /** Items wait for their batch to fill, or for another try. */
  hasActiveTimer: boolean;
  /** Batches with the handler; without a handler, items that were taken. */
  inFlight: number;
  maxSize: number;
  /** `size` as a share of `maxSize`. */
  usage: number;
  deadLetters: number;
  /** Of the oldest that is not settled; 0 without any. */
  oldestAgeMs: number;
}
/** `error`: the last failure's message; `attempts`: all tries; `at`: when it failed for good. */
export interface DeadLetter<T> { id: string; item: T; key: string | null; error: string; attempts: number; at: Date }
/** `attempts`: tries that it has behind it; `ageMs`: since it came. */
export interface PendingItem<T> { id: string; item: T; key: string | null; attempts: number; ageMs: number }
/** What became of all that was accepted; the five sum up to that. */
export interface BatchAccount {
  delivered: number;
  /** Failed for good. A letter that is sent again is accepted again. */
  deadLettered: number;
  /** By 'drop-oldest', clear() and remove(). */
  dropped: number;
  /** Given up by their callers' signals, or not delivered when the buffer closed. */
  aborted: number;
  /** Left on disk. */
  kept: number;
}
export interface BatchStats {
  /** Items. */
  accepted: number; delivered: number; failed: number;
  /** Tries of items after their first. */
  retried: number;
  /** Items that repeated the key of another. */
  duplicates: number;
  /** Batches of first tries. */
  batches: number;
  /** Batches handed over, later tries included. */
  calls: number;
  /** What calls with one item each would have taken more. */
  savedCalls: number;
}
interface BatchEvents<T> {
  highWater: [status: BufferStatus];
  drained: [status: BufferStatus];
  /** 'overflow': for a newer item. 'dead-letters': a letter, for a newer one. */
  dropped: [item: T, reason: string];
  deadLetter: [letter: DeadLetter<T>];
  /** Items of earlier processes are queued again. */
  recovered: [count: number];
  /** The log or Redis is away; once until it is back. */
  degraded: [part: 'store' | 'redis', error: Error];
}
/**
 * Items come one by one and leave together. Accepted and delivered are two things: `enqueue` tells the one, `add` the
 * other. Every accepted item settles exactly once, or is still on disk. See docs/batch.md.
 *
 * A handler that throws fails its batch; an Error in a slot of its results fails that item; results that are neither
 * nothing nor an array with one for each item fail the batch for good, with a TypeError (ERR_INVALID_OPTION). Only what
 * failed is tried again. What is rejected is the handler's own error. Within a group first tries are in order.
 *
 * Between add, handler, retry and settling there are microtasks and JS timers only, so that fake timers rule;
 * `batchTimeout: 0`, `durable` and Redis take turns of the event loop. Work keeps the process alive, an idle buffer does not.
 * After close() methods throw or reject with ERR_CLOSED; getBufferStatus() and getStats() go on. A listener that throws
 * does not break the buffer.
 */
export class BatchBuffer<T = unknown, R = unknown> extends EventEmitter<BatchEvents<T>> {
  /** `null`: nothing is handed over by itself; the owner pulls with take(). Throws ERR_INVALID_OPTION. */
  constructor(handler: BatchHandler<T, R> | null, options?: BatchBufferOptions<T>);
  /**
   * Resolves with the item's id when it is accepted: in memory, or on disk when durable. Says nothing about delivery, and
   * never rejects for it. Rejects with ERR_BUFFER_FULL, ERR_VALUE, ERR_STORE_IO, or ERR_ABORTED when it is cleared before.
   * `key`: its idempotency key, which the handler finds in `context.keys`.
   */
  enqueue(item: T, options?: { key?: string }): Promise<string>;
  /**
   * Resolves with the handler's result for this item when it is delivered, or rejects with its last error. Rejects as
   * enqueue() does besides, with ERR_TIMEOUT for a handler that hangs, with ERR_ABORTED when `signal` fires (an item that is
   * with the handler stays there, but is not tried again), and with ERR_CLOSED when the buffer closes before; `err.kept`
   * tells then whether it is on disk.
   */
  add(item: T, options?: { key?: string; signal?: AbortSignal }): Promise<R>;
  /** As add() for each, in order. Never rejects for items. */
  addMany(items: T[]): Promise<PromiseSettledResult<R>[]>;
  /**
   * Hands over all that was brought before the call, and resolves when it is settled, later tries included. An item whose key
   * another instance has in hand (`idempotency.redis`) is not waited for: it has nothing to hand over until that one ends.
   * Never rejects for items.
   */
  flush(): Promise<void>;
  /** Drops what has not left; their promises reject with `reason`, else ERR_ABORTED. How many they were. */
  clear(reason?: Error): number;
  /** The next, oldest first; in flight until settled, and pending again after a crash. Only without a handler, else ERR_INVALID_OPTION. @default all */
  take(max?: number): PendingItem<T>[];
  /** Ends an item that was taken: with its result, or with an Error, as if a handler had failed on it. False: it is not taken. */
  settle(id: string, result?: R | Error): boolean;
  /** Items that have not left, or wait for another try, oldest first. */
  pending(): PendingItem<T>[];
  /** Drops one that has not left; its promise rejects with ERR_ABORTED. False: there is none. */
  remove(id: string): boolean;
  /**
   * Takes nothing more, delivers until `timeoutMs` (default: no limit; 0: hands nothing more over and waits for what is with
   * the handler), keeps the rest on disk (its add() rejects with ERR_CLOSED and err.kept = true) or rejects it with
   * ERR_CLOSED, releases everything. Without a handler nothing is waited for. Called again it
   * returns the same promise; a shorter `timeoutMs` then counts.
   */
  close(options?: { timeoutMs?: number }): Promise<BatchAccount>;
  /**
   * Other limits from now on, for what waits as well: a batch that is full by them leaves before it returns, a timeout counts
   * from an item's arrival. Nothing is refused or dropped for a smaller `maxSize`. Throws ERR_INVALID_OPTION, and changes nothing then.
   * @default of what is not given: as before
   */
  updateConfig(limits: { batchSize?: number; batchTimeout?: number; concurrency?: number; maxSize?: number }): void;
  getBufferStatus(): BufferStatus;
  /** Since the making of the buffer, or resetStats(). */
  getStats(): BatchStats;
  /** Counts from 0 again; metrics() goes on. */
  resetStats(): void;
  /** How many items earlier processes left that are queued again. Never rejects. */
  readonly recovered: Promise<number>;
  /** Oldest first. */
  deadLetters(): Promise<DeadLetter<T>[]>;
  /** Queues it again, with a fresh set of tries; nobody waits for its result. Rejects with ERR_INVALID_OPTION when there is none with that id. */
  retryDeadLetter(id: string): Promise<void>;
  /** How many there were. */
  clearDeadLetters(): Promise<number>;
  /** As close(); only where the realm has the symbol. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A handler that publishes to QStash: one `POST /v2/batch` per batch, one result per message; only messages that failed
 * are tried again. It saves requests, not message quota: QStash counts messages.
 *
 * An item's key goes along as `Upstash-Deduplication-Id`, unless its headers have one: then an answer that got lost
 * (ERR_QSTASH without `status`: a reset, a timeout, what cannot be read) is asked for again without publishing twice.
 * Without a key such a retry may publish twice.
 */
export function qstashSink(options: {
  /** @default 'https://qstash.upstash.io'; `/v2/batch` is added */
  url?: string;
  token: string;
  /** @default globalThis.fetch, looked up at each call */
  fetch?: typeof fetch;
  /** Of one request; a batch above it goes as several, one after the other. A message above it goes alone. @default 1000000 */
  maxBytes?: number;
}): BatchHandler<{
  /** A URL, or the name of a URL group. */
  destination: string;
  /** Strings as they are, bytes as UTF-8, undefined as none, anything else as JSON with its content type. */
  body?: unknown;
  /** `Upstash-*` and the content type as they are; any other is forwarded to the destination (`Upstash-Forward-*`). */
  headers?: Record<string, string>;
  queue?: string;
}, { messageId: string; url?: string; deduplicated?: boolean } | { messageId: string; url?: string; deduplicated?: boolean }[]>;

// ---- limiter

/** 'ignored' says nothing of the upstream: neither success nor failure, and no latency. */
export type Outcome = 'success' | 'failure' | 'ignored';
export interface AdaptiveLimiterOptions {
  /** In metrics and error texts. @default '' */
  name?: string;
  /** Permits per window, in any window; 0: no window. Not 0 with concurrency 0. @default 10 */
  limit?: number;
  /** Milliseconds, 1 to 2147483647 (24 days). @default 60000 */
  windowMs?: number;
  /** Work in flight at once, by weight; 0: not limited. @default 0 */
  concurrency?: number;
  /** Whether a limit moves with how the work goes; `true`: with the defaults below. @default false */
  adaptive?: boolean | {
    /** What moves; not one that is 0. @default 'limit'; 'concurrency' when limit is 0 */
    target?: 'limit' | 'concurrency';
    /** What moves stays within these, from its start on. @default 1, and twice the start (minLimit if that is more) */
    minLimit?: number; maxLimit?: number;
    /** At most one move in this time, looked at when there are results. Milliseconds. @default 60000 */
    intervalMs?: number;
    /** Healthy is a success rate (0 to 1) above and a mean latency below these; raises only when the limit was in use. @default { successRateAbove: 0.9, latencyBelowMs: 100 } */
    raiseWhen?: { successRateAbove?: number; latencyBelowMs?: number };
    /** Either lowers. @default { successRateBelow: 0.7, latencyAboveMs: 500 } */
    lowerWhen?: { successRateBelow?: number; latencyAboveMs?: number };
    /** 'step': one up, one down. 'aimd': one up, x0.7 down. 'gradient': by long against short latency, as Netflix's Gradient2; for concurrency only. @default 'aimd' */
    algorithm?: 'step' | 'aimd' | 'gradient';
  };
  /** Waiters at most; whoever comes then gets ERR_LIMIT_EXCEEDED. 0: nobody waits. @default 10000 */
  maxQueue?: number;
  /**
   * How what execute() ran counts: `error` is undefined for a value, and the other way round. One that throws or returns something
   * else leaves it at the default: errors fail, and so does a value with a numeric `status` of 429 or 5xx; of those and of errors with
   * such a status, 429 and 503 with Retry-After (`headers`, `response.headers` or `retryAfterMs`) hold: no permit until then, at most windowMs.
   */
  classify?: (error: unknown, value: unknown) => Outcome | { outcome: Outcome; retryAfterMs: number };
  /** One limit for all limiters of that name in all worker threads of the process; first come, first served within a thread. With other options under the same name: ERR_INVALID_OPTION. @default none */
  shared?: string;
  /** One limit for all instances that give the same name, windowMs and keyPrefix of Redis: permits come in leases; together at most limit + max(1, limit / 10) for each instance in any window. Needs a limit above 0, and `eval` of a client. Not with `shared` or `now`. @default none */
  redis?: RedisOption;
  /** While Redis does not answer within its commandTimeoutMs: 'degrade' limits to limit / last known instances, 'open' admits all, 'closed' none. @default 'degrade' */
  whenRedisDown?: 'degrade' | 'open' | 'closed';
  /** Milliseconds; its forward steps count as elapsed, its backward steps do not. Not with `shared` or `redis`. @default the system's monotonic clock, or what replaced Date.now or performance.now */
  now?: () => number;
}
export interface LimiterStatus {
  /** The limit of the moment; 0: no window. */
  maxRequests: number;
  /** Permits that are free now, exact; of concurrency where there is no window. */
  currentTokens: number;
  windowMs: number;
  /** The concurrency limit of the moment; 0: not limited. */
  concurrency: number;
  /** Weight in hand: of work, permits and, with `concurrency` or `adaptive`, of acquire() and tryAcquire() until release(). */
  inFlight: number;
  /** Who waits, in all threads. */
  queued: number;
  isAdaptive: boolean;
  /** What moves stays within these; both the limit itself when nothing moves. */
  minLimit: number; maxLimit: number;
  /** Since the start, or resetStats(). */
  stats: {
    /** Asked for. */
    totalRequests: number;
    /** Had to wait. */
    throttledRequests: number;
    /** Went without: refused, timed out, given up or closed. */
    rejectedRequests: number;
    /** Milliseconds of service, waiting excluded, failures included; 0 before the first result. */
    averageLatency: number;
    /** 0 to 1; 1 before the first result. */
    successRate: number;
    /** Milliseconds since 1970; 0: never. */
    lastAdjustment: number;
    raised: number;
    lowered: number;
  };
}
/** Permits in hand. */
export interface Permit {
  /** Counts once; later calls do nothing. `latencyMs` @default since it was given; `retryAfterMs`: nobody gets a permit for so long, at most windowMs. @default 'success' */
  release(outcome?: Outcome, details?: { latencyMs?: number; retryAfterMs?: number }): void;
}
export interface AcquireOptions {
  /** Permits to take at once. Above what the limit can ever be: ERR_INVALID_OPTION. @default 1 */
  weight?: number;
  /** Ends the wait with ERR_ABORTED; costs no permit. */
  signal?: AbortSignal;
  /** Of the wait, milliseconds, then ERR_TIMEOUT; 0: no wait. @default no limit */
  timeoutMs?: number;
}
interface LimiterEvents {
  /** A limit has moved. `why`: 'healthy', 'failures', 'slow', 'outage', 'gradient' or 'probe' (half for a moment, to see what the latency is without a queue of our own). */
  adjusted: [from: number, to: number, why: string];
  /** With `redis`: once when it goes, once when it is back. */
  degraded: [error: Error]; recovered: [];
}
/**
 * A sliding window of permits, a limit of work in flight, or both, of which one may learn from how the work goes.
 * See docs/limiter.md.
 *
 * Whoever waits is served first come, first served; nobody is let past. After close() all but getStatus() and release(), which does nothing
 * then, is ERR_CLOSED. A listener that throws does not break the limiter.
 */
export class AdaptiveLimiter extends EventEmitter<LimiterEvents> {
  /** Throws ERR_INVALID_OPTION. */
  constructor(options?: AdaptiveLimiterOptions);
  /** Takes permits that are there; never waits. False while others do. @default 1 */
  tryAcquire(weight?: number): boolean;
  /** Takes permits, or waits for its turn. Rejects with ERR_TIMEOUT, ERR_ABORTED, ERR_LIMIT_EXCEEDED (too many wait), ERR_CLOSED. */
  acquire(options?: AcquireOptions): Promise<true>;
  /** As acquire, as an object that is released once and knows its start. */
  take(options?: AcquireOptions): Promise<Permit>;
  /**
   * Acquires, runs `fn` once, measures it (the wait is no latency), releases, learns. Settles with fn's own value or error, untouched; one that
   * is thrown rejects. Rejects as acquire() without having called `fn`. `context.signal` is the caller's; without one it never fires.
   */
  execute<T>(fn: (context: { signal: AbortSignal }) => T | Promise<T>, options?: AcquireOptions): Promise<T>;
  /**
   * For callers of tryAcquire() and acquire(), once each, with the same weight. Optional for a plain window: without `concurrency` and `adaptive`
   * nothing waits for it, close() neither. `latencyMs` @default not counted; `retryAfterMs`: nobody gets a permit for so long, at most windowMs. @default weight 1
   */
  release(outcome: Outcome, details?: { weight?: number; latencyMs?: number; retryAfterMs?: number }): void;
  /** Another window. What was admitted still counts; who may go now goes. Kept within minLimit and maxLimit where the limit is what moves. @default the windowMs of before */
  updateConfig(limit: number, windowMs?: number): void;
  /** At this moment; works after close() too. */
  getStatus(): LimiterStatus;
  /** Counts anew; what has been learnt stays. */
  resetStats(): void;
  /** Who waits is rejected with ERR_CLOSED. Resolves when all that is in hand has been released; with `redis`, what is unspent has been given back. */
  close(): Promise<void>;
  /** close() */
  [Symbol.asyncDispose](): Promise<void>;
}
export interface KeyedLimiterOptions {
  /** In metrics and error texts. @default '' */
  name?: string;
  /** Milliseconds, 1 to 2147483647 (24 days). */
  windowMs: number;
  /** Permits per key and window, 1 to 2147483647. */
  maxRequests: number;
  /**
   * 'exact': a sliding log; in no window more than maxRequests. 'counter': two buckets, an estimate: less than twice maxRequests in any window, exact where
   * requests come evenly. 'gcra': a burst of maxRequests, then one each windowMs / maxRequests. @default 'exact'
   */
  algorithm?: 'exact' | 'counter' | 'gcra';
  /** Up to 16,777,215. @default 100000 */
  maxKeys?: number;
  /** Of the whole table, off the heap, taken as it grows. @default 64 MiB */
  maxBytes?: number;
  /** Before each key: limiters that share a table keep apart by it. @default '' */
  keyPrefix?: string;
  /** One table for all limiters of that name in all worker threads of the process. With other options under the same name: ERR_INVALID_OPTION. @default none */
  shared?: string;
  /** One limit of each key for all instances that give the same name, windowMs, keyPrefix and keyPrefix of Redis: together at most maxRequests + max(1, maxRequests / 10) for each instance in any window; `consume` asks before it spends on credit. Algorithm 'exact' only; `eval` of a client. Not with `shared` or `now`. @default none */
  redis?: RedisOption;
  /** While Redis does not answer within its commandTimeoutMs: 'degrade' limits to maxRequests / last known instances, 'open' admits all, 'closed' none. @default 'degrade' */
  whenRedisDown?: 'degrade' | 'open' | 'closed';
  /** As for an AdaptiveLimiter. Not with `shared` or `redis`. */
  now?: () => number;
}
export interface KeyOptions {
  /** 0 looks without taking, as for 1; above the limit: ERR_INVALID_OPTION. @default 1 */
  weight?: number;
  /** The key's own, for plans; 0 denies. @default maxRequests */
  limit?: number;
}
export interface LimitResult {
  allowed: boolean;
  /** Permits that are left now. */
  remaining: number;
  limit: number;
  windowMs: number;
  /** 0 when allowed; else denied just before, admitted then. windowMs for what can never pass. */
  retryAfterMs: number;
  /** Until the whole limit is free again. */
  resetMs: number;
}
/**
 * One limit for each key, decided at once. A denied request costs nothing. Keys that are below their limit leave for new ones, least recently used
 * first; where none can leave, new keys share one slot with the same limit. See docs/limiter.md.
 *
 * Keys are strings; a lone surrogate counts as U+FFFD. After close() all but getStats(), size and bytes is ERR_CLOSED.
 */
export class KeyedLimiter extends EventEmitter<{ degraded: [error: Error]; recovered: [] }> {
  /** Throws ERR_INVALID_OPTION. */
  constructor(options: KeyedLimiterOptions);
  /** True: it may pass, and is counted; synchronous. With `redis` from the lease at hand, or on credit; consume() asks. `weight` as in KeyOptions. @default 1 */
  checkLimit(key: string, weight?: number): boolean;
  /** The same, with what headers say of it. */
  check(key: string, options?: KeyOptions): LimitResult;
  /** In order, weight 1 each: 1 allowed, 0 denied. */
  checkMany(keys: string[]): Uint8Array;
  /** As check(), as a promise; with `redis` Redis is asked where no permit is at hand, for at most its commandTimeoutMs. */
  consume(key: string, options?: KeyOptions): Promise<LimitResult>;
  /** Milliseconds; 0 when the next request would pass: denied just before, admitted at that time. */
  getRetryAfter(key: string, options?: KeyOptions): number;
  /** Another limit, for all keys. What was admitted still counts. @default the windowMs of before */
  updateConfig(maxRequests: number, windowMs?: number): void;
  /** Since the start, or resetStats(). `evicted`: keys that were forgotten early, for room, and start afresh. */
  getStats(): { allowed: number; denied: number; evicted: number };
  resetStats(): void;
  /** The key starts afresh; with `redis` for all instances, once Redis has heard of it, but for what they hold. */
  reset(key: string): void;
  /** All keys do; with `redis` those that this instance knows. */
  resetAll(): void;
  /** Keys and bytes of the table. */
  readonly size: number; readonly bytes: number;
  /** Forgets all; with `shared`, when the last has closed; with `redis`, having given back what it holds, within commandTimeoutMs. */
  close(): Promise<void>;
  /** close() */
  [Symbol.asyncDispose](): Promise<void>;
}
/**
 * 'ietf': `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers. 'legacy': `X-RateLimit-Limit`, `-Remaining`, `-Reset` (seconds from now).
 * `Retry-After` with either, when denied. Whole seconds, rounded up. @default 'ietf'
 */
export function rateLimitHeaders(result: LimitResult, style?: 'ietf' | 'legacy' | 'both'): Record<string, string>;

// ---- streams

/** What a provider sends. docs/stream.md says what is read from each. */
export type StreamFormat = 'openai-chat' | 'openai-responses' | 'claude' | 'gemini' | 'ollama' | 'bedrock-converse' | 'kiro';
/** What a client can be given. */
export type ClientFormat = 'openai-chat' | 'openai-responses' | 'claude' | 'gemini' | 'ollama';

export interface StreamAssemblerOptions {
  /**
   * What the provider sends. 'auto' decides on the first telling event: not on comments, pings or empty choices. It
   * holds nothing back meanwhile when bytes pass through. @default 'auto'
   */
  from?: StreamFormat | 'auto';
  /** What the client gets. @default the same as the provider sends: its bytes pass through untouched */
  to?: ClientFormat;
  /** Of the upstream; the client's follows from `to`. @default what `from` usually has: 'ndjson' for ollama, 'aws-eventstream' for bedrock-converse and kiro, else 'sse' */
  framing?: 'sse' | 'ndjson' | 'aws-eventstream';
  /** The model that the client is told. @default what the provider told */
  model?: string;
  /** The id that the client is told. @default what the provider told, else one of `newId('message')` */
  id?: string;
  /** Ids that the provider did not give. Called only when one is needed, and must not call the assembler. @default 'msg_' or 'call_' and 24 random hexadecimal digits */
  newId?: (kind: 'message' | 'call') => string;
  /** Milliseconds since 1970, read once, for dialects that date their messages. @default () => Date.now() */
  now?: () => number;
  /** The longest event. @default 64 MiB; at most 1 GiB */
  maxEventBytes?: number;
  /** The longest message: text, reasoning, arguments and whole parts, as they are written in JSON. Bounds takeEvents() too. @default 64 MiB; at most 1 GiB */
  maxTextBytes?: number;
  /** push() returns a view that the next call overwrites, or the chunk itself: for callers that copy at once or await the write callback. @default false: bytes of the caller's own */
  reuse?: boolean;
  /** Which sides takeEvents() keeps. @default none: nothing is parsed that need not be */
  events?: 'upstream' | 'client' | 'both';
}
/** `arguments` is the JSON text as the provider wrote it; `signature` is Gemini's, of a signed call. */
export interface ToolCall { id: string; name: string; arguments: string; signature?: string }
export type MessagePart =
  | { type: 'text' | 'refusal'; text: string }
  | { type: 'reasoning'; text: string; signature?: string }
  | { type: 'tool_call'; call: ToolCall }
  /** What no other part can say, as the provider's own object: server tools, images, redacted thoughts. */
  | { type: 'other'; raw: unknown };
/** What a stream or a whole response said. `text`, `reasoning`, `refusal`, `toolCalls`, `parts` and `finishReason` are the first choice's. */
export interface AssembledMessage {
  /** In the order they came. */
  parts: MessagePart[];
  text: string;
  reasoning: string;
  refusal: string;
  toolCalls: ToolCall[];
  /** In common words; null while, or because, the provider gave none: never invented. */
  finishReason: 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'error' | null;
  /** In the provider's word. */
  rawFinishReason: string | null;
  /**
   * The last count of each kind that was not 0. Dialects count differently; here input is all that was read, cached or
   * not, and output all that was written, reasoning included. `totalTokens` is the provider's, else their sum.
   */
  usage: { inputTokens: number; outputTokens: number; totalTokens: number; cachedTokens: number; cacheCreationTokens: number; reasoningTokens: number } | null;
  model: string | null;
  id: string | null;
  /** True only when the provider said that it was done. */
  complete: boolean;
  /** Events that came, without end marks. */
  events: number;
  /** ERR_STREAM_UPSTREAM when the provider reported an error; from pipeStream also what ended the transfer. */
  error: Error | null;
  choices: { index: number; text: string; reasoning: string; refusal: string; toolCalls: ToolCall[]; finishReason: string | null }[];
}
/**
 * Upstream bytes in, in any split; client bytes out; the whole message at the end. One call per network read.
 * After ERR_STREAM_FRAME each push throws the same error; what the events before it said comes with fail() or finish().
 */
export class StreamAssembler {
  constructor(options?: StreamAssemblerOptions);
  /** Bytes for the client, possibly none; the caller's to keep (but see `reuse`). Throws ERR_STREAM_FRAME only. */
  push(chunk: Uint8Array): Uint8Array;
  /** One event that is parsed already, as SDKs yield them: same state and same output as its bytes. */
  pushEvent(event: object): Uint8Array;
  /** What is still due: a last event without its blank line, the end marker of `to`. Never an invented success. Idempotent. */
  finish(): Uint8Array;
  /** The error frame of the client's format, escaped; openai-chat while 'auto' is undecided; an AWS exception frame for kiro and bedrock without `to`. Nothing follows it. */
  fail(error: { message?: string; status?: number; type?: string }): Uint8Array;
  /** The message so far. Everything in it is the caller's. */
  message(): AssembledMessage;
  /** The first choice's text so far. */
  text(): string;
  /** The events since the last call as parsed objects, for hooks and adapters; `events` names the sides that are kept. @default side 'upstream' */
  takeEvents<E = any>(side?: 'upstream' | 'client'): E[];
  /** The provider said that it was done: docs/stream.md has what counts for each format. */
  readonly complete: boolean;
  readonly events: number;
}
export interface PipeOptions extends StreamAssemblerOptions {
  signal?: AbortSignal;
  /** Comment frames between events, and before the first; none in NDJSON. 0: none. @default 0 */
  heartbeatMs?: number;
  /** May change the event; what it leaves is sent. Only then is anything parsed on the way through. Called once per upstream event, and when converting once more per client event. */
  onEvent?: (event: any, context: { side: 'upstream' | 'client' }) => void | Promise<void>;
  /** The upstream failed, with its own error object. `true`: handled; no error frame is written and the client stays open, so that while bytesSent (heartbeats do not count) is 0 another upstream may answer. Called too for errors that the provider reports, for a truncated upstream, and before a rejection with ERR_STREAM_FRAME. */
  onError?: (error: Error, context: { bytesSent: number; message: AssembledMessage }) => boolean | void | Promise<boolean | void>;
  /** Client gone: read on for the usage, instead of cancelling the upstream. */
  drainForUsage?: boolean;
  end?: boolean;             // true
  /** Sent with the first bytes when none were sent before, so that an upstream failure can still be a status. Merged over the framing's own (`content-type`, `cache-control: no-cache`, `connection: keep-alive` on HTTP/1, `x-accel-buffering: no`). */
  headers?: false | Record<string, string>;
}
/**
 * Upstream (bytes, or parsed events) to client with backpressure, heartbeat between events, cancellation both ways.
 * Resolves with what was assembled, `complete` and `error` telling how it ended: provider and transport errors, a truncated upstream, a client that left (`error.code` ERR_ABORTED).
 * Rejects for the caller's own signal (ERR_ABORTED), ERR_STREAM_FRAME and a client write error, with `err.partial`: what was assembled by then.
 */
export function pipeStream(upstream: AsyncIterable<Uint8Array | object> | Readable | ReadableStream<Uint8Array>, client: Writable | ServerResponse | Http2ServerResponse, options?: PipeOptions): Promise<AssembledMessage>;
export function streamTransform(options?: StreamAssemblerOptions): Transform & { message(): AssembledMessage };
export function streamTransformWeb(options?: StreamAssemblerOptions): TransformStream<Uint8Array, Uint8Array> & { message(): AssembledMessage };
export interface ConvertOptions { to: ClientFormat; model?: string; id?: string; newId?: (kind: 'message' | 'call') => string; now?: () => number }
/** Request bodies between dialects: messages, system, tools, tool results, images, sampling. What the target cannot say is ERR_UNSUPPORTED with its pointer, or dropped when lossy. Same dialect: untouched but for `model`. */
export function convertRequest(body: JsonDocument | Uint8Array | object, options: ConvertOptions & { from: ClientFormat; lossy?: boolean }): Buffer;
/** Whole (not streamed) response bodies between dialects. */
export function convertResponse(body: Uint8Array | object, options: ConvertOptions & { from: StreamFormat }): Buffer;
/** A whole response body, read: text, calls, finish reason, usage. */
export function parseResponse(body: Uint8Array | object, options: { from: StreamFormat | 'auto' }): AssembledMessage;
/** A message as a response body or as a stream: to serve a cached answer. */
export function renderMessage(message: AssembledMessage, options: ConvertOptions & { stream: boolean }): Buffer;
export interface ServerSentEvent {
  event: string; data: string; id: string; retry?: number;
  /** The AWS `:exception-type` (or `:error-code`), in exception frames only. */
  exception?: string;
}
/** Standard event-stream decoding, for sources that are not LLMs. Other framings: `event` is the AWS `:event-type` or 'message', `data` the line or payload. ERR_STREAM_FRAME carries the whole events before it as `err.events`. */
export class EventStreamDecoder { constructor(options?: { maxEventBytes?: number; framing?: 'sse' | 'ndjson' | 'aws-eventstream' }); push(chunk: Uint8Array): ServerSentEvent[]; finish(): ServerSentEvent[] }

// ---- bodies

export interface BodyOptions {
  /** Bytes after decoding; more is BODY_TOO_LARGE (413). @default 10 MiB */
  maxBytes?: number;
  /** Bytes on the wire; a body without a coding is held to the smaller of both. @default maxBytes */
  maxEncodedBytes?: number;
  /** gzip (of several members too), deflate (zlib or raw), br, zstd, one layer. false: a coded body is ERR_BODY_ENCODING (415). @default true */
  inflate?: boolean;
  /** Milliseconds until the last byte, and between two chunks; then ERR_TIMEOUT (408). @default none */
  timeoutMs?: number; idleTimeoutMs?: number;
  /** Rejects with ERR_ABORTED, whose cause is the signal's reason. */
  signal?: AbortSignal;
}
export interface JsonOptions extends BodyOptions {
  /** Objects and arrays inside each other, 1 to 10000; deeper is ERR_BODY_JSON. @default 200 */
  maxDepth?: number;
  /** `__proto__` keys, and `constructor` keys whose value has a key `prototype`: refused (ERR_BODY_JSON), left out, or kept as data. @default 'error' */
  proto?: 'error' | 'remove' | 'ignore';
  /** Equal keys in one object: refused (ERR_BODY_JSON), or the last one counts. @default 'last' */
  duplicateKeys?: 'error' | 'last';
  /** Broken UTF-8: ERR_BODY_CHARSET (415), or U+FFFD in its place. @default 'strict' */
  utf8?: 'strict' | 'replace';
}
/** Requests of every kind, and anything that emits 'data' and 'end' (chunks may be strings, headers may be missing). */
export type BodySource = IncomingMessage | Http2ServerRequest | Readable | ReadableStream<Uint8Array> | Request
  | { on(event: string, listener: (...args: any[]) => void): unknown; headers?: IncomingHttpHeaders };
/** Resolves once with the whole decoded body; rejects once with a coded error. Never destroys the request; past a limit it rejects at once and drains behind that, at most 2x the limit or 1 s, so that whoever answers can be heard. */
export function readBody(source: BodySource, options?: BodyOptions): Promise<Buffer>;
export function readText(source: BodySource, options?: BodyOptions): Promise<string>;
/** An empty or blank body is `{}`, for readDocument too. Large bodies are decoded, checked and indexed off the event loop. */
export function readJson<T = any>(source: BodySource, options?: JsonOptions): Promise<T>;
/** As readJson, without building the tree: read the fields that matter, forward the bytes. */
export function readDocument(source: BodySource, options?: JsonOptions): Promise<JsonDocument>;
export class JsonDocument {
  static parse(bytes: Uint8Array | string, options?: JsonOptions): Promise<JsonDocument>;
  /** RFC 6901 pointer. undefined: not there. */
  get<T = any>(pointer: string): T | undefined;
  getMany(pointers: string[]): unknown[];
  has(pointer: string): boolean;
  /** Elements or members; -1 for what is neither. */
  length(pointer: string): number;
  /** A copy of the original bytes of a value; of all bytes, white space too, for the root. A pointer to nothing throws ERR_INVALID_OPTION. */
  raw(pointer?: string): Buffer;
  /**
   * The document's bytes with values replaced or added by pointer, undefined removes, `/-` appends; all else untouched, all in one copy.
   * Throws ERR_INVALID_OPTION for a parent that is not there, an index beyond the end, the root removed, and changes inside one another.
   */
  with(changes: Record<string, unknown>): Buffer;
  /** The whole tree, built in slices so that the event loop never waits long. */
  toObject<T = any>(): Promise<T>;
  /** Bytes of the text. */
  readonly byteLength: number;
  /** Gives the memory back; any later use is ERR_CLOSED. */
  close(): void;
  [Symbol.dispose](): void;
}
/** Answers an error: its status (errors not ours: 500 without their message), `connection: close` on HTTP/1, a body in the caller's own shape when given. */
export function respondWithError(req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse, error: unknown, options?: { body?: string | Uint8Array; headers?: OutgoingHttpHeaders }): Promise<void>;

// ---- the whole

/**
 * Prometheus text exposition (version 0.0.4) of everything alive in this process, in all threads:
 * `sluice_<noun>_<what>[_total]{name}`. Equal names are summed; counters never go back when an instance closes.
 */
export function metrics(): string;
export const version: string;
