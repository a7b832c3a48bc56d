'use strict';
// One effect per key for all instances over one Redis: our own connection, and whatever client an application has.
const { BatchBuffer } = require('sluice');
const { Redis } = require('ioredis');
const RedisMock = require('ioredis-mock');
const { startRedis, startCluster, stopAll } = require('../redis');
const clients = require('../cache/clients');
const lease = require('../../lib/batch/lease');

const LEASE_MS = lease.leaseMs;
let server;
let cluster;
const ends = [];
const buffers = [];
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startCluster()]);
});
afterEach(async () => {
  lease.leaseMs = LEASE_MS;
  await Promise.all(buffers.splice(0).map((buffer) => buffer.close({ timeoutMs: 1 })));
});
afterAll(async () => {
  for (const end of ends) end();
  await cluster.stop();
  await stopAll();
});

const keep = ({ client, close }) => {
  ends.push(close);
  return client;
};
/** How Redis is given: `redis` of two instances, and a client to look with. */
const kinds = {
  'our own connection': async () => [{ url: server.url }, { url: server.url }, server.client()],
  'our own connection to a cluster': async () => [{ url: cluster.urls }, { url: cluster.urls }, cluster.client()],
  ioredis: async () => [keep(clients.ioredis(server)), keep(clients.ioredis(server)), server.client()],
  'ioredis with a prefix of its own': async () => {
    const options = { keyPrefix: 'own:' };
    return [keep(clients.ioredis(server, options)), keep(clients.ioredis(server, options)), server.client(options)];
  },
  'ioredis to a cluster': async () => [keep(clients.ioredisCluster(cluster)), keep(clients.ioredisCluster(cluster)), cluster.client()],
  'node-redis': async () => [keep(await clients.nodeRedis(server)), keep(await clients.nodeRedis(server)), server.client()],
  'node-redis to a cluster': async () => [keep(await clients.nodeRedisCluster(cluster)), keep(await clients.nodeRedisCluster(cluster)), cluster.client()],
  'ioredis-mock': async () => {
    const mock = () => new RedisMock({ host: 'idempotency' });
    return [mock(), mock(), mock()];
  },
  'get, set and del alone': async () => {
    const least = () => keep(clients.least(clients.ioredis(server)));
    return [least(), least(), server.client()];
  },
  'one of ours, one with ioredis': async () => [{ url: server.url }, keep(clients.ioredis(server)), server.client()],
};

let prefixes = 0;
const settled = (promise) => promise.then((value) => ({ value }), (error) => ({ error }));
async function eventually(what, holds) {
  const end = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what}: not within 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** An instance, its events, and what it handed over. */
function instance(redis, keyPrefix, answer = (item) => `${item}!`, { idempotency, ...options } = {}) {
  // commands are not to be late on a busy machine
  const given = { ...(typeof redis.get === 'function' ? { client: redis } : redis), keyPrefix, commandTimeoutMs: 10_000 };
  const handed = [];
  const handler = (items) => {
    handed.push(...items);
    return Promise.all(items.map(answer));
  };
  const buffer = new BatchBuffer(handler, { batchTimeout: 1, retries: 0, idempotency: { redis: given, ...idempotency }, ...options });
  const degraded = [];
  buffer.on('degraded', (part, error) => degraded.push([part, error]));
  buffers.push(buffer);
  return { buffer, handed, degraded };
}

