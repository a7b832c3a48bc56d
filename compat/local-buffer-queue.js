'use strict';
// LocalBufferQueue: messages that somebody fetches, on disk from the moment they are accepted. The store is a durable
// BatchBuffer in pull mode; `buffer` shows what of it is not handed out.
const { randomBytes } = require('node:crypto');
const { statSync } = require('node:fs');
const path = require('node:path');
const { BatchBuffer } = require('..');
const { func, integer, text, wrongType } = require('../lib/options');
const { OwnElapsed } = require('./elapsed');
const { Shelf, timeOf } = require('./shelf');

const MANY = 2 ** 31 - 1;
const STATE = Symbol('state');
const positive = integer(1, MANY, 1000);
const tries = integer(0, MANY, 3);
const most = integer(0, MANY);
const pathOf = text('./data/local-queue.json');
const counters = () => ({ totalEnqueued: 0, totalFlushed: 0, totalFailed: 0, currentSize: 0 });

class LocalBufferQueue {
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
    const elapsed = new OwnElapsed(this);
    const shelf = new Shelf(this, () => elapsed.wall(), () => openStore(this, elapsed.now));
    Object.defineProperty(this, STATE, { value: { elapsed, shelf }, configurable: true });
  }

  /** Messages that are not handed out, oldest first. */
  get buffer() {
    return this[STATE].shelf.list;
  }
  set buffer(messages) {
    if (!Array.isArray(messages)) throw wrongType('buffer', 'an array', messages);
    this[STATE].shelf.list = messages;
  }

  /** Opens the store: what earlier processes left is in `buffer` then, and so is what a JSON file of before held. */
  async init() {
    await this[STATE].shelf.open();
  }

  generateId() {
    return `${this[STATE].elapsed.wall()}-${randomBytes(6).toString('hex')}`;
  }

  /** True when it is on disk. Rejects with ERR_BUFFER_FULL, ERR_VALUE, ERR_STORE_IO. */
  async enqueue(item) {
    const { elapsed, shelf } = this[STATE];
    shelf.look();
    shelf.checkRoom(1);
    const id = this.generateId();
    await shelf.put({ id, data: item, timestamp: timeOf(id) ?? elapsed.wall(), retryCount: 0 });
    return true;
  }
  /** All of them or, where there is no room, none. */
  async enqueueBatch(items) {
    if (!Array.isArray(items)) throw wrongType('items', 'an array', items);
    const { shelf } = this[STATE];
    shelf.look();
    shelf.checkRoom(items.length);
    const ended = await Promise.allSettled(items.map((item) => this.enqueue(item)));
    const failed = ended.find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return true;
  }

  /** Resolves when all that was enqueued is on disk; false when there is nothing. */
  async flush() {
    const { shelf } = this[STATE];
    shelf.follow();
    if (shelf.list.length === 0) return false;
    this.isFlushing = true;
    try {
      await shelf.arrived();
    } finally {
      this.isFlushing = false;
    }
    return true;
  }

  /**
   * Hands out what there is, at most so many, oldest first. It counts as done with the next call, or with `close`; what a
   * crash comes before is there again. What has failed more than `maxRetries` times stays in `buffer`.
   */
  async dequeueBatch(max = Infinity) {
    const { shelf } = this[STATE];
    const count = max === null || max === Infinity ? Infinity : most(max, 'max');
    await shelf.ready(count);
    const batch = shelf.take(count, ({ retryCount }) => retryCount <= this.options.maxRetries);
    this.metrics.totalFlushed += batch.length;
    return batch;
  }

  getStatus() {
    const { shelf } = this[STATE];
    shelf.look();
    return { bufferSize: shelf.list.length, metrics: { ...this.metrics }, isFlushing: this.isFlushing, canAccept: shelf.hasRoom };
  }
  resetMetrics() {
    Object.assign(this.metrics, counters(), { currentSize: this.buffer.length });
  }

  /** A message has failed: one that was handed out is back. False when there is none with that id. */
  async retryFailed(id) {
    const { elapsed, shelf } = this[STATE];
    await shelf.ready();
    const message = shelf.fail(id);
    if (message === undefined) return false;
    message.retryCount += 1;
    message.timestamp = elapsed.wall();
    return true;
  }
  /** Messages that have failed more often than that. */
  getExceededRetryMessages(threshold = this.options.maxRetries) {
    const { shelf } = this[STATE];
    shelf.look();
    return shelf.list.filter(({ retryCount }) => retryCount > threshold);
  }
  /** A message is done, handed out or not. False when there is none with that id. */
  removeMessage(id) {
    return this[STATE].shelf.remove(id);
  }

  /** What was handed out counts as done; the rest stays on disk. */
  async close() {
    await this[STATE].shelf.close();
  }
}

function openStore(queue, now) {
  const { persistencePath, maxSize, fsync, maxBytes } = queue.options;
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
    now,
  });
  store.on('degraded', (part, error) => queue.logger?.warn?.('LocalBufferQueue: the store', error));
  return store;
}

module.exports = { LocalBufferQueue };
