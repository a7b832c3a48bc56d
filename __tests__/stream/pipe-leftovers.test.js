'use strict';
// pipeStream: nothing is left behind, whatever the end, and callbacks are the caller's.
const { Readable, PassThrough } = require('node:stream');
const { AsyncLocalStorage } = require('node:async_hooks');
const { pipeStream } = require('sluice');
const { serve, get, stopAll } = require('../support/loopback');
const { said, STOP, DONE } = require('../support/chat');

afterAll(stopAll);

const WHOLE = said('Hello') + STOP + DONE;
const from = 'openai-chat';

describe('nothing is left behind', () => {
  const listeners = (emitter) => Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));

  test.each([
    ['a whole stream', WHOLE, {}],
    ['a truncated one', said('Hello'), {}],
    ['an error frame', `${said('Hello')}data: {"error":{"message":"no"}}\n\n`, {}],
    ['one too long', said('x'.repeat(500)), { maxEventBytes: 100 }],
  ])('%s', async (_, input, options) => {
    const upstream = Readable.from([Buffer.from(input)]);
    const client = new PassThrough();
    client.resume();
    const before = [listeners(upstream), listeners(client)];
    const controller = new AbortController();
    let added = 0;
    const { signal } = controller;
    signal.addEventListener = (...args) => (added += 1, AbortSignal.prototype.addEventListener.apply(signal, args));
    signal.removeEventListener = (...args) => (added -= 1, AbortSignal.prototype.removeEventListener.apply(signal, args));
    await pipeStream(upstream, client, { from, signal, heartbeatMs: 1000, ...options }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([listeners(upstream), listeners(client)]).toEqual(before);
    expect(added).toBe(0);
  });

  test('when it is aborted in the middle', async () => {
    const upstream = new Readable({ read() {} });
    upstream.push(said('Hello'));
    const client = new PassThrough();
    client.resume();
    const before = [listeners(upstream), listeners(client)];
    const controller = new AbortController();
    const done = pipeStream(upstream, client, { from, signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await expect(done).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([listeners(upstream), listeners(client)]).toEqual(before);
  });

  test('an upstream that reports its own destruction disturbs nobody', async () => {
    const upstream = new Readable({ read() {}, destroy: (_, done) => done(new Error('aborted')) });
    const client = new PassThrough();
    const done = pipeStream(upstream, client, { from });
    setTimeout(() => client.destroy(), 10);
    expect((await done).error.code).toBe('ERR_ABORTED');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(upstream.listenerCount('error')).toBe(0);
  });

  test('a cancelled iterator that throws disturbs nobody', async () => {
    const unhandled = [];
    const listener = (reason) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const upstream = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: () => Promise.reject(new Error('no')) }) };
    const client = new PassThrough();
    const done = pipeStream(upstream, client, { from });
    setTimeout(() => client.destroy(), 10);
    await done;
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });
});

test('AsyncLocalStorage is the caller’s in every callback', async () => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const note = (where) => void seen.push([where, storage.getStore()]);
  const upstream = await storage.run('upstream', () => serve((req, res) => {
    res.write(said('Hello'));
    setTimeout(() => res.destroy(), 20);
  }));
  const response = await storage.run('request', () => get(upstream.url));
  const client = new PassThrough();
  client.resume();
  await storage.run('caller', () => pipeStream(response, client, {
    from, to: 'claude',
    onEvent: (event, { side }) => note(side),
    onError: () => note('error'),
    newId: () => (note('id'), 'x'),
  }));
  expect(new Set(seen.map(([, store]) => store))).toEqual(new Set(['caller']));
  expect(new Set(seen.map(([where]) => where))).toEqual(new Set(['upstream', 'client', 'error']));
});
