'use strict';
// CacheService: what every mode does alike, then the promises of its tiers.
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { CacheService } = require('sluice/compat');
const { startRedis, stopAll } = require('../redis');
const { mock } = require('../cache/clients');

const VARIABLES = ['REDIS_URL', 'CACHE_L3_PATH', 'CACHE_L3_ENABLED', 'CACHE_BLOOM_FILTER', 'CACHE_WARMUP_ENABLED', 'CACHE_WARMUP_SCHEDULE', 'ENABLE_PERFORMANCE_OPTIMIZATION'];
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
const root = path.join(__dirname, '..', '..');
let folder;
let services;
let server;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(stopAll);
beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name];
  folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-service-'));
  services = [];
});
afterEach(async () => {
  await Promise.all(services.map((service) => service.destroy()));
  rmSync(folder, { recursive: true, force: true });
  for (const [name, value] of Object.entries(before)) if (value === undefined) delete process.env[name]; else process.env[name] = value;
});
function make(options) {
  const service = new CacheService(options);
  services.push(service);
  return service;
}
const l3 = (options) => make({ l3Path: folder, ...options });
let prefixes = 0;
const prefix = () => `t${(prefixes += 1)}:`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Waits until a condition holds; far longer than what is promised. */
async function until(condition) {
  const begun = Date.now();
  while (!(await condition())) {
    if (Date.now() - begun > 60_000) throw new Error('it did not come to hold');
    await sleep(5);
  }
}
const exact = { skipTtlRandomization: true };
// what is not about deadlines has time, on a slow machine too
const patient = { commandTimeoutMs: 20_000 };

