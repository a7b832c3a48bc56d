'use strict';
// RedisClient on a server, on clients of the application, on a mock by its exact commands, and on nothing.
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { RedisClient } = require('sluice/compat');
const { startRedis, stopAll } = require('../redis');
const { ioredis, mock } = require('../cache/clients');

const VARIABLES = ['REDIS_HOST', 'REDIS_PORT', 'REDIS_PASSWORD', 'REDIS_DB'];
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
let server;
let made;
beforeAll(async () => {
  server = await startRedis({ password: 'secret' });
});
afterAll(stopAll);
beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name];
  made = [];
});
afterEach(async () => {
  await Promise.all(made.map((one) => one()));
  await server.command('FLUSHALL');
  for (const [name, value] of Object.entries(before)) if (value === undefined) delete process.env[name]; else process.env[name] = value;
});
function make(options) {
  const client = new RedisClient(options);
  made.push(() => client.disconnect());
  return client;
}
// what is not about deadlines has time, on a slow machine too
const patient = { commandTimeoutMs: 20_000 };
const own = (options) => make({ ...patient, host: server.host, port: server.port, password: 'secret', ...options });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function until(condition) {
  const begun = Date.now();
  while (!(await condition())) {
    if (Date.now() - begun > 60_000) throw new Error('it did not come to hold');
    await sleep(5);
  }
}

describe.each([
  ['a connection of its own', async () => own()],
  ['ioredis', async () => {
    const { client, close } = ioredis(server);
    made.push(close);
    return make({ ...patient, client });
  }],
  ['node-redis', async () => {
    const { createClient } = require('redis');
    const client = createClient({ url: server.url });
    client.on('error', () => {});
    await client.connect();
    made.push(() => client.destroy());
    return make({ ...patient, client });
  }],
  ['ioredis-mock', async () => make({ ...patient, client: mock().client })],
])('%s', (kind, start) => {
  let client;
  beforeEach(async () => {
    client = await start();
  });

  test('sets, gets, deletes; each get decodes', async () => {
    await until(() => client.isConnected());
    for (const value of [{ a: [1] }, 'text', '123', '', 0, false, [null], Buffer.from([0xff])]) {
      expect(await client.set('k', value, 60)).toBe(true);
      expect(await client.get('k')).toStrictEqual(value);
    }
    await client.set('k', { list: [1] }, 60);
    (await client.get('k')).list.push(2);
    expect(await client.get('k')).toEqual({ list: [1] });
    expect([await client.delete('k'), await client.delete('k'), await client.get('k')]).toEqual([true, false, null]);
  });
  test('without a TTL, or with 0, a value has no end; getTTL counts whole seconds, rounded up', async () => {
    for (const ttl of [undefined, null, 0, Infinity]) {
      await client.set('k', 1, ttl);
      expect(await client.getTTL('k')).toBe(-1);
    }
    await client.set('k', 1, 100);
    expect(await client.getTTL('none')).toBe(-2);
    const left = await client.getTTL('k');
    expect([left, left > 90 && left <= 100]).toEqual([Math.floor(left), true]);
  });
  test('numbers are keys, and a TTL may be what a variable says', async () => {
    expect(await client.set(5, 'five', '100')).toBe(true);
    const left = await client.getTTL(5);
    expect([await client.get(5), await client.get('5'), left > 90 && left <= 100, await client.delete(5), await client.get(5)]).toEqual(['five', 'five', true, true, null]);
    expect([await client.set('k', 1, ''), await client.getTTL('k')]).toEqual([true, -1]);
  });
  test('deletePattern counts what it deleted, beyond the first thousand; delete means its key literally', async () => {
    await Promise.all(Array.from({ length: 1300 }, (_, at) => client.set(`u:${at}`, at)));
    await client.set('u*', 'literal');
    await client.set('v', 'kept');
    expect([await client.delete('u*'), await client.deletePattern('u:*'), await client.deletePattern('u:*'), await client.get('v')]).toEqual([true, 1300, 0, 'kept']);
  });
  test('what cannot be stored is false, what is no key is null: nothing throws', async () => {
    const cyclic = {};
    cyclic.self = cyclic;
    for (const value of [undefined, cyclic, 5n]) expect(await client.set('k', value)).toBe(false);
    for (const ttl of [-1, NaN, 'x', {}]) expect([ttl, await client.set('k', 1, ttl), await client.get('k')]).toEqual([ttl, false, null]);
    for (const key of [undefined, null, {}, '\ud800']) {
      expect([await client.get(key), await client.set(key, 1), await client.delete(key), await client.getTTL(key), await client.deletePattern(key)]).toEqual([null, false, false, -2, 0]);
    }
  });
  test('after disconnect all is null, false, -2 and 0', async () => {
    await client.set('k', 1);
    await client.disconnect();
    await client.disconnect();
    expect([client.isConnected(), await client.get('k'), await client.set('k', 1), await client.delete('k'), await client.getTTL('k'), await client.deletePattern('*')]).toEqual([false, null, false, false, -2, 0]);
  });
});

