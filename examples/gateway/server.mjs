// An LLM gateway: four client dialects in front of any upstream. Bodies are read, requests, answers and streams
// converted by sluice; what is left here is HTTP.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { convertRequest, metrics, readDocument, respondWithError } from 'sluice';
import { createAnswers } from './answers.mjs';
import { errorBody, Failure, statusFor } from './errors.mjs';
import { ask, streamAnswer, wholeAnswer } from './exchange.mjs';
import { betaOf, dialectOf, keyOf, routeOf, saying } from './routes.mjs';

/** What is recorded of a request that nobody waited for to the end. */
const CLIENT_LEFT = 499;
const stopping = 'the gateway is shutting down';

function send(res, status, type, body, headers = {}) {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  res.writeHead(status, { 'content-type': type, 'content-length': bytes.length, ...headers });
  res.end(bytes);
}
const sendJson = (res, status, body, headers) => send(res, status, 'application/json; charset=utf-8', body, headers);
/** A whole answer; `array`: as Gemini streams it to who does not ask for events. */
const sendWhole = (res, bytes, { array }) =>
  sendJson(res, 200, array ? Buffer.concat([Buffer.from('['), bytes, Buffer.from(']')]) : bytes);
const eventStream = { 'cache-control': 'no-cache', 'x-accel-buffering': 'no' };

/**
 * The gateway over `upstreams`, in the order in which they are asked. `log` hears of each request when it is over.
 * Answers are kept in `cache` for `cacheTtl` seconds, records go to `usage`, `limits` holds back clients and requests; all three
 * are the caller's to close.
 */
