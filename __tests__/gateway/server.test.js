'use strict';
// Routes and errors, in the shape of each dialect.
const http = require('node:http');
const { dialects, get, request, send, startGateway, startProvider, stopAll } = require('./support');

let provider;
let gateway;
beforeAll(async () => {
  provider = await startProvider({ PROVIDER_KEY: 'right' });
  gateway = await startGateway({ UPSTREAM_URL: provider.url, UPSTREAM_KEY: 'right', MAX_BODY_BYTES: '10000' });
});
const servers = [];
afterAll(() => {
  stopAll();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** The shape that a dialect's clients know an error by, with its type. */
function errorOf(dialect, text) {
  const body = JSON.parse(text);
  if (dialect === 'claude') {
    expect(body).toEqual({ type: 'error', error: { type: expect.any(String), message: expect.any(String) } });
    return body.error;
  }
  if (dialect === 'gemini') {
    expect(body).toEqual({
      error: { code: expect.any(Number), status: expect.any(String), message: expect.any(String) },
    });
    return { type: body.error.status, message: body.error.message, code: body.error.code };
  }
  expect(Object.keys(body)).toEqual(['error']);
  expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type']);
  return body.error;
}
const names = Object.keys(dialects);
const bad = {
  'openai-chat': 'invalid_request_error',
  'openai-responses': 'invalid_request_error',
  claude: 'invalid_request_error',
  gemini: 'INVALID_ARGUMENT',
};

test('healthz tells what it stands before', async () => {
  const { status, text } = await get(`${gateway.url}/healthz`);
  expect(status).toBe(200);
  expect(JSON.parse(text)).toEqual({ status: 'ok', running: 0, upstreams: ['openai-chat'] });
});

describe.each(names)('%s', (dialect) => {
  const [path] = dialects[dialect]('offline', 'hello', false);

  test('bad JSON is 400', async () => {
    const { status, text, headers } = await request(gateway.url + path, { body: '{"model": what}' });
    expect(status).toBe(400);
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(errorOf(dialect, text)).toMatchObject({
      type: bad[dialect],
      message: expect.stringContaining('line 1, column 11'),
    });
  });
  test('a body that is no request is 400', async () => {
    const { status, text } = await request(gateway.url + path, {
      body: { model: 'offline', messages: 7, input: 7, contents: 7 },
    });
    expect(status).toBe(400);
    expect(errorOf(dialect, text).type).toBe(bad[dialect]);
  });
  test('a body over the limit is 413', async () => {
    const before = await provider.stats();
    const { status, text } = await send(gateway.url, dialect, { prompt: 'x'.repeat(20_000) });
    expect(status).toBe(413);
    expect(errorOf(dialect, text).type).toBe(dialect === 'claude' ? 'request_too_large' : bad[dialect]);
    expect((await provider.stats()).requests).toBe(before.requests);
  });
  test('an unknown method is 405, an unknown path 404', async () => {
    const wrong = await get(gateway.url + path);
    expect(wrong.status).toBe(405);
    errorOf(dialect, wrong.text);
    const lost = await request(`${gateway.url}/v1/nothing`, { body: {} });
    expect(lost.status).toBe(404);
    errorOf('openai-chat', lost.text);
  });
  test.each([[true], [false]])('the status of an upstream that refuses is kept, stream: %s', async (stream) => {
    const limited = await send(gateway.url, dialect, { model: 'offline-status-429', stream });
    expect(limited.status).toBe(429);
    expect(limited.headers['retry-after']).toBe('1');
    expect(errorOf(dialect, limited.text)).toMatchObject({
      type: { gemini: 'RESOURCE_EXHAUSTED' }[dialect] ?? 'rate_limit_error',
      message: 'offline provider answers 429',
    });
    const failed = await send(gateway.url, dialect, { model: 'offline-status-500', stream });
    expect(failed.status).toBe(500);
    const overloaded = await send(gateway.url, dialect, { model: 'offline-status-529', stream });
    expect(overloaded.status).toBe(dialect === 'claude' ? 529 : 503);
    expect(errorOf(dialect, overloaded.text).type).toBe(
      { gemini: 'UNAVAILABLE', claude: 'overloaded_error' }[dialect] ?? 'server_error',
    );
  });
});

test('a request without a model is told so', async () => {
  const { status, text } = await request(`${gateway.url}/v1/chat/completions`, {
    body: { messages: [{ role: 'user', content: 'hi' }] },
  });
  expect(status).toBe(400);
  expect(errorOf('openai-chat', text)).toMatchObject({ param: 'model' });
});
test('an upstream that nobody listens on is 502', async () => {
  const lonely = await startGateway({ UPSTREAM_URL: 'http://127.0.0.1:9', UPSTREAM_FORMAT: 'claude' });
  const { status, text } = await send(lonely.url, 'openai-chat');
  expect(status).toBe(502);
  // Clients need not know where the upstream is.
  expect(errorOf('openai-chat', text)).toMatchObject({
    type: 'server_error',
    message: 'upstream failed: ECONNREFUSED',
  });
  await lonely.stop();
});
test.each([
  ['text/html', '<h1>Bad gateway</h1>'],
  ['application/json', '{"choices": 7'],
  ['application/json', '[]'],
  ['application/json', '{"type":"error","error":{"type":"api_error","message":"no"}}'],
])('an upstream that answers nonsense is 502: %s %s', async (type, body) => {
  const server = http.createServer((req, res) => res.writeHead(200, { 'content-type': type }).end(body));
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  servers.push(server);
  const fooled = await startGateway({
    UPSTREAM_URL: `http://127.0.0.1:${server.address().port}`,
    UPSTREAM_FORMAT: 'claude',
  });
  for (const stream of [true, false]) {
    const { status, text } = await send(fooled.url, 'openai-chat', { stream });
    expect({ stream, status }).toEqual({ stream, status: 502 });
    errorOf('openai-chat', text);
  }
  await fooled.stop();
});
test('paths, models and bodies that are not what they should be are 400, and the gateway lives', async () => {
  const fronted = await startGateway({ UPSTREAM_URL: provider.url, UPSTREAM_KEY: 'right', UPSTREAM_FORMAT: 'gemini' });
  const wrong = await request(`${gateway.url}/v1beta/models/%zz:generateContent`, { body: {} });
  expect(wrong.status).toBe(400);
  errorOf('gemini', wrong.text);
  for (const body of [
    '[1]',
    '7',
    'null',
    '{"model":7}',
    '{"model":"offline","messages":[]}',
    '{"model":"\\ud800","messages":7}',
  ]) {
    const { status, text } = await request(`${fronted.url}/v1/chat/completions`, { body });
    expect({ body, status }).toEqual({ body, status: 400 });
    errorOf('openai-chat', text);
  }
  for (const body of ['[1]', '7', '{"contents":7}']) {
    const { status, text } = await request(`${gateway.url}/v1beta/models/offline:generateContent`, { body });
    expect({ body, status }).toEqual({ body, status: 400 });
    errorOf('gemini', text);
  }
  expect((await get(`${fronted.url}/healthz`)).status).toBe(200);
  await fronted.stop();
});
test('the key of the client is passed on when the gateway has none', async () => {
  const open = await startGateway({ UPSTREAM_URL: provider.url, UPSTREAM_FORMAT: 'claude' });
  const refused = await send(open.url, 'openai-chat', { headers: { authorization: 'Bearer wrong' } });
  expect(refused.status).toBe(401);
  expect(errorOf('openai-chat', refused.text)).toMatchObject({
    type: 'authentication_error',
    message: 'invalid API key',
  });
  for (const headers of [{ authorization: 'Bearer right' }, { 'x-api-key': 'right' }, { 'x-goog-api-key': 'right' }]) {
    expect((await send(open.url, 'gemini', { headers })).status).toBe(200);
  }
  await open.stop();
});
test('headers that ask for features go to an upstream of the same dialect only', async () => {
  const seen = [];
  const server = http.createServer((req, res) => {
    seen.push(req.headers['anthropic-beta']);
    res.writeHead(418).end();
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  servers.push(server);
  for (const format of ['claude', 'openai-chat']) {
    const fronted = await startGateway({
      UPSTREAM_URL: `http://127.0.0.1:${server.address().port}`,
      UPSTREAM_FORMAT: format,
    });
    await send(fronted.url, 'claude', { headers: { 'anthropic-beta': 'tools-2024' } });
    await fronted.stop();
  }
  expect(seen).toEqual(['tools-2024', undefined]);
});
test.each(['bedrock-converse', 'kiro'])('images reach %s, as far as it can say them', async (format) => {
  const fronted = await startGateway({ UPSTREAM_URL: provider.url, UPSTREAM_KEY: 'right', UPSTREAM_FORMAT: format });
  const ask = (url) =>
    request(`${fronted.url}/v1/chat/completions`, {
      body: {
        model: 'offline',
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'what is this?' },
              { type: 'image_url', image_url: { url } },
            ],
          },
        ],
      },
    });
  const told = await ask('data:image/png;base64,iVBORw0KGgo=');
  expect(JSON.parse(told.text).choices[0].message.content).toMatch(/^You said: what is this\? with 1 image\(s\)/);
  const refused = await ask('https://example.com/cat.png');
  expect(refused.status).toBe(400);
  expect(errorOf('openai-chat', refused.text)).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringContaining('by URL'),
  });
  await fronted.stop();
});
test('without alt=sse Gemini gets a JSON array', async () => {
  const { status, text, headers } = await request(`${gateway.url}/v1beta/models/offline:streamGenerateContent`, {
    body: { contents: [{ parts: [{ text: 'hi' }] }] },
  });
  expect(status).toBe(200);
  expect(headers['content-type']).toMatch(/^application\/json/);
  const parts = JSON.parse(text).flatMap(({ candidates }) => candidates[0].content.parts);
  expect(parts.map((part) => part.text).join('')).toMatch(/^You said: hi /);
});
test('UPSTREAM_MODEL rules over the model of clients', async () => {
  const ruled = await startGateway({
    UPSTREAM_URL: provider.url,
    UPSTREAM_KEY: 'right',
    UPSTREAM_MODEL: 'offline-status-418',
    UPSTREAM_FORMAT: 'gemini',
  });
  expect((await send(ruled.url, 'claude')).status).toBe(418);
  await ruled.stop();
});
test('streams are answered as event streams, at once', async () => {
  const times = [];
  const { headers } = await send(gateway.url, 'openai-chat', {
    model: 'offline-pace-20',
    prompt: '20 words',
    onChunk: () => times.push(performance.now()),
  });
  expect(headers['content-type']).toMatch(/^text\/event-stream/);
  expect(headers['cache-control']).toMatch(/no-cache/);
  // 20 tokens a second: about a second from the first to the last, so nothing was held back.
  expect(times.length).toBeGreaterThan(10);
  expect(times.at(-1) - times[0]).toBeGreaterThan(500);
});
