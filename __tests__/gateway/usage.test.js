'use strict';
// Usage records: a line for each answered request, exactly one, whatever befalls the gateway.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { BatchBuffer } = require('sluice');
const { dialects, get, request, send, startGateway, startProvider, stopAll, until } = require('./support');

let provider;
let scratch;
let folders = 0;
const folder = () => path.join(scratch, `usage-${(folders += 1)}`);
beforeAll(async () => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-gateway-usage-'));
  provider = await startProvider();
});
afterAll(() => {
  stopAll();
  fs.rmSync(scratch, { recursive: true, force: true });
});

const start = (dir, env) => startGateway({ UPSTREAM_URL: provider.url, USAGE: 'on', USAGE_DIR: dir, CACHE_DIR: path.join(dir, 'cache'), ...env });
const linesOf = (dir) => fs.readFileSync(path.join(dir, 'usage.ndjson'), 'utf8').split('\n').filter(Boolean);
const recordsOf = (dir) => linesOf(dir).map((line) => JSON.parse(line));
/** What /stats says of the records, once so many lines are written and counted. */
async function usageOf(gateway, lines) {
  let usage;
  await until(async () => {
    ({ usage } = JSON.parse((await get(`${gateway.url}/stats`)).text));
    return usage.lines >= lines;
  });
  return usage;
}
const idOf = ({ headers }) => headers['x-request-id'];
const names = Object.keys(dialects);

/** Input and output tokens that an answer tells its client, read here; null for what it does not tell. */
function tokensOf(dialect, text, stream) {
  const bodies = stream
    ? text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)))
    : [JSON.parse(text)];
  let [input, output] = [null, null];
  for (const body of bodies) {
    const usage = body.usage ?? body.usageMetadata ?? body.message?.usage ?? body.response?.usage;
    input = usage?.prompt_tokens ?? usage?.input_tokens ?? usage?.promptTokenCount ?? input;
    // Claude counts what came from its cache apart
    if (dialect === 'claude' && usage) input += (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
    output = usage?.completion_tokens ?? usage?.output_tokens ?? usage?.candidatesTokenCount ?? output;
  }
  return { input, output };
}

test('each answered request has one record that says what it was', async () => {
  const dir = folder();
  const gateway = await start(dir);
  const asked = [];
  const ask = async (expected, dialect, options) => {
    const answer = await send(gateway.url, dialect, options);
    asked.push([idOf(answer), { client: dialect, model: 'offline', status: 200, cached: false, ...expected }, answer]);
    return answer;
  };
  for (const dialect of names) {
    for (const stream of [true, false]) {
      const prompt = `Say 9 words for ${dialect} ${stream}`;
      const answer = await ask({ stream }, dialect, { stream, prompt, headers: { 'x-cache': 'allow' } });
      const told = tokensOf(dialect, answer.text, stream);
      if (told.output !== null) Object.assign(asked.at(-1)[1], { inputTokens: told.input, outputTokens: told.output });
      await ask({ stream, cached: true }, dialect, { stream, prompt, headers: { 'x-cache': 'allow' } });
    }
    await ask({ status: 500, model: 'offline-status-500', stream: true }, dialect, { model: 'offline-status-500' });
  }
  const wrong = await request(`${gateway.url}/v1/messages`, { body: '{"model": what}' });
  asked.push([idOf(wrong), { client: 'claude', model: null, status: 400, inputTokens: null, outputTokens: null }]);
  const nowhere = await get(`${gateway.url}/v2/unheard`);
  asked.push([idOf(nowhere), { client: 'openai-chat', status: 404, model: null }]);
  const left = await send(gateway.url, 'claude', { model: 'offline-pace-20', prompt: 'Say 500 words', onChunk: (_, call) => call.destroy() });
  asked.push([idOf(left), { client: 'claude', status: 499, stream: true }]);
  expect((await get(`${gateway.url}/healthz`)).headers['x-request-id']).toBeUndefined();

  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  const records = new Map(recordsOf(dir).map((record) => [record.id, record]));
  expect(linesOf(dir)).toHaveLength(asked.length);
  for (const [id, expected] of asked) expect(records.get(id)).toMatchObject(expected);
  for (const record of records.values()) {
    expect(Object.keys(record)).toEqual(['id', 'time', 'client', 'model', 'inputTokens', 'outputTokens', 'ms', 'status', 'cached', 'stream']);
    expect(Date.now() - Date.parse(record.time)).toBeLessThan(60_000);
    expect(Number.isInteger(record.ms)).toBe(true);
  }
  // some dialects do tell their clients
  expect(asked.filter(([, { outputTokens }]) => outputTokens > 0).length).toBeGreaterThan(3);
});

