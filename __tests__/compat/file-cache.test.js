'use strict';
const { spawnSync } = require('node:child_process');
const { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FileCache } = require('sluice/compat/file-cache');

let folder;
let caches;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-file-cache-'));
  caches = [];
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(caches.map((cache) => cache.disconnect()));
  rmSync(folder, { recursive: true, force: true });
});
function make(options) {
  const cache = new FileCache({ basePath: folder, ...options });
  caches.push(cache);
  return cache;
}
async function connected(options) {
  const cache = make(options);
  await cache.connect();
  return cache;
}

test('everything throws Not connected before connect and after disconnect', async () => {
  const cache = make();
  const all = () => [cache.get('k'), cache.set('k', 1), cache.delete('k'), cache.exists('k'), cache.listKeys()];
  for (const call of all()) await expect(call).rejects.toStrictEqual(new Error('Not connected'));
  expect(readdirSync(folder)).toEqual([]);
  await cache.connect();
  await cache.connect();
  await cache.set('k', 1);
  await cache.disconnect();
  await cache.disconnect();
  for (const call of all()) await expect(call).rejects.toThrow('Not connected');
  await cache.connect();
  expect(await cache.get('k')).toBe(1);
});

test('what is stored is bounded by maxBytes', async () => {
  const cache = await connected({ maxBytes: 1_000_000 });
  for (let at = 0; at < 50; at += 1) expect(await cache.set(at, Buffer.alloc(100_000, at))).toBe(true);
  // it makes room beside its work
  while ((await cache.listKeys()).length > 10) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(() => new FileCache({ maxBytes: 0 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'maxBytes' }));
  expect(new FileCache({ maxBytes: null }).ttl).toBe(86_400);
});

test('connect and disconnect count in the order of their calls, awaited or not', async () => {
  const cache = make();
  const begun = [cache.connect(), cache.disconnect(), cache.connect()];
  await Promise.all(begun);
  expect(await cache.set('k', 1)).toBe(true);
  void cache.disconnect();
  await expect(cache.get('k')).rejects.toThrow('Not connected');
  const again = cache.connect();
  const ended = cache.disconnect();
  await Promise.all([again, ended]);
  await expect(cache.get('k')).rejects.toThrow('Not connected');
  await cache.connect();
  expect(await cache.get('k')).toBe(1);
});

test('a second disconnect waits for the first: the folder may go', async () => {
  const cache = await connected();
  for (let at = 0; at < 50; at += 1) void cache.set(`k${at}`, 'x'.repeat(1000));
  void cache.disconnect();
  await cache.disconnect();
  rmSync(folder, { recursive: true });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(existsSync(folder)).toBe(false);
});

test('numbers are keys; a prefix of null is none', async () => {
  const cache = await connected();
  await cache.set(5, 'five');
  expect([await cache.get('5'), await cache.get(5), await cache.get(5, 'text'), await cache.exists(5), await cache.listKeys(null)]).toEqual(['five', 'five', 'five', true, ['5']]);
  expect([await cache.delete(5), await cache.get(5)]).toEqual([true, null]);
});

test("values by type, as 'json', 'text' or 'buffer'", async () => {
  const cache = await connected();
  const values = { object: { a: ['ü'] }, text: 'grün', number: 5, none: null, flag: false, bytes: Buffer.from([0xff, 0]), empty: '' };
  for (const [key, value] of Object.entries(values)) expect(await cache.set(key, value)).toBe(true);
  for (const [key, value] of Object.entries(values)) expect(await cache.get(key)).toEqual(value);
  expect([await cache.get('object', 'text'), await cache.get('text', 'text'), await cache.get('number', 'text')]).toEqual(['{"a":["ü"]}', 'grün', '5']);
  expect([await cache.get('object', 'buffer'), await cache.get('text', 'buffer'), await cache.get('bytes', 'buffer')]).toEqual([Buffer.from('{"a":["ü"]}'), Buffer.from('grün'), values.bytes]);
  expect([await cache.get('k'), await cache.get('k', 'text'), await cache.get('k', 'buffer')]).toEqual([null, null, null]);
  await expect(cache.get('text', 'yaml')).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'type' });
  await expect(cache.set('k', undefined)).rejects.toMatchObject({ code: 'ERR_VALUE' });
});

test('each get decodes: what a caller changes is its own', async () => {
  const cache = await connected();
  await cache.set('k', { list: [1] });
  (await cache.get('k')).list.push(2);
  expect(await cache.get('k')).toEqual({ list: [1] });
});

test('ttl in seconds: the cache’s, or that of the call, which may be longer; alive through the last millisecond', async () => {
  let now = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => now);
  const cache = await connected({ ttl: 10 });
  await cache.set('usual', 1);
  await cache.set('longer', 1, 20);
  await cache.set('shorter', 1, 1.5);
  now += 1500;
  expect(await cache.get('shorter')).toBe(1);
  now += 1;
  expect(await cache.get('shorter')).toBe(null);
  now += 10_000 - 1501;
  expect(await cache.get('usual')).toBe(1);
  now += 1;
  expect([await cache.get('usual'), await cache.get('longer')]).toEqual([null, 1]);
  now += 9999;
  expect(await cache.get('longer')).toBe(1);
  now += 1;
  expect(await cache.get('longer')).toBe(null);
  cache.ttl = 5;
  await cache.set('k', 1, null);
  now += 5001;
  expect(await cache.get('k')).toBe(null);
  for (const ttl of [0, -1]) {
    await cache.set('k', 1);
    expect([await cache.set('k', 2, ttl), await cache.exists('k')]).toEqual([true, false]);
  }
});

