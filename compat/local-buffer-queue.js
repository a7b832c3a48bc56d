'use strict';
// LocalBufferQueue: messages that somebody fetches, on disk from the moment they are accepted. The store is a durable
// BatchBuffer in pull mode; `buffer` shows what of it is not handed out.
const { randomBytes } = require('node:crypto');
const { statSync } = require('node:fs');
const path = require('node:path');
const { BatchBuffer } = require('..');
const { make } = require('../lib/errors');
const { func, integer, text, wrongType } = require('../lib/options');
const { OwnElapsed } = require('./elapsed');

const MANY = 2 ** 31 - 1;
const positive = integer(1, MANY, 1000);
const tries = integer(0, MANY, 3);
const pathOf = text('./data/local-queue.json');
const counters = () => ({ totalEnqueued: 0, totalFlushed: 0, totalFailed: 0, currentSize: 0 });

class LocalBufferQueue {
  #store;
  #elapsed;
  /** What is not handed out, and how much of it was there when it was last looked at. */
  #list = [];
  #count = 0;
  /** All messages that are in the store or on their way there, by id; which of them are handed out; how the store calls them. */
  #byId = new Map();
  #taken = new Map();
  #rows = new Map();
  /** On their way to the disk. */
  #entering = new Set();

  constructor(given = {}) {
    if (given === null || typeof given !== 'object') throw wrongType('options', 'an object', given);
    const maxSize = positive(given.maxSize ?? given.maxBufferSize ?? undefined, given.maxSize === undefined && given.maxBufferSize !== undefined ? 'maxBufferSize' : 'maxSize');
    const persistencePath = pathOf(given.persistencePath, 'persistencePath');
    this.options = { ...given, persistencePath, maxSize, maxBufferSize: maxSize, maxRetries: tries(given.maxRetries, 'maxRetries') };
    this.metrics = counters();
    this.isFlushing = false;
    /** Nothing is written now and then: there is no timer. */
    this.flushTimer = null;
    this.logger = given.logger ?? null;
    this.now = func()(given.now ?? undefined, 'now');
    this.#elapsed = new OwnElapsed(this);
  }

  /** Messages that are not handed out, oldest first. */
  get buffer() {
    return this.#list;
  }
  set buffer(messages) {
    if (!Array.isArray(messages)) throw wrongType('buffer', 'an array', messages);
    this.#list = messages;
    this.#count = -1;
    this.#look();
  }

