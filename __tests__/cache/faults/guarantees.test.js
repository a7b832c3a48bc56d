'use strict';
// What is promised across tiers, hosts and processes, each where it would break first.
const fs = require('node:fs');
const path = require('node:path');
const { startRedis, stopAll } = require('../../redis');
const { cleanUp, eventually, folder, sleep, startInstance } = require('./support');

let server;
// Outages are tested elsewhere: here no call is to fail for a machine that is busy.
const redis = () => ({ url: server.url, commandTimeoutMs: 5000 });
beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  await cleanUp();
  await server.command('FLUSHALL');
});
afterAll(stopAll);

const store = () => path.join(folder(), 'store');

test('patterns and tags delete beyond the first thousand, in every tier of every host', async () => {
  const hosts = await Promise.all([1, 2].map(() => startInstance({ redis: redis(), disk: store() })));
  const names = Array.from({ length: 2500 }, (_, at) => `${at}`);
  await hosts[0].call('setMany', names.map((name) => [`p:${name}`, name, 600]));
  await hosts[0].call('setMany', names.map((name) => [`t:${name}`, name, 600]), { tags: ['all'] });
  await hosts[0].call('set', 'kept', 'value', 600);
  await hosts[0].call('set', 'p*[', 'a key that looks like a glob', 600);
  for (const kind of ['p', 't']) {
    const keys = names.map((name) => `${kind}:${name}`);
    await eventually(async () => (await hosts[1].call('getMany', keys)).every((value) => value !== null), 'the other host has all');
  }
  expect(await hosts[0].call('deletePattern', 'p:*')).toBe(2500);
  expect(await hosts[0].call('deleteByTag', 'all')).toBe(2500);
  for (const [host, only] of hosts.flatMap((host) => [[host, {}], [host, { skipL2: true }], [host, { skipL1: true, skipL2: true }]])) {
    for (const kind of ['p', 't']) {
      const keys = names.map((name) => `${kind}:${name}`);
      await eventually(async () => (await host.call('getMany', keys, only)).every((value) => value === null), `no ${kind} is left, ${JSON.stringify(only)}`);
    }
  }
  // nobody lost its connection over it
  for (const host of hosts) expect(await host.events()).toEqual([]);
  expect(await hosts[0].call('getMany', ['kept', 'p*['])).toEqual(['value', 'a key that looks like a glob']);
  expect(Number(await server.command('DBSIZE'))).toBeLessThan(10);
});

test('what fills upwards lives as long as there is time left, in every tier', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => startInstance({ jitter: 0, redis: redis(), disk: store() })));
  // What a host stores before it hears of changes is suspect.
  await sleep(1500);
  await first.call('set', 'key', 'value', 3);
  await sleep(1500);
  expect(await second.call('get', 'key')).toBe('value');
  for (const only of [{}, { skipL1: true, skipL2: true }]) {
    // it fills its disk behind that
    const entry = await eventually(() => second.call('getEntry', 'key', only), 'it is there');
    expect(entry.ttl).toBeLessThan(1.6);
    expect(entry.ttl).toBeGreaterThan(0);
  }
  await server.command('DEL', 'sluice:key');
  expect(await first.call('get', 'key', { skipL1: true })).toBe('value');
  await eventually(async () => Number(await server.command('EXISTS', 'sluice:key')) === 1, 'Redis is filled from the disk');
  expect(Number(await server.command('PTTL', 'sluice:key'))).toBeLessThan(1500);
  await sleep(1500);
  for (const only of [{}, { skipL1: true }, { skipL1: true, skipL2: true }]) expect(await second.call('get', 'key', only)).toBeNull();
});

test('a host that was away does not serve from its disk what others deleted or changed meanwhile', async () => {
  const disk = store();
  const [staying, away] = await Promise.all([startInstance({ redis: redis(), disk: store() }), startInstance({ redis: redis(), disk })]);
  for (const key of ['deleted', 'changed', 'same']) await away.call('set', key, 'old', 600);
  for (const key of ['deleted', 'changed', 'same']) expect(await staying.call('get', key)).toBe('old');
  await away.call('close');
  await away.kill();
  // Longer than its host may be silent and still be said to have heard all.
  await sleep(2500);
  await staying.call('delete', 'deleted');
  await staying.call('set', 'changed', 'new', 600);
  const back = await startInstance({ redis: redis(), disk });
  expect(back.health).toEqual({ redis: 'up', disk: 'up' });
  expect(await back.call('getMany', ['deleted', 'changed', 'same'])).toEqual([null, 'new', 'old']);
  await server.command('FLUSHALL');
  expect(await back.call('get', 'deleted')).toBeNull();
});

