'use strict';
// QstashQueue: messages are collected and published together, one request per batch.
const { AdaptiveLimiter, qstashSink } = require('..');
const { publishParts, refusalOf } = require('../lib/batch/qstash-answer');
const { isError } = require('../lib/errors');
const options = require('../lib/options');
const { BufferedQueue, count } = require('./buffered-queue');
const { DeadLetterStore, lettersAtHand, lettersOf } = require('./dead-letter-store');
const { OwnElapsed } = require('./elapsed');
const { flag, isOptimized, number, text } = require('./environment');
const { contentKey, givenKey, itemOf, requestOf } = require('./qstash-request');
const { within } = require('./time-limit');

/** For requests of our own; how long a client takes is its own affair: one that is given up delivers all the same. */
const REQUEST_MS = 30_000;
const STATE = Symbol('state');
const letterCount = options.integer(0, 2 ** 31 - 1);
const counters = () => ({ totalProcessed: 0, apiCalls: 0, deadLetterCount: 0, duplicateMessageCount: 0, circuitBreakerTrips: 0, bufferOverflowCount: 0 });

/** An argument, else what the variable says, else the fallback; the error names which one is wrong. */
function setting(given, option, variable, fallback, check = count) {
  return given === undefined || given === null ? check(number(variable, fallback), variable) : check(given, option);
}

class QstashQueue extends BufferedQueue {
  constructor(given = {}) {
    if (given === null || typeof given !== 'object') throw options.wrongType('options', 'an object', given);
    super({
      batchSize: setting(given.batchSize ?? (isOptimized() ? undefined : 1), 'batchSize', 'QSTASH_BATCH_SIZE', 10),
      batchTimeout: setting(given.batchTimeout, 'batchTimeout', 'QSTASH_BATCH_TIMEOUT', 100, options.milliseconds(0)),
      maxBufferSize: setting(given.maxBufferSize, 'maxBufferSize', 'QSTASH_MAX_BUFFER_SIZE', 1000),
      mutex: given.mutex,
    });
    // `again`: letters that are published once more, by their tasks; `retries`: by their ids, what comes of that
    const state = { given, elapsed: undefined, sink: undefined, calls: undefined, again: new WeakMap(), retries: new Map() };
    Object.defineProperty(this, STATE, { value: state, configurable: true });
    /** Requests to QStash at a time. */
    this.maxConcurrent = setting(given.maxConcurrent, 'maxConcurrent', 'QSTASH_MAX_CONCURRENT', 50);
    this.maxDeadLetterQueueSize = setting(given.maxDeadLetterQueueSize, 'maxDeadLetterQueueSize', 'QSTASH_DLQ_SIZE', 100, letterCount);
    /** Whether the content of a message is its key, where it has none of its own. */
    this.useIdempotency = options.boolean()(given.useIdempotency ?? given.idempotencyEnabled ?? flag('QUEUE_USE_IDEMPOTENCY', false), 'useIdempotency');
    this.idempotencyTtl = setting(given.idempotencyTtl, 'idempotencyTtl', 'QUEUE_IDEMPOTENCY_TTL', 86_400, options.seconds());
    this.localIdempotencyLimit = setting(given.localIdempotencyLimit, 'localIdempotencyLimit', 'QUEUE_LOCAL_IDEMPOTENCY_LIMIT', 1000);
    /** Whether `publish` resolves on delivery. */
    this.wait = options.boolean(false)(given.wait ?? undefined, 'wait');
    this.isMockMode = options.boolean(false)(given.mockMode ?? undefined, 'mockMode');
    this.token = options.string()(given.token ?? undefined, 'token') ?? text('QSTASH_TOKEN');
    this.url = options.string()(given.url ?? undefined, 'url') ?? text('QSTASH_URL');
    // collaborators: looked up at each use, so that each may be replaced
    this.client = given.client ?? null;
    this.publishBreaker = given.breaker ?? null;
    this.logger = given.logger ?? null;
    /** Milliseconds; undefined: the usual clock. */
    this.now = options.func()(given.now ?? undefined, 'now');
    state.elapsed = new OwnElapsed(this);
    this.deadLetterStore = given.deadLetterStore ?? new DeadLetterStore(() => this.maxDeadLetterQueueSize);
    this.metrics = counters();
    this.isInitialized = false;
    this.connected = false;
    this._open({
      settings: settingsOf(this, state),
      deliver: (tasks, context) => this._batchPublish(tasks, context),
      keyOf: (task) => this._keyOf(task),
      died: (task, letter) => this._addToDeadLetterQueue(task, 'publish_failed', letter, state.again.get(task)),
      dropped: (task, id) => this._addToDeadLetterQueue(task, 'buffer_overflow', { id, error: 'Buffer overflow: message dropped', attempts: 0 }),
      degraded: (error) => this.logger?.warn?.('QstashQueue: Redis is away, keys hold for this process alone', error),
    });
  }

  /** Dead letters of the store, where it keeps them at hand. */
  get deadLetterQueue() {
    return this.deadLetterStore.letters;
  }
  set deadLetterQueue(letters) {
    this.deadLetterStore.letters = letters;
  }