  /** Opens the store: what earlier processes left is in `buffer` then, and so is what a JSON file of before held. */
  async init() {
    const store = this.#open();
    await store.recovered;
    this.#collect();
  }
  #open() {
    if (this.#store !== undefined) return this.#store;
    const { persistencePath, maxSize, fsync, maxBytes } = this.options;
    const isFolder = statSync(persistencePath, { throwIfNoEntry: false })?.isDirectory() === true;
    const file = path.resolve(persistencePath);
    const where = isFolder ? { path: file } : { path: `${file}.store`, import: file };
    const store = new BatchBuffer(null, {
      durable: { ...where, fsync, maxBytes },
      maxSize,
      overflow: 'reject',
      // how often is for the owner to say
      retries: MANY,
      backoff: { minMs: 0, maxMs: 0 },
      now: this.#elapsed.now,
    });
    store.on('recovered', () => this.#collect());
    store.on('degraded', (part, error) => this.logger?.warn?.('LocalBufferQueue: the store', error));
    this.#store = store;
    return store;
  }

  generateId() {
    return `${this.#elapsed.wall()}-${randomBytes(6).toString('hex')}`;
  }

  /** True when it is on disk. Rejects with ERR_BUFFER_FULL, ERR_VALUE, ERR_STORE_IO. */
  async enqueue(item) {
    this.#look();
    const message = { id: this.generateId(), data: item, timestamp: this.#elapsed.wall(), retryCount: 0 };
    this.#list.push(message);
    this.#count = this.#list.length;
    await this.#enter(message);
    return true;
  }
  /** All of them or, where there is no room, none. */
  async enqueueBatch(items) {
    if (!Array.isArray(items)) throw wrongType('items', 'an array', items);
    this.#look();
    if (this.#byId.size + items.length > this.options.maxSize) {
      this.metrics.totalFailed += 1;
      throw make('BufferFull', { what: 'the queue', detail: `it holds ${this.#byId.size} of ${this.options.maxSize} messages, and ${items.length} more were brought` });
    }
    const ended = await Promise.allSettled(items.map((item) => this.enqueue(item)));
    const failed = ended.find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return true;
  }
  async #enter(message) {
    this.#byId.set(message.id, message);
    let entering;
    try {
      entering = this.#open().enqueue(message.data, { key: message.id });
      this.#entering.add(entering);
      this.#rows.set(message, await entering);
      this.metrics.totalEnqueued += 1;
      if (this.#byId.get(message.id) !== message) this.#finish(message);
    } catch (error) {
      this.metrics.totalFailed += 1;
      this.#byId.delete(message.id);
      this.#drop(message);
      throw error;
    } finally {
      this.#entering.delete(entering);
      this.metrics.currentSize = this.#list.length;
    }
  }

  /** Resolves when all that was enqueued is on disk; false when there is nothing. */
  async flush() {
    this.#look();
    if (this.#list.length === 0) return false;
    this.isFlushing = true;
    try {
      await this.#arrived();
    } finally {
      this.isFlushing = false;
    }
    return true;
  }
  #arrived() {
    return Promise.allSettled([...this.#entering]);
  }

  /**
   * Hands out what there is, at most so many, oldest first. It counts as done with the next call, or with `close`; what a
   * crash comes before is there again. What has failed more than `maxRetries` times stays in `buffer`.
   */
  async dequeueBatch(max = Infinity) {
    await this.#ready();
    for (const message of this.#taken.values()) this.#finish(message);
    this.#taken.clear();
    const batch = [];
    for (const message of this.#list) {
      if (batch.length === max) break;
      if (this.#rows.has(message) && message.retryCount <= this.options.maxRetries) batch.push(message);
    }
    for (const message of batch) this.#taken.set(message.id, message);
    // as a rule it is the beginning
    if (batch.at(-1) === this.#list[batch.length - 1]) this.#list.splice(0, batch.length);
    else this.#keep((message) => !this.#taken.has(message.id));
    this.#count = this.metrics.currentSize = this.#list.length;
    this.metrics.totalFlushed += batch.length;
    return batch;
  }

  getStatus() {
    this.#look();
    return {
      bufferSize: this.#list.length,
      metrics: { ...this.metrics },
      isFlushing: this.isFlushing,
      canAccept: this.#byId.size < this.options.maxSize,
    };
  }
  resetMetrics() {
    Object.assign(this.metrics, counters(), { currentSize: this.#list.length });
  }

  /** A message has failed: one that was handed out is back. False when there is none with that id. */
  async retryFailed(id) {
    await this.#ready();
    const message = this.#find(id);
    if (message === undefined) return false;
    this.#store.settle(this.#rows.get(message), new Error('retryFailed'));
    message.retryCount += 1;
    message.timestamp = this.#elapsed.wall();
    if (this.#taken.delete(id)) {
      this.#list.push(message);
      this.#count = this.metrics.currentSize = this.#list.length;
    }
    this.#collect();
    return true;
  }
  /** Messages that have failed more often than that. */
  getExceededRetryMessages(threshold = this.options.maxRetries) {
    this.#look();
    return this.#list.filter(({ retryCount }) => retryCount > threshold);
  }
  /** A message is done, handed out or not. False when there is none with that id. */
  removeMessage(id) {
    this.#look();
    const message = this.#find(id);
    if (message === undefined) return false;
    this.#taken.delete(id);
    this.#drop(message);
    this.#finish(message);
    return true;
  }

  /** What was handed out counts as done; the rest stays on disk. */
  async close() {
    this.#look();
    await this.#arrived();
    for (const message of this.#taken.values()) this.#finish(message);
    this.#taken.clear();
    await this.#store?.close();
  }

  async #ready() {
    this.#look();
    await this.init();
    await this.#arrived();
    this.#collect();
  }
  /** Takes everything out of the store's own line: which is handed out when is said here. */
  #collect() {
    if (this.#store === undefined) return;
    for (const { id: row, item, key, attempts, ageMs } of this.#store.take()) {
      const id = key ?? row;
      let message = this.#byId.get(id);
      if (message === undefined) {
        message = { id, data: item, timestamp: this.#elapsed.wall() - ageMs, retryCount: attempts };
        this.#byId.set(id, message);
        this.#list.push(message);
      }
      message.data = item;
      this.#rows.set(message, row);
    }
    this.#count = this.metrics.currentSize = this.#list.length;
  }
  #find(id) {
    return this.#taken.get(id) ?? this.#list.find((message) => message.id === id);
  }
  /** Follows what was done to `buffer` by hand. */
  #look() {
    const list = this.#list;
    if (list.length === this.#count) return;
    const present = new Set(list);
    for (const message of [...this.#byId.values()]) if (!present.has(message) && !this.#taken.has(message.id)) this.#finish(message);
    this.#count = this.metrics.currentSize = list.length;
    for (const message of list) {
      if (this.#byId.get(message.id) === message) continue;
      message.id ??= this.generateId();
      message.timestamp ??= this.#elapsed.wall();
      message.retryCount ??= 0;
      this.#enter(message).catch((error) => this.logger?.error?.('LocalBufferQueue: a message was not taken', error));
    }
  }
  /** The store is rid of it; one that is on its way there, as soon as it has arrived. */
  #finish(message) {
    if (this.#byId.get(message.id) === message) this.#byId.delete(message.id);
    const row = this.#rows.get(message);
    if (row === undefined) return;
    this.#rows.delete(message);
    if (!this.#store.settle(row)) this.#store.remove(row);
  }
  #drop(message) {
    this.#keep((one) => one !== message);
  }
  #keep(isKept) {
    const kept = this.#list.filter(isKept);
    this.#list.splice(0, this.#list.length, ...kept);
    this.#count = this.metrics.currentSize = this.#list.length;
  }
}

module.exports = { LocalBufferQueue };