test('without a ttl of its own a day', async () => {
  let now = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => now);
  const cache = await connected();
  await cache.set('k', 1);
  now += 86_400_000;
  expect(await cache.get('k')).toBe(1);
  now += 1;
  expect(await cache.get('k')).toBe(null);
});

test('delete, exists, listKeys; keys are meant literally', async () => {
  const cache = await connected();
  for (const key of ['a:1', 'a:2', 'a:*', 'b:1']) await cache.set(key, key);
  expect([await cache.delete('a:*'), await cache.delete('a:*')]).toEqual([true, false]);
  expect([await cache.exists('a:1'), await cache.exists('a:*')]).toEqual([true, false]);
  expect([(await cache.listKeys()).sort(), (await cache.listKeys('a:')).sort(), await cache.listKeys('c')]).toEqual([['a:1', 'a:2', 'b:1'], ['a:1', 'a:2'], []]);
  await Promise.all(Array.from({ length: 1200 }, (_, at) => cache.set(`m:${at}`, at)));
  expect(new Set(await cache.listKeys('m:')).size).toBe(1200);
});

test('two caches of one folder share it', async () => {
  const [one, other] = [await connected(), await connected()];
  await one.set('k', 1);
  expect(await other.get('k')).toBe(1);
  await one.disconnect();
  expect(await other.get('k')).toBe(1);
});

test('a folder that cannot be had is an error of connect, and another try may do', async () => {
  const basePath = path.join(folder, 'sub', 'cache');
  writeFileSync(path.join(folder, 'sub'), 'a file');
  const cache = make({ basePath });
  await expect(cache.connect()).rejects.toBeInstanceOf(Error);
  await expect(cache.get('k')).rejects.toThrow('Not connected');
  rmSync(path.join(folder, 'sub'));
  await cache.connect();
  expect(await cache.set('k', 1)).toBe(true);
});

test('options: the folder cache where it runs; what is wrong is refused by name', () => {
  expect(new FileCache()).toMatchObject({ basePath: 'cache', ttl: 86_400 });
  expect(new FileCache({ basePath: './as it is' }).basePath).toBe('./as it is');
  expect(new FileCache({ basePath: null, ttl: null, encoding: 'utf8' }).ttl).toBe(86_400);
  expect(existsSync(path.resolve('cache'))).toBe(false);
  for (const [option, value] of [['ttl', 0], ['ttl', 'x'], ['basePath', 5]]) {
    expect(() => new FileCache({ [option]: value })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
  }
});

describe('defect', () => {
  test('two keys, one file', async () => {
    const cache = await connected();
    const keys = ['a/b', 'a:b', 'a\\b', 'a?b', 'a_b', 'A_b', 'a b', 'a%2Fb', 'ä', 'a\u0308', 'x'.repeat(3000), `${'x'.repeat(2999)}y`, '', '.', '..', 'con', 'a\0b'];
    for (const [at, key] of keys.entries()) await cache.set(key, at);
    for (const [at, key] of keys.entries()) expect([key, await cache.get(key)]).toEqual([key, at]);
    expect(new Set(await cache.listKeys())).toEqual(new Set(keys));
  });
  test('a key that leaves the folder', async () => {
    const cache = await connected({ basePath: path.join(folder, 'a', 'b') });
    for (const key of ['../../x', '/etc/x', '../x']) {
      await cache.set(key, key);
      expect(await cache.get(key)).toBe(key);
    }
    expect([readdirSync(folder), readdirSync(path.join(folder, 'a'))]).toEqual([['a'], ['b']]);
  });
  test('half a file: a process that dies while it writes leaves whole entries or none', async () => {
    const source = `
      const { FileCache } = require('./compat');
      const cache = new FileCache({ basePath: ${JSON.stringify(folder)} });
      cache.connect().then(async () => {
        for (let at = 0; ; at += 1) {
          for (let key = 0; key < 50; key += 1) cache.set('k' + key, { at, text: String(at).repeat(5000) });
          await new Promise((resolve) => setImmediate(resolve));
          if (at === 40) process.kill(process.pid, 'SIGKILL');
        }
      });`;
    const { signal } = spawnSync(process.execPath, ['-e', source], { cwd: path.join(__dirname, '..', '..'), timeout: 240_000 });
    expect(signal).toBe('SIGKILL');
    const cache = await connected();
    const keys = await cache.listKeys();
    for (const key of keys) {
      const { at, text } = await cache.get(key);
      expect(text).toBe(String(at).repeat(5000));
    }
  });
  test('expired, and still listed', async () => {
    let now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    const cache = await connected();
    await cache.set('k', 1, 10);
    now += 10_001;
    expect([await cache.exists('k'), await cache.listKeys(), await cache.get('k'), await cache.delete('k')]).toEqual([false, [], null, false]);
  });
  test('text that comes back as a number', async () => {
    const cache = await connected();
    for (const text of ['123', 'true', 'null', '{"a":1}', '']) {
      await cache.set('k', text);
      expect(await cache.get('k')).toBe(text);
    }
  });
});
