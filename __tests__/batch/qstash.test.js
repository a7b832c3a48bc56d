'use strict';
// The sink against a server that answers as QStash does: wholly, partially, late, not at all, and with nonsense.
const { setTimeout: sleep } = require('node:timers/promises');
const { BatchBuffer, qstashSink } = require('sluice');
const { collect, serve, stopAll, until } = require('../support/loopback');

afterAll(stopAll);

/** A server; `answer(messages, at)` says what to reply to request `at`: entries, or `{ status, headers, text }`. */
async function qstash(answer = (messages) => messages.map((_, at) => ({ messageId: `msg_${at}` }))) {
  const requests = [];
  const server = await serve(async (req, res) => {
    const { text } = await collect(req);
    const request = { method: req.method, path: req.url, headers: req.headers, bytes: Buffer.byteLength(text), messages: JSON.parse(text) };
    requests.push(request);
    const said = await answer(request.messages, requests.length - 1, { req, res });
    if (said === undefined) return;
    const { status = 200, headers = {}, text: body } = Array.isArray(said) ? { text: JSON.stringify(said) } : said;
    res.writeHead(status, headers).end(body);
  });
  return { ...server, requests };
}
const token = 'secret';
const to = (name, more) => ({ destination: `https://example.org/${name}`, ...more });
const ids = (...names) => names.map((messageId) => ({ messageId }));
/** What each result is: its id, or its error's text and status. */
const seen = (results) => results.map((result) => (result instanceof Error ? [result.message, result.status] : result.messageId));
const failed = (promise) => promise.then(() => {
  throw new Error('it resolved');
}, (error) => error);

describe('a request', () => {
  test.each(['', '/', '//'])('ten messages are one POST to url%s/v2/batch, with the token', async (slashes) => {
    const { url, requests } = await qstash();
    const items = Array.from({ length: 10 }, (_, at) => to(at));
    const results = await qstashSink({ url: url + slashes, token })(items, { keys: [] });
    expect(results).toEqual(Array.from({ length: 10 }, (_, at) => ({ messageId: `msg_${at}` })));
    expect(requests.map(({ method, path }) => [method, path])).toEqual([['POST', '/v2/batch']]);
    expect(requests[0].headers).toMatchObject({ authorization: 'Bearer secret', 'content-type': 'application/json' });
    expect(requests[0].messages.map(({ destination }) => destination)).toEqual(items.map(({ destination }) => destination));
  });

  test('goes to the service itself unless told otherwise, by the fetch that there is at the call', async () => {
    const sink = qstashSink({ token });
    const real = globalThis.fetch;
    const asked = [];
    globalThis.fetch = async (url) => {
      asked.push(url);
      return new Response('[{"messageId":"m"}]');
    };
    try {
      expect(await sink([to('a')], {})).toEqual(ids('m'));
      delete globalThis.fetch;
      expect(await failed(sink([to('a')], {}))).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'fetch' });
    } finally {
      globalThis.fetch = real;
    }
    expect(asked).toEqual(['https://qstash.upstash.io/v2/batch']);
  });

  test('bodies: strings and bytes as they are, none, and anything else as JSON with its content type', async () => {
    const { url, requests } = await qstash();
    const bodies = ['text', '', Buffer.from('Grüße'), new Uint8Array([65]), new Uint8Array([66]).buffer, undefined, null, 0, { a: [1] }, '{"a":1}'];
    await qstashSink({ url, token })(bodies.map((body) => to('x', { body })), {});
    const json = { 'Content-Type': 'application/json' };
    expect(requests[0].messages.map(({ body, headers }) => [body, headers])).toEqual([
      ['text', {}], ['', {}], ['Grüße', {}], ['A', {}], ['B', {}], [undefined, {}], ['null', json], ['0', json], ['{"a":[1]}', json], ['{"a":1}', {}],
    ]);
  });

  test('headers: Upstash-* and the content type as they are, others for the destination; a queue', async () => {
    const { url, requests } = await qstash();
    const items = [
      to('a', { body: {}, headers: { 'upstash-delay': '5s', 'content-type': 'text/x', 'X-Trace': '7', Gone: undefined, Retries: 3 }, queue: 'q' }),
      to('b', { headers: new Headers({ 'Upstash-Method': 'PUT', accept: 'a' }) }),
    ];
    await qstashSink({ url, token })(items, {});
    expect(requests[0].messages).toEqual([
      { ...to('a'), body: '{}', queue: 'q', headers: { 'upstash-delay': '5s', 'content-type': 'text/x', 'Upstash-Forward-X-Trace': '7', 'Upstash-Forward-Retries': '3' } },
      { ...to('b'), headers: { 'upstash-method': 'PUT', 'Upstash-Forward-accept': 'a' } },
    ]);
  });

  test('the key is the deduplication id, unless the caller has one', async () => {
    const { url, requests } = await qstash();
    const own = to('b', { headers: { 'upstash-DEDUPLICATION-id': 'mine' } });
    await qstashSink({ url, token })([to('a'), own, to('c'), to('d')], { keys: ['k1', 'k2', '', undefined] });
    expect(requests[0].messages.map(({ headers }) => headers)).toEqual([{ 'Upstash-Deduplication-Id': 'k1' }, { 'upstash-DEDUPLICATION-id': 'mine' }, {}, {}]);
  });

  test('objects of the caller stay as they were', async () => {
    const { url } = await qstash();
    const deep = (value) => {
      for (const one of Object.values(value)) if (typeof one === 'object') deep(one);
      return Object.freeze(value);
    };
    const item = deep(to('a', { body: { a: 1 }, headers: { x: '1' } }));
    const items = Object.freeze([item]);
    await qstashSink({ url, token })(items, Object.freeze({ keys: Object.freeze(['k']) }));
    expect(item).toEqual(to('a', { body: { a: 1 }, headers: { x: '1' } }));
  });
});

