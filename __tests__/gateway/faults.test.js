'use strict';
// Upstreams that fail before, between and inside frames, and clients that leave.
const {
  eventsOf,
  request,
  send,
  startGateway,
  startProvider,
  stopAll,
  until,
  upstreamFormats,
  dialects,
} = require('./support');

afterAll(stopAll);
const names = Object.keys(dialects);

/** The message of the error that a stream carries in its dialect, null when it carries none. */
function errorIn(dialect, text) {
  for (const event of eventsOf(text)) {
    if (dialect === 'openai-responses' && event.type === 'error') return event.message ?? event.error.message;
    if (dialect === 'openai-responses' && event.type === 'response.failed') return event.response.error.message;
    if (dialect === 'claude' && event.type === 'error') return event.error.message;
    if ((dialect === 'openai-chat' || dialect === 'gemini') && event.error) return event.error.message;
  }
  return null;
}
const ended = {
  'openai-chat': /"finish_reason":"|\[DONE\]/,
  'openai-responses': /response\.completed/,
  claude: /message_stop/,
  gemini: /"finishReason"/,
};
// Paced, so that what comes before the fault has left by then.
const prompt = 'Say 30 words';

describe.each(upstreamFormats)('upstream %s', (format) => {
  let gateway;
  let provider;
  beforeAll(async () => {
    provider = await startProvider();
    gateway = await startGateway({ UPSTREAM_URL: provider.url, UPSTREAM_FORMAT: format, UPSTREAM_IDLE_MS: '700' });
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.stop();
  });

  test.each(names)('an error in mid-stream reaches %s clients, with what came before it', async (dialect) => {
    const { status, text } = await send(gateway.url, dialect, { model: 'offline-error-pace-200', prompt });
    expect(status).toBe(200);
    expect(text).toContain('You said');
    expect(errorIn(dialect, text)).toMatch(/offline provider is overloaded/);
    expect(text).not.toMatch(ended[dialect]);
  });
  test.each(names)('a connection that breaks inside a frame is an error for %s clients', async (dialect) => {
    for (const model of ['offline-cutinside-pace-200', 'offline-cut-pace-200']) {
      const { status, text } = await send(gateway.url, dialect, { model, prompt });
      expect({ model, status, said: text.includes('You said') }).toEqual({ model, status: 200, said: true });
      expect(errorIn(dialect, text)).not.toBeNull();
      expect(text).not.toMatch(ended[dialect]);
    }
  });
  test.each(names)('an answer that ends early is not made whole for %s clients', async (dialect) => {
    // Kiro has no end mark: a stream that ends between two frames is whole.
    const models =
      format === 'kiro'
        ? ['offline-truncateinside-pace-200']
        : ['offline-truncate-pace-200', 'offline-truncateinside-pace-200'];
    for (const model of models) {
      const { status, text } = await send(gateway.url, dialect, { model, prompt });
      expect(status).toBe(200);
      // Between formats that are the same, bytes pass: what was cut off arrives as it was, the error after it.
      expect(text).toMatch(/upstream/i);
      expect(text).not.toMatch(ended[dialect]);
    }
  });
  test('an upstream that fails before its first byte is a status', async () => {
    for (const stream of [true, false]) {
      const { status, text } = await send(gateway.url, 'openai-chat', { model: 'offline-hangup', stream });
      expect(status).toBe(502);
      expect(JSON.parse(text).error.type).toBe('server_error');
    }
  });
  test('an error before the first event is a status', async () => {
    const { status, text } = await send(gateway.url, format === 'claude' ? 'openai-chat' : 'claude', {
      model: 'offline-error-first',
    });
    expect(status).toBeGreaterThanOrEqual(429);
    expect(JSON.parse(text).error.message).toMatch(/offline provider is overloaded/);
  });
  test('an upstream that stalls is given up', async () => {
    const started = performance.now();
    const { text } = await send(gateway.url, 'openai-chat', { model: 'offline-stall-pace-200', prompt });
    expect(text).toContain('You said');
    expect(errorIn('openai-chat', text)).not.toBeNull();
    const silent = await send(gateway.url, 'openai-chat', { model: 'offline-silent' });
    expect(silent.status).toBe(504);
    expect(performance.now() - started).toBeLessThan(30_000);
  });
  test('a client that leaves before the first byte cancels the upstream', async () => {
    const before = await provider.stats();
    const stop = new AbortController();
    const leaves = send(gateway.url, 'claude', { model: 'offline-silent', signal: stop.signal });
    await until(async () => (await provider.stats()).open === 1);
    stop.abort();
    await expect(leaves).rejects.toThrow();
    await until(async () => (await provider.stats()).open === 0);
    expect((await provider.stats()).requests).toBe(before.requests + 1);
  });
  test('a client that leaves cancels the upstream', async () => {
    const before = (await provider.stats()).cancelled;
    const leaves = send(gateway.url, 'openai-chat', {
      model: 'offline-pace-50',
      prompt: 'Say 2000 words',
      onChunk: (chunk, call) => call.destroy(),
    });
    await leaves.catch(() => {});
    await until(async () => (await provider.stats()).cancelled === before + 1);
    await until(async () => (await provider.stats()).open === 0);
    expect(JSON.parse((await request(`${gateway.url}/healthz`, { method: 'GET' })).text).running).toBe(0);
  });
});

