// An LLM gateway: four client dialects in front of any upstream. Bodies are read, requests, answers and streams
// converted by sluice; what is left here is HTTP.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { convertRequest, convertResponse, pipeStream, readBody, readDocument, renderMessage, respondWithError, StreamAssembler } from 'sluice';
import { errorBody, Failure, statusFor, upstreamMessage } from './errors.mjs';

const routes = [
  ['openai-chat', /^\/v1\/chat\/completions$/],
  ['openai-responses', /^\/v1\/responses$/],
  ['claude', /^\/v1\/messages$/],
  ['gemini', /^\/v1beta\/models\/([^/:]+):(generateContent|streamGenerateContent)$/],
];

/** The dialect of a request, from its path; Gemini's path also names the model and says whether to stream. */
function routeOf(req) {
  const { pathname, searchParams } = new URL(req.url, 'http://localhost');
  for (const [client, path] of routes) {
    const match = path.exec(pathname);
    if (match === null) continue;
    if (client !== 'gemini') return { client };
    const streams = match[2] === 'streamGenerateContent';
    // Without alt=sse Gemini streams a JSON array, whose elements clients read when it has ended: one element does.
    return { client, model: decodeURIComponent(match[1]), stream: streams && searchParams.get('alt') === 'sse', array: streams };
  }
  return { client: pathname.startsWith('/v1beta') ? 'gemini' : 'openai-chat', unknown: true };
}

/** The key that the client sent, in whichever header its dialect has for it. */
const keyOf = ({ headers }) => headers['x-api-key'] ?? headers['x-goog-api-key'] ?? headers.authorization?.replace(/^Bearer /i, '');

function sendJson(res, status, body, headers = {}) {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': bytes.length, ...headers });
  res.end(bytes);
}

/** An upstream's failure before its first event, as a status. */
function failureOf(error, url) {
  if (error instanceof Failure) return error;
  const options = { retryable: true, cause: error };
  if (error.code === 'ETIMEDOUT' || error.code === 'ERR_TIMEOUT') return new Failure(504, `upstream did not answer: ${error.message}`, options);
  if (error.code === 'ERR_STREAM_UPSTREAM') {
    const said = upstreamMessage(JSON.stringify(error.provider ?? null), error.message);
    const kind = JSON.stringify(error.provider ?? '');
    const status = /rate.?limit|throttl|exhausted/i.test(kind) ? 429 : /overloaded|unavailable/i.test(kind) ? 503 : 502;
    return new Failure(status, said, options);
  }
  return new Failure(502, `upstream ${url} failed: ${error.message}`, options);
}

