export interface BatchProcessorConfig {
  /** Items of a batch at most. @default 10; 1 with ENABLE_PERFORMANCE_OPTIMIZATION=false */
  maxBatchSize?: number;
  /** Milliseconds that an item waits for its batch to fill. @default 100 */
  maxWaitTime?: number;
  /** Batches that are worked on at a time. @default 1 */
  concurrency?: number;
  /** Taken and ignored. */
  [other: string]: unknown;
}
/** Items are worked on in batches; each has its own result, and none is tried again. See docs/migrate.md. */
export class BatchProcessor<T = unknown, R = unknown> {
  /** `process`: a batch's work, one result for each item in order; an Error in a slot rejects that item only. Throws ERR_INVALID_OPTION. */
  constructor(config?: BatchProcessorConfig, process?: ((items: T[]) => Promise<(R | Error)[] | void> | (R | Error)[] | void) | null);
  readonly config: BatchProcessorConfig;
  /** Looked up at each batch. */
  process: ((items: T[]) => Promise<(R | Error)[] | void> | (R | Error)[] | void) | undefined;
  /** Resolves with the item's result, or rejects with what its work threw; with ERR_CLOSED after close(). */
  add(item: T): Promise<R>;
  /** One item's work, where there is no `process`; those of a batch run side by side. */
  processBatchItem(item: T): Promise<R>;
  /** Starts what waits; resolves when all that was added before is done. */
  flush(): Promise<void>;
  /** As flush(), and takes nothing more. */
  close(): Promise<void>;
}
