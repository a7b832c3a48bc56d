'use strict';
// Arguments, and options that do not go together: what is wrong though each is of its type and range. Each by itself: options.test.js.
const sluice = require('sluice');
const { buffer, limiter, ample, keyed, idle, closeAll } = require('./support/options');

afterAll(closeAll);

describe('arguments and options of a batch buffer', () => {
  test.each([
    ['a handler that is none', () => new sluice.BatchBuffer(), 'handler'], ['no handler, said otherwise', () => new sluice.BatchBuffer({}), 'handler'],
    ['a ceiling below the floor', () => buffer({ backoff: { minMs: 10, maxMs: 5 } }), 'backoff.maxMs'],
    ['a take of nothing', () => idle.take(0), 'max'], ['a take of a word', () => idle.take('all'), 'max'],
    ['taking from a handler', () => buffer().take(), 'handler'],
    ['an id that is a number', () => idle.remove(1), 'id'], ['a settled id that is a number', () => idle.settle(1), 'id'],
    ['a reason that is no error', () => idle.clear('because'), 'reason'],
  ])('%s', (_, run, option) => {
    expect(run).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
  });

  test.each([
    ['items that are no array', () => idle.addMany('ab'), 'items'], ['a letter that there is not', () => idle.retryDeadLetter('1'), 'id'],
    ['a letter by number', () => idle.retryDeadLetter(1), 'id'],
    ['a group that is no string', () => buffer({ groupBy: () => 5 }).add(1), 'what groupBy returns'],
    ['a key that is no string', () => buffer({ idempotency: { key: () => 5 } }).add(1), 'what idempotency.key returns'],
    ['a key with a lone surrogate', () => idle.add(1, { key: '\ud800' }), 'key'],
  ])('%s', async (_, run, option) => {
    await expect(run()).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option });
  });

  test('a floor above the usual ceiling lifts it', () => {
    expect(() => buffer({ backoff: { minMs: 60_000 } })).not.toThrow();
  });
});

describe('arguments and options of the limiters', () => {
  const make = (options) => limiter(options);
  const makeKeyed = (options) => limiter({ windowMs: 1000, maxRequests: 5, ...options }, sluice.KeyedLimiter);
  test.each([
    ['nothing that limits', () => make({ limit: 0 }), 'limit'],
    ['a gradient of the window', () => make({ adaptive: { algorithm: 'gradient' } }), 'adaptive.algorithm'],
    ['a target that is off', () => make({ adaptive: { target: 'concurrency' } }), 'adaptive.target'],
    ['a window that is off', () => make({ limit: 0, concurrency: 5, adaptive: { target: 'limit' } }), 'adaptive.target'],
    ['bounds that cross', () => make({ adaptive: { minLimit: 5, maxLimit: 4 } }), 'adaptive.maxLimit'],
    ['a clock of its own for many threads', () => make({ shared: 'a', now: () => 0 }), 'now'],
    ['Redis and threads', () => make({ redis: 'redis://localhost', shared: 'a' }), 'redis'],
    ['Redis and a clock of its own', () => make({ redis: 'redis://localhost', now: () => 0 }), 'now'],
    ['Redis without a window', () => make({ redis: 'redis://localhost', limit: 0, concurrency: 1 }), 'limit'],
    ['a client without scripts', () => make({ redis: { get() {}, set() {}, del() {} } }), 'redis.client'],
    ['other options under one name', () => { make({ shared: 'one', limit: 1 }); make({ shared: 'one', limit: 2 }); }, 'shared'],
    ['a weight above the limit', () => make({ limit: 5 }).tryAcquire(6), 'weight'],
    ['a weight above the concurrency', () => make({ limit: 5, concurrency: 2 }).tryAcquire(3), 'weight'],
    ['a weight above the highest limit', () => make({ limit: 5, adaptive: { maxLimit: 7 } }).tryAcquire(8), 'weight'],
    ['a weight of nothing', () => make().tryAcquire(0), 'weight'], ['a weight of a word', () => make().tryAcquire('1'), 'weight'],
    ['no outcome', () => make().release(), 'outcome'], ['an outcome that is none', () => make().release('fine'), 'outcome'],
    ['no new limit', () => make().updateConfig(), 'limit'], ['a limit of nothing', () => make().updateConfig(0), 'limit'],
    ['a window of nothing', () => make().updateConfig(1, 0), 'windowMs'],
    ['keyed: Redis and threads', () => makeKeyed({ redis: 'redis://localhost', shared: 'a' }), 'redis'],
    ['keyed: Redis and a clock of its own', () => makeKeyed({ redis: 'redis://localhost', now: () => 0 }), 'now'],
    ['keyed: Redis and another window', () => makeKeyed({ redis: 'redis://localhost', algorithm: 'gcra' }), 'algorithm'],
    ['keyed: a client without scripts', () => makeKeyed({ redis: { get() {}, set() {}, del() {} } }), 'redis.client'],
    ['keyed: a clock of its own', () => makeKeyed({ shared: 'a', now: () => 0 }), 'now'],
    ['keyed: no options', () => new sluice.KeyedLimiter(), 'windowMs'], ['keyed: no limit', () => new sluice.KeyedLimiter({ windowMs: 5 }), 'maxRequests'],
    ['keyed: other options under one name', () => { makeKeyed({ shared: 'k' }); makeKeyed({ shared: 'k', maxRequests: 6 }); }, 'shared'],
    ['keyed: a key that is none', () => makeKeyed().checkLimit(5), 'key'], ['keyed: no key', () => makeKeyed().check(), 'key'],
    ['keyed: keys that are none', () => makeKeyed().checkMany(['a', 5]), 'keys[1]'], ['keyed: keys by a word', () => makeKeyed().checkMany('ab'), 'keys'],
    ['keyed: a weight above the limit', () => makeKeyed().checkLimit('a', 6), 'weight'],
    ['keyed: a weight above its own limit', () => makeKeyed().check('a', { weight: 3, limit: 2 }), 'weight'],
    ['keyed: no new limit', () => makeKeyed().updateConfig(), 'maxRequests'],
    ['headers of nothing', () => sluice.rateLimitHeaders(), 'result'], ['headers of another style', () => sluice.rateLimitHeaders({ limit: 1 }, 'new'), 'style'],
  ])('%s', (_, run, option) => {
    expect(run).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
  });

  test.each([
    ['work that is none', () => ample.execute(5), 'fn'], ['a weight above the limit', () => ample.acquire({ weight: 1001 }), 'weight'],
    ['a key that is none', () => keyed.consume(5), 'key'],
  ])('%s', async (_, run, option) => {
    await expect(run()).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option });
  });
});