test('a stream that is silent is kept alive by comments', async () => {
  const gateway = await startGateway({ UPSTREAM_FORMAT: 'claude', HEARTBEAT_MS: '100', UPSTREAM_IDLE_MS: '800' });
  const { status, text } = await send(gateway.url, 'openai-chat', { model: 'offline-stall-pace-200', prompt });
  expect(status).toBe(200);
  expect(text.split(/\n\n/).filter((block) => block.startsWith(':')).length).toBeGreaterThan(3);
  expect(errorIn('openai-chat', text)).not.toBeNull();
  await gateway.stop();
});

describe('a second upstream', () => {
  let first;
  let second;
  let gateway;
  beforeAll(async () => {
    [first, second] = await Promise.all([startProvider(), startProvider({ PROVIDER_FAULTS: '0' })]);
    gateway = await startGateway({
      UPSTREAM_URL: first.url,
      UPSTREAM_FORMAT: 'claude',
      UPSTREAM_FALLBACK_URL: second.url,
      UPSTREAM_FALLBACK_FORMAT: 'gemini',
      UPSTREAM_IDLE_MS: '700',
    });
  });

  test.each([
    ['offline-status-500'],
    ['offline-status-429'],
    ['offline-status-529'],
    ['offline-hangup'],
    ['offline-silent'],
    ['offline-error-first'],
    ['offline-truncate-first'],
    ['offline-cut-first'],
  ])('answers after %s', async (model) => {
    for (const stream of model.endsWith('first') ? [true] : [true, false]) {
      const before = (await second.stats()).requests;
      const { status, text } = await send(gateway.url, 'openai-chat', { model, prompt, stream });
      expect(status).toBe(200);
      expect(text).toContain('You said');
      if (stream) {
        expect(text).toContain('[DONE]');
        expect(errorIn('openai-chat', text)).toBeNull();
      }
      expect((await second.stats()).requests).toBe(before + 1);
    }
  });
  test('is not asked about a mistake of the client, nor once the first has begun', async () => {
    const before = (await second.stats()).requests;
    expect((await send(gateway.url, 'openai-chat', { model: 'offline-status-400' })).status).toBe(400);
    expect(
      errorIn(
        'openai-chat',
        (await send(gateway.url, 'openai-chat', { model: 'offline-error-pace-200', prompt })).text,
      ),
    ).toMatch(/overloaded/);
    expect((await second.stats()).requests).toBe(before);
  });
});
