// The load: OpenAI chat requests, whose answers are kept as bytes and read when the measuring is over.
import http from 'node:http';
import { readBody, readStream } from '../../examples/gateway/plain.mjs';
import { answer } from '../../examples/gateway/provider/answer.mjs';

const agent = new http.Agent({ keepAlive: true });

/** One request; resolves with its bytes, its status and the milliseconds to its first byte. Never rejects. */
export function request(url, { prompt, stream, timeoutMs }) {
  const body = JSON.stringify({
    model: 'offline',
    stream,
    max_tokens: 100_000,
    messages: [{ role: 'user', content: prompt }],
  });
  return new Promise((resolve) => {
    const started = performance.now();
    const result = { prompt, stream, status: 0, firstByteMs: NaN, chunks: [], problem: null };
    const done = (problem) => {
      result.problem ??= problem;
      resolve(result);
    };
    const call = http.request(
      `${url}/v1/chat/completions`,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        result.status = response.statusCode;
        response.on('data', (chunk) => {
          if (result.chunks.length === 0) result.firstByteMs = performance.now() - started;
          result.chunks.push(chunk);
        });
        response.on('end', () => done(null));
        response.on('error', (error) => done(error.message));
      },
    );
    call.setTimeout(timeoutMs, () => call.destroy(new Error('no byte for too long')));
    call.on('error', (error) => done(error.message));
    call.end(body);
  });
}

/** What is wrong with an answer; null when nothing is. `dialect`: what a plain pipe leaves it in. */
export function problemOf(result, dialect) {
  if (result.problem !== null) return result.problem;
  const text = Buffer.concat(result.chunks).toString();
  if (result.status !== 200) return `status ${result.status}: ${text.slice(0, 100)}`;
  const expected = answer({ turns: [{ text: result.prompt, results: [], images: 0 }] }).text.join('');
  try {
    const got = (result.stream ? readStream : readBody)(dialect, text);
    return got.text === expected && got.finish !== null ? null : 'another text than expected';
  } catch (error) {
    return error.message;
  }
}

export function percentile(values, share) {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