  /** Checks that there is somebody to deliver to. */
  async initialize() {
    this._checkWay();
    this.isInitialized = true;
    this.connected = true;
  }

  _checkWay() {
    if (!this.isMockMode && !this.client) this._sink();
  }

  /** Accepted: `{ id, queued: true }`. Delivered, with `wait`: QStash's answer, or `{ messageId, duplicate: true }`. */
  async publish(topic, message, settings = {}) {
    return this._publish(topic, message, settings);
  }
  async _publish(topic, message, settings = {}) {
    this._checkWay();
    return this._addToBuffer({ topic, message, options: settings ?? {} });
  }
  /** Not async: the task is in the buffer when it returns. */
  _addToBuffer(task) {
    const { wait = this.wait } = task.options ?? {};
    const key = this._keyOf(task);
    return new Promise((resolve, reject) => {
      // whoever takes the task out of the buffer may settle it
      task.resolve = resolve;
      task.reject = reject;
      this._bring(task, key, wait).then((outcome) => {
        if (!wait) resolve({ id: outcome, queued: true });
        else resolve(outcome.isRepeat ? repeated(this, key) : outcome.result);
      }, reject);
    });
  }
  /** The key by which repeats are told; undefined: it repeats nothing. */
  _keyOf({ topic, message, options: settings }) {
    const given = givenKey(settings);
    if (given !== undefined && given !== null) return given;
    return this.useIdempotency ? this._generateMessageId(topic, message) : undefined;
  }
  _generateMessageId(topic, message) {
    return contentKey(topic, message);
  }

  async close(settings) {
    const account = await super.close(settings);
    // calls that are under way still have been given up: nobody waits for them, and no more begin
    void this[STATE].calls?.close().catch(() => {});
    this.connected = false;
    return account;
  }

  /** Publishes `[{ topic, message, options }]` together, and settles as Promise.allSettled would. */
  async batchPublish(messages, settings = {}) {
    if (!Array.isArray(messages)) throw options.wrongType('messages', 'an array', messages);
    // the methods may be a suite's, and what they are given anything
    const published = messages.map(async (one) => this.publish(one.topic, one.message, { ...settings, ...one.options }));
    // they are a batch already: nothing more is waited for
    void Promise.resolve(this.flush()).catch(() => {});
    return Promise.allSettled(published);
  }

  /** What failed for good, as the store has it now: who goes through it may retry each. */
  getDeadLetterQueue() {
    return lettersOf(this.deadLetterStore);
  }
  /** How many there were, where the store can say. */
  clearDeadLetterQueue() {
    const known = lettersAtHand(this.deadLetterStore)?.length;
    const cleared = this.deadLetterStore.clear();
    return known ?? cleared;
  }
  /** Publishes a letter's message once more, now; it goes when that has been delivered, and stays as one letter when not. */
  async retryDeadLetterMessage(id) {
    const { retries } = this[STATE];
    // whoever asks twice gets one delivery
    if (!retries.has(id)) retries.set(id, publishAgain(this, id).finally(() => retries.delete(id)));
    return retries.get(id);
  }
  _addToDeadLetterQueue({ topic, message, options: settings }, reason, { id, error, attempts }, before = undefined) {
    if (before === undefined) this.metrics.deadLetterCount += 1;
    if (reason === 'buffer_overflow') this.metrics.bufferOverflowCount += 1;
    const { id: letterId, message: published } = before ?? { id: `dlq_${id}`, message: { topic, message, options: settings } };
    const letter = { id: letterId, message: published, reason, error, attempts, timestamp: this[STATE].elapsed.wall() };
    const lost = (failure) => this.logger?.error?.('QstashQueue: the dead letter could not be kept', failure);
    try {
      Promise.resolve(this.deadLetterStore.add(letter)).catch(lost).catch(() => {});
    } catch (failure) {
      lost(failure);
    }
    // the last: a logger may throw
    this.logger?.error?.(`QstashQueue: ${reason}`, { id: letter.id, error });
  }

  /** Delivers tasks that have left: one result or Error for each. */
  async _batchPublish(tasks, context) {
    const { publishBreaker } = this;
    const send = () => this._executeBatch(tasks, context);
    try {
      const results = await (publishBreaker ? publishBreaker.execute(send) : send());
      this.metrics.totalProcessed += tasks.filter((_, at) => !isError(results?.[at])).length;
      return results;
    } catch (error) {
      if (/CircuitBreaker|\bOPEN\b/i.test(String(error?.message))) this.metrics.circuitBreakerTrips += 1;
      throw error;
    }
  }
  async _executeBatch(tasks, context) {
    const { client } = this;
    const { keys } = context;
    if (this.isMockMode) return tasks.map(({ topic, message }, at) => ({ messageId: keys[at] || this._generateMessageId(topic, message), mock: true }));
    if (!client) {
      this.metrics.apiCalls += 1;
      const send = (signal) => this._sink()(tasks.map(itemOf), { keys, signal });
      return this[STATE].given.handlerTimeoutMs === undefined ? within(REQUEST_MS, context.signal, send) : send(context.signal);
    }
    const requests = tasks.map((task, at) => ({ at, request: requestOf(task, keys[at]) }));
    const isSingle = typeof client.batchJSON !== 'function' || (tasks.length === 1 && this.batchSize === 1 && typeof client.publishJSON === 'function');
    if (isSingle) return Promise.all(requests.map(({ request }) => publishOne(this, client, request)));
    return publishParts([requests], async (part) => {
      this.metrics.apiCalls += 1;
      const answer = await client.batchJSON(part.map(({ request }) => request));
      return part.map((_, at) => resultOf(Array.isArray(answer) ? answer[at] : answer));
    }, new Array(tasks.length));
  }

