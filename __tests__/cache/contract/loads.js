'use strict';
// getOrSet and its kin, statistics, closing.
const { until } = require('../../support/loopback');
const { sleep } = require('./combination');

module.exports = (combination, at) => {
  // plain values cannot say that they are stale, and tracking tells memory when they end
  const carriesStale = !combination.plain || combination.hasDisk || (combination.hasMemory && !combination.isOwn);

  test('one load for all who ask at once, stored for those who ask later', async () => {
    const cache = await at.open();
    let loads = 0;
    const load = () => cache.getOrSet('key', async () => {
      loads += 1;
      await sleep(20);
      return { n: 7 };
    }, 60);
    const all = await Promise.all(Array.from({ length: 100 }, load));
    expect([loads, all.every((value) => value.n === 7)]).toEqual([1, true]);
    expect(await cache.get('key')).toEqual({ n: 7 });
    if (combination.wide) expect(await (await at.open()).getOrSet('key', () => 'not called')).toEqual({ n: 7 });
  });

  if (combination.wide) {
    test('one load for two caches that ask at once', async () => {
      const caches = [await at.open(), await at.open()];
      await Promise.all(caches.map((cache) => cache.initialize()));
      let loads = 0;
      const values = await Promise.all(caches.flatMap((cache) => Array.from({ length: 20 }, () => cache.getOrSet('key', async () => {
        loads += 1;
        await sleep(50);
        return loads;
      }, 60))));
      expect([loads, new Set(values).size]).toEqual([1, 1]);
    });
  }

  test('a loader that fails fails its callers and is not cached; undefined is returned and not cached', async () => {
    const cache = await at.open();
    const failing = () => cache.getOrSet('key', async () => { throw new RangeError('no'); }, 60);
    const ended = await Promise.allSettled([failing(), failing()]);
    expect(ended.map(({ status, reason }) => [status, reason.message])).toEqual([['rejected', 'no'], ['rejected', 'no']]);
    expect(await cache.getOrSet('key', () => undefined, 60)).toBeUndefined();
    expect(await cache.has('key')).toBe(false);
    expect(await cache.getOrSet('key', ({ setTtl }) => (setTtl(0), 5), 60)).toBe(5);
    expect(await cache.has('key')).toBe(false);
    expect(await cache.getOrSet('key', () => null, 60)).toBeNull();
    expect(await cache.getOrSet('key', () => 'not called', 60)).toBeNull();
  });

  test('a delete or a newer set while a loader runs is not overwritten by what it gives', async () => {
    const cache = await at.open();
    const load = cache.getOrSet('key', async () => (await sleep(30), 'old'), 60);
    await sleep(10);
    await cache.set('key', 'new', 60);
    await load;
    expect([await cache.get('key'), await cache.get('key', { skipL1: combination.wide })]).toEqual(['new', 'new']);
    const second = cache.getOrSet('other', async () => (await sleep(30), 'old'), 60);
    await sleep(10);
    await cache.delete('other');
    expect(await second).toBe('old');
    expect(await cache.get('other')).toBeNull();
  });

  if (carriesStale) {
    test('a stale value is served at once and refreshed behind', async () => {
      const cache = await at.open();
      const options = { ttl: 0.15, staleWhileRevalidate: 60 };
      expect(await cache.getOrSet('key', () => 'old', options)).toBe('old');
      await sleep(170);
      expect(await cache.get('key')).toBeNull();
      let loads = 0;
      const refresh = () => cache.getOrSet('key', async () => {
        loads += 1;
        await sleep(20);
        return 'new';
      }, { ttl: 60, staleWhileRevalidate: 60 });
      expect(await Promise.all([refresh(), refresh(), refresh()])).toEqual(['old', 'old', 'old']);
      await until(async () => (await cache.get('key')) === 'new');
      expect(loads).toBe(1);
    });

    test('a stale value is served when the loader fails, and is its previous one', async () => {
      const cache = await at.open();
      const options = { ttl: 0.1, staleIfError: 60 };
      await cache.getOrSet('key', () => 'old', options);
      await sleep(120);
      const seen = [];
      expect(await cache.getOrSet('key', ({ previous }) => {
        seen.push(previous);
        throw new Error('no');
      }, options)).toBe('old');
      expect(seen).toEqual(['old']);
      await expect(cache.getOrSet('none', () => { throw new Error('no'); }, options)).rejects.toThrow('no');
    });
  }

  test('who gives up waiting is told, and the load goes on', async () => {
    const cache = await at.open();
    await expect(cache.getOrSet('key', async () => (await sleep(60), 1), { ttl: 60, timeoutMs: 20 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    const controller = new AbortController();
    const aborted = cache.getOrSet('other', async () => (await sleep(60), 1), { ttl: 60, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('an absence is remembered where a set elsewhere would be told, and forgotten by a set', async () => {
    const cache = await at.open({ negative: { ttl: 30 } });
    await cache.initialize();
    for (let round = 0; round < 3; round += 1) expect(await cache.get('none')).toBeNull();
    if (combination.wide) expect(cache.getStats().negativeHits > 0).toBe(combination.tells);
    await cache.set('none', 1, 60);
    expect(await cache.get('none')).toBe(1);
  });

  test('each logical get counts once, by the tier that answered', async () => {
    const cache = await at.open();
    await cache.setMany([['a', 1, 60], ['b', 2, 60]]);
    cache.resetStats();
    await cache.get('a');
    await cache.getMany(['a', 'b', 'none']);
    await cache.get('none');
    const { totalRequests, hits, misses, hitRate } = cache.getStats();
    expect([totalRequests, hits.l1 + hits.l2 + hits.l3, misses, hitRate]).toEqual([5, 3, 2, '60.00%']);
    if (!combination.hasMemory) expect(hits[`l${combination.tiers[0]}`]).toBe(3);
    if (!combination.wide) return;
    const other = await at.open();
    await other.get('a');
    const below = combination.tiers.find((tier) => tier > 1);
    expect(other.getStats().hits[`l${below}`]).toBe(1);
  });

  test('warm-up loads what is asked for, and says how far it is', async () => {
    const cache = await at.open();
    const told = [];
    const keys = Array.from({ length: 25 }, (_, n) => ({ key: `warm:${n}`, ttl: 60, loader: async () => {
      if (n === 3) throw new Error('no');
      return n;
    } }));
    const { success, failed } = await cache.warmup(keys, { concurrency: 4, onProgress: (done, total) => told.push([done, total]) });
    expect([success, failed, told.length, told.at(-1)]).toEqual([24, 1, 25, [25, 25]]);
    expect(await cache.getMany(['warm:0', 'warm:3', 'warm:24'])).toEqual([0, null, 24]);
  });

  test('its tiers are up, and after close nothing is taken', async () => {
    const cache = await at.open();
    await cache.initialize();
    expect(cache.health()).toEqual({ redis: combination.hasRedis ? 'up' : 'off', disk: combination.hasDisk ? 'up' : 'off' });
    await cache.set('key', 1, 60);
    await Promise.all([cache.close(), cache.close()]);
    await expect(cache.get('key')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(cache.set('key', 2, 60)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => cache.getSync('key')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    if (combination.wide) expect(await (await at.open()).get('key')).toBe(1);
  });
};
