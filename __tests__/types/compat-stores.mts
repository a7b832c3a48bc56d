// Compiled, never run: the drop-ins of caches and queues, as a service would use them.
import { BatchProcessor, CacheManager, CacheService, FileCache, LocalBufferQueue, LocalCache, QstashQueue, RedisClient } from 'sluice/compat';
import type { BatchOperation, BatchProcessorConfig, CacheServiceOptions, FileCacheOptions, LocalBufferQueueOptions, LocalCacheOptions, LocalMessage, PublishOptions, Published, QstashDeadLetter, QstashQueueOptions, RedisClientOptions } from 'sluice/compat';
import { BatchProcessor as SameProcessor } from 'sluice/compat/batch-processor';
import { CacheManager as SameManager } from 'sluice/compat/cache-manager';
import { CacheService as SameService } from 'sluice/compat/cache-service';
import { FileCache as SameFiles } from 'sluice/compat/file-cache';
import { LocalBufferQueue as SameLocalQueue } from 'sluice/compat/local-buffer-queue';
import { LocalCache as SameLocal } from 'sluice/compat/local-cache';
import { QstashQueue as SameQueue } from 'sluice/compat/qstash-queue';
import { RedisClient as SameClient } from 'sluice/compat/redis-client';

interface User { name: string }

export async function caches(redis: import('sluice').RedisLike): Promise<unknown> {
  const localOptions: LocalCacheOptions = { maxEntries: 5 };
  const local: SameLocal = new LocalCache(localOptions);
  local.set('user', { name: 'Ada' }, 1000);
  const user: User | null = local.get<User>('user');
  const loaded: User = await local.getOrSet('user', async () => ({ name: 'Ada' }));
  const isSame: boolean = local.isUnchanged('user', user);

  const options: CacheServiceOptions = { redis, l3Path: '/nowhere', negative: false, warmup: { keys: [{ key: 'a', loader: () => 1, ttl: 5 }] } };
  const service: SameService = new CacheService(options);
  await service.initialize();
  const stored: boolean = await service.set('user', loaded, 60, { skipL1: true, l3Ttl: 5 });
  const text: string | null = await service.get('user', 'text');
  const bytes: Buffer | null = await service.get('user', 'buffer');
  const typed: User | null = await service.get<User>('user', 'json', { skipL2: true });
  const operations: BatchOperation[] = [{ type: 'get', key: 'a' }, { type: 'set', key: 'b', value: 1, ttl: 5 }, { type: 'delete', key: 'c*', options: { pattern: true } }];
  const [first] = await service.batchOperation(operations);
  const rate: string = service.getStats().hitRate;

  const files: FileCacheOptions = { basePath: '/nowhere', ttl: 5 };
  const fileCache: SameFiles = new FileCache(files);
  const keys: string[] = await fileCache.listKeys('user:');

  const clientOptions: RedisClientOptions = { host: '127.0.0.1', port: 6379, db: 1, memory: { maxEntries: 5 } };
  const client: SameClient = new RedisClient(clientOptions);
  const manager: SameManager = new CacheManager(client);
  const key: string = manager.generateKey('app', 'user', 5, { page: 1 });
  const left: number = await client.getTTL(key);
  return [isSame, stored, text?.length, bytes?.byteLength, typed?.name, first?.value, rate, keys, left, manager.getTTL('trend'), await manager.invalidateUser(5), manager.getStats().hitRate];
}
// @ts-expect-error a form that does not exist
new CacheService().get('user', 'xml');
// @ts-expect-error seconds are a number
new FileCache({ ttl: '5m' });

export async function queues(): Promise<unknown> {
  const options: QstashQueueOptions = { batchSize: 5, token: 't', wait: true, client: { publishJSON: async (message) => message.url } };
  const queue: SameQueue = new QstashQueue(options);
  await queue.initialize();
  const publish: PublishOptions = { idempotencyKey: 'k', headers: { a: 'b' }, delay: 5 };
  const published: Published = await queue.publish('https://a', { id: 1 }, publish);
  if ('queued' in published) console.log(published.id);
  const { messageId } = await queue.publish('https://a', {}, { wait: true });
  const letters: QstashDeadLetter[] = await queue.getDeadLetterQueue();
  const { size } = queue.getBufferStatus();

  const localOptions: LocalBufferQueueOptions = { persistencePath: './queue.json', maxSize: 5, maxRetries: 1 };
  const local: SameLocalQueue<User> = new LocalBufferQueue<User>(localOptions);
  const [message]: LocalMessage<User>[] = await local.dequeueBatch(5);

  const config: BatchProcessorConfig = { maxBatchSize: 5, maxWaitTime: 10, concurrency: 2 };
  const processor: SameProcessor<User, number> = new BatchProcessor<User, number>(config, async (users) => users.map(({ name }) => name.length));
  const length: number = await processor.add({ name: 'Ada' });
  return [messageId, letters[0]?.attempts, size, message?.data.name, length];
}
// @ts-expect-error a client needs functions
new QstashQueue({ client: { publishJSON: 'now' } });
// @ts-expect-error items of another type
new BatchProcessor<User>().add({ id: 5 });
