'use strict';
// The commands that go through an application's client, told by what lies in the server afterwards.
const { startRedis, startCluster, stopAll } = require('../redis');
const clients = require('./clients');
const { ClientCommands } = require('../../lib/cache/client-commands');

let server;
let cluster;
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startCluster()]);
});
afterAll(stopAll);

const kinds = {
  ioredis: () => clients.ioredis(server),
  'ioredis with a prefix of its own': () => clients.ioredis(server, { keyPrefix: 'own:' }),
  'ioredis Cluster': () => clients.ioredisCluster(cluster),
  'ioredis Cluster with a prefix of its own': () => clients.ioredisCluster(cluster, { keyPrefix: 'own:' }),
  'node-redis': () => clients.nodeRedis(server),
  'node-redis cluster': () => clients.nodeRedisCluster(cluster),
  'ioredis-mock': () => clients.mock(),
  'ioredis-mock with a prefix of its own': () => clients.mock({ keyPrefix: 'own:' }),
};

async function scanned(commands, pattern) {
  const found = [];
  for await (const step of commands.scan(pattern)) found.push(...(await step()));
  return [...new Set(found)].sort();
}

describe.each(Object.keys(kinds))('%s', (kind) => {
  let made;
  let commands;
  beforeAll(async () => {
    made = await kinds[kind]();
    commands = new ClientCommands(made.client);
  });
  afterAll(() => made.close());

  test('sets with seconds, milliseconds or for good, and reads value and time left in one go', async () => {
    expect(await commands.set('s:1', '"a"', 60_000, false)).toBe(true);
    expect(await commands.set('s:2', 'ü', 1500, false)).toBe(true);
    expect(await commands.set('s:3', '[]', Infinity, false)).toBe(true);
    const [one, two, three, four] = await commands.read(['s:1', 's:2', 's:3', 's:4']);
    expect([one[0], two[0], three, four[0]]).toEqual(['"a"', 'ü', ['[]', -1], null]);
    expect(one[1]).toBeGreaterThan(59_000);
    expect(one[1]).toBeLessThanOrEqual(60_000);
    expect(two[1]).toBeGreaterThan(500);
    expect(two[1]).toBeLessThanOrEqual(1500);
  });

  test('a fill does not overwrite', async () => {
    await commands.set('nx', 'old', 5000, false);
    await commands.set('nx', 'new', 9000, true);
    const [[value, left]] = await commands.read(['nx']);
    expect(value).toBe('old');
    expect(left).toBeLessThanOrEqual(5000);
    await commands.set('nx:free', 'new', 9000, true);
    expect((await commands.read(['nx:free']))[0][0]).toBe('new');
  });

  test('deletes keys wherever they lie, and says how many there were', async () => {
    const keys = Array.from({ length: 600 }, (_, at) => `d:${at}`);
    await Promise.all(keys.map((key) => commands.set(key, '1', Infinity, false)));
    expect(await commands.del(['d:0'])).toBe(1);
    expect(await commands.unlink(keys.slice(0, 300))).toBe(299);
    expect(await commands.del([...keys, 'd:none'])).toBe(300);
  });

  test('scans every master, without the prefix that the client adds', async () => {
    const keys = Array.from({ length: 1500 }, (_, at) => `scan:${at}`);
    await Promise.all(keys.map((key) => commands.set(key, '1', Infinity, false)));
    await commands.set('other', '1', Infinity, false);
    expect(await scanned(commands, 'scan:*')).toEqual(keys.sort());
    expect(await scanned(commands, 'scan:77*')).toEqual(['scan:77', ...Array.from({ length: 10 }, (_, at) => `scan:77${at}`)]);
  });

  test('evaluates scripts', async () => {
    await commands.set('e', '7', Infinity, false);
    expect(await commands.eval("return redis.call('GET', KEYS[1]) .. ARGV[1]", ['e'], [8])).toBe('78');
  });

  test('says what time the server has, and whether it answers', async () => {
    expect(Math.abs((await commands.time()) - Date.now())).toBeLessThan(2000);
    expect(await commands.probe('p')).toBe('PONG');
    expect(typeof (await commands.publish('inv', 'x'))).toBe('number');
  });

  test('a key of another type is neither a value nor a failure', async () => {
    if (kind.startsWith('ioredis-mock')) return; // its GET of a list gives the list
    await commands.eval("return redis.call('RPUSH', KEYS[1], 'x')", ['list'], []);
    await commands.set('beside', '1', Infinity, false);
    const [[list]] = await commands.read(['list']);
    expect(typeof list).toBe('object');
    expect(list).not.toBeNull();
    expect((await commands.read(['beside', 'list']))[0][0]).toBe('1');
  });
});

