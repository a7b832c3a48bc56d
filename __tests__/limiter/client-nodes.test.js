'use strict';
// What is due for limits that nodes share, sent through an application's client: every kind of client, on real servers.
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { ClientNodes } = require('../../lib/limiter/client-nodes');
const clients = require('../cache/clients');
const { startRedis, startCluster, stopAll } = require('../redis');
const { until } = require('../support/loopback');

const TAKE = readFileSync(path.join(__dirname, '../../crates/io/src/limits/take.lua'), 'utf8');
let server;
let cluster;
const closing = [];
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startCluster()]);
});
afterEach(async () => {
  jest.useRealTimers();
  for (const close of closing.splice(0)) await close();
});
afterAll(stopAll);

/** The native side, as a list of what is to be asked and what came back. */
class Asked {
  list = [];
  answers = new Map();
  failures = [];
  turns = [];
  wakeInMs = Infinity;
  #tickets = 0;

  script() {
    return TAKE;
  }
  add(key, { limit = 10, windowMs = 60_000, want = 1, debt = 0, back = 0, backAt = 0, node = 'a' } = {}) {
    this.#tickets += 1;
    this.list.push(this.#tickets, key, limit, windowMs, want, debt, back, backAt, node);
    return this.#tickets;
  }
  get isDue() {
    return this.list.length > 0;
  }
  due() {
    return this.list.splice(0, 9 * 512);
  }
  answer(ticket, [granted, slice, leaseMs, retryAfterMs, used, nodes]) {
    this.answers.set(ticket, { granted, slice, leaseMs, retryAfterMs, used, nodes });
  }
  failed(ticket) {
    this.failures.push(ticket);
  }
  down(isDown) {
    this.turns.push(isDown);
  }
  async close() {}
}
function nodesOn({ client, close = () => {} }, options) {
  const asked = new Asked();
  const told = [];
  const on = { degraded: (error) => told.push(error.code), recovered: () => told.push('recovered'), answered: () => {} };
  const settings = { client, keyPrefix: 'p:', commandTimeoutMs: 5_000, breaker: { failures: 5, probeMs: 50 }, ...options };
  const nodes = new ClientNodes(settings, asked, on);
  closing.push(async () => {
    await nodes.close();
    await close();
  });
  return { asked, told, nodes };
}
let names = 0;
const fresh = () => `{limit ${(names += 1)}:60000}`;
async function answered(nodes, asked, tickets) {
  nodes.send();
  await until(() => tickets.every((ticket) => asked.answers.has(ticket) || asked.failures.includes(ticket)));
  return tickets.map((ticket) => asked.answers.get(ticket));
}
const kinds = {
  ioredis: () => clients.ioredis(server),
  'node-redis': () => clients.nodeRedis(server),
  'ioredis Cluster': () => clients.ioredisCluster(cluster),
  'node-redis cluster': () => clients.nodeRedisCluster(cluster),
  'ioredis-mock': () => clients.mock(),
  'ioredis with a prefix of its own': () => clients.ioredis(server, { keyPrefix: 'own:' }),
  'ioredis with numbers as text': () => clients.ioredis(server, { stringNumbers: true }),
};
const flushScripts = async () => {
  for (const one of [server, ...cluster.nodes]) await one.command('SCRIPT', 'FLUSH');
};

describe.each(Object.entries(kinds))('%s', (_, open) => {
  test('one limit is shared, given back and counted', async () => {
    const { nodes, asked } = nodesOn(await open());
    const key = fresh();
    // a lease of six seconds: no machine is so slow that a node is forgotten meanwhile
    const ask = async (request) => (await answered(nodes, asked, [asked.add(key, { windowMs: 600_000, ...request })]))[0];
    const first = await ask({ want: 6, node: 'a' });
    expect(first).toEqual({ granted: 6, slice: expect.any(Number), leaseMs: 6000, retryAfterMs: 0, used: 6, nodes: 1 });
    expect(await ask({ want: 6, node: 'b' })).toMatchObject({ granted: 4, used: 10, nodes: 2 });
    const full = await ask({ want: 1, debt: 3, node: 'b' });
    expect(full).toMatchObject({ granted: 0, used: 13, nodes: 2 });
    expect(full.retryAfterMs).toBeGreaterThan(500_000);
    // the mock's seconds are the date's and its fraction is not: now and then it goes back by one
    expect(full.retryAfterMs).toBeLessThanOrEqual(613_000);
    expect(await ask({ want: 0, back: 5, backAt: first.slice, node: 'a' })).toMatchObject({ used: 8 });
    expect(asked.failures).toEqual([]);
  });

  test('many keys of one turn, on servers that do not know the script, that do, and that forgot it', async () => {
    const { nodes, asked } = nodesOn(await open());
    for (const forget of [true, false, true]) {
      if (forget) await flushScripts();
      const keys = Array.from({ length: 60 }, fresh);
      const said = await answered(nodes, asked, keys.map((key, at) => asked.add(key, { want: 1 + (at % 9) })));
      expect(said.map(({ granted, used }) => [granted, used])).toEqual(keys.map((_key, at) => [1 + (at % 9), 1 + (at % 9)]));
    }
  });
});

test('what is due in one turn is one write of ioredis, and goes by the hash', async () => {
  const opened = clients.ioredis(server);
  const { nodes, asked } = nodesOn(opened);
  await answered(nodes, asked, [asked.add(fresh())]);
  const pipeline = jest.spyOn(opened.client, 'pipeline');
  const sent = jest.spyOn(opened.client, 'evalsha');
  const tickets = [];
  for (let at = 0; at < 600; at += 1) {
    tickets.push(asked.add(fresh()));
    nodes.send();
  }
  expect(pipeline).not.toHaveBeenCalled();
  await answered(nodes, asked, tickets);
  // 512 at a time
  expect([pipeline.mock.calls.length, sent.mock.calls.length]).toEqual([2, 0]);
  const { length } = await opened.client.call('SCRIPT', 'EXISTS', 'x');
  expect(length).toBe(1);
});

test('it settles in microtasks under fake timers, and arms none', async () => {
  // the mock's clock has whole seconds
  jest.useFakeTimers({ now: 1_700_000_000_000 });
  const { nodes, asked } = nodesOn(clients.mock());
  // the mock connects by a timer
  const before = jest.getTimerCount();
  const key = fresh();
  const ask = async (request) => {
    const ticket = asked.add(key, request);
    nodes.send();
    await nodes.ended(key);
    return asked.answers.get(ticket);
  };
  expect(await ask({ want: 10 })).toMatchObject({ granted: 10, slice: 1_700_000_001_000, leaseMs: 600 });
  expect(await ask({ want: 1 })).toMatchObject({ granted: 0, retryAfterMs: 61_000 });
  jest.setSystemTime(1_700_000_060_000);
  expect(await ask({ want: 1 })).toMatchObject({ granted: 0, retryAfterMs: 1_000 });
  jest.setSystemTime(1_700_000_061_000);
  expect(await ask({ want: 1 })).toMatchObject({ granted: 1 });
  expect(jest.getTimerCount()).toBe(before);
});

test('a clock that goes back by a second, as that of a mock does, forgets no node', async () => {
  jest.useFakeTimers({ now: 1_700_000_001_000 });
  const { nodes, asked } = nodesOn(clients.mock());
  const key = fresh();
  const ask = async (node) => {
    const ticket = asked.add(key, { node });
    nodes.send();
    await nodes.ended(key);
    return asked.answers.get(ticket);
  };
  expect(await ask('a')).toMatchObject({ granted: 1, nodes: 1 });
  jest.setSystemTime(1_700_000_000_000);
  expect(await ask('b')).toMatchObject({ granted: 1, used: 2, nodes: 2 });
  // so long ahead that the clock was wrong
  jest.setSystemTime(1_600_000_000_000);
  expect(await ask('c')).toMatchObject({ granted: 1, used: 3, nodes: 1 });
});

test('`ended` says at once when nothing is out for a key, and settles when its request failed', async () => {
  const client = { get: async () => null, set: async () => 'OK', del: async () => 1, eval: async () => { throw new Error('gone'); } };
  const { nodes, asked, told } = nodesOn({ client });
  expect(await nodes.ended('k')).toBe(false);
  asked.add('k');
  nodes.send();
  expect(await nodes.ended('k')).toBe(true);
  expect([asked.failures, told]).toEqual([[1], ['ERR_REDIS']]);
});

test('a frozen server: each request fails within its time, away is told once, back once', async () => {
  const own = await startRedis();
  const { nodes, asked, told } = nodesOn(clients.ioredis(own), { commandTimeoutMs: 100, breaker: { failures: 3, probeMs: 50 } });
  await answered(nodes, asked, [asked.add(fresh())]);
  own.pause();
  for (let at = 0; at < 4; at += 1) {
    const began = performance.now();
    await answered(nodes, asked, [asked.add(fresh())]);
    expect(performance.now() - began).toBeLessThan(1_000);
  }
  expect([asked.failures, told, asked.turns]).toEqual([[2, 3, 4, 5], ['ERR_REDIS'], [true]]);
  own.resume();
  await until(() => told.length === 2);
  expect([told, asked.turns]).toEqual([['ERR_REDIS', 'recovered'], [true, false]]);
  expect(await answered(nodes, asked, [asked.add(fresh())])).toMatchObject([{ granted: 1 }]);
});

test('of a cluster one master that is away is not the others', async () => {
  const own = await startCluster();
  const { nodes, asked } = nodesOn(clients.ioredisCluster(own), { commandTimeoutMs: 400, breaker: false });
  const keys = Array.from({ length: 30 }, fresh);
  await answered(nodes, asked, keys.map((key) => asked.add(key)));
  own.nodes[1].pause();
  const said = await answered(nodes, asked, keys.map((key) => asked.add(key)));
  own.nodes[1].resume();
  const lost = said.filter((one) => one === undefined).length;
  expect(lost).toBe(asked.failures.length);
  expect(lost).toBeGreaterThan(0);
  expect(lost).toBeLessThan(30);
});

test('of a cluster the breaker stays closed while any master answers, and opens when none does', async () => {
  let isGone = false;
  const reply = [1, 0, 600, 0, 1, 1];
  const client = {
    isCluster: true, get: async () => null, set: async () => 'OK', del: async () => 1,
    eval: (_text, _count, key) => (isGone || key.includes('away') ? new Promise(() => {}) : Promise.resolve(reply)),
  };
  const { nodes, asked, told } = nodesOn({ client }, { commandTimeoutMs: 200, breaker: { failures: 3, probeMs: 60_000 } });
  const away = Array.from({ length: 10 }, () => asked.add(`{away ${(names += 1)}}`));
  const lost = answered(nodes, asked, away);
  await until(() => asked.list.length === 0);
  await answered(nodes, asked, [asked.add(fresh())]);
  await lost;
  expect([asked.failures.length, told, asked.turns]).toEqual([10, ['ERR_REDIS'], []]);
  expect(await answered(nodes, asked, [asked.add(fresh())])).toMatchObject([{ granted: 1 }]);
  isGone = true;
  await answered(nodes, asked, Array.from({ length: 3 }, () => asked.add(fresh())));
  expect(asked.turns).toEqual([true]);
});

test.each([
  ['nothing', undefined], ['text', 'OK'], ['too little', [1, 2]], ['no numbers', [1, 2, 3, 4, 5, 'x']],
])('a client that answers a script with %s has not answered', async (_, value) => {
  const client = { get: async () => null, set: async () => 'OK', del: async () => 1, eval: async () => value };
  const { nodes, asked, told } = nodesOn({ client });
  await answered(nodes, asked, [asked.add('k')]);
  expect([asked.failures, asked.answers.size, told]).toEqual([[1], 0, ['ERR_REDIS']]);
});

test('a key of another type fails alone', async () => {
  const opened = clients.ioredis(server);
  const { nodes, asked, told } = nodesOn(opened);
  const [bad, good] = [fresh(), fresh()];
  await opened.client.set(`p:${bad}`, 'somebody else');
  const said = await answered(nodes, asked, [asked.add(bad), asked.add(good)]);
  expect(said).toMatchObject([undefined, { granted: 1 }]);
  expect([told, asked.turns]).toEqual([['ERR_REDIS'], []]);
});

test('a client without eval says what it lacks', () => {
  const client = { get() {}, set() {}, del() {} };
  expect(() => ClientNodes.check(client, 'redis.client')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.stringMatching(/redis\.client.*eval/) }));
});

test('a lease that nobody spends is told of by native time; a clock that stands still is not asked all the time', async () => {
  const { nodes, asked } = nodesOn(clients.mock());
  const due = jest.spyOn(asked, 'due');
  asked.wakeInMs = 1;
  nodes.send();
  await until(() => due.mock.calls.length >= 3);
  const seen = due.mock.calls.length;
  const ticket = asked.add(fresh(), { want: 0 });
  await until(() => asked.answers.has(ticket));
  // 1, 2, 4, 8, … ms apart
  expect(seen).toBeLessThan(9);
  asked.wakeInMs = Infinity;
});