describe.each([
  ['plain: ENABLE_PERFORMANCE_OPTIMIZATION=false', { ENABLE_PERFORMANCE_OPTIMIZATION: 'false', CACHE_L3_PATH: os.tmpdir() }, () => ({})],
  ['plain: each switch off', { CACHE_L3_ENABLED: 'false', CACHE_BLOOM_FILTER: 'false', CACHE_WARMUP_ENABLED: 'false' }, () => ({ l3Path: folder })],
  ['plain, with Redis', { ENABLE_PERFORMANCE_OPTIMIZATION: '0' }, () => ({ redis: { ...patient, url: server.url, keyPrefix: prefix() } })],
  ['plain, with a client of the application', { ENABLE_PERFORMANCE_OPTIMIZATION: '0' }, () => ({ redis: { ...patient, client: mock().client } })],
  ['disk', {}, () => ({ l3Path: folder })],
  ['three tiers', {}, () => ({ l3Path: folder, redis: { ...patient, url: server.url, keyPrefix: prefix() } })],
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

describe('tiers', () => {
  /** In its first second beside Redis the disk is not believed. */
  const believed = (service) => until(async () => {
    await service.set('probe', 1, 60, { skipL1: true, skipL2: true });
    return (await service.get('probe')) === 1 && service.delete('probe');
  });
  test('a value set with skipL1 and skipL2 comes back from L3 after L1 is emptied', async () => {
    for (const redis of [false, { ...patient, url: server.url, keyPrefix: prefix() }]) {
      const service = l3({ redis });
      if (redis) await believed(service);
      await service.set('k', { a: 1 }, 60, { skipL1: true, skipL2: true });
      service.cache.clearSync();
      service.resetStats();
      expect(await service.get('k')).toEqual({ a: 1 });
      expect(service.getStats().hits).toEqual({ l1: 0, l2: 0, l3: 1 });
      expect(await service.get('k', 'json', { skipL1: true, skipL2: true })).toEqual({ a: 1 });
      expect(service.getStats().hits).toEqual({ l1: 0, l2: 0, l3: 2 });
      await service.destroy();
    }
  });
  test('skipL3 keeps a value off the disk, skipL2 out of Redis', async () => {
    const keyPrefix = prefix();
    const service = l3({ redis: { ...patient, url: server.url, keyPrefix } });
    await service.set('a', 1, 60, { skipL3: true });
    await service.set('b', 1, 60, { skipL2: true });
    service.cache.clearSync();
    expect([await service.get('a', 'json', { skipL1: true, skipL2: true }), await service.get('a', 'json', { skipL1: true })]).toEqual([null, 1]);
    expect([await server.command('EXISTS', `${keyPrefix}a`), await server.command('EXISTS', `${keyPrefix}b`)]).toEqual([1, 0]);
  });
  test('defect: a deletion by pattern that skips tiers, and ends at the first thousand', async () => {
    const keyPrefix = prefix();
    const service = l3({ redis: { ...patient, url: server.url, keyPrefix } });
    await believed(service);
    await Promise.all(Array.from({ length: 1500 }, (_, at) => service.set(`u:${at}`, at, 60)));
    await service.set('kept', 1, 60);
    expect(await service.delete('u:*', { pattern: true })).toBe(true);
    for (const skip of [{}, { skipL1: true }, { skipL1: true, skipL2: true }]) {
      const found = await Promise.all(Array.from({ length: 1500 }, (_, at) => service.get(`u:${at}`, 'json', skip)));
      expect(found.every((value) => value === null)).toBe(true);
      expect(await service.get('kept', 'json', skip)).toBe(1);
    }
    expect(await server.command('EVAL', "return #redis.call('KEYS', ARGV[1])", 0, `${keyPrefix}u:*`)).toBe(0);
  });
  test('L3 survives its process: another service finds what the first one set', async () => {
    const first = l3();
    await first.set('k', { a: 1 }, 60);
    await first.destroy();
    expect(await l3().get('k')).toEqual({ a: 1 });
  });
  test('a client of the application gets plain JSON under the same keys, and is left open', async () => {
    const { client } = mock();
    const service = make({ redis: client, disk: false });
    await service.set('user:1', { a: 1 }, 60, exact);
    expect([await client.get('user:1'), await client.ttl('user:1')]).toEqual(['{"a":1}', 60]);
    await client.set('user:2', '{"b":2}');
    expect(await service.get('user:2')).toEqual({ b: 2 });
    await service.destroy();
    expect(await client.get('user:1')).toBe('{"a":1}');
  });
});

describe('defect', () => {
  test('a filter that hides set keys', async () => {
    const keyPrefix = prefix();
    const redis = { ...patient, url: server.url, keyPrefix };
    const [service, other] = [l3({ redis }), make({ redis, disk: false })];
    for (let at = 0; at < 3; at += 1) expect(await service.get('k')).toBe(null);
    await until(async () => {
      await service.get('k');
      return service.getStats().negativeHits > 0; // it is remembered: nobody is asked
    });
    await service.set('k', 'own', 60);
    expect(await service.get('k')).toBe('own');
    await until(async () => {
      await service.get('l');
      const { negativeHits } = service.getStats();
      await service.get('l');
      return service.getStats().negativeHits > negativeHits;
    });
    await other.set('l', 'theirs', 60);
    await until(async () => (await service.get('l')) === 'theirs');
  });
  test('an L1 that outlives the caller’s TTL', async () => {
    let now = Date.now();
    const service = l3({ now: () => now });
    await service.set('short', 1, 2, exact);
    await service.set('filled', 1, 2, { ...exact, skipL1: true });
    now += 1500;
    expect(await service.get('filled')).toBe(1); // fills L1, which has half a second left
    now += 500;
    expect([await service.get('short'), await service.get('filled')]).toEqual([1, 1]);
    now += 1;
    expect([await service.get('short'), await service.get('filled')]).toEqual([null, null]);
    await service.set('capped', 1, 60, { ...exact, l1Ttl: 1, skipL3: true });
    now += 1001;
    expect(await service.get('capped')).toBe(null);
  });
  test('an L3 that outlives the caller’s TTL', async () => {
    let now = Date.now();
    const service = l3({ now: () => now });
    await service.set('k', 1, 60, { ...exact, skipL1: true });
    now += 60_001;
    expect([await service.get('k'), await service.listKeys()]).toEqual([null, []]);
    await service.set('k', 1, 60, { ...exact, skipL1: true, l3Ttl: 5 });
    now += 5001;
    expect(await service.get('k')).toBe(null);
  });
  test('a TTL of one second that became none', async () => {
    for (const random of [() => 0, () => 0.999_999]) {
      const keyPrefix = prefix();
      const service = make({ redis: { ...patient, url: server.url, keyPrefix }, disk: false, random });
      expect(await service.set('k', 1, 1)).toBe(true);
      expect(await service.get('k')).toBe(1);
      expect(await server.command('PTTL', `${keyPrefix}k`)).toBeGreaterThan(0);
    }
  });
  test('text that comes back as a number', async () => {
    const service = l3();
    await service.set('k', '123', 60);
    service.cache.clearSync();
    expect(await service.get('k')).toBe('123');
  });
  test('a newer value overwritten by an older fill', async () => {
    const service = l3();
    for (let at = 0; at < 100; at += 1) {
      await service.set('k', 'old', 60);
      service.cache.clearSync();
      const reading = service.get('k');
      const writing = at % 2 ? service.set('k', 'new', 60) : service.delete('k');
      await Promise.all([reading, writing]);
      expect(await service.get('k')).toBe(at % 2 ? 'new' : null);
    }
  });
  test('Redis frozen is the cache frozen', async () => {
    const own = await startRedis();
    const service = l3({ redis: { url: own.url, keyPrefix: prefix() } });
    // what is written before changes are heard, or not taken in time, is asked again
    await service.initialize();
    await until(async () => (await service.set('k', 1, 60)) && (await service.get('k')) === 1);
    own.pause();
    try {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => service.get(at ? `none${at}` : 'k')));
      expect(answers).toEqual([1, ...Array(19).fill(null)]);
      expect(await service.set('k', 2, 60)).toBe(false);
    } finally {
      own.resume();
    }
  });
});

describe('hit rate', () => {
  test('a Zipf load reaches 85 % where plain LRU beside it has 84.1 %', async () => {
    const { seeded, zipf } = await zipfOf();
    const lru = new Map();
    let held = 0;
    const service = make({ disk: false, memory: { maxEntries: 2000 } });
    for (const rank of zipf(10_000, 1.1, 100_000, seeded(42))) {
      const key = `k${rank}`;
      if (lru.delete(key)) held += 1;
      else if (lru.size === 2000) lru.delete(lru.keys().next().value);
      lru.set(key, rank);
      if ((await service.get(key)) === null) await service.set(key, rank, 60);
    }
    expect((held / 1000).toFixed(1)).toBe('84.1');
    const { hitRate, totalRequests } = service.getStats();
    expect(totalRequests).toBe(100_000);
    expect(parseFloat(hitRate)).toBeGreaterThanOrEqual(85);
  });
});
/** The generator of the benchmarks, an ES module. */
async function zipfOf() {
  const source = require('node:fs').readFileSync(path.join(root, 'benchmark', 'zipf.mjs'), 'utf8').replace(/export function/g, 'function');
  return new Function(`${source}; return { seeded, zipf };`)();
}
