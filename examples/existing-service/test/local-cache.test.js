'use strict';
const { LocalCache } = require('../src/classes');

describe('LocalCache', () => {
  let cache;
  let now;
  beforeEach(() => {
    now = 1_700_000_000_000;
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    cache = new LocalCache();
  });
  afterEach(() => jest.restoreAllMocks());

  test('a key that nobody set is null', () => {
    expect(cache.get('nobody')).toBeNull();
  });

  test('hands a value out by reference', () => {
    const job = { files: ['a'] };
    cache.set('job', job);
    expect(cache.get('job')).toBe(job);
  });

  test('keeps cyclic values', () => {
    const node = { name: 'root' };
    node.self = node;
    cache.set('tree', node);
    expect(cache.get('tree').self).toBe(node);
  });

  test('a value is alive at the millisecond of its deadline, and gone after it', () => {
    cache.set('k', 'v', 1000);
    now += 1000;
    expect(cache.get('k')).toBe('v');
    now += 1;
    expect(cache.get('k')).toBeNull();
  });

  test('lives ten minutes when nothing is said', () => {
    cache.set('k', 'v');
    now += 600_000;
    expect(cache.get('k')).toBe('v');
    now += 1;
    expect(cache.get('k')).toBeNull();
  });

  test('a second set replaces value and deadline', () => {
    cache.set('k', 'old', 1000);
    now += 900;
    cache.set('k', 'new', 1000);
    now += 900;
    expect(cache.get('k')).toBe('new');
  });

  test('del and clear remove', () => {
    cache.set('a', 1);
    cache.set('b', 2);
    cache.del('a');
    expect([cache.get('a'), cache.get('b')]).toStrictEqual([null, 2]);
    cache.clear();
    expect(cache.get('b')).toBeNull();
  });

  test('isUnchanged compares what is cached with what comes', () => {
    cache.set('progress', { done: 3, of: 10 });
    expect(cache.isUnchanged('progress', { done: 3, of: 10 })).toBe(true);
    expect(cache.isUnchanged('progress', { done: 4, of: 10 })).toBe(false);
    expect(cache.isUnchanged('other', { done: 3, of: 10 })).toBe(false);
  });

  test('getOrSet loads once, and again when the value is gone', async () => {
    const loader = jest.fn(async () => 'loaded');
    await expect(cache.getOrSet('k', loader, 1000)).resolves.toBe('loaded');
    await expect(cache.getOrSet('k', loader, 1000)).resolves.toBe('loaded');
    expect(loader).toHaveBeenCalledTimes(1);
    now += 1001;
    await cache.getOrSet('k', loader, 1000);
    expect(loader).toHaveBeenCalledTimes(2);
  });

  test('a loader that fails is the caller\'s error, and is asked again', async () => {
    const loader = jest.fn().mockRejectedValueOnce(new Error('backend away')).mockResolvedValueOnce('well');
    await expect(cache.getOrSet('k', loader)).rejects.toThrow('backend away');
    await expect(cache.getOrSet('k', loader)).resolves.toBe('well');
  });

  test('two caches share nothing', () => {
    const other = new LocalCache();
    cache.set('k', 1);
    expect(other.get('k')).toBeNull();
  });
});
