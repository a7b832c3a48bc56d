'use strict';
// LocalCache and CacheService.
const RedisMock = require('ioredis-mock');
const { always, attempt, below, list, never, pass, pick, range, within } = require('./world');

const KEYS = ['a', 'b', 'user:1', 'user:2'];
const value = (random) => pick(random, [{ n: below(random, 3) }, [below(random, 3)], `text ${below(random, 3)}`, below(random, 5), true]);
const parses = (text) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};
const TEXTS = ['123', 'true', 'null', '{"a":1}', '"quoted"', 'plain', '12 files', ''];
const exact = { skipTtlRandomization: true };

const local = [
  {
    plan: (random) => list(60, () => ({
      call: pick(random, ['set', 'set', 'get', 'get', 'get', 'del', 'clear', 'isUnchanged', 'getOrSet', 'pass', 'pass']),
      key: pick(random, KEYS), value: value(random), ttl: pick(random, [50, 100, 1000, undefined]), ms: pick(random, [1, 50, 100, 1000]),
    })),
    shows: never,
    async run({ LocalCache }, plan, world) {
      const cache = new LocalCache();
      const seen = [];
      for (const { call, key, value: given, ttl, ms } of plan) {
        if (call === 'pass') await pass(ms);
        else if (call === 'set') world.call(cache.set(key, given, ttl));
        else if (call === 'del') world.call(cache.del(key));
        else if (call === 'getOrSet') seen.push(await world.call(cache.getOrSet(key, async () => given, ttl)));
        else seen.push(world.call(cache[call](key, given)));
      }
      return seen;
    },
  },
  {
    defect: 'One load per caller',
    plan: (random) => ({ callers: range(random, 1, 4), isThere: random() < 0.3 }),
    shows: ({ callers, isThere }) => callers > 1 && !isThere,
    async run({ LocalCache }, { callers, isThere }, world) {
      const cache = new LocalCache();
      if (isThere) world.call(cache.set('k', 'there'));
      let loads = 0;
      const load = async () => (loads += 1);
      const got = await Promise.all(list(callers, () => world.call(cache.getOrSet('k', load))));
      return [got, loads];
    },
  },
  {
    defect: 'A null that is loaded each time',
    plan: (random) => ({ loaded: pick(random, [null, 0, 'x']) }),
    shows: ({ loaded }) => loaded === null,
    async run({ LocalCache }, { loaded }, world) {
      const cache = new LocalCache();
      let loads = 0;
      const load = async () => {
        loads += 1;
        return loaded;
      };
      const got = [await world.call(cache.getOrSet('k', load)), await world.call(cache.getOrSet('k', load)), world.call(cache.get('k'))];
      return [got, loads];
    },
  },
  {
    defect: 'A load that undoes a set',
    plan: (random) => ({ during: pick(random, ['set', 'del', 'get']) }),
    shows: ({ during }) => during !== 'get',
    async run({ LocalCache }, { during }, world) {
      const cache = new LocalCache();
      let loaded;
      const loading = world.call(cache.getOrSet('k', () => new Promise((resolve) => (loaded = resolve))));
      world.call(cache[during]('k', 'later'));
      loaded('slow');
      return [await loading, world.call(cache.get('k'))];
    },
  },
  {
    defect: 'A TTL of NaN that never ends',
    plan: (random) => ({ ttl: pick(random, [NaN, 1000]) }),
    shows: ({ ttl }) => Number.isNaN(ttl),
    async run({ LocalCache }, { ttl }, world) {
      const cache = new LocalCache();
      const set = await attempt(() => world.call(cache.set('k', 1, ttl)));
      await pass(3_600_000);
      return [set, world.call(cache.get('k'))];
    },
  },
  {
    defect: 'L1 without a bound',
    once: true,
    plan: () => ({ count: 12_000 }),
    shows: always,
    async run({ LocalCache }, { count }, world) {
      const cache = new LocalCache();
      for (let at = 0; at < count; at += 1) cache.set(`k${at}`, at, 1);
      await pass(1000);
      return (world.call(cache).cache?.size ?? cache.size) > 10_000;
    },
  },
];

