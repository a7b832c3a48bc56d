'use strict';
// Connections that are cut, slow or silent, through a proxy; tracking lost alone; clocks that differ.
const path = require('node:path');
const { startCluster, startRedis, stopAll } = require('../../redis');
const { cleanUp, eventually, folder, sleep, startInstance, startProxy } = require('./support');

let server;
beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  await cleanUp();
  await server.command('FLUSHALL');
});
afterAll(stopAll);

test('answers that come late are nobody else\'s, and are not stored', async () => {
  const proxy = await startProxy(server.port);
  const child = await startInstance({ redis: { url: proxy.url, breaker: { failures: 1000 } } });
  const direct = await startInstance({ redis: server.url });
  await child.tell('startLoad', { width: 32, keys: 200, skipL1: true });
  await sleep(200);
  for (const delayMs of [400, 20, 300, 0]) {
    proxy.delayMs = delayMs;
    await sleep(700);
  }
  await sleep(400);
  const load = await child.tell('stopLoad');
  expect({ errors: load.errors, wrong: load.wrong }).toEqual({ errors: [], wrong: 0 });
  expect(load.found).toBeGreaterThan(50);
  expect((await child.call('getStats')).degraded).toBeGreaterThan(0);

  // A read whose answer is on its way while the key changes.
  await direct.call('set', 'key', 'old', 600);
  proxy.holding = true;
  const early = child.call('get', 'key');
  await sleep(50);
  await direct.call('set', 'key', 'new', 600);
  expect(await early).toBeNull();
  proxy.release();
  await eventually(async () => (await child.call('get', 'key')) === 'new', 'the new value');
  expect(await child.call('get', 'key')).toBe('new');
});

test('a fill from the disk that is late does not overwrite what others have set meanwhile', async () => {
  const proxy = await startProxy(server.port);
  const child = await startInstance({ redis: { url: proxy.url, commandTimeoutMs: 5000 }, disk: path.join(folder(), 'store') });
  const direct = await startInstance({ redis: server.url });
  // What a host stores before it hears of changes is suspect, and fills nothing.
  await sleep(1500);
  await child.call('set', 'key', 'old', 600);
  await server.command('DEL', 'sluice:key');
  await sleep(100);
  proxy.delayMs = 400;
  // Redis says at once that it has nothing; that is heard when somebody has set the key.
  const { answers } = proxy;
  const asked = child.call('get', 'key', { skipL1: true });
  await sleep(150);
  await eventually(() => proxy.answers > answers, 'Redis has been asked');
  expect(await direct.call('set', 'key', 'new', 600)).toBe(true);
  expect(await asked).toBe('old');
  await sleep(200);
  proxy.delayMs = 0;
  await sleep(600);
  expect(await direct.call('get', 'key', { skipL1: true })).toBe('new');
  await eventually(async () => (await child.call('get', 'key')) === 'new', 'the new value');
});

test('a connection that is silent is noticed, and its copies are asked again', async () => {
  const proxy = await startProxy(server.port);
  const child = await startInstance({ memory: { ttl: 1 }, redis: proxy.url });
  const direct = await startInstance({ redis: server.url });
  await direct.call('set', 'key', 'old', 600);
  expect(await child.call('get', 'key')).toBe('old');
  proxy.holding = true;
  await direct.call('set', 'key', 'new', 600);
  // A PING a second and its deadline, then memory.ttl: past ten times that nobody may be told the old value.
  await eventually(async () => (await child.call('get', 'key')) === null, 'the copy is served no more', 10 * 2250);
  // a get that took too long is null before the breaker has heard enough of that
  await eventually(async () => (await child.call('health')).redis === 'down', 'it has noticed');
  proxy.release();
  proxy.cut();
  await eventually(async () => (await child.call('get', 'key')) === 'new', 'the new value');
});

test('a copy is not served as fresh once its channel is cut: whenDown', async () => {
  const proxy = await startProxy(server.port);
  const options = (whenDown) => ({ memory: { ttl: 1 }, redis: { url: proxy.url, whenDown } });
  const [serving, missing] = await Promise.all([startInstance(options('serve')), startInstance(options('miss'))]);
  const direct = await startInstance({ redis: server.url });
  await direct.call('set', 'key', 'old', 600);
  for (const child of [serving, missing]) expect(await child.call('get', 'key')).toBe('old');
  proxy.refusing = true;
  proxy.cut();
  await direct.call('set', 'key', 'new', 600);
  await eventually(async () => (await missing.call('health')).redis === 'down', 'it has noticed');
  expect(await missing.call('get', 'key')).toBeNull();
  await eventually(async () => (await serving.call('health')).redis === 'down', 'it has noticed');
  expect(['old', null]).toContain(await serving.call('get', 'key'));
  await sleep(1200);
  expect(await serving.call('get', 'key')).toBeNull();
  proxy.refusing = false;
  for (const child of [serving, missing]) {
    const seen = [];
    await eventually(async () => seen.push(await child.call('get', 'key')) && seen.at(-1) === 'new', 'the new value');
    expect(seen).not.toContain('old');
  }
});

