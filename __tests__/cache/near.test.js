'use strict';
// The near cache and the store of bytes behind it, through TieredCache.
const { TieredCache } = require('sluice');

const open = ({ memory, ...options }) => new TieredCache({ jitter: 0, ...options, memory: { store: 'bytes', ...memory } });

test('what is hot near is not cold behind: hits there keep an entry in the store', async () => {
  for (const policy of ['lru', 'tinylfu', 's3fifo']) {
    const cache = open({ memory: { policy, maxEntries: 500, maxBytes: 1 << 20, near: { maxEntries: 50 } } });
    const hot = Array.from({ length: 20 }, (_, index) => `hot:${index}`);
    for (const key of hot) cache.setSync(key, { key });
    // near answers all of these; ten times as many others pass through the store meanwhile
    for (let step = 0; step < 5000; step += 1) {
      for (const key of hot) cache.getSync(key);
      cache.setSync(`passing:${step}`, step);
    }
    // bytes come from the store
    const kept = (await Promise.all(hot.map((key) => cache.getBytes(key)))).filter((found) => found !== null).length;
    expect([policy, kept]).toEqual([policy, 20]);
    await cache.close();
  }
});

test('a value is the same object until it is set, deleted or expired, and never an old one', async () => {
  let now = 1_700_000_000_000;
  const cache = open({ now: () => now, memory: { near: { maxEntries: 10 } } });
  cache.setSync('k', { n: 1 }, 10);
  const first = cache.getSync('k');
  expect(cache.getSync('k')).toBe(first);
  expect(await cache.get('k')).toBe(first);
  cache.setSync('k', { n: 2 }, 10);
  expect(cache.getSync('k')).toEqual({ n: 2 });
  cache.deleteSync('k');
  expect(cache.getSync('k')).toBe(null);
  cache.setSync('k', { n: 3 }, 10);
  cache.getSync('k');
  now += 10_000;
  expect(cache.getSync('k')).toEqual({ n: 3 });
  now += 1;
  expect([cache.getSync('k'), await cache.get('k')]).toEqual([null, null]);
  await cache.close();
});

test('any operations, near small and large, against a Map', async () => {
  for (const near of [false, { maxEntries: 1 }, { maxEntries: 5 }, { maxEntries: 1000 }]) {
    const cache = open({ memory: { near } });
    const model = new Map();
    let state = 7;
    const random = (below) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let step = 0; step < 4000; step += 1) {
      const key = `k${random(30)}`;
      const what = random(20);
      if (what < 12) {
        const found = cache.getSync(key);
        if (found?.step !== model.get(key)) expect([key, found]).toEqual([key, model.get(key)]);
      } else if (what < 17) {
        cache.setSync(key, { step });
        model.set(key, step);
      } else if (what < 19) {
        cache.deleteSync(key);
        model.delete(key);
      } else if (random(10) === 0) {
        cache.clearSync();
        model.clear();
      }
    }
    expect((await cache.keys('', Infinity)).sort()).toEqual([...model.keys()].sort());
    await cache.close();
  }
});
