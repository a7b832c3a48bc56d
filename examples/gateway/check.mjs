// `npm start -- --check`: a streamed and a whole request of every dialect to every upstream format, every recorded
// stream that is there, and answers that come from the cache, each compared with what plain JavaScript reads from it;
// then clients that ask too often, and a gateway that is killed while it answers, whose usage records have to be complete. Prints a table.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TieredCache } from 'sluice';
import { dialects, readBody, readStream, requestOf } from './plain.mjs';
import { limited } from './check-limits.mjs';
import { killed } from './check-usage.mjs';
import { answer } from './provider/answer.mjs';
import { startProvider } from './provider.mjs';
import { createGateway } from './server.mjs';
import { upstream, upstreamFormats } from './upstreams.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const streamsDir = join(process.env.SLUICE_SHARED ?? join(root, '..', 'shared'), 'data', 'streams');

async function post(url, body, { headers, seen } = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text.slice(0, 200)}`);
  seen?.push(response.headers.get('x-cache'));
  return text;
}
/** Runs `work` with a gateway in front of `provider`, on a free port. */
async function withGateway(provider, format, work, cache = null) {
  const gateway = createGateway({ upstreams: [upstream({ url: provider.url, format })], cache, cacheTtl: 60 });
  try {
    return await work(await gateway.listen());
  } finally {
    await gateway.close(0);
  }
}
function difference(name, got, expected) {
  if (got === expected) return null;
  let at = 0;
  while (got[at] === expected[at]) at += 1;
  return `${name} differs at ${at} of ${expected.length}: got ${JSON.stringify(got.slice(at, at + 40))}, expected ${JSON.stringify(expected.slice(at, at + 40))}`;
}
const said = (prompt) => answer({ turns: [{ text: prompt, results: [], images: 0 }] }).text.join('');
const whole = (prompt) => ({ text: said(prompt), reasoning: '', calls: [], finish: 'stop', error: null });
const callsOf = ({ calls }) => JSON.stringify(calls.map((call) => [call.name, JSON.parse(call.arguments || '{}')]));
/** What is wrong with what a client read; a recording without an end has to end in an error. */
function differs(got, expected) {
  if (got.error !== null && expected.finish !== null) return `error: ${got.error}`;
  if (got.error === null && expected.finish === null) return 'a stream that was cut came out whole';
  return (
    difference('text', got.text, expected.text) ??
    difference('reasoning', got.reasoning, expected.reasoning) ??
    difference('calls', callsOf(got), callsOf(expected))
  );
}
async function attempt(failures, where, work) {
  try {
    const problem = await work();
    if (problem === null) return true;
    failures.push(`${where}: ${problem}`);
  } catch (error) {
    failures.push(`${where}: ${error.message}`);
  }
  return false;
}

async function generated(format, failures) {
  const provider = await startProvider();
  const cells = await withGateway(provider, format, async (url) => {
    const row = {};
    for (const dialect of dialects) {
      const prompt = `Say 40 words about ${format} in ${dialect}`;
      const expected = whole(prompt);
      const results = [];
      for (const stream of [true, false]) {
        const [path, body] = requestOf(dialect, { prompt, stream });
        results.push(
          await attempt(failures, `${format} to ${dialect}, ${stream ? 'streamed' : 'whole'}`, async () => {
            const text = await post(url + path, body);
            return differs((stream ? readStream : readBody)(dialect, text), expected);
          }),
        );
      }
      row[dialect] = results.every(Boolean) ? 'ok' : results.some(Boolean) ? 'PART' : 'FAIL';
    }
    return row;
  });
  await provider.close();
  return cells;
}
async function recorded(provider, format, failures) {
  const names = provider.replay.names(format);
  return withGateway(provider, format, async (url) => {
    const row = {};
    for (const dialect of dialects) {
      let good = 0;
      for (const name of names) {
        const expected = readStream(format, readFileSync(join(streamsDir, format, `${name}.sse`), 'utf8'));
        const [path, body] = requestOf(dialect, { model: name, prompt: 'hello', stream: true });
        if (
          await attempt(failures, `${format}/${name} to ${dialect}`, async () =>
            differs(readStream(dialect, await post(url + path, body)), expected),
          )
        )
          good += 1;
      }
      row[dialect] = good === names.length ? `ok ${good}` : `${good} of ${names.length}`;
    }
    return row;
  });
}

/** Asks twice, streamed then whole and the other way round; a third time in another dialect. The upstream hears one. */
async function cached(failures) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-check-'));
  const cache = new TieredCache({ disk: folder });
  const provider = await startProvider();
  const row = {};
  const work = async (url) => {
    for (const [at, dialect] of dialects.entries()) {
      const results = [];
      for (const stream of [true, false]) {
        const where = `cached, ${dialect}, ${stream ? 'streamed then whole' : 'whole then streamed'}`;
        results.push(
          await attempt(failures, where, async () => {
            const prompt = `Say 30 words, ${where}`;
            const before = provider.stats.requests;
            const seen = [];
            const ask = async (as, streamed) => {
              const [path, body] = requestOf(as, { prompt, stream: streamed, limit: 4096 });
              const text = await post(url + path, body, { headers: { 'x-cache': 'allow' }, seen });
              return differs((streamed ? readStream : readBody)(as, text), whole(prompt));
            };
            const other = dialects[(at + 1) % dialects.length];
            return (
              (await ask(dialect, stream)) ??
              (await ask(dialect, !stream)) ??
              (await ask(other, stream)) ??
              difference('x-cache', seen.join(), 'miss,hit,hit') ??
              difference('requests to the upstream', `${provider.stats.requests - before}`, '1')
            );
          }),
        );
      }
      row[dialect] = results.every(Boolean) ? 'hit' : 'FAIL';
    }
    await attempt(failures, 'cached, /stats', async () => {
      const { hits, misses } = await (await fetch(`${url}/stats`)).json();
      return difference('hits and misses', `${hits.l1 + hits.l3},${misses}`, `${4 * dialects.length},${2 * dialects.length}`);
    });
  };
  try {
    await withGateway(provider, 'openai-chat', work, cache);
  } finally {
    await cache.close();
    await provider.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return row;
}

function print(rows) {
  const columns = ['upstream', ...dialects];
  const table = [columns, ...rows.map(([name, row]) => [name, ...dialects.map((dialect) => row[dialect])])];
  const widths = columns.map((_, at) => Math.max(...table.map((line) => line[at].length)));
  for (const line of table)
    console.log(
      line
        .map((cell, at) => cell.padEnd(widths[at]))
        .join('  ')
        .trimEnd(),
    );
}

/** Whether all is as it should be. */
export async function check() {
  const failures = [];
  const rows = [];
  for (const format of upstreamFormats) rows.push([format, await generated(format, failures)]);
  let count = 0;
  if (existsSync(streamsDir)) {
    const provider = await startProvider({ replayDir: streamsDir });
    for (const format of provider.replay.formats) {
      count += provider.replay.names(format).length;
      rows.push([`${format}, recorded`, await recorded(provider, format, failures)]);
    }
    await provider.close();
  }
  rows.push(['cached', await cached(failures)]);
  const limits = await limited(failures);
  rows.push(['asked too often', limits.row]);
  const usage = await killed(failures);
  rows.push(['recorded, gateway killed', usage.row]);
  print(rows);
  console.log(
    `${upstreamFormats.length * dialects.length * 2} answers and ${count} recorded streams in ${dialects.length} dialects, ${6 * dialects.length} answers with the cache: ${failures.length === 0 ? 'all as they should be' : `${failures.length} WRONG`}`,
  );
  console.log(`${limits.refused} requests above the limit of their key: 429, retry-after: ${limits.retryAfter}`);
  console.log(
    `${usage.acknowledged} acknowledged requests, ${usage.kills} gateways killed: ${usage.missing} without a record, ${usage.twice} with more than one; a record takes ${usage.acceptMs} ms until it is on disk`,
  );
  for (const failure of failures) console.log(`  ${failure}`);
  return failures.length === 0;
}
