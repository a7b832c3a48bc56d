'use strict';
// FileCache, RedisClient and CacheManager.
const fs = require('node:fs');
const path = require('node:path');
const RedisMock = require('ioredis-mock');
const { always, attempt, below, list, never, outcome, pass, pick, range, within } = require('./world');

const value = (random) => pick(random, [{ n: below(random, 3) }, [below(random, 3)], `text ${below(random, 3)}`, below(random, 5), true]);
const parses = (text) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

async function fileCache({ FileCache }, world) {
  const parent = world.folder();
  const cache = new FileCache({ basePath: path.join(parent, 'files'), ttl: 600 });
  await world.call(cache.connect());
  world.last(() => cache.disconnect());
  return { cache, parent };
}

const files = [
  {
    plan: (random) => list(40, () => ({
      call: pick(random, ['set', 'set', 'get', 'get', 'get', 'delete', 'exists', 'listKeys', 'pass']),
      key: pick(random, ['a', 'b', 'user-1', 'user-2']), value: value(random), type: pick(random, ['json', 'json', 'text', 'buffer']), ms: pick(random, [1, 1000]),
    })),
    shows: never,
    async run(classes, plan, world) {
      const { cache } = await fileCache(classes, world);
      const seen = [];
      for (const { call, key, value: given, type, ms } of plan) {
        if (call === 'pass') await pass(ms);
        else if (call === 'set') seen.push(await world.call(cache.set(key, given)));
        else if (call === 'listKeys') seen.push((await world.call(cache.listKeys('user-'))).sort());
        else {
          const got = await world.call(cache[call](key, type));
          seen.push(Buffer.isBuffer(got) ? got.toString('hex') : got);
        }
      }
      await world.call(cache.disconnect());
      return [...seen, (await attempt(() => world.call(cache.get('a')))).error !== undefined];
    },
  },
  {
    defect: 'Two keys, one file',
    plan: (random) => ({ other: pick(random, ['a/b', 'a-b', 'a.b']) }),
    shows: ({ other }) => other === 'a/b',
    async run(classes, { other }, world) {
      const { cache } = await fileCache(classes, world);
      await world.call(cache.set('a:b', 'first'));
      return world.call(cache.get(other));
    },
  },
  {
    defect: 'A key that leaves the folder',
    plan: (random) => ({ key: pick(random, ['../outside', 'inside']) }),
    shows: ({ key }) => key.startsWith('..'),
    async run(classes, { key }, world) {
      const { cache, parent } = await fileCache(classes, world);
      await world.call(cache.set(key, 'x'));
      return [fs.readdirSync(parent), await world.call(cache.get(key))];
    },
  },
  {
    defect: 'Half a file',
    plan: (random) => ({ dies: random() < 0.7 }),
    shows: ({ dies }) => dies,
    async run(classes, { dies }, world) {
      const { cache } = await fileCache(classes, world);
      await world.call(cache.set('k', 'whole'));
      // what a process leaves that dies in the middle of a write
      const write = !dies ? undefined : jest.spyOn(fs.promises, 'writeFile').mockImplementation(async (file, text) => {
        fs.writeFileSync(file, String(text).slice(0, String(text).length / 2));
        throw new Error('killed');
      });
      await outcome(world.call(cache.set('k', 'whole again')));
      write?.mockRestore();
      return (await world.call(cache.get('k')))?.startsWith('whole') ?? false;
    },
  },
  {
    defect: 'Expired, and still listed',
    plan: (random) => ({ ms: pick(random, [500, 1500, 9000]) }),
    shows: ({ ms }) => ms > 1000,
    async run(classes, { ms }, world) {
      const { cache } = await fileCache(classes, world);
      await world.call(cache.set('k', 'v', 1));
      await pass(ms);
      return [await world.call(cache.exists('k')), await world.call(cache.listKeys()), await world.call(cache.get('k'))];
    },
  },
  {
    defect: 'Text that comes back as a number',
    plan: (random) => ({ text: pick(random, ['123', 'true', '{"a":1}', 'plain', '12 files']) }),
    shows: ({ text }) => parses(text),
    async run(classes, { text }, world) {
      const { cache } = await fileCache(classes, world);
      await world.call(cache.set('k', text));
      return world.call(cache.get('k'));
    },
  },
];

let redises = 0;
function mock(world) {
  const redis = new RedisMock({ host: `stores-${(redises += 1)}` });
  world.last(() => redis.disconnect());
  return redis;
}
const KEYS = ['user:1', 'user:2', 'user:12', 'file:1'];

