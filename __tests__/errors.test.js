'use strict';
// Every row of the error table is provoked, through the public face where one can: an error of the caller's realm,
// with the table's code and name and the fields that it promises, thrown and rejected alike.
const { addon } = require('./hooks');
const { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Readable, PassThrough } = require('node:stream');
const sluice = require('sluice');
const native = require('../lib/native');
const table = require('../lib/error-table');
const { begin } = require('../lib/completion');
const { call } = require('../lib/errors');

const memoryCache = () => new sluice.TieredCache();
const bytes = (text) => Buffer.from(text);
const body = (text, headers = {}) => Object.assign(Readable.from([bytes(text)]), { headers });
/** The package as it loads when its binding says that. */
function loadWith(loaded) {
  let error;
  jest.isolateModules(() => {
    jest.doMock('../binding', loaded);
    try {
      require('sluice');
    } catch (thrown) {
      error = thrown;
    }
    jest.dontMock('../binding');
  });
  if (error) throw error;
}
const missing = () => {
  throw Object.assign(new Error('Cannot find native binding.'), { cause: new Error("Cannot find module './sluice.node'") });
};
const refused = () => {
  throw Object.assign(new Error('Cannot find native binding.'), { cause: new Error('invalid ELF header') });
};
/** What a cache with these options says when a tier is not to be had. */
async function degraded(options) {
  const cache = new sluice.TieredCache(options);
  try {
    const said = new Promise((resolve) => cache.on('degraded', (tier, error) => resolve(error)));
    await cache.initialize();
    return await said;
  } finally {
    await cache.close();
  }
}
const scratch = mkdtempSync(path.join(os.tmpdir(), 'sluice-errors-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const folder = (name) => path.join(scratch, name);
/** A store that was closed, and then damaged. */
async function damaged() {
  const cache = new sluice.TieredCache({ disk: folder('damaged') });
  await cache.set('a', 'x'.repeat(100_000));
  await cache.close();
  for (const file of readdirSync(folder('damaged'), { recursive: true })) {
    const at = path.join(folder('damaged'), String(file));
    if (statSync(at).isFile() && statSync(at).size > 4096) writeFileSync(at, readFileSync(at).fill(0xa5, 8192));
  }
  return degraded({ disk: folder('damaged') });
}
/** A store that another copy of the package has open in this process. */
async function taken() {
  const first = new sluice.TieredCache({ disk: folder('taken') });
  const copy = path.join(scratch, 'copy.node');
  copyFileSync(addon, copy);
  const own = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  try {
    await first.set('a', 1);
    process.env.NAPI_RS_NATIVE_LIBRARY_PATH = copy;
    let second;
    jest.isolateModules(() => (second = require('sluice')));
    const cache = new second.TieredCache({ disk: folder('taken') });
    const said = new Promise((resolve) => cache.on('degraded', (tier, error) => resolve(error)));
    await cache.initialize();
    const error = await said;
    await cache.close();
    return error;
  } finally {
    process.env.NAPI_RS_NATIVE_LIBRARY_PATH = own;
    await first.close();
  }
}
const upstreamError = 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n';

// by row: how it is thrown, how it is rejected, or how else it is given; and the fields that it carries
const cases = {
  Platform: {
    thrown: () => loadWith(missing),
    fields: { package: expect.stringMatching(/^sluice-/), platform: expect.any(String), cause: expect.anything() },
    message: /install sluice-/,
  },
  PlatformLoad: {
    thrown: () => loadWith(refused),
    fields: { detail: 'invalid ELF header', package: expect.stringMatching(/^sluice-/), cause: expect.anything() },
  },
  OptionRange: {
    thrown: () => new sluice.StreamAssembler({ maxEventBytes: -1 }),
    rejected: () => sluice.readBody(body(''), { maxBytes: -1 }),
    message: /^max\w+Bytes|maxBytes must be a whole number from 1 to \d+; got -1$/,
  },
  OptionType: {
    thrown: () => new sluice.StreamAssembler({ model: 5 }),
    rejected: () => sluice.readBody(body(''), { inflate: 'yes' }),
    message: /^(model must be a string; got 5|inflate must be a boolean; got "yes")$/,
  },
  OptionUnknown: {
    thrown: () => new sluice.StreamAssembler({ form: 'claude' }),
    rejected: () => sluice.readBody(body(''), { maxByte: 1 }),
    message: /^unknown option (form|maxByte); known options are /,
  },
  Closed: {
    thrown: async () => {
      const document = await sluice.JsonDocument.parse('{}');
      document.close();
      return () => document.get('/a');
    },
    rejected: async () => {
      const document = await sluice.JsonDocument.parse('{}');
      document.close();
      return document.toObject();
    },
  },
  Aborted: {
    rejected: () => sluice.readBody(new PassThrough(), { signal: AbortSignal.abort(new Error('why')) }),
    fields: { cause: expect.objectContaining({ message: 'why' }) },
  },
  Internal: {
    thrown: () => call(native.testCall, native.testGuarded(), true),
    rejected: () => begin(native.testPanicAsync),
    fields: { detail: 'on purpose' },
  },
  Unsupported: {
    thrown: () => sluice.convertRequest(
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }] }] },
      { from: 'openai-chat', to: 'claude' }),
    fields: { pointer: expect.stringMatching(/^\/messages\/0\/content\/0/) },
  },
  Timeout: {
    rejected: () => memoryCache().getOrSet('k', () => new Promise(() => {}), { timeoutMs: 5 }),
    fields: { timeoutMs: 5, status: undefined },
    message: /^the load did not end within 5 ms$/,
  },
  Value: {
    thrown: () => memoryCache().setSync('\ud800', 1),
    rejected: () => memoryCache().set('k', undefined),
    message: /^the (key|value of "k") cannot be stored: ./,
  },
  Redis: {
    given: () => degraded({ redis: 'redis://127.0.0.1:1' }),
  },
  StoreLocked: {
    given: taken,
    fields: { path: expect.stringContaining('taken') },
  },
  StoreCorrupt: {
    given: damaged,
    fields: { path: expect.stringContaining('damaged') },
  },
  StoreIo: {
    given: () => {
      writeFileSync(folder('file'), 'no folder');
      return degraded({ disk: folder('file') });
    },
    fields: { path: expect.stringContaining('file') },
  },
  Qstash: {
    rejected: () => sluice.qstashSink({ token: 't', fetch: async () => new Response('[]', { status: 503, headers: { 'retry-after': '7' } }) })([{ destination: 'd' }], {}),
    fields: { status: 503, headers: expect.objectContaining({ 'retry-after': '7' }) },
    message: /^QStash: status 503$/,
  },
  BufferFull: {
    rejected: async () => {
      const buffer = new sluice.BatchBuffer(() => new Promise(() => {}), { name: 'orders', maxSize: 1, overflow: 'reject' });
      buffer.add(1).catch(() => {});
      try {
        return await buffer.add(2);
      } finally {
        await buffer.close({ timeoutMs: 0 });
      }
    },
    message: /^the batch buffer "orders" is full: it holds 1 items$/,
  },
  LimitExceeded: {
    rejected: async () => {
      const limiter = new sluice.AdaptiveLimiter({ name: 'api', limit: 1, windowMs: 60_000, maxQueue: 0 });
      limiter.tryAcquire();
      try {
        return await limiter.acquire();
      } finally {
        await limiter.close();
      }
    },
    fields: { retryAfterMs: expect.any(Number) },
    message: /^the limiter "api" refused: 0 wait already$/,
  },
  BodyTooLarge: {
    rejected: () => sluice.readBody(body('x'.repeat(11)), { maxBytes: 10 }),
    fields: { limit: 10, received: 11, status: 413, statusCode: 413, type: 'entity.too.large' },
  },
  BodyAborted: {
    rejected: () => sluice.readBody(new PassThrough().destroy()),
    fields: { status: 400, statusCode: 400 },
  },
  BodyLength: {
    rejected: () => sluice.readBody(body('abc', { 'content-length': '5' })),
    fields: { received: 3, expected: 5, status: 400 },
  },
  BodyEncoding: {
    rejected: () => sluice.readBody(body('abc', { 'content-encoding': 'compress' })),
    fields: { encoding: 'compress', status: 415 },
  },
  BodyCharset: {
    rejected: () => sluice.readText(body('abc', { 'content-type': 'text/plain; charset=utf-16' })),
    fields: { status: 415 },
  },
  BodyTimeout: {
    rejected: () => sluice.readBody(new PassThrough(), { timeoutMs: 20 }),
    fields: { status: 408, timeoutMs: 20 },
  },
  BodyJson: {
    rejected: () => sluice.readJson(body('{\n  "a": @\n}')),
    fields: { offset: 9, line: 2, column: 8, status: undefined },
  },
  StreamFrame: {
    thrown: () => new sluice.EventStreamDecoder({ maxEventBytes: 8 }).push(bytes('data: much too long\n\n')),
    rejected: () => sluice.pipeStream(Readable.from([bytes('data: {"much":"too long"}\n\n')]), new PassThrough(), { from: 'claude', maxEventBytes: 8 }),
    fields: { offset: 0 },
  },
  StreamUpstream: {
    given: () => {
      const assembler = new sluice.StreamAssembler({ from: 'claude' });
      assembler.push(bytes(upstreamError));
      return assembler.message().error;
    },
    fields: { provider: expect.objectContaining({ message: 'Overloaded' }) },
  },
};

