// Compiled, never run: a strict ES module that uses the public face as a service would.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import {
  AdaptiveLimiter, BatchBuffer, EventStreamDecoder, KeyedLimiter, rateLimitHeaders, JsonDocument, StreamAssembler, TieredCache, cacheKey, convertRequest, convertResponse, hashKey, metrics, parseResponse, pipeStream, readBody,
  readDocument, readJson, readText, renderMessage, respondWithError, streamTransform, streamTransformWeb, version,
} from 'sluice';
import type {
  KeyOptions, KeyedLimiterOptions, LimitResult, LimiterStatus, Outcome, Permit, AcquireOptions, AdaptiveLimiterOptions, AssembledMessage, BatchAccount, BatchBufferOptions, BatchContext, BatchHandler, BatchStats, BufferStatus, CacheStats, DeadLetter, PendingItem, ClientFormat, Health, RedisLike, RedisTierOptions, ServerSentEvent, SluiceErrorCode, StreamFormat, TieredCacheOptions,
} from 'sluice';

export const server = createServer(async (req, res) => {
  try {
    const { model } = await readJson<{ model: string }>(req, { maxBytes: 1 << 20, signal: AbortSignal.timeout(1000) });
    const upstream: Readable = Readable.from([Buffer.from(model)]);
    const message: AssembledMessage = await pipeStream(upstream, res, { from: 'claude', to: 'openai-chat', heartbeatMs: 15_000 });
    const tokens: number | undefined = message.usage?.outputTokens;
    console.log(tokens, message.parts.map((part) => (part.type === 'tool_call' ? part.call.name : part.type)));
  } catch (error) {
    await respondWithError(req, res, error, { body: '{}' });
  }
});

export async function documents(bytes: Uint8Array): Promise<Buffer> {
  const document: JsonDocument = await JsonDocument.parse(bytes, { maxDepth: 50, proto: 'remove' });
  const model = document.get<string>('/model');
  const upper: string | undefined = model?.toUpperCase();
  using closing = document;
  return convertRequest(closing.with({ '/model': upper }), { from: 'openai-chat', to: 'gemini', lossy: true });
}

export function streams(chunk: Buffer): ServerSentEvent[] {
  const assembler = new StreamAssembler({ from: 'auto', newId: (kind) => `${kind}-1`, events: 'both' });
  const out: Uint8Array = assembler.push(chunk);
  const [first] = assembler.takeEvents<{ type: string }>('client');
  const type: string | undefined = first?.type;
  console.log(out.byteLength, type, assembler.message().complete, streamTransform().message().text);
  const stream: ReadableStream<Uint8Array> = new Blob(['']).stream().pipeThrough(streamTransformWeb({ to: 'claude' }));
  console.log(stream.locked, version.length);
  return new EventStreamDecoder({ framing: 'ndjson' }).push(chunk);
}

export function whole(body: Uint8Array, from: StreamFormat, to: ClientFormat): Buffer[] {
  const message = parseResponse(body, { from });
  return [renderMessage(message, { to, stream: true }), convertResponse(body, { from, to })];
}

export const bodies = (request: Request): [Promise<Buffer>, Promise<string>, Promise<JsonDocument>] =>
  [readBody(request), readText(request), readDocument(request)];

export const code: SluiceErrorCode = 'ERR_BODY_JSON';
// @ts-expect-error a code that does not exist
export const unknownCode: SluiceErrorCode = 'ERR_NOTHING';
// @ts-expect-error a format that no client speaks
new StreamAssembler({ to: 'kiro' });
// @ts-expect-error an option that does not exist
void readJson(Readable.from([]), { maxByte: 1 });

interface User { id: string; name: string }
export async function caches(client: RedisLike): Promise<User | null> {
  const cache = new TieredCache({
    name: 'users', memory: { maxBytes: 1 << 20, policy: 's3fifo', near: { maxEntries: 100 }, shared: 'users' },
    redis: { url: ['redis://a', 'redis://b'], tracking: true, breaker: { failures: 3 }, tls: { ca: Buffer.from('') } }, disk: { path: '/tmp/x', ttl: Infinity, compress: { minBytes: 10 } },
    negative: { ttl: 1 }, codec: 'v8', lease: { waitMs: 5 }, now: () => Date.now(), random: Math.random,
  });
  cache.on('degraded', (tier, error) => console.log(tier.length, error.message)).on('evicted', (key, reason) => console.log(key, reason === 'size'));
  cache.on('invalidated', (keys: string[]) => console.log(keys.length));
  const user: User = await cache.getOrSet<User>('u', async ({ signal, previous, setTtl }) => {
    setTtl(previous === null ? 10 : 20);
    return { id: '1', name: String(signal.aborted) };
  }, { ttl: 5, staleIfError: 60, tags: ['t'] });
  const taken: boolean = await cache.set('k', user, 10, { l1Ttl: 1 });
  const entry = await cache.getEntry<User>('k');
  const tier: 'l1' | 'l2' | 'l3' | undefined = entry?.tier;
  const many: (User | null)[] = await cache.getMany<User>(['a']);
  const stats: CacheStats = cache.getStats();
  const rate: string = stats.hitRate;
  const health: Health = cache.namespace('n').health();
  const counted: { success: number; failed: number; totalTime: number } = await cache.warmup([{ key: 'a', loader: () => 1 }], { onProgress: (done, total) => console.log(done / total) });
  console.log(taken, tier, many, rate, health.redis, counted, cacheKey('a', 'b'), hashKey({}), metrics().length);
  const plain: RedisTierOptions = { client, format: 'plain', ttl: 5 };
  await using other = new TieredCache({ redis: plain });
  const options: TieredCacheOptions = { redis: client, memory: false };
  console.log(other.getSync<User>('a')?.name, options);
  return cache.get<User>('u', { skipL1: true });
}
// @ts-expect-error a policy that does not exist
new TieredCache({ memory: { policy: 'random' } });
// @ts-expect-error exactly one way to Redis
export const noWay: RedisTierOptions = { ttl: 5 };
// @ts-expect-error an event that does not exist
new TieredCache().on('expired', () => {});

