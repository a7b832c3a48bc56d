'use strict';
// `npm start`: what it prints, how it stops, and its check.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { get, request, root, send, startGateway, stopAll, until } = require('./support');

afterAll(stopAll);
const main = path.join(root, 'examples', 'gateway', 'main.mjs');

test('prints what it serves, and a curl line that works', async () => {
  const gateway = await startGateway();
  for (const line of [
    'POST /v1/chat/completions',
    'POST /v1/responses',
    'POST /v1/messages',
    'POST /v1beta/models/MODEL:generateContent',
    'GET  /healthz',
  ]) {
    expect(gateway.output()).toContain(line);
  }
  const [, url, header, body] = /^try: curl -N (\S+) -H '([^']+)' -d '([^']+)'$/m.exec(gateway.output());
  expect(header).toBe('content-type: application/json');
  const { status, text } = await request(url, { body });
  expect(status).toBe(200);
  expect(text).toContain('You said');
  expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
});

test('REPLAY_DIR plays recorded streams, which pass byte by byte to clients of their dialect', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-replay-'));
  const event = (name, more) => `event: ${name}\ndata: ${JSON.stringify({ type: name, ...more })}\n\n`;
  const recorded = [
    event('message_start', {
      message: { id: 'msg_1', role: 'assistant', model: 'm', content: [], usage: { input_tokens: 3 } },
    }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Grüße 🦊' }, unheard: 'of' }),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }),
    event('message_stop', {}),
  ].join('');
  fs.mkdirSync(path.join(dir, 'claude'));
  fs.writeFileSync(path.join(dir, 'claude', 'greeting.sse'), recorded);
  fs.writeFileSync(path.join(dir, 'claude', 'other.sse'), event('message_stop', {}));
  const gateway = await startGateway({ UPSTREAM_FORMAT: 'claude', REPLAY_DIR: dir });
  expect((await send(gateway.url, 'claude', { model: 'greeting' })).text).toBe(recorded);
  expect((await send(gateway.url, 'openai-chat', { model: 'greeting' })).text).toContain('"content":"Grüße 🦊"');
  await gateway.stop();
  fs.rmSync(dir, { recursive: true });
});

test.each(['SIGTERM', 'SIGINT'])(
  '%s ends streams in flight within 5 s, with an error frame, and exits 0',
  async (signal) => {
    const gateway = await startGateway({ UPSTREAM_FORMAT: 'claude' });
    let streaming;
    const begun = new Promise((resolve) => {
      streaming = resolve;
    });
    const short = send(gateway.url, 'openai-chat', {
      model: 'offline-pace-20',
      prompt: 'Say 20 words',
      onChunk: () => streaming(),
    });
    const endless = ['openai-chat', 'openai-responses', 'claude', 'gemini'].map((dialect) =>
      send(gateway.url, dialect, { model: 'offline-pace-20', prompt: 'Say 2000 words' }),
    );
    await begun;
    const started = performance.now();
    const exit = await gateway.stop(signal);
    expect(performance.now() - started).toBeLessThan(30_000);
    expect(exit).toEqual({ code: 0, signal: null });
    // What could end in time did.
    expect((await short).text).toContain('[DONE]');
    for (const { status, text } of await Promise.all(endless)) {
      expect(status).toBe(200);
      expect(text).toMatch(/shutting down/);
    }
  },
);
test('a request that waits for its upstream is told', async () => {
  const gateway = await startGateway();
  const waiting = send(gateway.url, 'claude', { model: 'offline-silent' });
  await until(async () => JSON.parse((await get(`${gateway.url}/healthz`)).text).running === 1);
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  const { status, text } = await waiting;
  expect(status).toBe(529);
  expect(JSON.parse(text).error).toEqual({ type: 'overloaded_error', message: 'the gateway is shutting down' });
});
test('a stopped gateway that is idle exits at once', async () => {
  const gateway = await startGateway();
  await send(gateway.url, 'claude', { stream: false });
  const started = performance.now();
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  // those that run get 2500 ms
  expect(performance.now() - started).toBeLessThan(2400);
});
test('settings that make no sense are refused', () => {
  for (const env of [{ PORT: 'eighty' }, { UPSTREAM_FORMAT: 'cobol' }, { USAGE: 'maybe' }]) {
    const { status, stderr } = spawnSync(process.execPath, [main], {
      env: { PATH: process.env.PATH, ...env },
      encoding: 'utf8',
      timeout: 240_000,
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/PORT must be a whole number|unknown upstream format cobol|USAGE must be on or off/);
  }
});

function check(shared) {
  return spawnSync(process.execPath, [main, '--check'], {
    env: { PATH: process.env.PATH, SLUICE_SHARED: shared },
    encoding: 'utf8',
    timeout: 240_000,
  });
}
test('--check passes, over all recorded streams that are there', () => {
  const shared = path.resolve(process.env.SLUICE_SHARED ?? path.join(root, '..', 'shared'));
  const { status, stdout } = check(shared);
  expect(stdout).toMatch(/all as they should be/);
  expect(stdout).not.toMatch(/FAIL|PART|WRONG/);
  expect(stdout).toMatch(/^4 requests above the limit of their key: 429, retry-after: \d+$/m);
  const streams = path.join(shared, 'data', 'streams');
  const recorded = fs.existsSync(streams)
    ? fs.readdirSync(streams, { recursive: true }).filter((file) => file.endsWith('.sse'))
    : [];
  expect(stdout).toContain(` and ${recorded.length} recorded streams`);
  expect(status).toBe(0);
});
test('--check fails when a stream does not come out as it went in', () => {
  const shared = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-check-'));
  fs.mkdirSync(path.join(shared, 'data', 'streams', 'claude'), { recursive: true });
  fs.writeFileSync(
    path.join(shared, 'data', 'streams', 'claude', 'cut.sse'),
    'event: ping\ndata: {"type":"ping"}\n\nevent: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"no"}}\n\n',
  );
  const { status, stdout } = check(shared);
  fs.rmSync(shared, { recursive: true });
  expect(stdout).toMatch(/WRONG/);
  expect(status).toBe(1);
});
