'use strict';
// The sink behind a buffer: what is sent again, what is given up, and in how many requests.
const { setTimeout: sleep } = require('node:timers/promises');
const { BatchBuffer, qstashSink } = require('sluice');
const { stopAll } = require('../support/loopback');
const { qstash, token, to, ids } = require('../support/qstash');

afterAll(stopAll);

describe('behind a buffer', () => {
  const buffers = [];
  afterAll(() => Promise.all(buffers.map((buffer) => buffer.close({ timeoutMs: 0 }))));
  /** Ten messages at once, with keys; what became of each. */
  async function publish(url, options) {
    const buffer = new BatchBuffer(qstashSink({ url, token }), { batchSize: 10, backoff: { minMs: 1 }, ...options });
    buffers.push(buffer);
    const ended = await Promise.allSettled(Array.from({ length: 10 }, (_, at) => buffer.add(to(at), { key: `key-${at}` })));
    return { buffer, ended, results: ended.map(({ value, reason }) => value?.messageId ?? reason.message) };
  }
  const keysOf = ({ messages }) => messages.map(({ headers }) => Number(headers['Upstash-Deduplication-Id'].slice(4)));
  const all = Array.from({ length: 10 }, (_, at) => at);
  const taken = (messages) => messages.map(({ destination }) => ({ messageId: destination.slice(-1) }));
  const names = all.map(String);

  test('ten messages are one request', async () => {
    const { url, requests } = await qstash(taken);
    expect((await publish(url)).results).toEqual(names);
    expect(requests.map(keysOf)).toEqual([all]);
  });

  test('of an answer in parts only what failed is asked for again, by the same keys', async () => {
    const { url, requests } = await qstash((messages, at) => taken(messages).map((entry, one) => (at === 0 && one % 3 === 1 ? { error: 'not now' } : entry)));
    expect((await publish(url)).results).toEqual(names);
    expect(requests.map(keysOf)).toEqual([all, [1, 4, 7]]);
  });

  test.each([
    ['500', { status: 500 }], ['503', { status: 503 }], ['408', { status: 408 }], ['garbage', { text: '<html>' }], ['an answer for nine', { text: JSON.stringify(ids(...'123456789')) }],
    ['a reset', 'reset'], ['silence', 'silence'],
  ])('%s is tried again', async (_, harm) => {
    const { url, requests } = await qstash((messages, at, { res }) => {
      if (at > 0) return taken(messages);
      if (harm === 'reset') res.destroy();
      return typeof harm === 'string' ? undefined : harm;
    });
    expect((await publish(url, { handlerTimeoutMs: 300 })).results).toEqual(names);
    expect(requests.map(keysOf)).toEqual([all, all]);
  });

  test('429 is tried again, not before its Retry-After', async () => {
    const at = [];
    const { url } = await qstash((messages) => {
      at.push(performance.now());
      return at.length === 1 ? { status: 429, headers: { 'retry-after': '1' } } : taken(messages);
    });
    expect((await publish(url)).results).toEqual(names);
    expect(at).toHaveLength(2);
    expect(at[1] - at[0]).toBeGreaterThan(950);
  });

  test.each([401, 403, 404])('%d is not: dead letters after one request', async (status) => {
    const { url, requests } = await qstash(() => ({ status, text: '{"error":"no"}' }));
    const { buffer, results } = await publish(url);
    expect(results).toEqual(all.map(() => 'QStash: no'));
    expect(requests).toHaveLength(1);
    expect((await buffer.deadLetters()).map(({ attempts, error }) => [attempts, error])).toEqual(all.map(() => [1, 'QStash: no']));
  });

  test('a message that is refused dies alone', async () => {
    const bad = (messages) => messages.some(({ destination }) => destination.endsWith('3'));
    const { url } = await qstash((messages) => (bad(messages) ? { status: 400, text: '{"error":"bad"}' } : taken(messages)));
    const { buffer, results } = await publish(url);
    expect(results).toEqual(names.map((name) => (name === '3' ? 'QStash: bad' : name)));
    expect((await buffer.deadLetters()).map(({ key }) => key)).toEqual(['key-3']);
  });

  test('1000 publishes to an API of 20 ms, adaptive and its defaults: at most 20 requests', async () => {
    const { url, requests } = await qstash(async (messages) => {
      await sleep(20);
      return messages.map(({ body }) => ({ messageId: body }));
    });
    const buffer = new BatchBuffer(qstashSink({ url, token }), { adaptive: true });
    const started = performance.now();
    const results = await Promise.all(Array.from({ length: 1000 }, (_, at) => buffer.add(to('x', { body: `${at}` }))));
    // in 48 ms where nothing else runs
    expect(performance.now() - started).toBeLessThan(4_800);
    expect(results.map(({ messageId }) => Number(messageId))).toEqual(Array.from({ length: 1000 }, (_, at) => at));
    expect(requests.length).toBeLessThanOrEqual(20);
    await buffer.close();
  });
});