describe('options of a cache that do not go together', () => {
  const client = { get() {}, set() {}, del() {} };
  const redis = 'redis://localhost';
  test.each([
    ['no tier at all', { memory: false }, 'memory'],
    ['live values shared between threads', { memory: { store: 'reference', shared: 'a' } }, 'memory.shared'],
    ['near values in front of live ones', { memory: { near: {} } }, 'memory.near'],
    ['weights of bytes', { memory: { store: 'bytes', sizeOf: () => 1 } }, 'memory.sizeOf'],
    ['more live values than a Map holds', { memory: { maxEntries: 20_000_000 } }, 'memory.maxEntries'],
    ['Redis without a way to it', { redis: {} }, 'redis'],
    ['Redis with two ways', { redis: { url: redis, client } }, 'redis'],
    ['a sentinel without a master', { redis: { sentinel: { nodes: ['a:1'] } } }, 'redis.sentinel'],
    ['tracking of every key of every database', { redis: { url: redis, keyPrefix: '' } }, 'redis.keyPrefix'],
    ['tracking by a client', { redis: { client, tracking: true } }, 'redis.tracking'],
    ['a password for a client', { redis: { client, password: 'p' } }, 'redis.password'],
    ['a disk without a place', { disk: {} }, 'disk.path'],
  ])('%s', (_, options, option) => {
    expect(() => new sluice.TieredCache(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }));
  });

  test.each([
    ['nothing', undefined], ['memory', {}], ['lfu', { memory: { policy: 'lfu' } }], ['near off', { memory: { store: 'bytes', near: false } }],
    ['a URL', { redis }], ['URLs', { redis: { url: [redis, redis] } }], ['a sentinel', { redis: { sentinel: { masterName: 'm', nodes: ['a:1'] } } }],
    ['a client', { redis: client }], ['a client with options', { redis: { client, keyPrefix: 'p:', tracking: false } }],
    ['no prefix, no tracking', { redis: { url: redis, keyPrefix: '', tracking: false } }], ['TLS', { redis: { url: redis, tls: true } }],
    ['a path', { disk: '/nowhere/at/all' }], ['no memory', { memory: false, disk: { path: '/nowhere', ttl: Infinity } }], ['tiers off', { redis: false, disk: false, negative: false }],
  ])('these do: %s; and making a cache connects to nothing', async (_, options) => {
    const cache = new sluice.TieredCache(options);
    expect(cache.getStats().totalRequests).toBe(0);
    await cache.close();
  });

  test('clear() would empty the whole database where Redis has no prefix', async () => {
    const cache = new sluice.TieredCache({ redis: { url: redis, keyPrefix: '', tracking: false, breaker: { failures: 1 }, commandTimeoutMs: 5 } });
    await expect(cache.clear()).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'redis.keyPrefix' });
    await cache.close();
  });
});