test('after a kill each record is one line, whether it was written before or not, behind a line that was torn', async () => {
  const dir = folder();
  fs.mkdirSync(dir);
  const record = (at) => ({ id: `request-${at}`, time: '2026-11-21T20:00:00.000Z', ms: at });
  const line = (at) => `${JSON.stringify(record(at))}\n`;
  // what a gateway leaves that dies with six records accepted, after the write of some of them
  const buffer = new BatchBuffer(null, { name: 'usage', durable: path.join(dir, 'queue') });
  const old = `${line('old').repeat(3)}`;
  for (const at of [1, 2, 3, 4, 5, 6]) await buffer.enqueue({ offset: old.length, record: record(at) }, { key: `request-${at}` });
  expect((await buffer.close({ timeoutMs: 0 })).kept).toBe(6);
  fs.writeFileSync(path.join(dir, 'usage.ndjson'), old + line(1) + line(2) + line(4) + line(5).slice(0, 12));

  const gateway = await start(dir);
  const answer = await send(gateway.url, 'claude', { stream: false });
  expect(await usageOf(gateway, 4)).toMatchObject({ repeats: 3, lines: 4, lost: 0 });
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  const lines = linesOf(dir);
  expect(lines.slice(0, 7)).toEqual([...(old + line(1) + line(2) + line(4)).trimEnd().split('\n'), line(5).slice(0, 12)]);
  expect(lines.slice(7, 10)).toEqual([3, 5, 6].map((at) => line(at).trimEnd()));
  expect(lines.slice(10).map((text) => JSON.parse(text).id)).toEqual([idOf(answer)]);
});

test('two gateways on one folder; one is killed, the other takes its records over or the next start does', async () => {
  const dir = folder();
  const gateways = await Promise.all([start(dir, { CACHE: 'off' }), start(dir, { CACHE: 'off' })]);
  const acknowledged = [];
  const load = async (gateway, times) => {
    for (let at = 0; at < times; at += 1) {
      const { headers, cut } = await send(gateway.url, names[at % 4], { stream: at % 2 === 0, prompt: 'Say 5 words' });
      if (!cut) acknowledged.push(headers['x-request-id']);
    }
  };
  await Promise.all(gateways.flatMap((gateway) => [load(gateway, 20), load(gateway, 20)]));
  await gateways[0].stop('SIGKILL');
  expect(await gateways[1].stop()).toEqual({ code: 0, signal: null });
  const third = await start(dir, { CACHE: 'off' });
  await until(() => new Set(recordsOf(dir).map(({ id }) => id)).size >= acknowledged.length);
  await third.stop();
  const ids = recordsOf(dir).map(({ id }) => id);
  expect(ids.length).toBe(new Set(ids).size);
  expect(ids.sort()).toEqual(acknowledged.sort());
});

test('answers go on while the file cannot be written, and so do their records when it can', async () => {
  const dir = folder();
  const gateway = await start(dir);
  const file = path.join(dir, 'usage.ndjson');
  fs.rmSync(file);
  fs.mkdirSync(file);
  const answers = await Promise.all([1, 2, 3].map(() => send(gateway.url, 'openai-chat')));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  await until(() => /not written yet/.test(gateway.errors()));
  expect(JSON.parse((await get(`${gateway.url}/stats`)).text).usage).toMatchObject({ size: 3, lines: 0 });
  fs.rmdirSync(file);
  await until(() => fs.existsSync(file) && linesOf(dir).length === 3);
  expect(recordsOf(dir).map(({ id }) => id).sort()).toEqual(answers.map(idOf).sort());
  await gateway.stop();
});

test('/stats and /metrics show the buffer; USAGE=off is none', async () => {
  const dir = folder();
  const gateway = await start(dir, { CACHE: 'off' });
  await Promise.all([1, 2].map(() => send(gateway.url, 'gemini')));
  expect(await usageOf(gateway, 2)).toMatchObject({ accepted: 2, lines: 2, repeats: 0, lost: 0, maxSize: 100_000 });
  const { text } = await get(`${gateway.url}/metrics`);
  expect(text).toMatch(/^# TYPE gateway_usage_lines_total counter\ngateway_usage_lines_total 2$/m);
  expect(text).toMatch(/^sluice_batch_accepted_total\{[^}]*name="usage"[^}]*\} 2$/m);
  await gateway.stop();

  const none = await start(path.join(scratch, 'never'), { USAGE: 'off', CACHE: 'off' });
  await send(none.url, 'gemini');
  expect((await get(`${none.url}/stats`)).status).toBe(404);
  expect((await get(`${none.url}/metrics`)).text).not.toMatch(/gateway_usage/);
  await none.stop();
  expect(fs.existsSync(path.join(scratch, 'never', 'usage.ndjson'))).toBe(false);
});