describe('results', () => {
  test('in order; an array for a URL group; fields as they came', async () => {
    const entries = [{ messageId: 'a', url: 'https://x' }, [{ messageId: 'b1', url: 'u1' }, { messageId: 'b2', url: 'u2' }], { messageId: 'c', deduplicated: true }, []];
    const { url } = await qstash(() => entries);
    expect(await qstashSink({ url, token })([to('a'), { destination: 'group' }, to('c'), { destination: 'empty' }], {})).toEqual(entries);
  });

  test('an error entry fails its message only, with the status that it has', async () => {
    const entries = [...ids('a'), { error: 'no such queue' }, { error: { message: 'too many', status: 429 } }, { status: 400, error: 'bad' }, { statusCode: 500 }, {}, null, 'x', ...ids('z'), [{ messageId: 'y' }, { error: 'half' }]];
    const { url, requests } = await qstash(() => entries);
    const results = await qstashSink({ url, token })(entries.map((_, at) => to(at)), {});
    expect(seen(results)).toEqual([
      'a', ['QStash: no such queue', undefined], ['QStash: too many', 429], ['QStash: bad', 400], ['QStash: status 500', 500],
      ...Array.from({ length: 3 }, () => ['QStash: its answer has no messageId for this message', undefined]), 'z', ['QStash: half', undefined],
    ]);
    expect(results[1]).toMatchObject({ code: 'ERR_QSTASH' });
    expect(results.at(-1).results).toEqual(entries.at(-1));
    expect(requests).toHaveLength(1);
  });

  test('what cannot be sent fails alone, and is not for another try', async () => {
    const { url, requests } = await qstash();
    const cyclic = {};
    cyclic.self = cyclic;
    const bad = [
      null, 'text', {}, { destination: '' }, { destination: 5 }, to('x', { queue: 5 }), to('x', { queue: '' }), to('x', { headers: 5 }), to('x', { headers: { a: {} } }),
      to('x', { body: cyclic }), to('x', { body: 1n }), to('x', { body: () => {} }), to('x', { body: Symbol('s') }), to('x', { body: new Uint8Array([0xff]) }),
    ];
    const results = await qstashSink({ url, token })([to('first'), ...bad, to('last')], {});
    expect(requests.map(({ messages }) => messages.map(({ destination }) => destination))).toEqual([['https://example.org/first', 'https://example.org/last']]);
    expect([results[0], results.at(-1)]).toEqual(ids('msg_0', 'msg_1'));
    for (const error of results.slice(1, -1)) expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', status: 400 });
    await expect(qstashSink({ url, token })(['text'], {})).rejects.toMatchObject({ message: 'message must be an object; got "text"' });
    expect(requests).toHaveLength(1);
  });
});