const clients = [
  {
    plan: (random) => list(40, () => ({
      call: pick(random, ['set', 'set', 'get', 'get', 'delete', 'getTTL', 'deletePattern', 'pass']),
      key: pick(random, KEYS), value: value(random), ttl: pick(random, [10, 100, undefined]), ms: pick(random, [1000, 5000]),
      pattern: pick(random, ['user:*', 'user:1', 'file:?', 'nobody:*']),
    })),
    shows: never,
    async run({ RedisClient }, plan, world) {
      const client = new RedisClient(mock(world));
      const seen = [];
      for (const { call, key, value: given, ttl, ms, pattern } of plan) {
        if (call === 'pass') await pass(ms);
        else if (call === 'set') seen.push(await world.call(client.set(key, given, ttl)));
        else if (call === 'deletePattern') seen.push(await world.call(client.deletePattern(pattern)));
        else seen.push(await world.call(client[call](key)));
      }
      return [...seen, world.call(client.isConnected())];
    },
  },
  {
    defect: 'KEYS',
    plan: (random) => ({ byPattern: random() < 0.7 }),
    shows: ({ byPattern }) => byPattern,
    async run({ RedisClient }, { byPattern }, world) {
      const redis = mock(world);
      const keys = jest.spyOn(redis, 'keys');
      const client = new RedisClient(redis);
      await world.call(client.set('user:1', 1, 60));
      await world.call(byPattern ? client.deletePattern('user:*') : client.delete('user:1'));
      return keys.mock.calls.length;
    },
  },
  {
    defect: 'A dead Redis that calls wait for',
    once: true,
    plan: () => ({}),
    shows: always,
    async run({ RedisClient }, plan, world) {
      const dead = () => new Promise(() => {});
      const client = new RedisClient({ client: { get: dead, set: dead, del: dead, pttl: dead } });
      return within(3000, world.call(client.get('k')));
    },
  },
];

const IDS = ['1', '12', 'ada', 'a*'];
const managers = [
  {
    plan: (random) => list(40, () => ({
      call: pick(random, ['set', 'get', 'get', 'delete', 'getTTL', 'invalidateNamespace']),
      namespace: pick(random, ['crs', 'stats']), id: pick(random, ['1', '2', 'ada']), value: { n: below(random, 9) }, type: pick(random, ['keys', 'trend', 'other']),
    })),
    shows: never,
    async run({ CacheManager }, plan, world) {
      const manager = new CacheManager(mock(world));
      const seen = [];
      for (const { call, namespace, id, value: given, type } of plan) {
        const key = world.call(manager.generateKey(namespace, 'user', id));
        seen.push(key);
        if (call === 'getTTL') seen.push(world.call(manager.getTTL(type)));
        else if (call === 'set') seen.push(await world.call(manager.set(key, given, 60)));
        else if (call === 'invalidateNamespace') seen.push(await world.call(manager.invalidateNamespace(namespace)));
        else seen.push(await world.call(manager[call](key)));
      }
      await world.call(manager.get('nobody'));
      return [...seen, world.call(manager.getStats())];
    },
  },
  {
    defect: 'A zero that counts as a miss',
    plan: (random) => ({ values: list(3, () => pick(random, [0, false, '', 1, { a: 0 }])) }),
    shows: ({ values }) => values.some((one) => !one),
    async run({ CacheManager }, { values }, world) {
      const manager = new CacheManager(mock(world));
      for (const [at, one] of values.entries()) await world.call(manager.set(`k${at}`, one, 60));
      for (const at of values.keys()) await world.call(manager.get(`k${at}`));
      return world.call(manager.getStats());
    },
  },
  {
    defect: 'NaN %',
    plan: (random) => ({ gets: range(random, 0, 2) }),
    shows: ({ gets }) => gets === 0,
    async run({ CacheManager }, { gets }, world) {
      const manager = new CacheManager(mock(world));
      for (let at = 0; at < gets; at += 1) await world.call(manager.get('nobody'));
      return world.call(manager.getStats());
    },
  },
  {
    defect: 'User 1 is user 12',
    plan: (random) => ({ id: pick(random, ['1', '12', 'ada']) }),
    shows: ({ id }) => id === '1',
    async run({ CacheManager }, { id }, world) {
      const manager = new CacheManager(mock(world));
      for (const one of IDS) await world.call(manager.set(`crs:user:${one}`, 1, 60));
      return world.call(manager.invalidateUser(id));
    },
  },
  {
    defect: 'Star in a name',
    plan: (random) => ({ id: pick(random, ['a*', 'ada', 'bob']) }),
    shows: ({ id }) => id.includes('*'),
    async run({ CacheManager }, { id }, world) {
      const manager = new CacheManager(mock(world));
      await world.call(manager.set('crs:user:ada', 1, 60));
      await world.call(manager.invalidateUser(id));
      return world.call(manager.get('crs:user:ada'));
    },
  },
  {
    defect: 'Two things, one key',
    plan: (random) => ({ entity: pick(random, ['user', 'us:er']) }),
    shows: ({ entity }) => entity.includes(':'),
    run({ CacheManager }, { entity }, world) {
      const manager = new CacheManager(mock(world));
      return world.call(manager.generateKey('crs', entity, '1')) === world.call(manager.generateKey('crs', ...entity.split(':'), '1')) && entity.includes(':');
    },
  },
];

const named = (name, scenarios) => scenarios.map((scenario) => ({ name, ...scenario }));
module.exports = [...named('FileCache', files), ...named('RedisClient', clients), ...named('CacheManager', managers)];