const classes = { Error, TypeError, RangeError, SyntaxError };

function check(kind, error) {
  const row = table[kind];
  expect(error).toBeInstanceOf(Error);
  expect(error).toBeInstanceOf(classes[row.Class]);
  expect(Object.prototype.toString.call(error)).toBe('[object Error]');
  expect({ code: error.code, name: error.name }).toEqual({ code: row.code, name: row.name });
  expect(Object.keys(error)).not.toContain('name');
  // no hole of the template is left, and what native code passes on is never seen
  expect(error.message).not.toMatch(/\{\w+\}|"kind"/);
  expect(error.message.length).toBeGreaterThan(5);
  const { fields = {}, message } = cases[kind];
  expect(error.status).toBe(fields.status ?? row.status);
  expect(error).toEqual(expect.objectContaining({ message: expect.stringMatching(message ?? /./) }));
  for (const [name, value] of Object.entries(fields)) expect({ [name]: error[name] }).toEqual({ [name]: value });
}

test('every row of the table is provoked here', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(table).sort());
});

test('every code is one that the types declare', () => {
  const declared = require('node:fs').readFileSync(require.resolve('../index.d.ts'), 'utf8');
  for (const { code } of Object.values(table)) expect(declared).toContain(`| '${code}'`);
});

const rows = Object.entries(cases);

