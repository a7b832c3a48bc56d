'use strict';
// Answers from the cache: which requests, for whom, in whatever form and dialect they are asked for again.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { startRedis, stopAll: stopRedis } = require('../redis');
const { dialects, get, request, startGateway, startProvider, stopAll, until } = require('./support');

let provider;
let gateway;
let folder;
const environment = (more) => ({ UPSTREAM_URL: provider.url, UPSTREAM_KEY: 'own', CACHE_DIR: path.join(folder, 'store'), ...more });
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-gateway-cache-'));
  provider = await startProvider();
  gateway = await startGateway(environment());
});
afterAll(async () => {
  stopAll();
  await stopRedis();
  fs.rmSync(folder, { recursive: true, force: true });
});

const names = Object.keys(dialects);
const allow = { 'x-cache': 'allow' };
/** A request that says no more than each dialect has to; with a limit, as Claude's has one. */
function ask(dialect, { url = gateway.url, model = 'offline', prompt, stream = false, change = {}, headers = allow, signal, onChunk } = {}) {
  const [where, body] = dialects[dialect](model, prompt, stream);
  return request(url + where, { body: { ...body, ...change }, headers, signal, onChunk });
}
/** Texts of a stream or a body, read here. */
function textOf(dialect, text, stream) {
  const objects = stream
    ? text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)))
    : [JSON.parse(text)];
  const parts = {
    'openai-chat': ({ choices = [] }) => choices.map(({ delta, message }) => (delta ?? message).content ?? ''),
    'openai-responses': ({ type, delta, output }) => (stream ? [type === 'response.output_text.delta' ? delta : ''] : output.flatMap(({ content }) => content.map((part) => part.text))),
    claude: ({ delta, content }) => (stream ? [delta?.text ?? ''] : content.map((block) => block.text)),
    gemini: ({ candidates = [] }) => candidates.flatMap(({ content }) => (content?.parts ?? []).map((part) => part.text ?? '')),
  };
  return objects.flatMap(parts[dialect]).join('');
}
const asked = async () => (await provider.stats()).requests;

