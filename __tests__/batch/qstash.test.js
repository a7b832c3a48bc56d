'use strict';
// The sink against a server that answers as QStash does: requests, results, keys and sizes. What fails: qstash-failures.test.js.
const { qstashSink } = require('sluice');
const { stopAll } = require('../support/loopback');
const { qstash, token, to, ids, seen, failed } = require('../support/qstash');

afterAll(stopAll);

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