test('what it writes and reads is plain JSON under the key as it is', async () => {
  const client = own();
  await client.set('user:1', { a: 1 }, 60);
  await client.set('text', '123');
  expect([await server.command('GET', 'user:1'), await server.command('TTL', 'user:1'), await server.command('GET', 'text'), await server.command('TTL', 'text')]).toEqual(['{"a":1}', 60, '"123"', -1]);
  await server.command('SET', 'theirs', '{"b":2}');
  await server.command('SET', 'words', 'not json');
  expect([await client.get('theirs'), await client.get('words')]).toEqual([{ b: 2 }, 'not json']);
  await server.command('SET', 'theirs', '{"b":3}');
  expect(await client.get('theirs')).toEqual({ b: 3 });
});

test.each([[1, 1], [400, 1], [1000, 1], [1001, 2], [99_500, 100], [-1, -1], [-2, -2]])('%i ms left are %i s', async (ms, seconds) => {
  const client = make({ client: { get: async () => '1', set: async () => 'OK', del: async () => 1, pttl: async () => ms } });
  const still = jest.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000);
  expect(await client.getTTL('k')).toBe(seconds);
  still.mockRestore();
});

test.each([[42, 42], [-1, -1], [-2, -2], [0, 0], [undefined, -2]])('a mock that says TTL %p and no PTTL: %i s', async (ttl, seconds) => {
  const mocked = { get: jest.fn(), set: jest.fn(), del: jest.fn(), ttl: jest.fn(async () => ttl), pttl: jest.fn() };
  const client = make({ client: mocked });
  expect(await client.getTTL('k')).toBe(seconds);
  expect(mocked.ttl.mock.calls).toEqual([['k']]);
  mocked.ttl.mockRejectedValue(new Error('gone'));
  expect(await client.getTTL('k')).toBe(-2);
});

test('the exact commands on a mock, none for what was not asked', async () => {
  const { client: redis } = mock();
  const names = ['get', 'set', 'del', 'unlink', 'keys', 'ttl', 'pttl', 'pipeline', 'multi', 'scan', 'ping'];
  const sent = [];
  for (const name of names) {
    const real = redis[name].bind(redis);
    redis[name] = (...args) => {
      sent.push([name, ...args]);
      return real(...args);
    };
  }
  const client = make(redis);
  expect(sent).toEqual([]);
  await client.set('a', { n: 1 }, 60);
  await client.set('b', 'x');
  expect([await client.get('a'), await client.get('none')]).toEqual([{ n: 1 }, null]);
  expect([await client.getTTL('b'), await client.getTTL('none')]).toEqual([-1, -2]);
  await client.delete('a');
  expect(sent).toEqual([['set', 'a', '{"n":1}', 'EX', 60], ['set', 'b', '"x"'], ['get', 'a'], ['get', 'none'], ['pttl', 'b'], ['pttl', 'none'], ['del', 'a']]);
});

test('defect: KEYS', async () => {
  const monitor = await server.client().monitor();
  const heard = [];
  monitor.on('monitor', (_time, args) => heard.push(args[0].toUpperCase()));
  const client = own();
  await client.set('u:1', 1);
  expect(await client.deletePattern('u:*')).toBe(1);
  await until(() => heard.includes('SCAN'));
  monitor.disconnect();
  expect(heard).toEqual(expect.arrayContaining(['SCAN', 'UNLINK']));
  expect(heard).not.toContain('KEYS');
});

