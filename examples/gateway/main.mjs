// `npm start`: the gateway with its settings from the environment, in front of a real upstream or of the embedded one.
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { TieredCache } from 'sluice';
import { createGateway } from './server.mjs';
import { createLimits } from './limits.mjs';
import { startProvider } from './provider.mjs';
import { createUsage } from './usage.mjs';
import { upstream, upstreamFormats } from './upstreams.mjs';

const usage = `Settings, all from the environment:
  PORT, HOST               where it listens (8787 on 127.0.0.1)
  UPSTREAM_URL             the upstream; without it an embedded one answers, offline
  UPSTREAM_FORMAT          ${upstreamFormats.join(', ')}
                           (openai-chat)
  UPSTREAM_KEY             its key; without it the client's key is passed on
  UPSTREAM_MODEL           the model to ask for, whatever clients say
  UPSTREAM_FALLBACK_URL    asked when the first upstream fails before its first byte;
                           also UPSTREAM_FALLBACK_FORMAT, UPSTREAM_FALLBACK_KEY
  UPSTREAM_IDLE_MS         how long an upstream may be silent (60000)
  MAX_BODY_BYTES           of a request (33554432)
  HEARTBEAT_MS             between comments in a silent stream (15000)
  TOKENS_PER_SECOND        of the embedded upstream, 0: as fast as it can (100)
  REPLAY_DIR               recorded streams that the embedded upstream plays: FORMAT/NAME.sse
  CACHE                    off: every answer is asked for (on: answers of temperature 0, and of requests
                           that say x-cache: allow, are kept in memory and on disk)
  CACHE_DIR                the folder on disk (one of this user's in the folder for temporary files)
  CACHE_TTL                how long answers are kept, in seconds (3600)
  REDIS_URL                keeps them in Redis too, for all gateways, and the limit of each client
  USAGE                    off: no records (on: a line of JSON for each answered request)
  USAGE_DIR                the folder of usage.ndjson (one of this user's in the folder for temporary files)
  RATE_LIMIT               requests a minute for each client, by its key; 0: as many as it likes (600)
  UPSTREAM_CONCURRENCY     requests at once to an upstream, to begin with: up to four times as many while it
                           copes, fewer while it fails; 0: as many as come (64)
  UPSTREAM_QUEUE           requests that may wait for an upstream (1000)
  UPSTREAM_WAIT_MS         for how long each of them (10000)
  LOG                      1: a line of JSON for each request
Arguments:
  --check                  sends requests of every dialect to every upstream format, prints a table, exits`;

function whole(name, fallback) {
  const text = process.env[name];
  if (text === undefined || text === '') return fallback;
  if (!/^\d+$/.test(text)) throw new TypeError(`${name} must be a whole number, got ${text}`);
  return Number(text);
}

/** What gateways share, if anything. */
const redisOf = (env) => (env.REDIS_URL ? { url: env.REDIS_URL, keyPrefix: 'sluice-gateway:' } : undefined);

/** Where answers are kept; null: nowhere. */
function cacheOf(env) {
  if (env.CACHE === 'off') return null;
  if (env.CACHE && env.CACHE !== 'on') throw new TypeError(`CACHE must be on or off, got ${env.CACHE}`);
  return new TieredCache({
    name: 'answers',
    memory: { maxBytes: 64 * 1024 * 1024 },
    disk: env.CACHE_DIR || join(tmpdir(), `sluice-gateway-${userInfo().username}`),
    redis: redisOf(env) ?? false,
  });
}

/** Where requests are recorded; null: nowhere. */
function usageOf(env, log) {
  if (env.USAGE === 'off') return null;
  if (env.USAGE && env.USAGE !== 'on') throw new TypeError(`USAGE must be on or off, got ${env.USAGE}`);
  return createUsage({ dir: env.USAGE_DIR || join(tmpdir(), `sluice-gateway-usage-${userInfo().username}`), log });
}

async function main() {
  const { env } = process;
  const usage = usageOf(env, (entry) => console.error(JSON.stringify(entry)));
  const cache = cacheOf(env);
  cache?.on('degraded', (tier, error) => console.error(`cache: ${tier} is away: ${error.message}`));
  cache?.on('recovered', (tier) => console.error(`cache: ${tier} is back`));
  const format = env.UPSTREAM_FORMAT || 'openai-chat';
  const idleTimeoutMs = whole('UPSTREAM_IDLE_MS', 60_000);
  let provider = null;
  if (!env.UPSTREAM_URL)
    provider = await startProvider({
      tokensPerSecond: whole('TOKENS_PER_SECOND', 100),
      replayDir: env.REPLAY_DIR || undefined,
    });
  const upstreams = [
    upstream({
      url: env.UPSTREAM_URL || provider.url,
      format,
      key: env.UPSTREAM_KEY,
      model: env.UPSTREAM_MODEL,
      // Its port is another one each time.
      name: provider ? 'embedded' : undefined,
      idleTimeoutMs,
    }),
  ];
  if (env.UPSTREAM_FALLBACK_URL) {
    upstreams.push(
      upstream({
        url: env.UPSTREAM_FALLBACK_URL,
        format: env.UPSTREAM_FALLBACK_FORMAT || format,
        key: env.UPSTREAM_FALLBACK_KEY ?? env.UPSTREAM_KEY,
        model: env.UPSTREAM_MODEL,
        idleTimeoutMs,
      }),
    );
  }
  const limits = createLimits({
    upstreams,
    perMinute: whole('RATE_LIMIT', 600),
    concurrency: whole('UPSTREAM_CONCURRENCY', 64),
    maxQueue: whole('UPSTREAM_QUEUE', 1000),
    waitMs: whole('UPSTREAM_WAIT_MS', 10_000),
    redis: redisOf(env),
    log: (line) => console.error(line),
  });
  const gateway = createGateway({
    upstreams,
    limits,
    cache,
    cacheTtl: whole('CACHE_TTL', 3600),
    usage,
    maxBodyBytes: whole('MAX_BODY_BYTES', 32 * 1024 * 1024),
    heartbeatMs: whole('HEARTBEAT_MS', 15_000),
    log: env.LOG === '1' ? (entry) => console.error(JSON.stringify(entry)) : undefined,
  });
  const url = await gateway.listen(whole('PORT', 8787), env.HOST || '127.0.0.1');

  let closing = false;
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, async () => {
      // Asked twice, or a close that hangs: now.
      if (closing) process.exit(1);
      closing = true;
      await gateway.close();
      await usage?.close();
      await cache?.close();
      await limits?.close();
      await provider?.close();
      process.exit(0);
    });
  }

  console.log(`gateway on ${url}
  POST /v1/chat/completions
  POST /v1/responses
  POST /v1/messages
  POST /v1beta/models/MODEL:generateContent, :streamGenerateContent?alt=sse
  GET  /healthz, /stats, /metrics
cache: ${cache === null ? 'off' : `memory and disk${env.REDIS_URL ? ' and Redis' : ''}`}
usage: ${usage === null ? 'off' : usage.path}
limits: ${limits === null ? 'off' : limits.text}
upstream: ${upstreams.map((one) => `${one.url} (${one.format})`).join(', then ')}${provider ? ', embedded and offline' : ''}
try: curl -N ${url}/v1/chat/completions -H 'content-type: application/json' -d '{"model":"offline","stream":true,"messages":[{"role":"user","content":"Say 30 words about rivers"}]}'`);
}

if (process.argv.includes('--help')) {
  console.log(usage);
} else if (process.argv.includes('--check')) {
  const { check } = await import('./check.mjs');
  process.exit((await check()) ? 0 : 1);
} else {
  await main();
}