  getMetrics() {
    const letters = lettersAtHand(this.deadLetterStore);
    const { size, hasActiveTimer } = this.getBufferStatus();
    return {
      ...this.metrics,
      savedCalls: Math.max(0, this.metrics.totalProcessed - this.metrics.apiCalls),
      queue: { bufferSize: size, maxBufferSize: this.maxBufferSize, batchTimeout: this.batchTimeout, batchSize: this.batchSize, flushTimerActive: hasActiveTimer },
      deadLetter: { count: letters?.length, max: this.maxDeadLetterQueueSize, messages: letters?.slice(-5) ?? [] },
      idempotency: { limit: this.localIdempotencyLimit, duplicateCount: this.metrics.duplicateMessageCount },
      circuitBreaker: { localState: this.getCircuitBreakerStatus(), trips: this.metrics.circuitBreakerTrips },
      overflow: { count: this.metrics.bufferOverflowCount },
    };
  }
  resetMetrics() {
    Object.assign(this.metrics, counters());
  }
  getCircuitBreakerStatus() {
    return this.publishBreaker?.getStatus?.() ?? { state: 'CLOSED' };
  }
  resetCircuitBreaker() {
    this.publishBreaker?.reset?.();
  }

  /** Who delivers where there is no client. */
  _sink() {
    const { token, url } = this;
    if (!token) throw options.wrongType('token', 'a string, here or as QSTASH_TOKEN, unless there is a client', token);
    const state = this[STATE];
    if (state.sink?.token !== token || state.sink.url !== url) {
      const { fetch, maxBytes } = state.given;
      state.sink = { token, url, handler: qstashSink({ token, url, fetch, maxBytes }) };
    }
    return state.sink.handler;
  }
}

function settingsOf(queue, { given, elapsed }) {
  const { retries = 2, backoff = { minMs: 100 }, handlerTimeoutMs = 0, retryable, overflow, redis } = given;
  return {
    concurrency: queue.maxConcurrent,
    retries,
    backoff,
    handlerTimeoutMs,
    retryable,
    overflow,
    now: elapsed.now,
    idempotency: {
      ttl: queue.idempotencyTtl,
      localLimit: queue.localIdempotencyLimit,
      redis: queue.useIdempotency ? redisOf(redis) : undefined,
    },
  };
}
/** Redis with keys under the names that older instances give them. */
function redisOf(redis) {
  if (redis === undefined || redis === null) return undefined;
  const keyPrefix = 'queue:idempotency:';
  if (typeof redis === 'string') return { url: redis, keyPrefix };
  return typeof redis.get === 'function' ? { client: redis, keyPrefix } : { keyPrefix, ...redis };
}
function repeated(queue, key) {
  queue.metrics.duplicateMessageCount += 1;
  return { messageId: key, duplicate: true };
}
async function publishAgain(queue, id) {
  const letter = (await queue.deadLetterStore.list()).find((one) => one.id === id);
  if (letter === undefined) throw new Error(`DLQ message ${id} not found`);
  const { topic, message, options: settings } = letter.message;
  const task = { topic, message, options: { ...settings, wait: true } };
  queue[STATE].again.set(task, letter);
  const delivered = queue._addToBuffer(task);
  void Promise.resolve(queue.flush()).catch(() => {});
  const result = await delivered;
  await queue.deadLetterStore.remove(id);
  return result;
}
/** A message by itself, beside at most `maxConcurrent` others. */
async function publishOne(queue, client, request) {
  const state = queue[STATE];
  state.calls ??= new AdaptiveLimiter({ limit: 0, concurrency: queue.maxConcurrent, maxQueue: 1_000_000, classify: () => 'ignored' });
  try {
    return resultOf(await state.calls.execute(() => {
      queue.metrics.apiCalls += 1;
      return client.publishJSON(request);
    }));
  } catch (error) {
    return isError(error) ? error : errorOf(error);
  }
}
/** What was rejected with and is no error, with what it says of status and time. */
function errorOf(said) {
  const fields = said !== null && typeof said === 'object' ? said : {};
  return Object.assign(new Error(typeof fields.message === 'string' ? fields.message : String(said)), { ...fields, cause: said });
}
/** An entry that says that its message was refused is an error. */
const resultOf = (entry) => refusalOf(entry) ?? entry;

module.exports = { QstashQueue };