export function createGateway({ upstreams, cache = null, cacheTtl, usage = null, limits = null, maxBodyBytes = 32 * 1024 * 1024, heartbeatMs = 15_000, log = () => {} }) {
  const answers = createAnswers({ cache, upstreams, ttl: cacheTtl, log });
  const running = new Set();
  let closing = false;

  /** Reads the request, asks one upstream after the other, answers. Returns what is to be logged. */
  async function serve(req, res, route, run) {
    const { signal } = run.stop;
    const document = await readDocument(req, { maxBytes: maxBodyBytes, timeoutMs: 60_000, signal });
    try {
      const asked = route.model ?? document.get('/model');
      if (typeof asked !== 'string' || asked === '')
        throw new Failure(400, 'you must provide a model', { param: 'model' });
      const stream = route.client === 'gemini' ? route.stream : document.get('/stream') === true;
      Object.assign(run, { model: asked, stream });
      const key = await answers.keyOf(req, route, asked, document);
      const kept = key && (await answers.find(key, { client: route.client, stream, signal }));
      if (key !== null) res.setHeader('x-cache', kept ? 'hit' : 'miss');
      if (kept) {
        await run.record({ cached: true, usage: kept.message.usage });
        if (stream) send(res, 200, 'text/event-stream; charset=utf-8', kept.bytes, eventStream);
        else sendWhole(res, kept.bytes, route);
        return { model: asked, stream, cache: 'hit', usage: kept.message.usage };
      }
      for (const [index, upstream] of upstreams.entries()) {
        const model = upstream.model ?? asked;
        try {
          const source = route.client === 'gemini' && upstream.asks !== 'gemini' ? saying(document, stream) : document;
          const body = convertRequest(source, { from: route.client, to: upstream.asks, model, lossy: true });
          const headers = upstream.asks === route.client ? betaOf(req) : {};
          const exchange = async () => {
            run.response = await ask(upstream, body, {
              model,
              stream: stream || upstream.streamsOnly,
              key: keyOf(req),
              headers,
              signal,
            });
            return stream
              ? { message: await streamAnswer(upstream, run.response, res, { client: route.client, heartbeatMs }) }
              : wholeAnswer(upstream, run.response, route);
          };
          const { message, bytes } = await (limits === null ? exchange() : limits.upstream(upstream, exchange, signal));
          // The last byte waits for the record; everything before it is with the client already.
          await run.record({ model, status: res.destroyed ? CLIENT_LEFT : 200, usage: message.usage });
          if (stream) res.end();
          else sendWhole(res, bytes, route);
          if (key !== null) await answers.keep(key, message);
          return { model, stream, upstream: upstream.url, usage: message.usage, error: message.error?.message };
        } catch (error) {
          run.response?.destroy();
          run.response = null;
          const another = error.retryable === true && index + 1 < upstreams.length && !run.stopped && !signal.aborted;
          if (!another) throw error;
          log({ client: route.client, model, upstream: upstream.url, error: error.message, retried: true });
        }
      }
      throw new Failure(503, 'no upstream is configured');
    } finally {
      document.close();
    }
  }

  /** Answers an error in the client's dialect, as far as it can still be heard. */
  async function refuse(req, res, client, error, record) {
    if (res.headersSent || res.destroyed) return void res.destroy();
    if (error instanceof Failure) {
      const status = statusFor(client, error.status);
      await record({ status });
      const headers = error.retryAfter === undefined ? {} : { 'retry-after': error.retryAfter };
      return void sendJson(res, status, errorBody(client, status, error.message, error), headers);
    }
    // Errors of reading have a status or a place, those of converting a pointer; any other is a fault of this program.
    const fault = error.status === undefined && error.pointer === undefined && error.code !== 'ERR_BODY_JSON';
    const status = error.status ?? (fault ? 500 : 400);
    if (fault) log({ client, error: error.stack ?? String(error) });
    await record({ status });
    const body = errorBody(client, status, fault ? 'internal error' : error.message, {
      param: error.pointer,
      code: fault ? null : error.code,
    });
    if (error.status === undefined) return void sendJson(res, status, body);
    await respondWithError(req, res, error, { body, headers: { 'content-type': 'application/json; charset=utf-8' } });
  }

  async function answer(req, res) {
    const started = performance.now();
    const id = randomUUID();
    // A request that runs: it is stopped when its client leaves, or with the gateway.
    const run = { stop: new AbortController(), stopped: false, response: null, record };
    let recorded = usage === null;
    /** The request's record, once, whoever is first to know how it ends. */
    async function record({ model = run.model ?? route.model ?? null, cached = false, status = 200, usage: tokens }) {
      if (recorded) return;
      recorded = true;
      await usage.record({
        id,
        time: new Date().toISOString(),
        client: route.client,
        model,
        inputTokens: tokens?.inputTokens ?? null,
        outputTokens: tokens?.outputTokens ?? null,
        ms: Math.round(performance.now() - started),
        status,
        cached,
        stream: run.stream ?? null,
      });
    }
    let route = { client: dialectOf(req.url) };
    let outcome = {};
    running.add(run);
    res.on('close', () => {
      if (!res.writableFinished) run.stop.abort();
    });
    res.setHeader('x-request-id', id);
    if (closing) res.setHeader('connection', 'close');
    try {
      route = routeOf(req);
      if (route.unknown) throw new Failure(404, `unknown path: ${req.method} ${req.url}`);
      if (req.method !== 'POST') throw new Failure(405, `${req.method} is not allowed here`);
      await limits?.client(req, res);
      outcome = await serve(req, res, route, run);
    } catch (error) {
      outcome = { error: res.destroyed ? 'the client left' : error.message };
      const known = run.stopped ? new Failure(503, stopping) : error;
      await refuse(req, res, route.client, known, record).catch(() => res.destroy());
    }
    await record({ status: CLIENT_LEFT });
    running.delete(run);
    log({ id, client: route.client, status: res.statusCode, ms: Math.round(performance.now() - started), ...outcome });
  }

  const server = createServer((req, res) => {
    if (req.method === 'GET' && req.url === '/healthz') {
      const health = {
        status: closing ? 'closing' : 'ok',
        running: running.size,
        upstreams: upstreams.map(({ format }) => format),
      };
      sendJson(res, closing ? 503 : 200, JSON.stringify(health));
    } else if (req.method === 'GET' && req.url === '/stats' && (cache ?? usage ?? limits) !== null) {
      const answered = cache && { ...cache.getStats(), health: cache.health() };
      sendJson(res, 200, JSON.stringify({ ...answered, ...(usage && { usage: usage.stats() }), ...(limits && { limits: limits.stats() }) }));
    } else if (req.method === 'GET' && req.url === '/metrics') {
      send(res, 200, 'text/plain; version=0.0.4; charset=utf-8', metrics() + (usage?.metrics() ?? ''));
    } else {
      answer(req, res);
    }
  });

  return {
    server,
    async listen(port = 0, host = '127.0.0.1') {
      server.listen(port, host);
      await once(server, 'listening');
      return `http://${host}:${server.address().port}`;
    },
    /** Takes no more requests, gives those that run `graceMs`, then ends their streams with an error frame. */
    async close(graceMs = 2500) {
      closing = true;
      const closed = once(server, 'close');
      server.close();
      const deadline = performance.now() + graceMs;
      while (running.size > 0 && performance.now() < deadline) {
        server.closeIdleConnections();
        await sleep(50);
      }
      for (const run of running) {
        run.stopped = true;
        if (run.response) run.response.destroy(new Error(stopping));
        else run.stop.abort();
      }
      // Time for the last frames to leave; a client that does not read them is not waited for.
      for (let waited = 0; running.size > 0 && waited < 1000; waited += 50) await sleep(50);
      await sleep(50);
      server.closeAllConnections();
      for (const upstream of upstreams) upstream.close();
      await closed;
    },
  };
}
