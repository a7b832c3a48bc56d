'use strict';
// The options of every class and function: what is unknown, out of range or of the wrong type is ERR_INVALID_OPTION
// that names the option, its range and the value, thrown by what is synchronous and rejected by what returns a promise.
const { EventEmitter } = require('node:events');
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { PassThrough, Readable } = require('node:stream');
const sluice = require('sluice');

// values that each kind of option refuses, and the class of the error
const whole = [[-1, RangeError], [1.5, RangeError], [NaN, RangeError], [Infinity, RangeError], [2 ** 60, RangeError], ['10', TypeError], [null, TypeError], [true, TypeError], [{}, TypeError], [10n, TypeError]];
const positive = [[0, RangeError], ...whole];
const boolean = [[0, TypeError], ['yes', TypeError], [null, TypeError], [{}, TypeError]];
const string = [[5, TypeError], [null, TypeError], [{}, TypeError], [['a'], TypeError]];
const callback = [['x', TypeError], [5, TypeError], [null, TypeError], [{}, TypeError]];
const literal = [['nobody', RangeError], ['', RangeError], [5, TypeError], [{}, TypeError]];
const signal = [[5, TypeError], [{}, TypeError], ['now', TypeError], [{ aborted: false }, TypeError]];
const record = [[5, TypeError], ['x', TypeError]];

const assembler = {
  from: literal, to: literal, framing: literal, model: string, id: string, newId: callback, now: callback,
  maxEventBytes: positive, maxTextBytes: positive, reuse: boolean, events: literal,
};
const body = { maxBytes: positive, maxEncodedBytes: positive, inflate: boolean, timeoutMs: positive, idleTimeoutMs: positive, signal };
const limits = { maxDepth: [...positive, [10_001, RangeError]], proto: literal, duplicateKeys: literal, utf8: literal };
const json = { ...body, ...limits };
const convert = { to: literal, model: string, id: string, newId: callback, now: callback };
const pipe = {
  ...assembler, signal, heartbeatMs: whole, onEvent: callback, onError: callback, drainForUsage: boolean, end: boolean, headers: record,
};

// options of the cache: seconds take fractions and Infinity
const seconds = [[0, RangeError], [-1, RangeError], [NaN, RangeError], [-Infinity, RangeError], [1e300, RangeError], ['10', TypeError], [null, TypeError], [{}, TypeError], [10n, TypeError]];
const window = seconds.slice(1);
const object = [[5, TypeError], ['x', TypeError], [null, TypeError], [true, TypeError]];
const text = [['', RangeError], ...string];
const redisUrl = [['', RangeError], ['http://localhost', RangeError], ['localhost:6379', RangeError], [5, TypeError], [null, TypeError], [[], RangeError], [[5], TypeError]];
const tags = [['t', TypeError], [[5], TypeError], [[''], RangeError], [['\ud800'], RangeError], [null, TypeError], [{}, TypeError]];
const skips = { skipL1: boolean, skipL2: boolean, skipL3: boolean };
const set = { ...skips, l1Ttl: seconds, l3Ttl: seconds, skipTtlRandomization: boolean, tags };
const share = [[-0.1, RangeError], [1.1, RangeError], [NaN, RangeError], ['0.1', TypeError], [null, TypeError]];
const redis = {
  url: redisUrl, sentinel: object, client: [[5, TypeError], [null, TypeError], [{ get() {}, set() {} }, TypeError]],
  username: string, password: string, db: whole, tls: [[5, TypeError], ['x', TypeError], [null, TypeError]],
  keyPrefix: [['', RangeError], ['\u0001x', RangeError], ['\ud800', RangeError], ...string], connectTimeoutMs: positive, commandTimeoutMs: positive,
  breaker: object, format: literal, ttl: seconds, tracking: boolean, whenDown: literal, compress: object,
};
const memory = { store: literal, maxBytes: positive, maxEntries: positive, sizeOf: callback, ttl: seconds, policy: literal, near: object, shared: text };

const source = () => Object.assign(Readable.from([Buffer.from('{}')]), { headers: {} });
const message = () => new sluice.StreamAssembler({ from: 'claude' }).message();
const answer = () => Buffer.from('{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}');
const request = () => Buffer.from('{"model":"m","messages":[]}');
const response = () => Object.assign(new PassThrough(), { setHeader() {}, writeHead() {}, headersSent: false });