describe.each(rows.filter(([, { thrown }]) => thrown))('%s, thrown', (kind, { thrown }) => {
  test('is an error of this realm with its code, name and fields', async () => {
    let error;
    try {
      // a case that needs something first returns, in a promise, the function that throws
      const first = thrown();
      const then = await first;
      if (typeof then === 'function') then();
    } catch (caught) {
      error = caught;
    }
    check(kind, error);
  });
});

describe.each(rows.filter(([, { rejected }]) => rejected))('%s, rejected', (kind, { rejected }) => {
  test('is an error of this realm with its code, name and fields', async () => {
    let promise;
    expect(() => (promise = rejected())).not.toThrow();
    expect(promise).toBeInstanceOf(Promise);
    check(kind, await promise.then(() => undefined, (error) => error));
  });
});

describe.each(rows.filter(([, { given }]) => given))('%s, given', (kind, { given }) => {
  test('is an error of this realm with its code, name and fields', async () => check(kind, await given()));
});

test('what native code throws without a code of ours is ERR_INTERNAL with its cause', () => {
  let error;
  try {
    call(() => {
      throw new TypeError('odd');
    });
  } catch (caught) {
    error = caught;
  }
  expect(error).toMatchObject({ code: 'ERR_INTERNAL', cause: { message: 'odd' } });
});
