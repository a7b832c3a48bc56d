'use strict';
const RedisMock = require('ioredis-mock');
const { CacheManager, RedisClient } = require('../src/classes');

let redis;
beforeEach(async () => {
  redis = new RedisMock();
  await redis.flushall();
});
afterEach(() => redis.disconnect());

describe('RedisClient', () => {
  let client;
  beforeEach(() => {
    client = new RedisClient(redis);
  });

  test('is connected with a client that was given to it', () => {
    expect(client.isConnected()).toBe(true);
    expect(client.getClient()).toBe(redis);
  });

  test('writes JSON with its seconds, in one command', async () => {
    const set = jest.spyOn(redis, 'set');
    await expect(client.set('k', { a: [1, 'x'] }, 60)).resolves.toBe(true);
    expect(set).toHaveBeenCalledTimes(1);
    expect(set).toHaveBeenCalledWith('k', '{"a":[1,"x"]}', 'EX', 60);
  });

  test('each get decodes: callers may change what they got', async () => {
    await client.set('k', { n: 1 }, 60);
    (await client.get('k')).n = 2;
    await expect(client.get('k')).resolves.toStrictEqual({ n: 1 });
  });

  test('reads what another program wrote', async () => {
    await redis.set('foreign', '{"by":"them"}');
    await expect(client.get('foreign')).resolves.toStrictEqual({ by: 'them' });
  });

  test('a miss is null', async () => {
    await expect(client.get('nobody')).resolves.toBeNull();
  });

  test('delete tells whether there was something', async () => {
    await client.set('k', 1, 60);
    await expect(client.delete('k')).resolves.toBe(true);
    await expect(client.delete('k')).resolves.toBe(false);
  });

  test('getTTL is in seconds', async () => {
    await client.set('k', 1, 60);
    expect(await client.getTTL('k')).toBe(60);
    expect(await client.getTTL('nobody')).toBe(-2);
  });

  test('deletePattern tells how many there were', async () => {
    for (const key of ['user:1:a', 'user:1:b', 'user:2:a']) await client.set(key, 1, 60);
    await expect(client.deletePattern('user:1:*')).resolves.toBe(2);
    await expect(redis.keys('*')).resolves.toStrictEqual(['user:2:a']);
  });

  test('Redis that fails is a miss, never an error', async () => {
    const gone = () => Promise.reject(new Error('gone'));
    for (const method of ['get', 'set', 'del', 'scan', 'keys', 'ttl', 'pttl', 'unlink', 'eval']) redis[method] = gone;
    const pipeline = new Proxy({}, { get: (_, name) => (name === 'exec' ? gone : () => pipeline) });
    redis.pipeline = () => pipeline;
    redis.multi = () => pipeline;
    await expect(client.get('k')).resolves.toBeNull();
    await expect(client.set('k', 1, 60)).resolves.toBe(false);
    await expect(client.delete('k')).resolves.toBe(false);
    await expect(client.deletePattern('k*')).resolves.toBe(0);
  });
});

describe('CacheManager', () => {
  let manager;
  beforeEach(() => {
    manager = new CacheManager(new RedisClient(redis));
  });

  test('names keys by their parts', () => {
    expect(manager.generateKey('crs', 'dashboard', 'user1')).toBe('crs:dashboard:user1');
    expect(manager.generateKey('crs', 'dashboard')).toBe('crs:dashboard');
    expect(manager.generateKey('crs', 'trend', 'user1', '7d')).toBe('crs:trend:user1:7d');
  });

  test.each([['dashboard', 60], ['keys', 60], ['stats', 60], ['trend', 300], ['unheard-of', 60]])('%s lives %i s', (type, seconds) => {
    expect(manager.getTTL(type)).toBe(seconds);
  });

  test('counts hits and misses', async () => {
    await manager.set('a', { n: 1 }, 60);
    await manager.get('a');
    await manager.get('a');
    await manager.get('a');
    await manager.get('b');
    expect(manager.getStats()).toStrictEqual({ hits: 3, misses: 1, hitRate: '75.00%' });
  });

  test('invalidateUser and invalidateKey reach theirs in all namespaces', async () => {
    for (const [namespace, entity, id] of [['crs', 'user', 'ada'], ['stats', 'user', 'ada'], ['crs', 'user', 'bob'], ['crs', 'key', 'k1'], ['crs', 'key', 'x2']]) {
      await manager.set(manager.generateKey(namespace, entity, id), 1, 60);
    }
    await manager.invalidateUser('ada');
    await expect(redis.keys('*').then((keys) => keys.sort())).resolves.toStrictEqual(['crs:key:k1', 'crs:key:x2', 'crs:user:bob']);
    await manager.invalidateKey('k1');
    await expect(redis.keys('*').then((keys) => keys.sort())).resolves.toStrictEqual(['crs:key:x2', 'crs:user:bob']);
  });

  test('invalidateNamespace reaches all its keys and no other', async () => {
    await manager.set(manager.generateKey('crs', 'dashboard', 'u1'), 1, 60);
    await manager.set(manager.generateKey('crs', 'keys', 'u2'), 2, 60);
    await manager.set(manager.generateKey('other', 'keys', 'u1'), 3, 60);
    await manager.invalidateNamespace('crs');
    await expect(manager.get('crs:dashboard:u1')).resolves.toBeNull();
    await expect(manager.get('crs:keys:u2')).resolves.toBeNull();
    await expect(manager.get('other:keys:u1')).resolves.toBe(3);
  });
});
