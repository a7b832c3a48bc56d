'use strict';
// A disk that is full, read-only or removed; writers that are killed while others read; many processes on one store.
const fs = require('node:fs');
const path = require('node:path');
const { cleanUp, eventually, folder, sleep, startInstance } = require('./support');

afterEach(cleanUp);

const diskEvents = async (child) => (await child.events()).filter(({ tier }) => tier === 'disk').map(({ event }) => event);

test('a disk that is full takes the tier off with an event, and the cache goes on', async () => {
  const exec = { execPath: '/bin/sh', execArgv: ['-c', `ulimit -f 1024; exec "${process.execPath}" "$@"`, 'sh'] };
  const child = await startInstance({ memory: { maxBytes: 1e6 }, disk: path.join(folder(), 'store') }, { exec });
  expect(child.health.disk).toBe('up');
  const value = 'x'.repeat(10_000);
  for (let at = 0; at < 200; at += 1) await child.call('set', `k${at}`, value, 600);
  await eventually(async () => (await diskEvents(child)).includes('degraded'), 'the event');
  expect(await child.call('set', 'after', 'full', 600)).toEqual(expect.any(Boolean));
  expect(await child.call('get', 'after')).toBe('full');
  await child.call('delete', 'after');
  expect(await child.call('get', 'after')).toBeNull();
  await child.call('close');
});

test('a folder that may only be read is a cache without a disk', async () => {
  const store = path.join(folder(), 'store');
  fs.mkdirSync(store);
  fs.chmodSync(store, 0o555);
  // Root may write anywhere; a file in the way stops everybody.
  const options = process.getuid() === 0 ? path.join(fs.mkdtempSync(path.join(store, 'f')), 'file') : store;
  if (process.getuid() === 0) fs.writeFileSync(options, '');
  const child = await startInstance({ disk: options });
  expect(child.health.disk).toBe('down');
  await child.call('set', 'key', 'value', 600);
  expect(await child.call('get', 'key')).toBe('value');
  expect(await diskEvents(child)).toEqual(['degraded']);
  await child.call('close');
});

test('a folder that is removed under load breaks nothing, and is not made again by close', async () => {
  const store = path.join(folder(), 'store');
  const child = await startInstance({ disk: store });
  await child.tell('startLoad', { width: 16, keys: 300, setEvery: 3 });
  await sleep(300);
  fs.rmSync(store, { recursive: true });
  await sleep(1500);
  const load = await child.tell('stopLoad');
  expect({ errors: load.errors, wrong: load.wrong }).toEqual({ errors: [], wrong: 0 });
  await child.call('set', 'key', 'value', 600);
  expect(await child.call('get', 'key')).toBe('value');
  await child.call('close');
  await sleep(100);
  expect(fs.existsSync(store)).toBe(false);
});

test('25 writers are killed while three processes read, and no value is ever wrong', async () => {
  const disk = path.join(folder(), 'store');
  const keys = 200;
  const readers = await Promise.all([1, 2, 3].map(() => startInstance({ disk })));
  for (const reader of readers) await reader.tell('startReading', { keys });
  for (let kill = 0; kill < 25; kill += 1) {
    const writer = await startInstance({ disk });
    expect(writer.health.disk).toBe('up');
    writer.tell('write', { keys }).catch(() => {});
    await sleep(20 + ((kill * 37) % 150));
    await writer.kill();
  }
  for (const reader of readers) {
    const seen = await reader.tell('stopReading');
    expect({ wrong: seen.wrong, errors: seen.errors }).toEqual({ wrong: 0, errors: [] });
    expect(seen.whole).toBeGreaterThan(100);
    await reader.call('close');
  }
  // Its last user was killed or has closed it: the next one looks through it first.
  const last = await startInstance({ disk });
  expect(last.health.disk).toBe('up');
  const { wrong, whole } = await last.tell('audit', { keys });
  expect(wrong).toEqual([]);
  expect(whole).toBeGreaterThan(20);
  expect((await last.call('getStats')).damaged).toBe(0);
});

test('four processes on one store: each sees what the others write and delete', async () => {
  const disk = path.join(folder(), 'store');
  const children = await Promise.all([1, 2, 3, 4].map(() => startInstance({ disk })));
  await Promise.all(children.map((child) => child.tell('startLoad', { width: 16, keys: 300, setEvery: 4 })));
  await sleep(1000);
  for (const child of children) {
    const load = await child.tell('stopLoad');
    expect({ errors: load.errors, wrong: load.wrong }).toEqual({ errors: [], wrong: 0 });
    expect(load.found).toBeGreaterThan(100);
  }
  for (const [at, child] of children.entries()) {
    const key = `from${at}`;
    await child.call('set', key, 'one', 600);
    for (const other of children) await eventually(async () => (await other.call('get', key)) === 'one', 'what another has written');
    await child.call('set', key, 'two', 600);
    for (const other of children) await eventually(async () => (await other.call('get', key)) === 'two', 'what another has changed');
    await child.call('delete', key);
    for (const other of children) await eventually(async () => (await other.call('get', key)) === null, 'what another has deleted');
  }
});

test('closing writes down what was accepted, and the next process finds it', async () => {
  const disk = path.join(folder(), 'store');
  const first = await startInstance({ disk });
  for (let at = 0; at < 500; at += 1) first.call('set', `k${at}`, at, 600);
  await first.call('set', 'last', 'value', 600);
  await first.call('close');
  await first.kill();
  const second = await startInstance({ disk });
  expect(await second.call('getMany', ['k0', 'k250', 'k499', 'last'])).toEqual([0, 250, 499, 'value']);
  expect((await second.call('getStats')).hits.l3).toBe(4);
});
