'use strict';
// CacheManager on a server and on a client of the application's.
const { createHash } = require('node:crypto');
const { CacheManager, RedisClient } = require('sluice/compat');
const { startRedis, stopAll } = require('../redis');
const { mock } = require('../cache/clients');

// what is not about deadlines has time, on a slow machine too
const patient = { commandTimeoutMs: 20_000 };
let server;
let made;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(stopAll);
beforeEach(() => (made = []));
afterEach(() => Promise.all(made.map((one) => one.disconnect())));
function make(options) {
  const manager = new CacheManager(options);
  made.push(manager);
  return manager;
}
async function until(condition) {
  const begun = Date.now();
  while (!(await condition())) {
    if (Date.now() - begun > 60_000) throw new Error('it did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('times by type', () => {
  const manager = make(mock().client);
  expect(['dashboard', 'keys', 'stats', 'trend', 'other', undefined, '__proto__', 'constructor'].map((type) => manager.getTTL(type))).toEqual([60, 60, 60, 300, 60, 60, 60, 60]);
});

describe('keys', () => {
  const manager = new CacheManager(mock().client);
  test.each([
    [['dashboard', 'user', 'u1'], 'dashboard:user:u1'],
    [['dashboard', 'user', 7, 'daily'], 'dashboard:user:7:daily'],
    [['stats', 'key'], 'stats:key'],
    [['stats', 'key', null], 'stats:key'],
    [['stats', 'key', undefined, 'x'], 'stats:key::x'],
    [['stats', 'key', 0, false], 'stats:key:0:false'],
  ])('%j', (parts, key) => expect(manager.generateKey(...parts)).toBe(key));
  test('an object goes in by its hash, whatever the order of its members', () => {
    const hash = createHash('sha256').update('{"from":1,"to":2}').digest('hex');
    expect(manager.generateKey('trend', 'key', 'k', { to: 2, from: 1 })).toBe(`trend:key:k:${hash}`);
  });
  test('defect: two things, one key', () => {
    const all = [['a:b', 'c'], ['a', 'b:c'], ['a', 'b', 'c'], ['a', 'b', 'c:'], ['a', 'b', 'c', ''], ['a', 'b%3Ac'], ['a', 'b', '', 'c'], ['a*', 'b'], ['a', '*b']];
    expect(new Set(all.map((parts) => manager.generateKey(...parts))).size).toBe(all.length);
  });
});

describe.each([
  ['a connection of its own', () => make({ ...patient, host: server.host, port: server.port })],
  ['a RedisClient', () => make(new RedisClient({ ...patient, host: server.host, port: server.port }))],
  ['a client of the application', () => make({ ...patient, client: mock().client })],
])('%s', (_, start) => {
  let manager;
  beforeEach(async () => {
    await server.command('FLUSHALL');
    manager = start();
  });

  test('get, set, delete; each get decodes', async () => {
    await until(() => manager.isConnected());
    expect(await manager.set('k', { list: [1] })).toBe(true);
    (await manager.get('k')).list.push(2);
    expect(await manager.get('k')).toEqual({ list: [1] });
    expect([await manager.redis.getTTL('k'), await manager.set('l', 1, 300), await manager.redis.getTTL('l')]).toEqual([60, true, 300]);
    expect([await manager.delete('k'), await manager.delete('k'), await manager.get('k'), await manager.deletePattern('*')]).toEqual([true, false, null, 1]);
  });
  test('invalidateUser reaches all keys with that id as a part, in every namespace, and no other', async () => {
    const key = (...parts) => manager.generateKey(...parts);
    const mine = [key('crs', 'dashboard', 1), key('crs', 'trend', 1, 'daily'), key('other', 'user', 1), key('crs', 'keys', 'k9', 1), key('crs', 1)];
    const others = [key('crs', 'dashboard', 12), key('crs', 'trend', 12, 'daily'), key('crs', 'dashboard', 21), key('crs', 'dashboard', 2, '1d'), key(1, 'dashboard', 2)];
    for (const one of [...mine, ...others]) await manager.set(one, 1);
    expect([await manager.invalidateUser(1), await manager.invalidateUser('1')]).toEqual([5, 0]);
    for (const one of mine) expect(await manager.get(one)).toBe(null);
    for (const one of others) expect([one, await manager.get(one)]).toEqual([one, 1]);
    expect([await manager.invalidateNamespace('crs'), await manager.get(others[4])]).toEqual([4, 1]);
  });
  test('invalidateKey takes the id of a key, and a key of the cache', async () => {
    const [one, other] = [manager.generateKey('crs', 'stats', 'k1'), manager.generateKey('crs', 'stats', 'k2')];
    for (const key of [one, other, 'plain']) await manager.set(key, 1);
    expect([await manager.invalidateKey('k1'), await manager.invalidateKey(other), await manager.invalidateKey('plain'), await manager.invalidateKey('none')]).toEqual([1, 1, 1, 0]);
    for (const key of [one, other, 'plain']) expect(await manager.get(key)).toBe(null);
  });
  test('defect: star in a name', async () => {
    for (const id of ['*', 'a', '[a-z]', '?']) await manager.set(manager.generateKey('n', 'user', id), id);
    for (const id of ['*', '[a-z]', '?']) expect([id, await manager.invalidateUser(id)]).toEqual([id, 1]);
    expect(await manager.get(manager.generateKey('n', 'user', 'a'))).toBe('a');
    expect([await manager.invalidateNamespace('*'), await manager.invalidateNamespace('n')]).toEqual([0, 1]);
  });
  test('counts: what is found is a hit, whatever it is', async () => {
    for (const [key, value] of Object.entries({ zero: 0, no: false, empty: '', text: 'x' })) await manager.set(key, value);
    for (const key of ['zero', 'no', 'empty', 'text', 'none']) await manager.get(key);
    expect(manager.getStats()).toStrictEqual({ hits: 4, misses: 1, hitRate: '80.00%' });
    manager.stats = { hits: 1, misses: 2 };
    expect(manager.getStats().hitRate).toBe('33.33%');
  });
});

test('defect: a zero that counts as a miss', async () => {
  const manager = make(mock().client);
  await manager.set('k', 0);
  expect([await manager.get('k'), manager.getStats().hits]).toEqual([0, 1]);
});
test('defect: NaN %', () => expect(make(mock().client).getStats()).toStrictEqual({ hits: 0, misses: 0, hitRate: '0.00%' }));
test('defect: user 1 is user 12', async () => {
  const manager = make(mock().client);
  await manager.set(manager.generateKey('n', 'user', 12), 'twelve');
  expect([await manager.invalidateUser(1), await manager.get('n:user:12')]).toEqual([0, 'twelve']);
});

test('never throws, whatever its RedisClient does; what it is made on may be replaced', async () => {
  const fail = () => { throw new Error('broken'); };
  const broken = { get: fail, set: fail, delete: fail, deletePattern: fail, isConnected: () => false, getClient: () => 'raw', disconnect: fail };
  const manager = make(broken);
  expect([manager.redis, manager.isConnected(), manager.getClient()]).toEqual([broken, false, 'raw']);
  expect([await manager.get('k'), await manager.set('k', 1), await manager.delete('k'), await manager.deletePattern('*'), await manager.invalidateUser(1)]).toEqual([null, false, false, 0, 0]);
  expect(manager.getStats()).toMatchObject({ hits: 0, misses: 1 });
  await manager.disconnect();
  for (const redis of [null, undefined, {}, { isConnected: fail, getClient: fail }]) {
    manager.redis = redis;
    expect([manager.isConnected(), manager.getClient(), await manager.get('k'), await manager.set('k', 1)]).toEqual([false, null, null, false]);
  }
  manager.redis = { ...broken, get: jest.fn(async () => 'v'), disconnect: async () => {} };
  expect(await manager.get('k')).toBe('v');
});

test('an id that is not there is nobody’s', async () => {
  const manager = make(mock().client);
  const keys = [manager.generateKey('n', 'user', undefined, 'x'), manager.generateKey('n', ''), manager.generateKey('', 'user')];
  for (const key of keys) await manager.set(key, 'kept');
  const cyclic = {};
  cyclic.self = cyclic;
  for (const id of [undefined, null, '', cyclic]) expect([await manager.invalidateUser(id), await manager.invalidateKey(id)]).toEqual([0, 0]);
  for (const key of keys) expect([key, await manager.get(key)]).toEqual([key, 'kept']);
});

test('a subclass may make keys of its own', async () => {
  class Own extends CacheManager {
    generateKey(...parts) {
      return `app[1]:${parts.filter((part) => part !== '').join('/')}`;
    }
  }
  const manager = new Own(mock().client);
  made.push(manager);
  await manager.set(manager.generateKey('n', 'x'), 1);
  expect([await manager.invalidateNamespace('n'), await manager.get(manager.generateKey('n', 'x'))]).toEqual([1, null]);
});
