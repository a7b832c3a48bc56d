import type { BatchAccount, BatchBufferOptions, RedisOption } from '../index';

/** As QStash's clients have them; the queue's own are `wait` and `idempotencyKey`. */
export interface PublishOptions {
  /** Resolve on delivery. @default what the constructor says */
  wait?: boolean;
  /** Repeats of it are sent once; QStash gets it as deduplication id. `deduplicationId` is another name for it. */
  idempotencyKey?: string;
  deduplicationId?: string;
  headers?: Record<string, string>;
  queue?: string;
  /** Seconds, or a text as '5m'. */
  delay?: number | string;
  notBefore?: number;
  retries?: number;
  timeout?: number | string;
  method?: string;
  callback?: string;
  failureCallback?: string;
  [option: string]: unknown;
}
/** What waits in `buffer`. */
export interface QueuedTask {
  topic: string;
  message: unknown;
  options?: PublishOptions;
  resolve?: (value: unknown) => void;
  reject?: (error: unknown) => void;
}
export interface Accepted { id: string; queued: true }
/** Of a message whose key was sent before. `messageId`: that key. */
export interface Repeated { messageId: string; duplicate: true }
/** QStash's answer; `mock` in mock mode. */
export interface Delivered { messageId: string; url?: string; deduplicated?: boolean; mock?: true }
export type Published = Accepted | Repeated | Delivered;
export interface QstashDeadLetter {
  id: string;
  message: { topic: string; message: unknown; options?: PublishOptions };
  reason: 'publish_failed' | 'buffer_overflow' | (string & {});
  error: string;
  attempts: number;
  /** Milliseconds since 1970. */
  timestamp: number;
}
/** Where dead letters are kept. An `add` replaces a letter of the same id. May answer with promises. */
export interface DeadLetterStore {
  add(letter: QstashDeadLetter): unknown;
  list(): QstashDeadLetter[] | Promise<QstashDeadLetter[]>;
  remove(id: string): unknown;
  clear(): unknown;
  /** What `deadLetterQueue` shows. */
  letters?: QstashDeadLetter[];
}
export interface QstashClient {
  /** One request for all; resolves with an answer for each, in order. */
  batchJSON?(messages: { url: string; body: unknown; deduplicationId?: string; [option: string]: unknown }[]): Promise<unknown>;
  publishJSON?(message: { url: string; body: unknown; deduplicationId?: string; [option: string]: unknown }): Promise<unknown>;
}
export interface QstashQueueOptions {
  /** @default QSTASH_BATCH_SIZE, else 10; 1 with ENABLE_PERFORMANCE_OPTIMIZATION=false */
  batchSize?: number;
  /** Milliseconds. @default QSTASH_BATCH_TIMEOUT, else 100 */
  batchTimeout?: number;
  /** Messages accepted and not delivered at most; then `publish` waits for room. @default QSTASH_MAX_BUFFER_SIZE, else 1000 */
  maxBufferSize?: number;
  /** Requests at a time. @default QSTASH_MAX_CONCURRENT, else 50 */
  maxConcurrent?: number;
  /** @default QSTASH_TOKEN */
  token?: string;
  /** @default QSTASH_URL, else QStash itself */
  url?: string;
  fetch?: typeof fetch;
  /** Bytes of one request. @default 1000000 */
  maxBytes?: number;
  /** Delivers in place of a request of our own: by `batchJSON`, else by `publishJSON`. */
  client?: QstashClient | null;
  /** `publish` resolves on delivery. @default false */
  wait?: boolean;
  /** Nothing is sent; answers have `mock: true`. @default false */
  mockMode?: boolean;
  /** The content of a message is its key, where it has none. @default QUEUE_USE_IDEMPOTENCY, else false */
  useIdempotency?: boolean;
  /** Seconds. @default QUEUE_IDEMPOTENCY_TTL, else 86400 */
  idempotencyTtl?: number;
  /** Keys remembered in memory. @default QUEUE_LOCAL_IDEMPOTENCY_LIMIT, else 1000 */
  localIdempotencyLimit?: number;
  /** Keys hold for all instances, with `useIdempotency`. */
  redis?: RedisOption;
  /** Tries after the first. @default 2 */
  retries?: number;
  backoff?: BatchBufferOptions<unknown>['backoff'];
  /** For one try of a batch; 0: no limit. @default 30000 for requests of the queue's own, none for a client */
  handlerTimeoutMs?: number;
  retryable?: (error: Error) => boolean;
  overflow?: 'wait' | 'reject' | 'drop-oldest';
  /** 0 keeps none. @default QSTASH_DLQ_SIZE, else 100 */
  maxDeadLetterQueueSize?: number;
  deadLetterStore?: DeadLetterStore;
  mutex?: { runExclusive<T>(run: () => T | Promise<T>): Promise<T> } | null;
  breaker?: { execute<T>(run: () => Promise<T>): Promise<T>; getStatus?(): unknown; reset?(): void } | null;
  logger?: Partial<Record<'debug' | 'info' | 'warn' | 'error', (...words: unknown[]) => void>> | null;
  /** A clock, milliseconds. */
  now?: () => number;
  /** Taken and ignored. */
  [other: string]: unknown;
}
/** Messages to QStash, one request per batch. See docs/migrate.md. */
export class QstashQueue {
  /** Throws ERR_INVALID_OPTION, which names the option or the variable. */
  constructor(options?: QstashQueueOptions);
  /** Rejects with ERR_INVALID_OPTION when there is neither a token nor a client. */
  initialize(): Promise<void>;
  publish(topic: string, message: unknown, options: PublishOptions & { wait: true }): Promise<Delivered | Repeated>;
  publish(topic: string, message: unknown, options?: PublishOptions): Promise<Published>;
  /** As publish() for each, together and at once. */
  batchPublish(messages: { topic: string; message: unknown; options?: PublishOptions }[], options?: PublishOptions): Promise<PromiseSettledResult<Published>[]>;
  /** Hands over what waits; resolves when all that was published before is settled. */
  flush(): Promise<void>;
  /** As flush(), and takes nothing more. */
  close(options?: { timeoutMs?: number }): Promise<BatchAccount>;
  /** `size`: messages that have not left. */
  getBufferStatus(): {
    size: number; batchSize: number; batchTimeout: number; hasActiveTimer: boolean;
    /** Requests under way. */
    inFlight: number;
    /** Messages that wait for room, or for Redis. */
    waiting: number;
    maxSize: number; usage: number;
  };
  /** Drops what has not left; who waits for it gets Error('Buffer cleared'). How many they were. */
  clearBuffer(): number;
  getMetrics(): Record<string, unknown> & { totalProcessed: number; apiCalls: number; savedCalls: number; deadLetterCount: number; duplicateMessageCount: number };
  resetMetrics(): void;
  /** Those of this moment: each may be retried or removed while the list is gone through. */
  getDeadLetterQueue(): QstashDeadLetter[] | Promise<QstashDeadLetter[]>;
  clearDeadLetterQueue(): number | Promise<number>;
  /** Sends a letter's message now, once for all who ask; the letter goes when that is delivered. */
  retryDeadLetterMessage(id: string): Promise<Delivered | Repeated>;
  getCircuitBreakerStatus(): unknown;
  resetCircuitBreaker(): void;
  /** Messages that have not left, oldest first; may be changed or replaced. */
  buffer: QueuedTask[];
  /** May be set at any time; they count for what waits. */
  batchSize: number;
  batchTimeout: number;
  maxBufferSize: number;
  /** null: no batch waits to fill. */
  flushTimer: unknown;
  /** What the store keeps, itself: may be changed. */
  deadLetterQueue: QstashDeadLetter[];
  maxDeadLetterQueueSize: number;
  metrics: Record<'totalProcessed' | 'apiCalls' | 'deadLetterCount' | 'duplicateMessageCount' | 'circuitBreakerTrips' | 'bufferOverflowCount', number>;
  wait: boolean;
  token: string | undefined;
  url: string | undefined;
  useIdempotency: boolean;
  isMockMode: boolean;
  isInitialized: boolean;
  connected: boolean;
  client: QstashClient | null | undefined;
  bufferMutex: QstashQueueOptions['mutex'];
  publishBreaker: QstashQueueOptions['breaker'];
  logger: QstashQueueOptions['logger'];
  now: (() => number) | undefined;
  deadLetterStore: DeadLetterStore;
}