interface Usage { model: string; tokens: number }
export async function batches(signal: AbortSignal): Promise<number> {
  const handler: BatchHandler<Usage, number> = async (items, { attempt, reason, keys, group, signal: timeout }: BatchContext) => {
    console.log(attempt, reason === 'size', keys.length, group, timeout.aborted);
    return items.map((item) => (item.tokens < 0 ? new RangeError('tokens') : item.tokens));
  };
  const options: BatchBufferOptions<Usage> = {
    name: 'usage', batchSize: 10, batchBytes: 1 << 20, batchTimeout: 0, adaptive: true, concurrency: 2, handlerTimeoutMs: 1000, maxSize: 100, overflow: 'drop-oldest', highWater: 0.5,
    retries: 1, backoff: { minMs: 1 }, retryable: (error) => error.name !== 'TypeError', maxDeadLetters: 0, groupBy: (item) => item.model, idempotency: { key: (item) => item.model, redis: 'redis://a' },
    durable: { path: '/nowhere', codec: 'v8', fsync: 'os', maxBytes: 1, exclusive: true, import: 'old.json' }, now: () => 0, random: () => 0,
  };
  await using buffer = new BatchBuffer<Usage, number>(handler, options);
  buffer.on('dropped', (item, reason: string) => console.log(item.model, reason)).on('deadLetter', (letter: DeadLetter<Usage>) => console.log(letter.at.getTime(), letter.item.tokens));
  buffer.on('highWater', (status: BufferStatus) => console.log(status.usage)).on('degraded', (part, error) => console.log(part === 'store', error.message));
  const tokens: number = await buffer.add({ model: 'm', tokens: 1 }, { key: 'k', signal });
  const id: string = await buffer.enqueue({ model: 'm', tokens: 1 });
  const many: PromiseSettledResult<number>[] = await buffer.addMany([{ model: 'm', tokens: 2 }]);
  const { delivered, kept }: BatchAccount = await buffer.close({ timeoutMs: 5 });
  buffer.updateConfig({ batchSize: 20, maxSize: 500 });
  const stats: BatchStats = buffer.getStats();
  const pulled = new BatchBuffer<Usage, string>(null);
  for (const { id: taken, item, attempts } of pulled.take(5)) pulled.settle(taken, attempts > 3 ? new Error(item.model) : 'done');
  const waiting: PendingItem<Usage>[] = pulled.pending();
  console.log(id, many, delivered + kept, stats.savedCalls, waiting, await buffer.recovered);
  return tokens;
}
// @ts-expect-error an overflow rule that does not exist
new BatchBuffer(null, { overflow: 'throw' });
// @ts-expect-error results of another type
new BatchBuffer<Usage, number>(async (items) => items.map((item) => item.model));

export async function limiters(signal: AbortSignal): Promise<number> {
  const options: AdaptiveLimiterOptions = {
    name: 'upstream', limit: 5, windowMs: 60_000, concurrency: 2, maxQueue: 10, now: () => 0,
    adaptive: { target: 'concurrency', minLimit: 1, maxLimit: 10, intervalMs: 1000, raiseWhen: { successRateAbove: 0.9 }, lowerWhen: { latencyAboveMs: 500 }, algorithm: 'gradient' },
    classify: (error: unknown, value: unknown) => (error === undefined && value === 429 ? { outcome: 'failure', retryAfterMs: 1000 } : 'success'),
  };
  await using limiter = new AdaptiveLimiter(options);
  limiter.on('adjusted', (from: number, to: number, why: string) => console.log(to - from, why.length)).on('degraded', (error) => console.log(error.message));
  const asked: AcquireOptions = { weight: 2, signal, timeoutMs: 5 };
  const got: true = await limiter.acquire(asked);
  const permit: Permit = await limiter.take(asked);
  const outcome: Outcome = 'ignored';
  permit.release(outcome, { latencyMs: 1, retryAfterMs: 2 });
  if (limiter.tryAcquire(2)) limiter.release('failure', { weight: 2 });
  const given: string = await limiter.execute(async (context) => String(context.signal.aborted), asked);
  limiter.updateConfig(5, 1000);
  const status: LimiterStatus = limiter.getStatus();
  const table: KeyedLimiterOptions = { windowMs: 1000, maxRequests: 5, algorithm: 'gcra', maxKeys: 5, maxBytes: 1 << 20, keyPrefix: 'ip:', shared: 'ip' };
  const keyed = new KeyedLimiter(table);
  const plan: KeyOptions = { weight: 2, limit: 10 };
  const result: LimitResult = keyed.check('key', plan);
  const headers: Record<string, string> = rateLimitHeaders(await keyed.consume('key', plan), 'both');
  const many: Uint8Array = keyed.checkMany(['a']);
  console.log(got, given.length, headers['Retry-After'], many, keyed.checkLimit('a'), keyed.size + keyed.bytes, keyed.getStats().evicted);
  return status.stats.successRate + result.remaining + keyed.getRetryAfter('a', plan);
}
// @ts-expect-error a table needs its limit
new KeyedLimiter({ windowMs: 5 });
// @ts-expect-error an algorithm that does not exist
new AdaptiveLimiter({ adaptive: { algorithm: 'vegas' } });
// @ts-expect-error an outcome that does not exist
new AdaptiveLimiter().release('fine');