/** A cache with one group of options, made and let go: nothing starts before its first use. */
const make = (group) => (options) => void new sluice.TieredCache({ [group]: options });
const cache = new sluice.TieredCache();
const scratch = mkdtempSync(path.join(os.tmpdir(), 'sluice-options-'));
const buffers = [];
const buffer = (options, handler = () => {}) => {
  const made = new sluice.BatchBuffer(handler, options);
  buffers.push(made);
  return made;
};
const limiters = [];
const limiter = (options, Limiter = sluice.AdaptiveLimiter) => {
  const made = new Limiter(options);
  limiters.push(made);
  return made;
};
/** Limits that are never reached. */
const ample = limiter({ limit: 1000 });
const keyed = limiter({ windowMs: 1000, maxRequests: 1000 }, sluice.KeyedLimiter);
const sharing = {
  shared: text, redis: [['localhost', RangeError, 'redis.url'], [5, TypeError], [null, TypeError], [true, TypeError]], whenRedisDown: literal, now: callback,
};
const ended = { latencyMs: window, retryAfterMs: window };
const acquire = { weight: positive, signal, timeoutMs: whole };
const ofKey = { weight: whole, limit: whole };
/** A buffer that is asked for something and for the items' sake never hands them over. */
const idle = buffer({ maxSize: 10_000, batchSize: 10_000 }, null);
afterAll(async () => {
  await cache.close();
  await Promise.all(limiters.map((one) => one.close()));
  await Promise.all(buffers.map((one) => one.close({ timeoutMs: 1 })));
  rmSync(scratch, { recursive: true, force: true });
});
const synchronous = {
  TieredCache: {
    use: (options) => void new sluice.TieredCache(options),
    options: {
      name: string, memory: object, redis: [['localhost', RangeError, 'redis.url'], [5, TypeError], [null, TypeError], [true, TypeError]],
      disk: [[5, TypeError], [null, TypeError], [true, TypeError], ['', RangeError, 'disk.path']], jitter: share, negative: object, codec: literal,
      lease: object, now: callback, random: callback,
    },
  },
  'TieredCache, memory': { use: make('memory'), options: memory, within: 'memory' },
  'TieredCache, near': { use: (near) => make('memory')({ store: 'bytes', near }), options: { maxEntries: positive }, within: 'memory.near' },
  'TieredCache, redis': { use: make('redis'), options: redis, within: 'redis', needs: { url: 'redis://localhost' } },
  'TieredCache, sentinel': {
    use: (sentinel) => make('redis')({ sentinel }), options: { masterName: text, nodes: [['a', TypeError], [[5], TypeError], [[''], RangeError], [null, TypeError]], password: string },
    within: 'redis.sentinel', needs: { masterName: 'm', nodes: ['localhost:1'] },
  },
  'TieredCache, tls': {
    use: (tls) => make('redis')({ url: 'rediss://localhost', tls: tls === true ? 5 : tls }), options: { ca: string, cert: string, key: string, servername: text, rejectUnauthorized: boolean }, within: 'redis.tls',
  },
  'TieredCache, breaker': { use: (breaker) => make('redis')({ url: 'redis://localhost', breaker }), options: { failures: positive, probeMs: positive }, within: 'redis.breaker' },
  'TieredCache, compress': { use: (compress) => make('redis')({ url: 'redis://localhost', compress }), options: { minBytes: positive }, within: 'redis.compress' },
  'TieredCache, disk': {
    // a string is a path
    use: (disk) => make('disk')(typeof disk === 'string' ? 5 : disk), options: { path: text, ttl: seconds, maxBytes: positive, compress: object }, within: 'disk', needs: { path: '/nowhere' },
  },
  'TieredCache, negative': { use: make('negative'), options: { ttl: seconds, maxKeys: positive }, within: 'negative' },
  'TieredCache, lease': { use: make('lease'), options: { waitMs: whole }, within: 'lease' },

  qstashSink: { use: (options) => void sluice.qstashSink(options), options: { url: [...text, ['qstash.io', RangeError], ['ftp://q', RangeError]], token: text, fetch: callback, maxBytes: positive }, needs: { token: 't' } },

  BatchBuffer: {
    use: (options) => void buffer(options),
    options: {
      name: string, batchSize: positive, batchBytes: positive, batchTimeout: whole, adaptive: boolean, concurrency: positive, handlerTimeoutMs: whole, maxSize: positive,
      overflow: literal, highWater: share, retries: whole, backoff: object, retryable: callback, maxDeadLetters: whole, groupBy: callback,
      durable: [[5, TypeError], [null, TypeError], [true, TypeError], ['', RangeError, 'durable.path'], [__filename, RangeError, 'durable.path']], idempotency: [...object], now: callback, random: callback,
    },
  },
  'BatchBuffer, backoff': { use: (backoff) => void buffer({ backoff }), options: { minMs: whole, maxMs: whole, factor: [[0.9, RangeError], [NaN, RangeError], ['2', TypeError], [null, TypeError]], jitter: share }, within: 'backoff' },
  'BatchBuffer, idempotency': {
    use: (idempotency) => void buffer({ idempotency }), options: { key: callback, ttl: seconds, localLimit: positive, redis: [['localhost', RangeError, 'idempotency.redis.url'], [5, TypeError], [null, TypeError], [true, TypeError]] }, within: 'idempotency',
  },
  'BatchBuffer, durable': {
    // a string is a path
    use: (durable) => void buffer({ durable: typeof durable === 'string' ? 5 : durable }), within: 'durable', needs: { path: path.join(scratch, 'log') },
    options: { path: text, maxBytes: positive, codec: literal, exclusive: boolean, fsync: literal, import: text },
  },

  AdaptiveLimiter: {
    use: (options) => void limiter(options),
    options: { name: string, limit: whole, windowMs: positive, concurrency: whole, adaptive: [[5, TypeError], ['yes', TypeError], [null, TypeError]], maxQueue: whole, classify: callback, ...sharing },
  },
  'AdaptiveLimiter, adaptive': {
    use: (adaptive) => void limiter({ adaptive: adaptive === true ? 5 : adaptive }), within: 'adaptive',
    options: { target: literal, minLimit: positive, maxLimit: positive, intervalMs: positive, raiseWhen: object, lowerWhen: object, algorithm: literal },
  },
  'AdaptiveLimiter, raiseWhen': { use: (raiseWhen) => void limiter({ adaptive: { raiseWhen } }), options: { successRateAbove: share, latencyBelowMs: window.filter(([value]) => value !== 1e300) }, within: 'adaptive.raiseWhen' },
  'AdaptiveLimiter, lowerWhen': { use: (lowerWhen) => void limiter({ adaptive: { lowerWhen } }), options: { successRateBelow: share, latencyAboveMs: window }, within: 'adaptive.lowerWhen' },
  'AdaptiveLimiter.release': { use: (details) => ample.release('success', details), options: { weight: positive, ...ended } },
  KeyedLimiter: {
    use: (options) => void limiter(options, sluice.KeyedLimiter), needs: { windowMs: 1000, maxRequests: 10 },
    options: { name: string, windowMs: positive, maxRequests: positive, algorithm: literal, maxKeys: [...positive, [2 ** 24, RangeError]], maxBytes: positive, keyPrefix: string, ...sharing },
  },
  'KeyedLimiter.check': { use: (options) => void keyed.check('k', options), options: ofKey },
  'KeyedLimiter.getRetryAfter': { use: (options) => void keyed.getRetryAfter('k', options), options: ofKey },

  StreamAssembler: { use: (options) => new sluice.StreamAssembler(options), options: assembler },
  EventStreamDecoder: { use: (options) => new sluice.EventStreamDecoder(options), options: { maxEventBytes: positive, framing: literal } },
  streamTransform: { use: (options) => sluice.streamTransform(options), options: assembler },
  streamTransformWeb: { use: (options) => sluice.streamTransformWeb(options), options: assembler },
  convertRequest: { use: (options) => sluice.convertRequest(request(), options), options: { ...convert, from: literal, lossy: boolean }, needs: { from: 'openai-chat', to: 'claude' } },
  convertResponse: { use: (options) => sluice.convertResponse(answer(), options), options: { ...convert, from: literal }, needs: { from: 'openai-chat', to: 'claude' } },
  parseResponse: { use: (options) => sluice.parseResponse(answer(), options), options: { from: literal }, needs: { from: 'openai-chat' } },
  renderMessage: { use: (options) => sluice.renderMessage(message(), options), options: { ...convert, stream: boolean }, needs: { to: 'claude', stream: false } },
};
/** Rejections only: the item is not handed over before the suite ends. */
const settled = (promise) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 5))]);
const asynchronous = {
  'TieredCache.get': { use: (options) => cache.get('none', options), options: { ...skips, signal } },
  'TieredCache.getEntry': { use: (options) => cache.getEntry('none', options), options: { ...skips, signal } },
  'TieredCache.getBytes': { use: (options) => cache.getBytes('none', options), options: { ...skips, signal } },
  'TieredCache.getMany': { use: (options) => cache.getMany(['none'], options), options: { ...skips, signal } },
  'TieredCache.set': { use: (options) => cache.set('k', 1, undefined, options), options: set },
  'TieredCache.setMany': { use: (options) => cache.setMany([['k', 1]], options), options: set },
  'TieredCache.getOrSet': {
    use: (options) => cache.getOrSet('loaded', () => 1, typeof options === 'number' ? String(options) : options),
    options: { ...set, ttl: seconds, staleWhileRevalidate: window, staleIfError: window, timeoutMs: positive, signal },
  },
  'TieredCache.warmup': { use: (options) => cache.warmup([], options), options: { concurrency: positive, onProgress: callback } },

  'BatchBuffer.add': { use: (options) => settled(idle.add(1, options)), options: { key: text.filter(([value]) => value !== null), signal } },
  'BatchBuffer.enqueue': { use: (options) => idle.enqueue(1, options), options: { key: text.filter(([value]) => value !== null) } },
  'BatchBuffer.close': { use: (options) => buffer().close(options), options: { timeoutMs: whole } },

  'AdaptiveLimiter.acquire': { use: (options) => ample.acquire(options), options: acquire },
  'AdaptiveLimiter.take': { use: (options) => ample.take(options).then((permit) => permit.release()), options: acquire },
  'AdaptiveLimiter.execute': { use: (options) => ample.execute(() => 1, options), options: acquire },
  'Permit.release': { use: (details) => ample.take().then((permit) => { try { permit.release('success', details); } finally { permit.release(); } }), options: ended },
  'KeyedLimiter.consume': { use: (options) => keyed.consume('k', options), options: ofKey },

  readBody: { use: (options) => sluice.readBody(source(), options), options: body },
  readText: { use: (options) => sluice.readText(source(), options), options: body },
  readJson: { use: (options) => sluice.readJson(source(), options), options: json },
  readDocument: { use: (options) => sluice.readDocument(source(), options), options: json },
  'JsonDocument.parse': { use: (options) => sluice.JsonDocument.parse('{}', options), options: json },
  pipeStream: { use: (options) => sluice.pipeStream(Readable.from([]), new PassThrough().resume(), options), options: pipe },
  respondWithError: {
    use: (options) => sluice.respondWithError(Object.assign(new EventEmitter(), { headers: {} }), response(), new Error('x'), options),
    options: { body: [[5, TypeError], [{}, TypeError]], headers: record },
  },
};