describe.each(Object.keys(kinds))('over %s', (kind) => {
  let redises;
  let look;
  let prefix;
  beforeAll(async () => {
    [redises, look] = await kinds[kind]().then(([a, b, own]) => [[a, b], own]);
  });
  beforeEach(() => {
    prefix = `p${(prefixes += 1)}:`;
  });

  const open = (number, answer, options) => instance(redises[number], prefix, answer, options);

  test('two instances send once, and both get the result', async () => {
    const [a, b] = [open(0), open(1)];
    const results = await Promise.all([a.buffer.add('x', { key: 'k' }), b.buffer.add('x', { key: 'k' }), a.buffer.add('x', { key: 'k' })]);
    expect(results).toEqual(['x!', 'x!', 'x!']);
    expect([...a.handed, ...b.handed]).toEqual(['x']);
    expect(a.buffer.getStats().duplicates + b.buffer.getStats().duplicates).toBe(2);
    await eventually('the end is told', async () => (await look.get(`${prefix}k`)) === 'sluice:1:done:"x!"');
    expect(await look.pttl(`${prefix}k`)).toBeGreaterThan(80_000_000);
    const c = open(1);
    expect(await c.buffer.add('later', { key: 'k' })).toBe('x!');
    expect(await c.buffer.enqueue('later', { key: 'k' })).toBe('key:k');
    expect(c.handed).toEqual([]);
    expect([a, b, c].flatMap(({ degraded }) => degraded)).toEqual([]);
  });

  test('an older mark counts as done with undefined; a result that is too large too', async () => {
    await look.set(`${prefix}old`, '1', 'EX', 60);
    const [a, b] = [open(0, (item) => (item === 'large' ? 'x'.repeat(5000) : undefined), { idempotency: { ttl: 100 } }), open(1)];
    expect(await a.buffer.add('x', { key: 'old' })).toBeUndefined();
    expect(await a.buffer.add('large', { key: 'l' })).toHaveLength(5000);
    expect(await a.buffer.add('none', { key: 'n' })).toBeUndefined();
    await eventually('both ends are told', async () => (await look.get(`${prefix}l`)) === 'sluice:1:done' && (await look.get(`${prefix}n`)) === 'sluice:1:done');
    expect(await Promise.all([b.buffer.add('x', { key: 'l' }), b.buffer.add('x', { key: 'n' }), b.buffer.add('x', { key: 'old' })])).toEqual([undefined, undefined, undefined]);
    expect(b.handed).toEqual([]);
    expect(a.handed).toEqual(['large', 'none']);
    expect(await look.get(`${prefix}old`)).toBe('1');
    const left = await look.pttl(`${prefix}l`);
    expect(left > 50_000 && left <= 100_000).toBe(true);
  });

  test('one that waits for a first that fails sends its own', async () => {
    let fail;
    const a = open(0, () => new Promise((_, reject) => (fail = reject)));
    const b = open(1);
    const first = settled(a.buffer.add('x', { key: 'k' }));
    await eventually('it is handed over', () => fail !== undefined);
    const second = b.buffer.add('y', { key: 'k' });
    expect(b.buffer.getBufferStatus().waiting).toBe(1);
    fail(new Error('no'));
    expect((await first).error.message).toBe('no');
    expect(await second).toBe('y!');
    expect(b.handed).toEqual(['y']);
  });

  test('items keep the order of the calls, with keys and without', async () => {
    const a = open(0, undefined, { batchSize: 100, maxSize: 100 });
    const items = Array.from({ length: 300 }, (_, n) => n);
    // some are known elsewhere
    await Promise.all(items.filter((n) => n % 10 === 3).map((n) => look.set(`${prefix}k${n}`, '1')));
    const all = Promise.all(items.map((n) => a.buffer.add(n, n % 3 === 0 ? { key: `k${n}` } : undefined)));
    expect(a.buffer.getBufferStatus()).toMatchObject({ size: 0, waiting: 300 });
    const closing = a.buffer.close();
    const results = await all;
    const known = (n) => n % 10 === 3 && n % 3 === 0;
    expect(results).toEqual(items.map((n) => (known(n) ? undefined : `${n}!`)));
    expect(a.handed).toEqual(items.filter((n) => !known(n)));
    expect(await closing).toEqual({ delivered: 290, deadLettered: 0, dropped: 0, aborted: 0, kept: 0 });
  });

  test('who gives up while it is asked for, or waits, takes its claim back', async () => {
    const slow = open(0, () => new Promise(() => {}), { handlerTimeoutMs: 0 });
    const b = open(1);
    const controller = new AbortController();
    const asked = settled(b.buffer.add('x', { key: 'k', signal: controller.signal }));
    controller.abort();
    expect((await asked).error.code).toBe('ERR_ABORTED');
    expect(await b.buffer.add('y', { key: 'k' })).toBe('y!');
    void settled(slow.buffer.add('z', { key: 'l' }));
    await eventually('it is handed over', () => slow.handed.length === 1);
    const cleared = settled(b.buffer.add('x', { key: 'l' }));
    await eventually('it waits', async () => (await look.exists(`${prefix}l`)) === 1);
    expect(b.buffer.clear()).toBe(1);
    expect((await cleared).error.code).toBe('ERR_ABORTED');
    const left = settled(b.buffer.add('x', { key: 'l' }));
    await b.buffer.flush();
    await b.buffer.close();
    expect((await left).error.code).toBe('ERR_CLOSED');
    expect(b.handed).toEqual(['y']);
    await slow.buffer.close({ timeoutMs: 1 });
    await eventually('what close ended is free', async () => (await look.exists(`${prefix}l`)) === 0);
  });
});

