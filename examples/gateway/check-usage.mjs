// The part of `--check` that kills: a gateway of its own answers clients of all dialects, is killed with SIGKILL in the
// middle, starts again on the same folder, and in the end every answer that a client has received to its end has exactly
// one line in `usage.ndjson`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dialects, requestOf } from './plain.mjs';
import { startProvider } from './provider.mjs';
import { createUsage } from './usage.mjs';

const main = fileURLToPath(new URL('main.mjs', import.meta.url));
const KILLS = 2;
const CLIENTS_OF_EACH = 3;
/** Answers after which the gateway is killed, and how many the last one gives before it is asked to stop. */
const ANSWERS = 60;

/** A gateway as `npm start` runs it; resolves when it listens. */
async function startGateway(env) {
  const child = spawn(process.execPath, [main], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let output = '';
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4000);
  });
  const url = await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const [, at] = /gateway on (\S+)\n/.exec(output) ?? [];
      if (at) resolve(at);
    });
    exited.then(([code, signal]) => reject(new Error(`the gateway ended with ${code ?? signal}: ${errors}`)));
  });
  return {
    url,
    async stop(signal) {
      child.kill(signal);
      return (await exited)[0];
    },
  };
}

/** Clients of all dialects that ask until they are told to stop or the gateway is gone; `acknowledged` hears of each end. */
async function load(url, acknowledged, stopped) {
  const client = async (dialect, number) => {
    for (let at = 0; !stopped(); at += 1) {
      const [path, body] = requestOf(dialect, { prompt: 'Say 20 words', stream: (at + number) % 2 === 0 });
      try {
        const response = await fetch(url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(30_000),
        });
        await response.text();
        acknowledged(dialect, response.headers.get('x-request-id'), response.status);
      } catch {
        return;
      }
    }
  };
  await Promise.all(dialects.flatMap((dialect) => Array.from({ length: CLIENTS_OF_EACH }, (_, number) => client(dialect, number))));
}

/** How long a record takes until it is on disk: the middle one of some, in ms. */
async function acceptMs(dir) {
  const usage = createUsage({ dir });
  const times = [];
  for (let at = 0; at < 20; at += 1) {
    const start = performance.now();
    await usage.record({ id: `measured-${at}` });
    times.push(performance.now() - start);
  }
  await usage.close();
  return times.sort((a, b) => a - b)[times.length / 2].toFixed(1);
}

/** `{ row, kills, acknowledged, missing, twice, acceptMs }`; what is wrong is added to `failures`. */
export async function killed(failures) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-check-'));
  const provider = await startProvider({ tokensPerSecond: 2000 });
  const env = { PORT: '0', HOST: '127.0.0.1', CACHE: 'off', USAGE: 'on', USAGE_DIR: join(folder, 'usage'), UPSTREAM_URL: provider.url, UPSTREAM_FORMAT: 'openai-chat', UPSTREAM_FALLBACK_URL: '', RATE_LIMIT: '0' };
  const ids = new Map();
  const fail = (text) => failures.push(`recorded, gateway killed: ${text}`);
  const result = { row: {}, kills: 0, acknowledged: 0, missing: 0, twice: 0, acceptMs: '?' };
  let gateway;
  try {
    for (let life = 0; life <= KILLS; life += 1) {
      gateway = await startGateway(env);
      let answers = 0;
      let enough;
      const reached = new Promise((resolve) => {
        enough = resolve;
      });
      const acknowledged = (dialect, id, status) => {
        if (status !== 200) fail(`${dialect}: status ${status}`);
        ids.set(id, dialect);
        answers += 1;
        if (answers >= ANSWERS) enough();
      };
      const last = life === KILLS;
      const running = load(gateway.url, acknowledged, () => last && answers >= ANSWERS);
      // a load that ends before that has failed; what it has acknowledged is checked all the same
      await Promise.race([reached, running]);
      if (answers < ANSWERS) fail(`only ${answers} answers`);
      if (last) await running;
      const code = await gateway.stop(last ? 'SIGTERM' : 'SIGKILL');
      if (last && code !== 0) fail(`the last gateway ended with ${code}`);
      result.kills += last ? 0 : 1;
      await running;
    }
    const lines = new Map();
    for (const line of readFileSync(join(env.USAGE_DIR, 'usage.ndjson'), 'utf8').split('\n').filter(Boolean)) {
      const { id } = JSON.parse(line);
      lines.set(id, (lines.get(id) ?? 0) + 1);
    }
    result.acknowledged = ids.size;
    result.twice = [...lines.values()].filter((count) => count > 1).length;
    if (result.twice > 0) fail(`${result.twice} requests have more than one record`);
    for (const dialect of dialects) {
      const own = [...ids].filter(([, asked]) => asked === dialect);
      const missing = own.filter(([id]) => !lines.has(id)).length;
      result.missing += missing;
      if (missing > 0) fail(`${dialect}: ${missing} of ${own.length} acknowledged requests have no record`);
      result.row[dialect] = missing === 0 && result.twice === 0 ? `ok ${own.length}` : 'FAIL';
    }
    result.acceptMs = await acceptMs(join(folder, 'measured'));
  } catch (error) {
    fail(error.message);
  } finally {
    await gateway?.stop('SIGKILL');
    await provider.close();
    rmSync(folder, { recursive: true, force: true });
  }
  for (const dialect of dialects) result.row[dialect] ??= 'FAIL';
  return result;
}
