// The part of `--check` that asks too often: one more request than a key may send is a 429 in the client's dialect with the time to
// wait in its header, asks the upstream nothing, and holds no other key back.
import { createLimits } from './limits.mjs';
import { dialects, requestOf } from './plain.mjs';
import { startProvider } from './provider.mjs';
import { createGateway } from './server.mjs';
import { upstream } from './upstreams.mjs';

const PER_MINUTE = 2;
const keyHeader = { 'openai-chat': (key) => ({ authorization: `Bearer ${key}` }), 'openai-responses': (key) => ({ authorization: `Bearer ${key}` }), claude: (key) => ({ 'x-api-key': key }), gemini: (key) => ({ 'x-goog-api-key': key }) };
/** What an error says it is, where each dialect has that. */
const kindOf = (dialect, { error }) => (dialect === 'gemini' ? error.status : error.type);
const KINDS = { 'openai-chat': 'rate_limit_error', 'openai-responses': 'rate_limit_error', claude: 'rate_limit_error', gemini: 'RESOURCE_EXHAUSTED' };

async function ask(url, dialect, key) {
  const [path, body] = requestOf(dialect, { prompt: 'Say 5 words', stream: false });
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...keyHeader[dialect](key) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** `{ row, refused, retryAfter }`; what is wrong is added to `failures`. */
export async function limited(failures) {
  const provider = await startProvider();
  const upstreams = [upstream({ url: provider.url, format: 'openai-chat' })];
  const limits = createLimits({ upstreams, perMinute: PER_MINUTE, concurrency: 8 });
  const gateway = createGateway({ upstreams, limits });
  const result = { row: {}, refused: 0, retryAfter: '?' };
  try {
    const url = await gateway.listen();
    for (const dialect of dialects) {
      const before = failures.length;
      const expect = (what, got, expected) => got === expected || failures.push(`limited, ${dialect}: ${what} is ${got}, not ${expected}`);
      for (let left = PER_MINUTE - 1; left >= 0; left -= 1) {
        const { status, headers } = await ask(url, dialect, dialect);
        expect('a status below the limit', status, 200);
        expect('what remains', headers.get('x-ratelimit-remaining'), String(left));
      }
      const asked = provider.stats.requests;
      const { status, headers, body } = await ask(url, dialect, dialect);
      expect('the status of one too many', status, 429);
      expect('its kind', kindOf(dialect, body), KINDS[dialect]);
      const seconds = Number(headers.get('retry-after'));
      expect(`retry-after (${headers.get('retry-after')}) from 1 to 60`, seconds >= 1 && seconds <= 60, true);
      expect('its RateLimit header', /^"default";r=0;t=\d+$/.test(headers.get('ratelimit')), true);
      expect('what the upstream hears of it', provider.stats.requests - asked, 0);
      expect('the status for another key', (await ask(url, dialect, `${dialect} 2`)).status, 200);
      result.row[dialect] = failures.length === before ? '429' : 'FAIL';
      result.refused += status === 429 ? 1 : 0;
      result.retryAfter = headers.get('retry-after');
    }
    const { limits: seen } = await (await fetch(`${url}/stats`)).json();
    if (seen.clients.denied !== dialects.length || seen.upstreams[0].stats.totalRequests !== 3 * dialects.length) failures.push(`limited, /stats: ${JSON.stringify(seen)}`);
  } catch (error) {
    failures.push(`limited: ${error.message}`);
  } finally {
    await gateway.close(0);
    await limits.close();
    await provider.close();
  }
  for (const dialect of dialects) result.row[dialect] ??= 'FAIL';
  return result;
}