test('a claim is renewed while its item is in flight, and runs out with its owner, over all of them', async () => {
  lease.leaseMs = 3000;
  await Promise.all(Object.keys(kinds).map(async (kind, number) => {
    const [one, other, look] = await kinds[kind]();
    const prefix = `renewed${number}:`;
    let deliver;
    const a = instance(one, prefix, () => new Promise((resolve) => (deliver = resolve)));
    const b = instance(other, prefix);
    const first = a.buffer.add('x', { key: 'k' });
    let result;
    await eventually('it is handed over', () => deliver !== undefined);
    const second = b.buffer.add('y', { key: 'k' }).then((value) => (result = value));
    await new Promise((resolve) => setTimeout(resolve, 4500));
    expect([kind, result]).toEqual([kind, undefined]);
    deliver('late');
    expect(await Promise.all([first, second])).toEqual(['late', 'late']);
    expect(b.handed).toEqual([]);
    // an owner that is no more
    await look.set(`${prefix}dead`, 'sluice:1:pending:nobody:1', 'PX', 500);
    expect(await b.buffer.add('z', { key: 'dead' })).toBe('z!');
  }));
});

test('what an injected client settles in microtasks settles so here, under fake timers too', async () => {
  const values = new Map();
  const client = {
    get: async (key) => values.get(key) ?? null,
    set: async (key, value, ...args) => (args.includes('NX') && values.has(key) ? null : (values.set(key, value), 'OK')),
    del: async (key) => Number(values.delete(key)),
  };
  jest.useFakeTimers();
  try {
    const buffer = new BatchBuffer((items) => items.map((item) => `${item}!`), { batchSize: 2, idempotency: { redis: client } });
    const all = Promise.all([buffer.add('a', { key: 'k' }), buffer.add('b', { key: 'k' }), buffer.add('c', { key: 'l' })]);
    expect(await all).toEqual(['a!', 'a!', 'c!']);
    for (let turn = 0; turn < 20; turn += 1) await undefined;
    expect([...values]).toEqual([['k', 'sluice:1:done:"a!"'], ['l', 'sluice:1:done:"c!"']]);
    await buffer.close();
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test('the exact command of a claim', async () => {
  const said = [];
  const client = { get: async () => null, set: async (...args) => (said.push(args), 'OK'), del: async () => 0 };
  const buffer = new BatchBuffer((items) => items, { batchSize: 1, idempotency: { redis: { client, keyPrefix: 'jobs:' } } });
  await buffer.add('a', { key: 'k' });
  await buffer.close();
  expect(said[0]).toEqual(['jobs:k', expect.stringMatching(/^sluice:1:pending:.+/), 'PX', 10_000, 'NX']);
  expect(said[1]).toEqual(['jobs:k', 'sluice:1:done:"a"', 'EX', 86_400]);
});