test('an absence that is remembered is forgotten when anybody sets the key', async () => {
  const negative = { ttl: 60 };
  const disk = store();
  const pairs = [
    [{ redis: redis(), negative }, { redis: redis() }],
    [{ disk, negative }, { disk }],
  ];
  for (const [asking, setting] of pairs) {
    const [one, other] = await Promise.all([startInstance(asking), startInstance(setting)]);
    await sleep(100);
    for (let round = 0; round < 20; round += 1) {
      const key = `absent${round}`;
      expect([await one.call('get', key), await one.call('get', key)]).toEqual([null, null]);
      await other.call('set', key, round, 60);
      await eventually(async () => (await one.call('get', key)) === round, 'what was set');
      await one.call('delete', key);
      expect(await one.call('get', key)).toBeNull();
      await one.call('set', key, 'own', 60);
      expect(await one.call('get', key)).toBe('own');
    }
    expect((await one.call('getStats')).negativeHits).toBeGreaterThan(10);
  }
});

test('a slow owner keeps its lease by renewing it; one that was stopped for too long loses it, and its value', async () => {
  const tiers = { redis: { redis: redis() }, disk: { disk: store() } };
  const each = Object.values(tiers).map(async (options) => {
    const patient = { ...options, lease: { waitMs: 30_000 } };
    const [slow, stopped, other] = await Promise.all([1, 2, 3].map(() => startInstance(patient)));
    const begun = [slow.note('loading'), stopped.note('loading')];
    const long = slow.tell('stampede', { key: 'slow', callers: 2, loadMs: 12_000, value: 'slow' });
    const late = stopped.tell('stampede', { key: 'late', callers: 1, loadMs: 500, value: 'old' });
    await Promise.all(begun);
    process.kill(stopped.pid, 'SIGSTOP');
    const [waited, taken] = await Promise.all([
      other.tell('stampede', { key: 'slow', callers: 2, loadMs: 1, value: 'second load' }),
      other.tell('stampede', { key: 'late', callers: 2, loadMs: 1, value: 'new' }),
    ]);
    expect([waited.loads, waited.values, (await long).loads]).toEqual([0, ['slow'], 1]);
    // The lease of who was stopped has ended by its deadline, well before anybody's patience.
    expect([taken.loads, taken.values]).toEqual([1, ['new']]);
    expect(taken.ms).toBeLessThan(20_000);
    await other.call('delete', 'late');
    process.kill(stopped.pid, 'SIGCONT');
    expect((await late).values).toEqual(['old']);
    await sleep(300);
    for (const child of [other, slow]) expect(await child.call('get', 'late')).toBeNull();
  });
  await Promise.all(each);
});

test('parallel sets leave every tier with one value, and a delete wins over the load that it overtakes', async () => {
  const hosts = await Promise.all([1, 2].map(() => startInstance({ redis: redis(), disk: store() })));
  for (let round = 0; round < 30; round += 1) {
    const key = `key${round}`;
    await Promise.all(hosts.flatMap((host, at) => [1, 2, 3].map((value) => host.call('set', key, `${at}:${value}`, 60))));
    const inRedis = await hosts[0].call('get', key, { skipL1: true });
    expect(inRedis).toMatch(/^[01]:3$/);
    for (const host of hosts) await eventually(async () => (await host.call('get', key)) === inRedis, 'one value');
    for (const host of hosts) {
      await eventually(async () => [inRedis, null].includes(await host.call('get', key, { skipL1: true, skipL2: true })), 'the disk has it too, or nothing');
    }
  }
  const [one, other] = hosts;
  const loading = one.note('loading');
  const load = one.tell('stampede', { key: 'load', callers: 3, loadMs: 300, value: 'overtaken' });
  await loading;
  await other.call('delete', 'load');
  await sleep(50);
  expect((await load).values).toEqual(['overtaken']);
  await sleep(100);
  for (const host of hosts) expect(await host.call('get', 'load')).toBeNull();
});

test('a path is opened once per process, with one set of options, for its owner only', async () => {
  const disk = store();
  const one = await startInstance({ disk: { path: disk, maxBytes: 1e7 } });
  await one.call('set', 'key', 'value', 60);
  expect(await one.open({ disk: { path: disk, maxBytes: 2e7 } })).toEqual({ redis: 'off', disk: 'down' });
  expect(await one.events()).toEqual([{ event: 'degraded', tier: 'disk', code: 'ERR_INVALID_OPTION' }]);
  expect(await one.open({ disk: { path: path.join(disk, '..', 'store'), maxBytes: 1e7 } })).toEqual({ redis: 'off', disk: 'up' });
  expect(await one.call('get', 'key')).toBe('value');
  const modes = fs.readdirSync(disk, { recursive: true }).map((name) => fs.statSync(path.join(disk, name))).map(({ mode }) => mode & 0o077);
  expect(modes.length).toBeGreaterThan(0);
  expect(modes.every((mode) => mode === 0)).toBe(true);
});
