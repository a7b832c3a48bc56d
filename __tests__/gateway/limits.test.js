'use strict';
// Limits: of each client by its key, and of what each upstream is asked at once.
const { once } = require('node:events');
const http = require('node:http');
const { startRedis, stopAll: stopRedis } = require('../redis');
const { dialects, get, send, startGateway, startProvider, stopAll, until } = require('./support');

let provider;
const servers = [];
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(async () => {
  stopAll();
  await stopRedis();
  servers.forEach((server) => { server.close(); server.closeAllConnections(); });
});

const names = Object.keys(dialects);
const start = (env) => startGateway({ UPSTREAM_URL: provider.url, UPSTREAM_KEY: 'own', CACHE: 'off', ...env });
const limitsOf = async ({ url }) => JSON.parse((await get(`${url}/stats`)).text).limits;
/** Where each dialect's clients put their key. */
const withKey = {
  'openai-chat': (key) => ({ authorization: `Bearer ${key}` }),
  'openai-responses': (key) => ({ authorization: `Bearer ${key}` }),
  claude: (key) => ({ 'x-api-key': key }),
  gemini: (key) => ({ 'x-goog-api-key': key }),
};
/** An upstream that answers as it is told; `asked` counts. */
async function startUpstream(respond) {
  const upstream = { asked: 0 };
  const server = http.createServer((req, res) => {
    upstream.asked += 1;
    req.resume();
    respond(res);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  upstream.url = `http://127.0.0.1:${server.address().port}`;
  return upstream;
}

describe('a client', () => {
  let gateway;
  beforeAll(async () => {
    gateway = await start({ RATE_LIMIT: '3' });
  });
  afterAll(() => gateway.stop());

  test.each(names)('of %s that asks too often is told in its dialect, with headers, and the upstream hears nothing', async (dialect) => {
    const headers = withKey[dialect](`secret of ${dialect}`);
    const answers = [];
    for (const stream of [false, true, false]) answers.push(await send(gateway.url, dialect, { stream, headers }));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.map((answer) => answer.headers['x-ratelimit-remaining'])).toEqual(['2', '1', '0']);
    expect(answers[0].headers['ratelimit-policy']).toBe('"default";q=3;w=60');
    expect(answers[0].headers.ratelimit).toMatch(/^"default";r=2;t=\d+$/);
    expect(answers[0].headers['retry-after']).toBeUndefined();

    const { requests } = await provider.stats();
    const { status, headers: told, text } = await send(gateway.url, dialect, { headers });
    expect(status).toBe(429);
    expect(Number(told['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(Number(told['retry-after'])).toBeLessThanOrEqual(60);
    expect(told.ratelimit).toMatch(/^"default";r=0;t=\d+$/);
    const message = expect.stringMatching(/^you may send 3 requests a minute: try again in \d+ s$/);
    const { error } = JSON.parse(text);
    if (dialect === 'gemini') expect(error).toEqual({ code: 429, status: 'RESOURCE_EXHAUSTED', message });
    else if (dialect === 'claude') expect(error).toEqual({ type: 'rate_limit_error', message });
    else expect(error).toEqual({ type: 'rate_limit_error', code: 'rate_limit_exceeded', param: null, message });
    expect((await provider.stats()).requests).toBe(requests);
  });

  test('is known by its key, in whichever header; without one by its address', async () => {
    for (const dialect of names) expect((await send(gateway.url, dialect, { headers: withKey[dialect]('one') })).headers['x-ratelimit-remaining']).toBe(String(Math.max(0, 2 - names.indexOf(dialect))));
    expect((await send(gateway.url, 'claude', { headers: withKey.gemini('one') })).status).toBe(429);
    expect((await send(gateway.url, 'claude', { headers: withKey.claude('two') })).status).toBe(200);
    const alone = [];
    for (let times = 0; times < 4; times += 1) alone.push((await send(gateway.url, 'gemini')).status);
    expect(alone).toEqual([200, 200, 200, 429]);
  });

  test('is counted in /stats and /metrics; what is no request counts for nobody', async () => {
    const before = (await limitsOf(gateway)).clients;
    expect(before).toMatchObject({ perMinute: 3, denied: expect.any(Number), evicted: 0 });
    expect(before.keys).toBeGreaterThan(names.length);
    expect((await get(`${gateway.url}/healthz`)).headers.ratelimit).toBeUndefined();
    expect((await get(`${gateway.url}/v1/nothing`)).status).toBe(404);
    expect((await limitsOf(gateway)).clients).toEqual(before);
    expect((await get(`${gateway.url}/metrics`)).text).toMatch(new RegExp(`^sluice_keyed_limiter_denied_total\\{name="clients"\\} ${before.denied}$`, 'm'));
  });
});

describe('an upstream', () => {
  test('that is busy makes requests wait, and refuses in each dialect those that wait too long or are too many', async () => {
    const gateway = await start({ UPSTREAM_CONCURRENCY: '1', UPSTREAM_QUEUE: '1', UPSTREAM_WAIT_MS: '200' });
    const controller = new AbortController();
    const requests = (await provider.stats()).requests + 1;
    const silent = send(gateway.url, 'claude', { model: 'offline-silent', signal: controller.signal }).catch((error) => error);
    await until(async () => (await provider.stats()).requests === requests);
    for (const dialect of names) {
      const { status, headers, text } = await send(gateway.url, dialect);
      expect([dialect, status]).toEqual([dialect, dialect === 'claude' ? 529 : 503]);
      expect(headers['retry-after']).toBe('1');
      expect(JSON.parse(text).error.message).toBe('the upstream has no room for more requests now');
    }
    // two at once, one of which finds no place to wait
    const statuses = (await Promise.all([1, 2].map(() => send(gateway.url, 'gemini')))).map(({ status }) => status);
    expect(statuses).toEqual([503, 503]);
    expect((await provider.stats()).requests).toBe(requests);
    expect((await limitsOf(gateway)).upstreams[0]).toMatchObject({ format: 'openai-chat', concurrency: 1, inFlight: 1, queued: 0, isAdaptive: true, stats: { rejectedRequests: names.length + 2 } });
    controller.abort();
    await silent;
    await until(async () => (await limitsOf(gateway)).upstreams[0].inFlight === 0);
    expect((await send(gateway.url, 'gemini')).status).toBe(200);
    await gateway.stop();
  });

  test('waits are in turn, and a client that leaves leaves the queue', async () => {
    const gateway = await start({ UPSTREAM_CONCURRENCY: '1' });
    const [first, second] = [new AbortController(), new AbortController()];
    const left = [first, second].map(({ signal }) => send(gateway.url, 'claude', { model: 'offline-silent', signal }).catch((error) => error));
    await until(async () => (await limitsOf(gateway)).upstreams[0].queued === 1);
    const third = send(gateway.url, 'openai-chat');
    await until(async () => (await limitsOf(gateway)).upstreams[0].queued === 2);
    second.abort();
    await until(async () => (await limitsOf(gateway)).upstreams[0].queued === 1);
    first.abort();
    expect((await third).status).toBe(200);
    await Promise.all(left);
    // who leaves says nothing of the upstream
    expect((await limitsOf(gateway)).upstreams[0]).toMatchObject({ inFlight: 0, stats: { successRate: 1 } });
    await gateway.stop();
  });

  test('that says Retry-After is not asked until then: another is, where there is one', async () => {
    const busy = await startUpstream((res) => res.writeHead(429, { 'retry-after': '30', 'content-type': 'application/json' }).end('{"error":{"message":"slow down"}}'));
    const alone = await start({ UPSTREAM_URL: busy.url, UPSTREAM_CONCURRENCY: '4', UPSTREAM_WAIT_MS: '50' });
    const first = await send(alone.url, 'gemini', { stream: false });
    expect([first.status, first.headers['retry-after'], JSON.parse(first.text).error.message]).toEqual([429, '30', 'slow down']);
    expect((await send(alone.url, 'gemini')).status).toBe(503);
    expect(busy.asked).toBe(1);
    await alone.stop();

    // the quota of one client's key holds no other back
    const open = await start({ UPSTREAM_URL: busy.url, UPSTREAM_KEY: undefined, UPSTREAM_CONCURRENCY: '4', UPSTREAM_WAIT_MS: '50' });
    for (const key of ['one', 'two']) expect((await send(open.url, 'claude', { headers: withKey.claude(key) })).status).toBe(429);
    expect(busy.asked).toBe(3);
    expect((await limitsOf(open)).upstreams[0].stats.successRate).toBe(1);
    await open.stop();

    const both = await start({ UPSTREAM_URL: busy.url, UPSTREAM_FALLBACK_URL: provider.url, UPSTREAM_CONCURRENCY: '4', UPSTREAM_WAIT_MS: '50' });
    for (let times = 0; times < 3; times += 1) expect((await send(both.url, 'claude')).status).toBe(200);
    expect(busy.asked).toBe(4);
    expect((await limitsOf(both)).upstreams.map(({ stats }) => stats.successRate)).toEqual([0, 1]);
    await both.stop();
  });

  test('a gateway that is stopped tells who runs and who waits, and exits', async () => {
    const gateway = await start({ UPSTREAM_CONCURRENCY: '1', RATE_LIMIT: '100' });
    const asked = [1, 2].map(() => send(gateway.url, 'claude', { model: 'offline-silent' }));
    await until(async () => (await limitsOf(gateway)).upstreams[0].queued === 1);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    for (const { status, text } of await Promise.all(asked)) expect([status, JSON.parse(text).error.message]).toEqual([529, 'the gateway is shutting down']);
  });

  test('is judged by its failures, streamed ones too, not by requests that are wrong', async () => {
    const gateway = await start({ UPSTREAM_CONCURRENCY: '4' });
    const rate = async () => (await limitsOf(gateway)).upstreams[0].stats.successRate;
    expect((await send(gateway.url, 'claude', { model: 'offline-status-400' })).status).toBe(400);
    expect(await rate()).toBe(1);
    expect((await send(gateway.url, 'claude', { model: 'offline-status-500' })).status).toBe(500);
    expect(await rate()).toBe(1 / 2);
    expect((await send(gateway.url, 'claude', { model: 'offline-error-pace-200', prompt: 'Say 30 words' })).status).toBe(200);
    expect(await rate()).toBe(1 / 3);
    await gateway.stop();
  });
});

test('two gateways on one Redis have one limit for a client; without it each goes by its share', async () => {
  const redis = await startRedis();
  const gateways = await Promise.all([1, 2].map(() => start({ RATE_LIMIT: '20', REDIS_URL: redis.url })));
  const ask = (at, key) => send(gateways[at % 2].url, 'claude', { stream: false, headers: withKey.claude(key) });
  const statuses = [];
  for (let at = 0; at < 50; at += 1) statuses.push((await ask(at, 'ada')).status);
  const allowed = statuses.filter((status) => status === 200).length;
  // a gateway's lease is 2 at most
  expect(allowed).toBeGreaterThanOrEqual(16);
  expect(allowed).toBeLessThanOrEqual(24);
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect((await ask(0, 'bob')).status).toBe(200);

  await redis.stop();
  const answers = [];
  for (let at = 0; at < 30; at += 1) answers.push(await ask(0, 'eve'));
  // there were two
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(8);
  expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(12);
  await until(() => /limits: redis is away/.test(gateways[0].errors()));
  await Promise.all(gateways.map((gateway) => gateway.stop()));
});

test('both are there by default, and can be left out', async () => {
  const gateway = await start({ RATE_LIMIT: undefined, UPSTREAM_CONCURRENCY: undefined });
  expect(gateway.output()).toMatch(/^limits: 600 requests a minute for each key, 64 at once to an upstream, to begin with$/m);
  expect(await limitsOf(gateway)).toMatchObject({ clients: { perMinute: 600 }, upstreams: [{ concurrency: 64, minLimit: 1, maxLimit: 256 }] });
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  const none = await start();
  expect(none.output()).toMatch(/^limits: off$/m);
  expect((await get(`${none.url}/stats`)).status).toBe(404);
  expect((await send(none.url, 'claude')).headers.ratelimit).toBeUndefined();
  await none.stop();
});
