'use strict';
// Removals of many keys, which take Redis many steps: they end when they have ended, and what is read meanwhile does not come back.
const { TieredCache } = require('sluice');
const { startRedis, stopAll } = require('../../redis');
const clients = require('../clients');
const { cleanUp, folder, sleep, startProxy } = require('./support');

const KEYS = Array.from({ length: 6000 }, (_, at) => `p:${at}`);
const SOME = KEYS.filter((_, at) => at % 100 === 0);
const ways = { deletePattern: (cache) => cache.deletePattern('p:*'), deleteByTag: (cache) => cache.deleteByTag('all'), clear: (cache) => cache.clear() };

let server;
let raw;
const open = [];
const cacheOf = (options) => {
  const cache = new TieredCache({ jitter: 0, ...options });
  open.push(cache);
  return cache;
};
beforeAll(async () => {
  server = await startRedis();
  raw = server.client();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((cache) => cache.close()));
  await cleanUp();
  await raw.flushall();
});
afterAll(stopAll);

/** A cache on a disk and on a Redis each of whose answers takes a while, that has all the keys. */
async function slow(of) {
  const proxy = await startProxy(server.port);
  const path = folder();
  const cache = cacheOf({ disk: path, redis: { ...(await of(proxy)), commandTimeoutMs: 5000 } });
  await cache.initialize();
  // what a host stores before it hears of changes is suspect
  await sleep(1500);
  await cache.setMany(KEYS.map((key) => [key, 'old', 600]), { tags: ['all'] });
  proxy.delayMs = 20;
  return { cache, path };
}
const own = (proxy) => ({ url: proxy.url });
const injected = (proxy) => {
  const { client, close } = clients.ioredis({ clientOptions: () => ({ host: '127.0.0.1', port: proxy.port }) });
  open.push({ close });
  return { client, keyPrefix: 'sluice:' };
};

test.each(Object.keys(ways))('%s has been done when it resolves, however many command timeouts it took', async (how) => {
  const proxy = await startProxy(server.port);
  const cache = cacheOf({ disk: folder(), redis: { url: proxy.url, commandTimeoutMs: 1000 } });
  await cache.initialize();
  await cache.setMany(KEYS.map((key) => [key, 'old', 600]), { tags: ['all'] });
  proxy.delayMs = 150;
  await ways[how](cache);
  proxy.delayMs = 0;
  expect((await raw.keys('sluice:p:*')).length).toBe(0);
  expect((await cache.getMany(SOME)).filter((value) => value !== null)).toEqual([]);
});

test.each([['own', own], ['injected', injected]].flatMap(([name, of]) => Object.keys(ways).map((how) => [how, name, of])))('what is read during %s does not come back, with a client that is %s', async (how, _name, of) => {
  const { cache, path } = await slow(of);
  let reads = 0;
  let isDone = false;
  const done = ways[how](cache).then(() => (isDone = true));
  while (!isDone) {
    await Promise.all([cache.getMany(SOME), cache.getMany(SOME, { skipL1: true })]);
    reads += 1;
  }
  await done;
  expect(reads).toBeGreaterThan(1);
  expect((await cache.getMany(SOME)).filter((value) => value !== null)).toEqual([]);
  // close waits for fills
  await cache.close();
  expect((await raw.keys('sluice:p:*')).length).toBe(0);
  const alone = cacheOf({ disk: path, memory: false });
  expect((await alone.getMany(SOME)).filter((value) => value !== null)).toEqual([]);
});
