'use strict';
const { EventEmitter } = require('node:events');
const { Readable } = require('node:stream');
const { readBody, readText, readJson, readDocument } = require('sluice');

const stream = (parts, headers) => Object.assign(Readable.from(parts, { objectMode: false }), headers && { headers });
const failure = (promise) => promise.then((value) => { throw new Error(`resolved with ${value}`); }, (error) => error);
/** An emitter that counts its listeners. */
const bare = (headers) => Object.assign(new EventEmitter(), headers && { headers });
const listeners = (source) => source.eventNames().reduce((sum, name) => sum + source.listenerCount(name), 0);

const unhandled = [];
const note = (reason) => unhandled.push(reason);
beforeAll(() => process.on('unhandledRejection', note));
afterAll(async () => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.removeListener('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

describe('limits', () => {
  test('bytes are counted whatever the headers say', async () => {
    const error = await failure(readBody(stream([Buffer.alloc(6), Buffer.alloc(6)], { 'content-length': 'many' }), { maxBytes: 11 }));
    expect(error).toMatchObject({ code: 'BODY_TOO_LARGE', status: 413, statusCode: 413, type: 'entity.too.large', limit: 11, received: 12 });
    expect(error).toBeInstanceOf(Error);
    expect((await readBody(stream([Buffer.alloc(6), Buffer.alloc(5)]), { maxBytes: 11 })).length).toBe(11);
  });

  test('a Content-Length over the limit is refused before the first byte', async () => {
    const source = bare({ 'content-length': '12' });
    const error = await failure(readBody(source, { maxBytes: 11 }));
    expect(error).toMatchObject({ code: 'BODY_TOO_LARGE', limit: 11, received: 0, length: 12 });
  });

  test('the limit on the wire holds for plain bodies too', async () => {
    const error = await failure(readBody(stream([Buffer.alloc(6)]), { maxBytes: 11, maxEncodedBytes: 5 }));
    expect(error).toMatchObject({ code: 'BODY_TOO_LARGE', limit: 5 });
  });

  test('more than declared fails at once, less at the end', async () => {
    const source = bare({ 'content-length': '3' });
    const more = failure(readBody(source));
    source.emit('data', Buffer.from('abcd'));
    expect(await more).toMatchObject({ code: 'ERR_BODY_LENGTH', status: 400, received: 4, expected: 3, type: 'request.size.invalid' });
    const less = await failure(readBody(stream(['ab'], { 'content-length': '3' })));
    expect(less).toMatchObject({ code: 'ERR_BODY_LENGTH', received: 2, expected: 3 });
    expect((await readText(stream(['abc'], { 'content-length': '3' })))).toBe('abc');
  });

  test('with Transfer-Encoding the length header is ignored', async () => {
    const headers = { 'content-length': '99999999', 'transfer-encoding': 'chunked' };
    expect(await readText(stream(['abc'], headers), { maxBytes: 10 })).toBe('abc');
  });

  test.each([
    [{ maxBytes: -1 }], [{ maxBytes: NaN }], [{ maxBytes: '10mb' }], [{ maxBytes: 1.5 }], [{ maxBytes: null }], [{ maxByte: 1 }],
    [{ maxEncodedBytes: 0 }], [{ timeoutMs: -1 }], [{ idleTimeoutMs: Infinity }], [{ inflate: 'no' }], [{ signal: {} }],
    [{ maxDepth: 0 }], [{ maxDepth: 10001 }], [{ proto: 'drop' }], [{ duplicateKeys: 'first' }], [{ utf8: 'loose' }],
  ])('invalid settings reject: %p', async (options) => {
    const source = bare();
    const error = await failure(readJson(source, options));
    expect(error.code).toBe('ERR_INVALID_OPTION');
    expect(error.message).toContain(Object.keys(options)[0]);
    expect(listeners(source)).toBe(0);
  });

  test('what is no source rejects', async () => {
    for (const source of [undefined, null, 5, {}, 'text']) expect(await failure(readBody(source))).toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

describe('endings', () => {
  test.each([
    ['error', [new Error('reset')], /reset/],
    ['aborted', [], /too early/],
    ['close', [], /too early/],
  ])('%s rejects once with ERR_BODY_ABORTED', async (event, args, message) => {
    const source = bare();
    const promise = failure(readBody(source));
    source.emit('data', Buffer.from('ab'));
    source.emit(event, ...args);
    const error = await promise;
    expect(error).toMatchObject({ code: 'ERR_BODY_ABORTED', status: 400, received: 2 });
    expect(error.message).toMatch(message);
    expect(error.cause).toBe(args[0]);
    expect(listeners(source)).toBe(0);
    source.emit('end');
    source.emit('close');
  });

  test('a request that was consumed or destroyed rejects at once', async () => {
    const consumed = stream(['ab']);
    await readBody(consumed);
    expect(await failure(readBody(consumed))).toMatchObject({ code: 'ERR_BODY_ABORTED' });
    const destroyed = stream(['ab']);
    destroyed.destroy();
    expect(await failure(readBody(destroyed))).toMatchObject({ code: 'ERR_BODY_ABORTED' });
    const begun = stream(['ab', 'cd']);
    await new Promise((resolve) => begun.once('data', resolve));
    expect(await failure(readBody(begun))).toMatchObject({ code: 'ERR_BODY_ABORTED' });
  });

  test('a paused stream is read', async () => {
    const source = stream(['ab']);
    source.pause();
    expect(await readText(source)).toBe('ab');
  });

  test('timeoutMs and idleTimeoutMs reject with 408', async () => {
    const silent = bare();
    expect(await failure(readBody(silent, { timeoutMs: 20 }))).toMatchObject({ code: 'ERR_TIMEOUT', status: 408, timeoutMs: 20 });
    const stalling = bare();
    const stalled = failure(readBody(stalling, { idleTimeoutMs: 60 }));
    for (let at = 0; at < 4; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      stalling.emit('data', Buffer.from('x'));
    }
    expect(await stalled).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 60, received: 4 });
  });

  test('timers are looked up at call time and none is left behind', async () => {
    jest.useFakeTimers();
    try {
      const source = bare();
      const promise = failure(readBody(source, { timeoutMs: 1000 }));
      jest.advanceTimersByTime(1000);
      expect(await promise).toMatchObject({ code: 'ERR_TIMEOUT' });
      source.emit('end');
      const done = bare();
      const text = readText(done, { timeoutMs: 1000, idleTimeoutMs: 1000 });
      done.emit('data', 'x');
      done.emit('end');
      expect(await text).toBe('x');
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });

  test('an AbortSignal rejects with its reason, before and while', async () => {
    const reason = new Error('enough');
    const early = bare();
    expect(await failure(readBody(early, { signal: AbortSignal.abort(reason) }))).toMatchObject({ code: 'ERR_ABORTED', name: 'AbortError', cause: reason });
    expect(listeners(early)).toBe(0);
    const controller = new AbortController();
    const removed = jest.spyOn(controller.signal, 'removeEventListener');
    const source = bare();
    const promise = failure(readBody(source, { signal: controller.signal }));
    controller.abort(reason);
    expect(await promise).toMatchObject({ code: 'ERR_ABORTED', cause: reason });
    source.emit('end');
    const whole = bare();
    const text = readText(whole, { signal: new AbortController().signal });
    whole.emit('end');
    expect(await text).toBe('');
    expect(removed).toHaveBeenCalled();
  });

  test('an abort while the pool works rejects at once', async () => {
    const controller = new AbortController();
    const promise = failure(readJson(stream([`[${'1,'.repeat(500_000)}1]`]), { signal: controller.signal }));
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect(await promise).toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('the stream is left alive: drained behind the rejection, at most twice the limit', async () => {
    const source = bare();
    source.pause = jest.fn();
    const error = await Promise.race([failure(readBody(Object.assign(source, {}), { maxBytes: 100 })), (async () => {
      source.emit('data', Buffer.alloc(101));
      return new Promise(() => {});
    })()]);
    expect(error.code).toBe('BODY_TOO_LARGE');
    expect(source.listenerCount('data')).toBe(1);
    source.emit('data', Buffer.alloc(99));
    expect(source.listenerCount('data')).toBe(1);
    source.emit('data', Buffer.alloc(1));
    expect(listeners(source)).toBe(0);
    expect(source.pause).toHaveBeenCalledTimes(1);
  });

  test('the drain ends after a second', async () => {
    jest.useFakeTimers();
    try {
      const source = bare({ 'content-length': '500' });
      await failure(readBody(source, { maxBytes: 100 }));
      jest.advanceTimersByTime(999);
      expect(source.listenerCount('data')).toBe(1);
      jest.advanceTimersByTime(1);
      expect(listeners(source)).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('sources', () => {
  test('chunks may be strings, headers may be missing, and everything may come right after the call', async () => {
    const source = bare();
    const promise = readJson(source);
    source.emit('data', '{"é":');
    source.emit('data', '"漢"}');
    source.emit('end');
    expect(await promise).toEqual({ é: '漢' });
    expect(listeners(source)).toBe(0);
  });

  test('a source that cannot remove listeners is enough', async () => {
    const handlers = {};
    const promise = readText({ on: (name, handler) => (handlers[name] = handler) });
    handlers.data('ab');
    handlers.end();
    handlers.close();
    expect(await promise).toBe('ab');
  });

  test('an encoding set on the stream is undone', async () => {
    const source = stream([Buffer.from('ÿé')]);
    source.setEncoding('latin1');
    expect(await readText(source)).toBe('ÿé');
  });

  test('chunks of another kind reject', async () => {
    expect(await failure(readBody(Readable.from([{ a: 1 }])))).toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  test('characters split between chunks are whole', async () => {
    const text = '漢字😀'.repeat(1000);
    const bytes = Buffer.from(JSON.stringify(text));
    const parts = Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));
    expect(await readJson(stream(parts))).toBe(text);
  });

  test('web streams and Requests', async () => {
    const web = () => new ReadableStream({ start(controller) { controller.enqueue(Buffer.from('{"a"')); controller.enqueue(Buffer.from(':1}')); controller.close(); } });
    expect(await readJson(web())).toEqual({ a: 1 });
    const request = new Request('http://localhost/', { method: 'POST', body: '{"a":2}' });
    expect(await readJson(request)).toEqual({ a: 2 });
    expect(await failure(readJson(request))).toMatchObject({ code: 'ERR_BODY_ABORTED' });
    expect(await readJson(new Request('http://localhost/'))).toEqual({});
    const limited = await failure(readBody(web(), { maxBytes: 5 }));
    expect(limited).toMatchObject({ code: 'BODY_TOO_LARGE', limit: 5, received: 7 });
    const failing = new ReadableStream({ pull(controller) { controller.error(new Error('gone')); } });
    expect(await failure(readBody(failing))).toMatchObject({ code: 'ERR_BODY_ABORTED' });
    const locked = web();
    locked.getReader();
    expect(await failure(readBody(locked))).toMatchObject({ code: 'ERR_BODY_ABORTED' });
    const silent = new ReadableStream({});
    expect(await failure(readBody(silent, { timeoutMs: 10 }))).toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  test('charset other than utf-8 is 415, for text and JSON only', async () => {
    const headers = { 'content-type': 'application/json; charset="ISO-8859-1"' };
    for (const read of [readText, readJson, readDocument]) {
      expect(await failure(read(stream(['{}'], headers)))).toMatchObject({ code: 'ERR_BODY_CHARSET', status: 415, type: 'charset.unsupported' });
    }
    expect((await readBody(stream(['{}'], headers))).toString()).toBe('{}');
    expect(await readJson(stream(['{}'], { 'content-type': 'application/json;charset=UTF-8' }))).toEqual({});
  });

  test('readBody gives bytes of its own', async () => {
    const chunk = Buffer.from('abc');
    const body = await readBody(stream([chunk]));
    chunk.fill(0);
    expect(body.toString()).toBe('abc');
  });

  test('readText drops a byte order mark and refuses broken UTF-8, small and large', async () => {
    for (const size of [3, 300_000]) {
      const text = 'é'.repeat(size);
      expect(await readText(stream([Buffer.from(`\ufeff${text}`)]))).toBe(text);
      const error = await failure(readText(stream([Buffer.concat([Buffer.from(text), Buffer.from([0xff])])])));
      expect(error).toMatchObject({ code: 'ERR_BODY_CHARSET', status: 415, offset: 2 * size });
    }
  });
});