test.each(['ioredis', 'node-redis', 'ioredis Cluster', 'node-redis cluster'])('%s: raw bytes of another instance come as bytes', async (kind) => {
  const made = await kinds[kind]();
  const plain = kind.includes('luster') ? cluster.client() : server.client();
  const raw = Buffer.concat([Buffer.from('\u00021b0ffffffffffffffffffffffff'), Buffer.from([0, 255, 128])]);
  await plain.set('raw', raw);
  const [[value]] = await new ClientCommands(made.client).read(['raw']);
  expect(Buffer.compare(value, raw)).toBe(0);
  made.close();
});

test('the least client reads, sets and deletes; what it cannot do is told', async () => {
  const { client, close } = clients.least(await kinds.ioredis());
  const commands = new ClientCommands(client);
  expect(await commands.set('least', '1', 60_000, false)).toBe(true);
  expect(await commands.read(['least', 'none'])).toEqual([['1', undefined], [null, undefined]]);
  expect(await commands.unlink(['least'])).toBe(1);
  expect(['scan', 'eval', 'publish'].map((name) => commands.can(name))).toEqual([false, false, false]);
  expect(await commands.time()).toBeUndefined();
  close();
});

test('exact commands: one pipeline per read, SET with EX or PX, DEL', async () => {
  const { client, close } = clients.mock();
  const spies = ['get', 'pttl', 'set', 'del', 'pipeline', 'multi', 'eval'].map((name) => jest.spyOn(client, name));
  const [get, pttl, set, del, pipeline, multi, evaluate] = spies;
  const commands = new ClientCommands(client);
  await commands.set('a', '{"b":1}', 60_000, false);
  await commands.set('a', '{"b":2}', 1234, false);
  await commands.set('a', '3', Infinity, false);
  await commands.set('a', '4', 5000, true);
  expect(set.mock.calls).toEqual([['a', '{"b":1}', 'EX', 60], ['a', '{"b":2}', 'PX', 1234], ['a', '3'], ['a', '4', 'EX', 5, 'NX']]);
  expect(await commands.read(['a'])).toEqual([['3', -1]]);
  expect([pipeline.mock.calls.length, get.mock.calls.length, pttl.mock.calls.length, multi.mock.calls.length]).toEqual([1, 0, 0, 0]);
  await commands.del(['a']);
  await commands.del(['a', 'b']);
  expect(del.mock.calls).toEqual([['a'], ['a', 'b']]);
  expect(evaluate).not.toHaveBeenCalled();
  close();
});

test('exact commands without a pipeline: GET, then PTTL of what is there', async () => {
  const calls = [];
  const client = {
    get: async (key) => (calls.push(['get', key]), key === 'a' ? '1' : null),
    pttl: async (key) => (calls.push(['pttl', key]), 5000),
    set: async () => false,
    del: async (...keys) => (calls.push(['del', ...keys]), keys.length),
  };
  const commands = new ClientCommands(client);
  expect(await commands.read(['a'])).toEqual([['1', 5000]]);
  expect(await commands.read(['b'])).toEqual([[null, undefined]]);
  expect(calls).toEqual([['get', 'a'], ['pttl', 'a'], ['get', 'b']]);
  expect(await commands.set('a', '1', 1000, false)).toBe(false);
});

test('node-redis gets its options as an object, and keys as an array', async () => {
  const calls = [];
  const client = {
    sendCommand: () => {}, scanIterator: () => {},
    get: async () => null, pTTL: async () => -2,
    set: async (...args) => (calls.push(args), 'OK'),
    del: async (keys) => (calls.push([keys]), 1),
  };
  const commands = new ClientCommands(client);
  await commands.set('a', '1', 60_000, false);
  await commands.set('a', '1', 1500, true);
  await commands.set('a', '1', Infinity, false);
  await commands.del(['a', 'b']);
  expect(calls).toEqual([['a', '1', { EX: 60 }], ['a', '1', { PX: 1500, NX: true }], ['a', '1'], [['a', 'b']]]);
});

test('automatic mocks, whose methods give undefined, are a client that has nothing', async () => {
  const client = Object.fromEntries(['get', 'set', 'del', 'pttl', 'pipeline', 'multi'].map((name) => [name, jest.fn()]));
  const commands = new ClientCommands(client);
  expect(await commands.read(['a'])).toEqual([[null, undefined]]);
  expect(await commands.set('a', '1', 1000, false)).toBe(true);
  expect(await commands.del(['a'])).toBe(0);
});

test('a mock whose pipeline is a promise: its failure is the read’s', async () => {
  const error = new Error('gone');
  const client = { get: async () => '1', set: async () => 'OK', del: async () => 1, pipeline: () => Promise.reject(error) };
  await expect(new ClientCommands(client).read(['a'])).rejects.toBe(error);
});
