'use strict';
// CacheService: what every mode does alike.
const os = require('node:os');
const { mock } = require('../cache/clients');
const { here, useServices, make, l3, prefix, exact, patient } = require('../support/cache-service');

useServices();

describe.each([
  ['plain: ENABLE_PERFORMANCE_OPTIMIZATION=false', { ENABLE_PERFORMANCE_OPTIMIZATION: 'false', CACHE_L3_PATH: os.tmpdir() }, () => ({})],
  ['plain: each switch off', { CACHE_L3_ENABLED: 'false', CACHE_BLOOM_FILTER: 'false', CACHE_WARMUP_ENABLED: 'false' }, () => ({ l3Path: here.folder })],
  ['plain, with Redis', { ENABLE_PERFORMANCE_OPTIMIZATION: '0' }, () => ({ redis: { ...patient, url: here.server.url, keyPrefix: prefix() } })],
  ['plain, with a client of the application', { ENABLE_PERFORMANCE_OPTIMIZATION: '0' }, () => ({ redis: { ...patient, client: mock().client } })],
  ['disk', {}, () => ({ l3Path: here.folder })],
  ['three tiers', {}, () => ({ l3Path: here.folder, redis: { ...patient, url: here.server.url, keyPrefix: prefix() } })],
])('%s', (_, env, options) => {
  let service;
  beforeEach(async () => {
    Object.assign(process.env, env);
    service = make(options());
    await service.initialize();
  });

  test('what is set comes back as it was, by type', async () => {
    for (const value of [{ a: [1, null] }, 'text', '123', '{"a":1}', '', 0, 1.5, false, null]) {
      expect(await service.set('k', value, 60)).toBe(true);
      expect(await service.get('k')).toStrictEqual(value);
      await service.delete('k');
      expect(await service.get('k')).toBe(null);
    }
  });
  test("as 'json', 'text' or 'buffer'", async () => {
    await service.set('object', { a: 'ü' }, 60);
    await service.set('text', 'grün', 60);
    await service.set('bytes', Buffer.from([0xff, 0]), 60);
    expect([await service.get('object', 'text'), await service.get('text', 'text')]).toEqual(['{"a":"ü"}', 'grün']);
    expect([await service.get('object', 'buffer'), await service.get('text', 'buffer'), await service.get('bytes', 'buffer')]).toEqual([Buffer.from('{"a":"ü"}'), Buffer.from('grün'), Buffer.from([0xff, 0])]);
    expect([await service.get('none', 'text'), await service.get('none', 'buffer')]).toEqual([null, null]);
    await expect(service.get('text', 'xml')).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'type' });
  });
  test('null for what is not there; options that ask for nothing here are ignored', async () => {
    expect(await service.get('none')).toBe(null);
    expect(await service.set('k', 1, 60, { priority: 'high', skipL1: undefined })).toBe(true);
    expect(await service.get('k', 'json', { cacheTtl: 5, skipL1: false })).toBe(1);
    expect(await service.get('k', undefined, null)).toBe(1);
  });
  test('an hour without a TTL; 0 or less deletes', async () => {
    await service.set('k', 1, undefined, exact);
    await service.set('l', 1, null, exact);
    for (const key of ['k', 'l']) {
      const left = await service.cache.ttl(key);
      expect(left).toBeGreaterThan(3500);
      expect(left).toBeLessThanOrEqual(3600);
    }
    for (const ttl of [0, -1]) {
      await service.set('k', 1, 60);
      expect([await service.set('k', 2, ttl), await service.get('k')]).toEqual([true, null]);
    }
    await service.set('kept', 1, 60);
    await service.set('ke*', 1, 0);
    expect(await service.get('kept')).toBe(1);
    await expect(service.set('k', 1, '60')).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(service.set('k', undefined, 60)).rejects.toMatchObject({ code: 'ERR_VALUE' });
  });
  test('delete takes a key, or a pattern: one that has a star, or that is said to be one', async () => {
    for (const key of ['u:1', 'u:2', 'u:*', 'v:1', 'v[1]', 'v?1']) await service.set(key, key, 60);
    expect([await service.delete('u:*', { pattern: false }), await service.delete('u:*', { pattern: false })]).toEqual([true, false]);
    expect((await service.listKeys('u:')).sort()).toEqual(['u:1', 'u:2']);
    expect([await service.delete('v[1]'), await service.delete('v?1'), await service.delete('v?1'), await service.get('v:1')]).toEqual([true, true, false, 'v:1']);
    expect([await service.delete('u:?', { pattern: true }), await service.delete('u:?', { pattern: true })]).toEqual([true, false]);
    for (const key of ['u:1', 'u:2']) await service.set(key, key, 60);
    expect([await service.delete('u:*'), await service.delete('u:*')]).toEqual([true, false]);
    expect([await service.get('u:1'), await service.get('v:1'), await service.listKeys()]).toEqual([null, 'v:1', ['v:1']]);
    await expect(service.delete({})).rejects.toMatchObject({ code: 'ERR_VALUE' });
  });
  test('listKeys gives all keys, however many, or as many as are asked for', async () => {
    await Promise.all(Array.from({ length: 1200 }, (_unused, at) => service.set(`many:${at}`, at, 60)));
    expect(new Set(await service.listKeys('many:')).size).toBe(1200);
    expect((await service.listKeys('many:', 7)).length).toBe(7);
  });
  test('preheat loads what is not there, from loaders and values', async () => {
    await service.set('there', 'old', 60);
    const loader = jest.fn(async () => 'new');
    const progress = jest.fn();
    const done = await service.preheat([
      { key: 'there', loader, ttl: 60 }, { key: 'a', loader }, { key: 'b', value: 5 }, { key: 'c', loader: () => { throw new Error('down'); } }, { key: 'd', loader: () => undefined },
    ], { concurrency: 2, onProgress: progress });
    expect(done).toStrictEqual({ success: 3, failed: 2, totalTime: expect.any(Number) });
    expect([await service.get('there'), await service.get('a'), await service.get('b'), loader.mock.calls.length, progress.mock.calls.at(-1)]).toEqual(['old', 'new', 5, 1, [5, 5]]);
    expect(await service.preheat()).toMatchObject({ success: 0, failed: 0 });
    await expect(service.preheat('k')).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
  test('batchOperation does all in their order, and one that is refused fails alone', async () => {
    const results = await service.batchOperation([
      { type: 'set', key: 'a', value: { n: 1 }, ttl: 60 },
      { type: 'get', key: 'a' },
      { type: 'get', key: 'a', as: 'text' },
      { type: 'set', key: 'b', value: undefined },
      { type: 'delete', key: 'a' },
      { type: 'get', key: 'a' },
      { type: 'increment', key: 'a' },
      null,
      { type: 'delete', key: 'nothing:*', options: { pattern: true } },
    ]);
    expect(results).toEqual([
      { success: true, key: 'a' },
      { success: true, key: 'a', value: { n: 1 } },
      { success: true, key: 'a', value: '{"n":1}' },
      { success: false, key: 'b', error: expect.objectContaining({ code: 'ERR_VALUE' }) },
      { success: true, key: 'a', deleted: true },
      { success: true, key: 'a', value: null },
      { success: false, key: 'a', error: expect.objectContaining({ code: 'ERR_INVALID_OPTION' }) },
      { success: false, key: undefined, error: expect.objectContaining({ code: 'ERR_INVALID_OPTION' }) },
      { success: true, key: 'nothing:*', deleted: false },
    ]);
    await expect(service.batchOperation({})).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
  test('batchOperation: a deletion by pattern takes what the batch has set before it, and nothing that comes behind it', async () => {
    await service.set('u:1', 'old', 60);
    const results = await service.batchOperation([
      { type: 'set', key: 'u:2', value: 'begun', ttl: 60 },
      { type: 'delete', key: 'u:*' },
      { type: 'set', key: 'u:1', value: 'new', ttl: 60 },
      { type: 'get', key: 'u:1' },
      { type: 'delete', key: 'u:?', options: { pattern: true } },
      { type: 'set', key: 'u:3', value: 'new', ttl: 60 },
      { type: 'set', key: 'u:*', value: 'a key', ttl: 60 },
      { type: 'delete', key: 'u:*', options: { pattern: false } },
    ]);
    expect(results.map(({ value, deleted, success }) => value ?? deleted ?? success)).toEqual([true, true, true, 'new', true, true, true, true]);
    expect([await service.get('u:1'), await service.get('u:2'), await service.get('u:3'), await service.get('u:*')]).toEqual([null, null, 'new', null]);
  });
  test('statistics have their shape and their texts; each get counts once', async () => {
    await service.set('k', 1, 60);
    for (let at = 0; at < 9; at += 1) await service.get('k');
    await service.get('none');
    const stats = service.getStats();
    expect(stats).toMatchObject({
      totalRequests: 10, misses: 1, hitRate: '90.00%', hits: { l1: expect.any(Number), l2: expect.any(Number), l3: expect.any(Number) },
      l1HitRate: expect.stringMatching(/^\d+\.\d\d%$/), l2HitRate: expect.stringMatching(/^\d+\.\d\d%$/), l3HitRate: expect.stringMatching(/^\d+\.\d\d%$/),
    });
    expect(stats.hits.l1 + stats.hits.l2 + stats.hits.l3).toBe(9);
    service.resetStats();
    expect(service.getStats()).toMatchObject({ totalRequests: 0, misses: 0, hits: { l1: 0, l2: 0, l3: 0 }, hitRate: '0.00%', l1HitRate: '0.00%' });
  });
  test('numbers are keys; null stands for what is not given', async () => {
    const service = l3();
    await service.set(5, 'five', 60);
    expect([await service.get('5'), await service.get(5), await service.get(5, 'text'), await service.listKeys(null, null)]).toEqual(['five', 'five', 'five', ['5']]);
    expect((await service.batchOperation([{ type: 'get', key: 5 }]))[0]).toEqual({ success: true, key: 5, value: 'five' });
    expect([await service.delete(5), await service.get(5), await service.preheat(null)]).toEqual([true, null, { success: 0, failed: 0, totalTime: expect.any(Number) }]);
  });
  test('destroy ends it, once', async () => {
    await service.set('k', 1, 60);
    expect(service.destroy()).toBe(service.destroy());
    await service.destroy();
    await expect(service.get('k')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(service.set('k', 1, 60)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});
