export interface LocalBufferQueueOptions {
  /** The JSON file of before, which is taken in once and renamed to `….imported`; the store is the folder `….store` beside it. A folder: the store itself. @default './data/local-queue.json' */
  persistencePath?: string;
  /** Messages that are not done, those that are handed out included. @default 1000 */
  maxSize?: number;
  /** Another name for it. */
  maxBufferSize?: number;
  /** Failures after which a message is not handed out again. @default 3 */
  maxRetries?: number;
  /** 'os' survives kill -9, not a power cut. @default 'always' */
  fsync?: 'always' | 'os';
  /** On disk. @default 1 GiB */
  maxBytes?: number;
  logger?: Partial<Record<'warn' | 'error', (...words: unknown[]) => void>> | null;
  /** A clock, milliseconds. */
  now?: () => number;
  /** Taken and ignored, `flushInterval` for one: nothing waits to be written. */
  [other: string]: unknown;
}
export interface LocalMessage<T = unknown> {
  id: string;
  data: T;
  /** Milliseconds since 1970: when it came, or failed last. */
  timestamp: number;
  retryCount: number;
}
export interface LocalQueueMetrics { totalEnqueued: number; totalFlushed: number; totalFailed: number; currentSize: number }
/** A queue on disk, for an owner with a loop of its own. See docs/migrate.md. */
export class LocalBufferQueue<T = unknown> {
  /** Throws ERR_INVALID_OPTION. Touches no file. */
  constructor(options?: LocalBufferQueueOptions);
  /** Opens the store; then `buffer` has what earlier processes left, in order. What is called before opens it too. */
  init(): Promise<void>;
  /** Resolves when it is on disk. Rejects with ERR_BUFFER_FULL, ERR_VALUE (what JSON cannot say), ERR_STORE_IO, ERR_CLOSED. */
  enqueue(item: T): Promise<true>;
  /** As enqueue() for each, in one transaction. ERR_BUFFER_FULL: none was taken. */
  enqueueBatch(items: T[]): Promise<true>;
  /** Resolves when all that was enqueued is on disk; false when there is nothing. */
  flush(): Promise<boolean>;
  /**
   * Hands out messages, oldest first, but for those that have failed more than maxRetries times. They count as done with
   * the next call, removeMessage() or close(); after a crash they are there again. @default all
   */
  dequeueBatch(max?: number): Promise<LocalMessage<T>[]>;
  getStatus(): { bufferSize: number; metrics: LocalQueueMetrics; isFlushing: boolean; canAccept: boolean };
  resetMetrics(): void;
  /** A message has failed; one that was handed out is queued again. False: there is none. */
  retryFailed(id: string): Promise<boolean>;
  /** Messages that have failed more often. @default maxRetries */
  getExceededRetryMessages(threshold?: number): LocalMessage<T>[];
  /** A message is done. False: there is none. */
  removeMessage(id: string): boolean;
  /** What was handed out counts as done, the rest stays on disk. */
  close(): Promise<void>;
  generateId(): string;
  /** What is not handed out, oldest first; may be changed or replaced. */
  buffer: LocalMessage<T>[];
  metrics: LocalQueueMetrics;
  readonly options: LocalBufferQueueOptions & { persistencePath: string; maxSize: number; maxRetries: number };
  isFlushing: boolean;
  flushTimer: null;
  logger: LocalBufferQueueOptions['logger'];
  now: (() => number) | undefined;
}
