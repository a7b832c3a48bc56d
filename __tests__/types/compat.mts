// Compiled, never run: a strict ES module that uses the drop-ins as a service would.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { RateLimiter, RequestLimiter, SlidingWindowLimiter, createRateLimiter, getRequestBody, handleStream, upstashRateLimiter } from 'sluice/compat';
import type { HandleStreamOptions, RateLimiterOptions, RateLimiterStatus, RequestLimit, RequestLimiterOptions, SlidingWindowLimiterOptions } from 'sluice/compat';
import { RateLimiter as Same } from 'sluice/compat/rate-limiter';

export async function limiters(): Promise<number> {
  const options: RateLimiterOptions = { minRequests: 3, maxRequests: 10, adaptive: true, adjustmentInterval: 1000, logger: console, now: () => 0 };
  const limiter: Same = new RateLimiter(5, 60_000, options);
  const got: true = await limiter.acquire();
  const answer: string = await limiter.execute(() => 'answer');
  limiter.updateConfig(6, 1000);
  limiter.tokens = limiter.maxRequests - limiter.lastRefill;
  limiter.stats.totalRequests += limiter.successCount;
  const status: RateLimiterStatus = createRateLimiter({ maxRequests: 5, windowMs: 1000 }).getStatus();
  upstashRateLimiter.resetStats();
  const sliding: SlidingWindowLimiterOptions = { windowMs: 1000, maxRequests: 5, keyPrefix: 'a:', maxKeys: 10 };
  const allowed: boolean = await new SlidingWindowLimiter(sliding).checkLimit('key');
  console.log(got, answer, allowed, new Same().tokens);
  return status.stats.averageLatency + new SlidingWindowLimiter().getRetryAfter('key');
}
// @ts-expect-error a limit is a number
new RateLimiter('5');

const requestOptions: RequestLimiterOptions = {
  limit: 100, windowMs: 60_000, burst: 20, trustProxy: 1, message: 'later', keyGenerator: (req) => req.url ?? '', rules: { gold: { limit: 1000, burst: false } },
};
const requests = new RequestLimiter(requestOptions);
requests.updateConfig({ rules: new Map([['gold', { limit: 5 }]]) });
requests.resetClient('gold');
export const denied: number = requests.getStats().denied;
const byUser = new RequestLimiter<{ user: string }>({ keyGenerator: ({ user }) => user, rules: (key) => (key === 'a' ? { limit: 0 } : undefined) });
export const limit: RequestLimit = byUser.checkLimit({ user: 'a' });
// @ts-expect-error the request is another
byUser.checkLimit({ name: 'a' });

export const server = createServer(async (req, res) => {
  if (!requests.handleRequest(req, res)) return;
  const body = await getRequestBody<{ model: string }>(req, 1024);
  const untyped = await getRequestBody(req, { maxBytes: 10, maxDepth: 5 });
  const options: HandleStreamOptions = { from: 'claude', to: 'openai-chat', onChunk: async (event) => console.log(event.type), heartbeatMs: 1000 };
  const { text } = await handleStream(Readable.from([body.model, untyped.a]), res, options);
  console.log(text.length);
});
// @ts-expect-error the hook is onChunk
const other: HandleStreamOptions = { onEvent: () => {} };
export { other };
