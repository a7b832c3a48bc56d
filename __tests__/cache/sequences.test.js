'use strict';
// Calls one after the other on one key, without a pause: each sees what the one before it did.
const { TieredCache } = require('sluice');
const { startRedis, stopAll } = require('../redis');
const clients = require('./clients');

const open = [];
const cacheOf = (options) => {
  const cache = new TieredCache({ memory: false, ...options });
  open.push(cache);
  return cache;
};
let server;
beforeAll(async () => {
  server = await startRedis();
});
afterEach(() => Promise.all(open.splice(0).map((cache) => cache.close())));
afterAll(stopAll);

describe('what is set or loaded behind a load stays in Redis', () => {
  const ROUNDS = 150;
  /** What a cache of Redis alone finds after each sequence, at once and once a fill has had its time to be doubted. */
  async function after(name, sequence) {
    const cache = cacheOf({ redis: { url: server.url, keyPrefix: `${name}:` } });
    const found = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await sequence(cache, `key ${round}`);
      found.push(await cache.get(`key ${round}`));
    }
    await new Promise((resolve) => setTimeout(resolve, 60));
    const later = await cache.getMany(Array.from({ length: ROUNDS }, (_, round) => `key ${round}`));
    return [new Set(found), new Set(later)];
  }
  const load = (cache, key, value) => cache.getOrSet(key, () => value, 60);

  test('a set', async () => {
    const said = await after('set', async (cache, key) => {
      await load(cache, key, 'loaded');
      await cache.set(key, 'set', 60);
    });
    expect(said).toEqual([new Set(['set']), new Set(['set'])]);
  });
  test('a set of the same value', async () => {
    const said = await after('same', async (cache, key) => {
      await load(cache, key, 'same');
      await cache.set(key, 'same', 60);
    });
    expect(said).toEqual([new Set(['same']), new Set(['same'])]);
  });
  test('another load, behind a delete', async () => {
    const said = await after('again', async (cache, key) => {
      await load(cache, key, 'same');
      await cache.delete(key);
      await load(cache, key, 'same');
    });
    expect(said).toEqual([new Set(['same']), new Set(['same'])]);
  });
  test('a delete', async () => {
    const said = await after('delete', async (cache, key) => {
      await load(cache, key, 'loaded');
      await cache.delete(key);
    });
    expect(said).toEqual([new Set([null]), new Set([null])]);
  });
});

describe('a client of the application', () => {
  const seen = [];
  const on = (error) => seen.push(error);
  beforeAll(() => process.on('unhandledRejection', on));
  afterAll(() => process.off('unhandledRejection', on));

  test('close() waits for reads', async () => {
    const { client, close } = clients.ioredis(server);
    for (const read of [(cache) => cache.get('none'), (cache) => cache.getEntry('none'), async (cache) => (await cache.getMany(['none']))[0]]) {
      const cache = cacheOf({ redis: { client, keyPrefix: 'reads:' } });
      const answer = read(cache);
      await cache.close();
      expect(await answer).toBe(null);
    }
    close();
  });
  test('a read whose signal has fired is not made, and leaves nothing behind', async () => {
    const get = jest.fn(() => Promise.reject(new Error('no')));
    const client = { get, set: get, del: get };
    const cache = cacheOf({ redis: { client } });
    const signal = AbortSignal.abort('left');
    for (const read of [cache.get('key', { signal }), cache.getEntry('key', { signal }), cache.getBytes('key', { signal }), cache.getMany(['key'], { signal })]) {
      await expect(read).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: 'left' });
    }
    expect(get).not.toHaveBeenCalled();
    await cache.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
  });
  test('a star behind a star or a question mark means for a mock what it means for Redis', async () => {
    const { client, close } = clients.mock();
    const cache = cacheOf({ redis: client });
    await cache.setMany(['a', 'ab', 'abc', 'b', 'ba'].map((key) => [key, 1, 60]));
    const patterns = ['a**c', 'b?*', 'a**', '?*'];
    const removed = [];
    for (const pattern of patterns) removed.push(await cache.deletePattern(pattern));
    expect(removed).toEqual([1, 1, 2, 1]);
    close();
  });
});
