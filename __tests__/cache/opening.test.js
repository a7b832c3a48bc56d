'use strict';
// What a cache writes while its tiers are still being opened stays: its own message on the channel, heard when the disk has
// been opened meanwhile, is not another host's.
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { TieredCache } = require('sluice');
const { startRedis, stopAll } = require('../redis');

let server;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(stopAll);

test('what is set first, before the disk is open, is not taken for a change of another host', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-opening-'));
  const changed = [];
  for (let round = 0; round < 8; round += 1) {
    const caches = Array.from({ length: 8 }, (_, at) => new TieredCache({
      redis: { url: server.url, keyPrefix: `${round}:${at}:` },
      disk: path.join(folder, `${round}-${at}`),
    }));
    await Promise.all(caches.map(async (cache, at) => {
      // at different distances from the opening
      for (let key = 0; key <= at; key += 1) await cache.set(`k${key}`, key, 60);
      await cache.initialize();
      // its reply comes behind all messages of before, and the key's removal from disk would have been made by the next
      await cache.set('last', 1, 60);
      await cache.get('none');
      changed.push(cache.getStats().invalidations);
      await cache.close();
    }));
  }
  rmSync(folder, { recursive: true });
  expect(changed).toEqual(changed.map(() => 0));
}, 60_000);
