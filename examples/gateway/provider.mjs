// A provider that needs no network: a loopback server that reads and writes every provider's wire format in plain
// JavaScript. It shares nothing with the addon, so that each checks the other. What it answers is a function of the
// request (provider/answer.mjs); how it fails is in the model's name (provider/misbehave.mjs).
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { answer } from './provider/answer.mjs';
import * as bedrock from './provider/bedrock-converse.mjs';
import * as claude from './provider/claude.mjs';
import * as gemini from './provider/gemini.mjs';
import * as kiro from './provider/kiro.mjs';
import { asked, play } from './provider/misbehave.mjs';
import * as ollama from './provider/ollama.mjs';
import * as openaiChat from './provider/openai-chat.mjs';
import * as openaiResponses from './provider/openai-responses.mjs';
import { eventsOf, recordings } from './provider/replay.mjs';
import { Invalid } from './provider/shape.mjs';

const routes = [
  ['openai-chat', openaiChat, /^\/v1\/chat\/completions$/],
  ['openai-responses', openaiResponses, /^\/v1\/responses$/],
  ['claude', claude, /^\/v1\/messages$/],
  ['gemini', gemini, /^\/v1beta\/models\/([^/:]+):(generateContent|streamGenerateContent)$/],
  ['ollama', ollama, /^\/api\/chat$/],
  ['bedrock-converse', bedrock, /^\/model\/([^/]+)\/(converse|converse-stream)$/],
  ['claude', claude.overAws, /^\/model\/([^/]+)\/(invoke|invoke-with-response-stream)$/],
  ['kiro', kiro, /^\/generateAssistantResponse$/],
];

function find(url) {
  for (const [format, dialect, path] of routes) {
    const match = path.exec(url.pathname);
    if (match)
      return {
        format,
        dialect,
        model: match[1] && decodeURIComponent(match[1]),
        stream: /stream/i.test(match[2] ?? ''),
      };
  }
  return null;
}
async function bodyOf(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw new Invalid('', `We could not parse the JSON body of your request: ${error.message}`);
  }
}
const keyOf = ({ headers }) =>
  headers['x-api-key'] ?? headers['x-goog-api-key'] ?? headers.authorization?.replace(/^Bearer /, '');

function json(res, status, body, headers = {}) {
  const text = JSON.stringify(body);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
  res.end(text);
}

/** Writes one frame after the other: paced, or as fast as the client takes them. False: the client has gone. */
function sender(res, tokensPerSecond) {
  const start = performance.now();
  const gone = new AbortController();
  res.on('close', () => gone.abort());
  let sent = 0;
  return async (frame) => {
    if (res.destroyed) return false;
    if (tokensPerSecond) {
      // Measured from the start, so that late timers do not slow the stream.
      const wait = (sent * 1000) / tokensPerSecond - (performance.now() - start);
      if (wait > 0) await sleep(wait, undefined, { signal: gone.signal }).catch(() => {});
    }
    sent += 1;
    if (res.destroyed) return false;
    if (!res.write(frame)) await once(res, 'drain', { signal: gone.signal }).catch(() => {});
    return !res.destroyed;
  };
}

/**
 * Starts the provider. `tokensPerSecond` 0: as fast as it can; `faults` false: it never misbehaves; `key`: it refuses
 * other keys; `replayDir`: streams are recordings where the format has any.
 */
export async function startProvider({ port = 0, tokensPerSecond = 0, faults = true, key, replayDir } = {}) {
  const replay = replayDir ? recordings(replayDir) : null;
  const stats = { requests: 0, streams: 0, finished: 0, cancelled: 0, refused: 0, open: 0 };

  async function respond(req, res) {
    const url = new URL(req.url, 'http://localhost');
    if (req.method === 'GET' && url.pathname === '/stats') return json(res, 200, stats);
    const route = find(url);
    if (req.method !== 'POST' || route === null)
      return json(res, 404, { error: { message: `no such route: ${req.method} ${url.pathname}` } });
    const { dialect, format } = route;
    stats.requests += 1;
    let request;
    try {
      if (key !== undefined && keyOf(req) !== key) throw new Invalid('', 'invalid API key', 401);
      request = dialect.read(await bodyOf(req), { ...route, headers: req.headers });
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      stats.refused += 1;
      return json(res, error.status, dialect.errorBody(error.status, error.message, error.at || null));
    }
    const { status, pace = tokensPerSecond, first, fault } = faults ? asked(request.model) : {};
    if (status)
      return json(
        res,
        status,
        dialect.errorBody(status, `offline provider answers ${status}`),
        status === 429 ? { 'retry-after': '1' } : {},
      );
    if (fault === 'hangup') return res.destroy();
    if (fault === 'silent') {
      stats.open += 1;
      res.on('close', () => {
        stats.open -= 1;
        stats.cancelled += 1;
      });
      return undefined;
    }

    const recorded = request.stream ? replay?.find(format, request.model) : null;
    const said = answer(request);
    if (!request.stream) return json(res, 200, dialect.whole(request, said));
    res.writeHead(200, { 'content-type': recorded ? 'text/event-stream' : dialect.streamType });
    stats.streams += 1;
    stats.open += 1;
    res.on('close', () => {
      stats.open -= 1;
      if (res.writableFinished) stats.finished += 1;
      else stats.cancelled += 1;
    });
    const frames = recorded ? eventsOf(recorded) : [...dialect.frames(request, said)];
    return play(
      res,
      frames,
      { fault, first, errorFrame: dialect.errorFrame('offline provider is overloaded') },
      sender(res, pace),
    );
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
    respond(req, res).catch((error) => {
      // A client that leaves while its request is read is no fault of ours; anything else is.
      if (res.destroyed || res.headersSent) res.destroy();
      else json(res, 500, { error: { message: String(error?.stack ?? error) } });
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stats,
    replay,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => {});
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { PROVIDER_PORT, PROVIDER_TOKENS_PER_SECOND, PROVIDER_FAULTS, PROVIDER_KEY, REPLAY_DIR } = process.env;
  const provider = await startProvider({
    port: Number(PROVIDER_PORT ?? 0),
    tokensPerSecond: Number(PROVIDER_TOKENS_PER_SECOND ?? 0),
    faults: PROVIDER_FAULTS !== '0',
    key: PROVIDER_KEY,
    replayDir: REPLAY_DIR,
  });
  console.log(`offline provider on ${provider.url}`);
  process.on('SIGTERM', () => provider.close().then(() => process.exit(0)));
}