test('a key that QStash refuses as an id goes as its hash', async () => {
  const { url, requests } = await qstash();
  const keys = ['order-7', 'order:7', 'Bestellung ü', 'x'.repeat(300), 'a.b_c'];
  await qstashSink({ url, token })(keys.map(to), { keys });
  const sent = requests[0].messages.map(({ headers }) => headers['Upstash-Deduplication-Id']);
  const hash = (key) => require('node:crypto').createHash('sha256').update(key).digest('base64url');
  expect(sent).toEqual(['order-7', hash('order:7'), hash('Bestellung ü'), hash('x'.repeat(300)), 'a.b_c']);
});

describe('sizes', () => {
  const sizeOf = (messages) => Buffer.byteLength(JSON.stringify(messages));

  test('a batch above maxBytes goes as several requests, none of them larger, in order', async () => {
    const { url, requests } = await qstash((messages) => messages.map(({ destination }) => ({ messageId: destination.slice(-2) })));
    const items = Array.from({ length: 20 }, (_, at) => to(10 + at, { body: 'ü'.repeat(at % 5) }));
    const [one, two] = [items.slice(0, 1), items.slice(0, 2)].map((some) => sizeOf(some.map((item) => ({ ...item, headers: {} }))));
    const maxBytes = two + 2 * (two - one);
    const results = await qstashSink({ url, token, maxBytes })(items, {});
    expect(results.map(({ messageId }) => messageId)).toEqual(items.map((_, at) => `${10 + at}`));
    expect(requests.length).toBeGreaterThan(4);
    for (const [at, { bytes, messages }] of requests.entries()) {
      expect(bytes).toBeLessThanOrEqual(maxBytes);
      // it could not have taken the next one too
      if (requests[at + 1]) expect(sizeOf([...messages, requests[at + 1].messages[0]])).toBeGreaterThan(maxBytes);
    }
  });

  test('exactly maxBytes is one request, one byte less is two; a message above it goes alone', async () => {
    const { url, requests } = await qstash();
    const items = [to('a', { headers: {} }), to('b', { headers: {} })];
    await qstashSink({ url, token, maxBytes: sizeOf(items) })(items, {});
    await qstashSink({ url, token, maxBytes: sizeOf(items) - 1 })(items, {});
    await qstashSink({ url, token, maxBytes: 60 })([to('a'), to('large', { body: 'x'.repeat(100) }), to('b')], {});
    expect(requests.map(({ messages }) => messages.length)).toEqual([2, 1, 1, 1, 1, 1]);
  });

  test('a megabyte by default', async () => {
    const { url, requests } = await qstash();
    await qstashSink({ url, token })(Array.from({ length: 5 }, (_, at) => to(at, { body: 'x'.repeat(300_000) })), {});
    expect(requests.map(({ messages }) => messages.length)).toEqual([3, 2]);
  });

  test.each([400, 413, 422])('%d halves until the message that it is about is alone', async (status) => {
    const { url, requests } = await qstash((messages) => (messages.some(({ body }) => body === 'bad') ? { status, text: '{"error":"not this one"}' } : messages.map(({ body }) => ({ messageId: body }))));
    const bodies = ['a', 'b', 'c', 'bad', 'e', 'f', 'g', 'h'];
    const results = await qstashSink({ url, token })(bodies.map((body) => to('x', { body })), {});
    expect(seen(results)).toEqual(bodies.map((body) => (body === 'bad' ? ['QStash: not this one', status] : body)));
    expect(requests.map(({ messages }) => messages.map(({ body }) => body).join(''))).toEqual(['abcbadefgh', 'abcbad', 'ab', 'cbad', 'c', 'bad', 'efgh']);
  });

  test('413 for everything ends, with an error for each', async () => {
    const { url, requests } = await qstash(() => ({ status: 413 }));
    const results = await qstashSink({ url, token })([to(1), to(2), to(3)], {});
    expect(seen(results)).toEqual(Array.from({ length: 3 }, () => ['QStash: status 413', 413]));
    expect(requests).toHaveLength(5);
  });
});

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
