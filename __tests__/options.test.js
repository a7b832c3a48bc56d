'use strict';
// The options of every class and function: what is unknown, out of range or of the wrong type is ERR_INVALID_OPTION
// that names the option, its range and the value, thrown by what is synchronous and rejected by what returns a promise.
const { EventEmitter } = require('node:events');
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { PassThrough, Readable } = require('node:stream');
const sluice = require('sluice');
const { buffer, limiter, ample, keyed, idle, closeAll } = require('./support/options');

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
const sharing = {
  shared: text, redis: [['localhost', RangeError, 'redis.url'], [5, TypeError], [null, TypeError], [true, TypeError]], whenRedisDown: literal, now: callback,
};
const ended = { latencyMs: window, retryAfterMs: window };
const acquire = { weight: positive, signal, timeoutMs: whole };
const ofKey = { weight: whole, limit: whole };
afterAll(async () => {
  await cache.close();
  await closeAll();
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