describe('Redis away', () => {
  test('defect: a dead Redis that calls wait for; nothing from memory, with memory too; and it comes back', async () => {
    const dying = await startRedis();
    const address = { host: dying.host, port: dying.port };
    const clients = [make(address), make({ ...address, memory: {} }), make({ ...address, keyPrefix: 'p:', memory: { maxBytes: 1 << 20 } })];
    for (const client of clients) {
      await until(() => client.set('k', 'held', 60));
      await until(async () => (await client.get('k')) === 'held' && (await client.get('k')) === 'held' && client.isConnected());
    }
    dying.pause();
    try {
      for (const client of clients) {
        // all at once: none waits for another's deadline
        const answers = await Promise.all(Array.from({ length: 20 }, () => client.get('k')));
        expect(answers.filter((one) => one !== null && one !== 'held')).toEqual([]);
        await until(() => !client.isConnected());
        const begun = performance.now();
        expect([await client.get('k'), await client.set('k', 1), await client.delete('k'), await client.getTTL('k'), await client.deletePattern('k')]).toEqual([null, false, false, -2, 0]);
        expect(performance.now() - begun).toBeLessThan(2500);
      }
    } finally {
      dying.resume();
    }
    for (const client of clients) {
      await until(() => client.isConnected());
      await until(() => client.set('k', 'again', 60));
      expect(await client.get('k')).toBe('again');
    }
    await dying.kill();
    for (const client of clients) {
      await until(async () => (await client.get('k')) === null && !client.isConnected());
    }
  });
  test('unreachable from the start: null, and the process ends by itself', () => {
    const source = `
      const { RedisClient, CacheManager } = require('./compat');
      const client = new RedisClient({ host: '127.0.0.1', port: 1 });
      const manager = new CacheManager({ host: '127.0.0.1', port: 1 });
      (async () => {
        const got = [await client.get('k'), await client.set('k', 1), client.isConnected(), await manager.get('k'), await manager.set('k', 1), await manager.invalidateUser(1)];
        console.log(JSON.stringify(got));
      })();`;
    const { stdout, stderr, status, signal } = spawnSync(process.execPath, ['-e', source], { cwd: path.join(__dirname, '..', '..'), encoding: 'utf8', timeout: 240_000 });
    expect({ stdout: stdout.trim(), stderr, status, signal }).toEqual({ stdout: '[null,false,false,null,false,0]', stderr: '', status: 0, signal: null });
  });
  test('a client of the application that fails, throws or never answers', async () => {
    const error = new Error('gone');
    for (const get of [() => Promise.reject(error), () => { throw error; }, () => new Promise(() => {})]) {
      const client = make({ client: { get, set: get, del: get }, commandTimeoutMs: 50 });
      expect([await client.get('k'), await client.set('k', 1), await client.delete('k'), await client.getTTL('k'), await client.deletePattern('*')]).toEqual([null, false, false, -2, 0]);
    }
  });
});