describe.each(names)('%s', (dialect) => {
  test.each([[true], [false]])('asked first with stream: %s, then the other way, then again', async (stream) => {
    const prompt = `Say 12 words for ${dialect} ${stream}`;
    const before = await asked();
    const first = await ask(dialect, { prompt, stream });
    const second = await ask(dialect, { prompt, stream: !stream });
    const third = await ask(dialect, { prompt, stream });
    expect([first, second, third].map(({ status, headers }) => [status, headers['x-cache']])).toEqual([[200, 'miss'], [200, 'hit'], [200, 'hit']]);
    const said = textOf(dialect, first.text, stream);
    expect(said).toContain('You said');
    expect(textOf(dialect, second.text, !stream)).toBe(said);
    expect(textOf(dialect, third.text, stream)).toBe(said);
    const types = [first, second, third].map(({ headers }) => headers['content-type'].split(';')[0]);
    const [asAsked, other] = stream ? ['text/event-stream', 'application/json'] : ['application/json', 'text/event-stream'];
    expect(types).toEqual([asAsked, other, asAsked]);
    expect(await asked()).toBe(before + 1);
  });

  test('temperature 0 needs no header, any other does', async () => {
    const zero = (temperature) => (dialect === 'gemini' ? { generationConfig: { temperature } } : { temperature });
    const prompt = `Say 5 words for ${dialect} at 0`;
    const headers = {};
    expect((await ask(dialect, { prompt, headers, change: zero(0) })).headers['x-cache']).toBe('miss');
    expect((await ask(dialect, { prompt, headers, change: zero(0) })).headers['x-cache']).toBe('hit');
    for (const change of [zero(0.1), {}]) {
      for (let times = 0; times < 2; times += 1) expect((await ask(dialect, { prompt, headers, change })).headers['x-cache']).toBeUndefined();
    }
  });

  test('an answer that fails or ends early is not kept', async () => {
    for (const model of ['offline-status-500', 'offline-error', 'offline-cutinside', 'offline-truncate']) {
      for (const stream of [true, false]) {
        const prompt = `Say 6 words ${dialect}`;
        const before = await asked();
        const seen = [];
        for (let times = 0; times < 2; times += 1) {
          const { status, cut, text } = await ask(dialect, { model, prompt, stream });
          // Some harm befalls streams only: then the whole answer is one to keep.
          seen.push(status === 200 && !cut && !/"error":\{|"type":"error"/.test(text));
        }
        expect([model, stream, (await asked()) - before]).toEqual([model, stream, seen[0] ? 1 : 2]);
        if (stream) expect(seen).toEqual([false, false]);
      }
    }
  });
});

test('an answer that was asked for in one dialect is served in the others', async () => {
  const limits = {
    'openai-chat': { max_completion_tokens: 4096 },
    'openai-responses': { max_output_tokens: 4096 },
    gemini: { generationConfig: { maxOutputTokens: 4096 } },
  };
  const prompt = 'Say 9 words for everybody';
  const before = await asked();
  const texts = [];
  for (const stream of [true, false]) {
    for (const dialect of names) {
      const answer = await ask(dialect, { prompt, stream, change: limits[dialect] });
      expect([dialect, answer.headers['x-cache']]).toEqual([dialect, texts.length ? 'hit' : 'miss']);
      texts.push(textOf(dialect, answer.text, stream));
    }
  }
  expect(new Set(texts).size).toBe(1);
  expect(await asked()).toBe(before + 1);
});

test('what differs in anything but its form is asked for', async () => {
  const prompt = 'Say 7 words';
  const message = (content, role = 'user') => ({ messages: [{ role, content }] });
  const different = [
    {},
    { model: 'offline-other' },
    { temperature: 0.3 },
    { max_tokens: 10 },
    { unheard_of: 1 },
    message(`${prompt}.`),
    message(prompt, 'assistant'),
    message([{ type: 'text', text: prompt }, { type: 'text', text: '' }]),
    { messages: [{ role: 'user', name: 'ada', content: prompt }] },
    { messages: [{ role: 'system', content: 'x' }, { role: 'user', content: prompt }] },
  ];
  for (const change of different) expect([change, (await ask('openai-chat', { prompt, change })).headers['x-cache']]).toEqual([change, 'miss']);
  const same = [{ stream: true }, { stream_options: { include_usage: true } }, message([{ type: 'text', text: prompt }])];
  for (const change of same) expect([change, (await ask('openai-chat', { prompt, change })).headers['x-cache']]).toEqual([change, 'hit']);
  for (const change of [{ n: 2 }, { logprobs: true }]) expect((await ask('openai-chat', { prompt, change })).headers['x-cache']).toBeUndefined();
});

test('bodies that are no requests are answered as ever', async () => {
  for (const body of ['null', '7', '[]', '{"model":"offline","messages":[null]}', '{"model":"offline","messages":[{"role":"user","content":[null]}]}']) {
    const { status } = await request(`${gateway.url}/v1/chat/completions`, { body, headers: allow });
    expect([body, status]).toEqual([body, 400]);
  }
  for (const body of ['null', '[]', '{"contents":[null],"generationConfig":5,"systemInstruction":null}']) {
    const { status } = await request(`${gateway.url}/v1beta/models/offline:generateContent`, { body, headers: allow });
    expect([body, status]).toEqual([body, 400]);
  }
});

test('a client that leaves keeps nothing half', async () => {
  const leave = () => ask('claude', { model: 'offline-pace-50', prompt: 'Say 200 words slowly', stream: true, onChunk: (_, call) => call.destroy() });
  const before = await asked();
  for (let times = 0; times < 2; times += 1) expect((await leave()).headers['x-cache']).toBe('miss');
  expect(await asked()).toBe(before + 2);
});

test('where clients bring their own keys, answers are theirs alone', async () => {
  const open = await startGateway({ UPSTREAM_URL: provider.url, CACHE_DIR: path.join(folder, 'open') });
  const as = async (key) => (await ask('openai-chat', { url: open.url, prompt: 'Say 4 words', headers: { ...allow, authorization: `Bearer ${key}` } })).headers['x-cache'];
  expect([await as('ada'), await as('ada'), await as('bob'), await as('bob')]).toEqual(['miss', 'hit', 'miss', 'hit']);
  await open.stop();
  expect(fs.readdirSync(path.join(folder, 'open')).length).toBeGreaterThan(0);
});

test('the folder outlives the gateway, Redis is for several, CACHE=off is for none', async () => {
  const prompt = 'Say 8 words for later';
  const first = await startGateway(environment({ CACHE_DIR: path.join(folder, 'later') }));
  await ask('claude', { url: first.url, prompt, stream: true });
  expect(await first.stop()).toEqual({ code: 0, signal: null });
  const second = await startGateway(environment({ CACHE_DIR: path.join(folder, 'later') }));
  expect((await ask('claude', { url: second.url, prompt })).headers['x-cache']).toBe('hit');
  expect(JSON.parse((await get(`${second.url}/stats`)).text).hits).toEqual({ l1: 0, l2: 0, l3: 1 });

  const redis = await startRedis();
  const hosts = await Promise.all(['a', 'b'].map((name) => startGateway(environment({ REDIS_URL: redis.url, CACHE_DIR: path.join(folder, name) }))));
  expect((await ask('gemini', { url: hosts[0].url, prompt })).headers['x-cache']).toBe('miss');
  expect((await ask('gemini', { url: hosts[1].url, prompt, stream: true })).headers['x-cache']).toBe('hit');
  const stats = async () => JSON.parse((await get(`${hosts[1].url}/stats`)).text);
  expect((await stats()).hits).toMatchObject({ l2: 1 });
  // the answer came from Redis: the disk may still be opening
  await until(async () => (await stats()).health.disk === 'up');
  expect((await stats()).health).toEqual({ redis: 'up', disk: 'up' });

  const none = await startGateway(environment({ CACHE: 'off' }));
  for (let times = 0; times < 2; times += 1) expect((await ask('claude', { url: none.url, prompt })).headers['x-cache']).toBeUndefined();
  expect((await get(`${none.url}/stats`)).status).toBe(404);
});

test('/stats and /metrics tell', async () => {
  const { text, headers } = await get(`${gateway.url}/stats`);
  expect(headers['content-type']).toMatch(/^application\/json/);
  const stats = JSON.parse(text);
  expect(stats.totalRequests).toBe(stats.hits.l1 + stats.hits.l2 + stats.hits.l3 + stats.misses);
  expect(stats.hits.l1).toBeGreaterThan(0);
  expect(stats).toMatchObject({ hitRate: expect.stringMatching(/^\d+\.\d\d%$/), health: { redis: 'off', disk: 'up' } });
  const metrics = await get(`${gateway.url}/metrics`);
  expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(metrics.text).toMatch(/^sluice_cache_\w+\{[^}]*name="answers"[^}]*\} [1-9]/m);
});
