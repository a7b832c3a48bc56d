'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const RedisMock = require('ioredis-mock');
const { CacheService } = require('../src/classes');

const exact = { skipTtlRandomization: true };

describe('CacheService', () => {
  let folder;
  let redis;
  let cache;
  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'service-cache-'));
    redis = new RedisMock();
    await redis.flushall();
    cache = new CacheService({ redis, l3Path: folder });
    await cache.initialize();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await cache.destroy();
    redis.disconnect();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test('a miss is null, a hit is the value', async () => {
    await expect(cache.get('nobody')).resolves.toBeNull();
    await cache.set('k', { n: 1 }, 60);
    await expect(cache.get('k')).resolves.toStrictEqual({ n: 1 });
  });

  test('writes to Redis with the seconds that were asked for', async () => {
    const set = jest.spyOn(redis, 'set');
    await cache.set('k', { n: 1 }, 60, exact);
    expect(set).toHaveBeenCalledTimes(1);
    expect(set).toHaveBeenCalledWith('k', '{"n":1}', 'EX', 60);
  });

  test('the lifetime in Redis is within a tenth of what was asked for', async () => {
    for (let at = 0; at < 20; at += 1) await cache.set(`k${at}`, at, 1000);
    for (let at = 0; at < 20; at += 1) {
      const seconds = await redis.ttl(`k${at}`);
      expect(seconds).toBeGreaterThanOrEqual(899);
      expect(seconds).toBeLessThanOrEqual(1100);
    }
  });

  test('skipL2 does not touch Redis', async () => {
    const set = jest.spyOn(redis, 'set');
    await cache.set('k', 1, 60, { skipL2: true });
    expect(set).not.toHaveBeenCalled();
    await expect(redis.exists('k')).resolves.toBe(0);
  });

  test('reads what Redis has and memory has not', async () => {
    await redis.set('k', '{"by":"another"}', 'EX', 60);
    await expect(cache.get('k')).resolves.toStrictEqual({ by: 'another' });
    expect(cache.getStats().hits).toStrictEqual({ l1: 0, l2: 1, l3: 0 });
  });

  test('a value that only the files have comes back after memory is emptied', async () => {
    await cache.set('k', { kept: true }, 600, { skipL1: true, skipL2: true });
    await cache.destroy();
    cache = new CacheService({ redis, l3Path: folder });
    await expect(cache.get('k')).resolves.toStrictEqual({ kept: true });
    expect(cache.getStats().hits.l3).toBe(1);
  });

  test('a hit is counted where it was', async () => {
    await cache.set('k', 1, 600);
    await cache.get('k', 'json', { skipL1: true, skipL2: true });
    await cache.get('k', 'json', { skipL1: true });
    await cache.get('nobody');
    expect(cache.getStats()).toMatchObject({ totalRequests: 3, hits: { l2: 1, l3: 1 }, hitRate: '66.67%', l2HitRate: '33.33%' });
  });

  test('statistics start at nothing, and again after resetStats', async () => {
    const nothing = { totalRequests: 0, hits: { l1: 0, l2: 0, l3: 0 }, misses: 0, hitRate: '0.00%', l1HitRate: '0.00%' };
    expect(cache.getStats()).toMatchObject(nothing);
    await cache.get('nobody');
    expect(cache.getStats().totalRequests).toBe(1);
    cache.resetStats();
    expect(cache.getStats()).toMatchObject(nothing);
  });

  test('delete reaches all tiers', async () => {
    await cache.set('k', 1, 600);
    await cache.delete('k');
    await expect(redis.exists('k')).resolves.toBe(0);
    await expect(cache.get('k')).resolves.toBeNull();
    await expect(cache.get('k', 'json', { skipL1: true, skipL2: true })).resolves.toBeNull();
  });

  test('a deletion by pattern reaches memory and Redis, and nothing else', async () => {
    for (const key of ['user:1:a', 'user:1:b', 'user:2:a']) await cache.set(key, key, 600);
    await cache.delete('user:1:*', { pattern: true });
    await expect(redis.keys('*')).resolves.toStrictEqual(['user:2:a']);
    for (const key of ['user:1:a', 'user:1:b']) await expect(cache.get(key, 'json', { skipL3: true })).resolves.toBeNull();
    await expect(cache.get('user:2:a')).resolves.toBe('user:2:a');
    await expect(cache.get('user:2:a', 'json', { skipL1: true, skipL2: true })).resolves.toBe('user:2:a');
  });

  test('text stays text', async () => {
    await cache.set('k', '123', 60);
    await expect(cache.get('k')).resolves.toBe('123');
    await expect(cache.get('k', 'text', { skipL1: true })).resolves.toBe('123');
  });

  test('Redis that fails costs its tier, not the value', async () => {
    redis.set = () => Promise.reject(new Error('gone'));
    await cache.set('k', { n: 1 }, 60);
    await expect(cache.get('k')).resolves.toStrictEqual({ n: 1 });
  });

  test('preheat loads what will be asked for, and tells how it went', async () => {
    const keys = ['a', 'b', 'c'].map((key) => ({ key, loader: async () => key.toUpperCase(), ttl: 60 }));
    keys.push({ key: 'd', loader: () => Promise.reject(new Error('away')), ttl: 60 });
    await expect(cache.preheat(keys)).resolves.toStrictEqual({ success: 3, failed: 1, totalTime: expect.any(Number) });
    await expect(cache.get('b')).resolves.toBe('B');
  });

  test('batchOperation does many, in order', async () => {
    const results = await cache.batchOperation([
      { type: 'set', key: 'k', value: { n: 1 }, ttl: 60 },
      { type: 'get', key: 'k' },
      { type: 'delete', key: 'k' },
    ]);
    expect(results).toMatchObject([{ success: true, key: 'k' }, { success: true, value: { n: 1 } }, { success: true, deleted: true }]);
    await expect(cache.get('k')).resolves.toBeNull();
  });

  test('lists keys by prefix', async () => {
    for (const key of ['user:1', 'user:2', 'file:1']) await cache.set(key, 1, 60);
    expect((await cache.listKeys('user:')).sort()).toStrictEqual(['user:1', 'user:2']);
  });

  test('with the files switched off nothing is written to them', async () => {
    process.env.CACHE_L3_ENABLED = 'false';
    const elsewhere = path.join(folder, 'none');
    const plain = new CacheService({ redis, l3Path: elsewhere });
    try {
      await plain.initialize();
      await plain.set('k', 1, 60);
      await expect(plain.get('k')).resolves.toBe(1);
      expect(fs.existsSync(elsewhere)).toBe(false);
    } finally {
      delete process.env.CACHE_L3_ENABLED;
      await plain.destroy();
    }
  });
});