describe('where Redis is', () => {
  test('REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_DB; an argument wins', async () => {
    Object.assign(process.env, { REDIS_HOST: server.host, REDIS_PORT: String(server.port), REDIS_PASSWORD: 'secret', REDIS_DB: '3' });
    const client = make(patient);
    expect(await client.set('k', 'three')).toBe(true);
    const other = make({ ...patient, db: 4 });
    expect([await other.get('k'), await other.set('k', 'four'), await client.get('k')]).toEqual([null, true, 'three']);
    const reader = server.client({ db: 3 });
    expect(await reader.get('k')).toBe('"three"');
    const refused = make({ ...patient, password: 'wrong' });
    expect([await refused.get('k'), refused.isConnected()]).toEqual([null, false]);
  });
  test.each([['REDIS_PORT', 'http'], ['REDIS_PORT', '70000'], ['REDIS_DB', '-1']])('%s=%s is refused by name', (name, value) => {
    process.env[name] = value;
    expect(() => make()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: name }));
    expect(() => make({ port: 1, db: 0 })).not.toThrow();
    expect(() => make(mock().client)).not.toThrow();
  });
  test('port and db may be what variables say', async () => {
    const client = own({ port: String(server.port), db: '5', host: server.host });
    expect(await client.set('k', 'five')).toBe(true);
    expect(await own({ db: 5 }).get('k')).toBe('five');
    expect(() => make({ host: '', port: '', db: '', password: '' })).not.toThrow();
    expect(() => make({ port: '63 79' })).toThrow(expect.objectContaining({ option: 'port' }));
  });
  test('arguments are checked by name, and what concerns others is ignored', () => {
    expect(() => make({ port: 'x' })).toThrow(expect.objectContaining({ option: 'port' }));
    expect(() => make({ db: 1.5 })).toThrow(expect.objectContaining({ option: 'db' }));
    expect(() => make({ port: 1, retryStrategy: () => 5, maxRetriesPerRequest: 3, logger: console })).not.toThrow();
  });
});

describe('getClient', () => {
  test('is the client that was given, which stays open', async () => {
    const { client: redis, close } = ioredis(server);
    made.push(close);
    const client = make({ client: redis });
    expect([client.getClient(), client.client]).toEqual([redis, redis]);
    await client.disconnect();
    expect(await redis.ping()).toBe('PONG');
  });
  test('without one is an ioredis of the application’s, on the same database, ended with it', async () => {
    const client = own({ db: 2 });
    const redis = client.getClient();
    expect(client.getClient()).toBe(redis);
    await client.set('k', { a: 1 });
    expect(await redis.get('k')).toBe('{"a":1}');
    await client.disconnect();
    await until(() => redis.status === 'end');
    expect(client.getClient()).toBe(null);
  });
  test('without ioredis is null', async () => {
    jest.doMock('ioredis', () => { throw new Error('Cannot find module'); });
    try {
      expect(own().getClient()).toBe(null);
    } finally {
      jest.dontMock('ioredis');
    }
  });
  test('another client may be set later', async () => {
    const [first, second] = [mock().client, mock().client];
    const client = make(first);
    await client.set('k', 1);
    client.client = second;
    expect([await client.get('k'), client.getClient()]).toEqual([null, second]);
    await client.set('k', 2);
    expect([await first.get('k'), await second.get('k')]).toEqual(['1', '2']);
  });
  test('null takes the client away, as disconnect() does; another one may follow', async () => {
    const [first, second] = [mock().client, mock().client];
    const client = make(first);
    await client.set('k', 1);
    client.client = null;
    expect([client.isConnected(), await client.get('k'), await client.set('k', 2), client.getClient()]).toEqual([false, null, false, null]);
    client.client = second;
    expect([client.isConnected(), await client.set('k', 3), await client.get('k'), await first.get('k')]).toEqual([true, true, 3, '1']);
    await client.disconnect();
    client.client = first;
    expect([client.isConnected(), await client.get('k')]).toEqual([true, 1]);
    expect(() => { client.client = {}; }).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect([client.client, await client.get('k')]).toEqual([first, 1]);
  });
  test('a mock with some of the methods: the others fail as Redis would', async () => {
    const partial = { get: jest.fn(async () => '{"a":1}') };
    const client = make({ client: partial });
    expect([await client.get('k'), await client.set('k', 1), await client.delete('k')]).toEqual([{ a: 1 }, false, false]);
    expect(partial.get).toHaveBeenCalledWith('k');
    expect(client.getClient()).toBe(partial);
    expect(Object.keys(partial)).toEqual(['get']);
  });
  test('a client that says that it is not ready is not connected', () => {
    const { client: redis } = mock();
    const client = make(redis);
    Object.defineProperty(redis, 'status', { value: 'reconnecting', configurable: true });
    expect(client.isConnected()).toBe(false);
    Object.defineProperty(redis, 'status', { value: 'ready', configurable: true });
    expect(client.isConnected()).toBe(true);
    expect(make({ client: { get() {}, set() {}, del() {}, isReady: false } }).isConnected()).toBe(false);
  });
});
