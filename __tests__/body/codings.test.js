'use strict';
const { Readable } = require('node:stream');
const zlib = require('node:zlib');
const { readBody, readText, readJson, readDocument } = require('sluice');

const TEXT = '{"text":"sluice sluice sluice sluice sluice é"}';
/** `TEXT` as the zstd library writes it: Node.js has an encoder from version 22.15 on only. */
const ZSTD = Buffer.from('KLUv/QRY1QAAoHsidGV4dCI6InNsdWljZSDDqSJ9AQDElCWW8EdK', 'base64');
/** 8 MB of zeros, the same way. */
const ZSTD_ZEROS = Buffer.from('KLUv/QRYVAAAEAAAAQD7/znAAgIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAIAEAACABAAAgAQAAOQAABRNYhu', 'base64');

const coded = (bytes, coding, more) => Object.assign(Readable.from([bytes], { objectMode: false }), { headers: { 'content-encoding': coding, ...more } });
const failure = (promise) => promise.then((value) => { throw new Error(`resolved with ${value}`); }, (error) => error);

const codings = [
  ['gzip', zlib.gzipSync(TEXT)],
  ['x-gzip', zlib.gzipSync(TEXT)],
  ['GZIP', zlib.gzipSync(TEXT)],
  ['deflate', zlib.deflateSync(TEXT)],
  ['deflate', zlib.deflateRawSync(TEXT)],
  ['br', zlib.brotliCompressSync(TEXT)],
  ['zstd', ZSTD],
];

describe.each(codings)('%s', (coding, bytes) => {
  test('is decoded by every reader', async () => {
    expect((await readBody(coded(bytes, coding))).toString()).toBe(TEXT);
    expect(await readText(coded(bytes, coding))).toBe(TEXT);
    expect(await readJson(coded(bytes, coding, { 'content-length': bytes.length }))).toEqual(JSON.parse(TEXT));
    expect((await readDocument(coded(bytes, coding))).get('/text')).toBe(JSON.parse(TEXT).text);
  });

  test('decoded bytes are capped', async () => {
    const size = Buffer.byteLength(TEXT);
    expect(await readText(coded(bytes, coding), { maxBytes: size, maxEncodedBytes: 1000 })).toBe(TEXT);
    const error = await failure(readText(coded(bytes, coding), { maxBytes: size - 1, maxEncodedBytes: 1000 }));
    expect(error).toMatchObject({ code: 'BODY_TOO_LARGE', status: 413, limit: size - 1 });
  });

  test('bytes on the wire are capped, declared or not', async () => {
    for (const more of [{}, { 'content-length': bytes.length }]) {
      const error = await failure(readBody(coded(bytes, coding, more), { maxEncodedBytes: bytes.length - 1 }));
      expect(error).toMatchObject({ code: 'BODY_TOO_LARGE', limit: bytes.length - 1 });
    }
  });

  test('truncated data, and bytes behind the data, are errors', async () => {
    for (const damaged of [bytes.subarray(0, -1), bytes.subarray(0, 5), Buffer.concat([bytes, Buffer.from('x')])]) {
      expect(await failure(readBody(coded(damaged, coding)))).toMatchObject({ code: 'ERR_BODY_ENCODING', status: 415 });
    }
  });

  test('inflate: false refuses it', async () => {
    expect(await failure(readBody(coded(bytes, coding), { inflate: false }))).toMatchObject({ code: 'ERR_BODY_ENCODING', status: 415, type: 'encoding.unsupported', encoding: coding });
  });
});

test('further gzip members are decoded, within the cap', async () => {
  const bytes = Buffer.concat([zlib.gzipSync('[1,'), zlib.gzipSync('2]')]);
  expect(await readJson(coded(bytes, 'gzip'))).toEqual([1, 2]);
  expect(await failure(readJson(coded(bytes, 'gzip'), { maxBytes: 4, maxEncodedBytes: 100 }))).toMatchObject({ code: 'BODY_TOO_LARGE' });
});

test('unknown codings and several layers are 415, identity is none', async () => {
  for (const coding of ['compress', 'gzip, br', 'gzip,gzip', 'constructor']) {
    expect(await failure(readBody(coded(Buffer.from('x'), coding)))).toMatchObject({ code: 'ERR_BODY_ENCODING', status: 415, encoding: coding });
  }
  expect(await readText(coded(Buffer.from('x'), 'identity'))).toBe('x');
});

test('an empty body is empty whatever its coding says', async () => {
  expect((await readBody(coded(Buffer.alloc(0), 'gzip'))).length).toBe(0);
  expect(await readJson(coded(Buffer.alloc(0), 'br'))).toEqual({});
});

test.each([
  ['br', zlib.brotliCompressSync(Buffer.alloc(200e6), { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } })],
  ['gzip', zlib.gzipSync(Buffer.alloc(50e6))],
  ['zstd', ZSTD_ZEROS],
])('a bomb of zeros in %s is stopped at the cap', async (coding, bomb) => {
  const resident = process.memoryUsage().rss;
  const start = performance.now();
  const error = await failure(readJson(coded(bomb, coding), { maxBytes: 1 << 20 }));
  expect(error).toMatchObject({ code: 'BODY_TOO_LARGE', limit: 1 << 20 });
  // promised within 5 ms of pool time
  expect(performance.now() - start).toBeLessThan(500);
  expect(process.memoryUsage().rss - resident).toBeLessThan(64e6);
});

test('a large body is decoded off the event loop', async () => {
  const rows = Array.from({ length: 50_000 }, (_, id) => ({ id, name: `row ${id}` }));
  expect(await readJson(coded(zlib.gzipSync(JSON.stringify(rows)), 'gzip'))).toEqual(rows);
});
