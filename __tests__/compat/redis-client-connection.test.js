'use strict';
// RedisClient: where its Redis is, while that is away, and the client of the application under it.
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { ioredis, mock } = require('../cache/clients');
const { startRedis } = require('../redis');
const { here, useClients, atEnd, make, own, patient } = require('../support/redis-client');
const { until } = require('../support/loopback');

useClients();

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
    Object.assign(process.env, { REDIS_HOST: here.server.host, REDIS_PORT: String(here.server.port), REDIS_PASSWORD: 'secret', REDIS_DB: '3' });
    const client = make(patient);
    expect(await client.set('k', 'three')).toBe(true);
    const other = make({ ...patient, db: 4 });
    expect([await other.get('k'), await other.set('k', 'four'), await client.get('k')]).toEqual([null, true, 'three']);
    const reader = here.server.client({ db: 3 });
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
    const client = own({ port: String(here.server.port), db: '5', host: here.server.host });
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
    const { client: redis, close } = ioredis(here.server);
    atEnd(close);
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
