'use strict';
// One deadline for all tiers, kept to the millisecond.
const { manualClock, sleep } = require('./combination');

module.exports = (combination, at) => {
  const onlyOf = (tier) => ({ skipL1: tier !== 1, skipL2: tier !== 2, skipL3: tier !== 3 });

  test('the time left is told: with fractions, -1 without an end, -2 for no such key', async () => {
    const endless = { redis: { ttl: Infinity }, disk: { ttl: Infinity } };
    const cache = await at.open(endless);
    await cache.set('long', 1, 100.5);
    await cache.set('ever', 1, Infinity);
    const left = await cache.ttl('long');
    expect(left).toBeGreaterThan(80);
    expect(left).toBeLessThanOrEqual(100.5);
    expect(Number.isInteger(left)).toBe(false);
    expect([await cache.ttl('ever'), await cache.ttl('none')]).toEqual([-1, -2]);
    if (!combination.wide) return;
    const other = await at.open(endless);
    expect(await other.ttl('long')).toBeGreaterThan(80);
    expect(await other.ttl('ever')).toBe(-1);
  });

  test('a value lives through its last millisecond', async () => {
    if (combination.ownClock) {
      const clock = manualClock();
      const cache = await at.open({ now: clock.now });
      await cache.set('key', 1, 1.234);
      const other = combination.wide ? await at.open({ now: clock.now }) : cache;
      clock.advance(1234);
      expect([await cache.get('key'), await other.get('key')]).toEqual([1, 1]);
      expect([cache.getSync('key')]).toEqual([combination.hasMemory ? 1 : null]);
      clock.advance(1);
      expect([await cache.get('key'), await other.get('key'), cache.getSync('key')]).toEqual([null, null, null]);
    } else {
      const caches = [await at.open(), await at.open()];
      const seen = () => Promise.all(caches.map((cache) => cache.get('key')));
      for (let ttl = 0.25; ; ttl *= 2) {
        const began = performance.now();
        await caches[0].set('key', 1, ttl);
        const living = await seen();
        // too slow a machine to see it live: longer, then
        if (performance.now() - began > ttl * 1000 - 50 && ttl < 30) continue;
        expect(living).toEqual([1, 1]);
        await sleep(ttl * 1000 + 20);
        expect(await seen()).toEqual([null, null]);
        break;
      }
    }
  });

  test.each([0, -1, NaN, '5'])('a ttl of %p is refused', async (ttl) => {
    await expect((await at.open()).set('key', 1, ttl)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  test('a ttl of a millisecond does not become none, nor forever', async () => {
    const cache = await at.open({ jitter: 0.5, random: () => 0 });
    expect(await cache.set('key', 1, 0.0011)).toBe(true);
    await sleep(20);
    expect(await cache.get('key')).toBeNull();
  });

  test('jitter is drawn once, for all tiers', async () => {
    const draws = [];
    const cache = await at.open({ jitter: 0.5, random: () => (draws.push(1), 0.25) });
    await cache.set('key', 1, 1000);
    expect(draws).toHaveLength(1);
    for (const tier of combination.tiers) {
      // half the share below: 1000 * (1 + 0.5 * (2 * 0.25 - 1))
      const { ttl } = await cache.getEntry('key', onlyOf(tier));
      expect(ttl).toBeGreaterThan(730);
      expect(ttl).toBeLessThanOrEqual(750);
    }
    await cache.set('exact', 1, 1000, { skipTtlRandomization: true });
    expect(draws).toHaveLength(1);
    expect(await cache.ttl('exact')).toBeGreaterThan(980);
  });

  test('caps: of a tier, of one entry, and the longest where no ttl is given', async () => {
    const cache = await at.open({ redis: { ttl: 500 }, disk: { ttl: 5000 } });
    await cache.set('key', 1, 10_000, { l1Ttl: 50, l3Ttl: 200 });
    const caps = { 1: 50, 2: 500, 3: 200 };
    // some of it may have passed on a slow machine
    const ofCap = (ttl, cap) => ttl <= cap && ttl > cap - 20;
    for (const tier of combination.tiers) {
      const { ttl, tier: from } = await cache.getEntry('key', onlyOf(tier));
      expect([from, ofCap(ttl, caps[tier]) || ttl]).toEqual([`l${tier}`, true]);
    }
    if (!combination.wide) return;
    await cache.set('default', 1);
    const { ttl } = await cache.getEntry('default', onlyOf(combination.hasDisk ? 3 : 2));
    expect(ofCap(ttl, combination.hasDisk ? 5000 : 500) || ttl).toBe(true);
  });

  if (combination.wide) {
    test('what is filled upwards has the time that is left', async () => {
      const clock = combination.ownClock ? manualClock() : undefined;
      const options = clock && { now: clock.now };
      await (await at.open(options)).set('key', 1, 20);
      const pause = 600;
      if (clock) clock.advance(pause);
      else await sleep(pause);
      const other = await at.open(options);
      expect(await other.get('key')).toBe(1);
      for (const tier of combination.tiers) {
        const entry = await other.getEntry('key', onlyOf(tier));
        expect([tier, entry?.value]).toEqual([tier, 1]);
        expect(entry.ttl).toBeLessThanOrEqual(19.41);
        expect(entry.ttl).toBeGreaterThan(0.5);
      }
      if (clock) {
        clock.advance(19_400);
        expect(await other.get('key')).toBe(1);
        clock.advance(1);
        expect(await other.get('key')).toBeNull();
      }
    });
  }

  test('tiers that are left out are neither asked nor written', async () => {
    for (const tier of combination.tiers) {
      const cache = await at.open();
      const key = `only:${tier}`;
      await cache.set(key, tier, 60, onlyOf(tier));
      for (const asked of combination.tiers) expect(await cache.get(key, onlyOf(asked))).toBe(asked === tier ? tier : null);
      expect((await cache.getEntry(key)).tier).toBe(`l${tier}`);
    }
  });
};