const shown = (value) => {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value !== null && typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
};
async function failure(subject, options) {
  let promise;
  try {
    promise = subject.use(options);
  } catch (error) {
    return { error, how: 'thrown' };
  }
  const error = await Promise.resolve(promise).then(() => undefined, (reason) => reason);
  return { error, how: error && 'rejected' };
}

const subjects = [
  ...Object.entries(synchronous).map(([name, subject]) => [name, { ...subject, how: 'thrown' }]),
  ...Object.entries(asynchronous).map(([name, subject]) => [name, { ...subject, how: 'rejected' }]),
];

describe.each(subjects)('%s', (_, subject) => {
  const { options, needs, how, within = '' } = subject;
  const nameOf = (option) => (within === '' ? option : `${within}.${option}`);

  test.each(Object.entries(options))('%s', async (option, refused) => {
    for (const [value, Class, as = nameOf(option)] of refused) {
      const ended = await failure(subject, { ...needs, [option]: value });
      const what = `${option}: ${shown(value)}`;
      expect({ what, code: ended.error?.code, how: ended.how }).toEqual({ what, code: 'ERR_INVALID_OPTION', how });
      expect(ended.error).toBeInstanceOf(Class);
      expect(ended.error.message).toMatch(new RegExp(`^${as.replaceAll('.', '\\.')} must be .{4,}; got `));
      expect(ended.error.message.endsWith(`; got ${shown(value)}`)).toBe(true);
      expect(ended.error).toMatchObject({ option: as, range: expect.any(String), value: shown(value) });
    }
  });

  test('an unknown option is refused by name, with the names there are', async () => {
    const { error, how: ended } = await failure(subject, { ...needs, nothing: undefined });
    expect({ code: error?.code, how: ended, option: error?.option }).toEqual({ code: 'ERR_INVALID_OPTION', how, option: nameOf('nothing') });
    expect(error).toBeInstanceOf(TypeError);
    // every option that there is has its cases above
    expect(error.known.split(', ').sort()).toEqual(Object.keys(options).sort());
  });

  test('options that are no object are refused', async () => {
    for (const value of [null, 5, 'fast', true]) {
      const { error, how: ended } = await failure(subject, value);
      expect({ value, code: error?.code, how: ended }).toEqual({ value, code: 'ERR_INVALID_OPTION', how });
    }
  });

  test('undefined stands for the default', async () => {
    const all = Object.fromEntries(Object.keys(options).map((option) => [option, undefined]));
    expect((await failure(subject, { ...all, ...needs })).error).toBeUndefined();
  });
});

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
