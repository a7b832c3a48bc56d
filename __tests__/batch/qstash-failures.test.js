'use strict';
// The sink where a request fails as a whole: late, broken off, with nonsense, or without headers.
const { setTimeout: sleep } = require('node:timers/promises');
const { qstashSink } = require('sluice');
const { stopAll, until } = require('../support/loopback');
const { qstash, token, to, ids, seen, failed } = require('../support/qstash');

afterAll(stopAll);

describe('failures of a request', () => {
  test.each([[429, { 'retry-after': '3' }], [503, { 'retry-after': 'Wed, 21 Oct 2099 07:28:00 GMT' }], [500, {}], [502, {}], [401, {}], [403, {}], [404, {}], [302, { location: '/else' }]])(
    '%d: one request, an error with its status and headers', async (status, headers) => {
      const { url, requests } = await qstash(() => ({ status, headers, text: '{"error":"said so"}' }));
      const error = await failed(qstashSink({ url, token })([to('a'), to('b')], {}));
      expect(error).toMatchObject({ code: 'ERR_QSTASH', message: 'QStash: said so', status, headers });
      expect(requests).toHaveLength(1);
    });

  test.each([['no JSON', '<html>'], ['none', ''], ['an object', '{"messageId":"a"}'], ['too few', '[{"messageId":"a"}]'], ['too many', JSON.stringify(ids('a', 'b', 'c'))], ['null', 'null']])(
    'an answer 200 of the wrong kind (%s) fails the batch without a status', async (_, text) => {
      const { url } = await qstash(() => ({ text }));
      const error = await failed(qstashSink({ url, token })([to('a'), to('b')], {}));
      expect(error).toMatchObject({ code: 'ERR_QSTASH', message: expect.stringMatching(/^QStash: its answer (is not a JSON array|has \d entries for 2 messages)$/) });
      expect(error.status).toBeUndefined();
    });

  test('a reset before and in the middle of an answer, and a port where nobody listens', async () => {
    const { url } = await qstash((_, at, { res }) => {
      if (at === 0) return void res.destroy();
      res.writeHead(200, { 'content-length': '100' }).write('[{"messageId"');
      setTimeout(() => res.destroy(), 20);
      return undefined;
    });
    const sink = qstashSink({ url, token });
    const errors = [await failed(sink([to('a')], {})), await failed(sink([to('a')], {}))];
    await stopAll();
    errors.push(await failed(sink([to('a')], {})));
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^QStash: no answer: UND_ERR_SOCKET|ECONNRESET$/), 'QStash: its answer broke off', 'QStash: no answer: ECONNREFUSED',
    ]);
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_QSTASH', cause: expect.anything() });
    for (const error of errors) expect(error.status).toBeUndefined();
  });

  test('the signal ends a request that waits, and one whose answer trickles', async () => {
    let gone = 0;
    const { url, requests } = await qstash((_, at, { res }) => {
      res.on('close', () => (gone += 1));
      if (at === 1) res.writeHead(200).write('[');
    });
    for (const count of [1, 2]) {
      const stop = new AbortController();
      const ended = failed(qstashSink({ url, token })([to('a'), to('b')], { signal: stop.signal }));
      await until(() => requests.length === count);
      await sleep(50);
      stop.abort();
      expect((await ended).name).toBe('AbortError');
    }
    await until(() => gone === 2);
  });

  test('an answer without an end is not read to its end', async () => {
    let sent = 0;
    let closed = false;
    const { url } = await qstash((_, at, { res }) => {
      res.on('close', () => (closed = true));
      res.writeHead(at === 0 ? 200 : 500);
      const more = () => {
        do sent += 65_536; while (!closed && res.write(' '.repeat(65_536)));
      };
      res.on('drain', more);
      more();
    });
    for (const expected of ['QStash: its answer is longer than 131072 bytes', 'QStash: status 500']) {
      closed = false;
      sent = 0;
      expect(await failed(qstashSink({ url, token })([to('a')], {}))).toMatchObject({ message: expected });
      await until(() => closed);
      expect(sent).toBeLessThan(20_000_000);
    }
  });

  test('what was taken before a request failed stays taken; what was to follow is not sent, and fails alike', async () => {
    const { url, requests } = await qstash((messages, at) => (at === 2 ? { status: 429, headers: { 'retry-after': '1' }, text: 'slow down' } : messages.map((_, one) => ({ messageId: `${at}.${one}` }))));
    const items = Array.from({ length: 10 }, (_, at) => to(at, { headers: {} }));
    const results = await qstashSink({ url, token, maxBytes: JSON.stringify(items.slice(0, 2)).length })(items, {});
    expect(seen(results)).toEqual(['0.0', '0.1', '1.0', '1.1', ...Array.from({ length: 6 }, () => ['QStash: status 429', 429])]);
    expect(requests).toHaveLength(3);
    expect(results[4].headers['retry-after']).toBe('1');
  });

  test('an error text is cut, and never holds the token', async () => {
    const { url } = await qstash(() => ({ status: 500, text: JSON.stringify({ error: 'x'.repeat(10_000) }) }));
    expect((await failed(qstashSink({ url, token })([to('a')], {}))).message).toHaveLength('QStash: '.length + 500);
    expect(() => qstashSink({ token: 'two words' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: expect.not.stringContaining('two words') }));
  });
});

describe('answers of a mocked fetch', () => {
  const answers = {
    'json()': { ok: true, status: 200, json: async () => ids('a') },
    'text()': { ok: true, status: 200, text: async () => JSON.stringify(ids('a')) },
    'no ok': { status: 202, body: null, text: async () => JSON.stringify(ids('a')) },
  };
  test.each(Object.entries(answers))('with %s alone', async (_, answer) => {
    expect(await qstashSink({ token, fetch: async () => answer })([to('x')], {})).toEqual(ids('a'));
  });
  test('that fails, without headers', async () => {
    const error = await failed(qstashSink({ token, fetch: async () => ({ ok: false, status: 500 }) })([to('x')], {}));
    expect(error).toMatchObject({ message: 'QStash: status 500', status: 500, headers: {} });
  });
});
