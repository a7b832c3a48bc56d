// What is held back: clients that ask too often, by their key, and requests that an upstream cannot take now.
import { AdaptiveLimiter, hashKey, KeyedLimiter, rateLimitHeaders } from 'sluice';
import { Failure } from './errors.mjs';
import { keyOf } from './routes.mjs';

const MINUTE_MS = 60_000;

/** Whose limit a request counts for: its key, which nobody is to read out of a table or a Redis; without one its address. */
const clientOf = (req) => {
  const key = keyOf(req);
  return key ? `key:${hashKey({ key })}` : `address:${req.socket.remoteAddress}`;
};

/** How an exchange counts for its upstream. What is not said here is a failure, with its Retry-After. */
const classifyFor = ({ passesKey }) => (error, value) => {
  // it ended in the middle, by an error that the client was told of
  if (error === undefined) return value.message.error ? 'failure' : 'success';
  // the client left: that says nothing of the upstream
  if (error.code === 'ERR_ABORTED' || error.cause?.name === 'AbortError') return 'ignored';
  // the upstream is well, the request was not
  if (error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429) return 'success';
  // a quota of the client's own key is no reason to hold back all others
  if (error.status === 429 && passesKey) return 'ignored';
  return undefined;
};

/**
 * `perMinute` requests for each client, `concurrency` at once for each of `upstreams` to begin with; 0: no such limit, null when there
 * is neither. Who waits for an upstream does so for `waitMs` at most, `maxQueue` at a time. An answer that takes `slowMs` is slow. With `redis` all
 * gateways on it share the limit of each client; `log` hears when it is away.
 */
export function createLimits({ upstreams, perMinute = 0, concurrency = 0, maxQueue = 1000, waitMs = 10_000, slowMs = 120_000, redis, log = () => {} }) {
  if (perMinute === 0 && concurrency === 0) return null;
  const clients = perMinute === 0 ? null : new KeyedLimiter({ name: 'clients', windowMs: MINUTE_MS, maxRequests: perMinute, redis });
  clients?.on('degraded', (error) => log(`limits: redis is away, this gateway goes by its share: ${error.message}`));
  clients?.on('recovered', () => log('limits: redis is back'));
  const limiters = new Map(concurrency === 0 ? [] : upstreams.map((upstream, at) => [upstream, new AdaptiveLimiter({
    name: `upstream ${at + 1}`,
    limit: 0,
    concurrency,
    maxQueue,
    classify: classifyFor(upstream),
    adaptive: { maxLimit: 4 * concurrency, intervalMs: 5000, raiseWhen: { latencyBelowMs: slowMs / 2 }, lowerWhen: { latencyAboveMs: slowMs } },
  })]));

  return {
    text: [clients && `${perMinute} requests a minute for each key`, concurrency > 0 && `${concurrency} at once to an upstream, to begin with`].filter(Boolean).join(', '),

    /** Counts a request and sets the headers that tell of it; a Failure when it is one too many. */
    async client(req, res) {
      if (clients === null) return;
      // as check(), but where Redis keeps the limit it is asked before, not behind
      const result = await clients.consume(clientOf(req));
      for (const [name, value] of Object.entries(rateLimitHeaders(result, 'both'))) res.setHeader(name, value);
      if (result.allowed) return;
      const seconds = Math.max(1, Math.ceil(result.retryAfterMs / 1000));
      throw new Failure(429, `you may send ${perMinute} requests a minute: try again in ${seconds} s`, { code: 'rate_limit_exceeded', retryAfter: String(seconds) });
    },

    /** Runs an exchange when its upstream has room; a Failure that another upstream may mend when it has none in time. */
    async upstream(upstream, exchange, signal) {
      const limiter = limiters.get(upstream);
      if (limiter === undefined) return exchange();
      let hasBegun = false;
      try {
        return await limiter.execute(() => {
          hasBegun = true;
          return exchange();
        }, { timeoutMs: waitMs, signal });
      } catch (error) {
        if (hasBegun || error.code === 'ERR_ABORTED') throw error;
        const retryAfter = String(Math.max(1, Math.ceil((error.retryAfterMs ?? 0) / 1000)));
        throw new Failure(503, 'the upstream has no room for more requests now', { retryAfter, retryable: true, cause: error });
      }
    },

    stats: () => ({
      clients: clients && { perMinute, keys: clients.size, bytes: clients.bytes, ...clients.getStats() },
      upstreams: upstreams.flatMap((upstream) => (limiters.has(upstream) ? [{ format: upstream.format, ...limiters.get(upstream).getStatus() }] : [])),
    }),

    async close() {
      await Promise.all([clients, ...limiters.values()].map((limiter) => limiter?.close()));
    },
  };
}
