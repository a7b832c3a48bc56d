// Compiled, never run: a strict ES module that uses the caches' drop-ins as a service would.
import { CacheManager, CacheService, FileCache, LocalCache, RedisClient } from 'sluice/compat';
import type { BatchOperation, CacheServiceOptions, FileCacheOptions, LocalCacheOptions, RedisClientOptions } from 'sluice/compat';
import { LocalCache as Same } from 'sluice/compat/local-cache';
import type { CacheStats, RedisLike } from 'sluice';

interface User { name: string }
export async function local(): Promise<string> {
  const options: LocalCacheOptions = { maxEntries: 100, now: () => 0 };
  const cache: Same = new LocalCache(options);
  cache.set('user', { name: 'Ada' });
  cache.set(7, 1, 1000);
  const user: User | null = cache.get<User>('user');
  const loaded: User = await cache.getOrSet('user', async () => ({ name: 'Bob' }), 1000);
  const flags: boolean[] = [cache.del('user'), cache.isUnchanged('user', user)];
  return `${user?.name} ${loaded.name} ${flags.length} ${cache.size}`;
}
// @ts-expect-error a lifetime is a number
new LocalCache().set('k', 1, '1000');

export async function service(redis: RedisLike): Promise<string> {
  const options: CacheServiceOptions = {
    redis, l3Path: '/tmp/x', memory: { maxEntries: 5 }, negative: false, warmup: { schedule: '0 2 * * *', keys: [{ key: 'k', loader: () => 1 }, { key: 'l', value: 2 }] },
  };
  const cache = new CacheService(options);
  await cache.initialize();
  const taken: boolean = await cache.set('k', { name: 'Ada' }, 60, { skipL1: true, skipTtlRandomization: true, l1Ttl: 1, l3Ttl: 5 });
  const user: User | null = await cache.get<User>('k');
  const text: string | null = await cache.get('k', 'text', { skipL2: true });
  const bytes: Buffer | null = await cache.get('k', 'buffer');
  const operations: BatchOperation[] = [{ type: 'set', key: 'a', value: 1, ttl: 5 }, { type: 'get', key: 'a', as: 'text' }, { type: 'delete', key: 'a*', options: { pattern: true } }];
  const [first] = await cache.batchOperation(operations);
  const { success }: { success: number } = await cache.preheat([{ key: 'k', loader: async () => 1, ttl: 60 }], { concurrency: 2 });
  const stats: CacheStats = cache.getStats();
  cache.resetStats();
  const keys: string[] = await cache.listKeys('k');
  await cache.delete('k*', { pattern: true });
  await cache.destroy();
  return [taken, user?.name, text?.length, bytes?.byteLength, first?.value, success, stats.hitRate, keys.length, cache.cache.health().disk].join();
}
new CacheService({ redis: null, disk: false });
// @ts-expect-error there is no such type
void new CacheService().get('k', 'xml');

export async function files(): Promise<void> {
  const options: FileCacheOptions = { basePath: 'cache', ttl: 60 };
  const cache = new FileCache(options);
  await cache.connect();
  const taken: boolean = await cache.set('k', { name: 'Ada' }, 60);
  const [user, text, bytes]: [User | null, string | null, Buffer | null] = [await cache.get<User>('k'), await cache.get('k', 'text'), await cache.get('k', 'buffer')];
  console.log(taken, user, text, bytes, await cache.exists('k'), await cache.delete('k'), (await cache.listKeys('k')).length, cache.ttl);
  await cache.disconnect();
}

export async function redis(client: RedisLike): Promise<void> {
  const options: RedisClientOptions = { host: 'localhost', port: 6379, password: 'secret', db: 1, commandTimeoutMs: 100, memory: {}, keyPrefix: 'app:' };
  for (const one of [new RedisClient(options), new RedisClient(client), new RedisClient({ client }), new RedisClient()]) {
    const user: User | null = await one.get<User>('k');
    const left: number = await one.getTTL('k');
    const done: boolean[] = [await one.set('k', user, 60), await one.set('k', user), await one.delete('k'), one.isConnected()];
    console.log(left, done, await one.deletePattern('k*'), one.getClient());
    one.client = client;
    const manager = new CacheManager(one);
    const key: string = manager.generateKey('dashboard', 'user', 7, { from: 1 });
    await manager.set(key, user, manager.getTTL('trend'));
    const count: number = (await manager.invalidateUser(7)) + (await manager.invalidateKey(key)) + (await manager.invalidateNamespace('dashboard'));
    const { hits, misses, hitRate }: { hits: number; misses: number; hitRate: string } = manager.getStats();
    console.log(count, hits, misses, hitRate, await manager.get<User>(key), manager.redis.isConnected());
    await manager.disconnect();
  }
  console.log(new CacheManager({ client }), new CacheManager(client), new CacheManager());
}
