'use strict';
// RedisClient on a server, on clients of the application, on a mock by its exact commands. Its connection: redis-client-connection.test.js.
const { ioredis, mock } = require('../cache/clients');
const { here, useClients, atEnd, make, own, patient } = require('../support/redis-client');
const { until } = require('../support/loopback');

useClients();

describe.each([
  ['a connection of its own', async () => own()],
  ['ioredis', async () => {
    const { client, close } = ioredis(here.server);
    atEnd(close);
    return make({ ...patient, client });
  }],
  ['node-redis', async () => {
    const { createClient } = require('redis');
    const client = createClient({ url: here.server.url });
    client.on('error', () => {});
    await client.connect();
    atEnd(() => client.destroy());
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
  expect([await here.server.command('GET', 'user:1'), await here.server.command('TTL', 'user:1'), await here.server.command('GET', 'text'), await here.server.command('TTL', 'text')]).toEqual(['{"a":1}', 60, '"123"', -1]);
  await here.server.command('SET', 'theirs', '{"b":2}');
  await here.server.command('SET', 'words', 'not json');
  expect([await client.get('theirs'), await client.get('words')]).toEqual([{ b: 2 }, 'not json']);
  await here.server.command('SET', 'theirs', '{"b":3}');
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
  const monitor = await here.server.client().monitor();
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
