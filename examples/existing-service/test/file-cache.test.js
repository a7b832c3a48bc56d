'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FileCache } = require('../src/classes');

describe('FileCache', () => {
  let folder;
  let cache;
  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'service-files-'));
    cache = new FileCache({ basePath: folder, ttl: 60 });
    await cache.connect();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await cache.disconnect();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test('gives back what was set', async () => {
    await cache.set('file:1', { size: 3, tags: ['a', 'b'] });
    await expect(cache.get('file:1')).resolves.toStrictEqual({ size: 3, tags: ['a', 'b'] });
    await expect(cache.get('file:2')).resolves.toBeNull();
  });

  test('gives text and bytes when asked for them', async () => {
    await cache.set('note', 'grüß');
    await expect(cache.get('note', 'text')).resolves.toBe('grüß');
    expect((await cache.get('note', 'buffer')).toString('hex')).toBe(Buffer.from('grüß').toString('hex'));
    await cache.set('bytes', Buffer.from([0, 255, 1]));
    expect([...(await cache.get('bytes', 'buffer'))]).toStrictEqual([0, 255, 1]);
  });

  test('each get is a copy', async () => {
    await cache.set('k', { n: 1 });
    (await cache.get('k')).n = 2;
    await expect(cache.get('k')).resolves.toStrictEqual({ n: 1 });
  });

  test('a value is gone after its seconds', async () => {
    const start = Date.now();
    const now = jest.spyOn(Date, 'now').mockImplementation(() => start);
    await cache.set('k', 'v', 5);
    now.mockImplementation(() => start + 5000);
    await expect(cache.get('k')).resolves.toBe('v');
    now.mockImplementation(() => start + 5001);
    await expect(cache.get('k')).resolves.toBeNull();
  });

  test('exists and delete', async () => {
    await cache.set('k', 'v');
    await expect(cache.exists('k')).resolves.toBe(true);
    await cache.delete('k');
    await expect(cache.exists('k')).resolves.toBe(false);
  });

  test('lists keys by prefix', async () => {
    await cache.set('user:1', 1);
    await cache.set('user:2', 2);
    await cache.set('file:1', 3);
    expect((await cache.listKeys('user:')).sort()).toStrictEqual(['user:1', 'user:2']);
  });

  test('what was written is there for the next one', async () => {
    await cache.set('kept', { by: 'the first' });
    await cache.disconnect();
    cache = new FileCache({ basePath: folder, ttl: 60 });
    await cache.connect();
    await expect(cache.get('kept')).resolves.toStrictEqual({ by: 'the first' });
  });

  test('throws before connect and after disconnect', async () => {
    const fresh = new FileCache({ basePath: folder });
    await expect(fresh.get('k')).rejects.toThrow('Not connected');
    await expect(fresh.set('k', 1)).rejects.toThrow('Not connected');
    await cache.disconnect();
    await expect(cache.get('k')).rejects.toThrow('Not connected');
  });
});