/** The gateway over `upstreams`, in the order in which they are asked. `log` hears of each request when it is over. */
export function createGateway({ upstreams, maxBodyBytes = 32 * 1024 * 1024, heartbeatMs = 15_000, log = () => {} }) {
  const running = new Set();
  let closing = false;

  /** The upstream's response, or a Failure when it refuses or cannot be reached. */
  async function ask(upstream, body, request) {
    let response;
    try {
      response = await upstream.send(body, request);
    } catch (error) {
      if (error.code === 'ERR_UNSUPPORTED') throw error;
      throw failureOf(error, upstream.url);
    }
    const { statusCode: status, headers } = response;
    if (status >= 200 && status < 300) return response;
    const bytes = await readBody(response, { maxBytes: 1024 * 1024, timeoutMs: 5000 }).catch(() => Buffer.alloc(0));
    // Whatever is the matter with a 3xx, clients of the gateway cannot follow it.
    throw new Failure(status < 400 ? 502 : status, upstreamMessage(bytes, `upstream answered ${status}`), {
      retryAfter: headers['retry-after'],
      retryable: status >= 500 || status === 429 || status === 408,
    });
  }

  /** Streams the answer; throws while nothing has been sent, for the next upstream to try. */
  async function streamAnswer(upstream, response, res, { client }) {
    let early = null;
    const message = await pipeStream(response, res, {
      from: upstream.from,
      to: client,
      framing: upstream.framing,
      heartbeatMs,
      onError(error, { bytesSent }) {
        if (bytesSent > 0) return false;
        early = error;
        return true;
      },
    });
    if (early !== null) throw failureOf(early, upstream.url);
    return message;
  }

  /** Answers in one piece. */
  async function wholeAnswer(upstream, response, res, { client, array }) {
    let bytes;
    let message = null;
    try {
      if (upstream.streamsOnly) {
        const assembler = new StreamAssembler({ from: upstream.from, framing: upstream.framing, reuse: true });
        for await (const chunk of response) assembler.push(chunk);
        assembler.finish();
        message = assembler.message();
        if (message.error) throw message.error;
        if (!message.complete) throw new Error('it ended early');
        bytes = renderMessage(message, { to: client, stream: false });
      } else {
        const body = await readBody(response, { maxBytes: 64 * 1024 * 1024 });
        bytes = convertResponse(body, { from: upstream.from, to: client });
      }
    } catch (error) {
      throw failureOf(error, upstream.url);
    }
    sendJson(res, 200, array ? Buffer.concat([Buffer.from('['), bytes, Buffer.from(']')]) : bytes);
    return message;
  }

  /** Reads the request, asks one upstream after the other, answers. Returns what is to be logged. */
  async function serve(req, res, route) {
    const gone = new AbortController();
    res.on('close', () => gone.abort());
    const document = await readDocument(req, { maxBytes: maxBodyBytes, timeoutMs: 60_000 });
    try {
      const stream = route.stream ?? (route.client === 'gemini' ? false : document.get('/stream') === true);
      const model = route.model ?? document.get('/model');
      // Gemini says in the path what the other dialects say in the body.
      const source = route.client === 'gemini' ? document.with({ '/stream': stream }) : document;
      if (typeof model !== 'string' || model === '') throw new Failure(400, 'you must provide a model', { param: 'model' });
      for (const [index, upstream] of upstreams.entries()) {
        let response;
        try {
          const name = upstream.model ?? model;
          const body = convertRequest(upstream.asks === route.client ? document : source, { from: route.client, to: upstream.asks, model: name, lossy: true });
          response = await ask(upstream, body, { model: name, stream: stream || upstream.streamsOnly, key: keyOf(req), signal: gone.signal });
          running.add(response);
          const message = await (stream ? streamAnswer : wholeAnswer)(upstream, response, res, route);
          return { model, stream, upstream: upstream.url, usage: message?.usage, error: message?.error?.message };
        } catch (error) {
          response?.destroy();
          if (gone.signal.aborted) return { model, stream, upstream: upstream.url, error: 'the client left' };
          const another = error.retryable === true && index + 1 < upstreams.length;
          if (!another) throw error;
          log({ client: route.client, model, upstream: upstream.url, error: error.message, retried: true });
        } finally {
          running.delete(response);
        }
      }
      throw new Failure(503, 'no upstream is configured');
    } finally {
      document.close();
    }
  }

  /** Answers an error in the client's dialect, as far as it can still be heard. */
  async function refuse(req, res, client, error) {
    if (res.headersSent || res.destroyed) return void res.destroy();
    if (error instanceof Failure) {
      const status = statusFor(client, error.status);
      const headers = error.retryAfter === undefined ? {} : { 'retry-after': error.retryAfter };
      return void sendJson(res, status, errorBody(client, status, error.message, error), headers);
    }
    // Errors of reading have a status or a place, those of converting a pointer; any other is a fault of this program.
    const fault = error.status === undefined && error.pointer === undefined && error.code !== 'ERR_BODY_JSON';
    const status = error.status ?? (fault ? 500 : 400);
    if (fault) log({ client, error: error.stack ?? String(error) });
    const body = errorBody(client, status, fault ? 'internal error' : error.message, { param: error.pointer, code: fault ? null : error.code });
    if (error.status === undefined) return void sendJson(res, status, body);
    await respondWithError(req, res, error, { body, headers: { 'content-type': 'application/json; charset=utf-8' } });
  }

  const server = createServer(async (req, res) => {
    const started = performance.now();
    const route = routeOf(req);
    const id = randomUUID();
    res.setHeader('x-request-id', id);
    if (closing) res.setHeader('connection', 'close');
    let outcome = {};
    try {
      if (req.method === 'GET' && req.url === '/healthz') {
        sendJson(res, closing ? 503 : 200, JSON.stringify({ status: closing ? 'closing' : 'ok', running: running.size, upstreams: upstreams.map(({ url, format }) => ({ url, format })) }));
        return;
      }
      if (route.unknown) throw new Failure(404, `unknown path: ${req.method} ${req.url}`);
      if (req.method !== 'POST') throw new Failure(405, `${req.method} is not allowed here`);
      outcome = await serve(req, res, route);
    } catch (error) {
      outcome = { error: error.message };
      await refuse(req, res, route.client, error).catch(() => res.destroy());
    }
    log({ id, client: route.client, status: res.statusCode, ms: Math.round(performance.now() - started), ...outcome });
  });

  return {
    server,
    running,
    async listen(port = 0, host = '127.0.0.1') {
      server.listen(port, host);
      await once(server, 'listening');
      return `http://${host}:${server.address().port}`;
    },
    /** Takes no more requests, gives those that run `graceMs`, then ends their streams with an error frame. */
    async close(graceMs = 3000) {
      closing = true;
      const closed = once(server, 'close');
      server.close();
      const deadline = performance.now() + graceMs;
      while (running.size > 0 && performance.now() < deadline) {
        server.closeIdleConnections();
        await sleep(50);
      }
      for (const response of running) response.destroy(new Error('the gateway is shutting down'));
      // Time for the last frames to leave; a client that does not read them is not waited for.
      for (let waited = 0; running.size > 0 && waited < 1000; waited += 50) await sleep(50);
      await sleep(50);
      server.closeAllConnections();
      for (const upstream of upstreams) upstream.close();
      await closed;
    },
  };
}
