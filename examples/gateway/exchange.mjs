// One exchange with an upstream: the request goes out, the answer comes in, streamed to the client or whole.
import { convertResponse, parseResponse, pipeStream, readBody, renderMessage, StreamAssembler } from 'sluice';
import { Failure, upstreamMessage } from './errors.mjs';

/** An upstream's failure before its first event, as a status. Addresses inside the house are not for clients. */
function failureOf(error) {
  if (error instanceof Failure) return error;
  const options = { retryable: true, cause: error };
  if (error.code === 'ETIMEDOUT' || error.code === 'ERR_TIMEOUT')
    return new Failure(504, `upstream did not answer: ${error.message}`, options);
  if (error.code === 'ERR_STREAM_UPSTREAM') {
    const said = upstreamMessage(JSON.stringify(error.provider ?? null), error.message);
    const kind = JSON.stringify(error.provider ?? '');
    const status = /rate.?limit|throttl|exhausted/i.test(kind) ? 429 : /overloaded|unavailable/i.test(kind) ? 503 : 502;
    return new Failure(status, said, options);
  }
  return new Failure(502, `upstream failed: ${error.syscall === undefined ? error.message : error.code}`, options);
}

/** A message, unless it is an error or says nothing that its dialect has. */
function readable(message) {
  if (message.error) throw message.error;
  if (!message.complete && message.parts.length === 0) throw new Error('it is no answer');
  return message;
}

/** The upstream's response, or a Failure when it refuses or cannot be reached. */
export async function ask(upstream, body, request) {
  let response;
  try {
    response = await upstream.send(body, request);
  } catch (error) {
    throw failureOf(error);
  }
  const { statusCode: status, headers } = response;
  if (status >= 200 && status < 300) {
    if (!request.stream || !/^(text\/html|application\/json)\b/.test(headers['content-type'])) return response;
    response.destroy();
    throw new Failure(502, 'upstream answered something else than a stream', { retryable: true });
  }
  const bytes = await readBody(response, { maxBytes: 1024 * 1024, timeoutMs: 5000 }).catch(() => Buffer.alloc(0));
  // Whatever is the matter with a 3xx, clients of the gateway cannot follow it.
  throw new Failure(status < 400 ? 502 : status, upstreamMessage(bytes, `upstream answered ${status}`), {
    retryAfter: headers['retry-after'],
    retryable: status >= 500 || status === 429 || status === 408,
  });
}

/** Streams the answer but for its end; throws while nothing has been sent, for the next upstream to try. */
export async function streamAnswer(upstream, response, res, { client, heartbeatMs }) {
  let early = null;
  const message = await pipeStream(response, res, {
    from: upstream.from,
    to: client,
    framing: upstream.framing,
    heartbeatMs,
    end: false,
    onError(error, { bytesSent }) {
      if (bytesSent > 0) return false;
      early = error;
      return true;
    },
  }).catch((error) => {
    // what cannot be read has been told in a frame
    if (early !== null || !res.headersSent || error.partial === undefined) throw error;
    return { ...error.partial, error };
  });
  if (early !== null) throw failureOf(early);
  return message;
}

/** The answer in one piece, as `{ message, bytes }`. */
export async function wholeAnswer(upstream, response, { client }) {
  let bytes;
  let message;
  try {
    if (upstream.streamsOnly) {
      const assembler = new StreamAssembler({ from: upstream.from, framing: upstream.framing, reuse: true });
      for await (const chunk of response) assembler.push(chunk);
      assembler.finish();
      message = readable(assembler.message());
      if (!message.complete) throw new Error('it ended early');
      bytes = renderMessage(message, { to: client, stream: false });
    } else {
      const body = await readBody(response, { maxBytes: 64 * 1024 * 1024 });
      message = readable(parseResponse(body, { from: upstream.from }));
      bytes = convertResponse(body, { from: upstream.from, to: client });
    }
  } catch (error) {
    throw failureOf(error);
  }
  return { message, bytes };
}