const trackingIds = (list) => list.split('\n').filter((line) => / flags=\S*[tB]/.test(line)).map((line) => /id=(\d+)/.exec(line)[1]);

test('a tracking connection that is killed is made anew, and nothing old outlives it', async () => {
  const child = await startInstance({ redis: server.url });
  const direct = await startInstance({ redis: { url: server.url, tracking: false } });
  await direct.call('set', 'key', 0, 600);
  for (let round = 1; round <= 5; round += 1) {
    expect(await child.call('get', 'key')).toBe(round - 1);
    const ids = trackingIds(await server.command('CLIENT', 'LIST'));
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) await server.command('CLIENT', 'KILL', 'ID', id);
    await direct.call('set', 'key', round, 600);
    await eventually(async () => (await child.call('get', 'key')) === round, 'the new value');
    await eventually(async () => trackingIds(await server.command('CLIENT', 'LIST')).length > 0, 'tracking is back');
  }
});

test('in a cluster, the tracking connection of one master alone is killed', async () => {
  const cluster = await startCluster();
  const url = cluster.nodes.map((node) => node.url);
  const [child, direct] = await Promise.all([startInstance({ redis: { url } }), startInstance({ redis: { url, tracking: false } })]);
  const keys = Array.from({ length: 12 }, (_, at) => `key${at}`);
  for (const key of keys) await direct.call('set', key, 'old', 600);
  for (const key of keys) expect(await child.call('get', key)).toBe('old');
  for (const node of cluster.nodes) {
    const ids = trackingIds(await node.command('CLIENT', 'LIST'));
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) await node.command('CLIENT', 'KILL', 'ID', id);
    break;
  }
  for (const key of keys) await direct.call('set', key, 'new', 600);
  for (const key of keys) await eventually(async () => (await child.call('get', key)) === 'new', `the new value of ${key}`);
  await cluster.stop();
});

test('where tracking is lost for good and Redis answers, copies from before are asked again', async () => {
  const cluster = await startCluster();
  const url = cluster.nodes.map((node) => node.url);
  const [child, direct] = await Promise.all([startInstance({ memory: { ttl: 30 }, redis: { url } }), startInstance({ redis: { url, tracking: false } })]);
  const keys = Array.from({ length: 12 }, (_, at) => `key${at}`);
  for (const key of keys) await direct.call('set', key, 'old', 600);
  for (const key of keys) expect(await child.call('get', key)).toBe('old');
  for (const node of cluster.nodes) {
    await node.command('ACL', 'SETUSER', 'default', '-client|tracking');
    for (const id of trackingIds(await node.command('CLIENT', 'LIST'))) await node.command('CLIENT', 'KILL', 'ID', id);
  }
  await eventually(async () => (await child.events()).some(({ event, tier }) => event === 'degraded' && tier === 'tracking'), 'the event');
  // A lost connection may look like an outage at first, in which copies are served.
  await sleep(1000);
  await eventually(async () => (await child.call('health')).redis === 'up', 'Redis is used');
  for (const key of keys) await direct.call('set', key, 'new', 600);
  for (const key of keys) expect(await child.call('get', key)).toBe('new');
  expect((await child.call('health')).redis).toBe('up');
  await cluster.stop();
});

test('two processes whose clocks are an hour apart agree on what lives', async () => {
  for (const format of ['tagged', 'plain']) {
    const redis = { url: server.url, format };
    const behind = await startInstance({ jitter: 0, redis });
    const ahead = await startInstance({ jitter: 0, redis }, { clockOffsetMs: 3_600_000 });
    for (const [from, to] of [[behind, ahead], [ahead, behind]]) {
      await from.call('set', `${format}:long`, 'value', 60);
      expect(await to.call('get', `${format}:long`)).toBe('value');
      const left = await to.call('ttl', `${format}:long`);
      expect(left).toBeGreaterThan(55);
      expect(left).toBeLessThanOrEqual(60.1);
      await from.call('set', `${format}:short`, 'value', 0.4);
      expect(await to.call('get', `${format}:short`)).toBe('value');
      await sleep(600);
      expect([await from.call('get', `${format}:short`), await to.call('get', `${format}:short`)]).toEqual([null, null]);
    }
  }
});