/** A CacheService on a Redis and a folder of its own. */
let redises = 0;
async function service({ CacheService }, world, client) {
  const redis = client ?? new RedisMock({ host: `differential-${(redises += 1)}` });
  const cache = new CacheService({ redis, l3Path: world.folder() });
  world.last(async () => {
    await cache.destroy();
    if (!client) redis.disconnect();
  });
  await world.call(cache.initialize());
  return { cache, redis };
}

const tiers = [
  {
    // every key is set before it is asked for, asked for while it lives, and not set again when it was deleted: nothing listed shows
    plan(random) {
      const deleted = new Set();
      return [
        ...KEYS.map((key) => ({ call: 'set', key, value: value(random) })),
        ...list(40, () => {
          const key = pick(random, KEYS);
          let call = pick(random, ['get', 'get', 'get', 'get', 'set', 'delete', 'pass', 'listKeys', 'batch']);
          if ((call === 'set' || call === 'batch') && deleted.has(key)) call = 'get';
          if (call === 'delete') deleted.add(key);
          const skip = pick(random, [{}, {}, { skipL1: true }, { skipL3: true }, { skipL1: true, skipL2: true }]);
          return { call, key, value: value(random), skip, type: pick(random, ['json', 'json', 'text']), ms: pick(random, [1, 2000, 5001]) };
        }),
      ];
    },
    shows: never,
    async run(classes, plan, world) {
      const { cache } = await service(classes, world);
      const seen = [];
      for (const { call, key, value: given, skip, type, ms } of plan) {
        if (call === 'pass') await pass(ms);
        else if (call === 'set') seen.push(await world.call(cache.set(key, given, 1000, exact)));
        else if (call === 'delete') await world.call(cache.delete(key));
        else if (call === 'listKeys') seen.push((await world.call(cache.listKeys('user:'))).sort());
        else if (call === 'batch') {
          seen.push(await world.call(cache.batchOperation([{ type: 'set', key, value: given, ttl: 1000, options: exact }, { type: 'get', key }])));
        } else seen.push(await world.call(cache.get(key, type, skip)));
      }
      const { totalRequests } = world.call(cache.getStats());
      return [...seen, totalRequests];
    },
  },
  {
    defect: 'A filter that hides set keys',
    plan: (random) => ({ asked: random() < 0.7, ms: pick(random, [0, 5000, 10_001, 60_000]) }),
    shows: ({ asked, ms }) => asked && ms > 10_000,
    async run(classes, { asked, ms }, world) {
      const { cache } = await service(classes, world);
      if (asked) await world.call(cache.get('k'));
      await world.call(cache.set('k', { here: true }, 600, exact));
      await pass(ms);
      return world.call(cache.get('k'));
    },
  },
  {
    defect: 'An L1 that outlives the caller\'s TTL',
    plan: (random) => ({ ttl: range(random, 1, 15), ms: range(random, 0, 20) * 1000 + 500 }),
    shows: ({ ttl, ms }) => ms > ttl * 1000 && ms <= 10_000,
    async run(classes, { ttl, ms }, world) {
      const { cache } = await service(classes, world);
      await world.call(cache.set('k', { here: true }, ttl, exact));
      await pass(ms);
      return world.call(cache.get('k', 'json', { skipL3: true }));
    },
  },
  {
    defect: 'An L3 that outlives the caller\'s TTL',
    plan: (random) => ({ ttl: range(random, 1, 15), ms: range(random, 0, 20) * 1000 + 500 }),
    shows: ({ ttl, ms }) => ms > ttl * 1000,
    async run(classes, { ttl, ms }, world) {
      const { cache } = await service(classes, world);
      await world.call(cache.set('k', { here: true }, ttl, exact));
      await pass(ms);
      return world.call(cache.get('k', 'json', { skipL1: true, skipL2: true }));
    },
  },
  {
    defect: 'A TTL of one second that became none',
    plan: (random) => ({ drawn: random() }),
    shows: ({ drawn }) => drawn < 0.5,
    async run(classes, { drawn }, world) {
      const { cache, redis } = await service(classes, world);
      const random = jest.spyOn(Math, 'random').mockImplementation(() => drawn);
      try {
        await world.call(cache.set('k', 1, 1));
      } finally {
        random.mockRestore();
      }
      return (await redis.pttl('k')) > 0;
    },
  },
  {
    defect: 'A deletion by pattern that skips tiers',
    plan: (random) => ({ count: range(random, 1, 4), skipL3: random() < 0.4 }),
    shows: ({ skipL3 }) => !skipL3,
    async run(classes, { count, skipL3 }, world) {
      const { cache } = await service(classes, world);
      for (let at = 0; at < count; at += 1) await world.call(cache.set(`user:1:${at}`, at, 600, exact));
      await world.call(cache.delete('user:1:*', { pattern: true }));
      return Promise.all(list(count, (at) => world.call(cache.get(`user:1:${at}`, 'json', { skipL3 }))));
    },
  },
  {
    defect: 'Text that comes back as a number',
    plan: (random) => ({ text: pick(random, TEXTS), skipL1: random() < 0.8 }),
    shows: ({ text, skipL1 }) => skipL1 && parses(text),
    async run(classes, { text, skipL1 }, world) {
      const { cache } = await service(classes, world);
      await world.call(cache.set('k', text, 600, exact));
      return world.call(cache.get('k', 'json', { skipL1 }));
    },
  },
  {
    defect: 'A newer value overwritten by an older fill',
    plan: (random) => ({ during: pick(random, ['set', 'delete', null]) }),
    shows: ({ during }) => during !== null,
    async run(classes, { during }, world) {
      let answer;
      const asked = new Promise((resolve) => {
        answer = resolve;
      });
      let begun;
      const begin = new Promise((resolve) => {
        begun = resolve;
      });
      const client = {
        get: () => {
          begun();
          return asked;
        },
        pttl: async () => 600_000,
        set: async () => 'OK',
        del: async () => 1,
      };
      const { cache } = await service(classes, world, client);
      const reading = world.call(cache.get('k', 'json', { skipL3: true }));
      await begin;
      if (during === 'set') await world.call(cache.set('k', 'new', 600, { ...exact, skipL2: true }));
      if (during === 'delete') await world.call(cache.delete('k'));
      answer('"old"');
      await reading;
      return world.call(cache.get('k', 'json', { skipL2: true }));
    },
  },
  {
    defect: 'One get counted several times',
    plan: (random) => ({ misses: range(random, 0, 3), hits: range(random, 0, 3) }),
    shows: ({ misses }) => misses > 0,
    async run(classes, { misses, hits }, world) {
      const { cache } = await service(classes, world);
      await world.call(cache.set('k', 1, 600, exact));
      for (let at = 0; at < misses; at += 1) await world.call(cache.get(`nobody-${at}`));
      for (let at = 0; at < hits; at += 1) await world.call(cache.get('k'));
      const stats = world.call(cache.getStats());
      return [stats.totalRequests, stats.misses, stats.hitRate];
    },
  },
  {
    defect: 'Redis frozen is the cache frozen',
    once: true,
    plan: () => ({}),
    shows: always,
    async run(classes, plan, world) {
      const frozen = () => new Promise(() => {});
      const { cache } = await service(classes, world, { get: frozen, set: frozen, del: frozen, pttl: frozen });
      return within(3000, world.call(cache.get('k')));
    },
  },
];

const named = (name, scenarios) => scenarios.map((scenario) => ({ name, ...scenario }));
module.exports = [...named('LocalCache', local), ...named('CacheService', tiers)];
